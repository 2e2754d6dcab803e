"""Plan a run: every step of a scenario with its start and end.

`plan_run(spec, answers)` is a pure function that returns everything the run will do, up to the
first open question. Its random numbers depend on the spec alone and come in a fixed order, so that
an answer never changes what happened before it. The functions below add steps to a plan; they take
the start time and return the end time.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random
from typing import Any, NamedTuple

from runkit.api.contract import CONFIDENCES
from runkit.server import _scenarios
from runkit.server._scenarios import (
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

VERDICTS_WITH_ACTION = ("approve", "approved", "rejected")  # the agent acts after these
ENDED_BY = "ended by the sandbox's operator"
MAX_SOURCES = 12  # a summary cites no more; a long run has a thousand


class RunSpec(NamedTuple):
    """The input of a plan. Times are virtual milliseconds since 1970."""

    id: str
    thread_id: str
    agent: str
    business_id: str
    seed: str
    created: int
    prompt: str | None = None
    past_until: int = 0  # what happens before is made up, and does not change the business
    person: str | None = None  # the user who requested it; None is the account
    stopped_at: int | None = None  # when the sandbox's operator ended it


class Answer(NamedTuple):
    """A parsed answer: the verdicts, notes and edited payloads by the agents that asked."""

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
    # the fields of the summary
    confidence: str = "high"
    recommendation: str = "approve"
    sentences: list[str] = field(default_factory=list)
    still_open: list[str] = field(default_factory=list)
    n_artifacts: int = 0

    @property
    def scenario(self) -> Scenario:
        """Return the scenario of the run's business."""
        return TABLES.scenarios[self.facts["scenario"]]


class _Unanswered(Exception):
    """The run waits for an answer; nothing after it can be planned."""


def plan_run(spec: RunSpec, answers: Sequence[Answer]) -> Plan:
    """Plan a run; `answers` are in order of arrival."""
    by_id = {answer.interrupt_id: answer for answer in answers}
    facts = _scenarios.business_of(spec.business_id).facts()
    plan = Plan(spec, by_id, facts, Random(spec.seed))  # noqa: S311 - durations, no secrets
    plan.started = spec.created + _ms(plan, 0.4, 1.8)
    with suppress(_Unanswered):
        plan.ended = _run_agent(plan)
    if spec.stopped_at is not None:
        _stop(plan, spec.stopped_at)

    times = {spec.created, plan.started, plan.ended}
    for step in plan.steps:
        times |= {step.start, step.end}
    latest = float("inf") if spec.stopped_at is None else spec.stopped_at
    plan.changes = sorted(at for at in times if at is not None and at <= latest)
    return plan


def _run_agent(plan: Plan) -> int:
    agent = plan.spec.agent
    run = _run_orchestrator if agent == ORCHESTRATOR else _run_specialist
    at = run(plan, plan.started)
    if plan.cause:
        plan.status = "error"
    else:
        at = _run_task(plan, "summarize", at)
        _add_output(plan, plan.steps[-1])
        plan.status = "completed"
    return at + _ms(plan, 0.1, 0.9)


def _run_orchestrator(plan: Plan, at: int) -> int:
    """Plan the review, run all specialists in parallel, ask, follow up, reconcile."""
    parts = _scenarios.parts_of(plan.facts["scenario"])
    _add_sentence(
        plan, "{name} has been registered in {register} since {formed} and is in good standing."
    )
    at = _run_task(plan, "plan_review", at)
    ends = [_run_task(plan, "check_registration", at + _gap(plan))]
    for part in parts:
        begin = at + _ms(plan, 0.2, 2.5)
        name, label = part.agent.split("_")[0], _scenarios.AGENTS[part.agent]["name"]
        step = _add_step(plan, None, ORCHESTRATOR, f"dispatch_{name}", f"Delegating {label}", begin)
        end = _run_tasks(plan, part.tasks, part.agent, step.id, begin + _gap(plan))
        step.end, step.failed = end + _ms(plan, 0.1, 0.6), plan.steps[-1].type == "error"
        _add_sentence(plan, part.summary)
        ends.append(step.end)
    at = max(ends) + _gap(plan)
    if plan.cause:
        return at

    questions = {part.agent: part.question for part in parts if part.question}
    at = _resolve(plan, questions, at, together=plan.scenario.together)
    at = _run_task(plan, "reconcile", at) + _gap(plan)
    if plan.scenario.question:
        at = _resolve(plan, {ORCHESTRATOR: plan.scenario.question}, at)
    return at


def _run_specialist(plan: Plan, at: int) -> int:
    """Run one specialist by itself, without the orchestrator."""
    parts = _scenarios.parts_of(plan.facts["scenario"])
    part = next(part for part in parts if part.agent == plan.spec.agent)
    at = _run_tasks(plan, part.tasks, part.agent, None, at) + _gap(plan)
    _add_sentence(plan, part.summary)
    if plan.cause or not part.question:
        return at
    return _resolve(plan, {part.agent: part.question}, at)


