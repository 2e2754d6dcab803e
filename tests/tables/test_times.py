"""Times, spans and the moment at which open things are measured."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import runkit
import slow_times
from strategies import runs
from support import at, question, run, step

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


@pytest.mark.parametrize("text", GOOD)
def test_iso_times_are_read_in_utc(text):
    """Offsets are applied, decimals beyond microseconds cut, the years 1 to 9999 hold."""
    frames = runkit.frames(run(created_at=text, started_at=text, ended_at=None))
    assert len(frames.problems) == 0
    assert str(frames.runs["started_at"].iloc[0]).startswith(GOOD[text])


@pytest.mark.parametrize("value", BAD, ids=str)
def test_what_is_no_time_is_a_bad_field(value):
    """An optional time is read as null and noted; a required one refuses the record."""
    optional = runkit.frames(run(started_at=value))
    assert optional.runs["started_at"].isna().all()
    assert optional.problems[["problem", "location", "severity"]].values.tolist() == [
        ["bad_field", "$.started_at", "error"]
    ]
    required = runkit.frames(run(created_at=value))
    assert len(required.runs) == 0
    assert required.problems["problem"].tolist() == ["bad_field"]


def test_a_time_without_offset_is_utc_and_noted():
    """It is kept, with a note for each."""
    frames = runkit.frames(run(step("a", started_at="2026-02-03T10:00:05")))
    assert str(frames.steps["started_at"].iloc[0]) == "2026-02-03 10:00:05+00:00"
    assert frames.problems[["problem", "location"]].values.tolist() == [
        ["naive_time", "$.steps[0].started_at"]
    ]


def test_as_of_takes_the_argument_first():
    """The argument wins over when the run was read."""
    source = run(step("a", 0, None), end=None, _runkit={"read_at": at(50)})
    assert runkit.frames(source, as_of=at(30)).runs["duration_s"].tolist() == [30]
    assert runkit.frames(source).runs["duration_s"].tolist() == [50]


def test_as_of_now_is_later_than_any_past_run():
    """`as_of="now"` measures an open run at this moment."""
    assert runkit.frames(run(end=None), as_of="now").runs["duration_s"].iloc[0] > 1e6


def test_a_run_that_has_not_started_has_no_duration():
    """Duration and budget are null, not zero."""
    row = runkit.frames(run(started_at=None, ended_at=None, status="running")).runs.iloc[0]
    assert row[["duration_s", "queued_s", "working_s", "idle_s"]].isna().all()


@pytest.mark.parametrize("status", ["completed", "error", "interrupted", "running"])
def test_an_empty_list_of_steps_does_not_say_that_there_is_none(status):
    """The API's object page shows a run without its steps so, and the list of runs every run."""
    row = runkit.frames(run(status=status)).runs.iloc[0]
    assert not row["has_steps"]
    assert row[["n_errors", "n_findings"]].isna().all()
    assert row[["working_s", "waiting_s", "idle_s", "overlap_s"]].isna().all()
    assert row["duration_s"] == 100


def test_a_run_whose_steps_are_all_refused_has_none_to_read():
    row = runkit.frames(run({"id": "s"})).runs.iloc[0]
    assert row[["has_steps", "n_steps"]].tolist() == [False, 0]


def test_a_run_that_starts_before_it_was_created_has_no_queue_time():
    """It is noted, and its duration is what it was."""
    frames = runkit.frames(run(step("a"), created_at=at(5)))
    assert frames.runs["queued_s"].isna().all()
    assert frames.runs["duration_s"].tolist() == [100]
    assert frames.problems["problem"].tolist() == ["starts_before_created"]


@pytest.mark.parametrize(("start", "end", "inside"), [(-5, 50, 50), (50, 105, 50), (110, 120, 0)])
def test_a_top_level_step_outside_its_run_is_noted(start, end, inside):
    """Its time outside counts for nothing in the budget; its own is kept."""
    frames = runkit.frames(run(step("in", 0, 0), step("out", start, end)))
    assert frames.problems[["problem", "location"]].values.tolist() == [
        ["outside_run", "$.steps[1]"]
    ]
    assert frames.runs[["working_s", "idle_s"]].values.tolist() == [[inside, 100 - inside]]
    assert frames.steps.set_index("step_id").loc["out", "duration_s"] == end - start


