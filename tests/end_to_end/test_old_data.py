"""What version 0.3 left on a disk is read. Tests work on a copy of the files."""

import shutil
from pathlib import Path

import pytest

import runkit

GOLDEN = Path(__file__).parents[1] / "golden"


@pytest.fixture
def old(tmp_path):
    """The files of 0.3, which a test may change."""
    return Path(shutil.copytree(GOLDEN / "0.3", tmp_path / "old"))


def test_saved_frames_and_an_archive_hold_the_same_runs(old):
    f = runkit.frames(old / "frames")
    archived = runkit.frames(old / "archive")
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


def test_the_answer_log_of_0_3_is_read(old, monkeypatch):
    monkeypatch.setenv("RUNKIT_STATE_DIR", str(old / "state"))
    f = runkit.frames(old / "frames")
    [entry] = runkit.answer_log().to_dict("records")
    question = f.interrupts.set_index("interrupt_id").loc[entry["interrupt_id"]]
    assert (question["run_id"], question["outcome"]) == (entry["run_id"], "pending")
    assert (entry["answered_by"], entry["delivery"]) == ("Ana Ortiz", "confirmed")


def test_saved_frames_of_0_3_say_that_their_rules_are_others(old):
    """What was not saved is null, and no run without steps has 0 errors."""
    f = runkit.frames(old / "frames")
    is_note = f.problems["detail"].str.contains("version 0.3")
    assert f.problems.loc[is_note, "run_id"].tolist() == f.runs["run_id"].tolist()
    assert f.runs["n_errors"].isna().tolist() == (~f.runs["has_steps"]).tolist()
    is_other = f.sources["source_tier"].eq("other")
    assert is_other.sum() == 4
    assert f.sources["source_tier_text"].isna().tolist() == is_other.tolist()


def test_no_change_is_claimed_of_what_0_3_worked_out_by_other_rules(old):
    """The same runs, saved by 0.3 and read by today's rules; none has changed."""
    f = runkit.frames(old / "frames")
    archived = runkit.frames(old / "archive")
    for before, after in ((f, archived), (archived, f)):
        table = runkit.changes(before, after)
        assert table.empty, table
        assert "Not comparable: steps of 9 runs" in table.attrs["sentence"]
    assert runkit.changes(f, f).attrs["sentence"].count("Not comparable: steps of") == (
        not f.runs["has_steps"].all()
    )
