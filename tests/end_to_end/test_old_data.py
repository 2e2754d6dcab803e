"""What versions 0.2 and 0.3 left on a disk is read. Tests work on a copy of the files."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

import runkit

GOLDEN = Path(__file__).parents[1] / "golden"
RUNS = {  # status, then seconds: in all, at work, waiting for a person, idle
    "888d6a61-dc5c-5780-8f09-ff1b066ba628": ("completed", 194.458, 192.422, 0, 2.036),
    "80c8b83e-8967-595d-9ba8-aa691080affe": ("completed", 704.365, 203.183, 496.883, 4.299),
    "7036b343-c660-555c-90e1-faee53e03772": ("error", 128.702, 127.363, 0, 1.339),
    "cc79c394-00f6-5441-9e9c-792e6a61fb7a": ("interrupted", 101350.088, 170.614, 101176.745, 2.729),
}


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """The files of 0.2, which a test may change."""
    return Path(shutil.copytree(GOLDEN / "0.2", tmp_path / "old"))


def budgets(f: runkit.Frames) -> dict[str, tuple[Any, ...]]:
    """Each run's status and seconds."""
    columns = ["run_id", "status", "duration_s", "working_s", "waiting_s", "idle_s"]
    rows = f.runs[columns].itertuples(index=False)
    return {
        run_id: (status, *(round(value, 6) for value in seconds))
        for run_id, status, *seconds in rows
    }


def test_saved_frames_of_02(old: Path) -> None:
    """Columns of today follow from those of 0.2 where they can."""
    f = runkit.frames(old / "frames")
    assert budgets(f) == RUNS | {"odd-steps": RUNS[f.runs["run_id"][0]]}
    assert f.coverage == (6, 5, 1, None)
    assert (f.steps["is_failed"].sum(), f.steps["label"].isna().sum()) == (3, 0)
    assert f.interrupts["outcome"].tolist() == ["answered", "answered", "pending"]
    assert f.problems["problem"].tolist() == ["not_a_run", *["unknown_value"] * 4]
    for name, empty in runkit.frames([]).items():
        assert (f[name].dtypes.astype(str) == empty.dtypes.astype(str)).all(), name


def test_an_archive_of_02(old: Path) -> None:
    f = runkit.frames(old / "archive")
    assert (budgets(f), f.version) == (RUNS, 2)
    assert f.runs["business_name"].notna().all()
    assert set(runkit.Archive(old / "archive").frames(version=1).runs["run_id"]) == set([*RUNS][:3])


def test_an_answer_log_of_02(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNKIT_STATE_DIR", str(old / "state"))
    f = runkit.frames(old / "frames", answers=runkit.answer_log())
    question = f.interrupts[f.interrupts["outcome"] == "pending"].iloc[0]
    [entry] = runkit.answer_log().to_dict("records")
    assert (entry["run_id"], entry["interrupt_id"]) == (
        question["run_id"],
        question["interrupt_id"],
    )
    assert (entry["answered_by"], entry["delivery"]) == ("Ana Ortiz", "confirmed")


@pytest.fixture
def of_03(tmp_path: Path) -> Path:
    """The files of 0.3, which a test may change."""
    return Path(shutil.copytree(GOLDEN / "0.3", tmp_path / "0.3"))


def test_saved_frames_and_an_archive_of_03_hold_the_same_runs(of_03: Path) -> None:
    f, archived = runkit.frames(of_03 / "frames"), runkit.frames(of_03 / "archive")
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
    for old in (f, archived):
        assert dict(zip(old.runs["run_id"], old.runs["status"], strict=True)) == statuses
    assert (f.coverage, archived.version) == ((10, 9, 1, None), 2)
    assert len(runkit.Archive(of_03 / "archive").frames(version=1).runs) == 8


def test_an_answer_log_of_03(of_03: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNKIT_STATE_DIR", str(of_03 / "state"))
    f = runkit.frames(of_03 / "frames")
    [entry] = runkit.answer_log().to_dict("records")
    question = f.interrupts.set_index("interrupt_id").loc[entry["interrupt_id"]]
    assert (question["run_id"], question["outcome"]) == (entry["run_id"], "pending")
    assert (entry["answered_by"], entry["delivery"]) == ("Ana Ortiz", "confirmed")
