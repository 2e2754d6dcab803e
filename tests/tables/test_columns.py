"""Each column of the six frames holds what its field of the API says."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

import runkit
from support import artifact, at, question, run, step

SOURCE = {"url": "https://sos.example.gov/b/1", "source_name": "Register", "source_type": "sos"}
FOUND = artifact(
    "Name",
    id="a-1",
    type="name_check",
    confidence="low",
    summary="Same name",
    sources=[SOURCE | {"source_tier": "primary"}],
)
INNER = step(
    "b", 10, 15, agent="inner", name="look", label="Looking", artifacts=[FOUND], result={"n": 1}
)
PAUSE = question(
    "q",
    40,
    70,
    agent="inner",
    label="Approve?",
    result={"interrupt_id": "int-1", "decision": "decline", "user": "Ana", "note": "old"},
    artifacts=[artifact("Hit", type="dismissal")],
)
LOCAL = {"business_id": "b-1", "business_name": "Namesake Imports LLC", "business_status": "open"}
MORE = {"thread_id": "t-1", "requester": {"id": "u-1", "name": "Ana Ortiz"}, "prompt": "Look"}
PLACE = {"run_id": "r", "artifact_no": 0}
# of the run, its second step, its first artifact, its source and its question
ROWS: dict[str, dict[str, Any]] = {
    "runs": {
        **LOCAL,
        "thread_id": "t-1",
        "requester": "Ana Ortiz",
        "prompt": "Look",
        "status": "completed",
        "agent": "cip_orchestrator",
        "agent_name": "CIP Orchestrator",
        "read_at": at(90),
        "n_copies": 1,
        "created_at": at(-1),
        "updated_at": at(100),
        "started_at": at(0),
        "ended_at": at(100),
        "queued_s": 1,
        "duration_s": 100,
        "working_s": 20,
        "waiting_s": 30,
        "idle_s": 50,
        "n_steps": 3,
        "n_errors": 0,
        "n_questions": 1,
        "n_pending": 0,
        "n_sources": 1,
        "n_findings": 1,
        "has_steps": True,
        "outcome": "Summary",
        "weakest": "Name",
        "confidence": "medium",
    },
    "steps": {
        "run_id": "r",
        "step_id": "b",
        "parent_step_id": "a",
        "step_no": 1,
        "depth": 1,
        "label": "Looking",
        "agent": "inner",
        "type": "activity",
        "name": "look",
        "status": "completed",
        "state": "done",
        "started_at": at(10),
        "completed_at": at(15),
        "duration_s": 5,
        "self_s": 5,
        "critical_s": 5,
        "n_children": 0,
        "n_artifacts": 1,
        "result": '{"n":1}',
    },
    "artifacts": {
        **PLACE,
        "step_id": "b",
        "origin": "finding",
        "is_repeat": False,
        "agent": "inner",
        "title": "Name",
        "type": "name_check",
        "confidence": "low",
        "summary": "Same name",
        "n_sources": 1,
        "best_tier": "primary",
    },
    "sources": {
        **PLACE,
        **SOURCE,
        "source_no": 0,
        "source_tier": "primary",
        "host": "sos.example.gov",
    },
    "interrupts": {
        "run_id": "r",
        "interrupt_id": "int-1",
        "step_id": "q",
        "agent": "inner",
        "business_name": "Namesake Imports LLC",
        "label": "Approve?",
        "kind": "dismissal",
        "proposed": "Hit",
        "n_proposals": 1,
        "outcome": "answered",
        "decision": "decline",
        "answered_by": "Ana",
        "reason": "old",
        "asked_at": at(40),
        "answered_at": at(70),
        "wait_s": 30,
    },
}


@pytest.mark.parametrize("name", ROWS)
def test_each_column_holds_its_field(name):
    output = {"artifacts": [artifact("Summary", confidence="medium")]}
    local = LOCAL | {"business_status_at": at(80), "read_at": at(90)}
    source = run(step("a", 5, 25, steps=[INNER]), PAUSE, output=output, _runkit=local, **MORE)
    row = runkit.frames(source)[name].iloc[int(name == "steps")]
    assert {column: row[column] for column in ROWS[name]} == {
        column: pd.Timestamp(value) if column.endswith(("_at", "as_of")) else value
        for column, value in ROWS[name].items()
    }