def _run_task(plan: Plan, name: str, at: int) -> int:
    """Add the step of a task that is in no specialist's part."""
    return _run_tasks(plan, [TABLES.tasks[name]], plan.spec.agent, None, at)


def _run_tasks(plan: Plan, tasks: list[Task], agent: str, parent: str | None, at: int) -> int:
    """Add the steps of tasks in sequence with short gaps, or in parallel with the one before."""
    last_start, done = at, at
    for number, task in enumerate(tasks):
        if task.alongside and number:
            start = last_start + int((done - last_start) * plan.random.uniform(0.1, 0.6))
        else:
            start = done + (_gap(plan) if number else 0)
        step = _add_step(plan, parent, agent, task.name, task.label, start)
        if task.subtasks:
            end = _run_tasks(plan, task.subtasks, agent, step.id, start + _gap(plan)) + _gap(plan)
        else:
            end = start + _ms(plan, *task.seconds)
        step.end, step.failed = end, bool(task.error)
        step.artifacts = [_artifact(plan, task.finding)] if task.finding else []
        step.closing = fill(task.result, plan.facts)
        if task.error:
            return _fail(plan, task, agent, parent, end)
        last_start, done = start, max(done, end)
    return done


def _fail(plan: Plan, task: Task, agent: str, parent: str | None, at: int) -> int:
    """Add the step of type `error` whose label and artifact are the cause ([A] 23)."""
    plan.cause = task.error
    step = _add_step(plan, parent, agent, f"{task.name}_failed", task.error, at, type="error")
    step.end, step.failed = at, True
    step.artifacts = [_artifact(plan, "step_failed", label=task.label, cause=task.error)]
    return at


def _stop(plan: Plan, at: int) -> None:
    """End the run now: running steps fail, an open question stays open.

    Later steps are never shown.
    """
    for step in plan.steps:
        if step.end is not None and step.end > at:
            step.end, step.failed = at, True
            step.closing = {}
            step.artifacts = step.artifacts if step.type == "interrupt" else []
    _fail(plan, Task(name="run", label="The run", error=ENDED_BY), plan.spec.agent, None, at)
    plan.actions = [action for action in plan.actions if action["at"] <= at]
    plan.started, plan.ended = min(plan.started, at), at
    plan.output, plan.status = None, "error"


# -- questions


def _resolve(plan: Plan, questions: dict[str, str], at: int, together: bool = True) -> int:
    """Resolve questions by policy, or ask a reviewer, and follow up in order.

    Asked `together`, several are one combined proposal; otherwise each is an interrupt of its own.
    """
    policy = plan.scenario.policy  # [A] 24: by the type of the specialist
    manual = {}
    for agent, question in questions.items():
        if agent in policy:
            at = _resolve_by_policy(plan, agent, question, policy[agent], at)
        else:
            manual[agent] = question
    if not manual:
        return at

    groups = [manual] if together else [{agent: question} for agent, question in manual.items()]
    replies = [_ask(plan, group, at) for group in groups]
    answers = [answer for answer in replies if answer]
    if len(answers) < len(groups):
        raise _Unanswered
    at = max(answer.at for answer in answers)
    for group, answer in zip(groups, answers, strict=True):
        at = _follow_up(plan, group, answer, at)
    return at + _gap(plan)


def _resolve_by_policy(plan: Plan, agent: str, question: str, mode: str, at: int) -> int:
    """Add an interrupt step with its resolution, and continue."""
    step = _add_interrupt(plan, agent, _proposal(plan, agent, question), at)
    step.result = {"resolution": mode}
    step.end = at + _ms(plan, 0.2, 0.8)
    at = _apply(plan, agent, question, getattr(QUESTIONS[question], mode), step.end) + _gap(plan)
    plan.sentences.append(f"(Resolved by the interrupt policy: {mode}.)")
    return at


def _ask(plan: Plan, questions: dict[str, str], at: int) -> Answer | None:
    """Ask a reviewer; several questions become a combined proposal.

    Returns the answer, if there is one.
    """
    # [A] 28: any text
    interrupt_id = f"int-{id_in(plan.spec.id, f'interrupt/{len(plan.interrupts)}')[:8]}"
    proposals = [_proposal(plan, agent, question) for agent, question in questions.items()]
    value: Json = proposals[0]
    if len(questions) > 1:
        label = f"{len(questions)} proposals need your review"
        value = {"type": "combined_proposal", "label": label, "proposals": proposals}

    agent, answer = value.get("agent"), plan.answers.get(interrupt_id)
    step = _add_interrupt(plan, agent or ORCHESTRATOR, value, at)
    step.result = {"interrupt_id": interrupt_id}
    if answer:
        step.end = answer.at
        step.closing = {"answered_by": _scenarios.user_of(answer.person)} if answer.person else {}
    fields = value if plan.scenario.object_page else {"agent": agent, "value": value}
    item = {"id": interrupt_id, **fields}
    plan.interrupts.append(Interrupt(at, step.end, item, questions))
    return answer


def _add_interrupt(plan: Plan, agent: str, value: Json, at: int) -> Step:
    step = _add_step(
        plan, None, agent, f"await_{value['type']}", value["label"], at, type="interrupt"
    )
    step.artifacts = [item["artifacts"][0] for item in value.get("proposals", [value])]
    return step


