"""Panels of many runs: what needs somebody, how they ended, where their time went, and on what evidence.

    from runkit.charts import fleet
    fleet.budget(f)

Every function takes `Frames` of any number of runs and gives a `Panel`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from runkit.analysis.decisions import decisions as count_decisions
from runkit.charts.evidence import ARTIFACT, confidence, findings_of, is_output, sources
from runkit.charts.fleet_time import budget, failed_steps, slowest_steps, spread, waits, why_slow
from runkit.charts.needs_you import look_first
from runkit.charts.panel import (
    Panel,
    agent_titles,
    counts,
    facts,
    lasting,
    oldest,
    panel_of,
    percent,
    words_of,
)
from runkit.charts.stacked_bars import cross, stacked_bars, stacked_columns
from runkit.tables.frames import Frames, status_counts
from runkit.tables.problems import problem_counts
from runkit.text import budget_words, plural

__all__ = [
    "budget",
    "confidence",
    "decisions",
    "evidence",
    "failed_steps",
    "in_short",
    "look_first",
    "outcomes",
    "problems",
    "slowest_steps",
    "sources",
    "volume",
    "waits",
    "why_slow",
]

MOST_COLUMNS = 36  # of the newest units of time: a month of days, or a day and a half of hours
UNITS = (  # up to so many days: pandas' letter of a unit, and its word
    (35 / 24, "h", "hour"),
    (35, "D", "day"),
    (7 * 35, "W-SUN", "week"),
    (np.inf, "M", "month"),
)
# as columns and bars are drawn
KNOWN_STATUSES = ["completed", "running", "interrupted", "error", "other"]
RESULTS = ["n_approved", "n_rejected", "n_unknown"]
QUICK = "came within 10 s, with no source opened"
WEAK = "Weak: no source, high confidence on secondary sources only, or high and low confidence on one source."


def in_short(f: Frames) -> Panel:
    """Show what the runs hold together, and whether they are all that was asked for.

    Parameters
    ----------
    f
        Frames of any number of runs.

    Returns
    -------
    Panel
        Without a figure.
    """
    runs = f.runs
    n_of = runs["status"].value_counts()
    is_unread = runs["status"].eq("interrupted") & runs["n_pending"].eq(0)
    asks = f.interrupts[f.interrupts["outcome"] == "pending"]
    spent = runs[["working_s", "waiting_s", "idle_s"]].sum()
    words = status_counts(runs)
    known = {
        "Runs": len(runs),
        "Completed": n_of.get("completed", 0),
        "Failed": n_of.get("error", 0),
        "Questions waiting": len(asks),
        "Questions not in the data": is_unread.sum(),
        "Oldest question asked": asks["asked_at"].min(),
        "First run created": runs["created_at"].min(),
        "Last run created": runs["created_at"].max(),
        "Working": pd.Timedelta(spent["working_s"], "s"),
        "Waiting for a reviewer": pd.Timedelta(spent["waiting_s"], "s"),
        "Steps": len(f.steps),
        "Problems in the data": problem_counts(f.problems).sum(),
        "Records read": f"{f.coverage.kept:,} of {f.coverage.seen:,}",
    }
    wait = f", oldest {oldest(asks)}" if len(asks) else ""
    sentence = (
        f"{plural(len(runs), 'run')} ({words}); {plural(len(asks), 'question')} waiting{wait}. "
        f"{budget_words(*spent)}."
    )
    panel = panel_of("In short", sentence, facts(known), n=len(runs), what="runs", f=f)
    if f.is_complete:
        return panel
    n_seen = plural(f.coverage.seen, "record")
    missing = f"{f.coverage.refused:,} of {n_seen} not read. {f.coverage.why or ''}"
    return replace(panel, sentence=f"{panel.sentence} Not complete: {words_of(missing, 300)}")


def volume(f: Frames) -> Panel:
    """Show how many runs were created per hour, day, week or month, by status.

    Parameters
    ----------
    f
        Frames of any number of runs.

    Returns
    -------
    Panel
        By the shortest unit with at most 36 columns, the newest ones. Weeks begin on Mondays; times are UTC.
    """
    runs = f.runs.dropna(subset="created_at")
    if runs.empty:
        return Panel("Runs over time", "No runs.", pd.DataFrame(columns=["since", "n_runs"]))
    created = runs["created_at"].dt.tz_localize(None)
    days = (created.max() - created.min()) / pd.Timedelta(days=1)
    letter, unit = next((letter, unit) for most, letter, unit in UNITS if days <= most)
    periods = created.dt.to_period(letter)
    first = max(periods.min(), periods.max() - MOST_COLUMNS + 1)
    since = pd.period_range(first, periods.max())
    bars = pd.crosstab(periods, known_status(runs))
    bars = bars.reindex(index=since, columns=KNOWN_STATUSES, fill_value=0).astype("int32")
    bars = bars.set_axis(since.start_time.tz_localize("UTC").as_unit("us"))
    table = bars.add_prefix("n_").rename_axis(index="since", columns=None).reset_index()
    table.insert(1, "n_runs", bars.sum(axis=1).array)
    n_shown, most = table["n_runs"].sum(), table["n_runs"].max()
    sentence = (
        f"{plural(int(n_shown), 'run')} in {plural(len(table), unit)}, "
        f"at most {most:,} in one {unit}; {len(f.runs) - n_shown:,} not shown."
    )
    return panel_of("Runs over time", sentence, table, stacked_columns(bars, f"runs per {unit}"))


def known_status(runs: pd.DataFrame) -> Any:
    """Give the status of each run, "other" for words that are not in the API's documentation."""
    words = runs["status"].astype("str")
    return words.where(words.isin(KNOWN_STATUSES[:-1]), "other").to_numpy(object)


