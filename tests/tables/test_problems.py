"""Everything that is wrong gets a row, and costs no more than it must."""

from __future__ import annotations

from typing import Any

import pytest

import runkit
from support import artifact, at, run, step

RUN_FIELDS = ["object", "id", "created_at", "updated_at", "status"]
STEP_FIELDS = ["id", "type", "status", "started_at"]


def words(frames: runkit.Frames) -> list[str]:
    problems = frames.problems
    return problems["problem"].astype("str").repeat(problems["n"]).tolist()


def without(record: dict[str, Any], field: str) -> dict[str, Any]:
    return {name: value for name, value in record.items() if name != field}


@pytest.mark.parametrize(
    "record", [None, 3, "run", [], {}, {"object": "thread", "id": "x"}], ids=repr
)
def test_a_record_that_is_no_run_is_refused(record):
    """Its neighbors are kept, and it is counted."""
    frames = runkit.frames([run(run_id="a"), record, run(run_id="b")])
    assert words(frames) == ["not_a_run"]
    assert frames.problems["location"].tolist() == ["$[1]"]
    assert frames.runs["run_id"].tolist() == ["a", "b"]
    assert frames.coverage == (3, 2, 1, None)


@pytest.mark.parametrize("field", RUN_FIELDS)
@pytest.mark.parametrize("value", ["absent", None, 7])
def test_a_run_without_a_required_field_is_refused(field, value):
    """The row names the field; the run's neighbor is kept."""
    good = run(run_id="broken")
    broken = without(good, field) if value == "absent" else good | {field: value}
    frames = runkit.frames([broken, run(run_id="fine")])
    assert words(frames) == ["not_a_run" if field == "object" and value == 7 else "bad_field"]
    assert frames.runs["run_id"].tolist() == ["fine"]
    assert not frames.is_complete


@pytest.mark.parametrize("field", STEP_FIELDS)
@pytest.mark.parametrize("value", ["absent", None, 7, ["x"]])
def test_a_step_without_a_required_field_is_refused(field, value):
    """Its run and its siblings stay, in this run and the next."""
    broken = without(step("x"), field) if value == "absent" else step("x") | {field: value}
    frames = runkit.frames([run(step("a"), broken, run_id="one"), run(step("b"), run_id="two")])
    assert words(frames) == ["bad_field"]
    assert frames.problems["location"].tolist() == [f"$[0].steps[1].{field}"]
    assert frames.steps["step_id"].tolist() == ["a", "b"]
    assert frames.is_complete


@pytest.mark.parametrize(
    ("record", "location", "column"),
    [
        (run(agent=7), "$.agent", ("runs", "agent")),
        (run(requester={"id": "u", "name": 5}), "$.requester.name", ("runs", "requester")),
        (
            run(step("a", completed_at=12, status="running"), end=None),
            *["$.steps[0].completed_at"],
            ("steps", "completed_at"),
        ),
        (
            run(step("a", artifacts=[artifact(summary=3)])),
            "$.steps[0].artifacts[0].summary",
            ("artifacts", "summary"),
        ),
    ],
)
def test_a_broken_optional_field_is_null(record, location, column):
    """The record is kept without it, and the row says where."""
    frames = runkit.frames(record)
    assert words(frames) == ["bad_field"]
    assert frames.problems["location"].tolist() == [location]
    assert getattr(frames, column[0])[column[1]].isna().tolist() == [True]


@pytest.mark.parametrize(
    ("record", "location"),
    [
        (run(steps="none"), "$.steps"),
        (run(output=[]), "$.output"),
        (run(step("a", steps={"b": 1})), "$.steps[0].steps"),
        (run(step("a", artifacts=[artifact(sources=7)])), "$.steps[0].artifacts[0].sources"),
        (run(output={"artifacts": [{"type": "x"}]}), "$.output.artifacts[0].title"),
        (run(interrupts=["?"]), "$.interrupts[0]"),
        (run(step("a", steps=["step"])), "$.steps[0].steps[0]"),
        (run(step(""), step("a"), step("b")), "$.steps[0].id"),
    ],
)
def test_a_broken_list_is_left_out_and_its_run_is_kept(record, location):
    """Lists and objects of the wrong kind are left out and named; the run stays."""
    frames = runkit.frames(record)
    assert words(frames) == ["bad_field"]
    assert frames.problems["location"].tolist() == [location]
    assert len(frames.runs) == 1
    assert frames.steps["depth"].eq(0).all()


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
    assert frames.coverage == (2, 1, 1, None)
    assert frames.is_complete


