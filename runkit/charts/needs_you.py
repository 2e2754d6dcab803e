"""What needs somebody among many runs, worst first: what to do next, about which run, why, and since when."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from runkit.charts.bars import step_labels
from runkit.charts.evidence import findings_of, is_output
from runkit.charts.panel import Panel, agent_titles, words_of
from runkit.charts.run_time import failures
from runkit.contract import FINAL_STATUSES
from runkit.html_tables import MAX_ROWS
from runkit.style import OUTCOMES
from runkit.tables.frames import Frames
from runkit.text import duration, plural

EACH = 2  # rows of each reason that has so many, before the most urgent ones fill the rest
ENOUGH = 8  # runs of an agent; fewer do not say what is usual
FAR, LEAST_S = 3.0, 60  # a slow run took so many times the median of its agent, and so many seconds more
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
# Runs with the same reason of these stand in one row.
ONE_ROW = ("failed", "decided by policy", "without a source", "data problems")
NEXT_STEPS = {  # of each reason, the most urgent first
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
Check = tuple[str, pd.DataFrame, str]  # why, runs or parts of runs with a `label`, and the column since when


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
        and `age_s` how long ago that was when the newest run was read, or how long a question had waited
        when its run was read. In this order: questions that wait,
        the longest first; failed runs, those with the same error in one row; completed runs with high
        confidence on no or only secondary sources, with failed steps, with low confidence, or without any;
        expired questions; what the policy decided; findings without a source; runs that took far longer than
        the others of their agent; data that could not be read. Each has two rows if it needs them, the first
        ones fill the others.
    """
    runs = f.runs.sort_values("created_at", ascending=False, kind="stable")
    checks = [
        *_question_checks(f, runs),
        *_run_checks(f, runs),
        *_finding_checks(f, runs),
        ("data problems", _unread_data(f, runs), "created_at"),
    ]
    rows = pd.concat([_rows(f, *check) for check in checks])
    order = rows["why"].map([*NEXT_STEPS].index)
    rows = rows.iloc[np.argsort(order, kind="stable")].reset_index(drop=True)
    chosen = rows.loc[first_of_each(rows["why"], MAX_ROWS, EACH)]
    names = runs[["run_id", "business_name", "status"]].astype({"status": "str"})
    names["agent_name"] = agent_titles(runs["agent_name"].fillna(runs["agent"]))
    table = chosen.merge(names, on="run_id", how="left")
    table["next_step"] = chosen["why"].map(NEXT_STEPS).array
    n_of = rows.groupby("why", sort=False)["n_runs"].sum()
    reasons = ", ".join(f"{n:,} {why}" for why, n in n_of.items())
    shown = f"{len(table):,} of {len(rows):,} shown, {plural(len(runs), 'run')}"
    sentence = f"{shown}: {reasons}." if reasons else "You're all caught up."
    return Panel("Needs you", sentence, table[COLUMNS])


def first_of_each(keys: pd.Series[Any], most: int, each: int = 1) -> pd.Index[Any]:
    """Choose at most so many rows, in order: some of each key, then as many of the first ones as fit."""
    is_more = keys.groupby(keys).cumcount() >= each
    return is_more.sort_values(kind="stable").index[:most].sort_values()


def _rows(f: Frames, why: str, rows: pd.DataFrame, since: str) -> pd.DataFrame:
    """Give a row for each of `rows`, with its label as reason, and its age when the newest run was read."""
    ages = f.runs["as_of"].max() - rows[since]
    table = pd.DataFrame(
        {
            "why": pd.Series(why, rows.index, "str"),
            "run_id": rows["run_id"].astype("str"),
            "reason": rows["label"].astype("str").map(words_of).astype("str"),
            "since": rows[since].astype("datetime64[us, UTC]"),
            "age_s": ages.dt.total_seconds().clip(lower=0),
            "n_runs": pd.Series(1, rows.index, "int32"),
        }
    )
    if "age_s" in rows:
        table["age_s"] = rows["age_s"].fillna(table["age_s"])
    return _one_each(table) if why in ONE_ROW else table


def _one_each(rows: pd.DataFrame) -> pd.DataFrame:
    """Put rows with the same reason into one, those of most runs first; the newest stands for them."""
    n_runs = rows.groupby("reason")["run_id"].transform("nunique")
    rows = rows.assign(n_runs=n_runs.clip(lower=1).astype("int32"))
    rows = rows.drop_duplicates("reason")
    return rows.sort_values("n_runs", ascending=False, kind="stable")


