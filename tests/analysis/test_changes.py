"""What has changed between two states of some runs."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

import runkit
import strangers
from runkit.errors import UsageError
from support import Json, artifact, at, question, run, step


def waiting() -> Json:
    """A run that waits since 10 s."""
    asks = question("q", 10, None, label="Approve?")
    return run(step("a", 0, 10), asks, end=None, status="interrupted", updated_at=at(10))


def done(confidence: str = "high", **more: Any) -> Json:
    """A run with a finding and an output."""
    finding = artifact("Agent found", confidence=confidence)
    output = step("out", 50, 100, type="output", artifacts=[artifact("Summary")])
    return run(step("a", 0, 50, artifacts=[finding]), output, **more)


def changes_of(before: object, after: object) -> list[list[Any]]:
    """Each change: what, before and after."""
    table = runkit.changes(before, after)[["what", "before", "after"]].astype(object)
    return table.where(table.notna(), None).values.tolist()


RUNNING = run(step("a", 0, None), status="running", end=None)
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
    "finding": (done(), done("low"), [["findings", "1", "1"]]),
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
    assert sorted(changes_of(before, after), key=str) == sorted(rows, key=str)


def test_the_order_of_steps_and_the_time_of_reading_are_no_change():
    made = strangers.records(strangers.fleet(4))
    f = runkit.frames(made)
    later = f.as_of + pd.Timedelta(days=3)
    assert runkit.changes(f, runkit.frames(made[::-1], as_of=later)).empty


def test_the_later_state_must_come_second():
    states = [done(updated_at=at(seconds)) for seconds in (200, 300)]
    assert runkit.changes(*states).empty
    with pytest.raises(UsageError, match="swap them"):
        runkit.changes(*reversed(states))
