"""What needs somebody among many runs, worst first: what to do next, about which run, why, and since when."""

from __future__ import annotations

import numpy as np
import pandas as pd

from runkit.arguments import checked
from runkit.charts.panel import Panel, words_of
from runkit.contract import FINAL_STATUSES
from runkit.html_tables import MAX_ROWS
from runkit.style import OUTCOMES
from runkit.tables.facts import findings_of, open_questions, outputs_of
from runkit.tables.frames import Frames
from runkit.text import duration, plural

EACH = 2  # rows of each reason that has so many, before the most urgent ones fill the rest
ENOUGH = 8  # runs of an agent; fewer do not say what is usual
# a slow run took so many times the median of its agent, and so many seconds more
FAR, LEAST_S = 3.0, 60
LABEL = ["run_id", "business_name", "agent_name"]
COLUMNS = ["next_step", *LABEL, "reason", "status", "age_s", "since", "n_runs"]
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
ROW = {"why": "str", "run_id": "str", "label": "str", "since": "datetime64[us, UTC]", "age_s": "float64"}
# by reason: runs or parts of runs with `label`, and `since` when
Rows = dict[str, pd.DataFrame]


@checked
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
    return needs_panels(f, (MAX_ROWS, EACH))[0]


def needs_panels(f: Frames, *sizes: tuple[int, int]) -> list[Panel]:
    """Show what needs somebody in several lengths, which are numbers of rows, and of each reason.

    So many rows of each reason come first, before the most urgent ones fill the rest.
    """
    runs = f.runs.sort_values("created_at", ascending=False, kind="stable")
    found = _of_questions(f, runs) | _of_runs(f, runs) | _of_findings(f, runs)
    parts = [found[why].assign(why=why).reindex(columns=[*ROW]).astype(ROW) for why in NEXT_STEPS]
    rows = pd.concat(parts, ignore_index=True)
    rows["reason"] = rows["label"].map(words_of).astype("str")
    ages = (f.runs["as_of"].max() - rows["since"]).dt.total_seconds().clip(lower=0)
    rows["age_s"] = rows["age_s"].where(rows["why"].eq("waiting"), ages)
    alike = rows["reason"].where(rows["why"].isin(ONE_ROW), rows.index.astype("str"))
    by = rows.groupby([rows["why"], alike])["run_id"]
    rows["n_runs"] = by.transform("nunique").clip(lower=1).astype("int32")
    rows = rows[by.cumcount() == 0]  # the newest stands for them
    order = np.lexsort([-rows["n_runs"], rows["why"].map([*NEXT_STEPS].index)])
    rows = rows.iloc[order].reset_index(drop=True)
    table = rows.merge(runs[[*LABEL, "status"]], on="run_id", how="left")
    table["next_step"] = rows["why"].map(NEXT_STEPS)
    n_of = rows.groupby("why", sort=False)["n_runs"].sum()
    reasons = ", ".join(f"{n:,} {why}" for why, n in n_of.items())
    panels = []
    for most, each in sizes:
        is_more = rows.groupby("why").cumcount() >= each
        chosen = table.loc[is_more.sort_values(kind="stable").index[:most].sort_values(), COLUMNS]
        shown = f"{len(chosen):,} of {len(rows):,} shown, {plural(len(runs), 'run')}"
        sentence = f"{shown}: {reasons}." if reasons else "You're all caught up."
        panels.append(Panel("Needs you", sentence, chosen.reset_index(drop=True)))
    return panels


def _of_questions(f: Frames, runs: pd.DataFrame) -> Rows:
    """Find questions that wait, that expired, and that the policy decided."""
    questions = runs[["run_id", "ended_at"]].merge(f.interrupts, on="run_id")
    questions["since"] = questions["asked_at"]
    expired = questions[questions["outcome"] == "lapsed"]
    settled = questions[questions["outcome"].isin(["auto_approve", "skip"])]
    ways = settled["outcome"].astype("str").map(OUTCOMES)
    return {
        "waiting": open_questions(f).rename(columns={"asked_at": "since", "wait_s": "age_s"}),
        "expired": expired.assign(since=expired["ended_at"]),
        "decided by policy": settled.assign(label=ways + ": " + settled["label"].fillna("")),
    }


def _of_runs(f: Frames, runs: pd.DataFrame) -> Rows:
    """Find runs that failed, completed with failed steps, or were slow, and errors in the data."""
    runs = runs.assign(since=runs["ended_at"])
    failed, done = (runs[runs["status"] == word] for word in ("error", "completed"))
    labels = failed["outcome"].fillna("No step says why.")
    bad = f.steps[f.steps["error"].notna()]
    unread = f.problems[f.problems["severity"] == "error"]
    unread = unread.merge(runs[["run_id", "created_at"]], on="run_id", how="left")
    problems = unread["problem"].astype("str") + ": " + unread["detail"].fillna("")
    return {
        "failed": failed.assign(label=labels),
        "with failed steps": _most(done, bad["label"], bad["run_id"], "failed"),
        "slow": _slow(runs),
        "data problems": unread.assign(label=problems, since=unread["created_at"]),
    }


def _of_findings(f: Frames, runs: pd.DataFrame) -> Rows:
    """Find runs whose findings are surer than their sources, unsure, or without a source."""
    done = runs[runs["status"] == "completed"].assign(since=runs["ended_at"])
    own = findings_of(f)
    is_weak = own["best_tier"].isna() | own["best_tier"].eq("secondary")
    weak = own[own["confidence"].eq("high") & is_weak]
    has_output = done["run_id"].isin(outputs_of(f)["run_id"])
    unsure = done[has_output & ~(done["confidence"] >= "medium")]
    unsure = unsure.sort_values("confidence", kind="stable")
    levels = unsure["confidence"].astype("str").fillna("no").str.capitalize()
    bare = runs[runs["run_id"].isin(own.loc[own["n_sources"] == 0, "run_id"])]
    return {
        "overconfident": _most(done, weak["title"], weak["run_id"], "on weak or no sources"),
        "low or no confidence": unsure.assign(label=levels + " confidence: " + unsure["weakest"]),
        "without a source": bare.assign(label="Findings without a source", since=bare["created_at"]),
    }


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
    slow = slow.assign(since=slow["created_at"]).sort_values("own_s", ascending=False)
    own, usual = (slow[name].map(duration).astype("str") for name in ("own_s", "median_s"))
    return slow.assign(label=own + " without waits, median " + usual)
