"""The repository itself: names, layers, cost of the import."""

import ast
import importlib
import pkgutil
import re
import subprocess
import sys
import tomllib
from functools import cache
from pathlib import Path

import pytest

import runkit
from tests.environments import PROJECT
from tests.notebooks import NOTEBOOKS

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *NOTEBOOKS]
SOURCES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted((ROOT / "runkit").rglob("*.py"))
}
PACKAGES = sorted({name.rpartition(".")[0] for name in SOURCES if name.count(".") == 2})
HOMES = {  # of the lazy names
    f"runkit.{name}": module
    for module, name in re.findall(
        r"^from (runkit\.\S+) import (\w+)",
        (ROOT / "runkit/__init__.pyi").read_text(),
        re.MULTILINE,
    )
}


def test_every_public_name_loads_and_is_documented():
    """From where it lives, with a docstring, and `dir` shows it."""
    for name in runkit.__all__:
        assert getattr(runkit, name).__doc__
        assert name in dir(runkit)
    with pytest.raises(AttributeError, match="nonsense"):
        runkit.nonsense  # noqa: B018


def test_no_module_bears_a_public_name():
    """Importing it would put the module in the name's place."""
    modules = {info.name for info in pkgutil.iter_modules(runkit.__path__)}
    assert not modules & set(runkit.__all__)


@pytest.mark.parametrize("package", PACKAGES)
def test_the_page_of_a_package_lists_its_modules(package):
    modules = {name.rpartition(".")[2] for name in SOURCES if name.startswith(f"{package}.")}
    page = importlib.import_module(package).__doc__
    assert set(re.findall(r"^(\w+)  ", page, re.MULTILINE)) == modules


@cache
def imports():
    """Return the modules and names that each module imports, `runkit.X` of `import runkit` included."""
    found = {}
    for module, path in SOURCES.items():
        names = found[module] = set()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom):
                names |= {node.module or ""} | {f"{node.module}.{name.name}" for name in node.names}
            elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                names.add(f"{node.value.id}.{node.attr}")
    return found


def test_a_module_without_an_underscore_is_used_outside_its_package():
    """Or a public name is at home in it."""
    modules = (runkit.fleet, runkit.one_run, runkit.report_panels)
    panels = [panel for module in modules for panel in vars(module).values()]
    homes = {*HOMES.values(), *(getattr(panel, "__module__", "") for panel in panels)}
    for name in (name for name in SOURCES if name.count(".") == 2 and "._" not in name):
        package = f"{name.rpartition('.')[0]}."
        used = set().union(
            *(names for other, names in imports().items() if not f"{other}.".startswith(package))
        )
        assert name in used | homes, name


def test_lazy_names_know_no_package_above_them():
    """import-linter does not see `runkit.X`. Of the server, reports may start a sandbox."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    layers = next(item["layers"] for item in settings["contracts"] if item["type"] == "layers")
    order = [name for layer in layers for name in layer.split(" | ")]
    for name, used in imports().items():
        package = ".".join(name.split(".")[:2])
        for home in (HOMES[word] for word in used & HOMES.keys() if package in order):
            above = order[: order.index(package)]
            assert ".".join(home.split(".")[:2]) not in above, (name, home)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_a_pip_line_of_a_page_installs_the_clone_with_extras_that_exist(path):
    """No other line finds runkit while it is not on PyPI."""
    for line in re.findall(r"pip install[^`\\\n]*", path.read_text(encoding="utf-8")):
        editable = re.search(r" --editable '\.\[([\w,]+)\]'", line)
        assert editable, line
        assert set(editable[1].split(",")) <= PROJECT["optional-dependencies"].keys()


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
