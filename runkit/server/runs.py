"""New runs and threads: their database rows, and the made-up history of a new database."""

from __future__ import annotations

from random import Random
from typing import Any

from runkit.server import state
from runkit.server.plan import Answer, Interrupt, RunSpec, plan
from runkit.server.scenarios import BUSINESSES, ORCHESTRATOR, OUTCOMES, Json, iso, user_of
from runkit.server.store import Row, Store, get_or_404

MINUTE = 60_000
QUIET = 15 * MINUTE  # history ends this long before now, so that none of its runs is still working
NOT_IN_HISTORY = ("long_5000", "in_audit", "two_at_once", "add_attributes")
WEIGHTS = {"clean_pass": 6, "long_200": 1, **dict.fromkeys(NOT_IN_HISTORY, 0)}  # in history; others have 2


def thread_row(store: Store, business_id: str | None, person: str | None, now: int) -> Row:
    """Make the row of a new thread."""
    thread_id = store.new_id("threads")
    return "threads", {"id": thread_id, "created": now, "business_id": business_id, "person": person}


def thread_now(store: Store, thread_id: str) -> Json:
    """Return a thread; 404 if there is none.

    [A] 19: interrupted if any of its runs is, else running, else error if the last failed, else completed.
    """
    row = get_or_404(store.threads, "thread", thread_id)
    runs = [store.run(run_id) for run_id in store.runs_of[thread_id]]
    statuses = [run["status"] for run in runs]
    last = "error" if statuses[-1:] == ["error"] else "completed"
    return {
        "object": "thread",
        "id": row["id"],
        "created_at": iso(row["created"]),
        "updated_at": max((run["updated_at"] for run in runs), default=iso(row["created"])),
        "status": next((word for word in ("interrupted", "running") if word in statuses), last),
        "metadata": None,
        "requester": user_of(row["person"]),
    }


def new_run(
    store: Store, agent: str, business_id: str, thread_id: str, now: int, policy: dict[str, str], **more: Any
) -> tuple[RunSpec, list[Row]]:
    """Make a run's spec and its rows; without a thread it gets a new one."""
    rows = [] if thread_id else [thread_row(store, business_id, more.get("person"), now)]
    thread_id = thread_id or rows[0][1]["id"]
    seed = f"{store.seed}/{store.counts['runs'] + 1}"
    spec = RunSpec(store.new_id("runs"), thread_id, agent, business_id, seed, now, policy, **more)
    return spec, [*rows, ("runs", spec._asdict())]


def answer_row(run_id: str, answer: Answer) -> Row:
    """Make the row of an answer."""
    return "answers", {"run_id": run_id, "answer": answer._asdict()}


def add_history(store: Store, policy: dict[str, str], count: int) -> None:
    """Add runs of the last two weeks, with answers; they do not change the businesses."""
    now, random = store.clock.now(), Random(f"{store.seed}/history")  # noqa: S311 - no secret
    weights = [WEIGHTS.get(business.scenario, 2) for business in BUSINESSES]
    days = range(now - 14 * 24 * 60 * MINUTE, now - QUIET)
    for created in sorted(random.choice(days) for _ in range(count)):
        business = random.choices(BUSINESSES, weights)[0]
        spec, rows = new_run(store, ORCHESTRATOR, business.id, "", created, policy, past=now)
        answers: list[Answer] = []
        while pending := state.pending(plan(spec, answers), now):
            answer = _history_answer(pending[0], random)
            if answer.at > now - QUIET or random.random() < 0.2:  # not answered yet
                break
            answers.append(answer)
        store.save(*rows, *(answer_row(spec.id, answer) for answer in answers))


def _history_answer(interrupt: Interrupt, random: Random) -> Answer:
    """Make an answer: 30% come the next morning, the others within minutes; 75% are a yes."""
    minutes = random.uniform(540, 960) if random.random() < 0.3 else random.uniform(1, 25)
    is_no = random.random() < 0.25
    verdicts = {agent: list(OUTCOMES[question])[is_no] for agent, question in interrupt.questions.items()}
    note = random.choice((None, "checked by ops", "matches our records"))
    if "dismissal" in interrupt.questions.values() and not is_no:
        note = note or "not the listed person"  # a dismissal needs a note
    notes = dict.fromkeys(verdicts, note) if note else {}
    return Answer(interrupt.item["id"], interrupt.asked_at + round(minutes * MINUTE), verdicts, notes, {})
