"""What is wrong gets a row that says where, and costs no more than it must."""

from __future__ import annotations

import json

import pytest

import runkit
from support import artifact, at, numbered, question, run, step

GOOD = run(step("g"), run_id="good")
BROKEN = {
    "agent": run(agent=7),
    "requester.name": run(requester={"id": "u", "name": 5}),
    "steps[0].completed_at": run(step("a", completed_at=12)),
    "steps[0].label": run(step("a", label=["x"])),
    "steps[0].artifacts": run(step("a", artifacts={"b": 1})),
    "steps[0].artifacts[0].summary": run(step("a", artifacts=[artifact(summary=3)])),
    "steps[0].artifacts[0].sources": run(step("a", artifacts=[artifact(sources=7)])),
    "output": run(output=[]),
    "interrupts": run(interrupts="?"),
}
ODD = [
    (run(status="Completed"), "", "unknown_word"),
    (run(step("a", status="shelved")), ".steps", "unknown_word"),
    (run(step("a", type="Interrupt")), ".steps", "unknown_word"),
    (run(end=-5), "", "contradiction"),
    (run(end=None, status="completed"), "", "contradiction"),
    (run(end=9, status="running"), "", "contradiction"),
    (run(created_at=at(5)), "", "contradiction"),
    (run(step("a", 10, 5)), ".steps", "contradiction"),
    (run(step("a", 0, None, status="completed")), ".steps", "contradiction"),
    (run(step("a", 0, None)), ".steps", "contradiction"),  # of a run that has ended
    (run(step("a", -5, 10)), ".steps", "contradiction"),  # outside its run
    (run(step("a", 0, 9), end=5), ".steps", "contradiction"),
]


def test_an_unknown_word_and_a_contradiction_are_named_and_keep_the_run():
    f = runkit.frames(numbered(raw for raw, *_ in ODD))
    assert len(f) == len(ODD)
    problems = f.problems.sort_values("run_id", key=lambda ids: ids.astype(int))
    expected = [[f"$[{number}]{place}", kind] for number, (_, place, kind) in enumerate(ODD)]
    assert problems[["location", "problem"]].to_numpy().tolist() == expected


def test_a_broken_optional_field_is_named_by_its_place():
    f = runkit.frames(numbered(BROKEN.values()))
    first = f.problems.drop_duplicates("run_id")  # a step that lost its end has a second row
    assert first["run_id"].tolist() == [*f.runs["run_id"]]
    places = [f"$[{number}].{name}" for number, name in enumerate(BROKEN)]
    assert first["location"].tolist() == places


@pytest.mark.parametrize("record", [None, 3, True, [], {}, {"object": "thread", "id": "x"}])
def test_a_record_that_is_no_run_is_refused(record):
    f = runkit.frames([record, GOOD])
    assert f.runs["run_id"].tolist() == ["good"]
    assert len(f.problems) == 1
    assert [*f.missing] == ["1 of 2 records refused"]


def test_a_refused_line_is_named_by_file_and_line(tmp_path):
    """A line that is no JSON costs only itself; a document that is none is one bad record."""
    lines = [json.dumps(GOOD), "no JSON", json.dumps(run(run_id="last"))]
    path = tmp_path / "log.ndjson"
    path.write_text("\n".join(lines))
    (tmp_path / "page.json").write_text('{"data": [')
    f = runkit.frames(tmp_path)
    assert sorted(f.runs["run_id"]) == ["good", "last"]
    assert any("log.ndjson:2" in place for place in f.problems["location"])
    assert next(iter(f.missing)) == "2 of 4 records refused"


def test_steps_that_are_no_tree_are_one_row_that_names_the_first_breach():
    f = runkit.frames([run(step("a1"), step("a1"), run_id="r"), GOOD])
    assert f.steps["run_id"].unique().tolist() == ["good"]
    [row] = f.problems.to_dict("records")
    assert (row["run_id"], row["location"]) == ("r", "$[0].steps")
    assert "a1" in row["detail"]
    assert [*f.missing] == ["1 run without steps, 1 of them refused"]


def test_255_levels_of_steps_are_read():
    inner = step("254", 0, 5)
    for depth in reversed(range(254)):
        inner = step(str(depth), 0, 5, steps=[inner])
    f = runkit.frames(run(inner))
    assert f.steps["depth"].tolist() == list(range(255))
    assert f.problems.empty


def test_of_a_run_in_several_frames_the_newest_state_counts():
    """With its own problems, and none of an older one."""
    states = run(step("x", type="thought")), run(step("ok"), updated_at=at(500))
    f = runkit.frames([*map(runkit.frames, states)])
    assert f.problems.empty
    assert f.runs["n_copies"].tolist() == [2]


@pytest.mark.parametrize(
    ("raw", "state"),
    [
        (run(question("q", 10, None, status="error"), end=None, status="interrupted"), "waiting"),
        (run(step("a", 5, 5)), "done"),
    ],
)
def test_a_failed_question_that_waits_and_a_step_of_no_length_are_no_contradiction(raw, state):
    f = runkit.frames(raw)
    assert f.steps["state"].tolist() == [state]
    assert f.problems.empty
