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
    parts = [
        {
            "agent": agent,
            "label": f"{agent}?",
            "artifacts": [finding(f"Of {agent}", "medium", "primary")],
        }
        for agent in ("tin_verification", "watchlist_resolution")
    ]
    titles = [finding_["title"] for part in parts for finding_ in part["artifacts"]]
    asks = question(
        "q", 20, None, label="Two to review", artifacts=[part["artifacts"][0] for part in parts]
    )
    if rng.random() < 0.5:
        if rng.random() < 0.5:  # what the agents propose stands at the step alone
            parts = [part | {"artifacts": None} for part in parts]
        open_item = item("int-1", type="combined_proposal", label="Two to review", proposals=parts)
        row: Json = {"outcome": "pending", "interrupt_id": "int-1", "n_proposals": 2}
        row["proposed"] = "; ".join(titles)
        return Stranger(
            [waiting(rng, asks, items=[open_item])], {"n_pending": 1}, {"interrupts": [row]}
        )
    words = [rng.choice(["approve", "reject"]) for _ in parts]
    decided = [
        {"agent": p["agent"], "decision": word} for p, word in zip(parts, words, strict=True)
    ]
    asks |= {"status": "completed", "completed_at": at(70), "result": {"proposals": decided}}
    decision = "; ".join(
        f"{part['agent']}: {word}" for part, word in zip(parts, words, strict=True)
    )
    assert len(titles) == 2
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
    raw = waiting(rng, step("work", 0, 20), asks, items=[item("int-1", **value)])
    return Stranger(
        [raw], {"n_pending": 1}, {"interrupts": [{"label": label, "outcome": "pending"}]}
    )


def question_without_id(rng: random.Random) -> Stranger:
    """An item without an id, or without a value: it is the question itself."""
    open_item: Json = {"label": "Is it so?", "agent": "a"}
    if rng.random() < 0.5:
        open_item = item(None, **open_item)
    asks = question("q", rng.randint(20, 40), None, label="Is it so?", agent="a")
    row = {"interrupt_id": None, "label": "Is it so?", "outcome": "pending"}
    return Stranger(
        [waiting(rng, asks, items=[open_item])], {"n_pending": 1}, {"interrupts": [row]}
    )


def waiting_alone(rng: random.Random) -> Stranger:
    """A waiting run that is alone in its file: its newest time is that of its question."""
    asks = question("q", 60, None, label="Approve?")
    raw = waiting(
        rng, step("work", 0, 60), asks, items=[item("int-1", label="Approve?")], changed=60
    )
    return Stranger([raw], {"n_pending": 1}, {"interrupts": [{"interrupt_id": "int-1"}]})


def waiting_without_question(rng: random.Random) -> Stranger:
    """A waiting run whose question is not in the data: it is a row all the same."""
    raw = waiting(rng, step("work", 0, rng.randint(20, 60)), items=[])
    row = {"label": None, "outcome": "pending", "step_id": None}
    return Stranger([raw], {"n_pending": 1}, {"interrupts": [row]})


def two_open(rng: random.Random) -> Stranger:
    """Two open questions of one agent, which differ by their labels alone."""
    labels = ["Dismiss the hit?", "Approve?"]
    second = 20 + rng.randint(5, 50)
    asks = [question(f"q{n}", start, None, label=labels[n]) for n, start in enumerate([20, second])]
    items = [
        item(f"int-{n}", label=label, agent="cip_orchestrator") for n, label in enumerate(labels)
    ]
    rng.shuffle(items)
    rows = [{"label": label, "interrupt_id": f"int-{n}"} for n, label in enumerate(labels)]
    raw = waiting(rng, step("work", 0, 20), *asks, items=items)
    return Stranger([raw], {"n_pending": 2}, {"interrupts": rows})


def two_open_alike(rng: random.Random) -> Stranger:
    """Two open questions of one agent without labels: nothing says which step is whose."""
    asks = [question(f"q{n}", 20 + n, None, label=None) for n in range(2)]
    items = [item(f"int-{n}", agent="cip_orchestrator") for n in range(rng.choice([1, 2]))]
    rows = [{"interrupt_id": each["id"], "step_id": None} for each in items]
    return Stranger(
        [waiting(rng, *asks, items=items)], {"n_pending": len(items)}, {"interrupts": rows}
    )


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
