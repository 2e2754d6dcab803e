"""Times, spans and the moment at which open things are measured."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import runkit
import slow_times
from strategies import fuzz, runs
from support import at, numbered, question, run, step

BUDGET = ["duration_s", "waiting_s", "working_s", "idle_s", "overlap_s"]
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
    assert len(f.problems) == 0
    times = [pd.Timestamp(text, tz="UTC") for text in GOOD.values()]
    assert f.runs["started_at"].tolist() == times


def test_an_invalid_time_is_a_bad_field():
    """An optional time is read as null and noted; a required one refuses the record."""
    optional = runkit.frames(numbered(run(started_at=value) for value in BAD))
    assert optional.runs["started_at"].isna().all()
    assert optional.problems[["problem", "location", "severity"]].values.tolist() == [
        ["bad_field", f"$[{number}].started_at", "error"] for number in range(len(BAD))
    ]
    required = runkit.frames(numbered(run(created_at=value) for value in BAD))
    assert len(required.runs) == 0
    assert required.problems["problem"].tolist() == ["bad_field"] * len(BAD)


def test_a_run_that_has_not_started_has_no_duration():
    """Duration and budget are null, not zero."""
    row = runkit.frames(run(started_at=None, ended_at=None, status="running")).runs.iloc[0]
    assert row[["duration_s", "queued_s", "working_s", "idle_s"]].isna().all()


def test_an_empty_list_of_steps_leaves_counts_null():
    """The API's object page shows a run without its steps so, and the list of runs every run."""
    statuses = ["completed", "error", "interrupted", "running"]
    runs = runkit.frames(numbered(run(status=status) for status in statuses)).runs
    assert not runs["has_steps"].any()
    assert runs[["n_errors", "n_findings", *BUDGET[1:]]].isna().all(axis=None)
    assert runs["duration_s"].eq(100).all()


def test_as_of_before_the_newest_time_of_a_run_is_ignored():
    """The run is measured up to when it was read, and this is noted."""
    source = run(step("a", 0, 90), end=None, _runkit={"read_at": at(100)})
    frames = runkit.frames(source, as_of=at(20))
    assert frames.runs["duration_s"].tolist() == [100]
    assert frames.problems["problem"].tolist() == ["contradiction"]
    assert runkit.frames(source, as_of=at(95)).runs["duration_s"].tolist() == [95]


@pytest.mark.parametrize("status", ["completed", "error"])
def test_a_run_that_is_over_is_measured_to_its_newest_time(status):
    """Not to `as_of` or when it was read, where it has no `ended_at`."""
    steps = [step("a", 0, 20), step("b", 20, None)]
    source = run(*steps, end=None, status=status, updated_at=at(50), _runkit={"read_at": at(900)})
    for as_of in (None, at(900), at(40)):
        f = runkit.frames(source, as_of=as_of)
        assert f.runs[BUDGET].values.tolist() == [[50, 0, 50, 0, 0]]
        assert f.runs["as_of"].tolist() == [pd.Timestamp(at(50))]
        assert f.steps["duration_s"].tolist() == [20, 30]


def test_a_run_that_ends_before_its_steps_has_no_duration():
    """Its own times say 0 s, and its steps took 30: how long it took is not known."""
    f = runkit.frames(numbered(run(step("a", 25, 55), start=20, end=end) for end in (20, 10)))
    assert f.runs[BUDGET].isna().all(axis=None)
    assert f.steps["duration_s"].tolist() == [30, 30]


@fuzz(80)
@given(st.lists(runs(), min_size=1, max_size=3))
def test_time_budget_and_critical_path_equal_a_loop(sources):
    """The budget, own time and the path equal a walk over each second, for several runs at once.

    Steps overlap, run outside their parents, are open in ended runs; several questions are open.
    """
    f = runkit.frames(sources, as_of=at(30))
    for source in sources:
        read = f.select(source["id"])
        timed = slow_times.timed(source, 30)
        path = slow_times.critical_path(timed)
        durations = [s.end - s.start for s in timed.steps]
        assert read.steps["duration_s"].tolist() == durations
        assert read.steps["self_s"].tolist() == slow_times.self_time(timed)
        assert read.steps["critical_s"].tolist() == [*map(path.count, range(len(durations)))]
        assert read.steps["is_critical"].tolist() == slow_times.on_path(timed, path)
        [budget] = read.runs[["working_s", "waiting_s", "idle_s", "overlap_s"]].values.tolist()
        if durations and (timed.end > timed.start or not any(durations)):
            assert budget == slow_times.budget(timed)
        else:
            assert np.isnan(budget).all()


@pytest.mark.parametrize(
    ("steps", "budget", "self_s", "critical_s"),
    [
        # of two open questions the last to close has the time
        (
            [question("a", 10, 50), question("b", 30, 60)],
            [100, 50, 0, 50, 0],
            [40, 30],
            [20, 30],
        ),
        # a step with children is at work, and children that overlap are taken off it once
        (
            [step("p", 0, 90, steps=[step("a", 10, 60), step("b", 40, 80)])],
            [100, 0, 90, 10, 0],
            [20, 50, 40],
            [20, 30, 40],
        ),
        # the path changes over where the next step begins: d was over before anybody waited for it
        (
            [step("a", 0, 50), step("b", 30, 70), step("c", 60, 100), step("d", 61, 90)],
            [100, 0, 100, 0, 0],
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


def test_a_run_has_the_same_numbers_beside_other_runs():
    """An open run is measured at its own newest time, whatever its neighbors did since."""
    mine = run(step("a", 0, 20), end=None)
    other = run(step("b", 0, 900), run_id="other", end=900)
    assert runkit.frames([mine, other]).runs["duration_s"].tolist() == [20, 900]
