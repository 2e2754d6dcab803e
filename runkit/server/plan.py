"""Plan a run: every step of a scenario with its start and end.

`plan(spec, answers)` is a pure function: everything the run will do, up to the first open question.
Its random numbers depend on the spec alone and are drawn in a fixed order, so that an answer never
changes what happened before it. The functions below add steps to a plan; they take the start time
and return the end time.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random
from typing import Any, NamedTuple

from runkit.contract import CONFIDENCES
from runkit.server import scenarios
from runkit.server.scenarios import (
    ORCHESTRATOR,
    QUESTIONS,
    TABLES,
    Finding,
    Json,
    Scenario,
    Task,
    fill,
    id_in,
)

VERDICTS_WITH_ACTION = ("approve", "approved", "rejected")  # then the agent acts
ENDED_BY = "ended by the sandbox's operator"
MAX_SOURCES = 12  # of a summary; a long run has a thousand


class RunSpec(NamedTuple):
    """The input of a plan. Times are virtual milliseconds since 1970."""

    id: str
    thread_id: str
    agent: str
    business_id: str
    seed: str
    created: int
    prompt: str | None = None
    past: int = 0  # until then it is made-up history, and does not change its business
    person: str | None = None  # the user who requested it; None is the account
    cut: int | None = None  # when the sandbox's operator ended it


class Answer(NamedTuple):
    """A parsed answer: by agent with a proposal, the verdict, and the note and edited payload, if any."""

    interrupt_id: str
    at: int
    verdicts: dict[str, str]
    notes: dict[str, str]
    payloads: dict[str, Json]
    person: str | None = None  # the user who answered; the account is not named, as in the API


class Interrupt(NamedTuple):
    """An interrupt: the item as the API shows it, and the type of each agent's question."""

    asked_at: int
    answered_at: int | None
    item: Json
    questions: dict[str, str]


@dataclass(slots=True)
class Step:
    """One step, in tree order.

    `parent` is the id of a step, None at the top; `end` is None if unanswered.
    """

    id: str
    parent: str | None
    agent: str
    name: str
    label: str
    start: int
    type: str = "activity"
    end: int | None = None
    failed: bool = False
    result: Json = field(default_factory=dict)
    closing: Json = field(default_factory=dict)  # added to the result when the step ends
    artifacts: list[Json] = field(default_factory=list)


@dataclass
class Plan:
    """The steps of a run, its questions and its outcome.

    `status` is the final one, or `interrupted` while the last question is open; `changes` are the
    times at which a reader sees a change.
    """

    spec: RunSpec
    answers: dict[str, Answer]
    facts: dict[str, str]
    random: Random
    steps: list[Step] = field(default_factory=list)
    interrupts: list[Interrupt] = field(default_factory=list)
    actions: list[Json] = field(default_factory=list)
    started: int = 0
    ended: int | None = None
    output: Json | None = None
    status: str = "interrupted"
    cause: str = ""
    changes: list[int] = field(default_factory=list)
    # of the summary
    confidence: str = "high"
    recommendation: str = "approve"
    sentences: list[str] = field(default_factory=list)
    still_open: list[str] = field(default_factory=list)
    n_artifacts: int = 0

    @property
    def scenario(self) -> Scenario:
        """Its scenario."""
        return TABLES.scenarios[self.facts["scenario"]]


class _Unanswered(Exception):
    """The run waits for an answer; nothing after it can be planned."""


def plan(spec: RunSpec, answers: Sequence[Answer]) -> Plan:
    """Plan a run; `answers` are in order of arrival."""
    by_id = {answer.interrupt_id: answer for answer in answers}
    facts = scenarios.business_of(spec.business_id).facts()
    p = Plan(spec, by_id, facts, Random(spec.seed))  # noqa: S311 - durations, no secrets
    p.started = spec.created + _ms(p, 0.4, 1.8)
    with suppress(_Unanswered):
        p.ended = _run_agent(p)
    if spec.cut is not None:
        _end_early(p, spec.cut)
    times = {spec.created, p.started, p.ended}
    times |= {at for step in p.steps for at in (step.start, step.end)}
    latest = float("inf") if spec.cut is None else spec.cut
    p.changes = sorted(at for at in times if at is not None and at <= latest)
    return p