def test_the_copy_with_steps_is_kept_of_equally_new_ones():
    """Else the last one given."""
    copies = [run(step("first")), run(step("second")), run()]
    assert runkit.frames(copies).steps["step_id"].tolist() == ["second"]


def test_a_duplicated_step_is_kept_once():
    """The first is kept; what only the second one carries goes to the first."""
    frames = runkit.frames(run(step("a", 0, 9), step("a", 2, 5, steps=[step("b", 2, 5)])))
    assert frames.steps[["step_id", "duration_s"]].values.tolist() == [["a", 9], ["b", 3]]
    assert frames.steps["parent_step_id"].tolist()[1] == "a"
    assert words(frames) == ["duplicate_step"]


def test_an_orphan_stands_at_the_top():
    """Nobody knows where it belongs."""
    frames = runkit.frames(run(step("a", parent_step_id="gone")))
    assert frames.steps[["step_id", "depth"]].values.tolist() == [["a", 0]]
    assert words(frames) == ["orphan_step"]


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


def test_nesting_wins_over_parent_step_id():
    """A nested step that names another parent stays where it is nested."""
    frames = runkit.frames(run(step("a", steps=[step("b", parent_step_id="c")]), step("c")))
    assert frames.steps["parent_step_id"].tolist()[1] == "a"
    assert frames.problems[["problem", "step_id"]].values.tolist() == [["parent_disagrees", "b"]]


def test_a_child_outside_its_parent_is_noted():
    """It keeps its own times and is clipped for the parent's self time."""
    frames = runkit.frames(run(step("a", 10, 20, steps=[step("b", 5, 15)])))
    assert frames.steps[["duration_s", "self_s"]].values.tolist() == [[10, 5], [10, 10]]
    assert words(frames) == ["outside_parent"]


def nested(depth: int) -> dict[str, Any]:
    inner: list[Any] = []
    for number in reversed(range(depth)):
        inner = [step(str(number), 0, 50, steps=inner)]
    return inner[0]


@pytest.mark.parametrize("is_text", [True, False])
def test_deep_nesting_is_read(is_text):
    """255 levels, from text and from objects; a deeper run is refused, and the number named."""
    source: Any = run(nested(255))
    frames = runkit.frames(runkit.Run.from_json(source).to_json().encode() if is_text else source)
    assert frames.steps["depth"].tolist() == list(range(255))
    assert frames.steps["critical_s"].sum() == 50
    assert words(frames) == []
    [problem] = runkit.frames(run(nested(256))).problems.to_dict("records")
    assert problem["problem"] == "too_deep"
    assert "255" in problem["detail"]


def test_frames_of_a_cut_list_are_not_complete():
    """A source that says why it is not whole makes frames that are not complete."""

    class Cut(list[Any]):
        why = "limit=1 cut the list at 1 of 9"

    frames = runkit.frames(Cut([run()]))
    assert not frames.is_complete
    assert words(frames) == ["truncated"]
    assert "limit=1" in repr(frames)


def cyclic() -> dict[str, Any]:
    """A step that is among its own steps."""
    item = step("a")
    item["steps"].append(item)
    return item


@pytest.mark.parametrize(
    ("odd", "problem"),
    [
        (step("a", result={"x": {1, 2}}), "bad_json"),
        (step("a", label="\ud800"), "bad_json"),
        (nested(5000), "too_deep"),
        (cyclic(), "bad_json"),
    ],
    ids=["set", "half a pair", "5,000 levels", "cycle"],
)
def test_a_run_that_json_cannot_hold_is_refused(odd, problem):
    """Python objects are subject to the rules of text.

    The problem names the run, and costs no other.
    """
    frames = runkit.frames([run(odd, run_id="odd"), run(run_id="good")])
    assert frames.problems[["run_id", "problem", "location"]].values.tolist() == [
        ["odd", problem, "$[0]"]
    ]
    assert frames.coverage == (2, 1, 1, None)
