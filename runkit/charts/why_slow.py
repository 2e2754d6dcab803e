"""Why one run took as long as it did: the largest part first, with its cause, beside other runs."""

from __future__ import annotations

from typing import Any

import pandas as pd

from runkit.api.contract import RESOLUTIONS
from runkit.arguments import checked
from runkit.charts._bars import each
from runkit.charts.panel import Panel, bars, lasting, render, table_html, words_of
from runkit.display.counts import lasted
from runkit.display.status_words import status
from runkit.display.text import agent_title, plural, run_label
from runkit.facts import run_facts, wait_of
from runkit.tables.frames import Frames
from runkit.tables.run_rules import named

PARTS = ["waiting_s", "working_s", "idle_s"]  # the parts of a run's time
MEASURES = ["duration_s", *PARTS, "n_interrupts", "n_steps"]
KIND = ["agent", "name"]
USUAL = 0.75  # a run is not slow if more than this share of the others took longer
NORMAL = 0.9  # its work is normal if it is not above this quantile of the others


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
    label = run_label(row["run_id"], row["business_name"], row["agent_name"])
    others = _others(f.runs, row)
    groups = {"This run": run, f"Median of {plural(len(others), 'other')}": others}
    medians = [
        {"group": name, "n_runs": len(group), **_measured(group).median()}
        for name, group in groups.items()
        if len(group)
    ]
    table = pd.DataFrame(medians)

    questions = _questions(f, row["run_id"])
    share = bars(table[["waiting_s", "working_s"]].set_axis(["wait", "accent"], axis=1))
    body = table_html(table.drop(columns="n_runs").assign(share=share))
    if len(questions) and len(others):
        body += render("section", title="What it waited for", body=table_html(questions))
    title = f"{label} {status(row['status'])}"
    return Panel(title, _sentence(f, row, others, questions), table, body=body)


def _measured(runs: pd.DataFrame) -> pd.DataFrame:
    """Return the measures of runs; what is counted in steps is null if they were not read."""
    measures = runs[MEASURES].astype("float64")
    return measures.assign(
        **{name: measures[name].where(runs["has_steps"]) for name in ("n_interrupts", "n_steps")}
    )


def _others(runs: pd.DataFrame, row: dict[Any, Any]) -> pd.DataFrame:
    """Return the other completed runs of a run's agent; none for a failed run."""
    if row["status"] == "error":
        return runs.head(0)
    is_of_agent = runs["agent"].isna() if pd.isna(row["agent"]) else runs["agent"].eq(row["agent"])
    is_other = runs["status"].eq("completed") & runs["run_id"].ne(row["run_id"])
    return runs[is_other & is_of_agent]


def _questions(f: Frames, run_id: str) -> pd.DataFrame:
    """Return the questions of a run, the longest wait first, beside the median of their kind."""
    table = f.interrupts[~f.interrupts["outcome"].isin(RESOLUTIONS)]
    median_s = table.groupby("kind", observed=True)["wait_s"].transform("median")
    table = table.assign(median_of_kind_s=median_s)
    table = table[table["run_id"].eq(run_id) & (table["wait_s"] > 0)]
    table = table.sort_values("wait_s", ascending=False)
    return table[["label", "agent", "asked_at", "wait_s", "median_of_kind_s"]].reset_index(
        drop=True
    )


def _sentence(f: Frames, row: dict[Any, Any], others: pd.DataFrame, questions: pd.DataFrame) -> str:
    """Write what took longest, with its cause, if the run was slower than most of the others."""
    total = lasting(row["duration_s"])
    if row["status"] == "error":
        is_failed = f.steps["run_id"].eq(row["run_id"]) & f.steps["error"].notna()
        labels = f.steps.loc[is_failed, "label"].tail(1)
        where = "".join(f" in “{words_of(label)}”" for label in labels)
        return f"It failed after {total}{where}. A failed run is not compared."
    if not row["has_steps"]:
        return f"{total}; where the time went is not known, as its steps were not read."
    waiting, cause = lasting(row["waiting_s"]), ""
    for question in each(questions.head(1)):
        wait = lasting(question.wait_s)
        part = "," if wait == waiting else f"; {wait} of that"
        cause = f"{part} for “{question.label}”"
    if row["status"] == "interrupted":
        [span] = map(wait_of, run_facts(f.select(row["run_id"])).to_dict("records"))
        if span.is_least:
            return f"Still waiting, {lasted(span)}."
        return f"Still waiting: {waiting} of {total} so far{cause}."
    if others.empty or pd.isna(row["duration_s"]):
        return f"{total}; there is no other completed run of its agent to compare."

    median, is_slower = others[MEASURES].median(), others["duration_s"] > row["duration_s"]
    if is_slower.mean() >= 1 - USUAL:
        count = f"{is_slower.sum():,} of {len(others):,}"
        count = f"all {len(others):,} others" if is_slower.all() else count
        return f"Not slow: faster than {count}. {total}, median {lasting(median['duration_s'])}."
    part = max(PARTS, key=lambda name: row[name] - median[name])
    spent, usual = lasting(row[part]), lasting(median[part])
    work, usual_work = lasting(row["working_s"]), lasting(median["working_s"])
    if part == "working_s":
        step = _extra_step(f, row["run_id"], others["run_id"])
        return f"Slow because agents worked longer: {spent}, median {usual}.{step}"
    if part == "idle_s":
        return f"Slow because nothing ran for {spent} of {total}, median {usual}."
    is_normal = row["working_s"] <= others["working_s"].quantile(NORMAL)
    verb = "was normal:" if is_normal else "took"
    compared = f"The agents' work {verb} {work}, median {usual_work}."
    return f"Slow because it waited: {spent} of {total}{cause}. {compared}"


def _extra_step(f: Frames, run_id: str, others: pd.Series[str]) -> str:
    """Name the step of a run whose own time is most above its median in other runs.

    Only time on the critical path counts: a group that spans a question does not work meanwhile.
    """
    by = named(f.steps[~f.steps["is_wait"]]).groupby(["run_id", *KIND], dropna=False)
    spent = by.agg(label=("label", "first"), own_s=("critical_s", "sum")).reset_index()
    by_kind = spent[spent["run_id"].isin(others)].groupby(KIND, dropna=False)
    usual_s = by_kind["own_s"].median().rename("usual_s")
    steps = spent[spent["run_id"].eq(run_id)].join(usual_s, on=KIND).fillna({"usual_s": 0.0})
    steps = steps.assign(extra_s=steps["own_s"] - steps["usual_s"])
    [step] = steps.nlargest(1, "extra_s").to_dict("records")
    name = f"“{words_of(step['label'])}” ({agent_title(step['agent'])})"
    return f" Most in {name}: {lasting(step['own_s'])}, median {lasting(step['usual_s'])}."
