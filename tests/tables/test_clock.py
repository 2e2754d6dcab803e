"""One clock: everything open is counted to `as_of`, which is never null and says where it is from."""

from __future__ import annotations

from datetime import UTC, datetime

import pandas as pd
import pytest

import runkit
import strangers
from runkit.errors import UsageError
from support import Json, at, question, run, step

NEWEST = "newest time in the data"


def asking(run_id: str = "r", since: float = 20, **more: object) -> Json:
    """A run that waits since a time."""
    asks = question(f"{run_id}-q", since, None, label="Approve?")
    state = {"status": "interrupted", "updated_at": at(since)}
    return run(asks, run_id=run_id, end=None, **(state | more))


def read(seconds: float) -> Json:
    """What a run has that was read at a time."""
    return {"_runkit": {"read_at": at(seconds)}}


def event(raw: Json, created: float) -> Json:
    """The webhook event that brought a run."""
    envelope = {"object": "event", "id": "e", "type": "run.interrupted", "created_at": at(created)}
    return envelope | {"data": {"object": raw}}


@pytest.mark.parametrize(
    ("source", "as_of", "expected", "basis"),
    [
        ([asking() | read(90)], 500, 500, "given"),
        ([asking() | read(90), asking("s") | read(70)], None, 90, "read"),
        ([asking()], None, 20, NEWEST),
        ([asking(), run(step("a", 0, 60), run_id="s", end=80)], None, 80, NEWEST),
        ([asking() | read(10)], None, 20, NEWEST),  # the data is newer than the reading
        ([event(asking(), 25)], None, 25, NEWEST),
        ([runkit.frames([]), runkit.frames(asking())], None, 20, NEWEST),
    ],
)
def test_the_clock_is_given_read_or_the_newest_time(source, as_of, expected, basis):
    f = runkit.frames(source, as_of=None if as_of is None else at(as_of))
    assert (f.as_of, f.as_of_basis) == (pd.Timestamp(at(expected)), basis)
    assert f.interrupts["wait_s"].iloc[0] == expected - 20


def test_without_a_run_the_clock_is_the_time_of_the_call():
    before = datetime.now(UTC)
    f = runkit.frames([])
    assert before <= f.as_of <= datetime.now(UTC)
    assert f.as_of_basis == "now"


def test_an_as_of_before_the_newest_time_is_refused_with_that_time():
    with pytest.raises(UsageError, match="10:01"):
        runkit.frames([asking(), run(run_id="s", end=100)], as_of=at(50))
    with pytest.raises(UsageError, match="10:00:25"):
        runkit.frames([event(asking(), 25)], as_of=at(22))
    assert runkit.frames(run(end=100), as_of=at(100)).as_of == pd.Timestamp(at(100))


def test_of_several_frames_the_clock_is_the_newest():
    """And an open run that was last read on an earlier day is a reason of `missing`."""
    old = runkit.frames(
        [asking("old") | read(60), asking("too") | read(70), run(run_id="over") | read(60)]
    )
    new = runkit.frames([asking("new", 3 * strangers.DAY) | read(3 * strangers.DAY + 60)])
    f = runkit.frames([old, new])
    assert f.as_of == pd.Timestamp(at(3 * strangers.DAY + 60))
    assert f.as_of_basis == "read"
    assert [*f.missing] == [*old.missing, "2 open runs last read Feb 3"]
    waits = f.interrupts.set_index("run_id")["wait_s"].to_dict()
    assert waits == {"old": 3 * strangers.DAY + 40, "too": 3 * strangers.DAY + 40, "new": 60}
