"""A run that is made from a recording: `place` gives it ids, times and answers, `cut` its state.

Both are pure functions. An answer does not change what happened before it, because recordings that
differ by an answer are equal until then, and random numbers come in the order of time.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from random import Random
from typing import Any, NamedTuple

from runkit.api.questions import questions_in
from runkit.api.validation import interrupt_kind, interrupt_value, objects
from runkit.server._accounts import ACCOUNT, Json, actors, id_in, iso, ms_of
from runkit.server._recordings import Recording, walk

NEVER = math.inf  # the time of everything that follows an open question
# for a question after which the recording goes on alike, whatever the answer
ANY_VERDICT = ["approve", "reject"]
# fields of a recorded answer that a live one replaces
RECORDED_ANSWER = ("answered_by", "reviewer", "decision", "comment")
ENDED_BY = "ended by the sandbox's operator"


class RunSpec(NamedTuple):
    """What a run is made from, besides recordings and answers.

    Times are virtual milliseconds since 1970.
    """

    id: str
    thread_id: str
    agent: str
    business_id: str
    seed: str
    created: int
    prompt: str | None = None
    past_until: int = 0  # what happens before is made up, and does not change the business
    stopped_at: int | None = None  # when the sandbox's operator ended it


class Answer(NamedTuple):
    """A parsed answer: the verdicts, notes and edited payloads by the agents that asked."""

    interrupt_id: str
    at: int
    verdicts: dict[str, str]
    notes: dict[str, str]
    payloads: dict[str, Json]
    person: str | None = None  # who answered, if the answer says it


class PlacedInterrupt(NamedTuple):
    """An interrupt: the item as the API shows it, and the kinds of its questions by agent.

    `verdicts` are those of the recordings by agent, in order.
    """

    asked_at: float
    answered_at: float
    item: Json
    questions: dict[str, str]
    verdicts: dict[str, list[str]]


class TimedStep(NamedTuple):
    """A step with its times, as it is while it runs and once it has ended."""

    start: float
    end: float
    running: Json
    done: Json
    children: list[TimedStep]


@dataclass(frozen=True)
class PlacedRun:
    """All that a run will do; `run` is its JSON at the end, without steps, which are made late."""

    spec: RunSpec
    run: Json
    make_steps: Callable[[], list[TimedStep]]
    interrupts: list[PlacedInterrupt]
    actions: list[Json]
    started: float
    ended: float

    @cached_property
    def steps(self) -> list[TimedStep]:
        """The steps at the top."""
        return self.make_steps()

    @cached_property
    def changes(self) -> list[int]:
        """The times at which a reader sees a change."""
        known = {self.spec.created, self.started, self.ended}
        for step in _walk(self.steps):
            known |= {step.start, step.end}
        return sorted(int(at) for at in known if at < NEVER)


# -- place


def place(
    recordings: Sequence[Recording], spec: RunSpec, answers: Sequence[Answer], spread: float
) -> PlacedRun:
    """Return the recording that was answered like this, as the run of a spec.

    Work takes up to the share `spread` more or less than recorded, and a wait until its answer.
    """
    by_id = {answer.interrupt_id: answer for answer in answers}
    recording = max(recordings, key=lambda recording: _n_equal(recording, spec, by_id))
    waits, run = _waits(recording, spec, by_id), recording.run
    moments = moments_of(run) | {end for _, end, _ in waits}
    times = _times(recording, spec, moments, waits, spread)
    parts = _Parts(spec, times, by_id, recordings, max(moments))
    placed = PlacedRun(
        spec,
        parts.run(run),
        lambda: parts.steps(run["steps"]),
        [
            parts.interrupt(step)
            for step in walk(run["steps"])
            if "asked" in step and parts.at(step["started_at"]) < NEVER
        ],
        [parts.action(row) for row in recording.actions if ms_of(row["at"]) in times],
        parts.at(run.get("started_at") or run["created_at"]),
        times.get(parts.last, NEVER),
    )
    return placed if spec.stopped_at is None else _stopped(placed, spec.stopped_at)


def _interrupt_id(spec: RunSpec, recorded: str) -> str:
    """Return the id of an interrupt; [A] 28: any text."""
    return f"int-{id_in(spec.id, recorded)[:8]}"


def _n_equal(recording: Recording, spec: RunSpec, by_id: Mapping[str, Answer]) -> int:
    """Return how many of the answers a recording got, too."""
    answers = ((by_id.get(_interrupt_id(spec, key)), key) for key in recording.answers)
    return sum(answer.verdicts == recording.answers[key] for answer, key in answers if answer)


def moments_of(run: Json) -> set[int]:
    """Return the times of a recorded run and its steps; those in results are data."""
    names = ("created_at", "started_at", "completed_at", "ended_at")
    holders = (run, *walk(run["steps"]))
    return {ms_of(holder[name]) for holder in holders for name in names if holder.get(name)}


def _waits(
    recording: Recording, spec: RunSpec, by_id: Mapping[str, Answer]
) -> list[tuple[int, int, float]]:
    """Return the recorded start and end of each wait for an answer, and when the answer came."""
    waits = []
    for step in walk(recording.run["steps"]):
        if item := step.get("asked"):
            start, closed = ms_of(step["started_at"]), step.get("completed_at")
            answer = by_id.get(_interrupt_id(spec, item["id"]))
            end = max(start + 1, ms_of(closed) if closed else 0)
            waits.append((start, end, answer.at if answer else NEVER))
    return waits


def _times(
    recording: Recording,
    spec: RunSpec,
    moments: set[int],
    waits: list[tuple[int, int, float]],
    spread: float,
) -> dict[int, int]:
    """Return when each recorded time is. What follows an open question is left out."""
    created = ms_of(recording.run["created_at"])
    random = Random(spec.seed)  # noqa: S311 - durations, no secrets
    times: dict[int, int] = {}
    now, last, answered = float(spec.created), created, -NEVER
    for moment in sorted(moments | {ms_of(row["at"]) for row in recording.actions}):
        if moment <= created:
            times[moment] = spec.created + moment - created
            continue
        now, last = now + (moment - last) * random.uniform(1 - spread, 1 + spread), moment
        # Work that went on during a wait is done when the answer comes.
        latest = min((at for start, end, at in waits if start < moment <= end), default=NEVER)
        answered = max([answered, *(at for _, end, at in waits if end == moment)])
        if answered == NEVER:
            break
        now = max(min(now, latest), answered)
        times[moment] = int(now)
    return times


@dataclass(frozen=True)
class _Parts:
    """Write the ids, times and answers of a spec's run into the parts of a recorded run."""

    spec: RunSpec
    times: Mapping[int, int]
    answers: Mapping[str, Answer]
    recordings: Sequence[Recording]
    last: int  # when the recorded run ended

    def run(self, recorded: Json) -> Json:
        """Return the run at its end, without steps."""
        run = {key: value for key, value in recorded.items() if key != "steps"}
        run.setdefault("interrupts", [])
        spec = self.spec
        _update(
            run,
            id=spec.id,
            thread_id=spec.thread_id,
            created_at=iso(spec.created),
            requester=ACCOUNT,
            prompt=spec.prompt,
        )
        for key in ("started_at", "ended_at"):
            if run.get(key) and (at := self.at(run[key])) < NEVER:
                run[key] = iso(int(at))
        if run.get("output"):
            run["output"] = self.with_artifacts(run["output"])
        return run

    def steps(self, recorded: object) -> list[TimedStep]:
        """Return the steps that begin."""
        return [
            self.step(step) for step in objects(recorded) if self.at(step["started_at"]) < NEVER
        ]

    def step(self, recorded: Json) -> TimedStep:
        """Return a step; one that was never closed ends with the run."""
        step = self.with_artifacts({key: recorded[key] for key in recorded if key != "asked"})
        start, completed_at = self.times[ms_of(step["started_at"])], step.get("completed_at")
        end = self.at(completed_at) if completed_at else self.times.get(self.last, NEVER)
        _update(step, id=self.id(step["id"]), run_id=self.spec.id, started_at=iso(start))
        if parent := step.get("parent_step_id"):
            step["parent_step_id"] = self.id(parent)
        if completed_at and end < NEVER:
            step["completed_at"] = iso(int(end))
        if "asked" in recorded:
            interrupt = self.interrupt(recorded)
            step, end = self.question(step, interrupt.item["id"]), interrupt.answered_at
        known = {key: value for key, value in _result(step).items() if key == "interrupt_id"}
        running = {**step}
        _update(running, status="running", completed_at=None, result=known)
        if step["type"] != "interrupt":
            _update(running, artifacts=[])
        return TimedStep(start, end, running, step, self.steps(step.get("steps")))

    def question(self, step: Json, interrupt_id: str) -> Json:
        """Return the step of a question of this run, with its answer if there is one."""
        result = _result(step)
        if "interrupt_id" in result:
            result = result | {"interrupt_id": interrupt_id}
        answer = self.answers.get(interrupt_id)
        if answer is not None:
            if answer.at >= self.spec.past_until:
                result = {key: result[key] for key in result if key not in RECORDED_ANSWER}
            if answer.person:
                result["answered_by"] = {"name": answer.person}
            step = {**step, "result": {}}
            _update(step, status="completed", completed_at=iso(answer.at))
        step = {**step}
        _update(step, result=result)
        return step

    def interrupt(self, step: Json) -> PlacedInterrupt:
        """Return the interrupt of a step."""
        recorded, asked_at = step["asked"], self.at(step["started_at"])
        value = interrupt_value(recorded)
        questions = {
            str(part.get("agent") or ""): interrupt_kind(part) for part in questions_in(value)
        }
        given = [recording.answers.get(recorded["id"], {}) for recording in self.recordings]
        verdicts = {
            agent: [*dict.fromkeys(row[agent] for row in given if agent in row)] or ANY_VERDICT
            for agent in questions
        }
        placed = self.with_artifacts(value)
        proposals = [self.with_artifacts(part) for part in objects(value.get("proposals"))]
        _update(placed, proposals=proposals)
        fields = {"value": placed} if isinstance(recorded.get("value"), dict) else placed
        item = {**recorded, **fields, "id": _interrupt_id(self.spec, recorded["id"])}
        answer = self.answers.get(item["id"])
        return PlacedInterrupt(asked_at, answer.at if answer else NEVER, item, questions, verdicts)

    def action(self, recorded: Json) -> Json:
        """Return an action of the agent, with the note and the payload of the answer."""
        answer = self.answers.get(_interrupt_id(self.spec, recorded.get("interrupt_id", "")))
        notes, payloads = (answer.notes, answer.payloads) if answer else ({}, {})
        agent, at = recorded.get("agent", ""), self.times[ms_of(recorded["at"])]
        return recorded | {
            "id": self.id(recorded["id"]),
            "at": at,
            "interrupt_id": answer.interrupt_id if answer else None,
            "payload": payloads.get(agent, recorded["payload"]),
            "note": notes.get(agent, recorded["note"]),
            "actors": actors(self.spec._asdict() | {"status": "running"}),
            "is_past": at <= self.spec.past_until,
        }

    def with_artifacts(self, holder: Json) -> Json:
        """Return an object with the artifacts of this run."""
        if not isinstance(holder.get("artifacts"), list):
            return {**holder}
        return {
            **holder,
            "artifacts": [self.artifact(item) for item in objects(holder["artifacts"])],
        }

    def artifact(self, recorded: Json) -> Json:
        """Return an artifact; [A] 17: with an id, where the recording has one."""
        artifact = {**recorded}
        if artifact.get("id"):
            artifact["id"] = self.id(str(artifact["id"]))
        if isinstance(summary := artifact.get("summary"), str):
            artifact["summary"] = re.sub(r"\{notes (.*?)\}", self.noted, summary)
        return artifact

    def noted(self, match: re.Match[str]) -> str:
        """Return what a summary says of the notes of an answer."""
        answer = self.answers.get(_interrupt_id(self.spec, match[1]))
        notes = dict.fromkeys(answer.notes.values()) if answer else {}
        return "".join(f" The reviewer noted: \u201c{note}\u201d." for note in notes)

    def at(self, text: str) -> float:
        """Return when a recorded time is."""
        return self.times.get(ms_of(text), NEVER)

    def id(self, recorded: str) -> str:
        """Return the id of a part of the run."""
        return id_in(self.spec.id, recorded)


