"""The pure heart, first half: lay a scenario out in time.

`plan(brief, answers)` says everything a run will do, as far as the answers reach. It draws from a generator
seeded by the brief alone and in a fixed order, so an answer changes nothing that came before it: the plan
with an answer and the plan without agree on every instant before that answer.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from random import Random
from typing import NamedTuple

from runkit.server.businesses import AGENTS, ORCHESTRATOR, TABLES, Json, business_of, caller, fill, id_in, iso
from runkit.server.scenarios import ASKS, FINDINGS, OUTCOMES, Task, kind_of, parts_of, tasks_of

Pairs = tuple[tuple[str, str], ...]
BY_POLICY = {
    "auto_approve": {"proposal": "approve", "document": "none", "decision": "approved"},
    "skip": {"proposal": "reject", "document": "none", "decision": "in_review"},
}
"""Verdicts of the interrupt policy. An upload counts as cancelled in both modes (contract section 6.1)."""
ACTING = ("approve", "approved", "rejected")  # the verdicts on which the agent takes the question's action
ENDED_BY = "ended by the sandbox's operator"
CONFIDENCES = ("low", "medium", "high")
MAX_SOURCES = 12  # a summary names its main evidence, not the thousand records of a long run


class Brief(NamedTuple):
    """What a run is made from. `created` is in virtual milliseconds since 1970, as all times here."""

    id: str
    thread_id: str
    agent: str
    business_id: str
    seed: str
    created: int
    policy: Pairs = (("default", "manual"),)  # modes of the interrupt policy: by agent, and by default
    prompt: str | None = None
    past: int = 0  # what it did until then is made up, and leaves its business as it was
    person: str | None = None  # the user who asked for it; None is the account
    cut: int | None = None  # when the sandbox's operator ended it


class Answer(NamedTuple):
    """What a person answered, already read: one verdict for each agent whose proposal was asked about.

    `notes` and `payloads` (as JSON) are those that differ from the common note and from what was proposed.
    """

    interrupt_id: str
    at: int
    verdicts: Pairs
    note: str | None = None
    notes: Pairs = ()
    payloads: Pairs = ()
    person: str | None = None  # the user who answered; the account is not named, as in the API


class Pause(NamedTuple):
    """A question to a person: the interrupt as the API shows it, and the types of what its agents ask."""

    asked: int
    answered: int | None
    item: Json
    asks: Pairs


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
    started_at: str
    end: int | None = None
    completed_at: str | None = None
    failed: bool = False
    result: Json = field(default_factory=dict)
    closing: Json = field(default_factory=dict)  # joins the result when the step ends
    artifacts: list[Json] = field(default_factory=list)


class _Unanswered(Exception):
    """Nobody has answered yet: the run waits, and nothing after it can be planned."""


@lru_cache(maxsize=2048)
def plan(brief: Brief, answers: tuple[Answer, ...]) -> Plan:
    """Lay the run out; `answers` in the order they came."""
    return Plan(brief, answers)


class Plan:
    """All of a run, written on construction and not changed after it.

    `status` is the final one, or `interrupted` while the last pause waits; `changes` are the instants at
    which something is seen to change, from creation on. Methods that lay something out take the time at which
    it begins, and return that at which it is done.
    """

    def __init__(self, brief: Brief, answers: tuple[Answer, ...]) -> None:
        business = business_of(brief.business_id)
        self.brief, self.facts, self.parts = brief, business.facts(), parts_of(business.scenario)
        self.own: Json = TABLES["scenarios"][business.scenario]
        self.modes = {**dict(brief.policy), **self.own.get("policy", {})}  # [A] 24
        self.answers = {answer.interrupt_id: answer for answer in answers}
        self.random = Random(brief.seed)  # noqa: S311 - durations, no secrets
        self.steps: list[Step] = []
        self.pauses: list[Pause] = []
        self.acts: list[Json] = []
        self.sources: dict[str, Json] = {}
        self.said: list[str] = []
        self.still_open: list[str] = []
        self.advice, self.confidence, self.cause, self.artifacts = "approve", "high", "", 0
        self.started = brief.created + self._ms(0.4, 1.8)
        self.ended: int | None = None
        self.output: Json | None = None
        self.status = "interrupted"
        with suppress(_Unanswered):
            self.ended = self._write()
        if brief.cut is not None:
            self._cut(brief.cut)
        times = {brief.created, self.started, self.ended}
        times |= {at for step in self.steps for at in (step.start, step.end)}
        self.changes = sorted(at for at in times if at is not None)

    def _write(self) -> int:
        agent = self.brief.agent
        at = self._orchestrate(self.started) if agent == ORCHESTRATOR else self._specialise(self.started)
        if not self.cause:
            at = self._work(tasks_of("summarise"), agent, -1, at)
            self.steps[-1].type = "output"
            self.output = {"artifacts": [self._artifact(self._summary())]}
        self.status = "error" if self.cause else "completed"
        return at + self._ms(0.1, 0.9)

    def _orchestrate(self, at: int) -> int:
        """Plan, delegate to all specialists side by side, ask, follow up, reconcile."""
        self._say("{name} has been registered in {register} since {formed} and is in good standing.")
        at = self._work(tasks_of("plan_review"), ORCHESTRATOR, -1, at)
        ends = [self._work(tasks_of("check_registration=registered"), ORCHESTRATOR, -1, at + self._gap())]
        for part in self.parts:
            begin = at + self._ms(0.2, 2.5)
            name, label = part.agent.split("_")[0], AGENTS[part.agent]["name"]
            container = self._step(-1, ORCHESTRATOR, f"dispatch_{name}", f"Delegating {label}", begin)
            end = self._work(part.tasks, part.agent, container, begin + self._gap()) + self._ms(0.1, 0.6)
            self._finish(container, end, failed=self.steps[-1].type == "error")
            self._say(part.says)
            ends.append(end)
        at = max(ends) + self._gap()
        if self.cause:
            return at
        at = self._settle(tuple((part.agent, part.ask) for part in self.parts if part.ask), at)
        at = self._work(tasks_of("reconcile"), ORCHESTRATOR, -1, at) + self._gap()
        return self._settle(((ORCHESTRATOR, self.own["ask"]),), at) if "ask" in self.own else at

    def _specialise(self, at: int) -> int:
        """Run one specialist by itself: the same work without the orchestrator around it."""
        part = next(part for part in self.parts if part.agent == self.brief.agent)
        at = self._work(part.tasks, part.agent, -1, at) + self._gap()
        self._say(part.says)
        return self._settle(((part.agent, part.ask),), at) if part.ask and not self.cause else at

    def _work(self, tasks: tuple[Task, ...], agent: str, parent: int, at: int) -> int:
        """Lay tasks out in a row with short gaps, or alongside the one before."""
        before, done = at, at
        for number, task in enumerate(tasks):
            if task.alongside and number:
                start = before + int((done - before) * self.random.uniform(0.1, 0.6))
            else:
                start = done + (self._gap() if number else 0)
            index = self._step(parent, agent, task.name, task.label, start)
            if task.subtasks:
                end = self._work(task.subtasks, agent, index, start + self._gap()) + self._gap()
            else:
                end = start + self._ms(*task.seconds)
            self._finish(index, end, [self._found(task.finding)] if task.finding else [], bool(task.cause))
            if task.cause:
                return self._fail(task, agent, parent, end)
            before, done = start, max(done, end)
        return done

    def _fail(self, task: Task, agent: str, parent: int, at: int) -> int:
        """[A] 23: the cause of a failed run is a step of type `error`: its label, and in its artifact."""
        self.cause = task.cause
        told = fill(FINDINGS["step_failed"], {"label": task.label, "cause": task.cause})
        index = self._step(parent, agent, f"{task.name}_failed", task.cause, at, "error")
        self._finish(index, at, [self._artifact(told)], failed=True)
        return at

    def _cut(self, at: int) -> None:
        """End the run at once: work in hand fails, what was to come never does, a question stays open."""
        self._fail(Task("run", "The run", cause=ENDED_BY), self.brief.agent, -1, at)
        begun = [index for index, step in enumerate(self.steps) if step.start <= at]
        places = {-1: -1} | {index: place for place, index in enumerate(begun)}
        self.steps = [self.steps[index] for index in begun]
        for place, step in enumerate(self.steps):
            step.parent = places[step.parent]
            if step.end is not None and step.end > at:
                self._finish(place, at, step.artifacts if step.type == "interrupt" else (), failed=True)
        self.pauses = [pause for pause in self.pauses if pause.asked <= at]
        self.acts = [act for act in self.acts if act["at"] <= at]
        self.started, self.ended, self.output, self.status = min(self.started, at), at, None, "error"

    def _settle(self, asks: Pairs, at: int) -> int:
        """Settle what the policy settles, put the rest to a person in one question, follow up in order."""
        modes = {agent: self.modes.get(agent, self.modes["default"]) for agent, _ in asks}
        for agent, ask in asks:
            if (mode := modes[agent]) != "manual":
                at = self._settle_by_policy(agent, ask, mode, at)
        manual = tuple((agent, ask) for agent, ask in asks if modes[agent] == "manual")
        if not manual:
            return at
        answer = self._pause(manual, at)
        at, notes, payloads = answer.at, dict(answer.notes), dict(answer.payloads)
        for agent, ask in manual:
            note = notes.get(agent, answer.note)
            at = self._follow(agent, ask, dict(answer.verdicts)[agent], at, note, payloads.get(agent))
        for note in dict.fromkeys((*notes.values(), answer.note)):
            if note:
                self.said.append(f"The reviewer noted: \u201c{note}\u201d.")
        return at + self._gap()

    def _settle_by_policy(self, agent: str, ask: str, mode: str, at: int) -> int:
        """Record the pause that was none, with its resolution, and go on."""
        index = self._step(-1, agent, f"await_{ask}", ASKS[ask]["label"], at, "interrupt")
        self.steps[index].result = {"resolution": mode}
        at += self._ms(0.2, 0.8)
        self._finish(index, at, [self._found(FINDINGS[ask])])
        at = self._follow(agent, ask, BY_POLICY[mode][kind_of(ask)], at) + self._gap()
        self.said.append(f"(Settled by the interrupt policy: {mode}.)")
        return at

    def _pause(self, asks: Pairs, at: int) -> Answer:
        """Ask a person: one ask as itself, several as a combined proposal. Unanswered, the plan ends here."""
        interrupt_id = f"int-{id_in(self.brief.id, f'interrupt/{len(self.pauses)}')[:8]}"  # [A] 28
        proposals: list[Json] = [
            {"type": ask, "agent": agent, "label": fill(ASKS[ask]["label"], self.facts)}
            | {"artifacts": [self._found(FINDINGS[ask])], **ASKS[ask].get("extra", {})}
            for agent, ask in asks
        ]
        label = f"{len(asks)} proposals need your review"
        combined: Json = {"type": "combined_proposal", "label": label, "proposals": proposals}
        value = proposals[0] if len(asks) == 1 else combined
        agent, name = value.get("agent"), f"await_{value['type']}"
        index = self._step(-1, agent or ORCHESTRATOR, name, value["label"], at, "interrupt")
        self.steps[index].result = {"interrupt_id": interrupt_id}
        self.steps[index].artifacts = [one for proposal in proposals for one in proposal["artifacts"]]
        answer = self.answers.get(interrupt_id)
        item = {"id": interrupt_id, "agent": agent, "value": value}
        self.pauses.append(Pause(at, answer.at if answer else None, item, asks))
        if answer is None:
            raise _Unanswered
        self._finish(index, answer.at, self.steps[index].artifacts)
        if answer.person:
            who = caller(answer.person)
            self.steps[index].closing = {"answered_by": {"id": who["id"], "name": who["name"]}}
        return answer

    def _follow(
        self, agent: str, ask: str, verdict: str, at: int, note: str | None = None, edited: str | None = None
    ) -> int:
        """Do what follows from a verdict; the summary is as sure as the weakest outcome."""
        words, confidence, says, still_open, advice = [*OUTCOMES[ask][verdict], "", ""][:5]
        at = self._work(tasks_of(*words), agent, -1, at + self._gap())
        if "payload" in ASKS[ask] and verdict in ACTING:
            proposed = fill(ASKS[ask]["payload"], {**self.facts, "verdict": verdict})
            payload = json.loads(edited) if edited else proposed
            why = note or fill(FINDINGS[ask]["summary"], self.facts)
            self.acts.append({"at": at, "type": ask, "payload": payload, "note": why})
        self._say(says)
        self.advice = advice or self.advice
        self.confidence = min(self.confidence, confidence, key=CONFIDENCES.index)
        self.still_open += [fill(still_open, self.facts)] if still_open else []
        return at

    def _summary(self) -> Json:
        """Sum up what was said. A specialist reports and does not recommend."""
        agent, name, said = self.brief.agent, self.facts["name"], [*self.said]
        if self.still_open:
            said.append(f"Still open: {'; '.join(self.still_open)}.")
        title, kind = f"Findings on {name}", f"{agent}_summary"
        if agent == ORCHESTRATOR:
            title, kind = f"CIP summary for {name}", "cip_summary"
            said.append(f"Recommendation: {'keep in review' if self.still_open else self.advice}.")
        told = {"title": title, "type": kind, "confidence": self.confidence, "summary": " ".join(said)}
        return {**told, "sources": list(self.sources.values())[:MAX_SOURCES]}

    def _say(self, sentence: str) -> None:
        self.said.append(fill(sentence, self.facts))

    def _step(self, parent: int, agent: str, name: str, label: str, at: int, kind: str = "activity") -> int:
        """Open a step and return its index."""
        step_id, label = id_in(self.brief.id, f"step/{len(self.steps)}"), fill(label, self.facts)
        self.steps.append(Step(step_id, parent, agent, kind, name, label, at, iso(at)))
        return len(self.steps) - 1

    def _finish(self, index: int, end: int, artifacts: Iterable[Json] = (), failed: bool = False) -> None:
        step = self.steps[index]
        step.end, step.completed_at, step.artifacts, step.failed = end, iso(end), [*artifacts], failed

    def _found(self, finding: Json) -> Json:
        return self._artifact(fill(finding, self.facts))

    def _artifact(self, shown: Json) -> Json:
        """[A] 17: an artifact has an id, which feedback needs and no schema gives."""
        self.artifacts += 1
        self.sources.update({source["url"]: source for source in shown["sources"]})
        return {"id": id_in(self.brief.id, f"artifact/{self.artifacts}"), **shown}

    def _ms(self, shortest: float, longest: float) -> int:
        return round(self.random.uniform(shortest, longest) * 1000)

    def _gap(self) -> int:
        return self._ms(0.1, 0.9)
