"""Runs as other accounts send them, in many forms, each with what is true of it.

`FORMS` has one function for each form: it takes a `random.Random` and returns one run. `fleet`
makes the ordinary runs of an analyst's own file, and `REMOVALS` take information away from them.
The truth stands beside the JSON that is built and is never read from it, nor from the library:
it is a part of the cells of the six frames. A seed gives the same runs on each machine.
"""

from __future__ import annotations

import copy
import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
from typing import Any

from support import Json, artifact, at, flat, object_page_form, question, run, step

HOUR, DAY = 3_600, 86_400  # seconds
TIME_NAMES = ("created_at", "updated_at", "started_at", "ended_at", "completed_at")
CONFIDENCES = ("high", "medium", "low")
TIERS = ("government", "primary", "secondary")


@dataclass(frozen=True)
class Stranger:
    """One run as it came, in one record or in several states, and what is true of it.

    `truth` is cells of its row in `runs`; `rows` is cells of its rows in the other frames, in
    their order. A run with `truth` None is refused.
    """

    records: list[Any]
    truth: Json | None
    rows: dict[str, list[Json]] = field(default_factory=dict)

    @property
    def raw(self) -> Json:
        """The newest state of the run."""
        record: Json = self.records[-1]
        return record["data"]["object"] if record.get("object") == "event" else record

    @property
    def run_id(self) -> str:
        """The id of the run."""
        return str(self.raw.get("id"))


Form = Callable[[random.Random], Stranger]


def records(strangers: list[Stranger]) -> list[Any]:
    """All records of some runs, as a file would hold them."""
    return [record for stranger in strangers for record in stranger.records]


def page(strangers: list[Stranger]) -> Json:
    """A list page with all records."""
    return {"object": "list", "data": records(strangers), "has_more": False}


def several(name: str, count: int, seed: int = 0) -> list[Stranger]:
    """So many runs in one form."""
    rng = random.Random(f"{name} {seed}")
    return [FORMS[name](rng) for _ in range(count)]


def one_of_each(seed: int = 0) -> list[Stranger]:
    """A run in each form."""
    return [made for name in FORMS for made in several(name, 1, seed)]


# ----------------------------------------------------------------------------------------- builders


def new_id(rng: random.Random) -> str:
    """An id whose first eight characters tell it from others."""
    return f"{rng.getrandbits(32):08x}-0000-4000-8000-{rng.getrandbits(48):012x}"


def moved(time: str, by: float) -> str:
    """A time that is so many seconds later."""
    later = datetime.fromisoformat(time) + timedelta(seconds=by)
    return later.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def shift(value: Any, by: float) -> None:
    """Move all times of a record."""
    if isinstance(value, list):
        for item in value:
            shift(item, by)
    if isinstance(value, dict):
        for name, inner in value.items():
            if name in TIME_NAMES and isinstance(inner, str):
                value[name] = moved(inner, by)
            else:
                shift(inner, by)


def build(rng: random.Random, *steps: Json, **more: Any) -> Json:
    """A run at some time of twenty days; its steps have ids of their own."""
    if more.get("status") in ("interrupted", "running", "pending"):
        more = {"end": None, "updated_at": at(more.pop("changed", 300))} | more
    raw = run(*copy.deepcopy(steps), run_id=new_id(rng), **more)
    for item in flat(raw["steps"]):
        item["id"] = f"{raw['id'][:8]}-{item['id']}"
        item["run_id"] = raw["id"]
        for child in item["steps"]:
            child["parent_step_id"] = item["id"]
    shift(raw, rng.randrange(20 * DAY))
    return raw


def sources(*tiers: str | None) -> list[Json]:
    """A source for each tier; None has no tier."""
    return [
        {"url": f"https://register{n}.example/entry", "source_name": "Register"}
        | ({} if tier is None else {"source_tier": tier, "source_type": "registry"})
        for n, tier in enumerate(tiers)
    ]


def finding(title: str, confidence: Any = "high", *tiers: str | None) -> Json:
    """A finding with a source for each tier."""
    return artifact(title, type="registration", confidence=confidence, sources=sources(*tiers))


def item(item_id: str | None, **value: Any) -> Json:
    """An open item of `interrupts`."""
    return ({} if item_id is None else {"id": item_id}) | {"value": value}


def waiting(rng: random.Random, *steps: Json, items: Any, **more: Any) -> Json:
    """A run that waits with these items."""
    return build(rng, *steps, status="interrupted", interrupts=items, **more)


