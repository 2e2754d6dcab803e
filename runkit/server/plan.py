"""Plan a run: every step of a scenario with its start and end.

`plan(spec, answers)` is a pure function: everything the run will do, up to the first open question. Its
random numbers depend on the spec alone and are drawn in a fixed order, so that an answer never changes what
happened before it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from random import Random
from typing import NamedTuple

from runkit.server.businesses import (
    AGENTS,
    ORCHESTRATOR,
    TABLES,
    Json,
    business_of,
    fill,
    id_in,
    iso,
    user_of,
)
from runkit.server.scenarios import FINDINGS, OUTCOMES, QUESTIONS, Task, kind_of, parse_tasks, specialists_in

Pairs = tuple[tuple[str, str], ...]
POLICY_VERDICTS = {
    "auto_approve": {"proposal": "approve", "document": "none", "decision": "approved"},
    "skip": {"proposal": "reject", "document": "none", "decision": "in_review"},
}
"""Verdicts of the interrupt policy. An upload counts as canceled in both modes (contract section 6.1)."""
VERDICTS_WITH_ACTION = ("approve", "approved", "rejected")  # then the agent acts
ENDED_BY = "ended by the sandbox's operator"
CONFIDENCES = ("low", "medium", "high")
MAX_SOURCES = 12  # of a summary; a long run has a thousand


class RunSpec(NamedTuple):
    """The input of a plan. Times are virtual milliseconds since 1970. The database stores fields by name."""

    id: str
    thread_id: str
    agent: str
    business_id: str
    seed: str
    created: int
    policy: Pairs = (("default", "manual"),)  # modes of the interrupt policy: by agent, and by default
    prompt: str | None = None
    past: int = 0  # until then it is made-up history, and does not change its business
    person: str | None = None  # the user who requested it; None is the account
    cut: int | None = None  # when the sandbox's operator ended it


class Answer(NamedTuple):
    """A parsed answer: one verdict for each agent with a proposal.

    `notes` and `payloads` (as JSON) are those that differ from the common note and from the proposed payload.
    The database stores fields by name.
    """

    interrupt_id: str
    at: int
    verdicts: Pairs
    note: str | None = None
    notes: Pairs = ()
    payloads: Pairs = ()
    person: str | None = None  # the user who answered; the account is not named, as in the API


class Interrupt(NamedTuple):
    """An interrupt: the item as the API shows it, and the type of each agent's question."""

    asked_at: int
    answered_at: int | None
    item: Json
    questions: Pairs


@dataclass(slots=True)
class Step:
    """One step, in tree order. `parent` is an index of a step, -1 at the top; `end` is None if unanswered."""

    id: str
    parent: int
    agent: str
    type: str
    name: str
    label: str
    start: int
    started_at: str
    end: int | None = None
    completed_at: str | None = None
    failed: bool = False
    result: Json = field(default_factory=dict)
    closing: Json = field(default_factory=dict)  # added to the result when the step ends
    artifacts: list[Json] = field(default_factory=list)


class _Unanswered(Exception):
    """The run waits for an answer; nothing after it can be planned."""


@lru_cache(maxsize=2048)
def plan(spec: RunSpec, answers: tuple[Answer, ...]) -> Plan:
    """Plan a run; `answers` are in order of arrival."""
    return Plan(spec, answers)


