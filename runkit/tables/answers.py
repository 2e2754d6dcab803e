"""Fill what the data lacks of answers from a table: the log of this machine, or another."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pandas as pd

from runkit.api.contract import Json
from runkit.api.reading import decision_of, note_of
from runkit.display.text import brief
from runkit.errors import UsageError
from runkit.local.answer_log import CONFIRMED
from runkit.tables.arrow_columns import cast
from runkit.tables.frames import Frames

FILLED = ("decision", "answered_by", "reason")
IDS = ("run_id", "step_id", "interrupt_id")
TEXTS = (*IDS, *FILLED, "answer", "delivery")
TIME = "run_created_at"
EXPECTED = (
    "expected the frame from runkit.answer_log(), or a table with the columns run_id, step_id or "
    "interrupt_id, and decision, answered_by or reason."
)


def with_answers(f: Frames, answers: pd.DataFrame) -> Frames:
    """Return frames with the decisions, names and reasons of answers where the data has none.

    Of several answers to a question the last counts. Raises `UsageError` for a table that is none
    of answers.
    """
    log = read_answers(answers)
    questions = f.interrupts
    is_answered = questions["outcome"].eq("answered")
    log = log.assign(question=_question_of(log, questions[is_answered], f.runs))
    last = log.dropna(subset="question").drop_duplicates("question", keep="last")
    last = last.set_index("question").reindex(questions.index)
    filled = {name: questions[name].fillna(last[name]) for name in FILLED}
    return replace(f, interrupts=cast(questions.assign(**filled), "interrupts"))


def read_answers(answers: pd.DataFrame) -> pd.DataFrame:
    """Check a table of answers, and return those that arrived.

    Decision and reason are read from the `answer` of a log. Raises `UsageError`.
    """
    has_ids = "run_id" in answers and {"step_id", "interrupt_id"} & {*answers}
    if not has_ids or not {"answer", *FILLED} & {*answers}:
        raise UsageError(f"answers is {brief(answers)}; {EXPECTED}")
    log = answers.reset_index(drop=True).reindex(columns=[*TEXTS, TIME])
    log[[*TEXTS]] = log[[*TEXTS]].astype("str")
    log[TIME] = pd.to_datetime(log[TIME], utc=True, errors="coerce", format="ISO8601")
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


def _question_of(log: pd.DataFrame, questions: pd.DataFrame, runs: pd.DataFrame) -> pd.Series[Any]:
    """Return the label of the question of each answer: that of its step, else of its interrupt id.

    Two sandboxes with the same seed have equal ids; the creation time tells their runs apart.
    """
    created_at = log["run_id"].map(runs.set_index("run_id")["created_at"])
    is_same = log["run_created_at"].isna() | log["run_created_at"].eq(created_at)
    by_step, by_interrupt = (_look_up(log, questions, name) for name in IDS[1:])
    return by_step.fillna(by_interrupt.where(log["step_id"].isna())).where(is_same)


def _look_up(log: pd.DataFrame, questions: pd.DataFrame, name: str) -> pd.Series[Any]:
    """Return the label of the only question with the run and the id of each answer, else null."""
    key = ["run_id", name]
    known = questions.loc[questions[name].notna(), key].drop_duplicates(keep=False)
    known = known.rename_axis("question").reset_index()
    labels: pd.Series[Any] = log[key].merge(known, "left", key)["question"]
    return labels