# -------------------------------------------------------------------- the forms of the API itself


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
        older = {"status": status, "ended_at": None, "updated_at": changed, "steps": []}
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
    shuffled = events[:2]
    rng.shuffle(shuffled)
    truth = {"status": "completed", "n_copies": 3, "n_pending": 0, "waiting_s": answered - 20.0}
    return Stranger([*shuffled, events[2]], truth)


def same_time_twice(rng: random.Random) -> Stranger:
    """Two states with one `updated_at`: the one with steps counts, whichever came last."""
    whole = build(rng, step("work", 0, 30))
    listed = {name: value for name, value in whole.items() if name != "steps"}
    states = [whole, listed]
    rng.shuffle(states)
    return Stranger(states, {"n_copies": 2, "has_steps": True, "n_steps": 1})


def lenders_log(rng: random.Random) -> Stranger:
    """A lender's own words for everything that is an open word, its steps in one flat list."""
    verdict = rng.choice(["decline", "escalate", "counteroffer"])
    answer = {
        "outcome": verdict,
        "reviewed_by": {"name": "Ana Ortiz"},
        "comment": "DTI above policy",
    }
    steps = [
        step("pull", 0, 30, artifacts=[finding("Bureau pull", "very_low", "bureau")]),
        question("q", 30, 90, label=None, prompt="Fund the loan?", result=answer),
    ]
    rows = [{"decision": verdict, "answered_by": "Ana Ortiz", "reason": "DTI above policy"}]
    artifacts = [{"confidence": "very_low", "best_tier": "bureau"}]
    truth = {"weakest": None, "waiting_s": 60.0}
    return Stranger([build(rng, *steps)], truth, {"interrupts": rows, "artifacts": artifacts})


def list_row(rng: random.Random) -> Stranger:
    """A run as the list shows it: no steps, or an empty list of them, whatever its status."""
    raw = build(rng, status=rng.choice(["completed", "error"]))
    if rng.random() < 0.5:
        del raw["steps"]
    truth = {"has_steps": False, "n_steps": None, "n_errors": None, "n_findings": None}
    return Stranger([raw], truth | {"working_s": None, "duration_s": 100.0})


def list_row_waiting(rng: random.Random) -> Stranger:
    """A waiting run as the list shows it: its question stands in `interrupts` alone."""
    raw = waiting(rng, items=[item("int-1", label="Approve?", agent="tin_verification")])
    row = {"label": "Approve?", "agent": "tin_verification", "outcome": "pending", "step_id": None}
    return Stranger([raw], {"has_steps": False, "n_pending": 1}, {"interrupts": [row]})


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
    """Steps in one list, with their parents by id only; a parent may stand behind its children."""
    made = nested_steps(rng)
    steps = [part | {"steps": []} for part in flat(made.raw["steps"])]
    if rng.random() < 0.5:
        steps = [*steps[1:], steps[0]]
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


def offsets(rng: random.Random) -> Stranger:
    """Times with other offsets than UTC, with and without fractions."""
    length = rng.randint(20, 90)
    raw = build(rng, step("work", 0, length))
    for place in (raw, raw["steps"][0]):
        for name in {*TIME_NAMES} & {*place}:
            zone = timezone(timedelta(hours=rng.choice([-8, 2, 5.5])))
            place[name] = datetime.fromisoformat(place[name]).astimezone(zone).isoformat()
    return Stranger([raw], {"duration_s": 100.0, "working_s": float(length)})


# ------------------------------------------------------------------------------- what is not there


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
    last = step("b", 40, None if is_step else 60, status="completed")
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
    """A run that ends before it starts."""
    raw = build(rng, step("work", 0, rng.randint(20, 50)), ended_at=at(-60), updated_at=at(100))
    return Stranger([raw], {"duration_s": None, "working_s": None})


# ------------------------------------------------------------------------------ words as they came


def other_tiers(rng: random.Random) -> Stranger:
    """Tiers of another account, known ones in other case, and none at all."""
    word = rng.choice(["federal", "web", "commercial"])
    found = [
        finding("A", "high", word),
        finding("B", "high", word, "Primary"),
        finding("C", "high", None),
    ]
    raw = build(rng, step("work", 0, 90, artifacts=found))
    best = [{"best_tier": tier} for tier in (word, "Primary", None)]
    return Stranger([raw], {"n_sources": 4}, {"artifacts": best})


