"""A run is read, or it is not: what a run must have, what is null, and when it has no steps."""

from __future__ import annotations

import json
from typing import Any

import pytest

import runkit
from runkit.errors import DataError
from support import artifact, at, column, question, run, step

REQUIRED = ("id", "created_at", "updated_at", "status")
GOOD = run(step("g"), run_id="good")


@pytest.mark.parametrize("name", REQUIRED)
@pytest.mark.parametrize("value", [None, 7, "absent"])
def test_a_record_without_a_required_field_is_refused(name, value):
    """One problem row with its id if it has one, and a reason of `missing`."""
    record = run(step("a"), run_id="broken") | {name: value}
    if value == "absent":
        del record[name]
    f = runkit.frames([GOOD, record])
    assert f.runs["run_id"].tolist() == ["good"]
    assert column(f.problems, "run_id") == [None if name == "id" else "broken"]
    assert [*f.missing] == ["1 of 2 records refused"]
    with pytest.raises(DataError, match=name):
        runkit.frames([record])


@pytest.mark.parametrize("record", [None, 3, True, [], {}, {"object": "thread", "id": "x"}])
def test_a_record_that_is_no_run_is_refused(record):
    f = runkit.frames([record, GOOD])
    assert f.runs["run_id"].tolist() == ["good"]
    assert len(f.problems) == 1
    assert [*f.missing] == ["1 of 2 records refused"]


def test_a_refused_line_is_named_by_file_and_line(tmp_path):
    """A line that is no JSON costs only itself; a document that is none is one bad record."""
    lines = [json.dumps(GOOD), '{"id": "cut', json.dumps(run(run_id="last"))]
    path = tmp_path / "log.ndjson"
    path.write_text("\n".join(lines))
    (tmp_path / "page.json").write_text('{"data": [')
    f = runkit.frames(tmp_path)
    assert sorted(f.runs["run_id"]) == ["good", "last"]
    assert any("log.ndjson:2" in place for place in f.problems["location"])
    assert next(iter(f.missing)) == "2 of 4 records refused"


DEEP = step("255", 0, 5)
for depth in reversed(range(255)):
    DEEP = step(str(depth), 0, 5, steps=[DEEP])
BREACHES: dict[str, list[Any]] = {
    "none": [step("a"), 7],
    "no id": [step("a"), {"label": "b"}],
    "id twice": [step("a"), step("a")],
    "id twice, nested": [step("a", steps=[step("a")])],
    "unknown parent": [step("a"), step("b", parent_step_id="gone")],
    "cycle": [step("a", parent_step_id="b"), step("b", parent_step_id="a"), step("c")],
    "its own parent": [step("a", parent_step_id="a")],
    "too deep": [DEEP],
    "none, nested": [step("a", steps=["b"])],
}


@pytest.mark.parametrize("steps", BREACHES.values(), ids=BREACHES)
def test_steps_that_are_no_tree_are_not_read(steps):
    """The run stays, its steps do not: all that is derived from them is null, one row says why."""
    f = runkit.frames([run(*steps, run_id="r"), GOOD])
    row = f.runs.set_index("run_id").loc["r"]
    assert not row["has_steps"]
    derived = ["n_steps", "n_errors", "n_findings", "n_sources", "working_s", "waiting_s", "idle_s"]
    assert row[derived].isna().all()
    assert row["duration_s"] == 100
    assert f.steps["run_id"].unique().tolist() == ["good"]
    assert f.problems["run_id"].tolist() == ["r"]
    assert [*f.missing] == ["1 run without steps, 1 of them refused"]


def test_255_levels_are_read():
    f = runkit.frames(run(DEEP["steps"][0]))
    assert f.steps["depth"].tolist() == list(range(255))
    assert f.problems.empty


def test_a_breach_in_steps_costs_no_question():
    """What waits stands in `interrupts`, and can be answered."""
    asked = [{"id": "int-1", "value": {"label": "Approve?"}}]
    f = runkit.frames(run(7, step("a"), end=None, status="interrupted", interrupts=asked))
    assert f.interrupts[["interrupt_id", "label", "outcome"]].values.tolist() == [
        ["int-1", "Approve?", "pending"]
    ]


@pytest.mark.parametrize("value", ["absent", None, []])
def test_steps_that_were_not_delivered_are_no_problem(value):
    """Nor an empty list of them, whatever the status of the run."""
    runs = [
        run(run_id=status, status=status, steps=value)
        for status in ("completed", "error", "running")
    ]
    for raw in runs:
        if value == "absent":
            del raw["steps"]
    f = runkit.frames(runs)
    assert not f.runs["has_steps"].any()
    assert f.problems.empty
    assert [*f.missing] == ["3 runs without steps"]


def test_a_broken_list_is_null_and_costs_no_step():
    """Of interrupts, artifacts and sources alike; the question of the step stays."""
    found = artifact(sources="none")
    steps = [step("a", artifacts=[found]), step("b", artifacts=7), question("q", 5, None)]
    f = runkit.frames(run(*steps, end=None, status="interrupted", interrupts="none"))
    assert column(f.steps, "n_artifacts") == [1, None, 0]
    assert column(f.artifacts, "n_sources") == [None]
    assert f.interrupts[["step_id", "outcome"]].values.tolist() == [["q", "pending"]]
    assert f.problems["n"].sum() == 3


def test_states_of_one_run_are_no_problem():
    """The newest counts, at a tie the one with steps, then the later; the others are counted."""
    states = [
        run(step("old"), updated_at=at(50)),
        run(step("first"), updated_at=at(90)),
        run(step("second"), updated_at=at(90)),
        run(updated_at=at(90)),
    ]
    for order in (states, states[::-1]):
        f = runkit.frames([*order, GOOD])
        kept = "second" if order is states else "first"
        assert f.steps["step_id"].tolist() == [kept, "g"]
        assert f.runs["n_copies"].tolist() == [4, 1]
        assert f.problems.empty
        assert [*f.missing] == []
