"""Panels of many runs: what needs somebody, how they ended, where their time went, and on what evidence.

    from runkit.charts import fleet
    fleet.budget(f)

Every function takes `Frames` of any number of runs and gives a `Panel`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from runkit.charts.evidence import confidence, sources
from runkit.charts.fleet_decisions import decisions, evidence
from runkit.charts.fleet_time import budget, failed_steps, slowest_steps, spread, waits, why_slow
from runkit.charts.needs_you import look_first
from runkit.charts.panel import Panel, agent_titles, counts, lasting, percent, when, without_steps, words_of
from runkit.charts.stacked_bars import FAIL, OK, REST, WAIT, WORK, cross, stacked_bars
from runkit.contract import RUN_STATUSES
from runkit.style import STATUSES, status
from runkit.tables.frames import Frames
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
UNITS = (  # days up to which a unit is used, its letter in pandas, its name, and the label of a column
    (35 / 24, "h", "hour", "%H:00<br>%b %d"),
    (35, "D", "day", "%b %d<br>%Y"),
    (7 * 35, "W-SUN", "week", "%b %d<br>%Y"),
    (30 * 35, "M", "month", "%b<br>%Y"),
    (np.inf, "Y", "year", "%Y"),
)
WORDS = {word: str(STATUSES[word]) for word in ("completed", "running", "interrupted", "error")}
WORDS |= {"other": "Other status"}
COLORS = dict(zip(WORDS.values(), (OK, WORK, WAIT, FAIL, REST), strict=True))


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
    asks = f.interrupts[f.interrupts["outcome"] == "pending"]
    spent = runs[["working_s", "waiting_s", "idle_s"]].sum()
    n_of = runs["status"].value_counts()
    n_unread = (runs["status"].eq("interrupted") & runs["n_pending"].eq(0)).sum()
    facts = {
        "Runs": f"{len(runs):,}",
        "Completed": f"{n_of.get('completed', 0):,}",
        "Failed": f"{n_of.get('error', 0):,}",
        "Questions waiting": f"{len(asks):,}",
        "Questions not in the data": f"{n_unread:,}",
        "Oldest question asked": when(asks["asked_at"].min()),
        "First run created": when(runs["created_at"].min()),
        "Last run created": when(runs["created_at"].max()),
        "Working": lasting(spent["working_s"]),
        "Waiting for a reviewer": lasting(spent["waiting_s"]),
        "Steps": f"{len(f.steps):,}",
        "Problems in the data": f"{problem_counts(f.problems).sum():,}",
        "Records read": f"{f.coverage.kept:,} of {f.coverage.seen:,}",
    }
    sentence = (
        f"{plural(len(runs), 'run')} ({counts(_status_words(f))}); {plural(len(asks), 'question')} waiting, "
        f"the oldest for {lasting(asks['wait_s'].max())}. "
        f"{budget_words(*spent)}.{without_steps(f)}{_incomplete(f)}"
    )
    table = pd.DataFrame({"fact": list(facts), "value": list(facts.values())}, dtype="str")
    return Panel("In short", sentence, table)


def _incomplete(f: Frames) -> str:
    """Say why the frames do not hold all that was asked for; nothing if they do."""
    if f.is_complete:
        return ""
    why = f" {words_of(f.coverage.why, 300)}" if f.coverage.why else ""
    return f" Not complete: {f.coverage.refused:,} of {plural(f.coverage.seen, 'record')} not read.{why}"


def volume(f: Frames) -> Panel:
    """Show how many runs were created per hour, day, week, month or year, by status.

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
    letter, unit, label = next(names for most, *names in UNITS if days <= most)
    periods = created.dt.to_period(letter)
    first = max(periods.min(), periods.max() - MOST_COLUMNS + 1)
    every = pd.period_range(first, periods.max())
    bars = pd.crosstab(periods, known_status(runs)).reindex(index=every, columns=list(WORDS), fill_value=0)
    starts = every.start_time.tz_localize("UTC").as_unit("us")
    table = bars.astype("int32").add_prefix("n_").reset_index(drop=True).rename_axis(columns=None)
    table.insert(0, "n_runs", table.sum(axis=1).astype("int32"))
    table.insert(0, "since", starts)
    n_shown = int(table["n_runs"].sum())
    sentence = (
        f"{plural(n_shown, 'run')} in {plural(len(table), unit)}, at most {table['n_runs'].max():,} "
        f"in one {unit}; {len(f.runs) - n_shown:,} not shown."
    )
    bars = bars.rename(columns=WORDS).set_axis(starts.strftime(label))
    figure = stacked_bars(bars, COLORS, alt=sentence, axis=f"runs per {unit}", is_vertical=True)
    return Panel("Runs over time", sentence, table, figure)


def known_status(runs: pd.DataFrame) -> Any:
    """Give the status of each run, "other" for words that are not in the API's documentation."""
    words = runs["status"].astype("str")
    return words.where(words.isin(RUN_STATUSES), "other").to_numpy(object)


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
    by = f.runs.astype({"status": "str"}).groupby(["agent", "status"], dropna=False)["duration_s"]
    table = by.size().astype("int32").to_frame("n_runs").join(spread(by)).reset_index()
    of_agent = table.groupby("agent", dropna=False)["n_runs"].transform("sum")
    table.insert(3, "runs_percent", (100 * table["n_runs"] / of_agent).round(1))
    table = table.iloc[np.lexsort((-table["n_runs"], -of_agent))].reset_index(drop=True)
    took = f.runs.loc[f.runs["status"] == "completed", "duration_s"]
    n_completed, n_runs = len(took), len(f.runs)
    sentence = (
        f"{n_completed:,} of {plural(n_runs, 'run')} completed ({percent(n_completed, n_runs)}), after "
        f"{lasting(took.median())} (median), {lasting(took.quantile(0.9))} (p90). "
        f"In all: {counts(_status_words(f))}."
    )
    bars = cross(agent_titles(f.runs["agent"]), known_status(f.runs), WORDS)
    notes = [f"{row['completed']:,} of {row.sum():,} completed" for _, row in bars.iterrows()]
    figure = stacked_bars(bars.rename(columns=WORDS), COLORS, alt=sentence, notes=notes, axis="runs")
    return Panel("Outcomes", sentence, table, figure)


def _status_words(f: Frames) -> pd.Series[str]:
    return f.runs["status"].astype("str").map(lambda word: status(word).word.lower())


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
    kinds = f.problems.assign(n_problems=problem_counts(f.problems)).astype(
        {"severity": "str", "problem": "str"}
    )
    table = kinds.groupby(["severity", "problem"])["n_problems"].sum().reset_index()
    n_errors = int(table.loc[table["severity"] == "error", "n_problems"].sum())
    sentence = f"{plural(int(table['n_problems'].sum()), 'problem')}, {n_errors:,} of them errors."
    return Panel("Problems in the data", sentence, table)
