"""What needs somebody among many runs, worst first: what to do next, about which run, why, and since when."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from runkit.charts.evidence import findings_of, is_output
from runkit.charts.panel import Panel, agent_titles, lasting, words_of
from runkit.charts.run_time import has_failed, step_labels
from runkit.contract import FINAL_STATUSES
from runkit.html_tables import MAX_ROWS
from runkit.style import OUTCOMES
from runkit.tables.frames import Frames
from runkit.text import plural

EACH = 2  # rows of each reason that has so many, before the most urgent ones fill the rest
ENOUGH = 8  # runs of an agent; fewer do not say what is usual
FAR, LEAST_S = 3.0, 60  # a slow run took so many times the median of its agent, and so many seconds more
CAUGHT_UP = "You're all caught up."
DTYPES = {"why": "str", "run_id": "str", "reason": "str", "since": "datetime64[us, UTC]"}
DTYPES |= {"age_s": "float64", "n_runs": "int32"}
COLUMNS = [
    "next_step",
    "run_id",
    "business_name",
    "agent_name",
    "reason",
    "status",
    "age_s",
    "since",
    "n_runs",
]
STEPS = {  # of each reason, the most urgent first
    "waiting": "Answer",
    "failed": "Check the error",
    "overconfident": "Check the evidence",
    "with failed steps": "Check the failed steps",
    "low or no confidence": "Read the findings",
    "expired": "Decide what was left open",
    "decided by policy": "Check the decision",
    "without a source": "Ask for evidence",
    "slow": "See why it was slow",
    "data problems": "Check the data",
}


def look_first(f: Frames) -> Panel:
    """Show what needs somebody, worst first: at most 20 rows.

    Parameters
    ----------
    f
        Frames of any number of runs.

    Returns
    -------
    Panel
        `next_step` says what to do, `run_id` the newest of the `n_runs` runs of a row, `since` when it began,
        and `age_s` how long ago that was when the newest run was read. In this order: questions that wait,
        the longest first; failed runs, those with the same error in one row; completed runs with high
        confidence on no or only secondary sources, with failed steps, with low confidence, or without any;
        expired questions; what the policy decided; findings without a source; runs that took far longer than
        the others of their agent; data that could not be read. Each has two rows if it needs them, the first
        ones fill the others.
    """
    runs = f.runs.sort_values("created_at", ascending=False, kind="stable")
    rows = pd.concat([_questions(f, runs), _failed(f, runs), *_of_completed(f, runs), *_others(f, runs)])
    rows = rows.iloc[np.argsort(rows["why"].map([*STEPS].index), kind="stable")].reset_index(drop=True)
    chosen = rows.loc[first_of_each(rows["why"], MAX_ROWS, EACH)]
    names = runs[["run_id", "business_name"]].assign(
        agent_name=agent_titles(runs["agent_name"].fillna(runs["agent"])), status=runs["status"].astype("str")
    )
    table = chosen.merge(names, on="run_id", how="left").assign(next_step=chosen["why"].map(STEPS).array)
    reasons = ", ".join(f"{n:,} {why}" for why, n in rows.groupby("why", sort=False)["n_runs"].sum().items())
    sentence = f"{len(table):,} of {len(rows):,} shown, {plural(len(runs), 'run')}: {reasons}."
    return Panel("Needs you", sentence if reasons else CAUGHT_UP, table[COLUMNS])


def first_of_each(keys: pd.Series[Any], most: int, each: int = 1) -> pd.Index[Any]:
    """Choose at most so many rows, in order: some of each key, then as many of the first ones as fit."""
    is_more = keys.groupby(keys).cumcount() >= each
    return is_more.sort_values(kind="stable").index[:most].sort_values()


def _rows(f: Frames, why: str, rows: pd.DataFrame, reason: Any, since: str) -> pd.DataFrame:
    """Give a row for each of `rows`, with its age when the newest run was read."""
    age_s = (f.runs["as_of"].max() - rows[since]).dt.total_seconds().clip(lower=0)
    table = {"why": why, "run_id": rows["run_id"], "reason": reason, "since": rows[since], "age_s": age_s}
    return pd.DataFrame(table | {"n_runs": 1}, rows.index).astype(DTYPES)


def _one_each(rows: pd.DataFrame) -> pd.DataFrame:
    """Put rows with the same reason into one, those of most runs first; the first stands for them."""
    n_runs = rows.groupby("reason")["run_id"].transform("nunique").clip(lower=1).astype("int32")
    rows = rows.assign(n_runs=n_runs).drop_duplicates("reason")
    return rows.sort_values("n_runs", ascending=False, kind="stable")


def _questions(f: Frames, runs: pd.DataFrame) -> pd.DataFrame:
    """Questions that wait, the longest first, and runs that wait for a question that is not in the data."""
    asks = f.interrupts[f.interrupts["outcome"] == "pending"].sort_values("wait_s", ascending=False)
    rows = _rows(f, "waiting", asks, asks["label"].map(words_of), "asked_at").assign(age_s=asks["wait_s"])
    unread = runs[runs["status"].eq("interrupted") & runs["n_pending"].eq(0)]
    return pd.concat([rows, _rows(f, "waiting", unread, "The question is not in the data", "updated_at")])


def _failed(f: Frames, runs: pd.DataFrame) -> pd.DataFrame:
    """Failed runs, a row for each label of their first error step."""
    errors = f.steps[f.steps["type"] == "error"].drop_duplicates("run_id").set_index("run_id")
    failed = runs[runs["status"] == "error"]
    labels = failed["run_id"].map(step_labels(errors)).astype("str").fillna("No step says why.")
    return _one_each(_rows(f, "failed", failed, labels.map(words_of), "ended_at"))


def _of_completed(f: Frames, runs: pd.DataFrame) -> list[pd.DataFrame]:
    """Completed runs: with weak evidence for high confidence, with failed steps, with an unsure output."""
    done, rows = runs[runs["status"] == "completed"], findings_of(f)
    is_weak = rows["best_tier"].isna() | rows["best_tier"].eq("secondary")
    weak = rows[is_weak & rows["confidence"].eq("high").fillna(False) & ~is_output(rows)]
    bad = f.steps[has_failed(f.steps)]
    parts = []
    for why, first, words in (
        (
            "overconfident",
            weak.set_index("run_id")["title"],
            "with high confidence on no or only secondary sources",
        ),
        ("with failed steps", step_labels(bad.set_index("run_id")), "failed in a completed run"),
    ):
        by = first.groupby(level=0).agg(n="size", first="first")
        own = done.join(by, on="run_id", how="inner").sort_values("n", ascending=False, kind="stable")
        reasons = [
            f"{n:,} {words}: {words_of(label)}" for n, label in zip(own["n"], own["first"], strict=True)
        ]
        parts.append(_rows(f, why, own, reasons, "ended_at"))
    has_output = done["run_id"].isin(rows.loc[is_output(rows), "run_id"])
    unsure = done[has_output & ~done["confidence"].isin(["high", "medium"])].sort_values(
        "confidence", kind="stable"
    )
    reasons = [f"Output has {words_of(word)} confidence" for word in unsure["confidence"].fillna("no")]
    return [*parts, _rows(f, "low or no confidence", unsure, reasons, "ended_at")]


def _others(f: Frames, runs: pd.DataFrame) -> list[pd.DataFrame]:
    """Expired questions, what the policy decided, findings without a source, slow runs, unreadable data."""
    asks = f.interrupts.merge(runs[["run_id", "created_at", "ended_at"]], on="run_id")
    asks = asks.sort_values("created_at", ascending=False, kind="stable")
    expired, settled = asks[asks["outcome"] == "lapsed"], asks[asks["outcome"].isin(["auto_approve", "skip"])]
    ways = settled["outcome"].astype("str").map(OUTCOMES)
    rows = findings_of(f)
    bare = runs[runs["run_id"].isin(rows.loc[(rows["n_sources"] == 0) & ~is_output(rows), "run_id"])]
    bad = f.problems[f.problems["severity"] == "error"].merge(
        runs[["run_id", "created_at"]], on="run_id", how="left"
    )
    unread = (
        bad["problem"].astype("str")
        + " at "
        + bad["location"].map(words_of)
        + ": "
        + bad["detail"].map(words_of)
    )
    return [
        _rows(f, "expired", expired, expired["label"].map(words_of), "ended_at"),
        _one_each(
            _rows(f, "decided by policy", settled, ways + ": " + settled["label"].map(words_of), "asked_at")
        ),
        _one_each(_rows(f, "without a source", bare, "Findings without a source", "created_at")),
        _slow(f, runs),
        _one_each(_rows(f, "data problems", bad, unread, "created_at")),
    ]


def _slow(f: Frames, runs: pd.DataFrame) -> pd.DataFrame:
    """Runs whose time without waits is far beyond that of the ended runs of their agent, farthest first."""
    own_s = (runs["working_s"] + runs["idle_s"]).where(runs["status"].isin(FINAL_STATUSES))
    by = own_s.groupby(runs["agent"].fillna(""))
    median = by.transform("median")
    limit = np.maximum(FAR * median, median + LEAST_S)
    slow = runs[(own_s > limit) & (by.transform("count") >= ENOUGH)]
    slow = slow.loc[(own_s / median)[slow.index].sort_values(ascending=False).index]
    reasons = [f"{lasting(own_s[at])} without waits, median {lasting(median[at])}" for at in slow.index]
    return _rows(f, "slow", slow, reasons, "created_at")
