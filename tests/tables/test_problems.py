"""Everything that is wrong gets a row, and costs no more than it must."""

from __future__ import annotations

import json
from typing import Any

import pytest

import runkit
from support import artifact, at, column, numbered, run, step

RUN_FIELDS = ["object", "id", "created_at", "updated_at", "status"]
STEP_FIELDS = ["id", "type", "status", "started_at"]


def words(frames: runkit.Frames) -> list[str]:
    problems = frames.problems
    return problems["problem"].astype("str").repeat(problems["n"]).tolist()


def test_records_that_are_no_runs_are_refused():
    """Their neighbors are kept, and each is counted."""
    records = [None, 3, "run", [], {}, {"object": "thread", "id": "x"}]
    f = runkit.frames([run(run_id="a"), *records, run(run_id="b")])
    assert words(f) == ["not_a_run"] * 6
    assert f.problems["location"].tolist() == [f"$[{number}]" for number in range(1, 7)]
    assert f.problems["run_id"].isna().all()
    assert f.runs["run_id"].tolist() == ["a", "b"]
    assert f.missing == ("6 of 8 records refused",)


def broken(record: dict[str, Any], fields: list[str]) -> list[dict[str, Any]]:
    """Copies of a record that lack one of the fields, or hold null or a number in it."""
    return [
        {name: value for name, value in record.items() if name != field} | other
        for field in fields
        for other in ({}, {field: None}, {field: 7})
    ]


def test_a_run_without_a_required_field_is_refused():
    """Its neighbor is kept."""
    f = runkit.frames([*broken(run(run_id="broken"), RUN_FIELDS), run(run_id="fine")])
    assert words(f) == ["bad_field", "bad_field", "not_a_run", *["bad_field"] * 12]
    assert f.problems["run_id"].eq("broken").sum() == 11
    assert f.runs["run_id"].tolist() == ["fine"]
    assert f.missing == ("15 of 16 records refused",)


def test_a_step_without_a_required_field_is_refused():
    """Its run and its siblings stay."""
    f = runkit.frames(run(step("a"), *broken(step("x"), STEP_FIELDS), step("b")))
    places = [f"$.steps[{3 * number + 1}].{name}" for number, name in enumerate(STEP_FIELDS)]
    assert f.problems[["problem", "n", "location"]].values.tolist() == [
        ["bad_field", 3, place] for place in places
    ]
    assert f.steps["step_id"].tolist() == ["a", "b"]
    assert f.missing == ()


def test_a_broken_optional_field_is_null():
    """Lists and objects of the wrong kind are left out; the run stays, and the row says where."""
    sources = artifact(sources=7)
    records = {
        "agent": run(agent=7),
        "requester.name": run(requester={"id": "u", "name": 5}),
        "steps[0].completed_at": run(step("a", completed_at=12)),
        "steps[0].artifacts[0].summary": run(step("a", artifacts=[artifact(summary=3)])),
        "steps": run(steps="none"),
        "output": run(output=[]),
        "steps[0].steps": run(step("a", steps={"b": 1})),
        "steps[0].artifacts[0].sources": run(step("a", artifacts=[sources])),
        "output.artifacts[0].title": run(output={"artifacts": [{"type": "x"}]}),
        "interrupts[0]": run(interrupts=["?"]),
        "steps[0].steps[0]": run(step("a", steps=["step"])),
        "steps[0].id": run(step(""), step("a"), step("b")),
    }
    f = runkit.frames(numbered(records.values()))
    assert words(f) == ["bad_field"] * len(records)
    places = [f"$[{number}].{name}" for number, name in enumerate(records)]
    assert f.problems["location"].tolist() == places
    assert len(f.runs) == len(records)
    assert f.runs[["agent", "requester"]].isna().sum().tolist() == [1, len(records)]
    assert f.artifacts["summary"].isna().all()


def test_an_end_that_was_lost_is_no_contradiction():
    """One that never came is, also of a step of the same id in another run."""
    runs = numbered(run(step("a", completed_at=end)) for end in (12, None))
    assert words(runkit.frames(runs)) == ["bad_field", "contradiction"]


def test_unknown_words_are_kept_as_they_came():
    """They are appended to the vocabulary and noted."""
    frames = runkit.frames([run(step("a", type="thought", status="paused"), status="queued")])
    assert frames.runs["status"].tolist() == ["queued"]
    assert frames.steps[["type", "status"]].values.tolist() == [["thought", "paused"]]
    known = ["running", "interrupted", "completed", "error"]
    assert frames.runs["status"].cat.categories.tolist() == [*known, "queued"]
    assert words(frames) == ["unknown_value"] * 3
    assert set(frames.problems["severity"]) == {"warning"}


def test_older_status_words_are_read_as_todays():
    """`pending`, `failed`, `graph` and null lists come without a note."""
    old = step("a", status="failed", artifacts=None, steps=None)
    old["graph"] = old.pop("agent")
    older = run(old, status="failed", interrupts=None)
    frames = runkit.frames([older, run(run_id="p", end=None, status="pending")])
    assert frames.runs["status"].tolist() == ["error", "running"]
    assert frames.steps[["agent", "status"]].values.tolist() == [["cip_orchestrator", "error"]]
    assert words(frames) == []


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_the_newest_copy_of_a_duplicated_run_is_kept(order):
    """In all six frames, wherever it stands."""
    copies = [run(step("old"), updated_at=at(1)), run(step("new"), step("newer"), updated_at=at(2))]
    frames = runkit.frames([copies[number] for number in order])
    assert frames.steps["step_id"].tolist() == ["new", "newer"]
    assert words(frames) == ["duplicate_run"]
    assert frames.problems["location"].tolist() == [f"$[{order.index(0)}]"]
    assert frames.missing == ()


