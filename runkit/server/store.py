"""The sandbox's database: everything that clients sent, and the clock. Computed values are not stored.

Reads are from memory, writes go to SQLite too. With a file, the data survive a kill of the process, and runs
continue according to their plans.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from random import Random
from typing import Annotated, Any, TypeVar

from pydantic import Field, validate_call

from runkit import files
from runkit.arguments import time_bound
from runkit.errors import UsageError
from runkit.server import state
from runkit.server.clock import Clock, ClockState
from runkit.server.plan import Answer, Interrupt, Plan, RunSpec, plan
from runkit.server.scenarios import BUSINESSES, ORCHESTRATOR, OUTCOMES, SPACE, Json, id_in, iso, user_of
from runkit.server.web import RequestError

_SCHEMA = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = NORMAL; -- survives a kill of the process, without an fsync per write
CREATE TABLE IF NOT EXISTS rows (n INTEGER PRIMARY KEY, kind TEXT NOT NULL, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS state (one INTEGER PRIMARY KEY, seed INTEGER, course TEXT);
"""
# of plans kept in memory, some 70 MB; a run of 16 steps is planned in 0.6 ms
MAX_PLANNED_STEPS = 50_000
MINUTE = 60_000
# history ends this long before now, so that none of its runs is still working
QUIET = 15 * MINUTE
NOT_IN_HISTORY = ("long_5000", "in_audit", "two_at_once", "add_attributes", "object_page")
# in history; others have 2
WEIGHTS = {"clean_pass": 6, "long_200": 1, **dict.fromkeys(NOT_IN_HISTORY, 0)}
LAST_YEAR = 9000  # of a start, as a datetime ends with the year 9999
Row = tuple[str, Json]  # a kind, and the fields
Item = TypeVar("Item")


class Store:
    """Threads, runs, answers and other requests. Not thread-safe, except `clock.now`.

    An existing database keeps its clock and seed; `now` and `seed` are for new ones. Raises `UsageError` for
    an invalid file, time or speed, pydantic's `ValidationError` for one of another type.
    """

    @validate_call(config={"strict": True})
    def __init__(
        self,
        db: str | Path | None = None,
        speed: float = 60,
        seed: Annotated[int, Field(ge=-(2**63), lt=2**63)] = 0,  # as SQLite stores it
        now: datetime | str | None = None,
        real_time: Callable[[], float] = time.time,
    ) -> None:
        self.counts: dict[str, int] = defaultdict(int)
        self.threads: dict[str, Json] = {}
        self.runs: dict[str, RunSpec] = {}
        self.runs_of: dict[str, list[str]] = defaultdict(list)  # by thread, and by business
        self.answers: dict[str, list[Answer]] = defaultdict(list)
        self.rated: set[tuple[str, str, str]] = set()  # by run, artifact and reviewer
        self.actions: dict[str, list[Json]] = defaultdict(list)  # of people, by business
        self._plans: dict[str, Plan] = {}
        self._planned_steps = 0
        self._agent_actions: dict[str, list[Json]] = {}  # of all plans so far: they are small
        real, self.seed = real_time(), seed
        self.clock = Clock(ClockState(_start(now, real), real, 0, speed), real_time)
        self.db = _connect(db)
        try:
            self.db.executescript(_SCHEMA)
            for kind, body in self.db.execute("SELECT kind, body FROM rows ORDER BY n"):
                self._load(kind, json.loads(body))
            for stored_seed, text in self.db.execute("SELECT seed, course FROM state"):
                self.seed, stored = stored_seed, ClockState(*json.loads(text))
                clock_state = ClockState(stored.at(real), real, stored.busy_until, speed)
                self.clock = Clock(clock_state, real_time)
            self.save()
        except (sqlite3.Error, LookupError, TypeError, ValueError) as error:
            self.db.close()
            raise _unusable(db, error) from error

    def save(self, *rows: Row) -> None:
        """Store all of these rows or none, and the clock's state, which knows until when their runs work."""
        with self.db:
            for kind, row in rows:
                self.db.execute("INSERT INTO rows (kind, body) VALUES (?, ?)", (kind, json.dumps(row)))
            for kind, row in rows:
                self._load(kind, row)
            planned = [row for kind, row in rows if kind in ("runs", "answers")]
            for run_id in dict.fromkeys(row.get("run_id") or row["id"] for row in planned):
                self.clock.expect(state.next_stop(self.plan_of(run_id), self.clock.now()))
            clock_state = json.dumps(self.clock.state)
            self.db.execute("INSERT OR REPLACE INTO state VALUES (1, ?, ?)", (self.seed, clock_state))

    def _load(self, kind: str, row: Json) -> None:
        self.counts[kind] += 1
        if kind in ("answers", "ends"):
            self._plans.pop(row["run_id"], None)
            self._agent_actions.pop(row["run_id"], None)
        if kind == "threads":
            self.threads[row["id"]] = row
        elif kind == "runs":
            self.runs[row["id"]] = RunSpec(**{**row, "policy": dict(row["policy"])})
            for owner in (row["thread_id"], row["business_id"]):
                self.runs_of[owner].append(row["id"])
        elif kind == "answers":
            self.answers[row["run_id"]].append(Answer(**row["answer"]))
        elif kind == "ends":
            self.runs[row["run_id"]] = self.runs[row["run_id"]]._replace(cut=row["at"])
        elif kind == "feedback":
            self.rated.add((row["run_id"], row["artifact_id"], row["reviewer"]["id"]))
        elif kind == "actions":
            self.actions[row["business_id"]].append(row)

    def new_id(self, kind: str) -> str:
        """Return the id of the next row of a kind; it depends on the seed and the number of rows only."""
        return id_in(SPACE, f"{self.seed}/{kind}/{self.counts[kind] + 1}")

    def run(self, run_id: str, steps: bool = False) -> Json:
        """Return a run now; 404 if there is none."""
        return state.state(self.plan_of(run_id), self.clock.now(), steps)

    def thread(self, thread_id: str) -> Json:
        """Return a thread now; 404 if there is none.

        [A] 19: interrupted if any of its runs is, else running, else error if the last failed.
        """
        row = get_or_404(self.threads, "thread", thread_id)
        runs = [self.run(run_id) for run_id in self.runs_of[thread_id]]
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

    def new_thread(self, business_id: str | None, person: str | None, created: int) -> Row:
        """Make the row of a new thread."""
        row = {"id": self.new_id("threads"), "created": created, "business_id": business_id, "person": person}
        return "threads", row

    def new_run(
        self, agent: str, business_id: str, thread_id: str, now: int, policy: dict[str, str], **more: Any
    ) -> tuple[RunSpec, list[Row]]:
        """Make a run's spec and its rows; without a thread it gets a new one."""
        rows = [] if thread_id else [self.new_thread(business_id, more.get("person"), now)]
        thread_id = thread_id or rows[0][1]["id"]
        seed = f"{self.seed}/{self.counts['runs'] + 1}"
        spec = RunSpec(self.new_id("runs"), thread_id, agent, business_id, seed, now, policy, **more)
        return spec, [*rows, ("runs", spec._asdict())]

    def plan_of(self, run_id: str) -> Plan:
        """Return the plan of a run with its answers so far; 404 if there is no such run."""
        spec = get_or_404(self.runs, "run", run_id)
        if run_id not in self._plans:
            if self._planned_steps > MAX_PLANNED_STEPS:
                self._plans, self._planned_steps = {}, 0
            run_plan = plan(spec, self.answers[run_id])
            self._plans[run_id], self._agent_actions[run_id] = run_plan, run_plan.actions
            self._planned_steps += len(run_plan.steps)
        return self._plans[run_id]

    def agent_actions(self, run_id: str) -> list[Json]:
        """Return the actions in the plan of a run."""
        return self._agent_actions[run_id] if run_id in self._agent_actions else self.plan_of(run_id).actions


