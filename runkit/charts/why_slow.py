"""Why one run took as long as it did: the largest part first, with its cause, beside other runs."""

from __future__ import annotations

from typing import Any

import pandas as pd

from runkit.arguments import checked
from runkit.charts.bars import each
from runkit.charts.panel import Panel, bars, lasting, render, table_html, words_of
from runkit.contract import RESOLUTIONS
from runkit.style import status
from runkit.tables.frames import Frames
from runkit.text import agent_title, plural, run_label

SPENT = ["waiting_s", "working_s", "idle_s"]  # parts of a run's time
MEASURES = ["duration_s", *SPENT, "n_interrupts", "n_steps"]
KIND = ["agent", "name"]
USUAL = 0.75  # of the other runs: one that took no longer than so many is not slow


@checked
def why_slow(f: Frames, run_id: str | None = None) -> Panel:
    """Show why one run took long: the largest part of its time above the usual, and its cause.

    Parameters
    ----------
    f
        Frames of any number of runs; the completed ones of the run's agent are compared.
    run_id
        The run, or the first 8 characters of its id; by default the one that took longest.

    Returns
    -------
    Panel
        A row for the run, and one for the medians of the others. A failed run is not compared.

    Raises
    ------
    UsageError
        If the run is not in the frames.
    """
    runs = f.runs if run_id is None else f.select(run_id).runs
    run = runs.nlargest(1, "duration_s")
    if run.empty:
        return Panel("Why was it slow?", "No run has started.", run[MEASURES])
    [row] = run.to_dict("records")
    title = f"{run_label(row['run_id'], row['business_name'], row['agent_name'])} {status(row['status'])}"
    is_other = f.runs["status"].eq("completed") & f.runs["run_id"].ne(row["run_id"])
    is_other &= f.runs["agent"].fillna("").eq(run["agent"].fillna("").iloc[0]) & (
        row["status"] != "error"
    )
    others = f.runs[is_other]
    groups = {"This run": run, f"Median of {plural(len(others), 'other')}": others}
    table = pd.DataFrame(
        [
            {"group": name, "n_runs": len(own), **own[MEASURES].astype("float64").median()}
            for name, own in groups.items()
            if len(own)
        ]
    )
    asked = _asked(f, row["run_id"])
    shown = table.assign(share=bars(table[SPENT[:2]].set_axis(["wait", "accent"], axis=1)))
    body = table_html(shown.drop(columns="n_runs"))
    if len(asked) and len(others):
        body += render("section", title="What it waited for", body=table_html(asked))
    return Panel(title, _sentence(f, row, others, asked), table, body=body)


def _asked(f: Frames, run_id: str) -> pd.DataFrame:
    """Return the questions of a run, the longest wait first, beside the median of their kind."""
    to_people = f.interrupts[~f.interrupts["outcome"].isin(RESOLUTIONS)]
    usual = to_people.groupby("kind", observed=True)["wait_s"].transform("median")
    table = to_people.assign(median_of_kind_s=usual)
    own = table[table["run_id"].eq(run_id) & (table["wait_s"] > 0)].sort_values(
        "wait_s", ascending=False
    )
    return own[["label", "agent", "asked_at", "wait_s", "median_of_kind_s"]].reset_index(drop=True)


def _sentence(f: Frames, row: dict[Any, Any], others: pd.DataFrame, asked: pd.DataFrame) -> str:
    total = lasting(row["duration_s"])
    if row["status"] == "error":
        failed = f.steps.loc[
            f.steps["run_id"].eq(row["run_id"]) & f.steps["error"].notna(), "label"
        ]
        where = "".join(f" in “{words_of(label)}”" for label in failed.tail(1))
        return f"It failed after {total}{where}. A failed run is not compared."
    if not row["has_steps"]:
        return f"{total}; where the time went is not known, as its steps were not read."
    longest = "".join(
        f" {lasting(ask.wait_s)} of that was for “{ask.label}”." for ask in each(asked.head(1))
    )
    if row["status"] == "interrupted":
        return f"Still waiting: {lasting(row['waiting_s'])} of {total} so far.{longest}"
    if others.empty or pd.isna(row["duration_s"]):
        return f"{total}; there is no other completed run of its agent to compare."
    median, is_slower = others[MEASURES].median(), others["duration_s"] > row["duration_s"]
    if is_slower.mean() >= 1 - USUAL:
        of = (
            f"all {len(others):,} others"
            if is_slower.all()
            else f"{is_slower.sum():,} of {len(others):,}"
        )
        return f"Not slow: faster than {of}. {total}, median {lasting(median['duration_s'])}."
    largest = max(SPENT, key=lambda part: row[part] - median[part])
    spent, usual = lasting(row[largest]), lasting(median[largest])
    if largest == "working_s":
        step = _extra_step(f, row["run_id"], others["run_id"])
        return f"Slow because agents worked longer: {spent}, median {usual}.{step}"
    if largest == "idle_s":
        return f"Slow because nothing ran for {spent} of {total}, median {usual}."
    is_normal = row["working_s"] <= others["working_s"].quantile(0.9)
    verb = "was normal:" if is_normal else "took"
    work = f"The agents' work {verb} {lasting(row['working_s'])}, median {lasting(median['working_s'])}."
    return f"Slow because it waited: {spent} of {total}.{longest} {work}"


def _extra_step(f: Frames, run_id: str, others: pd.Series[str]) -> str:
    """Name the step of a run whose own time is most above its median in other runs."""
    work = f.steps[~f.steps["is_wait"]]
    by = work.groupby(["run_id", *KIND], dropna=False)
    spent = by.agg(label=("label", "first"), self_s=("self_s", "sum")).reset_index()
    usual = spent[spent["run_id"].isin(others)].groupby(KIND, dropna=False)["self_s"].median()
    own = (
        spent[spent["run_id"].eq(run_id)]
        .join(usual.rename("usual_s"), on=KIND)
        .fillna({"usual_s": 0.0})
    )
    [most] = (
        own.assign(extra_s=own["self_s"] - own["usual_s"]).nlargest(1, "extra_s").to_dict("records")
    )
    return (
        f" Most in “{words_of(most['label'])}” ({agent_title(most['agent'])}): {lasting(most['self_s'])}, "
        f"median {lasting(most['usual_s'])}."
    )
