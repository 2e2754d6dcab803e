"""The questions of a run, each once, and whether it is open: `questions_of`.

A question is an item of `interrupts` while it is open, and a step of type interrupt. An item and a
step that are one question are one `Question`. They are the same if they alone have an id, else if
they alone have an agent and label, else if exactly one open one of each is left. Where several
items are left, they are the questions, and the open steps left are not counted beside them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from runkit.api.contract import Json, has_ended
from runkit.api.question_kinds import question_kind
from runkit.api.reading import (
    NOTHING,
    agent_of_step,
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


class Question(NamedTuple):
    """A question of a run; `step_id` is None without a step, `value` that of its item.

    `outcome` is a word of `OUTCOMES`.
    """

    step_id: str | None
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

    @property
    def is_open(self) -> bool:
        """Whether it has no answer, in a run that has not ended."""
        return self.outcome == PENDING


def questions_of(run: Json, steps: Iterable[Json]) -> list[Question]:
    """Return the questions of a run in order of its steps, those without a step last.

    `steps` are all steps of the run. A waiting run without an open question has one that is not in
    the data.
    """
    asked = [step for step in steps if step.get("type") == "interrupt"]
    items = objects(run.get("interrupts"))
    is_waiting = RUN_STATUSES.is_a(run.get("status"), "waiting")
    if not asked and not items and not is_waiting:
        return []
    is_over = has_ended(run)
    unanswered = {
        at: step
        for at, step in enumerate(asked)
        if items and _outcome(step, NOTHING, False) == PENDING
    }
    item_of, rest = _paired(items, unanswered)
    uncounted = unanswered.keys() - item_of.keys() if rest else ()
    questions = [
        _question(step, item_of.get(at, NOTHING), is_over)
        for at, step in enumerate(asked)
        if at not in uncounted
    ]
    questions += [_question(NOTHING, item, is_over) for item in rest]
    if is_waiting and not is_over and not any(question.is_open for question in questions):
        questions.append(_question(NOTHING, NOTHING, is_over))
    return questions


def _outcome(step: Json, item: Json, is_over: bool) -> str:
    """Return how a question ended, or that it is open, by its step, its item and its run.

    A step that failed was not answered.
    """
    policy = policy_of(step)
    if policy:
        return policy
    status = step.get("status")
    has_ended = bool(step.get("completed_at")) or STEP_STATUSES.is_a(status, "over")
    if has_ended and not STEP_STATUSES.is_a(status, "failed"):
        return ANSWERED
    if decision_of(result_of(step), item):
        return ANSWERED
    return EXPIRED if is_over else PENDING


def _question(step: Json, item: Json, is_over: bool) -> Question:
    """Build the question of a step, of an item, or of both."""
    value = interrupt_value(item)
    parts = [{"artifacts": [each]} for each in step.get("artifacts") or ()]
    of_step = {**value, "proposals": parts}
    proposed = value if n_proposals(value) else of_step
    result = result_of(step)
    outcome = _outcome(step, item, is_over)
    is_answered = outcome == ANSWERED
    agents = item.get("agent"), value.get("agent"), agent_of_step(step)
    return Question(
        step_id=step.get("id"),
        interrupt_id=first_text(item.get("id") if item else result.get("interrupt_id")),
        agent=first_text(*agents),
        label=question_text(item, proposed, step),
        kind=question_kind(proposed),
        proposed=proposed_titles(proposed) or proposed_titles(of_step),
        n_proposals=n_proposals(proposed),
        outcome=outcome,
        decision=decision_of(result, item) if is_answered else None,
        answered_by=answerer_of(result, item) if is_answered else None,
        reason=note_of(result, item) if is_answered else None,
        value=value,
    )


# ------------------------------------------------------------------------------- steps and items


def _paired(items: list[Json], steps: dict[int, Json]) -> tuple[dict[int, Json], list[Json]]:
    """Return the items by the number of their open step, and those without one."""
    if not steps:
        return {}, items
    item_of: dict[int, Json] = {}
    rest = dict(enumerate(items))
    for keys_of in (_ids, _agent_and_label, _same_key):
        left = {at: step for at, step in steps.items() if at not in item_of}
        with_key, step_with_key = _alone(rest, keys_of), _alone(left, keys_of)
        keys = with_key.keys() & step_with_key.keys()
        for number, at in sorted((with_key[key], step_with_key[key]) for key in keys):
            if number in rest and at not in item_of:
                item_of[at] = rest.pop(number)
    return item_of, [*rest.values()]


def _alone(holders: dict[int, Json], keys_of: Callable[[Json], set[Any]]) -> dict[Any, int]:
    """Return by key the number of the item or step that alone has it."""
    numbers: dict[Any, int | None] = {}
    for number, holder in holders.items():
        for key in keys_of(holder):
            numbers[key] = None if key in numbers else number
    return {key: number for key, number in numbers.items() if number is not None}


def _ids(holder: Json) -> set[Any]:
    """Return the ids of a question, from its item or its step."""
    ids = (holder.get("id"), holder.get("step_id"), result_of(holder).get("interrupt_id"))
    return {value for value in ids if isinstance(value, str) and value}


def _agent_and_label(holder: Json) -> set[Any]:
    value = interrupt_value(holder)
    agent = first_text(holder.get("agent"), value.get("agent"), holder.get("graph"))
    return {(agent, first_text(value.get("label")))}


def _same_key(holder: Json) -> set[Any]:
    """Return a key that all have, so that the only item and the only step left are one."""
    return {None}