def test_an_as_of_before_the_newest_time_of_a_run_is_not_used():
    """The run is measured up to when it was read, and this is noted."""
    source = run(step("a", 0, 90), end=None, _runkit={"read_at": at(100)})
    frames = runkit.frames(source, as_of=at(20))
    assert frames.runs["duration_s"].tolist() == [100]
    assert frames.problems["problem"].tolist() == ["contradiction"]
    assert runkit.frames(source, as_of=at(95)).runs["duration_s"].tolist() == [95]


def test_an_end_before_the_start_is_read_as_the_start():
    """For steps and runs alike, with a note."""
    frames = runkit.frames(run(step("a", 25, 22), start=20, end=10))
    assert frames.steps["duration_s"].tolist() == [0]
    assert frames.runs["ended_at"].equals(frames.runs["started_at"])
    assert frames.problems["problem"].tolist() == [
        "ends_before_start",
        "ends_before_start",
        "outside_run",
    ]


@pytest.mark.parametrize("end", [20, 10])
def test_a_run_that_ends_before_its_steps_has_no_duration(end):
    """Its own times say 0 s, and its steps took 30: how long it took is not known."""
    f = runkit.frames(run(step("a", 25, 55), start=20, end=end))
    times = ["duration_s", "working_s", "waiting_s", "idle_s", "overlap_s"]
    assert f.runs[times].isna().all(axis=None)
    assert f.steps["duration_s"].tolist() == [30]


@settings(max_examples=20)
@given(st.lists(runs(), min_size=1, max_size=3))
def test_time_goes_where_the_rules_say(sources):
    """The budget, own time and the path equal a walk over each second, for several runs at once.

    Steps overlap, run outside their parents, are open in ended runs; several questions are open.
    """
    f = runkit.frames(sources, as_of=at(30))
    for source in sources:
        read, timed = f.select(source["id"]), slow_times.timed(source, 30)
        path, durations = slow_times.critical_path(timed), [s.end - s.start for s in timed.steps]
        assert read.steps["duration_s"].tolist() == durations
        assert read.steps["self_s"].tolist() == slow_times.self_time(timed)
        assert read.steps["critical_s"].tolist() == [*map(path.count, range(len(durations)))]
        assert read.steps["is_critical"].tolist() == slow_times.on_path(timed, path)
        [budget] = read.runs[["working_s", "waiting_s", "idle_s", "overlap_s"]].values.tolist()
        if durations and (timed.end > timed.start or not any(durations)):
            assert budget == slow_times.budget(timed)
        else:
            assert np.isnan(budget).all()


@given(runs())
def test_the_path_follows_the_budget(source):
    """Questions have the waiting time, other steps the work but that of children outside parents."""
    f = runkit.frames(source, as_of=at(30))
    if f.runs["working_s"].isna().all():
        return
    spent = f.steps.groupby("is_wait")["critical_s"].sum().reindex([True, False], fill_value=0)
    [waiting_s, working_s] = f.runs[["waiting_s", "working_s"]].iloc[0]
    assert spent[True] == waiting_s
    assert spent[False] <= working_s
    if "outside_parent" not in set(f.problems["problem"]):
        assert spent[False] == working_s
    work = f.steps[~f.steps["is_wait"]]
    assert work["critical_s"].le(work["self_s"]).all()


def test_a_question_has_the_time_in_which_a_step_spans_it():
    """100 s in one spanning step, of which 40 s are a wait: the step has 60 s of the path.

    What spans the question is no sign of work beside it; a step of 10 s within is.
    """
    flat = [step("all", 0, 100), question("q", 30, 70), step("beside", 40, 50)]
    f = runkit.frames(run(*flat))
    assert f.steps["critical_s"].tolist() == [60, 40, 0]
    assert f.runs[["working_s", "waiting_s", "idle_s", "overlap_s"]].values.tolist() == [
        [60, 40, 0, 10]
    ]


