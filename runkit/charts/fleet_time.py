"""Where the time of many runs went: their waits, their slowest and their failed steps."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from runkit.arguments import checked
from runkit.charts.panel import Panel, lasting, panel_of
from runkit.charts.stacked_bars import LOOKS, stacked_bars
from runkit.tables.frames import Frames
from runkit.text import agent_title, plural, run_label

HOUR, DAY = 3_600, 86_400
# Round waits, of which those that split the data best are the bounds of the buckets.
BOUNDS = (
    *(10, 30, 60, 120, 300, 600, 900, 1_800, HOUR, 2 * HOUR, 4 * HOUR, 8 * HOUR),
    *(DAY, 2 * DAY, 3 * DAY, 7 * DAY, 14 * DAY, 30 * DAY, 90 * DAY),
)
BUCKETS = 6
SLOWEST = 15  # kinds of steps
KIND = ["agent", "name"]
PARTS = ["working_s", "waiting_s", "idle_s"]  # of a run's time
SPENT = ["duration_s", *PARTS]
ASKED = ["n_answered", "n_pending", "n_lapsed"]
NOT_KNOWN = "not known"
SLOW = "Why it took this long"
COMPARED = ["n_steps", *SPENT, "n_interrupts", "n_errors"]


def step_names(steps: pd.DataFrame) -> list[str]:
    """Name steps by their label and their agent, as labels alone repeat; a cut name keeps its label."""
    names = zip(steps["label"], steps["agent"], strict=True)
    return [f"{label} ({agent_title(agent)})" for label, agent in names]


def spread(by: Any) -> pd.DataFrame:
    """Give median, 90th percentile, longest and total of grouped seconds."""
    return pd.DataFrame(
        {
            "median_s": by.median(),
            "p90_s": by.quantile(0.9),
            "longest_s": by.max(),
            "total_s": by.sum(),
        }
    )


@checked
def waits(f: Frames) -> Panel:
    """Show how long questions waited for a reviewer, by length of the wait and by agent.

    Parameters
    ----------
    f
        Frames of any number of runs.

    Returns
    -------
    Panel
        The buckets fit the data. A pending question has waited until its run was read; where nobody knows
        when that was, `wait` is "not known". What the policy settled waited for nobody and is left out.
    """
    was_asked = f.interrupts["outcome"].isin(["answered", "pending", "lapsed"])
    questions = f.interrupts[was_asked].astype({"outcome": "str"})
    waited = questions["wait_s"]
    ends = _bucket_ends(waited.dropna())
    names = [f"{lasting(least)} to {lasting(most)}" for least, most in pairwise(ends)]
    names += [NOT_KNOWN] * bool(waited.isna().any())
    n_of = {name: questions["outcome"].eq(name.removeprefix("n_")) for name in ASKED}
    place = np.where(waited.isna(), len(names) - 1, np.digitize(waited, ends[1:-1]))
    questions = questions.assign(place=place, n_questions=1, **n_of)
    by = questions.groupby(["place", "agent"], dropna=False)
    numbers = by[["n_questions", *n_of]].sum().astype("int32")
    table = numbers.join(spread(by["wait_s"])).reset_index()
    table.insert(0, "wait", table.pop("place").map(dict(enumerate(names))).astype("str"))
    answered = questions.loc[n_of["n_answered"], "wait_s"]
    median, p90 = lasting(answered.median()), lasting(answered.quantile(0.9))
    took = f" Answered after {median} (median), {p90} (p90)." if len(answered) else ""
    sentence = (
        f"{plural(len(questions), 'question')} to reviewers, {n_of['n_pending'].sum():,} waiting.{took}"
    )
    sentence = sentence if len(questions) else "No waits."
    if n_settled := len(f.interrupts) - len(questions):
        sentence += f" {n_settled:,} decided by policy."
    bars = questions.groupby("place")[ASKED].sum()
    bars = bars.reindex(range(len(names)), fill_value=0).set_axis(names)
    notes = [f"{n:,}" for n in bars.sum(axis=1)]
    return panel_of("Waits for reviewers", sentence, table, stacked_bars(bars, notes, "questions"))


def _bucket_ends(waited: pd.Series[float]) -> list[float]:
    """Give 0, the round waits nearest to the quantiles, and the longest wait; only 0 if there are none."""
    if waited.empty:
        return [0.0]
    longest = waited.max()
    quantiles = waited.clip(lower=1).quantile(np.arange(1, BUCKETS) / BUCKETS).dropna()
    bounds = {min(BOUNDS, key=lambda bound: abs(np.log(bound / wait))) for wait in quantiles}
    return [0.0, *sorted(bound for bound in bounds if bound < longest), longest]


@checked
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
        settled is work. Times are the steps' own; `critical_s` and `total_s` are those of all runs together.
    """
    work = f.steps[(f.steps["n_children"] == 0) & ~f.steps["is_wait"]]
    by = work.groupby(KIND, dropna=False)
    kinds = by.agg(label=("label", "first"), n_steps=("label", "size"), n_runs=("run_id", "nunique"))
    kinds = kinds.astype({"n_steps": "int32", "n_runs": "int32"})
    kinds = kinds.join(spread(by["self_s"])).join(by["critical_s"].sum()).reset_index()
    sentence = (
        f"{plural(len(work), 'step')} without child steps, of {plural(len(kinds), 'kind')}: "
        f"{lasting(work['self_s'].sum())} own time, "
        f"{lasting(kinds['critical_s'].sum())} on the critical path."
    )
    kinds = kinds.sort_values(["critical_s", "median_s"], ascending=False, kind="stable")
    table = kinds.head(SLOWEST).reset_index(drop=True)
    numbers = zip(table["critical_s"], table["n_runs"], strict=True)
    notes = [f"{lasting(total)} in {plural(n, 'run')}" for total, n in numbers]
    axis = "total on the critical path"
    if len(kinds) > SLOWEST:
        axis += f" · {SLOWEST} of {len(kinds):,} kinds shown"
    bars = table[["critical_s"]].set_axis(step_names(table))
    figure = stacked_bars(bars, notes, axis, "seconds")
    return panel_of("Slowest steps", sentence, table, figure, n=len(work), what="steps", f=f)


