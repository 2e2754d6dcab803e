"""The wheel without extras, alone in an environment of its own, far from any clone."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from environments import Built, Environment, Linked

JOB = str(Path(__file__).parent / "main_job.py")
CALLS = """
import runkit
from runkit.errors import MissingExtra

for call in (lambda: runkit.report("runs.ndjson", "report.html"), lambda: runkit.Archive("runs/")):
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


def test_the_main_job_needs_no_extra(bare: Environment, tmp_path: Path) -> None:
    """Runs on the sandbox, frames, a Gantt page and an answered question, without a warning."""
    said = bare.run("python", "-W", "error", JOB, "bare", cwd=tmp_path)
    assert said.splitlines()[-1] == "bare"
    assert "<html" in (tmp_path / "gantt.html").read_text()


def test_the_demo_needs_no_extra(bare: Environment, tmp_path: Path) -> None:
    """`runkit demo` writes its page."""
    assert "200 steps" in bare.run("runkit", "demo", "--speed", "3000", cwd=tmp_path)
    assert (tmp_path / "runkit-demo" / "index.html").is_file()


@pytest.mark.parametrize(
    ("command", "extra"),
    [
        ("lab", "lab"),
        ("report runs.ndjson -o report.html", "report"),
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
    told = rf"runkit \w+: .*: pip install 'runkit-jupyter\[{extra}\]'\n"
    assert re.fullmatch(told, done.stderr), done.stderr
    assert [*tmp_path.iterdir()] == []


def test_a_call_says_which_line_installs_what_is_missing(bare: Environment, tmp_path: Path) -> None:
    """In a notebook as in a shell; both errors are ImportErrors of runkit."""
    said = bare.run("python", "-W", "error", "-c", CALLS, cwd=tmp_path)
    assert [line.partition(": ")[2] for line in said.splitlines()] == [
        "pip install 'runkit-jupyter[report]'",
        "pip install 'runkit-jupyter[scale]'",
    ]