def other_confidences(rng: random.Random) -> Stranger:
    """A number, a number as text, another word, another case, and none."""
    number = rng.randint(10, 99) / 100
    rated = [number, str(number), "very_low", " LOW ", None]
    found = [finding(f"Finding {n}", value) for n, value in enumerate(rated)]
    words = [str(number), str(number), "very_low", "LOW", None]
    raw = build(rng, step("work", 0, 90, artifacts=found))
    artifacts = [{"confidence": word} for word in words]
    return Stranger([raw], {"weakest": "Finding 3", "n_findings": 5}, {"artifacts": artifacts})


def unknown_words(rng: random.Random) -> Stranger:
    """A status of runs, and a status and a type of steps, that nobody has heard of."""
    odd = step("a", 0, 40, status="skipped", type="tool_call")
    raw = build(rng, odd, step("b", 40, 60), status="archived", agent=rng.choice(["kyb", "cip"]))
    truth = {"status": "archived", "duration_s": 100.0, "working_s": 60.0}
    return Stranger([raw], truth, {"steps": [{"status": "skipped", "type": "tool_call"}, {}]})


def results(rng: random.Random) -> Stranger:
    """An output step whose product is its result, without an artifact."""
    score = rng.randint(1, 99)
    result = {"recommendation": "reject", "risk_score": score}
    output = step("out", 50, 100, type="output", name="summary", result=result)
    truth = {"outcome": f"recommendation: reject, risk score: {score}", "confidence": None}
    return Stranger([build(rng, step("work", 0, 50), output)], truth)


# --------------------------------------------------------------------------------------- failures


ERROR_NAMES = ("error", "message", "error_message", "reason", "detail", "exception", "errors")


def failure_reasons(rng: random.Random) -> Stranger:
    """A reason under one of the usual names, plain, nested once or in a list, with a code or not."""
    text = f"Register {rng.randint(100, 999)} refused the request"
    code = rng.choice([None, "E42", 502])
    name = rng.choice(ERROR_NAMES)
    own: Any = {} if code is None else {"code": code}
    shape = rng.randrange(3)
    result: Json = {name: text} | own
    if shape == 1:
        result = {name: {rng.choice(ERROR_NAMES[:-1]): text} | own}
    if name == "errors":
        result = {name: [{"message": text} | own, {"message": "and another"}]}
    failed = step("f", 20, 60, status="error", label="Reading", result=result)
    reason = text if code is None else f"{text} ({code})"
    truth = {"outcome": reason, "n_errors": 1}
    raw = build(rng, step("work", 0, 20), failed, status="error")
    return Stranger(
        [raw], truth, {"steps": [{"error": None}, {"error": reason, "state": "failed"}]}
    )


def error_step(rng: random.Random) -> Stranger:
    """An error step inside a failed group: it is the cause, and its label the reason."""
    label = f"No answer from register {rng.randint(1, 9)}"
    error = step("e", 60, 60, type="error", status="error", label=label)
    raw = build(rng, step("group", 0, 60, status="error", steps=[error]), status="error")
    return Stranger([raw], {"outcome": label, "n_errors": 1})


def two_causes(rng: random.Random) -> Stranger:
    """Two failed steps in a failed group: the cause is the one that ended last."""
    ends = [rng.randint(60, 90), rng.randint(30, 50)]
    causes = [
        step(f"c{end}", 10, end, status="error", result={"error": f"ended at {end}"})
        for end in rng.sample(ends, 2)
    ]
    raw = build(rng, step("group", 0, 95, status="error", steps=causes), status="error")
    return Stranger([raw], {"outcome": f"ended at {max(ends)}", "n_errors": 2})


def failed_without_reason(rng: random.Random) -> Stranger:
    """A failed step that does not say why, or a failed run without a failed step."""
    is_known = rng.random() < 0.5
    last = step(
        "b", 20, 60, label="Reading the register", status="error" if is_known else "completed"
    )
    truth = {"n_errors": int(is_known)}
    raw = build(rng, step("a", 0, 20), last, status="error")
    return Stranger([raw], truth, {"steps": [{"error": None}, {"error": None}]})


# --------------------------------------------------------------------------------------- questions


def other_decisions(rng: random.Random) -> Stranger:
    """A decision under one of the usual names, in the account's own word, or a flag."""
    decided = rng.choice(["decline", "deny", "Escalate", "approve"])
    name = rng.choice(["decision", "outcome", "answer", "approved", "verdict", "resolution"])
    value: Any = decided
    said = decided
    if name == "approved":
        value = rng.random() < 0.5
        said = f"approved: {str(value).lower()}"
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
    row = {"outcome": "answered", "decision": said, "answered_by": "Bo Li", "reason": "seen"}
    return Stranger([raw], {"waiting_s": answered - 20.0}, {"interrupts": [row]})