def _question_checks(f: Frames, runs: pd.DataFrame) -> Iterator[Check]:
    """Find questions that wait, that expired, and that the policy decided."""
    questions = runs[["run_id", "created_at", "ended_at"]].merge(f.interrupts, on="run_id")
    pending = questions[questions["outcome"] == "pending"]
    pending = pending.assign(age_s=pending["wait_s"]).sort_values("wait_s", ascending=False)
    yield "waiting", pending, "asked_at"
    unread = runs[runs["status"].eq("interrupted") & runs["n_pending"].eq(0)]
    yield "waiting", unread.assign(label="The question is not in the data"), "updated_at"
    yield "expired", questions[questions["outcome"] == "lapsed"], "ended_at"
    settled = questions[questions["outcome"].isin(["auto_approve", "skip"])]
    ways = settled["outcome"].astype("str").map(OUTCOMES)
    settled = settled.assign(label=ways + ": " + settled["label"].fillna(""))
    yield "decided by policy", settled, "asked_at"


def _run_checks(f: Frames, runs: pd.DataFrame) -> Iterator[Check]:
    """Find runs that failed, that completed with failed steps, and that were slow."""
    errors = f.steps[f.steps["type"] == "error"].drop_duplicates("run_id").set_index("run_id")
    failed = runs[runs["status"] == "error"]
    labels = failed["run_id"].map(step_labels(errors)).astype("str")
    yield "failed", failed.assign(label=labels.fillna("No step says why.")), "ended_at"
    done = runs[runs["status"] == "completed"]
    bad = failures(f)
    with_failed = _most(done, bad["label"], bad["run_id"], "failed")
    yield "with failed steps", with_failed, "ended_at"
    yield "slow", _slow(runs), "created_at"


def _finding_checks(f: Frames, runs: pd.DataFrame) -> Iterator[Check]:
    """Find runs whose findings are surer than their sources, unsure, or without a source."""
    done = runs[runs["status"] == "completed"]
    rows = findings_of(f)
    own, outputs = rows[~is_output(rows)], rows[is_output(rows)]
    is_sure = own["confidence"].eq("high").fillna(False)
    has_weak_sources = own["best_tier"].fillna("secondary").eq("secondary")
    weak = own[is_sure & has_weak_sources]
    overconfident = _most(done, weak["title"], weak["run_id"], "on weak or no sources")
    yield "overconfident", overconfident, "ended_at"
    has_output = done["run_id"].isin(outputs["run_id"])
    unsure = done[has_output & ~done["confidence"].isin(["high", "medium"])]
    unsure = unsure.sort_values("confidence", kind="stable")
    labels = "Output has " + unsure["confidence"].fillna("no") + " confidence"
    yield "low or no confidence", unsure.assign(label=labels), "ended_at"
    bare = runs[runs["run_id"].isin(own.loc[own["n_sources"] == 0, "run_id"])]
    yield "without a source", bare.assign(label="Findings without a source"), "created_at"


def _unread_data(f: Frames, runs: pd.DataFrame) -> pd.DataFrame:
    """Give the errors in the data, with the run where that is known."""
    errors = f.problems[f.problems["severity"] == "error"]
    errors = errors.merge(runs[["run_id", "created_at"]], on="run_id", how="left")
    labels = errors["problem"].astype("str") + ": " + errors["detail"].fillna("")
    return errors.assign(label=labels)


def _most(runs: pd.DataFrame, labels: pd.Series[str], run_ids: pd.Series[str], words: str) -> pd.DataFrame:
    """Give the runs that have such labels, most labels first."""
    by = labels.groupby(run_ids).agg(n="size", label="first")
    runs = runs.join(by, on="run_id", how="inner")
    runs = runs.sort_values("n", ascending=False, kind="stable")
    return runs.assign(label=runs["n"].astype("str") + f" {words}: " + runs["label"].fillna(""))


def _slow(runs: pd.DataFrame) -> pd.DataFrame:
    """Give the runs whose time without waits is far beyond that of the ended runs of their agent."""
    is_ended = runs["status"].isin(FINAL_STATUSES)
    own_s = (runs["working_s"] + runs["idle_s"]).where(is_ended)
    by = own_s.groupby(runs["agent"].fillna(""))
    median_s = by.transform("median")
    is_far = own_s > np.maximum(FAR * median_s, median_s + LEAST_S)
    is_usual_known = by.transform("count") >= ENOUGH
    slow = runs.assign(own_s=own_s, median_s=median_s)[is_far & is_usual_known]
    slow = slow.sort_values("own_s", ascending=False)
    own, usual = (slow[name].map(duration).astype("str") for name in ("own_s", "median_s"))
    return slow.assign(label=own + " without waits, median " + usual)