def _result(step: Json) -> Json:
    """Return the result of a step, empty if it has none."""
    result: Json = step["result"] if isinstance(step.get("result"), dict) else {}
    return result


def _update(part: Json, **fields: Any) -> None:
    """Change the fields of a part that it has."""
    part.update({name: value for name, value in fields.items() if name in part})


def _walk(steps: list[TimedStep]) -> Iterator[TimedStep]:
    """Yield steps and all below them."""
    for step in steps:
        yield step
        yield from _walk(step.children)


# -- end early


def _stopped(placed: PlacedRun, at: int) -> PlacedRun:
    """Return a run that ended early: running steps fail, an open question stays open. [A] 23."""
    spec = placed.spec
    error: Json = {
        "id": id_in(spec.id, "stopped"),
        "run_id": spec.id,
        "agent": spec.agent,
        "type": "error",
        "name": "run_failed",
        "label": ENDED_BY,
        "parent_step_id": None,
        "status": "error",
        "started_at": iso(at),
        "completed_at": iso(at),
        "steps": [],
        "result": {},
        "artifacts": [],
    }
    steps = [_failed(step, at) for step in placed.steps if step.start <= at]
    run = {**placed.run}
    _update(run, status="error", output=None, ended_at=iso(at))
    return replace(
        placed,
        run=run,
        make_steps=lambda: [*steps, TimedStep(at, at, error, error, [])],
        actions=[action for action in placed.actions if action["at"] <= at],
        started=min(placed.started, at),
        ended=at,
    )