def two_decisions(rng: random.Random) -> Stranger:
    """A second name that says something else, or the same once more."""
    second = rng.choice(["reject", "Approve"])
    answer = {"decision": "approve", "verdict": second}
    raw = build(rng, question("q", 20, 50, label="Approve?", result=answer))
    said = "approve" if second == "Approve" else "approve / reject"
    return Stranger([raw], {}, {"interrupts": [{"decision": said}]})


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
        asked = item("int-1", type="combined_proposal", label="Two to review", proposals=parts)
        row: Json = {"outcome": "pending", "interrupt_id": "int-1", "n_proposals": 2}
        return Stranger(
            [waiting(rng, asks, items=[asked])], {"n_pending": 1}, {"interrupts": [row]}
        )
    words = [rng.choice(["approve", "reject"]) for _ in parts]
    decided = [
        {"agent": p["agent"], "decision": word} for p, word in zip(parts, words, strict=True)
    ]
    asks |= {"status": "completed", "completed_at": at(70), "result": {"proposals": decided}}
    said = "; ".join(f"{part['agent']}: {word}" for part, word in zip(parts, words, strict=True))
    assert len(titles) == 2
    return Stranger([build(rng, asks)], {"n_pending": 0}, {"interrupts": [{"decision": said}]})


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
    asked = {"label": "Is it so?", "agent": "a"}
    if rng.random() < 0.5:
        asked = item(None, **asked)
    asks = question("q", rng.randint(20, 40), None, label="Is it so?", agent="a")
    row = {"interrupt_id": None, "label": "Is it so?", "outcome": "pending"}
    return Stranger([waiting(rng, asks, items=[asked])], {"n_pending": 1}, {"interrupts": [row]})


def waiting_alone(rng: random.Random) -> Stranger:
    """A waiting run that is alone in its file: its newest time is when it asked."""
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
    """Two open questions of one agent, told apart by their labels alone."""
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
    rows = [{"interrupt_id": asked["id"], "step_id": None} for asked in items]
    return Stranger(
        [waiting(rng, *asks, items=items)], {"n_pending": len(items)}, {"interrupts": rows}
    )


def asked_again(rng: random.Random) -> Stranger:
    """A question that was answered, and asked again with the same id: the second one waits."""
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


# ------------------------------------------------------------------------------------------ damage


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
    kind = rng.choice(["twice", "orphan", "cycle", "itself", "none", "no id", "deep", "no list"])
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
    truth = {"has_steps": False, "n_steps": None, "n_errors": None, "working_s": None}
    return Stranger([raw], truth | {"duration_s": 100.0}, {"steps": []})


# ----------------------------------------------------------------------------------- ordinary runs


def ordinary(rng: random.Random) -> Stranger:
    """A run in any state: groups, rated findings, questions, and how it ended or what it waits for."""
    status = rng.choice(["completed", "completed", "completed", "interrupted", "error", "running"])
    clock = 0
    steps: list[Json] = []
    rows: list[Json] = []
    n_findings = waited = 0
    for number in range(rng.randint(1, 3)):
        start = clock
        children = []
        for child in range(rng.randint(1, 3)):
            begin = rng.randint(start, clock)
            clock = max(clock, begin + rng.randint(10, 300))
            tiers = rng.choices(TIERS, k=rng.randint(0, 2))
            found = finding(f"Finding {number}.{child}", rng.choice(CONFIDENCES), *tiers)
            children.append(step(f"{number}.{child}", begin, clock, artifacts=[found]))
            n_findings += 1
        steps.append(step(f"{number}", start, clock, steps=children))
        if rng.random() < 0.5:
            wait = rng.choice([60, 45 * 60, DAY])
            word = rng.choice(["approve", "reject"])
            answer = {"decision": word, "answered_by": "Ana Ortiz", "note": "seen"}
            asks = question(
                f"q{number}", clock, clock + wait, label=f"Question {number}?", result=answer
            )
            steps.append(asks)
            rows.append({"outcome": "answered", "decision": word, "wait_s": float(wait)})
            clock += wait
            waited += wait
    truth: Json = {"status": status, "n_findings": n_findings, "n_pending": 0, "outcome": None}
    more: Json = {"status": status}
    if status == "interrupted":
        steps.append(question("open", clock, None, label="Approve the business?"))
        more["interrupts"] = [
            item("int-1", label="Approve the business?", agent="cip_orchestrator")
        ]
        rows.append({"outcome": "pending", "decision": None, "interrupt_id": "int-1"})
        truth |= {"n_pending": 1, "outcome": "Approve the business?"}
    if status == "running":
        steps.append(step("now", clock, None))
    if status == "error":
        reason = f"Register {rng.randint(1, 3)} is down"
        steps.append(step("failed", clock, clock + 40, status="error", result={"error": reason}))
        truth["outcome"] = reason
        clock += 40
    if status == "completed":
        steps.append(
            step("out", clock, clock + 9, type="output", artifacts=[finding("Summary", "medium")])
        )
        truth |= {"outcome": "Summary", "confidence": "medium"}
        clock += 9
    if status in ("completed", "error"):
        truth |= {"waiting_s": float(waited), "working_s": float(clock - waited), "idle_s": 0.0}
        more["end"] = clock
    raw = build(rng, *steps, changed=clock, **more)
    return Stranger([raw], truth, {"interrupts": rows})


