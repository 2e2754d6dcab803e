"""Small fleets of questions, for decisions, samples and labels."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any, NamedTuple

import pandas as pd

import runkit
from analysis.api import action, client_of
from support import START, artifact, question, run

ANSWERS: dict[str, dict[str, Any]] = {
    "approved": {"decision": "approve"},
    "rejected": {"decision": "reject"},
    "edited": {"decision": "approve", "actions": []},
    "unknown": {"decision": "maybe"},
}


class Case(NamedTuple):
    """A run with one question: what the data, the answer log and an action tell of its answer."""

    outcome: str = "answered"
    asked_s: float = 0
    wait_s: float = 9
    kind: str = "dismissal"
    agent: str | None = "agent_a"
    answer: str | None = None
    reviewer: str = "Ana Ortiz"
    shown_s: float | None = None
    n_opened: int = 0
    status_after: str | None = None
    is_listed: bool = True
    is_running: bool = False
    has_wait: bool = True
    confidence: str | None = "high"
    business: str | None = None
    decision: str | None = None
    title: str = "Same name"
    parts: tuple[str, ...] = ()


def raw(number: int, case: Case) -> dict[str, Any]:
    """The run of a question, as the API would send it."""
    ended_s = case.asked_s + case.wait_s
    is_open = case.outcome == "pending" or (case.outcome == "answered" and case.is_running)
    result = {"interrupt_id": f"int-{number}"}
    if case.outcome in ("auto_approve", "skip"):
        result = {"resolution": case.outcome}
    if case.decision:
        result |= {"decision": case.decision, "reviewer": "Ana Ortiz"}
    pause = question(
        f"s{number}",
        case.asked_s,
        None if case.outcome in ("pending", "lapsed") else ended_s,
        agent=case.agent,
        label=f"Question {number}",
        artifacts=[
            artifact(case.title, type=kind, confidence=case.confidence, summary="Seen.")
            for kind in case.parts or [case.kind]
        ],
        result=result,
    )
    statuses = {"pending": "interrupted", "lapsed": "error"}
    status = statuses.get(case.outcome, "running" if is_open else "completed")
    local = {"business_id": case.business or "b"} if case.is_listed or case.business else {}
    if case.has_wait:
        local["read_at"] = (START + timedelta(seconds=ended_s)).isoformat()
    return run(
        pause,
        run_id=f"{number:08}-run",
        end=None if is_open else ended_s,
        status=status,
        _runkit=local,
    )


def frames_of(cases: list[Case]) -> runkit.Frames:
    """The frames of some questions."""
    return runkit.frames([raw(number, case) for number, case in enumerate(cases)])


def log_of(cases: list[Case]) -> pd.DataFrame:
    """The answer log: each sent so many seconds after the form was shown, or without a form."""
    rows = [(n, case) for n, case in enumerate(cases) if case.answer]
    sent_at = pd.Timestamp(START) + pd.Timedelta(days=1)
    shown = [case.shown_s and sent_at - pd.Timedelta(case.shown_s, "s") for _, case in rows]
    log = {
        "run_id": [f"{n:08}-run" for n, _ in rows],
        "step_id": [f"s{n}" for n, _ in rows],
        "answer": [json.dumps(ANSWERS[case.answer]) for _, case in rows],
        "answered_by": [case.reviewer for _, case in rows],
        "shown_at": pd.to_datetime(shown, utc=True),
        "n_sources_opened": pd.Series([case.n_opened for _, case in rows], dtype="Int32"),
    }
    made = pd.DataFrame(log).assign(interrupt_id="i", delivery="confirmed", sent_at=sent_at)
    return made.assign(run_created_at=pd.Series(pd.NaT, made.index, "datetime64[us, UTC]"))


def actions_of(cases: list[Case], f: runkit.Frames, has_hit: bool = True) -> pd.DataFrame:
    """Read the actions of these runs."""
    done = [
        action(
            n,
            case.asked_s + case.wait_s + 60,
            case.kind,
            case.status_after,
            run={"id": f"{n:08}-run"},
        )
        for n, case in enumerate(cases)
        if case.status_after
    ]
    with client_of(*done, has_hit=has_hit) as client:
        return runkit.actions(f, client)
