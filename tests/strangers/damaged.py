"""Forms that break the contract or lack a time: refused, null in part, or without steps."""

from __future__ import annotations

import random

from strangers.build import Stranger, build, finding, item
from support import Json, at, step

ONE_FINDING = {"has_steps": True, "n_steps": 1, "n_findings": 1, "n_sources": 0}
NOT_KNOWN = {"n_findings": None, "n_sources": None}
BROKEN = [  # the part of a run, its field, and what else is true
    ("run", "thread_id", {}),
    ("run", "requester", {}),
    ("run", "interrupts", {}),
    ("step", "agent", {}),
    ("step", "name", {}),
    ("step", "artifacts", NOT_KNOWN),
    ("artifact", "summary", {}),
    ("artifact", "sources", {"n_sources": None}),
]


def refused(rng: random.Random) -> Stranger:
    """A record that lacks what a run must have, or has something else there."""
    raw = build(rng, step("work", 0, 20))
    name = rng.choice(["id", "created_at", "updated_at", "status"])
    raw |= {name: rng.choice([None, 7, []])}
    if rng.random() < 0.3:
        del raw[name]
    return Stranger([raw], None)


def broken_fields(rng: random.Random) -> Stranger:
    """An optional field whose value breaks the contract: null, and costs nothing else."""
    raw = build(rng, step("work", 0, 20, artifacts=[finding("Found")]), thread_id="t")
    work = raw["steps"][0]
    part, name, more = rng.choice(BROKEN)
    place = {"run": raw, "step": work, "artifact": work["artifacts"][0]}[part]
    place[name] = 7
    return Stranger([raw], ONE_FINDING | more)


def absent_lists(rng: random.Random) -> Stranger:
    """Neither steps have the key `artifacts`, nor artifacts `sources`: nobody knows how many."""
    work = step("work", 0, 60, artifacts=[finding("Found")])
    if rng.random() < 0.5:
        del work["artifacts"]
        return Stranger([build(rng, work)], NOT_KNOWN, {"steps": [{"n_artifacts": None}]})
    del work["artifacts"][0]["sources"]
    artifacts = [{"n_sources": None, "best_tier": None}]
    truth = {"n_findings": 1, "n_sources": None}
    return Stranger([build(rng, work)], truth, {"artifacts": artifacts})


def breaches(rng: random.Random) -> Stranger:
    """Steps that are no tree: the run has none."""
    raw = build(rng, step("a", 0, 20), step("b", 20, 40), step("c", 40, 60))
    a, b, c = raw["steps"]
    kind = rng.choice(["twice", "orphan", "cycle", "none", "no id", "deep", "no list"])
    if kind == "twice":
        a["steps"] = [step(b["id"], 5, 10)]
    if kind == "orphan":
        c["parent_step_id"] = "gone"
    if kind == "cycle":
        b["parent_step_id"], c["parent_step_id"] = c["id"], b["id"]
    if kind == "none":
        raw["steps"][1] = rng.choice([7, "step", None])
    if kind == "no id":
        del b["id"]
    if kind == "deep":
        for depth in range(256):
            c["steps"] = [step(f"{a['id']}-{depth}", 0, 10)]
            [c] = c["steps"]
    if kind == "no list":
        raw["steps"] = rng.choice(["steps", 7, {"a": 1}])
    truth = {"has_steps": False, "n_steps": None, "n_errors": None, "working_s": None}
    rows: dict[str, list[Json]] = {"steps": []}
    if rng.random() < 0.3:  # what waits can be answered all the same
        raw |= {"status": "interrupted", "ended_at": None, "interrupts": [item("i", label="Go?")]}
        truth["n_pending"] = 1
        rows["interrupts"] = [{"interrupt_id": "i", "label": "Go?", "outcome": "pending"}]
    return Stranger([raw], truth, rows)


def unknown_lengths(rng: random.Random) -> Stranger:
    """A step without its start, or its end though it is over, or that ends before it starts."""
    kind = rng.choice(["no start", "no end", "never closed", "backwards"])
    second = {
        "no start": step("b", 40, 60, started_at=None),
        "no end": step("b", 40, None, status="completed"),
        "never closed": step("b", 40, None),
        "backwards": step("b", 60, 40),
    }[kind]
    rows = [{"duration_s": 40.0}, {"duration_s": None, "self_s": None, "critical_s": None}]
    truth = {"duration_s": 100.0, "working_s": None, "waiting_s": None, "idle_s": None}
    return Stranger([build(rng, step("a", 0, 40), second)], truth, {"steps": rows})


def unknown_length_of_the_run(rng: random.Random) -> Stranger:
    """A run that is over without an end, or ends before it starts; or starts before it is made."""
    time = rng.choice([{"ended_at": None}, {"ended_at": at(-60)}, {"created_at": at(5)}])
    raw = build(rng, step("work", 0, rng.randint(20, 50)), updated_at=at(100), **time)
    if "created_at" in time:
        return Stranger([raw], {"queued_s": None, "duration_s": 100.0})
    return Stranger([raw], {"duration_s": None, "working_s": None})
