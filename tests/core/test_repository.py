"""The repository itself: names, layers, cost of the import."""

from __future__ import annotations

import os
import pkgutil
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import runkit
from tests.environments import PROJECT
from tests.notebooks import NOTEBOOKS

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *NOTEBOOKS]


def test_every_public_name_loads_and_is_documented() -> None:
    """From where it lives, with a docstring, and `dir` shows it."""
    for name in runkit.__all__:
        assert getattr(runkit, name).__doc__
        assert name in dir(runkit)
    with pytest.raises(AttributeError, match="nonsense"):
        runkit.nonsense  # noqa: B018


def test_no_module_bears_a_public_name() -> None:
    """Importing it would put the module in the name's place."""
    modules = {info.name for info in pkgutil.iter_modules(runkit.__path__)}
    assert not modules & set(runkit.__all__)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_a_pip_line_of_a_page_installs_the_clone_with_extras_that_exist(path: Path) -> None:
    """No other line finds runkit while it is not on PyPI."""
    for line in re.findall(r"pip install[^`\\\n]*", path.read_text(encoding="utf-8")):
        editable = re.search(r" --editable '\.\[([\w,]+)\]'", line)
        assert editable, line
        assert set(editable[1].split(",")) <= PROJECT["optional-dependencies"].keys()


def test_runkit_is_imported_from_a_zip_file(tmp_path: Path) -> None:
    copied = tmp_path / "sources" / "runkit"
    shutil.copytree(ROOT / "runkit", copied, ignore=shutil.ignore_patterns("__pycache__"))
    packed = shutil.make_archive(str(tmp_path / "packed"), "zip", copied.parent)
    example = str(ROOT / "tests" / "examples" / "run_minimal.json")
    code = f"import runkit; print(runkit.__file__, len(runkit.frames({example!r}).runs))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": packed},
        capture_output=True,
        text=True,
    )
    assert done.stdout.split() == [f"{packed}/runkit/__init__.py", "1"], done.stderr


def test_importing_runkit_imports_nothing_heavy() -> None:
    """No pandas, plotly, httpx or server until they are needed.

    The command line explains itself without.
    """
    heavy = "{'pandas', 'numpy', 'plotly', 'httpx', 'pydantic', 'fastapi'}"
    code = (
        "import contextlib, io, sys, runkit; from runkit.shell.cli import main\n"
        "for words in ([], ['--help'], ['--version'], ['fetch', '--help'], ['dmo'], ['fetch']):\n"
        "    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()),"
        " contextlib.suppress(SystemExit): main(words)\n"
        f"print(sorted({heavy} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "[]\n", done.stderr


def test_the_charts_do_not_need_a_client() -> None:
    """Reading a file and drawing it loads neither httpx nor the server."""
    code = (
        f"import sys, runkit; runkit.gantt({str(ROOT / 'tests/examples/run_completed.json')!r}); "
        "print(sorted({'httpx','fastapi','uvicorn','plotly.express'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True
    )
    assert done.stdout == "[]\n", done.stderr
