"""The interrupts frame: one row for each question put to a person, or settled by the policy.

A question is seen in two places, as an item of `run.interrupts` while it is pending and as a step of type
`interrupt`; here they are joined.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Hashable, Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from runkit.contract import RESOLUTIONS, answerer_of, interrupt_kind, proposals_of
from runkit.models import Interrupt
from runkit.steptree import kind
from runkit.tables.artifacts import PROPOSAL, Bundle
from runkit.tables.columns import Chunk, Flags, Ints, seconds, text
from runkit.tables.explode import spread
from runkit.tables.layout import Runs, Spans, Steps
from runkit.tables.problems import Problems
from runkit.tables.schema import SCHEMA
from runkit.tables.validate import NEVER, TEXT, Flaw
from runkit.text import brief

Json = dict[str, Any]
_NUMBERS = {"time": np.int64, "count": np.int64, "seconds": np.float64}
PENDING, ANSWERED, LAPSED = "pending", "answered", "lapsed"


class Pause(NamedTuple):
    """An interrupt step, by its position in the batch."""

    position: int
    step_id: str
    agent: str | None
    label: str | None
    interrupt_id: str | None
    is_open: bool


class Question(NamedTuple):
    """One question of a run: its pending item, its step, or both."""

    run: int
    item: Json | None
    pause: Pause | None

    @property
    def interrupt_id(self) -> str | None:
        """The id of the question, None if it was never seen pending."""
        if self.item is not None:
            return str(self.item["id"])
        return self.pause.interrupt_id if self.pause else None

    @property
    def value(self) -> Json:
        """What is asked. For a question seen only as a step, what the step carries."""
        return self.item["value"] if self.item is not None else {}


def pair(items: Sequence[Json], pauses: Sequence[Pause]) -> tuple[dict[int, Json], list[Json]]:
    """Join pending items to interrupt steps; gives the items by position of their step, and those left over.

    (1) Their ids are equal, or the step's `result.interrupt_id` says so; else (2) agent and label are equal;
    else (3) exactly one open step and one item remain. A step that is not open is joined by its id alone.
    """
    joined: dict[int, Json] = {}
    left = list(items)

    def join(names: Callable[[Pause], set[Hashable]], name: Callable[[Json], Hashable]) -> None:
        known: dict[Hashable, deque[int]] = defaultdict(deque)
        for pause in pauses:
            for one in names(pause):
                known[one].append(pause.position)
        waiting, left[:] = list(left), []
        for item in waiting:
            places = known.get(name(item), deque())
            while places and places[0] in joined:
                places.popleft()
            if places:
                joined[places.popleft()] = item
            else:
                left.append(item)

    join(lambda pause: {pause.step_id, pause.interrupt_id}, lambda item: str(item["id"]))
    join(
        lambda pause: {(pause.agent, pause.label)} if pause.is_open and pause.label is not None else set(),
        lambda item: (_agent(item), _words(item["value"].get("label"))),
    )
    waiting = [pause for pause in pauses if pause.is_open and pause.position not in joined]
    if len(waiting) == 1 and len(left) == 1:
        joined[waiting[0].position] = left.pop()
    return joined, left


def _agent(item: Json) -> str | None:
    return _words(item.get("agent")) or _words(item["value"].get("agent"))


def _words(value: object) -> str | None:
    return value if isinstance(value, str) else None


def ask(runs: Runs, steps: Steps, is_interrupt: Flags, problems: Problems) -> list[Question]:
    """All questions, run after run, in tree order of their steps, those without a step last."""
    items = _pending_items(runs, problems)
    pauses: list[list[Pause]] = [[] for _ in runs.records]
    is_open = steps.time["completed_at"] == NEVER
    for position in np.flatnonzero(is_interrupt).tolist():
        record = steps.records[position]
        result = record.get("result")
        named = result.get("interrupt_id") if isinstance(result, dict) else None
        pause = Pause(
            position,
            record["id"],
            steps.text["agent"][position].as_py(),
            record["label"],
            named if isinstance(named, str) else None,
            bool(is_open[position]),
        )
        pauses[steps.run[position]].append(pause)
    questions = []
    for number in range(len(runs.records)):
        if not items[number] and not pauses[number]:  # most runs ask nothing
            continue
        joined, left = pair(items[number], pauses[number])
        questions += [Question(number, joined.get(pause.position), pause) for pause in pauses[number]]
        questions += [Question(number, item, None) for item in left]
        if runs.has_steps[number]:
            for item in left:
                detail = f"no step of the run could be told to be the pause of interrupt {brief(item['id'])}"
                problems.of_run(runs.records[number], "unpaired_interrupt", detail, "interrupts")
    return questions


def _pending_items(runs: Runs, problems: Problems) -> list[list[Json]]:
    def note(number: int, path: str, flaw: Flaw) -> None:
        problems.of_run(runs.records[number], flaw.problem, flaw.detail, f"interrupts{path}")

    listed = spread([record.raw.get("interrupts") for record in runs.records], Interrupt, note)
    items: list[list[Json]] = [[] for _ in runs.records]
    seen = set()
    for item, owner, place in zip(listed.records, listed.owner.tolist(), listed.place.tolist(), strict=True):
        value = item.get("value")
        if not isinstance(value, dict):
            flaw = Flaw("value", "bad_field", f"expected an object, found {kind(value)}")
            note(owner, f"[{place}].value", flaw)
        elif (owner, item["id"]) in seen:
            flaw = Flaw("", "duplicate_step", f"interrupt {brief(item['id'])} came before; the first is kept")
            note(owner, f"[{place}]", flaw)
        else:
            seen.add((owner, item["id"]))
            items[owner].append(item)
    return items


def outcome(question: Question, resolution: str | None, is_finished: bool) -> str:
    """What became of a question."""
    if resolution in RESOLUTIONS:
        return str(resolution)
    if question.item is None and question.pause is not None and not question.pause.is_open:
        return ANSWERED
    return LAPSED if is_finished else PENDING


def interrupts(
    questions: Sequence[Question],
    runs: Runs,
    steps: Steps,
    spans: Spans,
    resolutions: dict[int, str | None],
) -> Chunk:
    """The columns of the interrupts frame, with positions of runs in place of their ids."""
    if not questions:
        return dict(_nothing_asked())
    run = np.array([question.run for question in questions], np.int64)
    step = np.array([question.pause.position if question.pause else -1 for question in questions], np.int64)
    outcomes = [
        outcome(
            question,
            resolutions[question.pause.position] if question.pause else None,
            bool(runs.is_finished[question.run]),
        )
        for question in questions
    ]
    has_step = step >= 0
    is_settled = np.array([word not in (PENDING, LAPSED) for word in outcomes], np.bool_) & has_step
    asked = np.where(has_step, _at(spans.start, step), 0)
    # an open question has waited until its run's end (as_of while the run is open); so its step says
    until = np.where(has_step, _at(spans.end, step), 0)
    values = [question.value for question in questions]
    agents = [
        (question.item and _agent(question.item)) or (question.pause and question.pause.agent)
        for question in questions
    ]
    labels = [
        _words(question.value.get("label")) or (question.pause and question.pause.label)
        for question in questions
    ]
    carried = [_carried(question.pause, steps) for question in questions]
    return {
        "run": run,
        "interrupt_id": text(question.interrupt_id for question in questions),
        "step_id": text(question.pause and question.pause.step_id for question in questions),
        "agent": text(agents),
        "label": text(labels),
        "kind": text(interrupt_kind(value or own) for value, own in zip(values, carried, strict=True)),
        "n_proposals": np.array(
            [
                len(proposals_of(value)) if value else max(1, len(own["artifacts"]))
                for value, own in zip(values, carried, strict=True)
            ],
            np.int64,
        ),
        "asked_at": np.where(has_step, asked, NEVER),
        "answered_at": np.where(is_settled, until, NEVER),
        "wait_s": seconds(until - asked, has_step),
        "outcome": text(outcomes),
        "decision": pa.nulls(len(questions), TEXT),
        "answered_by": text(
            answerer_of(steps.records[question.pause.position])
            if question.pause and word == ANSWERED
            else None
            for question, word in zip(questions, outcomes, strict=True)
        ),
    }


@cache
def _nothing_asked() -> Chunk:
    nothing: Chunk = {"run": np.zeros(0, np.int64)}
    for column in SCHEMA["interrupts"][1:]:
        nothing[column.name] = (
            text([]) if column.kind in ("str", "category") else np.zeros(0, _NUMBERS[column.kind])
        )
    return nothing


def _carried(pause: Pause | None, steps: Steps) -> Json:
    """What an interrupt step proposes, in the form of a value."""
    artifacts = steps.records[pause.position].get("artifacts") if pause else None
    return {"artifacts": artifacts if isinstance(artifacts, list) else []}


def _at(values: Ints, positions: Ints) -> Ints:
    """The values at some positions; anything where the position is negative."""
    return values[positions] if len(values) else np.zeros(len(positions), np.int64)


def proposal_bundles(questions: Sequence[Question]) -> list[Bundle]:
    """What pending questions propose. A question that is only a step carries its artifacts itself."""
    bundles = []
    for question in questions:
        if question.item is None:
            continue
        is_combined = isinstance(question.value.get("proposals"), list)
        for number, proposal in enumerate(proposals_of(question.value)):
            field = f"value.proposals[{number}].artifacts" if is_combined else "value.artifacts"
            agent = _words(proposal.get("agent")) or _agent(question.item)
            bundles.append(
                Bundle(
                    question.run,
                    question.pause.position if question.pause else -1,
                    PROPOSAL,
                    question.interrupt_id,
                    agent,
                    proposal.get("artifacts"),
                    field,
                )
            )
    return bundles
