"""Join the answer log to the interrupts frame: decisions, and who made them."""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any

import pandas as pd

from runkit.answers import CONFIRMED
from runkit.errors import UsageError
from runkit.questions import decision_of
from runkit.tables.schema import DECISIONS
from runkit.text import brief

Entry = dict[Any, Any]  # a row of the answer log
KEY = ["run_id", "interrupt_id"]
COLUMNS = [*KEY, "step_id", "run_created_at", "delivery", "answer", "answered_by"]
TIMES = ("run_created_at", "sent_at", "shown_at")


def with_answers(interrupts: pd.DataFrame, runs: pd.DataFrame, answers: pd.DataFrame) -> pd.DataFrame:
    """Fill `decision` from the confirmed answers, and `answered_by` where the API names nobody.

    An answer joins by its step. One without a step joins by its interrupt id, if that is unique in the run.
    Two sandboxes with the same seed have equal ids; the creation time tells their runs apart.
    """
    decisions, names = interrupts["decision"].tolist(), interrupts["answered_by"].tolist()
    entries = logged_answers(interrupts, runs, answers)
    for at, (outcome, entry) in enumerate(zip(interrupts["outcome"], entries, strict=True)):
        if outcome == "answered" and entry is not None:
            decisions[at] = _decision(entry["answer"])
            names[at] = entry["answered_by"] if pd.isna(names[at]) else names[at]
    return interrupts.assign(
        decision=pd.Categorical(decisions, categories=list(DECISIONS)),
        answered_by=pd.Series(names, interrupts.index, "str"),
    )


def logged_answers(
    interrupts: pd.DataFrame,
    runs: pd.DataFrame,
    answers: pd.DataFrame,
    deliveries: Collection[str] = (CONFIRMED,),
) -> list[Entry | None]:
    """Return the last answer with one of these deliveries to each interrupt, None without one."""
    if not set(COLUMNS) <= set(answers):
        raise UsageError(f"answers is {brief(answers)}; expected the frame from runkit.answer_log().")
    for name in TIMES:
        if name in answers and not isinstance(answers[name].dtype, pd.DatetimeTZDtype):
            raise UsageError(
                f"answers has {answers[name].dtype} in {name}; expected times in UTC, as in the frame from "
                "runkit.answer_log(). To store the log, use Parquet: CSV has no types."
            )
    created = dict(zip(runs["run_id"], runs["created_at"], strict=True))
    is_chosen = answers["delivery"].isin(list(deliveries)) & answers["run_id"].isin(list(created))
    log = answers[is_chosen]
    is_same_run = log["run_created_at"] == log["run_id"].map(created)
    log = log[is_same_run | log["run_created_at"].isna()]
    entries = log.to_dict("records")
    by_step = {(entry["run_id"], entry["step_id"]): entry for entry in entries if pd.notna(entry["step_id"])}
    by_id = {
        (entry["run_id"], entry["interrupt_id"]): entry for entry in entries if pd.isna(entry["step_id"])
    }
    is_unique = ~interrupts.duplicated(KEY, keep=False)
    return [
        by_step.get((row.run_id, row.step_id))
        or (by_id.get((row.run_id, row.interrupt_id)) if has_own_id else None)
        for row, has_own_id in zip(interrupts.itertuples(), is_unique, strict=True)
    ]


def _decision(answer: object) -> str | None:
    try:
        value = json.loads(str(answer))
    except ValueError:
        return None
    return decision_of(value) if isinstance(value, dict) else None
