"""Which question led to each action of the sandbox's agents, as the sandbox itself planned it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pandas as pd
import pytest

import runkit
from runkit.client import Client
from runkit.server import scenarios, store
from runkit.server.launch import SandboxServer
from runkit.server.plan import VERDICTS_WITH_ACTION, Plan, id_in
from runkit.server.scenarios import QUESTIONS, TABLES

KEY = ["action_id", "step_id", "interrupt_id", "proposal_no", "settled_by"]


def planned(plan: Plan) -> Iterator[tuple[str, str, str | None, int, str]]:
    """The actions of a run in order: each with the step, the interrupt and the proposal that led to it."""
    questions = {interrupt.item["id"]: interrupt.questions for interrupt in plan.interrupts}
    number = 0
    for step in plan.steps:
        if step.type != "interrupt":
            continue
        interrupt_id, mode = step.result.get("interrupt_id"), step.result.get("resolution")
        if mode:
            question = step.name.removeprefix("await_")
            verdicts = [(question, getattr(QUESTIONS[question], mode))]
        elif interrupt_id in plan.answers:
            given = plan.answers[interrupt_id].verdicts
            verdicts = [(question, given[agent]) for agent, question in questions[interrupt_id].items()]
        else:
            return
        for proposal_no, (question, verdict) in enumerate(verdicts):
            if QUESTIONS[question].payload is not None and verdict in VERDICTS_WITH_ACTION:
                action_id = id_in(plan.spec.id, f"action/{number}")
                yield action_id, step.id, interrupt_id, proposal_no, "policy" if mode else "reviewer"
                number += 1


def equal_proposals(patch: pytest.MonkeyPatch, policy: dict[str, str] | None = None) -> None:
    """Let agents propose the same twice: in one question, and in two questions one after another.

    And let them propose more often than usual. `policy` resolves questions of the combined proposal.
    """
    tin = TABLES.parts["tin"]
    part = tin.model_copy(update={"tasks": tin.tasks[:1], "question": "dismissal"})
    patch.setitem(TABLES.parts, "hit_twice", part)
    combined = TABLES.scenarios["combined_proposal"]
    patch.setattr(combined, "parts", ["hit_twice", "address", "hit"])
    patch.setattr(combined, "policy", policy or {})
    patch.setattr(TABLES.scenarios["two_questions"], "question", "dismissal")
    for scenario in ("clean_pass", "long_200", "specialist_fails", "tin_mismatch"):
        patch.setitem(store.WEIGHTS, scenario, 0)
    scenarios.parts_of.cache_clear()


@contextmanager
def sandbox(**options: object) -> Iterator[tuple[SandboxServer, Client]]:
    """A sandbox whose plans can be read, and a client without a rate limit."""
    server = SandboxServer(**options)
    try:
        with Client(server.key.reveal(), server.url, rate=None) as client:
            yield server, client
    finally:
        server.close()
        scenarios.parts_of.cache_clear()


def check_joins(server: SandboxServer, client: Client) -> pd.DataFrame:
    """Join all actions of the sandbox's agents; each join must be the planned one, and complete."""
    listed = client.runs.list(business_id=client.businesses.list(), progress=False)
    f = runkit.frames(client.runs.fetch(listed, progress=False), progress=False)
    found = runkit.actions(f, client, progress=False)
    truth = pd.DataFrame(
        [row for run_id in f.runs["run_id"] for row in planned(server.store.plan_of(run_id))], columns=KEY
    )
    joined = found[KEY].merge(truth, on="action_id", how="left", suffixes=("", "_planned"))
    for name in KEY[1:]:
        is_equal = joined[name].astype("object").eq(joined[f"{name}_planned"].astype("object"))
        is_null = joined[name].isna() & joined[f"{name}_planned"].isna()
        assert (is_equal | is_null).all(), joined[~(is_equal | is_null)]
    return found


def results_of(plan: Plan, interrupt_id: str) -> list[str | None]:
    """What the answer to a question led to, by proposal: approved, rejected, or None without an action."""
    [interrupt] = [item for item in plan.interrupts if item.item["id"] == interrupt_id]
    verdicts = plan.answers[interrupt_id].verdicts
    results: list[str | None] = []
    for agent, question in interrupt.questions.items():
        is_done = QUESTIONS[question].payload is not None and verdicts[agent] in VERDICTS_WITH_ACTION
        is_rejection = verdicts[agent] == "rejected"
        results.append(("rejected" if is_rejection else "approved") if is_done else None)
    return results
