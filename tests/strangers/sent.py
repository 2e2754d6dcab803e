"""Forms in which the API itself sends runs: its object page, lists, events, and both forms of steps."""

from __future__ import annotations

import random
from dataclasses import replace

from strangers.build import (
    CONFIDENCES,
    Stranger,
    build,
    finding,
    item,
    moved,
    new_id,
    waiting,
)
from support import flat, object_page_form, question, step


def object_page(rng: random.Random) -> Stranger:
    """Only the fields of the object page: neither thread, agent, output nor requester."""
    level = rng.choice(CONFIDENCES)
    raw = build(
        rng,
        step("work", 0, 50, artifacts=[finding("TIN matches", "high", "government")]),
        step("out", 50, 100, type="output", artifacts=[finding("Summary", level)]),
    )
    truth = {"agent": "cip_orchestrator", "outcome": "Summary", "confidence": level}
    truth |= {"n_findings": 1, "n_sources": 1, "working_s": 100.0, "idle_s": 0.0}
    return Stranger([object_page_form(raw)], truth)


def webhook_log(rng: random.Random) -> Stranger:
    """Events of one run: created, interrupted and completed; deliveries come in any order."""
    answered = rng.randint(60, 90)
    asks = question("q", 20, answered, label="Approve?", result={"decision": "approve"})
    last = build(rng, step("work", 0, 20), asks)
    states = [("completed", last)]
    for name, status, when in [("interrupted", "interrupted", 20), ("created", "running", 0)]:
        changed = moved(last["started_at"], when)
        known = last["steps"][:1] if when else []
        older = {"status": status, "ended_at": None, "updated_at": changed, "steps": known}
        states.insert(0, (name, last | older))
    events = [
        {
            "object": "event",
            "id": new_id(rng),
            "type": f"run.{name}",
            "created_at": state["updated_at"],
            "data": {"object": state},
        }
        for name, state in states
    ]
    for event in events:
        event["created_at"] = moved(event["created_at"], 1)  # it is sent after the change
    rng.shuffle(events)
    truth = {"status": "completed", "n_copies": 3, "n_pending": 0, "waiting_s": answered - 20.0}
    return Stranger(events, truth)


def same_time_twice(rng: random.Random) -> Stranger:
    """Three states with one `updated_at`: of those with steps the later counts."""
    whole = build(rng, step("work", 0, 30))
    listed = {name: value for name, value in whole.items() if name != "steps"}
    first = whole | {"steps": [*whole["steps"], step("more", 30, 40, type="thought")]}
    states = [first, listed]
    rng.shuffle(states)
    return Stranger([*states, whole], {"n_copies": 3, "has_steps": True, "n_steps": 1})


def list_row(rng: random.Random) -> Stranger:
    """A run as the list shows it, without steps: a question stands in `interrupts` alone."""
    truth = {"has_steps": False, "n_steps": None, "n_errors": None, "n_findings": None}
    if rng.random() < 0.5:
        raw = waiting(rng, items=[item("int-1", label="Approve?", agent="tin_verification")])
        row = {"label": "Approve?", "agent": "tin_verification", "step_id": None}
        return Stranger([raw], truth | {"n_pending": 1}, {"interrupts": [row]})
    raw = build(rng, status=rng.choice(["completed", "error"]))
    if rng.random() < 0.5:
        del raw["steps"]
    return Stranger([raw], truth | {"working_s": None, "duration_s": 100.0})


def first_documentation(rng: random.Random) -> Stranger:
    """The words of the first documentation: pending, failed, and `graph` in place of `agent`."""
    is_failed = rng.random() < 0.5
    status = "failed" if is_failed else "pending"
    last = step("b", 20, 40 if is_failed else None, status=status)
    steps = [step("a", 0, 20), last]
    for part in steps:
        part["graph"] = part.pop("agent")
    raw = build(rng, *steps, status=status, agent=None)
    raw |= {"interrupts": None}
    truth = {"status": status, "agent": "cip_orchestrator", "n_errors": int(is_failed)}
    states = [{"state": "done"}, {"state": "failed" if is_failed else "running"}]
    return Stranger([raw], truth, {"steps": states})


def flat_steps(rng: random.Random) -> Stranger:
    """Steps in one list, all or some with their parents by id only; a parent may stand last."""
    made = nested_steps(rng)
    group, *children = [part | {"steps": []} for part in flat(made.raw["steps"])]
    steps = rng.choice([[group, *children], [*children, group]])
    if rng.random() < 0.3:
        steps = [group | {"steps": children[:1]}, children[1]]
    return replace(made, records=[made.raw | {"steps": steps}])


def nested_steps(rng: random.Random) -> Stranger:
    """A step of minutes with two children that overlap: it works itself where neither does."""
    end = rng.randint(90, 99)
    children = [step("a", 10, 60), step("b", 40, 80)]
    raw = build(rng, step("group", 0, end, steps=children))
    rows = [
        {"depth": 0, "n_children": 2, "self_s": end - 70.0, "critical_s": end - 70.0},
        {"depth": 1, "self_s": 50.0, "critical_s": 30.0},
        {"depth": 1, "self_s": 40.0, "critical_s": 40.0},
    ]
    truth = {"duration_s": 100.0, "working_s": float(end), "idle_s": 100.0 - end}
    return Stranger([raw], truth, {"steps": rows})


def fetched(rng: random.Random) -> Stranger:
    """A run as `runkit fetch` writes it: when it was read, and of which business it is."""
    business = {"business_id": "b-1", "business_name": "Namesake LLC", "business_status": "open"}
    value = {"label": "Approve?", "artifacts": [finding("Hit") | {"type": "dismissal"}]}
    asks = question("q", 20, None, label="Approve?")
    raw = waiting(rng, step("work", 0, 20), asks, items=[item("int-1", **value)])
    read_at = moved(raw["updated_at"], rng.randint(-400, 400))
    raw |= {"_runkit": business | {"read_at": read_at}}
    rows = [{"kind": "dismissal", "business_name": "Namesake LLC", "outcome": "pending"}]
    truth = business | {"agent_name": "CIP Orchestrator", "n_pending": 1}
    return Stranger([raw], truth, {"interrupts": rows})
