"""The questions of a run: items of `interrupts` while they are open, and steps of type interrupt.

An item and a step that are one question are one row. They are the same if their ids agree, else if
agent and label agree and are the only ones, else if exactly one open one of each is left. Where
several are left, the items are the rows, and their open steps are not counted beside them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any, NamedTuple

from runkit.api.contract import Json
from runkit.api.questions import question_kind
from runkit.api.reading import (
    NOTHING,
    answerer_of,
    decision_of,
    interrupt_value,
    n_proposals,
    note_of,
    objects,
    policy_of,
    proposed_titles,
    question_text,
    result_of,
)
from runkit.api.words import RUN_STATUSES, STEP_STATUSES
from runkit.display.text import first_text

PENDING, ANSWERED, EXPIRED = "pending", "answered", "expired"
Steps = dict[int, Json]  # the steps of questions by their number


class Question(NamedTuple):
    """A question: its step (-1 without one), its item, or both; `value` is that of the item."""

    run: int
    step: int
    interrupt_id: str | None
    agent: str | None
    label: str | None
    kind: str
    proposed: str | None
    n_proposals: int
    outcome: str
    decision: str | None
    answered_by: str | None
    reason: str | None
    value: Json


def questions_of(run: Json, number: int, asked: Steps) -> list[Question]:
    """Return the questions of a run in order of their steps, those without a step last.

    `asked` are its steps of type interrupt. A waiting run without an open question has one that is
    not in the data.
    """
    items = objects(run.get("interrupts"))
    is_waiting = RUN_STATUSES.is_a(run["status"], "waiting")
    if not asked and not items and not is_waiting:
        return []
    is_over = has_ended(run)
    paired, rest = _paired(items, asked)
    is_left = {at for at, step in asked.items() if _is_open(step) and at not in paired}
    if rest and is_left:
        asked = {at: step for at, step in asked.items() if at not in is_left}
    questions = [
        _question(number, at, step, paired.get(at), is_over=is_over) for at, step in asked.items()
    ]
    questions += [_question(number, -1, NOTHING, item, is_over=is_over) for item in rest]
    is_open = any(question.outcome == PENDING for question in questions)
    if is_waiting and not is_over and not is_open:
        questions.append(_unknown_question(number))
    return questions


def has_ended(run: Json) -> bool:
    """Return whether a run has ended: its status says so, or it has an end."""
    return RUN_STATUSES.is_a(run["status"], "over") or bool(run.get("ended_at"))


def agent_of_step(step: Json) -> str | None:
    """Return the agent of a step; the API's first documentation called it the graph."""
    return first_text(step.get("agent"), step.get("graph"))


# ----------------------------------------------------------------------------------------- pairing


def _paired(items: list[Json], asked: Steps) -> tuple[dict[int, Json], list[Json]]:
    """Return the items by the number of their step, and those without one."""
    paired, rest = _paired_by_id(items, asked)
    rest = _pair_by_name(rest, asked, paired)
    waiting = [at for at, step in asked.items() if _is_open(step) and at not in paired]
    if len(rest) == len(waiting) == 1:
        paired[waiting[0]] = rest[0]
        rest = []
    return paired, rest


def _paired_by_id(items: list[Json], asked: Steps) -> tuple[dict[int, Json], list[Json]]:
    """Pair items with the open steps that have their id."""
    open_steps = {at: step for at, step in asked.items() if _is_open(step)}
    of_id = {
        key: at for at, step in open_steps.items() for key in _ids(step.get("id"), _id_in(step))
    }
    paired: dict[int, Json] = {}
    rest = []
    for item in items:
        numbers = (of_id.get(key) for key in _ids(item.get("id"), item.get("step_id")))
        at = next((at for at in numbers if at is not None and at not in paired), None)
        if at is None:
            rest.append(item)
        else:
            paired[at] = item
    return paired, rest


def _pair_by_name(items: list[Json], asked: Steps, paired: dict[int, Json]) -> list[Json]:
    """Pair items with the only open step of their agent and label; return the others."""
    open_steps = {at: step for at, step in asked.items() if _is_open(step) and at not in paired}
    names = [(agent_of_step(step), step.get("label")) for step in open_steps.values()]
    n_steps = Counter(names)
    n_items = Counter(map(_name_of, items))
    of_name = dict(zip(names, open_steps, strict=True))
    rest = []
    for item in items:
        name = _name_of(item)
        if n_steps[name] == n_items[name] == 1:
            paired[of_name[name]] = item
        else:
            rest.append(item)
    return rest


def _name_of(item: Json) -> tuple[str | None, Any]:
    value = interrupt_value(item)
    return first_text(item.get("agent"), value.get("agent")), value.get("label")


def _ids(*values: object) -> Iterable[str]:
    return (value for value in values if isinstance(value, str) and value)


def _id_in(step: Json) -> object:
    return result_of(step).get("interrupt_id")


def _is_open(step: Json) -> bool:
    """Return whether a question's step is neither settled by the policy nor answered."""
    return not (policy_of(step) or decision_of(result_of(step)) or _is_closed(step))


def _is_closed(step: Json) -> bool:
    """Return whether a question's step is over; one that failed was not answered."""
    status = step.get("status")
    is_over = bool(step.get("completed_at")) or STEP_STATUSES.is_a(status, "over")
    return is_over and not STEP_STATUSES.is_a(status, "failed")


# -------------------------------------------------------------------------------------------- rows


def _question(run: int, at: int, step: Json, item: Json | None, *, is_over: bool) -> Question:
    """Build the row of a step, of an item, or of both."""
    value = interrupt_value(item) if item else NOTHING
    proposed = value
    if not n_proposals(value):  # the step has what it proposes
        parts = [{"artifacts": [each]} for each in step.get("artifacts") or ()]
        proposed = {**value, "proposals": parts}
    result = result_of(step)
    decision = decision_of(result, item or NOTHING)
    outcome = _outcome(step, decision, is_over=is_over)
    is_answered = outcome == ANSWERED
    agents = (item or NOTHING).get("agent"), value.get("agent"), agent_of_step(step)
    return Question(
        run=run,
        step=at,
        interrupt_id=first_text(item.get("id") if item else _id_in(step)),
        agent=first_text(*agents),
        label=question_text(item or NOTHING, proposed, step),
        kind=question_kind(proposed),
        proposed=proposed_titles(proposed),
        n_proposals=n_proposals(proposed),
        outcome=outcome,
        decision=decision if is_answered else None,
        answered_by=answerer_of(result, item or NOTHING) if is_answered else None,
        reason=note_of(result, item or NOTHING) if is_answered else None,
        value=value,
    )


def _outcome(step: Json, decision: str | None, *, is_over: bool) -> str:
    """Return how a question ended."""
    policy = policy_of(step)
    if policy:
        return policy
    if decision or _is_closed(step):
        return ANSWERED
    return EXPIRED if is_over else PENDING


def _unknown_question(run: int) -> Question:
    """Build the row of a question that is not in the data."""
    return Question(
        run=run,
        step=-1,
        interrupt_id=None,
        agent=None,
        label=None,
        kind="other",
        proposed=None,
        n_proposals=0,
        outcome=PENDING,
        decision=None,
        answered_by=None,
        reason=None,
        value=NOTHING,
    )
