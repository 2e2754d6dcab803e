"""Runs that have only the fields of the API's object page."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

import runkit
from support import (
    Json,
    artifact,
    column,
    numbered,
    object_page_form,
    question,
    run,
    step,
)


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


# ----------------------------------------------------------------------------------- contradictions


# --------------------------------------------------------------------------------- unknown is not 0
