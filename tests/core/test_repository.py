"""The repository itself: names, pages, cost of the import."""

import importlib
import re
import subprocess
import sys

import pytest

import runkit
from tests.environments import ROOT

SOURCES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted((ROOT / "runkit").rglob("*.py"))
}
PACKAGES = sorted({name.rpartition(".")[0] for name in SOURCES if name.count(".") == 2})


def test_every_public_name_loads_and_is_documented():
    """From where it lives, with a docstring, and `dir` shows it."""
    for name in runkit.__all__:
        assert getattr(runkit, name).__doc__
        assert name in dir(runkit)
    with pytest.raises(AttributeError, match="nonsense"):
        runkit.nonsense  # noqa: B018


@pytest.mark.parametrize("package", PACKAGES)
def test_the_page_of_a_package_lists_its_modules(package):
    modules = {name.rpartition(".")[2] for name in SOURCES if name.startswith(f"{package}.")}
    page = importlib.import_module(package).__doc__
    assert set(re.findall(r"^(\w+)  ", page, re.MULTILINE)) == modules


COMMANDS_EXPLAIN = """
import contextlib, io, sys
from runkit.shell.cli import main
for words in ([], ['--help'], ['--version'], ['fetch', '--help'], ['dmo'], ['fetch']):
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        with contextlib.suppress(SystemExit):
            main(words)
print({"pandas", "numpy", "plotly", "httpx", "pydantic", "fastapi"} & {*sys.modules})
"""


def test_the_command_line_explains_itself_without_what_takes_long_to_load():
    command = [sys.executable, "-W", "error", "-c", COMMANDS_EXPLAIN]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.stdout == "set()\n", done.stderr
