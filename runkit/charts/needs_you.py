"""What needs somebody among many runs, worst first: what to do next, about which run, why, and since when."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from runkit.charts.evidence import ARTIFACT, findings_of, is_output
from runkit.charts.panel import Panel, agent_titles, lasting, quoted, words_of
from runkit.charts.run_time import has_failed, step_labels
from runkit.contract import FINAL_STATUSES
from runkit.html_tables import MAX_ROWS
from runkit.style import OUTCOMES
from runkit.tables.frames import Frames
from runkit.tables.problems import problem_counts
from runkit.text import plural

EACH = 2  # rows of each reason that has so many, before the most urgent ones fill the rest
ENOUGH = 8  # runs of an agent; fewer do not say what is usual
FAR_OUT = 3.0  # interquartile ranges over the upper quartile: Tukey's "far out"
FAR, LEAST_S = 2.0, 60  # and at least so many times the median, and so many seconds more
CAUGHT_UP = "you're all caught up"
DTYPES = dict.fromkeys(("next_step", "run_id", "reason"), "str")
DTYPES |= {"since": "datetime64[us, UTC]", "age_s": "float64", "n_runs": "int32"}


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
    checks = {
        "waiting": ("Answer", _pending(f)),
        "failed": ("Check the error", _failed(f)),
        "overconfident": ("Check the evidence", _overconfident(f)),
        "with failed steps": ("Check the failed steps", _failed_steps(f)),
        "low or no confidence": ("Read the findings", _unsure(f)),
        "expired": ("Decide what was left open", _expired(f)),
        "decided by policy": ("Check the decision", _by_policy(f)),
        "without a source": ("Ask for evidence", _without_source(f)),
        "slow": ("See why it was slow", _slow(f)),
        "data problems": ("Check the data", _unread(f)),
    }
    checks = {why: check for why, check in checks.items() if len(check[1])}
    n_rows = _room({why: len(rows) for why, (_, rows) in checks.items()})
    parts = [checks[why][1].head(n).assign(next_step=checks[why][0]) for why, n in n_rows.items()]
    rows = pd.concat([part.astype(DTYPES) for part in [pd.DataFrame(columns=[*DTYPES]), *parts]])
    runs = f.runs[["run_id", "business_name", "status"]].astype({"status": "str"})
    runs = runs.assign(agent_name=agent_titles(f.runs["agent_name"].fillna(f.runs["agent"])))
    columns = ["next_step", "run_id", "business_name", "agent_name", "reason", "status", "age_s"]
    table = rows.merge(runs, on="run_id", how="left")[[*columns, "since", "n_runs"]]
    reasons = ", ".join(f"{own['n_runs'].sum():,} {why}" for why, (_, own) in checks.items())
    n_all = sum(len(own) for _, own in checks.values())
    counts = f"{len(table):,} of {n_all:,} shown, {plural(len(f.runs), 'run')}"
    return Panel("Needs you", f"{counts}: {reasons or CAUGHT_UP}.", table)


def _room(n_of: dict[str, int]) -> dict[str, int]:
    """How many rows each reason gets: a few each, then as many of the first ones as fit."""
    n_rows = {why: min(n, EACH) for why, n in n_of.items()}
    for why, n in n_of.items():
        n_rows[why] += min(n - n_rows[why], MAX_ROWS - sum(n_rows.values()))
    return n_rows


def _rows(f: Frames, rows: pd.DataFrame, reason: Any, since: str) -> pd.DataFrame:
    """Give one row for each of `rows`, with its reason and its age when the newest run was read."""
    age = (f.runs["as_of"].max() - rows[since]).dt.total_seconds().clip(lower=0)
    reasons = pd.Series(reason, rows.index, "str")
    return pd.DataFrame(
        {"run_id": rows["run_id"], "reason": reasons, "since": rows[since], "age_s": age, "n_runs": 1}
    )


def _one_row(f: Frames, run_ids: Any, reason: str, since: str) -> pd.DataFrame:
    """Give one row for several runs; the newest stands for them."""
    runs = _newest(f, f.runs["run_id"].isin(run_ids))
    return _rows(f, runs.head(1), reason, since).assign(n_runs=len(runs))


def _newest(f: Frames, is_meant: pd.Series[bool]) -> pd.DataFrame:
    return f.runs[is_meant].sort_values("created_at", ascending=False, kind="stable")


def _completed(f: Frames) -> pd.DataFrame:
    return _newest(f, f.runs["status"].eq("completed"))


def _pending(f: Frames) -> pd.DataFrame:
    asks = f.interrupts[f.interrupts["outcome"] == "pending"]
    rows = _rows(f, asks, asks["label"].map(words_of), "asked_at")
    rows = rows.assign(age_s=asks["wait_s"]).sort_values("age_s", ascending=False, kind="stable")
    unread = _newest(f, f.runs["status"].eq("interrupted") & f.runs["n_pending"].eq(0))
    return pd.concat([rows, _rows(f, unread, "The question is not in the data", "updated_at")])


def _failed(f: Frames) -> pd.DataFrame:
    """Failed runs, a row for each label of their first error step, most runs first."""
    errors = f.steps[f.steps["type"] == "error"].drop_duplicates("run_id")
    failed = _newest(f, f.runs["status"].eq("error")).merge(
        errors[["run_id"]].assign(error=step_labels(errors)), on="run_id", how="left"
    )
    failed["error"] = failed["error"].fillna("No step says why.")
    failed["n_runs"] = failed.groupby("error")["run_id"].transform("size")
    first = failed.drop_duplicates("error").sort_values("n_runs", ascending=False, kind="stable")
    rows = _rows(f, first, first["error"].map(words_of), "ended_at")
    return rows.assign(n_runs=first["n_runs"])


def _completed_with(f: Frames, rows: pd.DataFrame, label: str, reason: str) -> pd.DataFrame:
    """Completed runs with such rows, most rows first; the reason has their number and the first label."""
    by = rows.groupby("run_id")[label].agg(n="size", first="first").reset_index()
    runs = _completed(f).merge(by, on="run_id").sort_values("n", ascending=False, kind="stable")
    named = zip(runs["n"], runs["first"], strict=True)
    return _rows(f, runs, [f"{n:,} {reason}: {words_of(first)}" for n, first in named], "ended_at")


def _overconfident(f: Frames) -> pd.DataFrame:
    """Completed runs with a finding of high confidence that rests on no or only secondary sources."""
    better = f.sources[f.sources["source_tier"].ne("secondary").fillna(True)]
    keys = pd.MultiIndex.from_frame(better[ARTIFACT])
    rows = findings_of(f)
    is_weak = ~pd.MultiIndex.from_frame(rows[ARTIFACT]).isin(keys)
    rows = rows[is_weak & rows["confidence"].eq("high").fillna(False) & ~is_output(rows)]
    reason = "with high confidence on no or only secondary sources"
    return _completed_with(f, rows, "title", reason)


def _failed_steps(f: Frames) -> pd.DataFrame:
    bad = f.steps[has_failed(f.steps)]
    return _completed_with(f, bad.assign(label=step_labels(bad)), "label", "failed in a completed run")


def _unsure(f: Frames) -> pd.DataFrame:
    """Completed runs with an output of low or no confidence, low ones first."""
    outputs = findings_of(f)
    outputs = outputs[is_output(outputs) & ~outputs["confidence"].isin(["high", "medium"])]
    outputs = outputs.sort_values("confidence").drop_duplicates("run_id")[["run_id", "confidence"]]
    runs = _completed(f).drop(columns="confidence").merge(outputs, on="run_id")
    runs = runs.iloc[np.argsort(runs["confidence"].isna(), kind="stable")]
    reasons = [f"Output has {words_of(word)} confidence" for word in runs["confidence"].fillna("no")]
    return _rows(f, runs, reasons, "ended_at")


def _expired(f: Frames) -> pd.DataFrame:
    lapsed = f.interrupts[f.interrupts["outcome"] == "lapsed"].sort_values("asked_at", ascending=False)
    lapsed = lapsed.merge(f.runs[["run_id", "ended_at"]], on="run_id")
    reasons = lapsed["label"].map(lambda label: f"{words_of(label)} · {OUTCOMES['lapsed'].lower()}")
    return _rows(f, lapsed, reasons, "ended_at")


def _by_policy(f: Frames) -> pd.DataFrame:
    """What the policy settled, a row for each of its ways."""
    parts = []
    for way in ("auto_approve", "skip"):
        own = f.interrupts[f.interrupts["outcome"] == way]
        labels = ", ".join(quoted(label) for label in own["label"].value_counts().index[:3])
        reason = f"{plural(len(own), 'question')} {OUTCOMES[way].lower()}: {labels}"
        parts.append(_one_row(f, own["run_id"], reason, "created_at"))
    return pd.concat(parts)


def _without_source(f: Frames) -> pd.DataFrame:
    """Findings without any source, in one row: they have one remedy."""
    rows = findings_of(f)
    rows = rows[~is_output(rows)]
    bare = rows[rows["n_sources"] == 0]
    titles = ", ".join(quoted(title) for title in bare["title"].value_counts().index[:3])
    reason = f"{len(bare):,} of {plural(len(rows), 'finding')} without a source: {titles}"
    return _one_row(f, bare["run_id"], reason, "created_at")


def _slow(f: Frames) -> pd.DataFrame:
    """Runs whose own time, or whose waits, are far beyond those of the ended runs of their agent."""
    runs = f.runs
    is_ended = runs["status"].isin(FINAL_STATUSES)
    agent = runs["agent"].fillna("")
    times = {
        "without waits": (runs["working_s"] + runs["idle_s"]).where(is_ended),
        "waiting": runs["waiting_s"].where(is_ended & (runs["waiting_s"] > 0)),
    }
    parts = []
    usual_steps = runs["n_steps"].where(is_ended).groupby(agent).transform("median")
    for words, seconds in times.items():
        by = seconds.groupby(agent)
        low, median, high = (by.transform("quantile", share) for share in (0.25, 0.5, 0.75))
        limit = np.maximum(high + FAR_OUT * (high - low), np.maximum(FAR * median, median + LEAST_S))
        is_slow = (seconds > limit) & (by.transform("count") >= ENOUGH)
        slow = runs[is_slow].assign(far=(seconds / median)[is_slow]).sort_values("far", ascending=False)
        reasons = [
            f"{lasting(seconds[at])} {words}, median {lasting(median[at])}; "
            f"{plural(int(slow['n_steps'][at]), 'step')}, median {usual_steps[at]:,.10g}"
            for at in slow.index
        ]
        parts.append(_rows(f, slow, reasons, "created_at"))
    return pd.concat(parts)


def _unread(f: Frames) -> pd.DataFrame:
    """What could not be read, a row for each run or kind of problem."""
    bad = f.problems[f.problems["severity"] == "error"].astype({"problem": "str"})
    bad = bad.assign(n=problem_counts(bad), group=bad["run_id"].fillna(bad["problem"]))
    by = bad.groupby("group", sort=False).agg(
        n=("n", "sum"), run_id=("run_id", "first"), location=("location", "first"), detail=("detail", "first")
    )
    by = by.merge(f.runs[["run_id", "created_at"]], on="run_id", how="left").sort_values("n", ascending=False)
    reasons = [
        f"{plural(n, 'problem')} in the data, first at {words_of(place)}: {words_of(detail)}"
        for n, place, detail in zip(by["n"], by["location"], by["detail"], strict=True)
    ]
    return _rows(f, by, reasons, "created_at")