def outcomes(f: Frames) -> Panel:
    """Show how runs ended, by agent and status, and how long they took.

    Parameters
    ----------
    f
        Frames of any number of runs.

    Returns
    -------
    Panel
        `runs_percent` is the share of an agent's runs. Open runs are measured until they were read.
    """
    runs = f.runs.astype({"status": "str"})
    by = runs.groupby(["agent", "status"], dropna=False)["duration_s"]
    numbers = by.size().astype("int32").to_frame("n_runs")
    table = numbers.join(spread(by)).reset_index()
    of_agent = table.groupby("agent", dropna=False)["n_runs"].transform("sum")
    table.insert(3, "runs_percent", (100 * table["n_runs"] / of_agent).round(1))
    table = table.iloc[np.lexsort((-table["n_runs"], -of_agent))].reset_index(drop=True)
    took = f.runs.loc[f.runs["status"] == "completed", "duration_s"]
    share = percent(len(took), len(f.runs))
    sentence = f"{len(took):,} of {plural(len(f.runs), 'run')} completed ({share})."
    if took.notna().any():
        middle, p90 = lasting(took.median()), lasting(took.quantile(0.9))
        sentence += f" They took {middle} (median), {p90} (p90), with waits."
    bars = cross(agent_titles(f.runs["agent"]), known_status(f.runs), KNOWN_STATUSES)
    notes = [f"{row['completed']:,} of {row.sum():,} completed" for _, row in bars.iterrows()]
    figure = stacked_bars(bars, notes, "runs")
    return panel_of("Outcomes", sentence, table, figure, n=len(f.runs), what="runs")