def fleet(seed: int = 0, n_runs: int | None = None) -> list[Stranger]:
    """An analyst's own file: 60 to 160 ordinary runs."""
    rng = random.Random(f"fleet {seed}")
    return [ordinary(rng) for _ in range(n_runs or rng.randint(60, 160))]


FORMS: dict[str, Form] = {
    form.__name__: form
    for form in (
        *(object_page, webhook_log, same_time_twice, lenders_log, list_row, list_row_waiting),
        *(first_documentation, flat_steps, nested_steps, offsets, absent_lists, null_labels),
        *(no_start, completed_without_end, open_steps_in_ended, ends_before_start, other_tiers),
        *(other_confidences, unknown_words, results, failure_reasons, error_step, two_causes),
        *(failed_without_reason, other_decisions, two_decisions, combined, question_texts),
        *(question_without_id, waiting_alone, waiting_without_question, two_open, two_open_alike),
        *(asked_again, expired, settled_by_policy, repeats, refused, broken_fields, broken_lists),
        *(breaches, ordinary),
    )
}


# ----------------------------------------------------------------------- information taken away


def _all(raw: Json, part: str) -> list[Json]:
    """All runs, steps, questions, artifacts or sources of a run."""
    steps = flat(raw["steps"])
    found = [found for each in steps for found in each.get("artifacts") or []]
    return {
        "run": [raw],
        "steps": steps,
        "questions": [each for each in steps if each["type"] == "interrupt"],
        "items": raw.get("interrupts") or [],
        "values": [asked["value"] for asked in raw.get("interrupts") or []],
        "artifacts": found,
        "sources": [source for each in found for source in each.get("sources") or []],
    }[part]


def _without(part: str, name: str) -> Callable[[Json], None]:
    """Leave a field out of all such parts of a run."""

    def remove(raw: Json) -> None:
        for each in _all(raw, part):
            each.pop(name, None)

    return remove


def _null(part: str, name: str) -> Callable[[Json], None]:
    """Set a field of all such parts of a run to null."""

    def clear(raw: Json) -> None:
        for each in _all(raw, part):
            each[name] = None

    return clear


REMOVALS: dict[str, Callable[[Json], None]] = {
    "updated_at": _without("run", "updated_at"),
    "steps": _without("run", "steps"),
    "ended_at": _without("run", "ended_at"),
    "started_at": _without("run", "started_at"),
    "agent": _without("run", "agent"),
    "interrupts": _without("run", "interrupts"),
    "steps null": _null("run", "steps"),
    "interrupts null": _null("run", "interrupts"),
    "labels null": _null("steps", "label"),
    "labels": _without("steps", "label"),
    "names": _without("steps", "name"),
    "types": _without("steps", "type"),
    "step statuses": _without("steps", "status"),
    "step starts": _without("steps", "started_at"),
    "step ends": _without("steps", "completed_at"),
    "step agents": _without("steps", "agent"),
    "results": _without("questions", "result"),
    "no artifacts": _without("steps", "artifacts"),
    "confidences": _without("artifacts", "confidence"),
    "no sources": _without("artifacts", "sources"),
    "tiers": _without("sources", "source_tier"),
    "addresses": _without("sources", "url"),
    "item ids": _without("items", "id"),
    "item labels": _without("values", "label"),
}


def reduced(strangers: list[Stranger], name: str) -> list[Json]:
    """The records of some runs; every second has lost one kind of information."""
    raws = copy.deepcopy(records(strangers))
    for raw in raws[::2]:
        REMOVALS[name](raw)
    return raws
