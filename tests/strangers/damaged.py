"""Forms that break the contract: refused, null in part, or without steps."""

from __future__ import annotations

import random

from strangers.build import Stranger, build, finding, item
from support import Json, step


def refused(rng: random.Random) -> Stranger:
    """A record that lacks what a run must have, or has something else there."""
    raw = build(rng, step("work", 0, 20))
    name = rng.choice(["id", "created_at", "updated_at", "status"])
    raw |= {name: rng.choice([None, 7, []])}
    if rng.random() < 0.3:
        del raw[name]
    return Stranger([raw], None)


def broken_fields(rng: random.Random) -> Stranger:
    """An optional field of the run, of a step or of an artifact whose value breaks the contract."""
    raw = build(rng, step("work", 0, 20, artifacts=[finding("Found")]), thread_id="t")
    place, name = rng.choice(
        [
            (raw, "thread_id"),
            (raw, "requester"),
            (raw["steps"][0], "agent"),
            (raw["steps"][0], "name"),
            (raw["steps"][0]["artifacts"][0], "summary"),
            (raw["steps"][0]["artifacts"][0], "title"),
        ]
    )
    place[name] = 7
    return Stranger([raw], {"has_steps": True, "n_steps": 1, "n_findings": 1})


def broken_lists(rng: random.Random) -> Stranger:
    """A list that is none, or holds what is none of its things: null, and costs nothing else."""
    raw = build(rng, step("work", 0, 20, artifacts=[finding("Found")]))
    name = rng.choice(["interrupts", "artifacts", "sources"])
    truth = {"has_steps": True, "n_findings": 1, "n_sources": 0}
    if name == "interrupts":
        raw[name] = rng.choice(["none", 7, {}])
    if name == "artifacts":
        raw["steps"][0][name] = "none"
        truth |= {"n_findings": None, "n_sources": None}
    if name == "sources":
        raw["steps"][0]["artifacts"][0][name] = "none"
        truth |= {"n_sources": None}
    return Stranger([raw], truth)


def breaches(rng: random.Random) -> Stranger:
    """Steps that are no tree: the run has none, and one problem says why."""
    raw = build(rng, step("a", 0, 20), step("b", 20, 40), step("c", 40, 60))
    a, b, c = raw["steps"]
    kind = rng.choice(
        ["twice", "nested twice", "orphan", "cycle", "itself", "none", "no id", "deep", "no list"]
    )
    if kind == "twice":
        c["id"] = a["id"]
    if kind == "orphan":
        c["parent_step_id"] = "gone"
    if kind == "cycle":
        b["parent_step_id"], c["parent_step_id"] = c["id"], b["id"]
    if kind == "itself":
        c["parent_step_id"] = c["id"]
    if kind == "none":
        raw["steps"][1] = rng.choice([7, "step", None])
    if kind == "no id":
        del b["id"]
    if kind == "deep":
        for depth in range(256):
            inner = step(f"{a['id']}-{depth}", 0, 10)
            c["steps"] = [inner]
            c = inner
    if kind == "no list":
        raw["steps"] = rng.choice(["steps", 7, {"a": 1}])
    if kind == "nested twice":
        a["steps"] = [step(b["id"], 5, 10)]
    truth = {"has_steps": False, "n_steps": None, "n_errors": None, "working_s": None}
    rows: dict[str, list[Json]] = {"steps": []}
    if rng.random() < 0.3:  # what waits can be answered all the same
        raw |= {"status": "interrupted", "ended_at": None, "interrupts": [item("i", label="Go?")]}
        truth["n_pending"] = 1
        rows["interrupts"] = [{"interrupt_id": "i", "label": "Go?", "outcome": "pending"}]
    return Stranger([raw], truth, rows)
