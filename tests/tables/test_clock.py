"""One clock: everything open is counted to `as_of`, which is never null and says where it is from."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pandas as pd
import pytest

import runkit
import strangers
from runkit.errors import UsageError
from support import at, question, run, step

NEWEST = "newest time in the data"


def asking(run_id: str = "r", asked: float = 20, **more: object) -> dict[str, object]:
    """A run that waits since `asked`."""
    asks = question(f"{run_id}-q", asked, None, label="Approve?")
    state = {"status": "interrupted", "updated_at": at(asked)}
    return run(asks, run_id=run_id, end=None, **(state | more))


def read(seconds: float) -> dict[str, object]:
    """What a run has that was read at a time."""
    return {"_runkit": {"read_at": at(seconds)}}


def event(raw: dict[str, object], created: float) -> dict[str, object]:
    """The webhook event that brought a run."""
    envelope = {"object": "event", "id": "e", "type": "run.interrupted", "created_at": at(created)}
    return envelope | {"data": {"object": raw}}


@pytest.mark.parametrize(
    ("source", "as_of", "expected", "basis"),
    [
        ([asking()], 500, 500, "given"),
        ([asking() | read(90)], 500, 500, "given"),
        ([asking() | read(90)], None, 90, "read"),
        ([asking() | read(90), asking("s") | read(70)], None, 90, "read"),
        ([asking()], None, 20, NEWEST),
        ([asking(), run(step("a", 0, 60), run_id="s", end=80)], None, 80, NEWEST),
        ([asking(), asking("s", updated_at=at(15)) | {"ended_at": at(95)}], None, 95, NEWEST),
        ([asking() | read(10)], None, 20, NEWEST),  # the data is newer than the reading
        ([event(asking(), 25)], None, 25, NEWEST),
    ],
)
def test_the_clock_is_given_read_or_the_newest_time(source, as_of, expected, basis):
    f = runkit.frames(source, as_of=None if as_of is None else at(as_of))
    assert (f.as_of, f.as_of_basis) == (pd.Timestamp(at(expected)), basis)
    [row, *_] = f.interrupts.to_dict("records")
    assert row["wait_s"] == expected - 20
    assert f.runs["duration_s"].iloc[0] == expected
    assert f.runs["waiting_s"].iloc[0] == expected - 20


def test_without_a_run_the_clock_is_the_time_of_the_call():
    before = datetime.now(UTC)
    f = runkit.frames([])
    assert before <= f.as_of <= datetime.now(UTC)
    assert f.as_of_basis == "now"


@pytest.mark.parametrize("form", ["waiting_alone", "list_row_waiting"])
def test_a_waiting_run_alone_in_a_file_waits_since_its_own_time(form, tmp_path):
    """0 s as of its newest time, which the frames and the date of the question say."""
    [made] = strangers.several(form, 1)
    path = tmp_path / "waiting.json"
    path.write_text(json.dumps(made.raw))
    f = runkit.frames(path)
    assert f.as_of_basis == NEWEST
    assert f.interrupts["wait_s"].tolist() == [0]
    assert f.interrupts["asked_at"].tolist() == [f.as_of]


def test_an_as_of_before_the_newest_time_is_refused_with_that_time():
    with pytest.raises(UsageError, match="10:01"):
        runkit.frames([asking(), run(run_id="s", end=100)], as_of=at(50))
    with pytest.raises(UsageError, match="10:00:25"):
        runkit.frames([event(asking(), 25)], as_of=at(22))
    assert runkit.frames(run(end=100), as_of=at(100)).as_of == pd.Timestamp(at(100))


def test_a_number_depends_on_what_is_read_with_it():
    """An open run is counted to the newest time of all runs in the source."""
    other = run(run_id="other", end=900)
    waits = [
        runkit.frames(source).interrupts["wait_s"].tolist()
        for source in ([asking()], [asking(), other])
    ]
    assert waits == [[0], [880]]


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


def test_frames_without_runs_have_no_clock_beside_others():
    f = runkit.frames([runkit.frames([]), runkit.frames(asking())])
    assert (f.as_of, f.as_of_basis) == (pd.Timestamp(at(20)), NEWEST)


def test_every_wait_counts_to_the_clock():
    """Whatever the fleet: waits, open steps and open runs end at `as_of`."""
    f = runkit.frames(strangers.records(strangers.fleet(5)))
    waits = f.interrupts[f.interrupts["outcome"] == "pending"]
    steps = f.steps[f.steps["state"].isin(["waiting", "running"])]
    runs = f.runs[f.runs["status"].isin(["interrupted", "running"])]
    for rows, since, length in [
        (waits, "asked_at", "wait_s"),
        (steps, "started_at", "duration_s"),
        (runs, "started_at", "duration_s"),
    ]:
        assert len(rows) > 5
        assert rows[length].tolist() == (f.as_of - rows[since]).dt.total_seconds().tolist()
