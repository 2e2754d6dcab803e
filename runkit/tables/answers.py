"""Join the answer log to the interrupts frame: decisions, and who made them."""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any

import pandas as pd

from runkit.answers import CONFIRMED
from runkit.contract import decision_of
from runkit.errors import UsageError
from runkit.tables.schema import DECISIONS
from runkit.text import brief

KEY = ["run_id", "interrupt_id"]
COLUMNS = [*KEY, "step_id", "run_created_at", "delivery", "answer", "answered_by"]


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
) -> list[dict[Any, Any] | None]:
    """Return the last answer with one of these deliveries to each interrupt, None without one."""
    if not isinstance(answers, pd.DataFrame) or not set(COLUMNS) <= set(answers):
        raise UsageError(f"answers is {brief(answers)}; expected the frame from runkit.answer_log().")
    created = dict(zip(runs["run_id"], runs["created_at"], strict=True))
    log = answers[answers["delivery"].isin(list(deliveries)) & answers["run_id"].isin(list(created))]
    is_own = log["run_created_at"].isna() | (log["run_created_at"] == log["run_id"].map(created))
    by_step, by_id = {}, {}
    for entry in log[is_own].to_dict("records"):
        if pd.isna(entry["step_id"]):
            by_id[entry["run_id"], entry["interrupt_id"]] = entry
        else:
            by_step[entry["run_id"], entry["step_id"]] = entry
    is_unique = ~interrupts.duplicated(KEY, keep=False)
    columns = (interrupts[name] for name in ("run_id", "step_id", "interrupt_id"))
    return [
        by_step.get((run_id, step_id)) or (by_id.get((run_id, interrupt_id)) if is_one else None)
        for run_id, step_id, interrupt_id, is_one in zip(*columns, is_unique, strict=True)
    ]


def _decision(answer: object) -> str | None:
    try:
        value = json.loads(str(answer))
    except ValueError:
        return None
    return decision_of(value) if isinstance(value, dict) else None
