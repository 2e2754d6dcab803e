"""Join the answer log to the interrupts frame: decisions, and who made them."""

from __future__ import annotations

import json
from collections import Counter
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
    log = _last_answers(runs, answers, deliveries)
    n_rows = Counter(map(tuple, interrupts[KEY].to_numpy().tolist()))
    entries = []
    for row in interrupts.to_dict("records"):
        entry = log.get((row["run_id"], "step", row["step_id"]))
        if entry is None and n_rows[row["run_id"], row["interrupt_id"]] == 1:
            entry = log.get((row["run_id"], "id", row["interrupt_id"]))
        entries.append(entry)
    return entries


def _last_answers(
    runs: pd.DataFrame, answers: pd.DataFrame, deliveries: Collection[str]
) -> dict[tuple[Any, ...], dict[Any, Any]]:
    """Return the last such answer to each interrupt of these runs, by step or else by interrupt id."""
    if not isinstance(answers, pd.DataFrame):
        raise UsageError(f"answers is {brief(answers)}; expected the frame from runkit.answer_log().")
    if missing := ", ".join(sorted(set(COLUMNS) - set(answers))):
        raise UsageError(f"answers has no {missing}; expected the frame from runkit.answer_log().")
    created = dict(zip(runs["run_id"], runs["created_at"], strict=True))
    is_delivered = answers["delivery"].isin(list(deliveries))
    log = {}
    for entry in answers.loc[is_delivered & answers["run_id"].isin(created)].to_dict("records"):
        if pd.isna(entry["run_created_at"]) or entry["run_created_at"] == created[entry["run_id"]]:
            by, name = ("id", "interrupt_id") if pd.isna(entry["step_id"]) else ("step", "step_id")
            log[entry["run_id"], by, entry[name]] = entry
    return log


def _decision(answer: object) -> str | None:
    try:
        value = json.loads(str(answer))
    except ValueError:
        return None
    return decision_of(value) if isinstance(value, dict) else None
