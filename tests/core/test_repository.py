"""The repository itself: names, pages, cost of the import."""

import importlib
import re
import subprocess
import sys

import pytest

import runkit
from support import example
from tests.environments import ROOT

SOURCES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted((ROOT / "runkit").rglob("*.py"))
}
PACKAGES = sorted({name.rpartition(".")[0] for name in SOURCES if name.count(".") == 2})


def test_type_checkers_find_each_name():
    stub = (ROOT / "runkit" / "__init__.pyi").read_text()
    imports = re.findall(r"^from (\S+) import (\w+) as \2$", stub, re.MULTILINE)
    assert {name for _, name in imports} == {*runkit.__all__}
    for module, name in imports:
        assert getattr(importlib.import_module(module), name) is getattr(runkit, name)


@pytest.mark.parametrize("package", PACKAGES)
def test_the_page_of_a_package_lists_its_modules(package):
    modules = {name.rpartition(".")[2] for name in SOURCES if name.startswith(f"{package}.")}
    page = importlib.import_module(package).__doc__
    assert set(re.findall(r"^(\w+)  ", page, re.MULTILINE)) == modules


def frames_of_a_file():
    return runkit.frames(example("completed"))


def overview_of_frames():
    f = frames_of_a_file()
    return runkit.overview(f)._repr_html_()


def gantt_of_frames():
    return runkit.gantt(frames_of_a_file())._repr_mimebundle_()


def resume_of_a_question():
    with runkit.sandbox(speed=3000) as box, box.client() as client:
        run = client.runs.create("cip_orchestrator", box.business("watchlist_hit"))
        run = client.runs.wait(run)
        client.runs.resume(run, run.interrupts[0].id, {"decision": "approve", "note": "Other date"})


@pytest.mark.parametrize(
    ("package", "call"),
    [
        ("tables", frames_of_a_file),
        ("charts", gantt_of_frames),
        ("screens", overview_of_frames),
        ("client", resume_of_a_question),
    ],
)
def test_a_call_enters_the_modules_that_its_page_names(package, call):
    page = SOURCES[f"runkit.{package}"].read_text()
    steps = "".join(re.findall(r"^ *\d\. .*(?:\n   .*)*", page, re.MULTILINE))
    words = [word.replace("/", ".") for word in re.findall(r"`([\w/]+)`", steps)]
    names = {f"runkit.{package}.{word}" for word in words} | {f"runkit.{word}" for word in words}
    entered = set()
    sys.setprofile(lambda frame, *_: entered.add(frame.f_globals.get("__name__")))
    try:
        call()
    finally:
        sys.setprofile(None)
    assert (names & {*SOURCES}) - {f"runkit.{package}"} <= entered


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
