"""Forms in which something is not there: lists, labels, starts and ends."""

from __future__ import annotations

import random

from strangers.build import Stranger, build, finding
from support import Json, at, step


def absent_lists(rng: random.Random) -> Stranger:
    """Neither steps have the key `artifacts`, nor artifacts `sources`: nobody knows how many."""
    work = step("work", 0, 60, artifacts=[finding("Found")])
    if is_step := rng.random() < 0.5:
        del work["artifacts"]
    else:
        del work["artifacts"][0]["sources"]
    truth = {"n_findings": None if is_step else 1, "n_sources": None}
    rows = {"steps": [{"n_artifacts": None if is_step else 1}]}
    if not is_step:
        rows["artifacts"] = [{"n_sources": None, "best_tier": None}]
    return Stranger([build(rng, work)], truth, rows)


def null_labels(rng: random.Random) -> Stranger:
    """Steps without labels, whose names stand for them, and some without a name or a type."""
    steps = [
        step("a", 0, 40, label=None, name="read_register"),
        step("b", 40, 60, label=" ", name=None),
        step("c", 60, 90, label=None, name="check_owner", status="error"),
    ]
    raw = build(rng, *steps, status="error")
    labels = [{"label": label} for label in ("read_register", "activity", "check_owner")]
    return Stranger([raw], {"n_errors": 1}, {"steps": labels})


def no_start(rng: random.Random) -> Stranger:
    """A step without its start: how long it took is not known, nor where the time went."""
    steps = [step("a", 0, 40), step("b", 40, 60)]
    chosen = rng.randrange(2)
    steps[chosen]["started_at"] = None
    rows: list[Json] = [{"duration_s": 40.0}, {"duration_s": 20.0}]
    rows[chosen] = {"duration_s": None, "self_s": None, "critical_s": None}
    truth = {"duration_s": 100.0, "working_s": None, "waiting_s": None, "idle_s": None}
    return Stranger([build(rng, *steps)], truth, {"steps": rows})


def completed_without_end(rng: random.Random) -> Stranger:
    """A completed step, or the run itself, without an end: a length that nobody knows."""
    is_step = rng.random() < 0.5
    more: Json = {} if is_step else {"ended_at": None}
    kind = rng.choice(["activity", "interrupt"])
    last = step("b", 40, None if is_step else 60, status="completed", type=kind)
    truth = {"duration_s": 100.0 if is_step else None, "working_s": None}
    rows = {
        "steps": [{"duration_s": 40.0}, {"duration_s": None if is_step else 20.0, "state": "done"}]
    }
    return Stranger([build(rng, step("a", 0, 40), last, **more)], truth, rows)


def open_steps_in_ended(rng: random.Random) -> Stranger:
    """A group that was never closed, in a run that has ended."""
    raw = build(rng, step("group", 0, None, steps=[step("child", 5, rng.randint(20, 70))]))
    rows = {"steps": [{"duration_s": None, "self_s": None}, {"critical_s": None}]}
    return Stranger([raw], {"duration_s": 100.0, "working_s": None}, rows)


def ends_before_start(rng: random.Random) -> Stranger:
    """A run or a step that ends before it starts: no length; or a run that starts before it is made."""
    kind = rng.choice(["run", "step", "creation"])
    more = {"run": {"ended_at": at(-60)}, "step": {}, "creation": {"created_at": at(5)}}[kind]
    start = 60 if kind == "step" else 0
    raw = build(rng, step("work", start, rng.randint(20, 50)), updated_at=at(100), **more)
    truth: Json = {"duration_s": None if kind == "run" else 100.0}
    truth |= {"queued_s": None} if kind == "creation" else {"working_s": None}
    return Stranger([raw], truth)
