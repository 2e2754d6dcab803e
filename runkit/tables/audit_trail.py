"""Join the answer log to the interrupts frame: decisions, and who made them."""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any

import pandas as pd

from runkit.api.questions import decision_of
from runkit.display.text import brief
from runkit.errors import UsageError
from runkit.local.answer_log import CONFIRMED
from runkit.tables.schema import DECISIONS

Entry = dict[Any, Any]  # a row of the answer log
KEY = ["run_id", "interrupt_id"]
COLUMNS = [*KEY, "step_id", "run_created_at", "delivery", "answer", "answered_by"]
AUDIT = (
    "asked_at",
    "business_name",
    "run_id",
    "question",
    "kind",
    "evidence",
    "outcome",
    "decision",
    "answered_by",
    "answered_at",
    "wait_s",
    "reason",
)
TIMES = ("run_created_at", "sent_at", "shown_at")


def with_answers(
    interrupts: pd.DataFrame, runs: pd.DataFrame, answers: pd.DataFrame
) -> pd.DataFrame:
    """Fill `decision` from the confirmed answers, and `answered_by` where the API names nobody.

    An answer joins by its step. One without a step joins by its interrupt id, if that is unique in
    the run. Two sandboxes with the same seed have equal ids; the creation time tells their runs
    apart.
    """
    decisions, names = interrupts["decision"].tolist(), interrupts["answered_by"].tolist()
    outcomes = interrupts["outcome"].tolist()
    for row, entry in enumerate(last_answers(interrupts, runs, answers)):
        if entry is None or outcomes[row] != "answered":
            continue
        decisions[row] = _decision(entry["answer"])
        if pd.isna(names[row]):
            names[row] = entry["answered_by"]
    return interrupts.assign(
        decision=pd.Categorical(decisions, categories=list(DECISIONS)),
        answered_by=pd.Series(names, interrupts.index, "str"),
    )


def last_answers(
    interrupts: pd.DataFrame,
    runs: pd.DataFrame,
    answers: pd.DataFrame,
    deliveries: Collection[str] = (CONFIRMED,),
) -> list[Entry | None]:
    """Return the last answer with one of these deliveries to each interrupt, None without one."""
    dtypes = [answers[name].dtype for name in TIMES if name in answers]
    are_times = all(isinstance(dtype, pd.DatetimeTZDtype) for dtype in dtypes)
    if not are_times or not set(COLUMNS) <= set(answers):
        raise UsageError(
            f"answers is {brief(answers)}; expected the frame from runkit.answer_log(), with its "
            "columns and its times in UTC. To store it, use Parquet: CSV has no types."
        )

    created = runs.set_index("run_id")["created_at"]
    is_delivered = answers["delivery"].isin(list(deliveries))
    log = answers[is_delivered & answers["run_id"].isin(created.index)]
    log = log[(log["run_created_at"] == log["run_id"].map(created)) | log["run_created_at"].isna()]
    entries: dict[tuple[object, object], Entry] = {}
    for question_id, entry in zip(_question_id(log), log.to_dict("records"), strict=True):
        entries[entry["run_id"], question_id] = entry

    logged: list[Entry | None] = []
    rows = interrupts[["run_id", "step_id", "interrupt_id"]].assign(
        is_shared=interrupts.duplicated(KEY, keep=False)
    )
    for run_id, step_id, interrupt_id, is_shared in rows.itertuples(index=False):
        by_interrupt = None if is_shared else entries.get((run_id, interrupt_id))
        logged.append(entries.get((run_id, step_id), by_interrupt))
    return logged


def audit_trail(
    runs: pd.DataFrame,
    artifacts: pd.DataFrame,
    interrupts: pd.DataFrame,
    answers: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Return a row for each question: on which evidence it was asked, and who decided what.

    `evidence` has the titles of what was proposed, each with the highest tier of its sources.
    `reason` is the note of the answer, which only the answer log has.
    """
    questions, reasons = interrupts, None
    if answers is not None:
        questions = with_answers(questions, runs, answers)
        entries = last_answers(questions, runs, answers)
        reasons = [_read(entry["answer"]).get("note") if entry else None for entry in entries]

    cited = proposed_artifacts(interrupts, artifacts)
    tiers = (
        cited["best_tier_text"].fillna("tier not known").mask(cited["n_sources"].eq(0), "no source")
    )
    texts = (cited["title"] + " (" + tiers + ")").groupby(cited["question"]).agg("; ".join)

    table = questions.assign(
        question=questions["label"],
        reason=pd.Series(reasons, questions.index, "str"),
        evidence=texts.reindex(questions.index),
    )
    table = table.merge(runs[["run_id", "business_name"]], on="run_id")
    return table.sort_values("asked_at", kind="stable", ignore_index=True)[list(AUDIT)]


def proposed_artifacts(questions: pd.DataFrame, artifacts: pd.DataFrame) -> pd.DataFrame:
    """Return the artifacts on which questions were asked, with the label of its row as `question`.

    Each belongs to the question of its step, else of its interrupt id; without both to the only
    question of its run that has neither.
    """
    proposals = artifacts[artifacts["origin"].eq("proposal")]
    key = ["run_id", "key"]
    rows = questions[["run_id"]].assign(
        key=_question_id(questions).fillna(""), question=questions.index
    )
    rows = rows[~rows.duplicated(key, keep=False)]
    return proposals.assign(key=_question_id(proposals).fillna("")).merge(rows, on=key)


def _question_id(rows: pd.DataFrame) -> pd.Series[str]:
    return rows["step_id"].fillna(rows["interrupt_id"])


def _read(answer: object) -> dict[str, Any]:
    try:
        value = json.loads(str(answer))
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _decision(answer: object) -> str | None:
    value = _read(answer)
    return decision_of(value) if value else None
