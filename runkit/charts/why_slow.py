"""Why one run took as long as it did: the largest part first, with its cause, beside other runs."""

from __future__ import annotations

from typing import Any

import pandas as pd

from runkit.arguments import checked
from runkit.charts.panel import Panel, bars, lasting, render, table_html, words_of
from runkit.style import status
from runkit.tables.frames import Frames
from runkit.text import Markup, agent_title, plural, run_label

SPENT = ["waiting_s", "working_s", "idle_s"]  # parts of a run's time
MEASURES = ["duration_s", *SPENT, "n_interrupts", "n_steps"]
KIND = ["agent", "name"]
USUAL = 0.75  # of the other runs: one that took no longer than so many is not slow


@checked
def why_slow(f: Frames, run_id: str | None = None) -> Panel:
    """Say why one run took long: the largest part of its time above the usual, and its cause.

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
    others = f.runs[is_other & f.runs["agent"].fillna("").eq(run["agent"].fillna("").iloc[0])]
    if row["status"] == "error":
        others = others.head(0)
    medians = others[MEASURES].astype("float64").median().to_frame().T
    table = pd.concat([run[MEASURES].astype("float64"), medians.head(len(others))], ignore_index=True)
    names = ["This run", f"Median of {plural(len(others), 'other')}"]
    table.insert(0, "group", pd.Series(names[: len(table)], dtype="str"))
    table.insert(1, "n_runs", [1, len(others)][: len(table)])
    asked = _asked(f, row["run_id"])
    shown = table.assign(share=bars(table[SPENT[:2]].set_axis(["wait", "accent"], axis=1)))
    parts = [table_html(shown.drop(columns="n_runs"))]
    if len(asked) and len(others):
        parts.append(render("section", title="What it waited for", body=table_html(asked)))
    return Panel(title, _sentence(f, row, others, asked), table, body=Markup("").join(parts))


def _asked(f: Frames, run_id: str) -> pd.DataFrame:
    """Return the questions of a run, the longest wait first, beside the median of their kind."""
    usual = f.interrupts.groupby("kind", observed=True)["wait_s"].median()
    own = f.interrupts[f.interrupts["run_id"].eq(run_id) & (f.interrupts["wait_s"] > 0)]
    own = own.sort_values("wait_s", ascending=False)
    table = own[["label", "agent", "asked_at", "wait_s"]]
    return table.assign(median_of_kind_s=own["kind"].astype("str").map(usual)).reset_index(drop=True)


def _sentence(f: Frames, row: dict[Any, Any], others: pd.DataFrame, asked: pd.DataFrame) -> str:
    total = lasting(row["duration_s"])
    if row["status"] == "error":
        failed = f.steps[f.steps["run_id"].eq(row["run_id"]) & f.steps["error"].notna()]
        where = f" in “{words_of(failed['label'].iloc[-1])}”" if len(failed) else ""
        return f"It failed after {total}{where}. A failed run is not compared."
    if others.empty:
        return f"{total}; there is no other completed run of its agent to compare."
    median = lasting(others["duration_s"].median())
    n_slower = int((others["duration_s"] > row["duration_s"]).sum())
    if pd.isna(row["duration_s"]) or row["duration_s"] <= others["duration_s"].quantile(USUAL):
        of = f"all {len(others):,} others" if n_slower == len(others) else f"{n_slower:,} of {len(others):,}"
        return f"Not slow: faster than {of}. {total}, median {median}."
    extra = {part: row[part] - others[part].median() for part in SPENT if pd.notna(row[part])}
    largest = max(extra, key=lambda part: extra[part]) if extra else ""
    work, usual = lasting(row["working_s"]), lasting(others["working_s"].median())
    is_normal = row["working_s"] <= others["working_s"].quantile(0.9)
    if largest == "waiting_s":
        longest = "".join(
            f" {lasting(item.wait_s)} of that was for “{words_of(item.label)}”"
            for item in asked.head(1).itertuples()
        )
        normal = "was normal: " if is_normal else "took "
        return (
            f"Slow because it waited: {lasting(row['waiting_s'])} of {total}."
            f"{longest + '.' if longest else ''} The agents' work {normal}{work}, median {usual}."
        )
    if largest == "working_s":
        return f"Slow because agents worked longer: {work}, median {usual}.{_extra_step(f, row, others)}"
    idle = lasting(others["idle_s"].median()) if len(others) else ""
    return f"Slow because nothing ran for {lasting(row['idle_s'])} of {total}, median {idle}."


def _extra_step(f: Frames, row: dict[Any, Any], others: pd.DataFrame) -> str:
    """Name the step of a run whose own time is most above its median in other runs."""
    work = f.steps[~f.steps["is_wait"]]
    spent = work.groupby(["run_id", *KIND], dropna=False).agg(
        label=("label", "first"), self_s=("self_s", "sum")
    )
    spent = spent.reset_index()
    is_other = spent["run_id"].isin(others["run_id"])
    usual = spent[is_other].groupby(KIND, dropna=False)["self_s"].median().rename("usual_s").reset_index()
    own = spent[spent["run_id"].eq(row["run_id"])].merge(usual, "left", KIND).fillna({"usual_s": 0.0})
    own = own.assign(extra_s=own["self_s"] - own["usual_s"]).nlargest(1, "extra_s")
    return "".join(
        f" Most in “{words_of(step.label)}” ({agent_title(step.agent)}): {lasting(step.self_s)}, "
        f"median {lasting(step.usual_s)}."
        for step in own[own["extra_s"] > 0].itertuples()
    )
