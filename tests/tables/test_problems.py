"""Everything that is wrong gets a row, and costs no more than it must."""

from __future__ import annotations

from typing import Any

import runkit
from support import run, step

RUN_FIELDS = ["object", "id", "created_at", "updated_at", "status"]
STEP_FIELDS = ["id", "type", "status", "started_at"]


def words(frames: runkit.Frames) -> list[str]:
    problems = frames.problems
    return problems["problem"].astype("str").repeat(problems["n"]).tolist()


def broken(record: dict[str, Any], fields: list[str]) -> list[dict[str, Any]]:
    """Copies of a record that lack one of the fields, or hold null or a number in it."""
    return [
        {name: value for name, value in record.items() if name != field} | other
        for field in fields
        for other in ({}, {field: None}, {field: 7})
    ]


STEP_NOTES = {
    "orphan_step": [step("a", parent_step_id="gone")],
    "parent_disagrees": [step("a", steps=[step("b", parent_step_id="c")]), step("c")],
    "outside_parent": [step("a", 10, 20, steps=[step("b", 5, 15)])],
    "outside_run": [step("a", -5, 50)],
    "ends_before_start": [step("a", 25, 22)],
    "naive_time": [step("a", started_at="2026-02-03T10:00:05")],
}


def nested(depth: int) -> dict[str, Any]:
    inner: list[Any] = []
    for number in reversed(range(depth)):
        inner = [step(str(number), 0, 50, steps=inner)]
    return inner[0]


def test_frames_of_a_cut_list_are_not_complete():
    class Cut(list[Any]):
        why = "limit=1 cut the list at 1 of 9"

    frames = runkit.frames(Cut([run()]))
    assert frames.missing
