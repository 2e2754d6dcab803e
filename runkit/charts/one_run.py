"""Panels of one run: what it found, what it asked of reviewers, and what a step returned.

Every function takes `Frames` of exactly one run and gives a `Panel`.
"""

from __future__ import annotations

import json
from typing import Any

import pandas as pd

from runkit.answers import CONFIRMED, IN_DOUBT
from runkit.arguments import checked
from runkit.charts.evidence import found
from runkit.charts.panel import Panel, counts, oldest, panel_of
from runkit.charts.step_panel import step
from runkit.style import MISSING, OUTCOMES
from runkit.tables.answers import logged_answers, with_answers
from runkit.tables.compare import one_run
from runkit.tables.frames import Frames
from runkit.text import plural, shorten

__all__ = ["found", "people", "step"]

ANSWER = 600  # characters of an answer


@checked
def people(f: Frames, answers: pd.DataFrame | None = None) -> Panel:
    """Show what one run asked of reviewers, a row for each question in the order in which they were asked.

    Parameters
    ----------
    f
        Frames of exactly one run.
    answers
        The frame of `runkit.answer_log()`; the API keeps no answer.

    Returns
    -------
    Panel
        `answer` and `delivery` are from the answer log, null where it has none.

    Raises
    ------
    UsageError
        For another number of runs, and for another frame of answers.
    """
    f = one_run(f, "f")
    questions = f.interrupts
    log: list[dict[Any, Any] | None] = [None] * len(questions)
    if answers is not None:
        questions = with_answers(questions, f.runs, answers)
        sure = logged_answers(questions, f.runs, answers, (CONFIRMED,))
        in_doubt = logged_answers(questions, f.runs, answers, IN_DOUBT)
        log = [one or other for one, other in zip(sure, in_doubt, strict=True)]
    by_policy = questions["outcome"].isin(["auto_approve", "skip"])
    known = pd.DataFrame([entry or {} for entry in log], questions.index, ["answer", "delivery"])
    known = known.mask(by_policy).astype("str")
    names = ["interrupt_id", "step_id", "label", "agent", "asked_at", "wait_s", "outcome", "answered_by"]
    known["answer"] = known["answer"].map(_answer).astype("str")
    table = questions[names].join(known)
    outcomes = questions["outcome"].astype("str").replace(OUTCOMES).str.lower()
    longest = oldest(questions) if len(questions) else MISSING
    sentence = f"{plural(len(questions), 'question')}: {counts(outcomes)}. Longest wait: {longest}."
    table = table.sort_values("asked_at", ignore_index=True)
    return panel_of("Questions to reviewers", sentence, table, n=len(table), what="questions", f=f)


def _answer(answer: object) -> str | None:
    """Give an answer of the log, which is JSON text, as plain text: `decision: approve; note: seen`."""
    try:
        return shorten(_plain(json.loads(answer)), ANSWER) if isinstance(answer, str) else None
    except ValueError:
        return shorten(str(answer), ANSWER)


def _plain(value: object) -> str:
    if isinstance(value, dict):
        return "; ".join(f"{name}: {_plain(inner)}" for name, inner in value.items() if inner)
    return " / ".join(map(_plain, value)) if isinstance(value, list) else str(value)
