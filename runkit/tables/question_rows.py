"""The questions of a run: items of `interrupts` while they are open, and steps of type interrupt.

An item and a step that are one question are one row. They are the same if they alone have an id,
else if they alone have an agent and label, else if exactly one open one of each is left. Where
several are left, the items are the rows, and their open steps are not counted beside them.

Answers that the data lacks come from a log or a table.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import pandas as pd

from runkit.api.contract import Json, has_ended
from runkit.api.question_kinds import question_kind
from runkit.api.reading import (
    ANSWERED,
    NOTHING,
    PENDING,
    agent_of_step,
    answerer_of,
    decision_of,
    interrupt_value,
    is_unanswered,
    n_proposals,
    note_of,
    objects,
    outcome_of,
    proposals_of,
    proposed_titles,
    question_text,
    result_of,
)
from runkit.api.words import RUN_STATUSES
from runkit.arguments import check_kind
from runkit.display.text import first_text, plural, shorten
from runkit.errors import UsageError
from runkit.local.answer_log import CONFIRMED
from runkit.tables.frames import Frames
from runkit.tables.schema import cast

FILLED = ("decision", "answered_by", "reason")
ANSWER_IDS = ("run_id", "step_id", "interrupt_id")
ANSWER_TEXTS = (
    *ANSWER_IDS,
    *FILLED,
    "answer",
    "delivery",
)
EXPECTED_ANSWERS = (
    "expected the frame from runkit.answer_log(), or a table with the columns run_id, step_id or "
    "interrupt_id, and decision, answered_by or reason."
)
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
    unanswered = {at: step for at, step in asked.items() if items and is_unanswered(step)}
    paired, rest = _paired(items, unanswered)
    if rest:
        left = unanswered.keys() - paired.keys()
        asked = {at: step for at, step in asked.items() if at not in left}
    questions = [
        _question(number, at, step, paired.get(at, NOTHING), is_over=is_over)
        for at, step in asked.items()
    ]
    questions += [_question(number, -1, NOTHING, item, is_over=is_over) for item in rest]
    is_open = any(question.outcome == PENDING for question in questions)
    if is_waiting and not is_over and not is_open:
        questions.append(_question(number, -1, NOTHING, NOTHING, is_over=False))
    return questions


# ----------------------------------------------------------------------------------------- pairing


def _paired(items: list[Json], asked: Steps) -> tuple[dict[int, Json], list[Json]]:
    """Return the items by the number of their open step, and those without one."""
    paired: dict[int, Json] = {}
    rest = items
    for keys_of in (_ids, _names, _anything):
        steps = {at: step for at, step in asked.items() if at not in paired}
        if rest and steps:
            rest = _pair(rest, steps, keys_of, paired)
    return paired, rest


def _pair(
    items: list[Json], steps: Steps, keys_of: Callable[[Json], set[Any]], paired: dict[int, Json]
) -> list[Json]:
    """Pair an item with a step if they alone have a key; return the other items."""
    with_key = defaultdict(list)
    for at, step in steps.items():
        for key in keys_of(step):
            with_key[key].append(at)
    n_items = Counter(key for item in items for key in keys_of(item))
    rest = []
    for item in items:
        found = [with_key[key] for key in keys_of(item) if n_items[key] == 1]
        numbers = {at[0] for at in found if len(at) == 1} - paired.keys()
        if numbers:
            paired[min(numbers)] = item
        else:
            rest.append(item)
    return rest


def _ids(holder: Json) -> set[Any]:
    """Return the ids of a question, from its item or its step."""
    ids = (holder.get("id"), holder.get("step_id"), result_of(holder).get("interrupt_id"))
    return {value for value in ids if isinstance(value, str) and value}


def _names(holder: Json) -> set[Any]:
    value = interrupt_value(holder)
    agent = first_text(holder.get("agent"), value.get("agent"), holder.get("graph"))
    return {(agent, first_text(value.get("label")))}


def _anything(holder: Json) -> set[Any]:
    return {None}


# -------------------------------------------------------------------------------------------- rows


def _question(run: int, at: int, step: Json, item: Json, *, is_over: bool) -> Question:
    """Build the row of a step, of an item, or of both."""
    value = interrupt_value(item)
    parts = [{"artifacts": [each]} for each in step.get("artifacts") or ()]
    of_step = {**value, "proposals": parts}
    proposed = value if n_proposals(value) else of_step
    has_artifacts = any(part.get("artifacts") for part in proposals_of(value))
    result = result_of(step)
    decision = decision_of(result, item)
    outcome = outcome_of(step, decision, has_ended=is_over)
    is_answered = outcome == ANSWERED
    agents = item.get("agent"), value.get("agent"), agent_of_step(step)
    return Question(
        run=run,
        step=at,
        interrupt_id=first_text(item.get("id") if item else result.get("interrupt_id")),
        agent=first_text(*agents),
        label=question_text(item, proposed, step),
        kind=question_kind(proposed),
        proposed=proposed_titles(value if has_artifacts else of_step),
        n_proposals=n_proposals(proposed),
        outcome=outcome,
        decision=decision if is_answered else None,
        answered_by=answerer_of(result, item) if is_answered else None,
        reason=note_of(result, item) if is_answered else None,
        value=value,
    )


# ----------------------------------------------------------------------------------------- answers


def with_answers(f: Frames, answers: pd.DataFrame) -> Frames:
    """Return frames with the decisions, names and reasons of answers where the data has none.

    Of several answers to a question the last counts. Raises `UsageError` for a table that is none
    of answers.
    """
    log = read_answers(answers)
    questions = f.interrupts
    is_answered = questions["outcome"].eq("answered")
    is_open = questions["outcome"].eq("pending")
    n_open = _question_of(log, questions[is_open]).nunique()
    log = log.assign(question=_question_of(log, questions[is_answered]))
    last = log.dropna(subset="question").drop_duplicates("question", keep="last")
    last = last.set_index("question").reindex(questions.index)
    filled = {name: questions[name].fillna(last[name]) for name in FILLED}
    reason = f"{plural(n_open, 'question')} answered, but still open in the data"
    return replace(
        f,
        interrupts=cast(questions.assign(**filled), "interrupts"),
        source_missing=(*f.source_missing, reason) if n_open else f.source_missing,
    )


def read_answers(answers: pd.DataFrame) -> pd.DataFrame:
    """Check a table of answers, and return those that arrived.

    Decision and reason are read from the `answer` of a log. Raises `UsageError`.
    """
    check_kind("answers", answers, pd.DataFrame)
    has_ids = "run_id" in answers and {"step_id", "interrupt_id"} & {*answers}
    if not has_ids or not {"answer", *FILLED} & {*answers}:
        columns = shorten(", ".join(map(str, answers)), 200)
        raise UsageError(f"answers has the columns [{columns}]; {EXPECTED_ANSWERS}")
    log = answers.reset_index(drop=True).reindex(columns=[*ANSWER_TEXTS]).astype("str")
    values = log["answer"].map(_read)
    log["decision"] = log["decision"].fillna(values.map(decision_of).astype("str"))
    log["reason"] = log["reason"].fillna(values.map(note_of).astype("str"))
    return log[log["delivery"].fillna(CONFIRMED).eq(CONFIRMED)]


def _read(answer: object) -> Json:
    try:
        value = json.loads(str(answer))
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _question_of(log: pd.DataFrame, questions: pd.DataFrame) -> pd.Series[Any]:
    """Return the label of the question of each answer: of its step, else of its interrupt id."""
    by_step, by_interrupt = (_look_up(log, questions, name) for name in ANSWER_IDS[1:])
    return by_step.fillna(by_interrupt.where(log["step_id"].isna()))


def _look_up(log: pd.DataFrame, questions: pd.DataFrame, name: str) -> pd.Series[Any]:
    """Return the label of the only question with the run and the id of each answer, else null."""
    key = ["run_id", name]
    known = questions.loc[questions[name].notna(), key].drop_duplicates(keep=False)
    known = known.rename_axis("question").reset_index()
    labels: pd.Series[Any] = log[key].merge(known, "left", key)["question"]
    return labels
