"""Long work shows how far it is."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

import runkit
from support import run


def many() -> list[dict[str, Any]]:
    return [run(run_id=str(number)) for number in range(50)]


def slow(items: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Iterate with one pause, which is longer than the line takes between two looks."""
    for number, item in enumerate(items):
        if number == 25:
            time.sleep(0.2)
        yield item


@pytest.mark.parametrize("is_terminal", [True, False])
def test_long_work_shows_a_count_that_goes_away(is_terminal, monkeypatch, capsys):
    """It counts runs on stderr and is wiped at the end; a file or a pipe gets none."""
    monkeypatch.setattr("sys.stderr.isatty", lambda: is_terminal)
    monkeypatch.setattr("runkit.display.messages.DELAY", 1e-9)
    monkeypatch.setattr("runkit.tables.read_frames.BATCH_RUNS", 1)
    monkeypatch.setattr("runkit.tables.read_frames.BATCH_BYTES", 1)
    runkit.frames(slow(many()))
    shown = capsys.readouterr()
    assert (" runs" in shown.err) == is_terminal
    assert shown.err.rpartition("\r")[0].rpartition("\r")[2].strip() == ""
    assert shown.out == ""
