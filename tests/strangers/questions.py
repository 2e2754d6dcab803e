"""Forms of questions: open, answered, settled by the policy, and expired."""

from __future__ import annotations

import random
from typing import Any

from strangers.build import CONFIDENCES, Stranger, build, finding, item, waiting
from support import Json, at, question, step


def other_decisions(rng: random.Random) -> Stranger:
    """A decision under one of the usual names, in the account's own word, or a flag."""
    decided = rng.choice(["decline", "deny", "Escalate", "approve"])
    name = rng.choice(["decision", "outcome", "answer", "approved", "verdict", "resolution"])
    value: Any = decided
    word = decided
    if name == "approved":
        value = rng.random() < 0.5
        word = f"approved: {str(value).lower()}"
    who = rng.choice(
        ["answered_by", "decided_by", "reviewer", "reviewed_by", "approved_by", "user"]
    )
    why = rng.choice(["reason", "note", "comment"])
    person: Any = rng.choice(["Bo Li", {"id": "u", "name": "Bo Li"}])
    answer = {name: value, who: person, why: "seen"}
    if rng.random() < 0.3:
        answer = {"input": answer}
    answered = rng.randint(40, 80)
    raw = build(
        rng, step("work", 0, 20), question("q", 20, answered, label="Approve?", result=answer)
    )
    row = {"outcome": "answered", "decision": word, "answered_by": "Bo Li", "reason": "seen"}
    return Stranger([raw], {"waiting_s": answered - 20.0}, {"interrupts": [row]})


def two_decisions(rng: random.Random) -> Stranger:
    """A second name that says something else, or the same once more."""
    second = rng.choice(["reject", "Approve"])
    answer = {"decision": "approve", "verdict": second}
    raw = build(rng, question("q", 20, 50, label="Approve?", result=answer))
    word = "approve" if second == "Approve" else "approve / reject"
    return Stranger([raw], {}, {"interrupts": [{"decision": word}]})


def combined(rng: random.Random) -> Stranger:
    """A question that holds those of two agents, open, or answered with a decision for each."""
    agents = ("tin_verification", "watchlist_resolution")
    proposed = [finding(f"Of {agent}", "medium", "primary") for agent in agents]
    asks = question("q", 20, None, label="Two to review", artifacts=proposed)
    if rng.random() < 0.5:
        is_at_step = rng.random() < 0.5  # what the agents propose stands at the step alone
        parts = [
            {"agent": agent, "label": f"{agent}?", "artifacts": None if is_at_step else [found]}
            for agent, found in zip(agents, proposed, strict=True)
        ]
        items = [item("int-1", type="combined_proposal", label="Two to review", proposals=parts)]
        titles = "; ".join(found["title"] for found in proposed)
        row = {"interrupt_id": "int-1", "n_proposals": 2, "proposed": titles}
        return Stranger([waiting(rng, asks, items=items)], {"n_pending": 1}, {"interrupts": [row]})
    decided = [{"agent": agent, "decision": rng.choice(["approve", "reject"])} for agent in agents]
    asks |= {"status": "completed", "completed_at": at(70), "result": {"proposals": decided}}
    decision = "; ".join(f"{part['agent']}: {part['decision']}" for part in decided)
    return Stranger([build(rng, asks)], {"n_pending": 0}, {"interrupts": [{"decision": decision}]})


def proposed_by_step(rng: random.Random) -> Stranger:
    """A question whose item only asks: what it proposes stands at its step."""
    proposed = [finding(f"Hit {n}") for n in range(rng.randint(1, 3))]
    asks = question("q", 20, None, label="Dismiss?", artifacts=proposed)
    titles = "; ".join(f"Hit {n}" for n in range(len(proposed)))
    row = {"interrupt_id": "int-1", "proposed": titles, "n_proposals": len(proposed)}
    raw = waiting(rng, asks, items=[item("int-1", label="Dismiss?")])
    artifacts = [{"origin": "proposal", "interrupt_id": "int-1"}] * len(proposed)
    return Stranger([raw], {"n_pending": 1}, {"interrupts": [row], "artifacts": artifacts})


