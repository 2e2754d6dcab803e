"""Runs that have only the fields of the API's object page."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

import runkit
from support import (
    Json,
    artifact,
    at,
    column,
    example,
    numbered,
    object_page_form,
    question,
    run,
    step,
)
from tables.test_problems import words


def page(*steps: Json, **more: Any) -> Json:
    """A run in the form of the object page."""
    return object_page_form(run(*steps)) | more


def output_step(name: str, *artifacts: Json, **more: Any) -> Json:
    return step(name, 50, 90, type="output", artifacts=list(artifacts), **more)


def test_the_object_page_form_gives_the_outcomes_of_whole_runs():
    """Every agent is known; outcomes, confidences and errors are those of the whole runs."""
    with runkit.sandbox(history=20) as box, box.client(rate=None) as client:
        raws = [item.to_dict() for item in client.runs.fetch(client.runs.list(), progress=False)]
    whole = runkit.frames(raws)
    cut = runkit.frames([object_page_form(raw) for raw in raws])
    columns = ["run_id", "agent", "agent_name", "status", "outcome", "confidence"]
    columns += ["n_errors", "n_pending"]
    pd.testing.assert_frame_equal(cut.runs[columns], whole.runs[columns])
    assert cut.runs[["agent", "outcome"]].notna().all(axis=None)
    assert cut.artifacts["origin"].tolist() == whole.artifacts["origin"].tolist()
    assert len(cut.problems) == 0


def test_artifacts_of_an_output_step_are_the_output():
    f = runkit.frames(example("object_page"))
    assert f.artifacts[["title", "origin"]].values.tolist() == [
        ["TIN Verification Result", "step"],
        ["CIP summary", "output"],
    ]
    assert f.artifacts["step_id"].tolist() == f.steps["step_id"].tolist()
    assert f.runs[["agent", "outcome", "confidence"]].values.tolist() == [
        ["cip_orchestrator", "CIP summary", "low"]
    ]


def test_only_top_level_output_steps_of_a_completed_run_are_its_output():
    nested = step("a", 0, 40, steps=[output_step("b", artifact("Specialist"))])
    f = runkit.frames(
        page(nested, output_step("c", artifact("First")), output_step("d", artifact("Last")))
    )
    origins = dict(zip(f.artifacts["title"], f.artifacts["origin"], strict=True))
    assert origins == {"Specialist": "step", "First": "output", "Last": "output"}
    assert f.runs["outcome"].tolist() == ["Last +1"]
    failed = runkit.frames(page(output_step("c", artifact("First")), status="error"))
    assert failed.artifacts["origin"].tolist() == ["step"]


def test_an_output_step_repeats_the_output_of_the_run():
    """It counts once; another artifact of that step is a finding."""
    step_with_both = output_step("o", artifact("Summary", summary="x"), artifact("More"))
    f = runkit.frames(run(step_with_both, output={"artifacts": [artifact("Summary")]}))
    rows = f.artifacts[["title", "origin", "is_repeat"]].values.tolist()
    assert rows == [
        ["Summary", "step", True],
        ["More", "step", False],
        ["Summary", "output", False],
    ]


def test_the_agent_is_that_of_the_first_top_level_step():
    cases = [
        ([step("a", agent="first"), step("b", agent="second")], "first"),
        ([step("a", agent=None), step("b", agent="second")], "second"),
        ([step("c", agent="child", parent_step_id="a"), step("a", agent="parent")], "parent"),
        ([{**step("a", agent=None), "graph": "old_name"}], "old_name"),
        ([step("a", agent=None)], None),
    ]
    runs = [run(*steps, agent=None) for steps, _ in cases]
    agents = [agent for _, agent in cases]
    assert column(runkit.frames(numbered(runs)).runs, "agent") == agents
    assert [runkit.Run.from_json(raw).agent for raw in runs] == agents
    assert runkit.Run.from_json(runs[0] | {"agent": "own"}).agent == "own"


# ----------------------------------------------------------------------------------------- failures


def failed(step_id: str, start: float = 0, end: float = 10, **more: Any) -> Json:
    return step(step_id, start, end, status="error", **more)


def error(step_id: str, when: float, label: str) -> Json:
    return step(step_id, when, when, type="error", status="error", label=label)


def test_an_error_stands_at_the_step_that_is_its_cause():
    """A step fails by its type or its status; a failed step without a failed child is a cause."""
    cases = [
        ([failed("a", label="Look")], {"a": "Look failed"}),
        ([error("e", 5, "No answer")], {"e": "No answer"}),
        ([failed("a", steps=[error("e", 10, "No answer")])], {"a": "No answer"}),
        ([failed("a", steps=[failed("b", label="Look")])], {"b": "Look failed"}),
        ([failed("a", steps=[failed("b")]), error("e", 10, "No answer")], {"b": "No answer"}),
        ([step("a", type="error")], {"a": "Step a"}),
        ([failed("a", label=" ", name="look")], {"a": "look failed"}),
        ([failed("a", label=None, name=None)], {"a": "activity failed"}),
        ([failed("q", type="interrupt")], {}),
        ([step("a")], {}),
    ]
    f = runkit.frames(numbered(page(*steps, status="error") for steps, _ in cases))
    errors = [errors for _, errors in cases]
    for run_id, expected in enumerate(errors):
        known = f.steps[f.steps["run_id"] == str(run_id)].dropna(subset="error")
        assert dict(zip(known["step_id"], known["error"], strict=True)) == expected
    assert f.runs["n_errors"].tolist() == [*map(len, errors)]
    assert column(f.runs, "outcome") == [next(iter(known.values()), None) for known in errors]


# ---------------------------------------------------------------------------------------- questions


def waiting(*steps: Json, items: list[Any]) -> Json:
    return object_page_form(run(*steps, end=None)) | {"status": "interrupted", "interrupts": items}


def rows(f: runkit.Frames) -> list[list[Any]]:
    return f.interrupts[["interrupt_id", "step_id", "label", "outcome"]].fillna("").values.tolist()


def test_an_item_without_a_value_is_the_question_itself():
    item = {"id": "i", "label": "Dismiss it?", "agent": "x"}
    item |= {"artifacts": [artifact("Hit", type="dismissal")]}
    source = waiting(question("q", 10, None, agent="x", label="Dismiss it?"), items=[item])
    f = runkit.frames(source)
    assert rows(f) == [["i", "q", "Dismiss it?", "pending"]]
    assert f.interrupts["kind"].tolist() == ["dismissal"]
    assert f.artifacts[["title", "origin", "interrupt_id"]].values.tolist() == [
        ["Hit", "proposal", "i"]
    ]
    assert len(f.problems) == 0
    [parsed] = runkit.Run.from_json(source).interrupts
    assert (parsed.id, parsed.value["artifacts"]) == ("i", item["artifacts"])


@pytest.mark.parametrize(
    "item", [{"label": "Is it so?"}, {"id": 7, "value": {"label": "Is it so?"}}]
)
def test_a_question_without_an_id_is_one_pending_row(item):
    f = runkit.frames(waiting(question("q", 10, None, label="Is it so?"), items=[item]))
    assert rows(f) == [["", "q", "Is it so?", "pending"]]
    assert f.runs[["n_pending", "outcome"]].values.tolist() == [[1, "Is it so?"]]
    assert runkit.Run.from_json(waiting(items=[{"label": "Is it so?"}])).interrupts[0].id is None


def test_questions_without_an_id_are_not_paired_by_their_position():
    """Two that look alike are not told apart; two that differ are."""
    steps = [question(name, 10, None, label="Same?", agent="x") for name in ("p", "q")]
    f = runkit.frames(waiting(*steps, items=[{"label": "Same?", "agent": "x"}] * 2))
    assert [row[1] for row in rows(f)] == ["p", "q", "", ""]
    assert words(f) == ["unpaired_interrupt"] * 2
    steps = [question(name, 10, None, label=name, agent="x") for name in ("p", "q")]
    f = runkit.frames(waiting(*steps, items=[{"label": name, "agent": "x"} for name in ("q", "p")]))
    assert [row[1] for row in rows(f)] == ["p", "q"]
    assert words(f) == []


# ----------------------------------------------------------------------------------- contradictions


def test_a_contradiction_is_noted():
    sources = {
        "running, but completed_at": page(step("a", 0, 5, status="running")),
        "completed, without completed_at": page(step("a", 0, None, status="completed")),
        "has not ended, but its run": page(step("a", 0, None)),
        "run_id is not that": page(step("a", run_id="of another run")),
        "question of status error": page(question("q", 0, 5, status="error")),
        "neither interrupts nor steps": page(status="interrupted", ended_at=None),
    }
    f = runkit.frames(numbered(sources.values()))
    assert words(f) == ["contradiction"] * 6
    assert all(map(str.__contains__, f.problems["detail"], sources))
    assert set(f.problems["severity"]) == {"warning"}


def test_a_question_of_status_error_has_lapsed():
    f = runkit.frames(page(question("q", 10, 30, status="error")))
    assert f.interrupts[["outcome", "wait_s"]].values.tolist() == [["lapsed", 20]]
    assert f.interrupts["answered_at"].isna().all()


# --------------------------------------------------------------------------------- unknown is not 0


def test_a_wait_of_unknown_length_is_null():
    """In a plain file nobody knows when an open run was read.

    With a time of reading, it is known.
    """
    source = waiting(question("q", 10, None), items=[{"id": "q"}])
    f = runkit.frames([source, page(step("a"), id="other")])
    assert f.interrupts["wait_s"].isna().tolist() == [True]
    assert "1 open run without a time of reading; pass as_of" in repr(f)
    assert "pass as_of" not in repr(runkit.frames(source, as_of=at(5)))
    known = runkit.frames(source | {"_runkit": {"read_at": at(70)}})
    assert known.interrupts["wait_s"].tolist() == [60]
    assert "time of reading" not in repr(known)
