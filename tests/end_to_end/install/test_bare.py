"""The wheel without extras, alone in an environment of its own, far from any clone."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from jupyter_client import BlockingKernelClient
from jupyter_client.connect import write_connection_file

from environments import ROOT, Built, Environment, Linked, environment

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
RUNS = """
import runkit

f = runkit.frames("runs.json")
"""
PLOTLY = "application/vnd.plotly.v1+json"
Run = Callable[[str], tuple[str, list[dict[str, Any]]]]


@pytest.fixture(scope="module")
def bare(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """Nothing but the wheel and what it requires."""
    made = Linked.new(tmp_path_factory.mktemp("bare") / "venv")
    made.install(built.wheel)
    return made


def test_no_web_server_is_installed(bare: Environment, tmp_path: Path) -> None:
    names = ["fastapi", "starlette", "uvicorn"]
    script = f"from importlib.util import find_spec; print(*map(find_spec, {names}))"
    assert bare.run("python", "-c", script, cwd=tmp_path) == "None None None\n"


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


@pytest.fixture(scope="module")
def run(bare: Environment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """Run a cell in a kernel of that environment, to which only ipykernel was added.

    Gives the reply's status and what was shown: bundles, and streams and errors under their names.
    """
    bare.install("ipykernel")
    folder = tmp_path_factory.mktemp("kernel")
    shutil.copy(ROOT / "tests" / "examples" / "run_completed.json", folder / "runs.json")
    connection, _ = write_connection_file(str(folder / "connection.json"))
    command = [bare.program("python"), "-m", "ipykernel_launcher", "-f", connection]
    variables = environment(IPYTHONDIR=str(folder), RUNKIT_STATE_DIR=str(folder))
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, env=variables, cwd=folder, stdout=log, stderr=log)
    client = BlockingKernelClient(connection_file=connection)
    client.load_connection_file()
    client.start_channels(hb=False)  # which would take a kernel that is still starting for dead

    def run_cell(code: str) -> tuple[str, list[dict[str, Any]]]:
        shown: list[dict[str, Any]] = []

        def hear(message: dict[str, Any]) -> None:
            content = message["content"]
            if message["msg_type"] in ("stream", "error"):
                shown.append({message["msg_type"]: content})
            elif "data" in content:
                shown.append(content["data"])

        reply = client.execute_interactive(code, output_hook=hear, timeout=60)
        return reply["content"]["status"], shown

    try:
        client.wait_for_ready(60)
        assert run_cell(RUNS) == ("ok", [])
        yield run_cell
    finally:
        client.stop_channels()
        process.terminate()
        process.wait(20)


def test_a_kernel_shows_a_chart(run: Run) -> None:
    """As the last line of a cell it is one output, and the cell ends well."""
    status, shown = run("runkit.gantt(f)")
    assert status == "ok"
    assert [PLOTLY in output for output in shown] == [True]


def test_a_kernel_shows_a_panel(run: Run) -> None:
    """As the last line of a cell it is a table and a figure, and the cell ends well."""
    status, shown = run("runkit.overview(f)")
    assert status == "ok"
    kinds = [sorted(output) for output in shown]
    assert kinds == [["text/html", "text/plain"], [PLOTLY, "text/html", "text/plain"]]
