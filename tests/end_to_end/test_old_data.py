"""What version 0.3 left on a disk is read. Tests work on a copy of the files."""

import shutil
from pathlib import Path

import pandas as pd
import pytest

import runkit

GOLDEN = Path(__file__).parents[1] / "golden"


@pytest.fixture
def old(tmp_path):
    """The files of 0.3, which a test may change."""
    return Path(shutil.copytree(GOLDEN / "0.3", tmp_path / "old"))


def test_saved_frames_and_an_archive_hold_the_same_runs(old):
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


def test_the_answer_log_of_0_3_is_read(old, monkeypatch):
    monkeypatch.setenv("RUNKIT_STATE_DIR", str(old / "state"))
    f = runkit.frames(old / "frames")
    [entry] = runkit.answer_log().to_dict("records")
    question = f.interrupts.set_index("interrupt_id").loc[entry["interrupt_id"]]
    assert (question["run_id"], question["outcome"]) == (entry["run_id"], "pending")
    assert (entry["answered_by"], entry["delivery"]) == ("Ana Ortiz", "confirmed")


def test_saved_frames_of_0_3_have_times_by_the_rules_of_today(old):
    """Those of the raw runs in the archive; by hand: own time is work, a wait is the question's."""
    f, archived = runkit.frames(old / "frames"), runkit.frames(old / "archive")
    columns = ["duration_s", "working_s", "waiting_s", "idle_s"]
    budgets = f.runs.set_index("run_id")[columns]
    assert budgets.loc["own-time"].tolist() == [620, 610, 0, 10]
    assert budgets.loc["spanned"].tolist() == [310, 160, 140, 10]
    assert budgets.loc["unclosed"].tolist() == [80, 30, 0, 50]
    pd.testing.assert_frame_equal(
        budgets, archived.runs.set_index("run_id").loc[budgets.index, columns]
    )
    own = ["run_id", "step_id", "duration_s", "self_s", "critical_s", "is_critical"]
    key = ["run_id", "step_id"]
    steps = f.steps[own].merge(archived.steps[own], on=key, suffixes=("", "_archived"))
    assert len(steps) == len(f.steps) == 57
    for name in own[2:]:
        assert steps[name].tolist() == steps[f"{name}_archived"].tolist(), name


def test_values_of_0_3_are_not_compared_as_changes(old):
    f, archived = runkit.frames(old / "frames"), runkit.frames(old / "archive")
    is_other = f.sources["source_tier"].eq("other")
    assert is_other.sum() == 4
    assert f.sources["source_tier_text"].isna().tolist() == is_other.tolist()
    lost = f.artifacts[f.artifacts["confidence"].eq("other")]
    assert lost[["run_id", "confidence_text"]].fillna("").values.tolist() == [["own-time", ""]]
    words = archived.sources.loc[archived.sources["run_id"].eq("own-time"), "source_tier_text"]
    assert words.tolist() == ["web", "commercial", "government", "web", "secondary"]
    found = runkit.changes(f, archived)
    assert found.empty
    assert "2 unchanged, 7 unchanged as far as" in found.attrs["sentence"]
    assert "Not comparable: values of version 0.3 of 7 runs." in found.attrs["sentence"]
