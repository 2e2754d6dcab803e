"""The wheel without extras, alone in an environment of its own, far from any clone."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from environments import ROOT, Built, Environment, Linked

CALLS = """
import runkit
from runkit.errors import MissingExtra

calls = (lambda: runkit.report("runs.ndjson", "report.html"), lambda: runkit.Archive("runs/"), runkit.sandbox)
for call in calls:
    try:
        call()
    except MissingExtra as error:
        print(error)
"""


@pytest.fixture(scope="module")
def bare(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """Nothing but the wheel and what it requires."""
    made = Linked.new(tmp_path_factory.mktemp("bare") / "venv")
    made.install(built.wheel)
    return made


@pytest.mark.parametrize(
    ("command", "extra"),
    [
        ("lab", "lab"),
        ("demo", "sandbox"),
        ("sandbox", "sandbox"),
        ("report 0b5c9d0a-2f0e-4a39-8d52-6a1f1f0b7a01 -o report.html", "report"),
        ("fetch --sandbox -o runs/", "scale"),
        ("report runs/ -o report.html", "report"),
    ],
)
def test_a_command_says_which_line_installs_what_is_missing(
    bare: Environment, tmp_path: Path, command: str, extra: str
) -> None:
    """One line for pip, nothing fetched before, nothing left behind."""
    done = bare.try_("runkit", *command.split(), cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    text = rf"runkit \w+: .*: pip install 'runkit-jupyter\[{extra}\]'\n"
    assert re.fullmatch(text, done.stderr), done.stderr
    assert [*tmp_path.iterdir()] == []


def test_a_call_says_which_line_installs_what_is_missing(bare: Environment, tmp_path: Path) -> None:
    """In a notebook as in a shell; both errors are ImportErrors of runkit."""
    printed = bare.run("python", "-W", "error", "-c", CALLS, cwd=tmp_path)
    assert [line.partition(": ")[2] for line in printed.splitlines()] == [
        "pip install 'runkit-jupyter[report]'",
        "pip install 'runkit-jupyter[scale]'",
        "pip install 'runkit-jupyter[sandbox]'",
    ]


SHOWN = """
import runkit

for shown in (runkit.gantt("runs.json"), runkit.overview("runs.json")):
    print(*sorted(shown._repr_mimebundle_()))
"""


def test_charts_and_panels_are_shown(bare: Environment, tmp_path: Path) -> None:
    shutil.copy(ROOT / "tests" / "examples" / "run_completed.json", tmp_path / "runs.json")
    printed = bare.run("python", "-c", SHOWN, cwd=tmp_path)
    assert printed == "application/vnd.plotly.v1+json text/html text/plain\n" * 2
