"""The command line says and writes no key, whatever the server answers, and never hands one on as a word."""

from __future__ import annotations

import logging
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from runkit.cli import main
from runkit.client import Client
from tests.secrets.canary import CANARY, found_in
from tests.secrets.hostile import WAYS, hostile

COMMANDS = {
    "fetch": ["fetch", "-o", "runs.ndjson"],
    "archive": ["fetch", "-o", "runs/"],
    "stdout": ["fetch", "-o", "-"],
    "report": ["report", "r", "-o", "report.html"],
    "inbox": ["inbox"],
}
# Others are the same to the command line, and left to the client's tests.
OTHERS = ("403", "409", "410", "413", "418", "422", "502", "503", "429 long")
FEW = ("429", "error as HTML", "run", "cut")  # the commands share one client; `fetch` shows the rest
CASES = [
    (command, way)
    for command in COMMANDS
    for way in (FEW if command != "fetch" else [way for way in WAYS if way not in OTHERS])
]


@pytest.fixture(scope="module")
def server() -> Iterator[Any]:
    """One hostile server for all."""
    with hostile() as started:
        yield started


@pytest.mark.parametrize(("command", "way"), CASES)
def test_no_word_and_no_file_of_a_command_holds_it(
    server: Any,
    command: str,
    way: str,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It ends with a code and one line for people, without a traceback; the key is nowhere."""
    caplog.set_level(logging.DEBUG)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MIDDESK_API_KEY", CANARY)
    monkeypatch.setenv("MIDDESK_BASE_URL", server.url)
    passed = [0.0]
    monkeypatch.setattr(Client, "_clock", staticmethod(lambda: time.monotonic() + passed[0]))
    monkeypatch.setattr(Client, "_sleep", staticmethod(lambda seconds: passed.append(passed.pop() + seconds)))
    server.way, server.seen = way, set()
    code = main(COMMANDS[command])
    told = capfd.readouterr()
    assert server.seen == {f"Bearer {CANARY}"}
    assert code in (0, 1, 2, 3)
    assert told.err or told.out
    assert "Traceback" not in told.err
    ours = "".join(record.getMessage() for record in caplog.records if record.name == "runkit")
    assert not found_in(told.out + told.err + ours)
    for path in tmp_path.rglob("*"):
        assert path.is_dir() or not found_in(path.read_bytes()), path


def test_no_process_has_it_among_its_words(tmp_path: Path) -> None:
    """What `runkit sandbox` gets by its environment stays there; it prints it once, to be exported."""
    environment = {**os.environ, "RUNKIT_SANDBOX_KEY": CANARY}
    environment.pop("RUNKIT_SANDBOX_URL", None)
    command = [sys.executable, "-X", "faulthandler", "-m", "runkit", "sandbox"]
    with subprocess.Popen(
        command, env=environment, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as started:
        assert started.stdout
        assert started.stderr
        lines = [started.stdout.readline() for _ in range(2)]
        words = [" ".join(one.cmdline()) for one in psutil.Process(started.pid).children(recursive=True)]
        words.append(" ".join(psutil.Process(started.pid).cmdline()))
        started.send_signal(6)  # as if it crashed: faulthandler tells where every thread was
        dumped = started.stderr.read()
    assert shlex.split(lines[1].decode()) == ["export", f"RUNKIT_SANDBOX_KEY={CANARY}"]
    assert b"Fatal Python error: Aborted" in dumped
    assert not found_in(dumped)
    assert not found_in("\n".join(words))
