"""Which question led to each action of the sandbox's agents, as the sandbox itself planned it."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator
from contextlib import contextmanager

import orjson
import pandas as pd
import pytest

import runkit
from runkit.client import Client
from runkit.server import _store
from runkit.server._accounts import Json
from runkit.server._launch import SandboxServer
from runkit.server._recordings import Recording, SeededBusiness, packaged
from runkit.server._replay import PlacedRun
from support import at, question, run, step

KEY = ["action_id", "step_id", "interrupt_id", "proposal_no", "settled_by"]


def planned(placed: PlacedRun) -> Iterator[tuple[object, ...]]:
    """The actions of a run in order.

    Each with the step, the interrupt and the proposal that led to it.
    """
    pauses = {(pause.asked_at, pause.answered_at): pause for pause in placed.interrupts}
    steps = {}
    for item in placed.steps:
        if item.running["type"] == "interrupt":
            pause = pauses.get((item.start, item.end))
            steps[pause and pause.item["id"]] = item, pause
    for action in placed.actions:
        interrupt_id = action.get("interrupt_id")
        asked, pause = steps[interrupt_id]
        number = [*pause.questions].index(action.get("agent")) if pause else 0
        settled_by = "reviewer" if pause else "policy"
        yield action["id"], asked.done["id"], interrupt_id, number, settled_by


def dismissal(agent: str) -> Json:
    """A proposal, the same for each agent."""
    proposal = {"title": "Another person", "type": "dismissal", "sources": []}
    return {"type": "dismissal", "agent": agent, "label": "Dismiss?", "artifacts": [proposal]}


def recording(groups: list[list[str]], verdicts: list[str], policy: bool) -> Recording:
    """A run whose agents propose dismissals, group after group; the policy may settle the first."""
    steps, actions, answers = [], [], {}
    words = iter(verdicts)
    for number, agents in enumerate(groups):
        start = 100 * number
        is_policy = policy and number == 0
        interrupt_id = f"q{number}"
        value = dismissal(agents[0])
        if len(agents) > 1:
            value = {"type": "combined_proposal", "proposals": [*map(dismissal, agents)]}
        asked = question(interrupt_id, start, start + 50, label="Dismiss?")
        asked["artifacts"] = [item["artifacts"][0] for item in map(dismissal, agents)]
        asked["result"] = {"resolution": "auto_approve"}
        if not is_policy:
            asked["result"] = {"interrupt_id": interrupt_id}
            asked["asked"] = {"id": interrupt_id, "value": value}
            answers[interrupt_id] = {agent: next(words) for agent in agents}
        steps += [asked, step(f"s{number}", start + 55, start + 90)]
        for agent in agents:
            if is_policy or answers[interrupt_id][agent] == "approve":
                row = {"id": f"{interrupt_id}{agent}", "at": at(start + 60 + len(actions))}
                row |= {"type": "dismissal", "payload": {}, "note": "", "agent": agent}
                actions.append(row if is_policy else row | {"interrupt_id": interrupt_id})
    return Recording(run(*steps, start=0, end=100 * len(groups), thread_id="t"), answers, actions)


def business(number: int, groups: list[list[str]], policy: bool) -> SeededBusiness:
    """A business of the sandbox with the paths of all verdicts."""
    n_asked = sum(map(len, groups[policy:]))
    seeded = next(item for item in packaged() if item.hit_id)
    ids = {name: name[:-3] + str(number) for name in (seeded.id, seeded.hit_id)}
    text = orjson.dumps(seeded.body).decode()
    for old, new in ids.items():
        text = text.replace(old, new)
    paths = itertools.product(("approve", "reject"), repeat=n_asked)
    recordings = [recording(groups, [*path], policy) for path in paths]
    return dataclasses.replace(
        seeded, id=ids[seeded.id], body=orjson.loads(text), recordings=recordings
    )


@contextmanager
def equal_proposals(monkeypatch: pytest.MonkeyPatch, policy: bool) -> Iterator[SandboxServer]:
    """Start a sandbox whose agents propose the same twice: in one question, and in two of a run.

    The policy may settle the first question of a run.
    """
    agents = ["tin_verification", "watchlist_resolution"]
    one = business(501, [agents[:1]], False)
    businesses = [business(503, [agents[:1], agents[1:]], policy)]
    if not policy:
        businesses.append(business(502, [agents], policy))
    monkeypatch.setattr(_store, "packaged", lambda: (one, *businesses))
    server = SandboxServer(history=60, seed=71, now="2026-11-02T10:00:00Z")
    try:
        yield server
    finally:
        server.close()


def actions_and_truth(server: SandboxServer) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Read the actions of all runs of a sandbox, and those that were planned."""
    with Client(server.key.get_secret_value(), server.url, rate=None) as client:
        listed = client.runs.list(business_id=client.businesses.list(), progress=False)
        f = runkit.frames(client.runs.fetch(listed, progress=False))
        found = runkit.actions(f, client, progress=False)
    rows = [row for run_id in f.runs["run_id"] for row in planned(server.store.placed(run_id))]
    return found, pd.DataFrame(rows, columns=KEY).astype(found[KEY].dtypes)
