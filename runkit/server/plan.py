"""The pure heart, first half: lay a scenario out in time.

`plan(brief, answers)` says everything a run will do, as far as the answers reach. It draws from a generator
seeded by the brief alone and in a fixed order, so an answer changes nothing that came before it: the plan
with an answer and the plan without agree on every instant before that answer.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from random import Random
from typing import Any
from uuid import UUID, uuid5

from runkit.server.businesses import ORCHESTRATOR, business_of
from runkit.server.policy import Policy
from runkit.server.scenarios import scenario_of
from runkit.server.script import Act, Ask, Finding, Part, Scenario, Source, Task
from runkit.server.summary import Summary

Json = dict[str, Any]
PLAN_REVIEW = Task("plan_review", "Planning the review", (5, 12))
RECONCILE = Task("reconcile", "Reconciling the findings", (20, 45))
SUMMARISE = Task("summarise", "Writing the summary", (25, 60))
_BY_POLICY = {
    "auto_approve": {"proposal": "approve", "document": "none", "decision": "approved"},
    "skip": {"proposal": "reject", "document": "none", "decision": "in_review"},
}
"""Verdicts of the interrupt policy. An upload counts as cancelled in both modes (contract section 6.1)."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Brief:
    """What a run is made from. `created` is in virtual milliseconds since 1970, as all times here."""

    run_id: str
    thread_id: str
    agent: str
    business_id: str
    seed: str
    created: int
    policy: Policy
    prompt: str | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What a person answered, already read: one verdict for each agent whose proposal was asked about."""

    interrupt_id: str
    at: int
    verdicts: tuple[tuple[str, str], ...]
    note: str | None = None


@dataclass(slots=True)
class Step:
    """One step, in tree order. `parent` is an index among them, -1 at the top; `end` None if unanswered."""

    id: str
    parent: int
    agent: str
    type: str
    name: str
    label: str
    start: int
    end: int | None = None
    failed: bool = False
    result: Json = field(default_factory=dict)
    artifacts: list[Json] = field(default_factory=list)
    started_at: str = ""
    completed_at: str | None = None


@dataclass(frozen=True, slots=True)
class Pause:
    """A question to a person: the interrupt as the API shows it, and the asks behind it, one an agent."""

    asked: int
    answered: int | None
    item: Json
    asks: tuple[tuple[str, Ask], ...]


@dataclass(frozen=True, slots=True)
class PlannedAct:
    """An action the agent carries out at a known time."""

    at: int
    act: Act
    note: str | None


@dataclass(frozen=True, slots=True)
class Plan:
    """All of a run. `changes` are the instants at which something is seen to change, from creation on."""

    brief: Brief
    started: int
    steps: tuple[Step, ...]
    pauses: tuple[Pause, ...]
    acts: tuple[PlannedAct, ...]
    changes: tuple[int, ...]
    ended: int | None
    status: str
    """The final status; `interrupted` while the last pause waits."""
    output: Json | None
    cause: str | None


def iso(ms: int) -> str:
    """A virtual time as the API writes it, with milliseconds and `Z`."""
    return (_EPOCH + timedelta(milliseconds=ms)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@lru_cache(maxsize=2048)
def plan(brief: Brief, answers: tuple[Answer, ...]) -> Plan:
    """Lay the run out; `answers` in the order they came."""
    return _Draft(brief, answers).write()


class _Unanswered(Exception):
    """Nobody has answered yet: the run waits, and nothing after it can be planned."""


class _Draft:
    """A plan while it is written: a cursor in time, the steps so far, what the summary will say."""

    def __init__(self, brief: Brief, answers: tuple[Answer, ...]) -> None:
        self.brief = brief
        self.answers = {answer.interrupt_id: answer for answer in answers}
        self.random = Random(brief.seed)  # noqa: S311 - durations, no secrets
        self.space = UUID(brief.run_id)
        self.steps: list[Step] = []
        self.pauses: list[Pause] = []
        self.acts: list[PlannedAct] = []
        self.artifacts = 0
        self.summary = Summary()
        self.cause: str | None = None

    def write(self) -> Plan:
        """Write the whole run."""
        scenario = scenario_of(self.brief.business_id)
        policy = self.brief.policy.plus(scenario.policy)
        started = self.brief.created + self.ms((0.4, 1.8))
        ended, output = None, None
        try:
            if self.brief.agent == ORCHESTRATOR:
                at = self.orchestrate(scenario, started, policy)
            else:
                part = next(part for part in scenario.parts if part.agent == self.brief.agent)
                at = self.specialise(part, started, policy)
            if self.cause is None:
                at = self.work((SUMMARISE,), self.brief.agent, -1, at)
                self.steps[-1].type = "output"
                finding = self.summary.finding(self.brief.agent, business_of(self.brief.business_id).name)
                output = {"artifacts": [self.artifact(finding)]}
            ended = at + self.ms((0.1, 0.9))
        except _Unanswered:
            status = "interrupted"
        else:
            status = "completed" if self.cause is None else "error"
        return Plan(
            self.brief,
            started,
            tuple(self.steps),
            tuple(self.pauses),
            tuple(self.acts),
            self.stamp(started, ended),
            ended,
            status,
            output,
            self.cause,
        )

    def stamp(self, started: int, ended: int | None) -> tuple[int, ...]:
        """Write each step's times as text once; return the instants of change."""
        seen = {self.brief.created, started}
        for step in self.steps:
            step.started_at = iso(step.start)
            seen.add(step.start)
            if step.end is not None:
                step.completed_at = iso(step.end)
                seen.add(step.end)
        return tuple(sorted(seen | ({ended} if ended else set())))

    # -- the course of a review

    def orchestrate(self, scenario: Scenario, at: int, policy: Policy) -> int:
        """Plan, delegate to all specialists side by side, ask, follow up, reconcile."""
        self.summary.says.append(scenario.opening)
        at = self.work((PLAN_REVIEW,), ORCHESTRATOR, -1, at)
        ends = [self.work((scenario.registration,), ORCHESTRATOR, -1, at + self.gap())]
        for part in scenario.parts:
            begin = at + self.ms((0.2, 2.5))
            container = self.step(-1, ORCHESTRATOR, Task(part.name, part.label), begin)
            end = self.work(part.tasks, part.agent, container, begin + self.gap()) + self.ms((0.1, 0.6))
            self.finish(container, end)
            self.steps[container].failed = self.cause is not None and self.steps[-1].type == "error"
            self.summary.says.append(part.says)
            ends.append(end)
        at = max(ends) + self.gap()
        if self.cause is not None:
            return at
        at = self.settle([(part.agent, part.ask) for part in scenario.parts if part.ask], at, policy)
        at = self.work((RECONCILE,), ORCHESTRATOR, -1, at)
        return self.settle([(ORCHESTRATOR, scenario.ask)] if scenario.ask else [], at + self.gap(), policy)

    def specialise(self, part: Part, at: int, policy: Policy) -> int:
        """Run one specialist by itself: the same work without the orchestrator around it."""
        at = self.work(part.tasks, part.agent, -1, at)
        self.summary.says.append(part.says)
        asks = [(part.agent, part.ask)] if part.ask and self.cause is None else []
        return self.settle(asks, at + self.gap(), policy)

    def work(self, tasks: tuple[Task, ...], agent: str, parent: int, at: int) -> int:
        """Lay tasks out in a row with short gaps, or alongside the one before; return when all are done."""
        before, done = at, at
        for number, task in enumerate(tasks):
            if task.alongside and number:
                start = before + int((done - before) * self.random.uniform(0.1, 0.6))
            else:
                start = done + (self.gap() if number else 0)
            index = self.step(parent, agent, task, start)
            if task.subtasks:
                end = self.work(task.subtasks, agent, index, start + self.gap()) + self.gap()
            else:
                end = start + self.ms(task.seconds)
            self.finish(index, end)
            if task.finding:
                self.steps[index].artifacts = [self.artifact(task.finding)]
            if task.cause:
                return self.fail(task, index, agent, parent, end)
            before, done = start, max(done, end)
        return done

    def fail(self, task: Task, index: int, agent: str, parent: int, at: int) -> int:
        """[A] 23: the cause of a failed run is a step of type `error`: its label, and in its artifact."""
        self.cause = task.cause
        self.steps[index].failed = True
        error = self.step(parent, agent, Task(f"{task.name}_failed", str(task.cause)), at, "error")
        summary = (
            f"{task.label} failed. {task.cause}. No review is complete without it: start it again later."
        )
        self.steps[error].artifacts = [self.artifact(Finding("Step failed", "error", "high", summary))]
        self.steps[error].failed = True
        self.finish(error, at)
        return at

    # -- questions

    def settle(self, asks: list[tuple[str, Ask]], at: int, policy: Policy) -> int:
        """Settle what the policy settles, put the rest to a person in one question, follow up in order."""
        for agent, ask in asks:
            mode = policy.mode(agent)
            if mode != "manual":
                at = self.settle_by_policy(agent, ask, mode, at)
        manual = tuple((agent, ask) for agent, ask in asks if policy.mode(agent) == "manual")
        if not manual:
            return at
        answer = self.pause(manual, at)
        at, verdicts = answer.at, dict(answer.verdicts)
        noted = f" The reviewer noted: \u201c{answer.note}\u201d." if answer.note else ""
        for number, (agent, ask) in enumerate(manual):
            last = number == len(manual) - 1
            at = self.follow(agent, ask, verdicts[agent], at, noted if last else "", answer.note)
        return at + self.gap()

    def settle_by_policy(self, agent: str, ask: Ask, mode: str, at: int) -> int:
        """Record the pause that was none, with its resolution, and go on."""
        index = self.step(-1, agent, Task(f"await_{ask.type}", ask.label), at, "interrupt")
        self.steps[index].result = {"resolution": mode}
        self.steps[index].artifacts = [self.artifact(ask.finding)]
        at += self.ms((0.2, 0.8))
        self.finish(index, at)
        remark = f" (Settled by the interrupt policy: {mode}.)"
        return self.follow(agent, ask, _BY_POLICY[mode][ask.kind], at, remark, None) + self.gap()

    def pause(self, asks: tuple[tuple[str, Ask], ...], at: int) -> Answer:
        """Ask a person: one ask as itself, several as a combined proposal. Unanswered, the plan ends here."""
        interrupt_id = f"int-{str(uuid5(self.space, f'interrupt/{len(self.pauses)}'))[:8]}"  # [A] 28
        proposals = [self.value(agent, ask) for agent, ask in asks]
        value: Json = proposals[0]
        if len(asks) > 1:
            label = f"{len(asks)} proposals need your review"
            value = {"type": "combined_proposal", "label": label, "proposals": proposals}
        item = {"id": interrupt_id, "agent": value.get("agent"), "value": value}
        index = self.step(
            -1,
            value.get("agent", ORCHESTRATOR),
            Task(f"await_{value['type']}", value["label"]),
            at,
            "interrupt",
        )
        self.steps[index].result = {"interrupt_id": interrupt_id}
        self.steps[index].artifacts = [one for proposal in proposals for one in proposal["artifacts"]]
        answer = self.answers.get(interrupt_id)
        self.pauses.append(Pause(at, answer.at if answer else None, item, asks))
        if answer is None:
            raise _Unanswered
        self.finish(index, answer.at)
        return answer

    def value(self, agent: str, ask: Ask) -> Json:
        """The value of one question (contract section 6)."""
        shown = {"type": ask.type, "agent": agent, "label": ask.label}
        return {**shown, "artifacts": [self.artifact(ask.finding)], **ask.extra}

    def follow(self, agent: str, ask: Ask, verdict: str, at: int, remark: str, note: str | None) -> int:
        """Do what follows from a verdict, and remember what the summary shall say of it."""
        outcome = ask.outcomes[verdict]
        at = self.work(outcome.tasks, agent, -1, at + self.gap())
        if outcome.acts and ask.act:
            act = replace(ask.act, payload={"status": verdict}) if ask.kind == "decision" else ask.act
            self.acts.append(PlannedAct(at, act, note or ask.finding.summary))
        self.summary.conclude(outcome, remark)
        return at

    # -- small parts

    def step(self, parent: int, agent: str, task: Task, start: int, kind: str = "activity") -> int:
        """Open a step and return its index."""
        step_id = str(uuid5(self.space, f"step/{len(self.steps)}"))
        self.steps.append(Step(step_id, parent, agent, kind, task.name, task.label, start))
        return len(self.steps) - 1

    def finish(self, index: int, end: int) -> None:
        self.steps[index].end = end

    def artifact(self, finding: Finding) -> Json:
        """A finding as the API shows it. [A] 17: it has an id, which feedback needs and no schema gives."""
        self.artifacts += 1
        self.summary.sources.update({source.url: source for source in finding.sources})
        return {
            "id": str(uuid5(self.space, f"artifact/{self.artifacts}")),
            "title": finding.title,
            "type": finding.type,
            "confidence": finding.confidence,
            "summary": finding.summary,
            "sources": [_source(source) for source in finding.sources],
        }

    def ms(self, seconds: tuple[float, float]) -> int:
        return round(self.random.uniform(*seconds) * 1000)

    def gap(self) -> int:
        return self.ms((0.1, 0.9))


def _source(source: Source) -> Mapping[str, str]:
    return {
        "url": source.url,
        "source_name": source.name,
        "source_tier": source.tier,
        "source_type": source.type,
    }