def _failed(step: TimedStep, at: int) -> TimedStep:
    """Return a step of a run that ended early."""
    children = [_failed(child, at) for child in step.children if child.start <= at]
    if step.end <= at or step.end == NEVER:
        return step._replace(children=children)
    done = step.running | {"status": "error", "completed_at": iso(at)}
    return step._replace(end=at, done=done, children=children)


# -- cut


def cut(placed: PlacedRun, at: int, steps: bool = True) -> Json:
    """Return a run at a virtual time, in milliseconds, with or without its steps.

    A run in the object page's form has an empty list of steps where it is read without them.
    """
    run, has_ended = {**placed.run}, placed.ended <= at
    _update(run, status=status_at(placed, at), updated_at=iso(updated(placed, at)))
    if placed.started > at:
        _update(run, started_at=None)
    if not has_ended:
        _update(run, ended_at=None, output=None)
    run["interrupts"] = [interrupt.item for interrupt in pending(placed, at)]
    if steps:
        run["steps"] = _cut_steps(placed.steps, at)
    elif "thread_id" not in run:
        run["steps"] = []
    return run


def _cut_steps(steps: list[TimedStep], at: int) -> list[Json]:
    nodes = []
    for step in steps:
        if step.start <= at:
            node = step.done if step.end <= at else step.running
            below = {"steps": _cut_steps(step.children, at)} if "steps" in node else {}
            nodes.append(node | below)
    return nodes


