"""Threads and runs: one method for each endpoint, as of now. And a past for a new database."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random
from typing import Any

from runkit.server import state
from runkit.server.answers import read_answer, read_policy, split_answer
from runkit.server.businesses import AGENTS, BUSINESSES, ORCHESTRATOR, Json, business_of, caller, iso
from runkit.server.plan import Answer, Brief, Pause, plan
from runkit.server.registry import Registry
from runkit.server.scenarios import OUTCOMES
from runkit.server.schemas import NewFeedback, NewRun, NewThread
from runkit.server.store import Store, find
from runkit.server.web import Id, PageNo, PerPage, Person, Refusal, either, page_of

MINUTE = 60_000
QUIET = 15 * MINUTE  # a made-up past ends this long before now, so that none of its runs is still at work
WEIGHTS = {"clean_pass": 6, "long_200": 1, "long_5000": 0, "in_audit": 0}  # in such a past; the others have 2


class Runs:
    """What can be asked and told of threads and runs. Raises `UsageError` for a policy that is none."""

    def __init__(self, store: Store, policy: str | Mapping[str, Any] | None = None) -> None:
        self.store = store
        self.policy = read_policy(policy)
        self.registry = Registry(store)

    def create_thread(self, body: NewThread, person: Person) -> Json:
        """Make a thread; 404 for an unknown agent type."""
        _check_agent(body.type)
        thread_id, now = self.store.new_id("threads"), self.store.clock.now()
        row = {"id": thread_id, "created": now, "business_id": body.business, "person": person}
        self.store.keep(("threads", row))
        return self.get_thread(thread_id)

    def list_threads(self, page: PageNo = 1, per_page: PerPage = 25, business_id: str = "") -> Json:
        """List threads, newest first, of one business or of all."""
        rows = reversed(self.store.threads.values())
        found = [row["id"] for row in rows if business_id in ("", row["business_id"])]
        return page_of(found, page, per_page, self.get_thread)

    def get_thread(self, thread_id: Id) -> Json:
        """[A] 19: interrupted if any run is, else running, else error if the last failed, else completed."""
        row, now = find(self.store.threads, "thread", thread_id), self.store.clock.now()
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
            "requester": caller(row.get("person")),
        }

    def create_run(self, body: NewRun, person: Person) -> Json:
        """Start a run.

        Refused with 400 without thread and business, 404 for an unknown agent type or thread, 422 for a
        business in audit ([A] 20: any other status will do).
        """
        _check_agent(body.type)
        thread_id, business_id = body.thread_id or None, body.business
        if thread_id:
            business_id = business_id or find(self.store.threads, "thread", thread_id)["business_id"]
        if business_id is None:
            message = "business_id, or context_type and context_id, is required without a thread that has one"
            raise Refusal(400, message, "business_id")
        if business_of(business_id).status == "in_audit":
            raise Refusal(422, "the business is in audit; an agent cannot work on it", "business_id")
        now = self.store.clock.now()
        brief, rows = self._new_run(body.type, business_id, thread_id, now, prompt=body.prompt, person=person)
        self.store.clock.expect(state.next_stop(plan(brief, ()), now))
        self.store.keep(*rows)
        return self.get_run(brief.id)

    def _new_run(
        self, agent: str, business_id: str, thread_id: str | None, now: int, **more: Any
    ) -> tuple[Brief, list[tuple[str, Json]]]:
        """Make a run's brief, and the rows that keep it: without a thread it gets one of its own."""
        rows: list[tuple[str, Json]] = []
        if thread_id is None:
            thread_id = self.store.new_id("threads")
            row = {"id": thread_id, "created": now, "business_id": business_id}
            rows = [("threads", row | {"person": more.get("person")})]
        run_id, seed = self.store.new_id("runs"), f"{self.store.seed}/{self.store.counts['runs'] + 1}"
        brief = Brief(run_id, thread_id, agent, business_id, seed, now, self.policy, **more)
        return brief, [*rows, ("runs", brief._asdict())]

    def list_runs(self, page: PageNo = 1, per_page: PerPage = 25) -> Json:
        """List runs, newest first, without steps."""
        return page_of(list(self.store.runs)[::-1], page, per_page, self.get_run)

    def get_run(self, run_id: Id, include: str = "") -> Json:
        """Give a run; `steps` is the only word of `include` that is documented, others are ignored."""
        steps = "steps" in map(str.strip, include.split(","))
        return state.state(self.store.plan_of(run_id), self.store.clock.now(), steps)

    def resume_run(self, run_id: Id, body: Json, person: Person, include: str = "") -> Json:
        """Answer a question. [A] 3, 6: the same run goes on.

        Refused with 404 for an unknown run; 422 if it does not wait, not for this, or not for such an answer.
        """
        planned, now = self.store.plan_of(run_id), self.store.clock.now()
        interrupt_id, given = split_answer(body)
        pause = state.pending(planned, now)
        if pause is None or pause.item["id"] != interrupt_id:
            found = f"waits for {pause.item['id']!r}" if pause else f"is {state.status(planned, now)}"
            raise Refusal(422, f"{interrupt_id[:80]!r} is not pending: the run {found}", "interrupt_id")
        documents = self.registry.documents(planned.brief.business_id)
        answer = read_answer(pause, given, documents, now, person)
        answered = plan(planned.brief, (*self.store.answers[run_id], answer))
        self.store.clock.expect(state.next_stop(answered, now))
        self.store.keep(("answers", {"run_id": run_id, **answer._asdict(), "input": given}))
        return self.get_run(run_id, include)

    def end_run(self, run_id: Id) -> Json:
        """End a run at once, in error, and let its question lapse; 422 if it has ended."""
        planned, now = self.store.plan_of(run_id), self.store.clock.now()
        if planned.ended is not None and planned.ended <= now:
            raise Refusal(422, f"the run has ended already: it is {planned.status}")
        self.store.keep(("ends", {"run_id": run_id, "at": now}))
        return self.get_run(run_id)

    def submit_feedback(self, run_id: Id, body: NewFeedback, person: Person) -> Json:
        """Rate an artifact of a run; 422 if the run shows no such artifact."""
        now, artifact_id, reviewer = self.store.clock.now(), body.artifact_id, caller(person)["id"]
        if artifact_id not in state.seen(self.store.plan_of(run_id), now):
            raise Refusal(422, "artifact_id names no artifact of this run", "artifact_id")
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
        self.store.keep(("feedback", row))
        return row

    def add_past(self, count: int) -> None:
        """Add runs of the last two weeks, with answers; they leave the businesses as they were."""
        now, random = self.store.clock.now(), Random(f"{self.store.seed}/history")  # noqa: S311 - no secret
        weights = [WEIGHTS.get(business.scenario, 2) for business in BUSINESSES]
        days = range(now - 14 * 24 * 60 * MINUTE, now - QUIET)
        for created in sorted(random.choice(days) for _ in range(count)):
            business = random.choices(BUSINESSES, weights)[0]
            brief, rows = self._new_run(ORCHESTRATOR, business.id, None, created, past=now)
            answers: tuple[Answer, ...] = ()
            while pause := state.pending(plan(brief, answers), now):
                answer = _past_answer(pause, random)
                if answer.at > now - QUIET or random.random() < 0.2:  # nobody has answered yet
                    break
                answers = (*answers, answer)
                rows.append(("answers", {"run_id": brief.id, **answer._asdict(), "input": None}))
            self.store.keep(*rows)


def _past_answer(pause: Pause, random: Random) -> Answer:
    """Three in ten answers came the next morning, the others within minutes; three in four were a yes."""
    minutes = random.uniform(540, 960) if random.random() < 0.3 else random.uniform(1, 25)
    no = random.random() < 0.25
    verdicts = tuple((agent, list(OUTCOMES[ask])[no]) for agent, ask in pause.asks)
    note = random.choice((None, "checked by ops", "agrees with our file"))
    if ("dismissal", "approve") in zip(dict(pause.asks).values(), dict(verdicts).values(), strict=True):
        note = note or "not the listed person"  # which needs one
    return Answer(pause.item["id"], pause.asked + round(minutes * MINUTE), verdicts, note)


def _check_agent(kind: str) -> None:
    if kind not in AGENTS:
        raise Refusal(404, f"agent type not found: {kind[:80]!r}; expected {either(AGENTS)}", "type")