def _run_agent(p: Plan) -> int:
    agent = p.spec.agent
    run = _run_orchestrator if agent == ORCHESTRATOR else _run_specialist
    at = run(p, p.started)
    p.status = "error"
    if not p.cause:
        at = _run_own(p, "summarize", at)
        _add_output(p, p.steps[-1])
        p.status = "completed"
    return at + _ms(p, 0.1, 0.9)


def _run_orchestrator(p: Plan, at: int) -> int:
    """Plan the review, run all specialists in parallel, ask, follow up, reconcile."""
    parts = scenarios.parts_of(p.facts["scenario"])
    _say(p, "{name} has been registered in {register} since {formed} and is in good standing.")
    at = _run_own(p, "plan_review", at)
    ends = [_run_own(p, "check_registration", at + _gap(p))]
    for part in parts:
        begin = at + _ms(p, 0.2, 2.5)
        name, label = part.agent.split("_")[0], scenarios.AGENTS[part.agent]["name"]
        step = _add_step(p, None, ORCHESTRATOR, f"dispatch_{name}", f"Delegating {label}", begin)
        end = _run_tasks(p, part.tasks, part.agent, step.id, begin + _gap(p))
        step.end, step.failed = end + _ms(p, 0.1, 0.6), p.steps[-1].type == "error"
        _say(p, part.summary)
        ends.append(step.end)
    at = max(ends) + _gap(p)
    if p.cause:
        return at
    questions = {part.agent: part.question for part in parts if part.question}
    at = _resolve(p, questions, at, together=p.scenario.together)
    at = _run_own(p, "reconcile", at) + _gap(p)
    if p.scenario.question:
        at = _resolve(p, {ORCHESTRATOR: p.scenario.question}, at)
    return at


def _run_specialist(p: Plan, at: int) -> int:
    """Run one specialist by itself, without the orchestrator."""
    parts = scenarios.parts_of(p.facts["scenario"])
    part = next(part for part in parts if part.agent == p.spec.agent)
    at = _run_tasks(p, part.tasks, part.agent, None, at) + _gap(p)
    _say(p, part.summary)
    if p.cause or not part.question:
        return at
    return _resolve(p, {part.agent: part.question}, at)


def _run_own(p: Plan, name: str, at: int) -> int:
    """Add the step of a task that is in no specialist's part."""
    return _run_tasks(p, [TABLES.tasks[name]], p.spec.agent, None, at)


def _run_tasks(p: Plan, tasks: list[Task], agent: str, parent: str | None, at: int) -> int:
    """Add the steps of tasks in sequence with short gaps, or in parallel with the one before."""
    last_start, done = at, at
    for number, task in enumerate(tasks):
        if task.alongside and number:
            start = last_start + int((done - last_start) * p.random.uniform(0.1, 0.6))
        else:
            start = done + (_gap(p) if number else 0)
        step = _add_step(p, parent, agent, task.name, task.label, start)
        if task.subtasks:
            end = _run_tasks(p, task.subtasks, agent, step.id, start + _gap(p)) + _gap(p)
        else:
            end = start + _ms(p, *task.seconds)
        step.end, step.failed = end, bool(task.error)
        step.artifacts = [_artifact(p, task.finding)] if task.finding else []
        step.closing = fill(task.result, p.facts)
        if task.error:
            return _fail(p, task, agent, parent, end)
        last_start, done = start, max(done, end)
    return done


def _fail(p: Plan, task: Task, agent: str, parent: str | None, at: int) -> int:
    """[A] 23: the cause of a failed run is the label, and the artifact, of a step of type `error`."""
    p.cause = task.error
    step = _add_step(p, parent, agent, f"{task.name}_failed", task.error, at, type="error")
    step.end, step.failed = at, True
    step.artifacts = [_artifact(p, "step_failed", label=task.label, cause=task.error)]
    return at