class Plan:
    """The plan of a run, immutable after construction.

    `status` is the final one, or `interrupted` while the last question is open; `changes` are the times at
    which a reader sees a change. Methods that add steps take the start time and return the end time.
    """

    def __init__(self, spec: RunSpec, answers: tuple[Answer, ...]) -> None:
        business = business_of(spec.business_id)
        self.spec, self.facts, self.specialists = spec, business.facts(), specialists_in(business.scenario)
        self.own: Json = TABLES["scenarios"][business.scenario]
        self.modes = {**dict(spec.policy), **self.own.get("policy", {})}  # [A] 24
        self.answers = {answer.interrupt_id: answer for answer in answers}
        self.random = Random(spec.seed)  # noqa: S311 - durations, no secrets
        self.steps: list[Step] = []
        self.interrupts: list[Interrupt] = []
        self.actions: list[Json] = []
        self.sources: dict[str, Json] = {}
        self.sentences: list[str] = []
        self.still_open: list[str] = []
        self.recommendation, self.confidence, self.cause, self.artifacts = "approve", "high", "", 0
        self.started = spec.created + self._ms(0.4, 1.8)
        self.ended: int | None = None
        self.output: Json | None = None
        self.status = "interrupted"
        with suppress(_Unanswered):
            self.ended = self._lay_out()
        if spec.cut is not None:
            self._end_early(spec.cut)
        times = {spec.created, self.started, self.ended}
        times |= {at for step in self.steps for at in (step.start, step.end)}
        self.changes = sorted(at for at in times if at is not None)

    def _lay_out(self) -> int:
        agent = self.spec.agent
        run_agent = self._run_orchestrator if agent == ORCHESTRATOR else self._run_specialist
        at = run_agent(self.started)
        if not self.cause:
            at = self._run(parse_tasks("summarize"), agent, -1, at)
            self.steps[-1].type = "output"
            self.output = {"artifacts": [self._artifact(self._summary())]}
        self.status = "error" if self.cause else "completed"
        return at + self._ms(0.1, 0.9)

    def _run_orchestrator(self, at: int) -> int:
        """Plan the review, run all specialists in parallel, ask, follow up, reconcile."""
        self._add_sentence("{name} has been registered in {register} since {formed} and is in good standing.")
        at = self._run(parse_tasks("plan_review"), ORCHESTRATOR, -1, at)
        registration = parse_tasks("check_registration=registered")
        ends = [self._run(registration, ORCHESTRATOR, -1, at + self._gap())]
        for specialist in self.specialists:
            begin = at + self._ms(0.2, 2.5)
            name, label = specialist.agent.split("_")[0], AGENTS[specialist.agent]["name"]
            container = self._step(-1, ORCHESTRATOR, f"dispatch_{name}", f"Delegating {label}", begin)
            end = self._run(specialist.tasks, specialist.agent, container, begin + self._gap())
            end += self._ms(0.1, 0.6)
            self._finish(container, end, failed=self.steps[-1].type == "error")
            self._add_sentence(specialist.summary)
            ends.append(end)
        at = max(ends) + self._gap()
        if self.cause:
            return at
        at = self._resolve(tuple((one.agent, one.question) for one in self.specialists if one.question), at)
        at = self._run(parse_tasks("reconcile"), ORCHESTRATOR, -1, at) + self._gap()
        return self._resolve(((ORCHESTRATOR, self.own["question"]),), at) if "question" in self.own else at

    def _run_specialist(self, at: int) -> int:
        """Run one specialist by itself, without the orchestrator."""
        specialist = next(one for one in self.specialists if one.agent == self.spec.agent)
        at = self._run(specialist.tasks, specialist.agent, -1, at) + self._gap()
        self._add_sentence(specialist.summary)
        if self.cause or not specialist.question:
            return at
        return self._resolve(((specialist.agent, specialist.question),), at)

    def _run(self, tasks: tuple[Task, ...], agent: str, parent: int, at: int) -> int:
        """Add the steps of tasks in sequence with short gaps, or in parallel with the one before."""
        last_start, done = at, at
        for number, task in enumerate(tasks):
            if task.alongside and number:
                start = last_start + int((done - last_start) * self.random.uniform(0.1, 0.6))
            else:
                start = done + (self._gap() if number else 0)
            index = self._step(parent, agent, task.name, task.label, start)
            if task.subtasks:
                end = self._run(task.subtasks, agent, index, start + self._gap()) + self._gap()
            else:
                end = start + self._ms(*task.seconds)
            self._finish(index, end, [self._finding(task.finding)] if task.finding else [], bool(task.cause))
            if task.cause:
                return self._fail(task, agent, parent, end)
            last_start, done = start, max(done, end)
        return done

    def _fail(self, task: Task, agent: str, parent: int, at: int) -> int:
        """[A] 23: the cause of a failed run is the label, and the artifact, of a step of type `error`."""
        self.cause = task.cause
        artifact = fill(FINDINGS["step_failed"], {"label": task.label, "cause": task.cause})
        index = self._step(parent, agent, f"{task.name}_failed", task.cause, at, "error")
        self._finish(index, at, [self._artifact(artifact)], failed=True)
        return at

    def _end_early(self, at: int) -> None:
        """End the run now: running steps fail, later steps are dropped, an open question stays open."""
        self._fail(Task("run", "The run", cause=ENDED_BY), self.spec.agent, -1, at)
        old_indices = [index for index, step in enumerate(self.steps) if step.start <= at]
        new_index = {-1: -1} | {old: new for new, old in enumerate(old_indices)}
        self.steps = [self.steps[index] for index in old_indices]
        for index, step in enumerate(self.steps):
            step.parent = new_index[step.parent]
            if step.end is not None and step.end > at:
                self._finish(index, at, step.artifacts if step.type == "interrupt" else (), failed=True)
        self.interrupts = [interrupt for interrupt in self.interrupts if interrupt.asked_at <= at]
        self.actions = [action for action in self.actions if action["at"] <= at]
        self.started, self.ended, self.output, self.status = min(self.started, at), at, None, "error"

    def _resolve(self, questions: Pairs, at: int) -> int:
        """Resolve questions by policy where it applies, ask a reviewer the rest, and follow up in order."""
        modes = {agent: self.modes.get(agent, self.modes["default"]) for agent, _ in questions}
        for agent, question in questions:
            if (mode := modes[agent]) != "manual":
                at = self._resolve_by_policy(agent, question, mode, at)
        manual = tuple((agent, question) for agent, question in questions if modes[agent] == "manual")
        if not manual:
            return at
        answer = self._interrupt(manual, at)
        at, notes, payloads = answer.at, dict(answer.notes), dict(answer.payloads)
        for agent, question in manual:
            note = notes.get(agent, answer.note)
            at = self._apply(agent, question, dict(answer.verdicts)[agent], at, note, payloads.get(agent))
        for note in dict.fromkeys((*notes.values(), answer.note)):
            if note:
                self.sentences.append(f"The reviewer noted: \u201c{note}\u201d.")
        return at + self._gap()

    def _resolve_by_policy(self, agent: str, question: str, mode: str, at: int) -> int:
        """Add an interrupt step with its resolution, and continue."""
        index = self._step(-1, agent, f"await_{question}", QUESTIONS[question]["label"], at, "interrupt")
        self.steps[index].result = {"resolution": mode}
        at += self._ms(0.2, 0.8)
        self._finish(index, at, [self._finding(FINDINGS[question])])
        at = self._apply(agent, question, POLICY_VERDICTS[mode][kind_of(question)], at) + self._gap()
        self.sentences.append(f"(Resolved by the interrupt policy: {mode}.)")
        return at

    def _interrupt(self, questions: Pairs, at: int) -> Answer:
        """Ask a reviewer; several questions become a combined proposal. Unanswered, the plan ends here."""
        interrupt_id = f"int-{id_in(self.spec.id, f'interrupt/{len(self.interrupts)}')[:8]}"  # [A] 28
        proposals: list[Json] = [
            {"type": question, "agent": agent, "label": fill(QUESTIONS[question]["label"], self.facts)}
            | {"artifacts": [self._finding(FINDINGS[question])], **QUESTIONS[question].get("extra", {})}
            for agent, question in questions
        ]
        label = f"{len(questions)} proposals need your review"
        combined: Json = {"type": "combined_proposal", "label": label, "proposals": proposals}
        value = proposals[0] if len(questions) == 1 else combined
        agent, name = value.get("agent"), f"await_{value['type']}"
        index = self._step(-1, agent or ORCHESTRATOR, name, value["label"], at, "interrupt")
        self.steps[index].result = {"interrupt_id": interrupt_id}
        self.steps[index].artifacts = [proposal["artifacts"][0] for proposal in proposals]
        answer = self.answers.get(interrupt_id)
        item = {"id": interrupt_id, "agent": agent, "value": value}
        self.interrupts.append(Interrupt(at, answer.at if answer else None, item, questions))
        if answer is None:
            raise _Unanswered
        self._finish(index, answer.at, self.steps[index].artifacts)
        if answer.person:
            reviewer = user_of(answer.person)
            self.steps[index].closing = {"answered_by": {"id": reviewer["id"], "name": reviewer["name"]}}
        return answer

    def _apply(
        self,
        agent: str,
        question: str,
        verdict: str,
        at: int,
        note: str | None = None,
        edited: str | None = None,
    ) -> int:
        """Follow up on a verdict. The summary's confidence is that of the weakest outcome."""
        words, confidence, summary, still_open, recommendation = [*OUTCOMES[question][verdict], "", ""][:5]
        at = self._run(parse_tasks(*words), agent, -1, at + self._gap())
        if "payload" in QUESTIONS[question] and verdict in VERDICTS_WITH_ACTION:
            proposed = fill(QUESTIONS[question]["payload"], {**self.facts, "verdict": verdict})
            payload = json.loads(edited) if edited else proposed
            reason = note or fill(FINDINGS[question]["summary"], self.facts)
            self.actions.append({"at": at, "type": question, "payload": payload, "note": reason})
        self._add_sentence(summary)
        self.recommendation = recommendation or self.recommendation
        self.confidence = min(self.confidence, confidence, key=CONFIDENCES.index)
        self.still_open += [fill(still_open, self.facts)] if still_open else []
        return at

    def _summary(self) -> Json:
        """Write the summary. A specialist makes no recommendation."""
        agent, name, sentences = self.spec.agent, self.facts["name"], [*self.sentences]
        if self.still_open:
            sentences.append(f"Still open: {'; '.join(self.still_open)}.")
        title, kind = f"Findings on {name}", f"{agent}_summary"
        if agent == ORCHESTRATOR:
            title, kind = f"CIP summary for {name}", "cip_summary"
            recommendation = "keep in review" if self.still_open else self.recommendation
            sentences.append(f"Recommendation: {recommendation}.")
        fields = {"title": title, "type": kind, "confidence": self.confidence, "summary": " ".join(sentences)}
        return {**fields, "sources": list(self.sources.values())[:MAX_SOURCES]}

    def _add_sentence(self, sentence: str) -> None:
        self.sentences.append(fill(sentence, self.facts))

    def _step(self, parent: int, agent: str, name: str, label: str, at: int, kind: str = "activity") -> int:
        """Open a step and return its index."""
        step_id, label = id_in(self.spec.id, f"step/{len(self.steps)}"), fill(label, self.facts)
        self.steps.append(Step(step_id, parent, agent, kind, name, label, at, iso(at)))
        return len(self.steps) - 1

    def _finish(self, index: int, end: int, artifacts: Iterable[Json] = (), failed: bool = False) -> None:
        step = self.steps[index]
        step.end, step.completed_at, step.artifacts, step.failed = end, iso(end), [*artifacts], failed

    def _finding(self, finding: Json) -> Json:
        return self._artifact(fill(finding, self.facts))

    def _artifact(self, fields: Json) -> Json:
        """[A] 17: an artifact has an id, which feedback needs and no schema documents."""
        self.artifacts += 1
        self.sources.update({source["url"]: source for source in fields["sources"]})
        return {"id": id_in(self.spec.id, f"artifact/{self.artifacts}"), **fields}

    def _ms(self, shortest: float, longest: float) -> int:
        return round(self.random.uniform(shortest, longest) * 1000)

    def _gap(self) -> int:
        return self._ms(0.1, 0.9)