@checked
def failed_steps(f: Frames) -> Panel:
    """Show the kinds of steps that failed, and how many of their runs completed all the same.

    Parameters
    ----------
    f
        Frames of any number of runs.

    Returns
    -------
    Panel
        A row for each agent, name, label and `error`, which is what an error step says of it; `run_id` is
        the newest run. Groups that failed with a step in them are left out.
    """
    bad = f.steps[f.steps["error"].notna()].drop(columns="status")
    bad = bad.merge(f.runs[["run_id", "status"]], on="run_id")
    completed = bad["run_id"].where(bad["status"] == "completed")
    bad = bad.assign(completed=completed).sort_values("started_at", ascending=False)
    by = bad.groupby([*KIND, "label", "error"], dropna=False)
    table = by.agg(
        n_steps=("run_id", "size"),
        n_runs=("run_id", "nunique"),
        n_completed=("completed", "nunique"),
        last_at=("started_at", "max"),
        run_id=("run_id", "first"),
    )
    names = f.runs[["run_id", "business_name", "agent_name"]]
    table = table.reset_index().merge(names, on="run_id", how="left")
    table = table.sort_values(["n_runs", "last_at"], ascending=False, kind="stable", ignore_index=True)
    sentence = (
        f"{plural(len(bad), 'failed step')} in {bad['run_id'].nunique():,} of {plural(len(f.runs), 'run')}."
    )
    if n_completed := completed.nunique():
        sentence += f" {n_completed:,} of these runs completed."
    n_other = table["n_runs"] - table["n_completed"]
    bars = pd.DataFrame({"n_not_completed": n_other, "n_completed": table["n_completed"]})
    notes = [plural(n, "run") for n in table["n_runs"]]
    figure = stacked_bars(bars.set_axis(step_names(table)), notes, "runs")
    return panel_of("Failed steps", sentence, table, figure, n=len(bad), what="failed steps", f=f)


@checked
def why_slow(f: Frames, run_id: str | None = None) -> Panel:
    """Compare one run with the other runs of its agent, a completed one with those that completed.

    Parameters
    ----------
    f
        Frames of any number of runs; those of the run's agent are compared.
    run_id
        The run, or the first 8 characters of its id; by default the one that worked longest.

    Returns
    -------
    Panel
        A row for the run, and two for the others: their medians and their 90th percentiles. The sentence
        names the step with most time above its median in the others.

    Raises
    ------
    UsageError
        If the run is not in the frames.
    """
    run = f.runs.nlargest(1, "working_s") if run_id is None else f.select(run_id).runs
    if run.empty:
        return Panel(SLOW, "No runs.", run[COMPARED])
    row = run.iloc[0]
    alike = f.runs[f.runs["agent"].fillna("").isin(run["agent"].fillna(""))]
    if row["status"] == "completed":
        alike = alike[alike["status"] == "completed"]
    is_other = alike["run_id"] != row["run_id"]
    others = alike.loc[is_other, COMPARED].astype("float64")
    table = pd.DataFrame([row[COMPARED], others.median(), others.quantile(0.9)])
    table = table.astype("float64")
    table.insert(0, "group", ["this run", "median of others", "p90 of others"])
    table.insert(1, "n_runs", np.array([1, len(others), len(others)], "int32"))
    label = run_label(row["run_id"], row["business_name"], row["agent_name"])
    if others.empty:
        return Panel(SLOW, f"{label}: no other run of its agent to compare.", table.head(1))
    own, usual = table.iloc[0], table.iloc[1]
    parts = [
        f"{lasting(own[part])} {LOOKS[part][0].lower()}, median {lasting(usual[part])}" for part in PARTS
    ]
    steps = f"{plural(row['n_steps'], 'step')}, median {usual['n_steps']:,.10g}"
    parts = [steps, *parts, *_most_extra(f, row["run_id"], alike.loc[is_other, "run_id"])]
    sentence = f"{label}, of {plural(len(alike), 'run')}: {'; '.join(parts)}."
    return Panel(SLOW, sentence, table.reset_index(drop=True))


def _most_extra(f: Frames, run_id: str, others: pd.Series[str]) -> list[str]:
    """Name the step of a run whose own time is most above its median in other runs, if one is above."""
    work = f.steps[~f.steps["is_wait"]]
    by = work.groupby(["run_id", *KIND], dropna=False)
    spent = by.agg(label=("label", "first"), self_s=("self_s", "sum")).reset_index()
    usual = spent[spent["run_id"].isin(others)].groupby(KIND, dropna=False)["self_s"].median()
    own = spent[spent["run_id"] == run_id].merge(usual.rename("usual_s").reset_index(), "left", KIND)
    own["usual_s"] = own["usual_s"].fillna(0.0)  # a step that only this run has
    own["extra_s"] = own["self_s"] - own["usual_s"]
    most = own[own["extra_s"] > 0].nlargest(1, "extra_s")
    return [
        f"most extra time: {name}, {lasting(own_s)}, median {lasting(usual_s)}"
        for name, own_s, usual_s in zip(step_names(most), most["self_s"], most["usual_s"], strict=True)
    ]