def _end_early(p: Plan, at: int) -> None:
    """End the run now: running steps fail, an open question stays open.

    Later steps are never shown.
    """
    for step in p.steps:
        if step.end is not None and step.end > at:
            step.end, step.failed, step.closing = at, True, {}
            step.artifacts = step.artifacts if step.type == "interrupt" else []
    _fail(p, Task(name="run", label="The run", error=ENDED_BY), p.spec.agent, None, at)
    p.actions = [action for action in p.actions if action["at"] <= at]
    p.started, p.ended, p.output, p.status = min(p.started, at), at, None, "error"


# -- questions


def _resolve(p: Plan, questions: dict[str, str], at: int, together: bool = True) -> int:
    """Resolve questions by policy where it applies, ask a reviewer the rest, and follow up in order.

    Asked `together`, several are one combined proposal; otherwise each is an interrupt of its own.
    """
    policy, manual = p.scenario.policy, {}  # [A] 24: by the type of the specialist
    for agent, question in questions.items():
        if agent in policy:
            at = _resolve_by_policy(p, agent, question, policy[agent], at)
        else:
            manual[agent] = question
    if not manual:
        return at
    groups = [manual] if together else [{agent: question} for agent, question in manual.items()]
    answers = [answer for group in groups if (answer := _ask(p, group, at))]
    if len(answers) < len(groups):
        raise _Unanswered
    at = max(answer.at for answer in answers)
    for group, answer in zip(groups, answers, strict=True):
        at = _follow_up(p, group, answer, at)
    return at + _gap(p)


def _resolve_by_policy(p: Plan, agent: str, question: str, mode: str, at: int) -> int:
    """Add an interrupt step with its resolution, and continue."""
    step = _add_interrupt(p, agent, _proposal(p, agent, question), at)
    step.result = {"resolution": mode}
    step.end = at + _ms(p, 0.2, 0.8)
    at = _apply(p, agent, question, getattr(QUESTIONS[question], mode), step.end) + _gap(p)
    p.sentences.append(f"(Resolved by the interrupt policy: {mode}.)")
    return at


def _ask(p: Plan, questions: dict[str, str], at: int) -> Answer | None:
    """Ask a reviewer; several questions become a combined proposal.

    Returns the answer, if there is one.
    """
    # [A] 28: any text
    interrupt_id = f"int-{id_in(p.spec.id, f'interrupt/{len(p.interrupts)}')[:8]}"
    proposals = [_proposal(p, agent, question) for agent, question in questions.items()]
    value: Json = proposals[0]
    if len(questions) > 1:
        label = f"{len(questions)} proposals need your review"
        value = {"type": "combined_proposal", "label": label, "proposals": proposals}
    agent, answer = value.get("agent"), p.answers.get(interrupt_id)
    step = _add_interrupt(p, agent or ORCHESTRATOR, value, at)
    step.result = {"interrupt_id": interrupt_id}
    if answer:
        step.end = answer.at
        step.closing = {"answered_by": scenarios.user_of(answer.person)} if answer.person else {}
    fields = value if p.scenario.object_page else {"agent": agent, "value": value}
    item = {"id": interrupt_id, **fields}
    p.interrupts.append(Interrupt(at, step.end, item, questions))
    return answer


def _add_interrupt(p: Plan, agent: str, value: Json, at: int) -> Step:
    step = _add_step(p, None, agent, f"await_{value['type']}", value["label"], at, type="interrupt")
    step.artifacts = [item["artifacts"][0] for item in value.get("proposals", [value])]
    return step


def _proposal(p: Plan, agent: str, question: str) -> Json:
    row = QUESTIONS[question]
    value = {"type": question, "agent": agent, "label": fill(row.label, p.facts)}
    return {**value, "artifacts": [_artifact(p, row.proposal)], **row.extra}


def _follow_up(p: Plan, questions: dict[str, str], answer: Answer, at: int) -> int:
    """Act on an answer, question by question."""
    for agent, question in questions.items():
        note, edited = answer.notes.get(agent, ""), answer.payloads.get(agent)
        at = _apply(p, agent, question, answer.verdicts[agent], at, note, edited)
    notes = dict.fromkeys(answer.notes.values())
    p.sentences += [f"The reviewer noted: \u201c{note}\u201d." for note in notes]
    return at


