"""What version 0.3 left on a disk is read. Tests work on a copy of the files."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import runkit

GOLDEN = Path(__file__).parents[1] / "golden"


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """The files of 0.3, which a test may change."""
    return Path(shutil.copytree(GOLDEN / "0.3", tmp_path / "old"))


def test_saved_frames_and_an_archive_hold_the_same_runs(old: Path) -> None:
    f, archived = runkit.frames(old / "frames"), runkit.frames(old / "archive")
    statuses = {
        "own-time": "completed",
        "spanned": "completed",
        "failed-result": "error",
        "unclosed": "completed",
        "odd-a": "completed",
        "odd-b": "completed",
        "waiting-undated": "interrupted",
        "80c8b83e-8967-595d-9ba8-aa691080affe": "completed",
        "cc79c394-00f6-5441-9e9c-792e6a61fb7a": "interrupted",
    }
    for read in (f, archived):
        assert dict(zip(read.runs["run_id"], read.runs["status"], strict=True)) == statuses
    assert (f.coverage, archived.version) == ((10, 9, 1, None), 2)
    assert len(runkit.Archive(old / "archive").frames(version=1).runs) == 8


def test_an_answer_log_is_read(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNKIT_STATE_DIR", str(old / "state"))
    f = runkit.frames(old / "frames")
    [entry] = runkit.answer_log().to_dict("records")
    question = f.interrupts.set_index("interrupt_id").loc[entry["interrupt_id"]]
    assert (question["run_id"], question["outcome"]) == (entry["run_id"], "pending")
    assert (entry["answered_by"], entry["delivery"]) == ("Ana Ortiz", "confirmed")
