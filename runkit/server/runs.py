"""Threads and runs: one method per endpoint, and the made-up history of a new database."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random
from typing import Any

from runkit.server import state
from runkit.server.answers import parse_answer, read_answer, read_policy
from runkit.server.businesses import AGENTS, BUSINESSES, ORCHESTRATOR, Json, business_of, iso, user_of
from runkit.server.plan import Answer, Interrupt, RunSpec, plan
from runkit.server.registry import Registry
from runkit.server.scenarios import OUTCOMES
from runkit.server.schemas import NewFeedback, NewRun, NewThread
from runkit.server.store import Store, get_or_404
from runkit.server.web import Id, PageNo, PerPage, Person, RequestError, make_page, or_list

MINUTE = 60_000
QUIET = 15 * MINUTE  # history ends this long before now, so that none of its runs is still working
WEIGHTS = {"clean_pass": 6, "long_200": 1, "long_5000": 0, "in_audit": 0}  # in history; all others have 2


class Runs:
    """The endpoints of threads and runs. Raises `UsageError` for an invalid policy."""

    def __init__(self, store: Store, policy: str | Mapping[str, Any] | None = None) -> None:
        self.store = store
        self.policy = read_policy(policy)
        self.registry = Registry(store)

    def create_thread(self, body: NewThread, person: Person) -> Json:
        """Create a thread; 404 for an unknown agent type."""
        _check_agent(body.type)
        thread_id, now = self.store.new_id("threads"), self.store.clock.now()
        row = {"id": thread_id, "created": now, "business_id": body.business, "person": person}
        self.store.save(("threads", row))
        return self.get_thread(thread_id)

    def list_threads(self, page: PageNo = 1, per_page: PerPage = 25, business_id: str = "") -> Json:
        """List threads, newest first, of one business or of all."""
        rows = reversed(self.store.threads.values())
        thread_ids = [row["id"] for row in rows if business_id in ("", row["business_id"])]
        return make_page(thread_ids, page, per_page, self.get_thread)

    def get_thread(self, thread_id: Id) -> Json:
        """[A] 19: interrupted if any run is, else running, else error if the last failed, else completed."""
        row, now = get_or_404(self.store.threads, "thread", thread_id), self.store.clock.now()
        plans = [self.store.plan_of(run_id) for run_id in self.store.runs_of[thread_id]]
        statuses = [state.status(one, now) for one in plans]
        last = "error" if statuses[-1:] == ["error"] else "completed"
        return {
            "object": "thread",
            "id": thread_id,
            "created_at": iso(row["created"]),
            "updated_at": iso(max((state.updated(one, now) for one in plans), default=row["created"])),
            "status": next((word for word in ("interrupted", "running") if word in statuses), last),
            "metadata": None,
            "requester": user_of(row.get("person")),
        }

    def create_run(self, body: NewRun, person: Person) -> Json:
        """Start a run.

        Rejected with 400 without thread and business, 404 for an unknown agent type or thread, 422 for a
        business in audit ([A] 20: any other status is accepted).
        """
        _check_agent(body.type)
        thread_id, business_id = body.thread_id or None, body.business
        if thread_id:
            business_id = business_id or get_or_404(self.store.threads, "thread", thread_id)["business_id"]
        if business_id is None:
            message = "business_id, or context_type and context_id, is required unless the thread has one"
            raise RequestError(400, message, "business_id")
        if business_of(business_id).status == "in_audit":
            raise RequestError(422, "the business is in audit; an agent cannot work on it", "business_id")
        now = self.store.clock.now()
        spec, rows = self._new_run(body.type, business_id, thread_id, now, prompt=body.prompt, person=person)
        self.store.clock.expect(state.next_stop(plan(spec, ()), now))
        self.store.save(*rows)
        return self.get_run(spec.id)

    def _new_run(
        self, agent: str, business_id: str, thread_id: str | None, now: int, **more: Any
    ) -> tuple[RunSpec, list[tuple[str, Json]]]:
        """Make a run's spec and its database rows; without a thread it gets a new one."""
        rows: list[tuple[str, Json]] = []
        if thread_id is None:
            thread_id = self.store.new_id("threads")
            row = {"id": thread_id, "created": now, "business_id": business_id}
            rows = [("threads", row | {"person": more.get("person")})]
        run_id, seed = self.store.new_id("runs"), f"{self.store.seed}/{self.store.counts['runs'] + 1}"
        spec = RunSpec(run_id, thread_id, agent, business_id, seed, now, self.policy, **more)
        return spec, [*rows, ("runs", spec._asdict())]

    def list_runs(self, page: PageNo = 1, per_page: PerPage = 25) -> Json:
        """List runs, newest first, without steps."""
        return make_page(list(self.store.runs)[::-1], page, per_page, self.get_run)

    def get_run(self, run_id: Id, include: str = "") -> Json:
        """Get a run; `steps` is the only documented word of `include`, others are ignored."""
        steps = "steps" in map(str.strip, include.split(","))
        return state.state(self.store.plan_of(run_id), self.store.clock.now(), steps)

    def resume_run(self, run_id: Id, body: Json, person: Person, include: str = "") -> Json:
        """Answer a question. [A] 3, 6: the same run continues.

        Rejected with 404 for an unknown run; 422 if this question is not open or the answer is invalid.
        """
        run_plan, now = self.store.plan_of(run_id), self.store.clock.now()
        interrupt_id, value = parse_answer(body)
        pending = {one.item["id"]: one for one in state.pending(run_plan, now)}
        interrupt = pending.get(interrupt_id)
        if interrupt is None:
            status = f"waiting for {' and '.join(pending)}" if pending else state.status(run_plan, now)
            message = f"{interrupt_id[:80]!r} is not pending: the run is {status}"
            raise RequestError(422, message, "interrupt_id")
        documents = self.registry.documents(run_plan.spec.business_id)
        answer = read_answer(interrupt, value, documents, now, person)
        answered = plan(run_plan.spec, (*self.store.answers[run_id], answer))
        self.store.clock.expect(state.next_stop(answered, now))
        self.store.save(("answers", {"run_id": run_id, **answer._asdict(), "input": value}))
        return self.get_run(run_id, include)

    def end_run(self, run_id: Id) -> Json:
        """End a run now, in error, so that its question expires; 422 if it has ended."""
        run_plan, now = self.store.plan_of(run_id), self.store.clock.now()
        if run_plan.ended is not None and run_plan.ended <= now:
            raise RequestError(422, f"the run has already ended: it is {run_plan.status}")
        self.store.save(("ends", {"run_id": run_id, "at": now}))
        return self.get_run(run_id)

    def submit_feedback(self, run_id: Id, body: NewFeedback, person: Person) -> Json:
        """Rate an artifact of a run; 422 if the run does not show this artifact."""
        now, artifact_id, reviewer = self.store.clock.now(), body.artifact_id, user_of(person)["id"]
        if artifact_id not in state.visible_artifacts(self.store.plan_of(run_id), now):
            raise RequestError(422, "artifact_id is not an artifact of this run", "artifact_id")
        row = {
            "object": "run_feedback",
            "id": self.store.new_id("feedback"),
            "run_id": run_id,
            "rating": body.rating,
            "artifact_id": artifact_id,
            "comment": body.comment,
            "reviewer": {"type": "User" if person else "Account", "id": reviewer},
            "superseded_prior": (run_id, artifact_id, reviewer) in self.store.rated,
            "created_at": iso(now),
        }
        self.store.save(("feedback", row))
        return row

    def add_history(self, count: int) -> None:
        """Add runs of the last two weeks, with answers; they do not change the businesses."""
        now, random = self.store.clock.now(), Random(f"{self.store.seed}/history")  # noqa: S311 - no secret
        weights = [WEIGHTS.get(business.scenario, 2) for business in BUSINESSES]
        days = range(now - 14 * 24 * 60 * MINUTE, now - QUIET)
        for created in sorted(random.choice(days) for _ in range(count)):
            business = random.choices(BUSINESSES, weights)[0]
            spec, rows = self._new_run(ORCHESTRATOR, business.id, None, created, past=now)
            answers: tuple[Answer, ...] = ()
            while pending := state.pending(plan(spec, answers), now):
                answer = _history_answer(pending[0], random)
                if answer.at > now - QUIET or random.random() < 0.2:  # not answered yet
                    break
                answers = (*answers, answer)
                rows.append(("answers", {"run_id": spec.id, **answer._asdict(), "input": None}))
            self.store.save(*rows)


def _history_answer(interrupt: Interrupt, random: Random) -> Answer:
    """Make an answer: 30% come the next morning, the others within minutes; 75% are a yes."""
    minutes = random.uniform(540, 960) if random.random() < 0.3 else random.uniform(1, 25)
    is_no = random.random() < 0.25
    verdicts = tuple((agent, list(OUTCOMES[question])[is_no]) for agent, question in interrupt.questions)
    note = random.choice((None, "checked by ops", "matches our records"))
    if ("dismissal", "approve") in zip(
        dict(interrupt.questions).values(), dict(verdicts).values(), strict=True
    ):
        note = note or "not the listed person"  # a dismissal needs a note
    return Answer(interrupt.item["id"], interrupt.asked_at + round(minutes * MINUTE), verdicts, note)


def _check_agent(kind: str) -> None:
    if kind not in AGENTS:
        raise RequestError(404, f"agent type not found: {kind[:80]!r}; expected {or_list(AGENTS)}", "type")