def _apply(
    p: Plan,
    agent: str,
    question: str,
    verdict: str,
    at: int,
    note: str = "",
    edited: Json | None = None,
) -> int:
    """Follow up on a verdict. The summary's confidence is that of the weakest outcome."""
    outcome = QUESTIONS[question].outcomes[verdict]
    at = _run_tasks(p, outcome.tasks, agent, None, at + _gap(p))
    if QUESTIONS[question].payload is not None and verdict in VERDICTS_WITH_ACTION:
        _act(p, question, verdict, at, note, edited)
    _say(p, outcome.summary)
    p.recommendation = outcome.recommendation or p.recommendation
    p.confidence = min(p.confidence, outcome.confidence, key=CONFIDENCES.index)
    p.still_open += [fill(outcome.still_open, p.facts)] if outcome.still_open else []
    return at


def _act(p: Plan, question: str, verdict: str, at: int, note: str, edited: Json | None) -> None:
    proposed = fill(QUESTIONS[question].payload, {**p.facts, "verdict": verdict})
    action = {
        "id": id_in(p.spec.id, f"action/{len(p.actions)}"),
        "at": at,
        "type": question,
        "payload": proposed if edited is None else edited,
        "note": note or fill(QUESTIONS[question].proposal.summary, p.facts),
        "actors": scenarios.actors(None, p.spec._asdict() | {"status": "running"}),
        "is_past": at <= p.spec.past,
    }
    p.actions.append(action)


def _add_output(p: Plan, step: Step) -> None:
    """Add the summary to the run, or to the step that writes it.

    A specialist makes no recommendation.
    """
    step.type = "output"
    agent, sentences = p.spec.agent, [*p.sentences]
    artifacts = [artifact for step in p.steps for artifact in step.artifacts]
    sources = {source["url"]: source for artifact in artifacts for source in artifact["sources"]}
    title, kind = f"Findings on {p.facts['name']}", f"{agent}_summary"
    if p.still_open:
        sentences.append(f"Still open: {'; '.join(p.still_open)}.")
    if agent == ORCHESTRATOR:
        title, kind = f"CIP summary for {p.facts['name']}", "cip_summary"
        recommendation = "keep in review" if p.still_open else p.recommendation
        sentences.append(f"Recommendation: {recommendation}.")
        step.closing = {"recommendation": recommendation}
    summary = Finding(title=title, type=kind, confidence=p.confidence, summary="{text}")
    artifact = _artifact(p, summary, text=" ".join(sentences))  # notes may have braces
    artifact["sources"] = list(sources.values())[:MAX_SOURCES]
    if p.scenario.object_page:
        step.artifacts = [artifact]
    else:
        p.output = {"artifacts": [artifact]}


# -- steps, artifacts, times


def _say(p: Plan, sentence: str) -> None:
    p.sentences.append(fill(sentence, p.facts))


def _add_step(
    p: Plan, parent: str | None, agent: str, name: str, label: str, at: int, **more: Any
) -> Step:
    """Open a step."""
    step_id = id_in(p.spec.id, f"step/{len(p.steps)}")
    p.steps.append(Step(step_id, parent, agent, name, fill(label, p.facts), at, **more))
    return p.steps[-1]


def _artifact(p: Plan, finding: str | Finding, **facts: str) -> Json:
    """[A] 17: an artifact has an id, which feedback needs and no schema documents."""
    p.n_artifacts += 1
    found = TABLES.findings[finding] if isinstance(finding, str) else finding
    row = vars(found) | {"sources": [TABLES.sources[key] for key in found.sources]}
    artifact: Json = fill(row, {**p.facts, **facts})
    if p.scenario.object_page:
        return artifact
    return {"id": id_in(p.spec.id, f"artifact/{p.n_artifacts}"), **artifact}


def _ms(p: Plan, shortest: float, longest: float) -> int:
    return round(p.random.uniform(shortest, longest) * 1000)


def _gap(p: Plan) -> int:
    return _ms(p, 0.1, 0.9)
