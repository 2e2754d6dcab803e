"""runkit without its extras: what needs one names the line that installs it."""

import os
import re
import shutil
import subprocess
import sys

import pytest

from environments import ROOT, environment

EXTRAS = (
    "dask",
    "duckdb",
    "polars",
    "fastapi",
    "ipykernel",
    "jupyter_client",
    "jupyterlab",
    "nbclient",
)
EXTRAS += ("nbconvert", "nh3", "starlette", "uvicorn", "xlsxwriter")
COMMANDS = """
import sys
from runkit.shell.cli import main
for line in sys.argv[1:]:
    print(main(line.split()))
"""
CALLS = """
import runkit
from runkit import *
frames([])
from runkit.errors import MissingExtra

calls = (lambda: runkit.report("runs.ndjson", "report.html"), runkit.sandbox)
for call in calls:
    try:
        call()
    except MissingExtra as error:
        print(error)
print(*sorted(runkit.gantt("runs.json")._repr_mimebundle_()))
"""


@pytest.fixture
def run(tmp_path, tmp_path_factory):
    """Run Python code where no extra can be imported."""
    folder = tmp_path_factory.mktemp("site")
    hidden = f"import sys\nsys.modules.update(dict.fromkeys({EXTRAS}))\n"
    (folder / "sitecustomize.py").write_text(hidden)
    variables = environment(PYTHONPATH=os.pathsep.join([str(folder), str(ROOT)]))
    options = {"cwd": tmp_path, "env": variables, "capture_output": True, "text": True}
    return lambda *arguments: subprocess.run([sys.executable, *arguments], **options)


def test_a_command_says_which_line_installs_what_is_missing(run, tmp_path):
    """One line for pip, nothing fetched before, nothing left behind."""
    extras = {
        "demo": "sandbox",
        "sandbox": "sandbox",
        "report 0b5c9d0a-2f0e-4a39-8d52-6a1f1f0b7a01 -o report.html": "report",
        "report runs/ -o report.html": "report",
    }
    done = run("-c", COMMANDS, *extras)
    assert done.stdout == "1\n" * len(extras)
    text = r"runkit \w+: .*: pip install --editable '\.\[(\w+)\]'"
    lines = [re.fullmatch(text, line) for line in done.stderr.splitlines()]
    assert [line and line[1] for line in lines] == [*extras.values()], done.stderr
    assert [*tmp_path.iterdir()] == []


def test_a_call_says_which_line_installs_what_is_missing(run, tmp_path):
    """Charts need none."""
    shutil.copy(ROOT / "tests" / "examples" / "run_completed.json", tmp_path / "runs.json")
    printed = run("-W", "error", "-c", CALLS).stdout.splitlines()
    assert [line.rpartition(": ")[2] for line in printed] == [
        "pip install --editable '.[report]'",
        "pip install --editable '.[sandbox]'",
        "application/vnd.plotly.v1+json text/html text/plain",
    ]
