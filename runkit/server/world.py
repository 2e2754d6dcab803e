"""What the server knows now: the store's rows, the clock's time and the plans that follow from them.

The one place where a write begins and ends. A write keeps the clock's course beside it, so that a restart
goes on from there. Everything is read as of now: an action that an agent will take in two minutes is in the
store, and not yet in the world.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid5

from runkit.errors import UsageError
from runkit.server import answers, state
from runkit.server.businesses import AGENTS
from runkit.server.clock import Clock, Course
from runkit.server.objects import ACCOUNT, SPACE
from runkit.server.plan import Answer, Brief, Json, Plan, iso, plan
from runkit.server.policy import Policy, read_policy
from runkit.server.refusal import Refusal
from runkit.server.registry import ACCOUNT_ACTOR, Registry
from runkit.server.store import Row, Store

Item = TypeVar("Item")


class World:
    """Threads, runs and what was done with them. For one thread, except `clock.now`.

    Methods named `put_…` write and belong inside `writing`; the others do all that a request asks for.
    """

    def __init__(self, store: Store, clock: Clock, seed: int, policy: Policy) -> None:
        self.store = store
        self.clock = clock
        self.seed = seed
        self.policy = policy
        self.registry = Registry(store, clock)

    @classmethod
    def open(
        cls,
        *,
        db: str | Path | None = None,
        speed: float = 60,
        seed: int = 0,
        policy: str | Mapping[str, Any] | None = None,
        now: datetime | str | None = None,
        real_time: Callable[[], float] = time.time,
    ) -> "World":
        """Open a world. A database that exists keeps its clock and seed: `now` and `seed` are for new ones.

        Raises:
            UsageError: an argument that cannot be used.

        """
        rules, virtual = read_policy(policy), _start(now, real_time)
        store = Store(db)
        try:
            real, kept = real_time(), store.meta("clock")
            virtual = Course(**kept).at(real) if kept else virtual
            course = Course(virtual, real, kept["busy_until"] if kept else 0, speed)
            kept_seed = store.meta("seed")
            world = cls(store, Clock(course, real_time), seed if kept_seed is None else kept_seed, rules)
            with world.writing():
                store.set_meta("seed", world.seed)
        except BaseException:
            store.close()
            raise
        return world

    @contextmanager
    def writing(self) -> Iterator[int]:
        """Write all of it or nothing, the clock's course included; gives the time of the write."""
        with self.store.db:
            yield self.clock.now()
            self.store.set_meta("clock", asdict(self.clock.course))

    def new_id(self, table: str) -> str:
        """The id of a table's next row: the same in every world with the same seed and the same past."""
        return str(uuid5(SPACE, f"{self.seed}/{table}/{self.store.count(table) + 1}"))

    # -- threads

    def create_thread(self, agent: str, business_id: str | None) -> Json:
        """Make a thread; 404 for an unknown agent type."""
        _known_agent(agent)
        with self.writing() as now:
            thread_id = self.put_thread(business_id, now)
        return self.thread(thread_id)

    def put_thread(self, business_id: str | None, created: int) -> str:
        """Keep a new thread and return its id."""
        thread_id = self.new_id("threads")
        self.store.add("threads", id=thread_id, created=created, business_id=business_id)
        return thread_id

    def thread(self, thread_id: str) -> Json:
        """A thread as it is now; 404 if there is none."""
        return self._thread(self._thread_row(thread_id))

    def threads(self, page: int, per_page: int, business_id: str | None) -> Json:
        """A page of threads, newest first, of one business or of all."""
        rows = self.store.rows(
            "SELECT * FROM threads WHERE ?1 IS NULL OR business_id = ?1 ORDER BY n DESC", business_id
        )
        return page_of(rows, page, per_page, self._thread)

    def _thread_row(self, thread_id: str) -> Row:
        rows = self.store.rows("SELECT * FROM threads WHERE id = ?", thread_id)
        if not rows:
            raise Refusal.not_found("thread", thread_id)
        return rows[0]

    def _thread(self, row: Row) -> Json:
        now = self.clock.now()
        plans = [self._plan(brief) for brief in reversed(self.store.briefs(row["id"]))]
        return {
            "object": "thread",
            "id": row["id"],
            "created_at": iso(row["created"]),
            "updated_at": iso(max((state.updated(one, now) for one in plans), default=row["created"])),
            "status": thread_status([state.status(one, now) for one in plans]),
            "metadata": None,
            "requester": ACCOUNT,
        }

    # -- runs

    def create_run(
        self, agent: str, business_id: str | None, thread_id: str | None, prompt: str | None
    ) -> Json:
        """Start a run.

        Raises:
            Refusal: 400 neither thread nor business, 404 unknown agent type or thread, 422 business in audit.

        """
        _known_agent(agent)
        if thread_id is not None:
            business_id = business_id or self._thread_row(thread_id)["business_id"]
        if business_id is None:
            message = "business_id, or context_type and context_id, is required without a thread that has one"
            raise Refusal(400, message, "business_id")
        if (
            self.registry.business_now(business_id)["status"] == "in_audit"
        ):  # [A] 20: any other status will do
            raise Refusal.invalid("the business is in audit; an agent cannot work on it", "business_id")
        with self.writing() as now:
            thread_id = thread_id or self.put_thread(business_id, now)
            brief = self.put_run(agent, business_id, thread_id, now, prompt)
            self.put_course(plan(brief, ()), now)
        return self.run(brief.run_id)

    def put_run(
        self, agent: str, business_id: str, thread_id: str, at: int, prompt: str | None = None
    ) -> Brief:
        """Keep a new run. Its seed is the world's and its number, so that equal worlds make equal runs."""
        seed = f"{self.seed}/{self.store.count('runs') + 1}"
        brief = Brief(self.new_id("runs"), thread_id, agent, business_id, seed, at, self.policy, prompt)
        self.store.add_run(brief)
        return brief

    def resume(self, run_id: str, body: Mapping[str, Any]) -> None:
        """Answer a question. [A] 3, 6: the same run goes on.

        Raises:
            Refusal: 404 unknown run; 422 not interrupted, another question, or no answer to it.

        """
        planned, asked_at = self.plan_of(run_id), self.clock.now()
        interrupt_id, given = answers.split(body)
        pause = state.pending(planned, asked_at)
        if pause is None:
            found = state.status(planned, asked_at)
            raise Refusal.invalid(
                f"the run is {found}, not interrupted; nothing waits for an answer", "interrupt_id"
            )
        if pause.item["id"] != interrupt_id:
            message = f"no pending interrupt {interrupt_id[:80]!r}; the run waits for {pause.item['id']!r}"
            raise Refusal.invalid(message, "interrupt_id")
        documents = self.registry.documents(planned.brief.business_id)
        kinds = {document["id"]: document["document_type"] for document in documents}
        verdicts, note = answers.read(pause, given, kinds)
        with self.writing() as now:
            self.store.add_answer(run_id, Answer(interrupt_id, now, verdicts, note), given)
            self.put_course(self.plan_of(run_id), now)

    def put_course(self, planned: Plan, now: int) -> None:
        """Let a run go on from `now`: the clock expects its next stop, its actions are kept."""
        self.clock.expect(state.next_stop(planned, now))
        for number, planned_act in enumerate(planned.acts):
            if planned_act.at >= now:
                self.registry.put_agent_action(planned, number, planned_act)

    def plan_of(self, run_id: str) -> Plan:
        """The plan of a run; 404 if there is none."""
        brief = self.store.brief(run_id)
        if brief is None:
            raise Refusal.not_found("run", run_id)
        return self._plan(brief)

    def run(self, run_id: str, steps: bool = False) -> Json:
        """A run as it is now."""
        return state.render(self.plan_of(run_id), self.clock.now(), ACCOUNT, steps)

    def runs(self, page: int, per_page: int) -> Json:
        """A page of runs, newest first, without steps."""
        now = self.clock.now()
        return page_of(
            self.store.briefs(),
            page,
            per_page,
            lambda one: state.render(self._plan(one), now, ACCOUNT, steps=False),
        )

    def _plan(self, brief: Brief) -> Plan:
        return plan(brief, self.store.answers(brief.run_id))

    # -- what people do besides

    def add_feedback(self, run_id: str, rating: str, artifact_id: str, comment: str | None) -> Json:
        """Rate an artifact of a run; 422 if the run shows no such artifact."""
        if artifact_id not in state.seen(self.plan_of(run_id), self.clock.now()):
            raise Refusal.invalid("artifact_id names no artifact of this run", "artifact_id")
        row = {"run_id": run_id, "artifact_id": artifact_id, "rating": rating, "comment": comment}
        before = self.store.rows(
            "SELECT n FROM feedback WHERE run_id = ? AND artifact_id = ?", run_id, artifact_id
        )
        with self.writing() as now:
            row["id"] = self.new_id("feedback")
            self.store.add("feedback", **row, created=now)
        return {
            "object": "run_feedback",
            **row,
            "reviewer": {"type": "Account", "id": ACCOUNT["id"]},
            "superseded_prior": bool(before),
            "created_at": iso(now),
        }

    def upload(self, business_id: str, kind: str, filename: str) -> Json:
        """Put a document on file. [A] 25: no public endpoint does. Only its name and type are kept."""
        self.registry.business(business_id)
        row = {"id": self.new_id("documents"), "business_id": business_id, "type": kind, "filename": filename}
        with self.writing() as now:
            self.store.add("documents", **row, created=now)
        return self.registry.document(row["id"])

    def create_action(self, body: Mapping[str, Any]) -> Json:
        """Carry out an action for the caller. It does not resume a run that proposed it (contract section 7).

        Raises:
            Refusal: as `Registry.checked`, and 404 for an unknown run or thread.

        """
        target, actors = self.registry.checked(body), self._actors(body["run_id"], body["thread_id"])
        with self.writing() as now:
            action = {
                "id": self.new_id("actions"),
                "type": body["type"],
                "note": body["note"],
                "actors": actors,
            }
            return self.registry.put_action(action, target, body["payload"], now)

    def _actors(self, run_id: str | None, thread_id: str | None) -> list[Json]:
        """The account, and the run that is named or the latest of the thread that is."""
        if thread_id is not None:
            self._thread_row(thread_id)
            latest = self.store.briefs(thread_id)[:1]
            run_id = run_id or (latest[0].run_id if latest else None)
        if run_id is None:
            return [ACCOUNT_ACTOR]
        run = self.run(run_id)
        data = {key: run[key] for key in ("id", "thread_id", "status", "agent")}
        return [ACCOUNT_ACTOR, {"actor_type": "run", "data": data}]


