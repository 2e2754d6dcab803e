"""Which question led to each action of the sandbox's agents, as the sandbox itself planned it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pandas as pd
import pytest

import runkit
from runkit.client import Client
from runkit.server import _scenarios, _store
from runkit.server._launch import SandboxServer
from runkit.server._plan import VERDICTS_WITH_ACTION, Plan, id_in
from runkit.server._scenarios import QUESTIONS, TABLES

KEY = ["action_id", "step_id", "interrupt_id", "proposal_no", "settled_by"]


def planned(plan: Plan) -> Iterator[tuple[object, ...]]:
    """The actions of a run in order.

    Each with the step, the interrupt and the proposal that led to it.
    """
    agents = {interrupt.item["id"]: interrupt.questions for interrupt in plan.interrupts}
    number = 0
    for step in [step for step in plan.steps if step.type == "interrupt"]:
        interrupt_id, mode = step.result.get("interrupt_id"), step.result.get("resolution")
        if mode:
            name = step.name.removeprefix("await_")
            verdicts = [(name, getattr(QUESTIONS[name], mode))]
        elif interrupt_id in plan.answers:
            given = plan.answers[interrupt_id].verdicts
            verdicts = [(name, given[agent]) for agent, name in agents[interrupt_id].items()]
        else:
            return
        for proposal_no, (name, verdict) in enumerate(verdicts):
            if QUESTIONS[name].payload is not None and verdict in VERDICTS_WITH_ACTION:
                settled_by = "policy" if mode else "reviewer"
                yield (
                    id_in(plan.spec.id, f"action/{number}"),
                    step.id,
                    interrupt_id,
                    proposal_no,
                    settled_by,
                )
                number += 1


@contextmanager
def equal_proposals(
    monkeypatch: pytest.MonkeyPatch, policy: dict[str, str]
) -> Iterator[SandboxServer]:
    """Start a sandbox whose agents propose the same twice: in one question, and in two of a run.

    And they propose more often than usual. `policy` resolves questions of the combined proposal.
    """
    tin, combined = TABLES.parts["tin"], TABLES.scenarios["combined_proposal"]
    part = tin.model_copy(update={"tasks": tin.tasks[:1], "question": "dismissal"})
    monkeypatch.setitem(TABLES.parts, "hit_twice", part)
    monkeypatch.setattr(combined, "parts", ["hit_twice", "address", "hit"])
    monkeypatch.setattr(TABLES.scenarios["two_questions"], "question", "dismissal")
    for scenario in ("clean_pass", "long_200", "specialist_fails", "tin_mismatch"):
        monkeypatch.setitem(_store.WEIGHTS, scenario, 0)
    monkeypatch.setattr(combined, "policy", policy)
    _scenarios.parts_of.cache_clear()
    server = SandboxServer(history=60, seed=71, now="2026-11-02T10:00:00Z")
    try:
        yield server
    finally:
        server.close()
        _scenarios.parts_of.cache_clear()


def actions_and_truth(server: SandboxServer) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Read the actions of all runs of a sandbox, and those that were planned."""
    with Client(server.key.get_secret_value(), server.url, rate=None) as client:
        listed = client.runs.list(business_id=client.businesses.list(), progress=False)
        f = runkit.frames(client.runs.fetch(listed, progress=False))
        found = runkit.actions(f, client, progress=False)
    rows = [row for run_id in f.runs["run_id"] for row in planned(server.store.plan_of(run_id))]
    return found, pd.DataFrame(rows, columns=KEY).astype(found[KEY].dtypes)
