"""Times, spans and the moment at which open things are measured."""

from __future__ import annotations

import pandas as pd
import pytest

import runkit
from runkit.errors import DataError
from support import at, numbered, question, run, step

BUDGET = ["duration_s", "waiting_s", "working_s", "idle_s"]
GOOD = {
    "2026-02-03T10:00:00Z": "2026-02-03 10:00:00",
    "2026-02-03T10:00:00.5Z": "2026-02-03 10:00:00.500000",
    "2026-02-03T12:00:00+02:00": "2026-02-03 10:00:00",
    "2026-02-03T10:00:00.123456789Z": "2026-02-03 10:00:00.123456",
    "0001-01-01T00:00:00Z": "0001-01-01 00:00:00",
    "9999-12-31T23:59:59.999999Z": "9999-12-31 23:59:59.999999",
}
BAD = [
    1770112800,
    "2026-02-03T23:59:60Z",
    "0000-01-01T00:00:00Z",
    "0001-01-01T00:00:00+02:00",
    "9999-12-31T23:59:59-02:00",
    "2026-02-30T00:00:00Z",
    "2026-02-03",
    "soon",
]


def test_iso_times_are_read_in_utc():
    """Offsets are applied, decimals beyond microseconds cut, the years 1 to 9999 hold."""
    f = runkit.frames(numbered(run(created_at=t, started_at=t, ended_at=None) for t in GOOD))
    assert len(f.problems) == len(GOOD)  # they are over, without an end
    times = [pd.Timestamp(text, tz="UTC") for text in GOOD.values()]
    assert f.runs["started_at"].tolist() == times


def test_an_invalid_time_is_null_and_a_required_one_refuses_the_record():
    f = runkit.frames(numbered(run(started_at=value) for value in BAD))
    assert f.runs["started_at"].isna().all()
    assert f.problems["location"].tolist() == [f"$[{n}].started_at" for n in range(len(BAD))]
    with pytest.raises(DataError) as caught:
        runkit.frames(numbered(run(created_at=value) for value in BAD))
    assert len(caught.value.problems) == len(BAD)


def test_a_time_without_an_offset_is_utc():
    f = runkit.frames(run(step("a", 0, 20), started_at="2026-02-03T10:00:05"))
    assert f.runs["duration_s"].tolist() == [95]
    assert f.problems.empty


def test_a_run_that_has_not_started_has_no_duration():
    """Duration and budget are null, not zero."""
    row = runkit.frames(run(started_at=None, ended_at=None, status="running")).runs.iloc[0]
    assert row[["duration_s", "queued_s", "working_s", "idle_s"]].isna().all()


@pytest.mark.parametrize(
    ("steps", "budget", "self_s", "critical_s"),
    [
        # of two open questions the last to close has the time
        (
            [question("a", 10, 50), question("b", 30, 60)],
            [100, 50, 0, 50],
            [40, 30],
            [20, 30],
        ),
        # a step with children is at work, and children that overlap are taken off it once
        (
            [step("p", 0, 90, steps=[step("a", 10, 60), step("b", 40, 80)])],
            [100, 0, 90, 10],
            [20, 50, 40],
            [20, 30, 40],
        ),
        # the path changes over where the next step begins: d was over before anybody waited for it
        (
            [step("a", 0, 50), step("b", 30, 70), step("c", 60, 100), step("d", 61, 90)],
            [100, 0, 100, 0],
            [50, 40, 40, 29],
            [30, 30, 40, 0],
        ),
    ],
    ids=["questions", "children", "path"],
)
def test_time_budget_and_critical_path_of_examples(steps, budget, self_s, critical_s):
    f = runkit.frames(run(*steps, end=None), as_of=at(100))
    assert f.runs[BUDGET].values.tolist() == [budget]
    assert f.steps["self_s"].tolist() == self_s
    assert f.steps["critical_s"].tolist() == critical_s