def _proposal(plan: Plan, agent: str, question: str) -> Json:
    row = QUESTIONS[question]
    value = {"type": question, "agent": agent, "label": fill(row.label, plan.facts)}
    return {**value, "artifacts": [_artifact(plan, row.proposal)], **row.extra}


def _follow_up(plan: Plan, questions: dict[str, str], answer: Answer, at: int) -> int:
    """Act on an answer, question by question."""
    for agent, question in questions.items():
        note, edited = answer.notes.get(agent, ""), answer.payloads.get(agent)
        at = _apply(plan, agent, question, answer.verdicts[agent], at, note, edited)
    notes = dict.fromkeys(answer.notes.values())
    plan.sentences += [f"The reviewer noted: \u201c{note}\u201d." for note in notes]
    return at


def _apply(
    plan: Plan,
    agent: str,
    question: str,
    verdict: str,
    at: int,
    note: str = "",
    edited: Json | None = None,
) -> int:
    """Follow up on a verdict. The summary's confidence is that of the weakest outcome."""
    outcome = QUESTIONS[question].outcomes[verdict]
    at = _run_tasks(plan, outcome.tasks, agent, None, at + _gap(plan))
    if QUESTIONS[question].payload is not None and verdict in VERDICTS_WITH_ACTION:
        _act(plan, question, verdict, at, note, edited)
    _add_sentence(plan, outcome.summary)
    plan.recommendation = outcome.recommendation or plan.recommendation
    plan.confidence = min(plan.confidence, outcome.confidence, key=CONFIDENCES.index)
    if outcome.still_open:
        plan.still_open.append(fill(outcome.still_open, plan.facts))
    return at


def _act(plan: Plan, question: str, verdict: str, at: int, note: str, edited: Json | None) -> None:
    proposed = fill(QUESTIONS[question].payload, {**plan.facts, "verdict": verdict})
    action = {
        "id": id_in(plan.spec.id, f"action/{len(plan.actions)}"),
        "at": at,
        "type": question,
        "payload": proposed if edited is None else edited,
        "note": note or fill(QUESTIONS[question].proposal.summary, plan.facts),
        "actors": _scenarios.actors(None, plan.spec._asdict() | {"status": "running"}),
        "is_past": at <= plan.spec.past_until,
    }
    plan.actions.append(action)


def _add_output(plan: Plan, step: Step) -> None:
    """Add the summary to the run, or to the step that writes it.

    A specialist makes no recommendation.
    """
    step.type = "output"
    artifacts = [artifact for step in plan.steps for artifact in step.artifacts]
    sources = {source["url"]: source for artifact in artifacts for source in artifact["sources"]}

    agent, sentences = plan.spec.agent, [*plan.sentences]
    title, kind = f"Findings on {plan.facts['name']}", f"{agent}_summary"
    if plan.still_open:
        sentences.append(f"Still open: {'; '.join(plan.still_open)}.")
    if agent == ORCHESTRATOR:
        title, kind = f"CIP summary for {plan.facts['name']}", "cip_summary"
        recommendation = "keep in review" if plan.still_open else plan.recommendation
        sentences.append(f"Recommendation: {recommendation}.")
        step.closing = {"recommendation": recommendation}

    summary = Finding(title=title, type=kind, confidence=plan.confidence, summary="{text}")
    artifact = _artifact(plan, summary, text=" ".join(sentences))  # notes may have braces
    artifact["sources"] = list(sources.values())[:MAX_SOURCES]
    if plan.scenario.object_page:
        step.artifacts = [artifact]
    else:
        plan.output = {"artifacts": [artifact]}


# -- steps, artifacts, times


def _add_sentence(plan: Plan, sentence: str) -> None:
    plan.sentences.append(fill(sentence, plan.facts))


def _add_step(
    plan: Plan, parent: str | None, agent: str, name: str, label: str, at: int, **more: Any
) -> Step:
    """Open a step."""
    step_id = id_in(plan.spec.id, f"step/{len(plan.steps)}")
    plan.steps.append(Step(step_id, parent, agent, name, fill(label, plan.facts), at, **more))
    return plan.steps[-1]


def _artifact(plan: Plan, finding: str | Finding, **facts: str) -> Json:
    """Build the JSON of a finding, with the id that feedback needs ([A] 17)."""
    plan.n_artifacts += 1
    if isinstance(finding, str):
        finding = TABLES.findings[finding]
    row = vars(finding) | {"sources": [TABLES.sources[key] for key in finding.sources]}
    artifact: Json = fill(row, plan.facts | facts)
    if plan.scenario.object_page:
        return artifact
    return {"id": id_in(plan.spec.id, f"artifact/{plan.n_artifacts}"), **artifact}


def _ms(plan: Plan, shortest: float, longest: float) -> int:
    return round(plan.random.uniform(shortest, longest) * 1000)


def _gap(plan: Plan) -> int:
    return _ms(plan, 0.1, 0.9)
