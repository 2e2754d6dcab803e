"""The answer log joined to the interrupts frame: who answered, and what was decided."""

from __future__ import annotations

import json
from collections import Counter
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
    """Fill `decision` from the answers that the API confirmed, and `answered_by` where it names nobody.

    An answer belongs to its step. One without a step belongs to its interrupt id, if the run has asked only
    once under that id. Two sandboxes of one seed have equal ids; the time of creation tells their runs apart.
    """
    logged = _logged(runs, answers)
    n_asked = Counter(map(tuple, interrupts[KEY].to_numpy().tolist()))
    decisions, names = interrupts["decision"].tolist(), interrupts["answered_by"].tolist()
    for at, row in enumerate(interrupts.to_dict("records")):
        entry = logged.get((row["run_id"], "step", row["step_id"]))
        if entry is None and n_asked[row["run_id"], row["interrupt_id"]] == 1:
            entry = logged.get((row["run_id"], "id", row["interrupt_id"]))
        if row["outcome"] == "answered" and entry is not None:
            decisions[at] = _decision(entry["answer"])
            names[at] = entry["answered_by"] if pd.isna(names[at]) else names[at]
    return interrupts.assign(
        decision=pd.Categorical(decisions, categories=list(DECISIONS)),
        answered_by=pd.Series(names, interrupts.index, "str"),
    )


def _logged(runs: pd.DataFrame, answers: pd.DataFrame) -> dict[tuple[Any, ...], dict[Any, Any]]:
    """The last confirmed answer to each question of these runs, by its step or else by its id."""
    if not isinstance(answers, pd.DataFrame) or set(COLUMNS) - set(answers):
        lacks = (
            f"a frame without {', '.join(sorted(set(COLUMNS) - set(answers)))}"
            if isinstance(answers, pd.DataFrame)
            else brief(answers)
        )
        raise UsageError(f"answers is {lacks}; expected the frame that runkit.answer_log() gives.")
    created = dict(zip(runs["run_id"], runs["created_at"], strict=True))
    confirmed = answers.loc[(answers["delivery"] == CONFIRMED) & answers["run_id"].isin(created), COLUMNS]
    logged = {}
    for entry in confirmed.to_dict("records"):
        if pd.isna(entry["run_created_at"]) or entry["run_created_at"] == created[entry["run_id"]]:
            by, name = ("id", "interrupt_id") if pd.isna(entry["step_id"]) else ("step", "step_id")
            logged[entry["run_id"], by, entry[name]] = entry
    return logged


def _decision(answer: object) -> str | None:
    try:
        value = json.loads(str(answer))
    except ValueError:
        return None
    return decision_of(value) if isinstance(value, dict) else None
