"""What has changed between two states of some runs."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

import runkit
import strangers
from runkit.errors import UsageError
from support import Json, artifact, at, question, run, step


def waiting(**fields: Any) -> Json:
    """A run that waits since 10 s."""
    asks = question("q", 10, None, label="Approve?")
    return run(step("a", 0, 10), asks, end=None, status="interrupted", updated_at=at(10)) | fields


def done(confidence: str = "high", label: str = "Work", **more: Any) -> Json:
    """A run with a finding and an output."""
    found = artifact("Agent found", confidence=confidence)
    output = step("out", 50, 100, type="output", artifacts=[artifact("Summary")])
    return run(step("a", 0, 50, label=label, artifacts=[found]), output, **more)


def found(before: object, after: object) -> list[list[Any]]:
    """Each change: what, before and after."""
    table = runkit.changes(before, after)[["what", "before", "after"]].astype(object)
    return table.where(table.notna(), None).values.tolist()


RUNNING = run(step("a", 0, None), status="running", end=None)
FAILED = run(step("a", status="error", label="Look up"), status="error")
ANSWERED = run(step("a", 0, 10), question("q", 10, 40, label="Approve?"), end=None)
CASES: dict[str, tuple[Any, Any, list[list[Any]]]] = {
    "new": ([], [done()], [["new", None, "completed"]]),
    "gone": ([done()], [], [["gone", "completed", None]]),
    "opened": (
        *(RUNNING, waiting()),
        [
            ["status", "running", "interrupted"],
            ["outcome", None, "Approve?"],
            ["question opened", None, "Approve?"],
            ["steps", "1", "2"],
        ],
    ),
    "settled": (
        *(waiting(), ANSWERED | {"updated_at": at(40)}),
        [
            ["status", "interrupted", "running"],
            ["outcome", "Approve?", None],
            ["question settled", "Approve?", None],
            ["steps", "2", "2"],
        ],
    ),
    "failed": (
        *(RUNNING, FAILED),
        [
            ["status", "running", "error"],
            ["ended_at", None, "2026-02-03 10:01:40+00:00"],
            ["n_errors", "0", "1"],
            ["outcome", None, "failed in Look up"],
            ["steps", "1", "1"],
        ],
    ),
    "finding": (done(), done("low"), [["findings", "1", "1"]]),
    "label": (done(), done(label="Other work"), [["steps", "2", "2"]]),
    "without steps": (
        done(),
        done(status="error") | {"steps": []},
        [["status", "completed", "error"]],
    ),
    "nothing": (done(), done(), []),
}


@pytest.mark.parametrize("name", CASES)
def test_a_change_says_what_it_was_and_is(name):
    before, after, rows = CASES[name]
    assert sorted(found(before, after), key=str) == sorted(rows, key=str)


def test_a_column_that_the_run_says_itself_is_compared():
    """Each own column of a run, altered alone, is a change; no other is."""
    f = runkit.frames(done(thread_id="t", prompt="Look"))
    schema = f.schema
    for name in ("status", "agent", "requester", "prompt", "thread_id"):
        assert name in set(schema.loc[schema["frame"].eq("runs"), "column"])
    for name in ("agent", "thread_id", "prompt"):
        assert found(done(), done(**{name: "other"}))[0][0] == name


def test_the_order_of_steps_and_the_time_of_reading_are_no_change():
    made = strangers.records(strangers.fleet(4))
    f = runkit.frames(made)
    later = f.as_of + pd.Timedelta(days=3)
    reread = [raw | {"_runkit": {"read_at": later.isoformat()}} for raw in made[::-1]]
    assert runkit.changes(f, reread).empty
    assert runkit.changes(f, runkit.frames(made, as_of=later)).empty


def test_the_later_state_must_come_second():
    states = [done(updated_at=at(seconds)) for seconds in (200, 300)]
    assert runkit.changes(*states).empty
    with pytest.raises(UsageError, match="swap them"):
        runkit.changes(*reversed(states))


def test_changes_of_nothing_are_an_empty_typed_frame():
    empty, some = runkit.changes([], []), runkit.changes([], [done()])
    assert empty.empty
    assert empty.dtypes.equals(some.dtypes)
