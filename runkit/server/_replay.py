"""A run that is made from a recording: `place` gives it times and answers, `cut` its state.

Both are pure functions. An answer does not change what happened before it, because recordings that
differ by an answer are equal until then, and random numbers come in the order of time.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from random import Random
from typing import NamedTuple

from runkit.api.contract import Json
from runkit.api.question_kinds import interrupt_kind, questions_in
from runkit.api.reading import interrupt_value, objects, result_of
from runkit.server._recordings import ACCOUNT, Recording, id_in, iso, ms_of, walk

NO_TIME = math.inf  # the time of everything that follows an open question
# times of a run and of a step; those in results are data
TIME_FIELDS = (
    "created_at",
    "started_at",
    "completed_at",
    "ended_at",
)


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
    history_until: int = 0  # what happens before is made up, and does not change the business
    stopped_at: int | None = None  # when the sandbox's operator ended it


class Answer(NamedTuple):
    """A parsed answer: the verdicts and notes by the agents that asked."""

    recorded_id: str  # of the interrupt, in the recording
    at: float
    verdicts: dict[str, str]
    notes: dict[str, str]
    shown: Json  # what the result of the step shows of it


UNANSWERED = Answer("", NO_TIME, {}, {}, {})


class PlacedInterrupt(NamedTuple):
    """An interrupt: the item as the API shows it, and the kinds of its questions by agent."""

    recorded_id: str
    asked_at: float
    answered_at: float
    item: Json
    questions: dict[str, str]


# -- place


@dataclass(frozen=True)
class PlacedRun:
    """A recorded run and its answers; `times` are when its recorded times are."""

    spec: RunSpec
    recording: Recording
    answers: Mapping[str, Answer]
    times: Mapping[int, int]
    ended: float
    final: str  # its status at the end

    def when(self, text: str | None) -> float:
        """Return when a recorded time is."""
        return self.times.get(ms_of(text), NO_TIME) if text else NO_TIME

    def answer_to(self, recorded_id: str) -> Answer:
        """Return the answer to an interrupt."""
        return self.answers.get(recorded_id, UNANSWERED)

    def written(self, text: str | None, at: int) -> str | None:
        """Return a recorded time as the run shows it at `at`."""
        when = self.when(text)
        return iso(int(when)) if when <= at else None

    def interrupt_id(self, recorded_id: str) -> str:
        """Return the id of an interrupt; [A] 28: any text."""
        return f"int-{id_in(self.spec.id, recorded_id)[:8]}"

    def with_ids(self, holder: Json) -> Json:
        """Return an object with the artifacts of this run; [A] 17: with ids, where recorded."""
        artifacts = [
            item | {"id": id_in(self.spec.id, str(item["id"]))} if item.get("id") else item
            for item in objects(holder.get("artifacts"))
        ]
        return holder | ({"artifacts": artifacts} if artifacts else {})

    @cached_property
    def changes(self) -> list[int]:
        """The times at which a reader may see a change."""
        return sorted({*self.times.values()})

    @cached_property
    def interrupts(self) -> list[PlacedInterrupt]:
        """All that it asks."""
        steps = [step for step in walk(self.recording.run.get("steps")) if "asked" in step]
        return [self._interrupt(step["asked"], self.when(step["started_at"])) for step in steps]

    def _interrupt(self, recorded: Json, asked_at: float) -> PlacedInterrupt:
        value = self.with_ids(interrupt_value(recorded))
        if "proposals" in value:
            value["proposals"] = [self.with_ids(part) for part in objects(value["proposals"])]
        questions = {
            str(part.get("agent") or ""): interrupt_kind(part) for part in questions_in(value)
        }
        fields = {"value": value} if isinstance(recorded.get("value"), dict) else value
        item = recorded | fields | {"id": self.interrupt_id(recorded["id"])}
        answered_at = self.answer_to(recorded["id"]).at
        return PlacedInterrupt(recorded["id"], asked_at, answered_at, item, questions)

    def actions(self, now: int) -> Iterator[Json]:
        """Yield what the agent did until now, with the notes of the answers."""
        for row in self.recording.actions:
            at = self.when(row["at"])
            if at <= now:
                answer = self.answer_to(row.get("interrupt_id", ""))
                note = answer.notes.get(row.get("agent", "")) or row["note"]
                yield row | {"at": int(at), "note": note}


def place(
    recordings: Sequence[Recording], spec: RunSpec, answers: Sequence[Answer], spread: float
) -> PlacedRun:
    """Return the recording that was answered like this, as the run of a spec.

    Work takes up to the share `spread` more or less than recorded, and a wait until its answer.
    """
    by_id = {answer.recorded_id: answer for answer in answers}
    recording = max(recordings, key=lambda recording: _n_equal(recording, by_id))
    run = recording.run
    steps = [*walk(run.get("steps"))]
    waits = [_wait(step, by_id) for step in steps if step.get("asked")]
    moments = {
        ms_of(part[name]) for part in (run, *steps) for name in TIME_FIELDS if part.get(name)
    }
    moments |= {wait.end for wait in waits}
    last = max(moments)
    moments |= {ms_of(row["at"]) for row in recording.actions}
    times = _times(sorted(moments), ms_of(run["created_at"]), waits, spec, spread)
    final = str(run["status"])
    if spec.stopped_at is not None:
        before = {key: at for key, at in times.items() if at <= spec.stopped_at}
        times = before | {last: spec.stopped_at}
        final = "error"
    return PlacedRun(spec, recording, by_id, times, times.get(last, NO_TIME), final)


def _n_equal(recording: Recording, by_id: Mapping[str, Answer]) -> int:
    """Return how many of the answers a recording got, too."""
    known = recording.answers.items()
    return sum(by_id[key].verdicts == verdicts for key, verdicts in known if key in by_id)


class RecordedWait(NamedTuple):
    """A wait for an answer: its recorded start and end, and when the answer came."""

    start: int
    end: int
    answered_at: float


def _wait(step: Json, by_id: Mapping[str, Answer]) -> RecordedWait:
    start = ms_of(step["started_at"])
    end = max(start + 1, ms_of(step.get("completed_at") or step["started_at"]))
    return RecordedWait(start, end, by_id.get(step["asked"]["id"], UNANSWERED).at)


def _times(
    moments: list[int], created: int, waits: list[RecordedWait], spec: RunSpec, spread: float
) -> dict[int, int]:
    """Return when each recorded time is. What follows an open question is left out."""
    random = Random(spec.seed)  # noqa: S311 - durations, no secrets
    times: dict[int, int] = {}
    now = float(spec.created)
    last = created
    answered = -NO_TIME
    for moment in moments:
        if moment <= created:
            times[moment] = spec.created + moment - created
            continue
        now = now + (moment - last) * random.uniform(1 - spread, 1 + spread)
        last = moment
        # Work that went on during a wait is done when the answer comes.
        around = [wait.answered_at for wait in waits if wait.start < moment <= wait.end]
        answered = max([answered, *(wait.answered_at for wait in waits if wait.end == moment)])
        if answered == NO_TIME:
            break
        now = max(min([now, *around]), answered)
        times[moment] = int(now)
    return times


# -- cut


def cut(placed: PlacedRun, at: int, steps: bool = True) -> Json:
    """Return a run at a virtual time, in milliseconds, with or without its steps.

    A run in the object page's form has an empty list of steps where it is read without them.
    """
    spec = placed.spec
    recorded = placed.recording.run
    status = status_at(placed, at)
    output = recorded.get("output")
    fields = {
        "id": spec.id,
        "thread_id": spec.thread_id,
        "created_at": iso(spec.created),
        "updated_at": iso(updated(placed, at)),
        "started_at": placed.written(recorded.get("started_at"), at),
        "ended_at": placed.written(recorded.get("ended_at"), at),
        "status": status,
        "requester": ACCOUNT,
        "prompt": spec.prompt,
        "output": placed.with_ids(output) if output and status == recorded["status"] else None,
        "steps": _steps(placed, recorded.get("steps"), at) if steps else [],
    }
    run = _changed(recorded, fields)
    run["interrupts"] = [interrupt.item for interrupt in pending(placed, at)]
    if not steps and "thread_id" in run:
        run.pop("steps", None)
    return run


def _changed(recorded: Json, fields: Json) -> Json:
    """Return a part of a run with other values of the fields that it has."""
    return {name: fields.get(name, value) for name, value in recorded.items()}


def _steps(placed: PlacedRun, recorded: object, at: int) -> list[Json]:
    """Return the steps that have begun."""
    begun = (step for step in objects(recorded) if placed.when(step["started_at"]) <= at)
    return [_step(placed, step, at) for step in begun]


def _step(placed: PlacedRun, recorded: Json, at: int) -> Json:
    """Return a step; one that was never closed ends with the run.

    What was recorded of an answer is gone if one of now replaces it.
    """
    asked = recorded.get("asked")
    closed = recorded.get("completed_at")
    result = result_of(recorded)
    known = {key: value for key, value in result.items() if key == "interrupt_id"}
    end = placed.when(closed) if closed else placed.ended
    if asked:
        answer = placed.answer_to(asked["id"])
        end = answer.at
        known = dict.fromkeys(known, placed.interrupt_id(asked["id"]))
        is_history = end < placed.spec.history_until
        says_more = result.keys() > known.keys()  # the recording says how it was answered
        result = (result if is_history and says_more else answer.shown) | known
    fields: Json = {
        "id": id_in(placed.spec.id, recorded["id"]),
        "run_id": placed.spec.id,
        "started_at": placed.written(recorded["started_at"], at),
        "completed_at": iso(int(end)) if end <= at and (closed or asked) else None,
        "steps": _steps(placed, recorded.get("steps"), at),
    }
    if parent := recorded.get("parent_step_id"):
        fields["parent_step_id"] = id_in(placed.spec.id, parent)
    if end > at:
        fields |= {"status": "running", "result": known}
        fields |= {} if recorded["type"] == "interrupt" else {"artifacts": []}
    elif asked:
        recorded = recorded | {"result": result}
        fields["status"] = "completed"
    step = _changed(placed.with_ids(recorded), fields)
    step.pop("asked", None)
    return step


def status_at(placed: PlacedRun, at: int) -> str:
    """Return the status at `at`: `running`, `interrupted`, or the final status."""
    if placed.ended <= at:
        return placed.final
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


def next_stop(placed: PlacedRun, at: int) -> int:
    """Return when a run that works at `at` will wait or end; 0 if it does not work."""
    if pending(placed, at):
        return 0
    stops = (*(interrupt.asked_at for interrupt in placed.interrupts), placed.ended)
    return min((int(stop) for stop in stops if at < stop < NO_TIME), default=0)