def decisions(f: Frames, by: str = "kind", answers: pd.DataFrame | None = None) -> Panel:
    """Show how reviewers decided, by group, and how long questions waited.

    Parameters
    ----------
    f
        Frames of any number of runs.
    by
        "kind", "agent", "answered_by" or "week", as in `runkit.decisions`.
    answers
        `runkit.answer_log()`: the API keeps no answer.

    Returns
    -------
    Panel
        The table is that of `runkit.decisions`. The figure leaves out questions decided by policy or expired.

    Raises
    ------
    UsageError
        As `runkit.decisions`.
    """
    table = count_decisions(f, by, answers)
    bars = table[[*RESULTS, "n_pending"]].fillna(0).astype("int32")
    n = table.select_dtypes("number").sum().fillna(0).astype("int64")
    known = quick = ""
    if n["n_unknown"] < n["n_answered"]:
        known = (
            f" {n['n_approved']:,} approved, {n['n_rejected']:,} rejected, "
            f"{n['n_unknown']:,} with an unknown decision."
        )
    if n["n_shown"]:
        quick = f" {n['n_quick']:,} of {plural(n['n_shown'], 'answer')} in a form {QUICK}."
    sentence = (
        f"{plural(n['n_asked'], 'question')}: {n['n_pending']:,} waiting, "
        f"{n['n_auto']:,} decided by policy, {n['n_answered']:,} answered.{known}{quick}"
    )
    labels = agent_titles(table[by]) if by in ("agent", "kind") else table[by]
    notes = [f"{lasting(wait)} (median)" for wait in table["wait_p50_s"]]
    figure = stacked_bars(bars.set_axis(labels.tolist()), notes, "questions")
    return panel_of("Decisions", sentence, table, figure, n=n["n_asked"], what="questions", f=f)


def evidence(f: Frames) -> Panel:
    """Show findings whose evidence is weaker than they claim.

    Parameters
    ----------
    f
        Frames of any number of runs.

    Returns
    -------
    Panel
        A row for each finding and weakness: no source; high confidence on secondary sources only; or high
        confidence on a source on which another finding of its run and type has low confidence, and the other
        finding. Outputs are left out, as they repeat findings.
    """
    rows = findings_of(f)
    rows = rows[~is_output(rows)]
    is_secondary = rows["confidence"].eq("high") & rows["best_tier"].eq("secondary")
    checks = {
        "no source": rows["n_sources"] == 0,
        "high confidence, secondary sources only": is_secondary,
        "high and low confidence on one source": _is_disputed(f, rows),
    }
    parts = [
        rows[is_weak.fillna(False).to_numpy(bool)].assign(weakness=name) for name, is_weak in checks.items()
    ]
    named = ["run_id", "business_name", "agent_name"]
    table = pd.concat(parts, ignore_index=True).merge(f.runs[named], on="run_id")
    n_weak = len(table.drop_duplicates(ARTIFACT))
    sentence = (
        f"{n_weak:,} of {plural(len(rows), 'finding')} ({percent(n_weak, len(rows))}) "
        f"with weak evidence: {counts(table['weakness'])}. {WEAK} "
        f"{plural(int((rows['n_hosts'] == 1).sum()), 'finding')} on one host only."
    )
    columns = ["agent", "title", "confidence", "best_tier", "n_sources", "n_hosts", "artifact_no"]
    table = table[["weakness", *named, *columns]]
    return panel_of("Evidence", sentence, table, n=len(rows), what="findings")


def _is_disputed(f: Frames, rows: pd.DataFrame) -> pd.Series[bool]:
    """Flag findings of high and of low confidence that cite the same address, in one run and of one type."""
    sure = rows[rows["confidence"].isin(["high", "low"])]
    sure = sure[[*ARTIFACT, "type", "confidence"]].dropna()
    cited = f.sources[[*ARTIFACT, "url"]].dropna().merge(sure, on=ARTIFACT)
    n_levels = cited.groupby(["run_id", "type", "url"])["confidence"].transform("nunique")
    disputed = cited[n_levels > 1].set_index(ARTIFACT).index
    return pd.Series(rows.set_index(ARTIFACT).index.isin(disputed), rows.index)


def problems(f: Frames) -> Panel:
    """Show what is wrong with the data, counted by kind.

    Parameters
    ----------
    f
        Frames of any number of runs.

    Returns
    -------
    Panel
        A row for each kind of problem.
    """
    kinds = f.problems.assign(n_problems=problem_counts(f.problems))
    kinds = kinds.astype({"severity": "str", "problem": "str"})
    table = kinds.groupby(["severity", "problem"])["n_problems"].sum().reset_index()
    n_errors = table.loc[table["severity"] == "error", "n_problems"].sum()
    sentence = f"{plural(int(table['n_problems'].sum()), 'problem')}, {n_errors:,} of them errors."
    return panel_of("Problems in the data", sentence, table, n=len(table), what="problems")