def page_of(items: Sequence[Item], page: int, per_page: int, show: Callable[[Item], Json]) -> Json:
    """A page of a list as the API gives it (contract section 12); only the items on it are shown."""
    shown = [show(item) for item in items[(page - 1) * per_page : page * per_page]]
    return {
        "object": "list",
        "has_more": page * per_page < len(items),
        "data": shown,
        "total_count": len(items),
    }


def thread_status(statuses: list[str]) -> str:
    """[A] 19: interrupted if any run is, else running, else error if the last one failed, else completed."""
    for status in ("interrupted", "running"):
        if status in statuses:
            return status
    return "error" if statuses and statuses[-1] == "error" else "completed"


def _known_agent(agent: str) -> None:
    if agent not in AGENTS:
        raise Refusal(
            404, f"agent type {agent[:80]!r} not found; expected one of {', '.join(AGENTS)}", "type"
        )


def _start(now: datetime | str | None, real_time: Callable[[], float]) -> int:
    """Virtual milliseconds at the start: now as given, else as it is."""
    if now is None:
        return int(real_time() * 1000)
    try:
        moment = datetime.fromisoformat(now) if isinstance(now, str) else now
    except ValueError as error:
        msg = f"now={now!r} is not a time; give a datetime or ISO 8601, such as '2026-02-03T10:00:00Z'"
        raise UsageError(msg) from error
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return round(moment.timestamp() * 1000)