def status_at(placed: PlacedRun, at: int) -> str:
    """Return the status at `at`: `running`, `interrupted`, or the final status."""
    if placed.ended <= at:
        return str(placed.run["status"])
    return "interrupted" if pending(placed, at) else "running"


def pending(placed: PlacedRun, at: int) -> list[PlacedInterrupt]:
    """Return the open interrupts at `at`. [A] 26: none expires before its run ends."""
    return [
        interrupt
        for interrupt in placed.interrupts
        if interrupt.asked_at <= at < min(interrupt.answered_at, placed.ended)
    ]


def updated(placed: PlacedRun, at: int) -> int:
    """Return the time of the last change up to `at`."""
    return placed.changes[max(0, bisect_right(placed.changes, at) - 1)]


def next_stop(placed: PlacedRun, at: int) -> int | None:
    """Return when a run that is running at `at` will wait or end; None if it waits or has ended."""
    if status_at(placed, at) != "running":
        return None
    stops = [interrupt.asked_at for interrupt in placed.interrupts if interrupt.asked_at > at]
    stop = min(stops, default=placed.ended)
    return None if stop == NEVER else int(stop)


def visible_artifacts(placed: PlacedRun, at: int) -> set[str]:
    """Return the ids of the artifacts that the run shows at `at`."""
    state = cut(placed, at)
    holders = [*walk(state["steps"]), state.get("output") or {}]
    artifacts = [item for holder in holders for item in objects(holder.get("artifacts"))]
    return {artifact["id"] for artifact in artifacts if "id" in artifact}
