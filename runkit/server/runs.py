"""New runs and threads: their database rows, and the made-up history of a new database."""

from __future__ import annotations

from collections.abc import Iterable
from random import Random
from typing import Any

from runkit.server import state
from runkit.server.plan import Answer, Interrupt, Pairs, Plan, RunSpec, plan
from runkit.server.scenarios import BUSINESSES, ORCHESTRATOR, OUTCOMES, Json, iso, user_of
from runkit.server.store import Row, Store

MINUTE = 60_000
QUIET = 15 * MINUTE  # history ends this long before now, so that none of its runs is still working
WEIGHTS = {"clean_pass": 6, "long_200": 1}  # in history; all others have 2
NOT_IN_HISTORY = ("long_5000", "in_audit", "two_at_once", "add_attributes")


def thread_row(store: Store, business_id: str | None, person: str | None, now: int) -> Row:
    """Make the row of a new thread."""
    thread_id = store.new_id("threads")
    return "threads", {"id": thread_id, "created": now, "business_id": business_id, "person": person}


def thread_json(row: Json, plans: Iterable[Plan], now: int) -> Json:
    """[A] 19: interrupted if any run is, else running, else error if the last failed, else completed."""
    runs = [(state.status(one, now), state.updated(one, now)) for one in plans]
    statuses = [status for status, _ in runs]
    last = "error" if statuses[-1:] == ["error"] else "completed"
    return {
        "object": "thread",
        "id": row["id"],
        "created_at": iso(row["created"]),
        "updated_at": iso(max((at for _, at in runs), default=row["created"])),
        "status": next((word for word in ("interrupted", "running") if word in statuses), last),
        "metadata": None,
        "requester": user_of(row.get("person")),
    }


def new_run(
    store: Store, agent: str, business_id: str, thread_id: str | None, now: int, **more: Any
) -> tuple[RunSpec, list[Row]]:
    """Make a run's spec and its rows; without a thread it gets a new one."""
    rows = [] if thread_id else [thread_row(store, business_id, more.get("person"), now)]
    thread_id = thread_id or rows[0][1]["id"]
    seed = f"{store.seed}/{store.counts['runs'] + 1}"
    spec = RunSpec(store.new_id("runs"), str(thread_id), agent, business_id, seed, now, **more)
    return spec, [*rows, ("runs", spec._asdict())]


def add_history(store: Store, policy: Pairs, count: int) -> None:
    """Add runs of the last two weeks, with answers; they do not change the businesses."""
    now, random = store.clock.now(), Random(f"{store.seed}/history")  # noqa: S311 - no secret
    scenarios = [business.scenario for business in BUSINESSES]
    weights = [0 if name in NOT_IN_HISTORY else WEIGHTS.get(name, 2) for name in scenarios]
    days = range(now - 14 * 24 * 60 * MINUTE, now - QUIET)
    for created in sorted(random.choice(days) for _ in range(count)):
        business = random.choices(BUSINESSES, weights)[0]
        spec, rows = new_run(store, ORCHESTRATOR, business.id, None, created, policy=policy, past=now)
        answers: tuple[Answer, ...] = ()
        while pending := state.pending(p := plan(spec, answers), now):
            answer = _history_answer(pending[0], random)
            if answer.at > now - QUIET or random.random() < 0.2:  # not answered yet
                break
            answers = (*answers, answer)
            rows.append(("answers", {"run_id": spec.id, **answer._asdict(), "input": None}))
        store.save(*rows)
        store.keep(p)


def _history_answer(interrupt: Interrupt, random: Random) -> Answer:
    """Make an answer: 30% come the next morning, the others within minutes; 75% are a yes."""
    minutes = random.uniform(540, 960) if random.random() < 0.3 else random.uniform(1, 25)
    is_no = random.random() < 0.25
    verdicts = tuple((agent, list(OUTCOMES[question])[is_no]) for agent, question in interrupt.questions)
    note = random.choice((None, "checked by ops", "matches our records"))
    if "dismissal" in dict(interrupt.questions).values() and not is_no:
        note = note or "not the listed person"  # a dismissal needs a note
    return Answer(interrupt.item["id"], interrupt.asked_at + round(minutes * MINUTE), verdicts, note)