def test_the_copy_with_steps_is_kept_of_equally_new_ones():
    """Else the last one given. What it does not say of the run itself the others do."""
    copies = [run(step("first")), run(step("second")), run(thread_id="t", agent="other")]
    f = runkit.frames(copies)
    assert f.steps["step_id"].tolist() == ["second"]
    assert f.runs[["thread_id", "agent"]].values.tolist() == [["t", "cip_orchestrator"]]


def test_a_duplicated_step_is_kept_once():
    """The first is kept; what only the second one carries goes to the first."""
    frames = runkit.frames(run(step("a", 0, 9), step("a", 2, 5, steps=[step("b", 2, 5)])))
    assert frames.steps[["step_id", "duration_s"]].values.tolist() == [["a", 9], ["b", 3]]
    assert frames.steps["parent_step_id"].tolist()[1] == "a"
    assert words(frames) == ["duplicate_step"]


@pytest.mark.parametrize("is_nested", [True, False])
def test_children_of_a_lost_step_move_up_to_its_place(is_nested):
    """Nested or linked, in a step or at the top: one problem, and the tree stays whole."""
    leaf = step("c", parent_step_id="b")
    lost = step("b", parent_step_id="a", type=None, steps=[leaf] if is_nested else [])
    other = step("top", steps=[lost | {"id": "x", "parent_step_id": None, "steps": [step("y")]}])
    others = [step("a", steps=[lost, step("d")]), other | {"status": 7}]
    f = runkit.frames(run(*others, *([] if is_nested else [leaf])))
    tree = f.steps.set_index("step_id")["parent_step_id"].fillna("-").to_dict()
    assert tree == {"a": "-", "c": "a", "d": "a", "y": "-"}
    places = ["$.steps[0].steps[0].type", "$.steps[1].status", "$.steps[1].steps[0].type"]
    assert f.problems["problem"].tolist() == ["bad_field"] * len(f.problems)
    assert f.problems["n"].sum() == 3
    assert set(f.problems["location"]) <= set(places)


def test_one_step_of_a_cycle_stands_at_the_top():
    """All are kept, one of each cycle is noted, and what hangs on them keeps its place."""
    parents = {"a": "b", "b": "a", "c": "c", "d": "a"}
    f = runkit.frames(run(*(step(name, parent_step_id=parents[name]) for name in parents)))
    assert f.steps.set_index("step_id")["depth"].to_dict() == {"a": 0, "b": 1, "d": 1, "c": 0}
    assert words(f) == ["cycle"] * 2


STEP_NOTES = {
    "orphan_step": [step("a", parent_step_id="gone")],
    "parent_disagrees": [step("a", steps=[step("b", parent_step_id="c")]), step("c")],
    "outside_parent": [step("a", 10, 20, steps=[step("b", 5, 15)])],
    "outside_run": [step("a", -5, 50)],
    "ends_before_start": [step("a", 25, 22)],
    "naive_time": [step("a", started_at="2026-02-03T10:00:05")],
}


def test_a_step_that_does_not_fit_is_kept_and_noted():
    """Nesting wins, an orphan is at the top, times are clipped; a time without offset is UTC."""
    f = runkit.frames(numbered(run(*steps) for steps in STEP_NOTES.values()))
    assert words(f) == [*STEP_NOTES]
    assert column(f.steps, "parent_step_id") == [None, None, "a", None, None, "a", *[None] * 3]
    assert f.steps["duration_s"].tolist() == [10, 10, 10, 10, 10, 10, 55, 0, 5]
    assert f.steps["self_s"].tolist()[4:6] == [5, 10]
    assert f.runs["working_s"].tolist()[3:] == [50, 0, 5]


def test_a_run_whose_times_disagree_is_kept_and_noted():
    """A start before the creation has no queue time, and an end before the start is the start."""
    times = [{"created_at": at(5)}, {"ended_at": at(-10)}]
    f = runkit.frames(numbered(run(step("a", 0, 0), **more) for more in times))
    assert words(f) == ["starts_before_created", "ends_before_start"]
    assert column(f.runs, "queued_s")[0] is None
    assert f.runs["ended_at"][1] == f.runs["started_at"][1]


def nested(depth: int) -> dict[str, Any]:
    inner: list[Any] = []
    for number in reversed(range(depth)):
        inner = [step(str(number), 0, 50, steps=inner)]
    return inner[0]


def test_deep_nesting_is_read():
    """255 levels; a deeper run is refused, and the number named."""
    frames = runkit.frames(json.dumps(run(nested(255))).encode())
    assert frames.steps["depth"].tolist() == list(range(255))
    assert frames.steps["critical_s"].sum() == 50
    assert words(frames) == []
    [problem] = runkit.frames(run(nested(256))).problems.to_dict("records")
    assert problem["problem"] == "too_deep"
    assert "255" in problem["detail"]


def test_frames_of_a_cut_list_are_not_complete():
    class Cut(list[Any]):
        missing = ("the newest 1 of 9",)

    frames = runkit.frames(Cut([run()]))
    assert frames.missing == ("the newest 1 of 9",)
    assert words(frames) == []


def test_a_run_that_json_cannot_hold_is_refused():
    """Python objects are subject to the rules of text.

    The problem names the run, and costs no other.
    """
    circle = step("a")
    circle["steps"].append(circle)
    odd = [step("a", result={"x": {1, 2}}), step("a", label="\ud800"), nested(5000), circle]
    f = runkit.frames([*numbered(run(item) for item in odd), run(run_id="good")])
    assert f.problems[["run_id", "problem", "location"]].values.tolist() == [
        [str(number), problem, f"$[{number}]"]
        for number, problem in enumerate(["bad_json", "bad_json", "too_deep", "bad_json"])
    ]
    assert f.missing == ("4 of 5 records refused",)
