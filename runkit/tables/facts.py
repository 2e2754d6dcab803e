"""Rows of the frames that several screens show: findings, outputs, steps, and open questions."""

from __future__ import annotations

import pandas as pd

from runkit.tables.linked import Frames
from runkit.tables.linked import unmeasured_waits as unmeasured_waits

KIND_ORDER = (  # of questions, on every screen
    "dismissal",
    "decision",
    "verify_tin",
    "document",
    "add_sources",
    "add_attributes",
    "mixed",
    "other",
)
NOT_IN_THE_DATA = "The question is not in the data"


def findings_of(f: Frames) -> pd.DataFrame:
    """Return the artifacts that are neither a repeat, nor an output, nor the record of an error."""
    key = ["run_id", "step_id"]
    error_steps = pd.MultiIndex.from_frame(f.steps.loc[f.steps["type"].eq("error"), key])
    is_record = pd.MultiIndex.from_frame(f.artifacts[key]).isin(error_steps)
    is_output = f.artifacts["origin"].eq("output")
    findings: pd.DataFrame = f.artifacts[~(is_record | is_output | f.artifacts["is_repeat"])]
    return findings


def outputs_of(f: Frames) -> pd.DataFrame:
    """Return what the runs deliver."""
    return f.artifacts[f.artifacts["origin"].eq("output")]


def is_shown(steps: pd.DataFrame) -> pd.Series[bool]:
    """Flag all steps but those that only explain another one, whose `error` has their text."""
    return ~steps["is_failed"] | steps["error"].notna() | steps["n_children"].gt(0)


def explanations(steps: pd.DataFrame) -> pd.Series[str]:
    """Return the error of each step that failed, where it says more than that the step failed."""
    error, label = steps["error"], steps["label"]
    return error.mask(error.eq(label) | error.eq(label + " failed"))


def open_questions(f: Frames) -> pd.DataFrame:
    """Return the questions that wait, by kind, then the oldest first.

    A waiting run without a question has a row, too.
    """
    pending = f.interrupts[f.interrupts["outcome"].eq("pending")]
    rank = pending["kind"].astype("str").map(KIND_ORDER.index)
    order = ["rank", "asked_at", "wait_s"]
    pending = pending.assign(rank=rank).sort_values(order, ascending=[True, True, False])

    is_unread = f.runs["status"].eq("interrupted") & f.runs["n_pending"].eq(0)
    unread = f.runs.loc[is_unread, ["run_id"]].assign(label=NOT_IN_THE_DATA)
    return pd.concat([pending.drop(columns="rank"), unread], ignore_index=True)