def test_of_two_open_questions_the_last_to_close_has_the_time():
    """10 to 50 and 30 to 60: the first has 20 s, the second 30; at a tie the first has all."""
    f = runkit.frames(run(question("a", 10, 50), question("b", 30, 60)))
    assert f.steps["critical_s"].tolist() == [20, 30]
    f = runkit.frames(run(question("a", 30, 60), question("b", 10, 60)))
    assert f.steps["critical_s"].tolist() == [0, 50]


@pytest.mark.parametrize(("status", "end"), [("completed", 40), ("running", 86_400)])
def test_a_group_that_was_never_closed_ends_with_its_last_child(status, end):
    """In a run that has ended a day later; inner groups first.

    In a run that goes on, the groups are at work until it was read.
    """
    inner = step("inner", 5, None, steps=[step("a", 10, 30), step("b", 20, 40)])
    source = run(step("outer", 0, None, steps=[inner]), end=86_400)
    if status == "running":
        source |= {"status": status, "ended_at": None}
    f = runkit.frames(source, as_of=at(86_400))
    assert f.steps["duration_s"].tolist() == [end, end - 5, 20, 20]
    assert f.steps["self_s"].tolist() == [5, end - 35, 20, 20]
    assert f.runs[["working_s", "idle_s"]].values.tolist() == [[end, 86_400 - end]]
    assert f.steps["completed_at"].isna().tolist() == [True, True, False, False]
    n_noted = f.problems.loc[f.problems["problem"].eq("contradiction"), "n"].sum()
    assert n_noted == (2 if status == "completed" else 0)


BUDGET = ["duration_s", "waiting_s", "working_s", "idle_s", "overlap_s"]


def budget(source: Any, **options: Any) -> list[float]:
    """Where the time of the only run went."""
    [numbers] = runkit.frames(source, **options).runs[BUDGET].values.tolist()
    return list(numbers)


def test_a_step_with_children_is_at_work():
    """An orchestrator's step over 90 of 100 s with 30 s of work in it: 90 s working, 10 s idle."""
    inner = [step("a", 10, 30), step("b", 50, 60)]
    assert budget(run(step("all", 0, 90, steps=inner))) == [100, 0, 90, 10, 0]


def test_two_questions_at_once_are_waited_for_once():
    """10 to 50 and 30 to 60 are 50 s of waiting; work of 20 to 40 meanwhile is overlap."""
    steps = [question("q1", 10, 50), question("q2", 30, 60), step("w", 20, 40)]
    assert budget(run(*steps)) == [100, 50, 0, 50, 20]


def test_an_open_step_is_work_until_the_run_is_measured():
    """It is in the frame, still open, and its time counts to `as_of`."""
    f = runkit.frames(run(step("a", 0, 10), step("b", 40, None), end=None), as_of=at(100))
    assert f.steps[["step_id", "is_open", "duration_s"]].values.tolist() == [
        ["a", False, 10],
        ["b", True, 60],
    ]
    assert f.runs[BUDGET].values.tolist() == [[100, 0, 70, 30, 0]]


def test_a_run_has_the_same_numbers_in_any_company():
    """An open run is measured at its own newest time, whatever its neighbors did since."""
    mine, other = run(step("a", 0, 20), end=None), run(step("b", 0, 900), run_id="other", end=900)
    assert runkit.frames([mine, other]).runs["duration_s"].tolist() == [20, 900]


def test_overlapping_children_are_taken_off_once():
    """Children of 10 to 60 and 40 to 90 leave 20 of 100 s to their parent."""
    f = runkit.frames(run(step("p", 0, 100, steps=[step("a", 10, 60), step("b", 40, 90)])))
    assert f.steps.set_index("step_id")["self_s"].to_dict() == {"p": 20, "a": 50, "b": 50}


def test_the_critical_path_changes_over_where_the_next_step_begins():
    """Back from the end: c from 60, b from 30 to 60, a to 30.

    D was over before anybody waited for it.
    """
    steps = [step("a", 0, 50), step("b", 30, 70), step("c", 60, 100), step("d", 61, 90)]
    f = runkit.frames(run(*steps))
    assert f.steps["critical_s"].tolist() == [30, 30, 40, 0]
    assert f.steps["is_critical"].tolist() == [True, True, True, False]
