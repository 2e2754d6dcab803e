"""The command line in this process, and a sandbox that it serves."""

from __future__ import annotations

import contextlib
import io
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from unittest.mock import patch

import pytest

from runkit.shell.cli import main

TIMEOUT = 120  # seconds; a busy machine is slow
OTHER_KEY = "mk_test_of_somebody_else"
CANARY = "mk_test_canary_0123456789"
ACCOUNT = {"MIDDESK_API_KEY": CANARY, "MIDDESK_BASE_URL": "https://elsewhere.example/v1"}


def environment(**more: str) -> dict[str, str]:
    hidden = ("MIDDESK_API_KEY", "MIDDESK_BASE_URL")
    return {name: value for name, value in os.environ.items() if name not in hidden} | more


def run(*arguments: str, cwd: Path, **more: str) -> subprocess.CompletedProcess[str]:
    """Run a command in this process, which has imported everything already."""
    out = io.StringIO()
    err = io.StringIO()
    with (
        contextlib.chdir(cwd),
        patch.dict(os.environ, environment(**more), clear=True),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        try:
            code = main(arguments)
        except SystemExit as left:
            code = int(left.code or 0)
    return subprocess.CompletedProcess(arguments, code, out.getvalue(), err.getvalue())


@pytest.fixture(scope="session")
def served(tmp_path_factory):
    """`runkit sandbox` in a process of its own; gives what it said to export."""
    command = [sys.executable, "-m", "runkit", "sandbox", "--history", "6", "--speed", "600"]
    pipe = subprocess.PIPE
    account = environment(MIDDESK_API_KEY=OTHER_KEY)
    process = subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, env=account)
    try:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(2)]
        yield dict(re.findall(r"export (\w+)=(\S+)", "".join(lines)))
    finally:
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=TIMEOUT)
    assert process.returncode == 0
    assert errors.endswith("Press Ctrl-C to stop.\n")  # without a traceback


@pytest.fixture(scope="session")
def demo(tmp_path_factory):
    """Run `runkit demo`; return what it printed, and its folder."""
    folder = tmp_path_factory.mktemp("demo")
    before = os.umask(0)
    try:
        done = run("demo", "--speed", "3000", cwd=folder, **ACCOUNT)
    finally:
        os.umask(before)
    assert done.returncode == 0, done.stderr
    return done, folder / "runkit-demo"
