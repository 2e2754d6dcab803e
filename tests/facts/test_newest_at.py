"""What a file itself proves of when it was written: the newest time in each of its documents."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
import pytest

import runkit
from support import Json, at, question, run, step

NEWEST = pd.Timestamp(at(18 * 86_400))


def runs() -> list[Json]:
    """A run that waits, and a later one that has ended."""
    asking = run(question("q", 20, None), run_id="asking", end=None, status="interrupted")
    later = run(step("s", 0, 9), run_id="later", end=18 * 86_400)
    return [asking | {"updated_at": at(20)}, later]


def lines(records: list[Json]) -> bytes:
    return b"\n".join(json.dumps(record).encode() for record in records)


def newest(f: runkit.Frames) -> list[Any]:
    """The newest times, in the order of the runs; None where there is none."""
    return [None if pd.isna(time) else time for time in f.reads["newest_at"]]


def event(record: Json) -> Json:
    return {"object": "event", "type": "agent_run.updated", "data": {"object": record}}


PAGE = {"object": "list", "data": runs()}
ANSWERED = runs()[0] | {"updated_at": at(40), "status": "running"}
PROVEN = {
    "list page": PAGE,
    "bytes of an array": json.dumps(runs()).encode(),
    "gzip": gzip.compress(lines(runs())),
    "an array of webhook events": json.dumps([event(item) for item in runs()]).encode(),
    "two pages": [PAGE, {"object": "list", "data": []}],
}
NOT_PROVEN = {
    "two states of a run in lines": lines([*runs(), ANSWERED]),
    "parsed runs": runs(),
    "Run objects": [runkit.Run.from_json(item) for item in runs()],
    "bytes of one run": json.dumps(runs()[0]).encode(),
    "a page for each run": [{"object": "list", "data": [item]} for item in runs()],
}


@pytest.mark.parametrize("name", PROVEN)
def test_a_document_has_its_newest_time(name):
    """And it is known whether its runs are lines, which may be of different days."""
    f = runkit.frames(PROVEN[name])
    assert newest(f) == [NEWEST, NEWEST]
    assert f.reads["has_lines"].tolist() == [name == "gzip"] * 2


@pytest.mark.parametrize("name", NOT_PROVEN)
def test_objects_and_single_runs_have_no_newest_time(name):
    assert set(newest(runkit.frames(NOT_PROVEN[name]))) == {None}


def test_a_time_in_the_future_is_left_out():
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    wrong = run(step("s"), run_id="wrong", updated_at=tomorrow)
    f = runkit.frames({"object": "list", "data": [*runs(), wrong]})
    assert newest(f) == [NEWEST, NEWEST, NEWEST]


def test_each_file_of_a_folder_has_its_own_newest_time(tmp_path):
    for day in (1, 2):
        first, last = runs()
        first |= {"id": f"asking-{day}"}
        last |= {"id": f"later-{day}", "updated_at": at(day * 86_400)}
        (tmp_path / f"{day}.json").write_text(json.dumps([first, last]))
    times = [pd.Timestamp(at(86_400))] * 2 + [pd.Timestamp(at(2 * 86_400))] * 2
    assert newest(runkit.frames(tmp_path)) == times


def test_the_newest_time_is_kept_by_selecting_combining_and_saving(tmp_path):
    f = runkit.frames(PAGE)
    assert newest(f.select("asking")) == [NEWEST]
    other = runkit.frames([run(step("s"), run_id="other")])
    assert newest(runkit.frames([f, other])) == [NEWEST, NEWEST, None]
    assert newest(runkit.frames(f.save(tmp_path / "saved"))) == [NEWEST, NEWEST]
