"""One clock: everything open is counted to `as_of`, which is never null and says where it is from."""

from __future__ import annotations

from datetime import UTC, datetime

import pandas as pd
import pytest

import runkit
from runkit.errors import UsageError
from strangers import DAY
from support import Json, at, question, run


def asking(run_id: str = "r", since: float = 20, **more: object) -> Json:
    """A run that waits since a time."""
    asks = question(f"{run_id}-q", since, None, label="Approve?")
    state = {"status": "interrupted", "updated_at": at(since)}
    return run(asks, run_id=run_id, end=None, **(state | more))


def read(seconds: float) -> Json:
    """What a run has that was read at a time."""
    return {"_runkit": {"read_at": at(seconds)}}


def test_without_a_run_the_clock_is_the_time_of_the_call():
    before = datetime.now(UTC)
    f = runkit.frames([])
    assert before <= f.as_of <= datetime.now(UTC)
    assert f.as_of_basis == "now"


def test_an_as_of_before_the_newest_time_is_refused_with_that_time():
    with pytest.raises(UsageError, match="10:01"):
        runkit.frames([asking(), run(run_id="s", end=100)], as_of=at(50))
    assert runkit.frames(run(end=100), as_of=at(100)).as_of == pd.Timestamp(at(100))


def test_of_several_frames_the_clock_is_the_newest():
    """And an open run that was last read on an earlier day is a reason of `missing`."""
    old = runkit.frames([asking("old") | read(60), run(run_id="over") | read(60)])
    new = runkit.frames(asking("new", DAY) | read(DAY + 60))
    f = runkit.frames([old, new])
    assert (f.as_of, f.as_of_basis) == (pd.Timestamp(at(DAY + 60)), "read")
    assert f.missing[-1] == "1 open run last read Feb 3"
    waits = f.interrupts.set_index("run_id")["wait_s"]
    assert waits.to_dict() == {"old": DAY + 40, "new": 60}
