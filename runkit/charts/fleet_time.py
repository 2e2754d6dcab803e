"""Where the time of many runs went: their budget, their waits, their slowest and their failed steps."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from runkit.charts.panel import Panel, agent_titles, lasting, percent, quoted, without_steps
from runkit.charts.run_time import COLORS, PARTS, has_failed, is_wait, step_labels, step_names
from runkit.charts.stacked_bars import FAIL, OK, REST, WAIT, WORK, stacked_bars
from runkit.contract import FINAL_STATUSES
from runkit.style import MISSING
from runkit.tables.frames import Frames
from runkit.text import plural, run_label

MINUTE, HOUR, DAY = 60, 3_600, 86_400
# Round waits, of which those that split the data best are the bounds of the buckets.
BOUNDS = (
    *(10, 30, MINUTE, 2 * MINUTE, 5 * MINUTE, 10 * MINUTE, 15 * MINUTE, 30 * MINUTE, HOUR, 2 * HOUR),
    *(4 * HOUR, 8 * HOUR, DAY, 2 * DAY, 3 * DAY, 7 * DAY, 14 * DAY, 30 * DAY, 90 * DAY),
)
BUCKETS = 6
SLOWEST = 15  # kinds of steps
KIND = ["agent", "name"]
SPENT = ["duration_s", *PARTS]
ASKED = ["answered", "pending", "lapsed"]  # outcomes of questions that were put to a reviewer
ASKED_COLORS = {"Answered": OK, "Waiting": WAIT, "Expired": REST}
COMPARED = ["n_steps", *SPENT, "n_interrupts", "n_errors"]


def spread(by: Any) -> pd.DataFrame:
    """Give median, 90th percentile, longest and total of grouped seconds."""
    return pd.DataFrame(
        {"median_s": by.median(), "p90_s": by.quantile(0.9), "longest_s": by.max(), "total_s": by.sum()}
    )


def budget(f: Frames) -> Panel:
    """Show working, waiting and idle time: of a typical ended run, of all ended and open runs, and by agent.

    Parameters
    ----------
    f
        Frames of any number of runs.

    Returns
    -------
    Panel
        The first two rows are medians and 90th percentiles over ended runs, which do not add up. Open runs
        are measured until they were read; runs without steps have no budget and are left out.
    """
    runs = f.runs[f.runs["working_s"].notna()]
    is_ended = runs["status"].isin(FINAL_STATUSES)
    ended, still_open = runs.loc[is_ended, SPENT], runs.loc[~is_ended, SPENT]
    by = runs.groupby("agent", dropna=False)[SPENT]
    agents = by.size().to_frame("n_runs").join(by.sum())
    agents = agents.sort_values("n_runs", ascending=False, kind="stable").reset_index()
    totals = {
        "median ended run": ended.median(),
        "p90 of ended runs": ended.quantile(0.9),
        "ended runs": ended.sum(),
        "open runs": still_open.sum(),
    }
    table = pd.DataFrame(totals).T.rename_axis("group").reset_index()
    table["n_runs"] = [len(ended)] * 3 + [len(still_open)]
    table = pd.concat([table[table["n_runs"] > 0], agents.assign(group="runs of agent")], ignore_index=True)
    table = table.reindex(columns=["group", "agent", "n_runs", *SPENT])
    table = table.astype({"group": "str", "agent": "str", "n_runs": "int32"})
    table["waiting_percent"] = (100 * table["waiting_s"] / table["duration_s"].replace(0, np.nan)).round(1)
    whole, median = ended["duration_s"].sum(), ended.median()
    sentence = (
        f"Median ended run: {lasting(median['working_s'])} work, {lasting(median['waiting_s'])} waiting. "
        f"{(ended['waiting_s'] > 0).sum():,} of {plural(len(ended), 'ended run')} waited, "
        f"{percent(ended['waiting_s'].sum(), whole)} of {lasting(whole)}. "
        f"{plural(len(still_open), 'open run')}: {lasting(still_open['duration_s'].sum())} so far."
        f"{without_steps(f)}"
    )
    names = (
        table["group"]
        .str.capitalize()
        .where(table["group"].ne("runs of agent"), agent_titles(table["agent"]))
    )
    bars = table[[*PARTS]].rename(columns=PARTS).set_axis(names.fillna(MISSING))
    notes = [
        f"{lasting(spent)}, {plural(n, 'run')}"
        for spent, n in zip(table["duration_s"], table["n_runs"], strict=True)
    ]
    figure = stacked_bars(bars, COLORS, alt=sentence, notes=notes, axis="share of the time", unit="percent")
    return Panel("Where the time went", sentence, table, figure)


def was_asked(interrupts: pd.DataFrame) -> pd.Series[bool]:
    """Which questions were put to a reviewer; what the policy settled was not."""
    return interrupts["outcome"].isin(ASKED)


def waits(f: Frames) -> Panel:
    """Show how long questions waited for a reviewer, by length of the wait and by agent.

    Parameters
    ----------
    f
        Frames of any number of runs.

    Returns
    -------
    Panel
        The buckets fit the data. A pending question has waited until its run was read. What the policy
        settled waited for nobody and is left out.
    """
    questions = f.interrupts[was_asked(f.interrupts)].astype({"outcome": "str"})
    bounds = [0.0, *_bounds(questions["wait_s"]), np.inf]
    names = [_between(*ends) for ends in pairwise(bounds)]
    place = np.digitize(questions["wait_s"].fillna(0.0), bounds[1:])
    is_of = {f"n_{word}": questions["outcome"].eq(word) for word in ASKED}
    questions = questions.assign(place=place, n_questions=1, **is_of)
    by = questions.groupby(["place", "agent"], dropna=False)
    table = by[["n_questions", *is_of]].sum().astype("int32").join(spread(by["wait_s"])).reset_index()
    table.insert(0, "wait", table.pop("place").map(dict(enumerate(names))).astype("str"))
    pending, answered = (
        questions.loc[questions["outcome"].eq(word), "wait_s"] for word in ("pending", "answered")
    )
    sentence = (
        f"{plural(len(questions), 'question')} to reviewers: {len(pending):,} waiting, the oldest for "
        f"{lasting(pending.max())}; {len(answered):,} answered after {lasting(answered.median())} (median), "
        f"{lasting(answered.quantile(0.9))} (p90), {lasting(answered.sum())} in all; "
        f"{is_of['n_lapsed'].sum():,} expired; {len(f.interrupts) - len(questions):,} decided by policy."
    )
    bars = questions.groupby("place")[[*is_of]].sum().reindex(range(len(names)), fill_value=0)
    bars = bars.set_axis(names).set_axis([*ASKED_COLORS], axis=1)
    notes = [f"{n:,}" for n in bars.sum(axis=1)]
    figure = stacked_bars(bars, ASKED_COLORS, alt=sentence, notes=notes, axis="questions")
    return Panel("Waits for reviewers", sentence, table, figure)


def _bounds(waits: pd.Series[float]) -> list[float]:
    """Choose round bounds, so that about as many waits are in each bucket."""
    shares = waits.clip(lower=1).dropna().quantile(np.arange(1, BUCKETS) / BUCKETS).dropna()
    return sorted({min(BOUNDS, key=lambda bound: abs(np.log(bound / share))) for share in shares})


def _between(least: float, most: float) -> str:
    if most == np.inf:
        return f"{lasting(least)} or longer"
    return f"{lasting(least)} to {lasting(most)}" if least else f"under {lasting(most)}"


def slowest_steps(f: Frames) -> Panel:
    """Show the kinds of steps, by agent and name, with most time on the critical path.

    Parameters
    ----------
    f
        Frames of any number of runs.

    Returns
    -------
    Panel
        Of steps without child steps, at most 15 kinds. Waits for reviewers are left out; what the policy
        settled is work. Times are the steps' own.
    """
    work = f.steps[(f.steps["n_children"] == 0) & ~is_wait(f.steps)]
    by = work.groupby(KIND, dropna=False)
    kinds = by.size().astype("int32").to_frame("n_steps").join(spread(by["self_s"]))
    kinds = kinds.join(by["critical_s"].sum()).reset_index()
    table = kinds.sort_values(["critical_s", "median_s"], ascending=False, kind="stable").head(SLOWEST)
    table = table.reset_index(drop=True)
    table.insert(2, "label", _labels(work, table))
    path, first = kinds["critical_s"].sum(), [*map(quoted, table["label"]), MISSING][0]
    sentence = (
        f"{plural(len(work), 'step')} of {plural(len(kinds), 'kind')}: "
        f"{lasting(work['self_s'].sum())} own time, {lasting(path)} on the critical path. "
        f"First: {first}, {percent(kinds['critical_s'].max(), path)}.{without_steps(f)}"
    )
    bars = pd.DataFrame({"On the critical path": table["critical_s"].array}, step_names(table))
    notes = [lasting(spent) for spent in table["critical_s"]]
    figure = stacked_bars(bars, {"On the critical path": WORK}, alt=sentence, notes=notes, unit="seconds")
    return Panel("Slowest steps", sentence, table, figure)


def _labels(steps: pd.DataFrame, table: pd.DataFrame) -> Any:
    """Give the most frequent label of each kind of step."""
    named = steps.assign(label=step_labels(steps)).groupby([*KIND, "label"], dropna=False).size()
    usual = named.sort_values(ascending=False, kind="stable").reset_index().drop_duplicates(KIND)
    return table[KIND].merge(usual, on=KIND, how="left")["label"].array


def failed_steps(f: Frames) -> Panel:
    """Show the kinds of steps that failed, and how many of their runs completed all the same.

    Parameters
    ----------
    f
        Frames of any number of runs.

    Returns
    -------
    Panel
        A row for each agent, name and label; `run_id` is the newest run. Groups that failed with a step in
        them are left out.
    """
    completed = f.runs.loc[f.runs["status"] == "completed", "run_id"]
    bad = f.steps[has_failed(f.steps)]
    bad = bad.assign(label=step_labels(bad), completed=bad["run_id"].where(bad["run_id"].isin(completed)))
    by = bad.sort_values("started_at", ascending=False).groupby([*KIND, "label"], dropna=False)
    table = by.agg(
        n_steps=("run_id", "size"),
        n_runs=("run_id", "nunique"),
        n_completed=("completed", "nunique"),
        last_at=("started_at", "max"),
        run_id=("run_id", "first"),
    )
    table = table.sort_values(["n_runs", "last_at"], ascending=False, kind="stable").reset_index()
    table = table.merge(f.runs[["run_id", "business_name", "agent_name"]], on="run_id", how="left")
    sentence = (
        f"{plural(len(bad), 'failed step')} in {bad['run_id'].nunique():,} of {plural(len(f.runs), 'run')}; "
        f"{bad['completed'].nunique():,} of them completed all the same.{without_steps(f)}"
    )
    bars = pd.DataFrame(
        {"Other runs": table["n_runs"] - table["n_completed"], "Completed runs": table["n_completed"]}
    )
    notes = [plural(n, "run") for n in table["n_runs"]]
    colors = {"Other runs": FAIL, "Completed runs": OK}
    figure = stacked_bars(bars.set_axis(step_names(table)), colors, alt=sentence, notes=notes, axis="runs")
    return Panel("Failed steps", sentence, table, figure)


def why_slow(f: Frames, run_id: str | None = None) -> Panel:
    """Compare one run with the other runs of its agent: steps, own time, waits and idle time.

    Parameters
    ----------
    f
        Frames of any number of runs; those of the run's agent are compared.
    run_id
        The run, or the first 8 characters of its id; by default the one that worked longest.

    Returns
    -------
    Panel
        A row for the run, and two for the others: their medians and their 90th percentiles.

    Raises
    ------
    UsageError
        If the run is not in the frames.
    """
    runs = f.runs.sort_values("working_s", ascending=False)
    run = runs.head(1) if run_id is None else f.select(run_id).runs
    if run.empty:
        return Panel("Why it took this long", "No runs.", run[COMPARED])
    row = run.iloc[0]
    is_other = runs["agent"].fillna("").eq(row["agent"] if pd.notna(row["agent"]) else "")
    others = runs.loc[is_other & runs["run_id"].ne(row["run_id"]), COMPARED].astype("float64")
    table = pd.DataFrame([row[COMPARED], others.median(), others.quantile(0.9)]).astype("float64")
    table.insert(0, "group", ["this run", "median of others", "p90 of others"])
    table.insert(1, "n_runs", np.array([1, len(others), len(others)], "int32"))
    own, usual = table.iloc[0], table.iloc[1]
    n_usual = f"{usual['n_steps']:,.10g}" if len(others) else MISSING
    parts = "; ".join(
        f"{lasting(own[part])} {name.lower()}, median {lasting(usual[part])}" for part, name in PARTS.items()
    )
    sentence = (
        f"{run_label(row['run_id'], row['business_name'], *agent_titles(run['agent']))}: "
        f"{plural(int(own['n_steps']), 'step')}, median {n_usual} in "
        f"{plural(len(others), 'other run')}; {parts}."
    )
    return Panel("Why it took this long", sentence, table.reset_index(drop=True))
