"""Everything that is wrong gets a row, and costs no more than it must."""

from __future__ import annotations

from typing import Any

import pytest

import runkit
from runkit.errors import DataError
from support import artifact, at, column, numbered, question, run, step


def words(frames: runkit.Frames) -> list[str]:
    problems = frames.problems
    return problems["problem"].astype("str").repeat(problems["n"]).tolist()


BROKEN = {
    "agent": run(agent=7),
    "requester.name": run(requester={"id": "u", "name": 5}),
    "steps[0].completed_at": run(step("a", completed_at=12)),
    "steps[0].started_at": run(step("a", started_at="soon")),
    "steps[0].label": run(step("a", label=["x"])),
    "steps[0].artifacts": run(step("a", artifacts={"b": 1})),
    "steps[0].artifacts[0].summary": run(step("a", artifacts=[artifact(summary=3)])),
    "steps[0].artifacts[0].sources": run(step("a", artifacts=[artifact(sources=7)])),
    "output": run(output=[]),
    "interrupts": run(interrupts="?"),
}


def test_a_broken_optional_field_is_null():
    """The run and its steps stay, and the row says where."""
    f = runkit.frames(numbered(BROKEN.values()))
    first = f.problems.drop_duplicates("run_id")  # a step that lost its end has a second row
    assert first["run_id"].tolist() == [*f.runs["run_id"]]
    places = [f"$[{number}].{name}" for number, name in enumerate(BROKEN)]
    assert first["location"].tolist() == places
    assert f.runs["has_steps"].sum() == sum(bool(raw["steps"]) for raw in BROKEN.values())
    assert f.runs[["agent", "requester"]].isna().sum().tolist() == [1, len(BROKEN)]
    assert f.artifacts["summary"].isna().all()
    assert not f.missing or all("without steps" in reason for reason in f.missing)


def test_unknown_words_are_kept_as_they_came():
    """They are appended to the vocabulary and noted."""
    f = runkit.frames([run(step("a", type="thought", status="paused"), status="queued")])
    assert f.runs["status"].tolist() == ["queued"]
    assert f.runs["status"].cat.categories[-1] == "queued"
    assert f.steps[["type", "status"]].values.tolist() == [["thought", "paused"]]
    assert words(f) == ["unknown_word"] * 3


def test_words_of_the_first_documentation_come_without_a_note():
    """`pending`, `failed`, `graph` and null lists; the words stay."""
    old = step("a", status="failed", artifacts=None, steps=None)
    old["graph"] = old.pop("agent")
    f = runkit.frames(
        [
            run(old, status="failed", interrupts=None),
            run(run_id="p", end=None, status="pending"),
        ]
    )
    assert f.runs["status"].tolist() == ["failed", "pending"]
    assert f.steps[["agent", "status", "state"]].values.tolist() == [
        ["cip_orchestrator", "failed", "failed"]
    ]
    assert f.runs["n_errors"].tolist()[0] == 1
    assert words(f) == []


def test_a_run_whose_times_disagree_is_kept_and_noted():
    """A start before the creation has no queue time, and an end before the start no length."""
    times = [{"created_at": at(5)}, {"ended_at": at(-10), "updated_at": at(-1)}]
    f = runkit.frames(numbered(run(step("a", 0, 0), **more) for more in times))
    assert words(f) == ["contradiction"]
    assert column(f.runs, "queued_s") == [None, 1]
    assert column(f.runs, "duration_s") == [100, None]


LENGTHS = {
    "ends before it starts": (step("a", 25, 22), {}),
    "completed without an end": (step("a", 25, None, status="completed"), {}),
    "open in an ended run": (step("a", 25, None), {}),
    "without a start": (step("a", started_at=None), {}),
    "settled by policy without an end": (
        question("a", 25, None, result={"resolution": "skip"}),
        {"status": "running", "ended_at": None},
    ),
}


@pytest.mark.parametrize("name", LENGTHS)
def test_a_length_that_nobody_knows_is_null_everywhere(name):
    made, more = LENGTHS[name]
    f = runkit.frames(run(step("ok", 0, 20), made, **more))
    assert column(f.steps, "duration_s") == [20, None]
    assert f.steps["critical_s"].isna().all()
    assert f.runs[["working_s", "waiting_s", "idle_s"]].isna().all(axis=None)
    assert f.runs["duration_s"].tolist() == [100]


def test_the_problems_of_a_run_are_its_own():
    """One row for each kind in a run, with how many; also when it is selected."""

    def odd(run_id: str, n: int) -> dict[str, Any]:
        return run(*(step(f"{run_id}-{k}", type="tool_call") for k in range(n)), run_id=run_id)

    f = runkit.frames([odd("a", 3), run(step("ok"), run_id="clean"), odd("b", 2)])
    assert f.problems[["run_id", "n"]].values.tolist() == [["a", 3], ["b", 2]]
    n_of = {run_id: f.select(run_id).problems["n"].sum() for run_id in f.runs["run_id"]}
    assert n_of == {"a": 3, "clean": 0, "b": 2}


def test_problems_of_an_older_copy_are_no_problems_of_the_run():
    older = run(step("x", type="thought"), run_id="a")
    newer = run(step("ok"), run_id="a", updated_at=at(500))
    for f in (
        runkit.frames([older, newer]),
        runkit.frames([runkit.frames(older), runkit.frames(newer)]),
    ):
        assert f.problems.empty
        assert f.runs["n_copies"].tolist() == [2]


def test_python_objects_that_json_cannot_hold_cost_no_other_run():
    circle = step("a")
    circle["steps"].append(circle)
    odd = [step("a", result={"x": {1, 2}}), step("a", label="\ud800"), circle]
    f = runkit.frames([*numbered(run(item) for item in odd), run(step("ok"), run_id="good")])
    assert "good" in set(f.runs["run_id"])
    assert {"0", "2"} <= set(f.problems["run_id"])


def test_frames_of_a_cut_list_are_not_complete():
    class Cut(list[Any]):
        missing = ("the newest 1 of 9",)

    f = runkit.frames(Cut([run(step("a"))]))
    assert f.missing == ("the newest 1 of 9",)
    assert words(f) == []


def test_a_source_of_which_all_is_refused_raises_with_the_problems():
    with pytest.raises(DataError) as caught:
        runkit.frames([{"id": "x"}, 7])
    assert column(caught.value.problems, "run_id") == ["x", None]