def question_texts(rng: random.Random) -> Stranger:
    """A question without a label: its text stands under another name, or is what it proposes."""
    name = rng.choice(["message", "question", "prompt", "title", "text", "description", None])
    value: Json = {"agent": "tin_verification", "type": "document_request"}
    label = "document_request"
    if name:
        label = f"Send document {rng.randint(1, 9)}"
        value[name] = label
    elif rng.random() < 0.5:
        label = "Letter"
        value["artifacts"] = [finding(label)]
    asks = question("q", 20, None, label=None, agent="tin_verification")
    open_item = rng.choice([item("int-1", **value), value])  # with an id, or as the whole item
    raw = waiting(rng, step("work", 0, 20), asks, items=[open_item])
    rows = [{"label": label, "outcome": "pending", "interrupt_id": open_item.get("id")}]
    return Stranger([raw], {"n_pending": 1}, {"interrupts": rows})


def waiting_without_question(rng: random.Random) -> Stranger:
    """A waiting run whose question is not in the data: it is a row all the same."""
    raw = waiting(rng, step("work", 0, rng.randint(20, 60)), items=[])
    row = {"label": None, "outcome": "pending", "step_id": None}
    return Stranger([raw], {"n_pending": 1}, {"interrupts": [row]})


def two_open(rng: random.Random) -> Stranger:
    """Two open questions of one agent: their labels tell which step is whose, or nothing does."""
    labels = rng.choice([["Dismiss the hit?", "Approve?"], [None, None]])
    asks = [question(f"q{n}", 20 + n, None, label=label) for n, label in enumerate(labels)]
    items = [
        item(f"int-{n}", label=label, agent="cip_orchestrator") for n, label in enumerate(labels)
    ]
    rng.shuffle(items)
    raw = waiting(rng, step("work", 0, 20), *asks, items=items)
    step_ids = [each["id"] if each["label"] else None for each in raw["steps"][1:]]
    rows = [{"interrupt_id": f"int-{n}", "step_id": step_id} for n, step_id in enumerate(step_ids)]
    return Stranger([raw], {"n_pending": 2}, {"interrupts": rows})


def repeated_question(rng: random.Random) -> Stranger:
    """A question that was answered, and put again with the same id: the second one waits."""
    answered = rng.randint(30, 60)
    known = {"interrupt_id": "int-0"}
    asks = [
        question("q1", 10, answered, label="Upload a letter", result=known),
        question("q2", answered + 10, None, label="Upload a letter", result=known),
    ]
    raw = waiting(rng, *asks, items=[item("int-0", label="Upload a letter")])
    rows = [{"outcome": "answered"}, {"outcome": "pending"}]
    return Stranger([raw], {"n_pending": 1}, {"interrupts": rows})


def expired(rng: random.Random) -> Stranger:
    """An unanswered question in a run that completed, failed, or has an end."""
    status = rng.choice(["completed", "error", "interrupted"])
    more: Json = {"ended_at": at(100)} if status == "interrupted" else {}
    raw = build(
        rng, step("a", 0, 20), question("q", 20, None, label="Approve?"), status=status, **more
    )
    row = {"outcome": "expired", "answered_at": None, "wait_s": None}
    states = {"steps": [{"state": "done"}, {"state": "expired", "duration_s": None}]}
    return Stranger([raw], {"n_pending": 0}, {"interrupts": [row]} | states)


def settled_by_policy(rng: random.Random) -> Stranger:
    """A question that the policy settled was put to nobody; it is no decision."""
    word = rng.choice(["auto_approve", "skip"])
    asks = question("q", 20, 20 + rng.randint(0, 5), label="Approve?", result={"resolution": word})
    row = {"outcome": word, "decision": None, "answered_by": None}
    return Stranger([build(rng, step("a", 0, 20), asks)], {"waiting_s": 0.0}, {"interrupts": [row]})


def repeats(rng: random.Random) -> Stranger:
    """A proposal that repeats a finding of its agent, and an output step that repeats the output."""
    hit, summary = finding("Hit", rng.choice(CONFIDENCES), "government"), finding("Summary", "high")
    steps = [
        step("work", 0, 20, artifacts=[hit]),
        question("q", 20, 50, label="Dismiss?", artifacts=[hit, finding("Other")]),
        step("out", 50, 90, type="output", artifacts=[summary]),
    ]
    raw = build(rng, *steps, output={"artifacts": [summary]})
    marks = [
        ("finding", False),
        ("proposal", True),
        ("proposal", False),
        ("finding", True),
        ("output", False),
    ]
    rows = [{"origin": origin, "is_repeat": is_repeat} for origin, is_repeat in marks]
    return Stranger([raw], {"n_findings": 1, "outcome": "Summary"}, {"artifacts": rows})