def answer_row(run_id: str, answer: Answer) -> Row:
    """Make the row of an answer."""
    return "answers", {"run_id": run_id, "answer": answer._asdict()}


def get_or_404(known: Mapping[str, Item], what: str, key: str) -> Item:
    """Return an item by its id; 404 if there is none."""
    if key not in known:
        raise RequestError(404, f"{what} not found: {key[:80]!r}")
    return known[key]


def _connect(db: str | Path | None) -> sqlite3.Connection:
    try:
        if db:
            # SQLite creates the files beside it with the same permissions
            files.make_file(Path(db))
        return sqlite3.connect(db or ":memory:", check_same_thread=False)
    except (OSError, ValueError, sqlite3.Error) as error:  # ValueError: a NUL in the path
        raise _unusable(db, error) from error


def _unusable(db: str | Path | None, error: Exception) -> UsageError:
    return UsageError(
        f"db={str(db)!r} cannot be used ({error}); give a sandbox's database, or a new file in a directory "
        "that exists"
    )


def _start(now: datetime | str | None, real: float) -> int:
    """Return the virtual milliseconds at the start: `now`, else the real time."""
    moment = time_bound("now", now)
    if moment is None:
        return int(real * 1000)
    if moment.year > LAST_YEAR:
        raise UsageError(f"now={now!r} is too late; give a time before the year {LAST_YEAR + 1}")
    return round(moment.timestamp() * 1000)


# -- the made-up history of a new database


def add_history(store: Store, policy: dict[str, str], count: int) -> None:
    """Add runs of the last two weeks, with answers; they do not change the businesses."""
    now, random = store.clock.now(), Random(f"{store.seed}/history")  # noqa: S311 - no secret
    weights = [WEIGHTS.get(business.scenario, 2) for business in BUSINESSES]
    days = range(now - 14 * 24 * 60 * MINUTE, now - QUIET)
    for created in sorted(random.choice(days) for _ in range(count)):
        business = random.choices(BUSINESSES, weights)[0]
        spec, rows = store.new_run(ORCHESTRATOR, business.id, "", created, policy, past=now)
        store.save(*rows)
        while pending := state.pending(store.plan_of(spec.id), now):
            answer = _history_answer(pending[0], random)
            if answer.at > now - QUIET or random.random() < 0.2:  # not answered yet
                break
            store.save(answer_row(spec.id, answer))


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
