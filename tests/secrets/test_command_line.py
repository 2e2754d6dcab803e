"""The command line says and writes no key, whatever the server answers, and never hands one on as a word."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

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
