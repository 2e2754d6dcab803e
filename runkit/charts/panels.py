"""What reports show of one run, and of two, A and B, beside the panels that are public."""

from __future__ import annotations

from typing import Any

import pandas as pd

from runkit.charts.evidence import matched
from runkit.charts.gantt import gantt
from runkit.charts.panel import Panel, in_words, panel_of, quoted, words_of
from runkit.style import status
from runkit.tables.compare import compare, first_difference
from runkit.tables.facts import findings_of, outputs_of
from runkit.tables.frames import Frames
from runkit.text import moment, plural

DEEPEST = 12  # levels of indentation in a table
LEAST_S = 0.05  # a smaller difference is not shown as one
LETTERS = ("A", "B")
SOURCE = ["url", "source_name"]
STEP = ["step_id", "label", "agent", "type"]  # what names a step in a table
COUNTED = ("Steps", "Errors", "Findings", "Outputs", "Sources")  # not known without steps
SPENT = ("duration_s", "working_s", "waiting_s", "idle_s")
NOT_COMPARED = "Not compared: the steps of a run are not known."


def timeline(f: Frames) -> Panel:
    """Show what one run, or each of two, did and when: a Gantt chart, and the steps in tree order.

    `started_s` counts from the start of the run, or of its first step where the run has none.
    """
    figure = gantt(f, compress_waits=True)
    sides = [_timed(f.select(run_id)) for run_id in f.runs["run_id"]]
    table = _stacked(sides) if len(sides) > 1 else sides[0]
    return Panel("Timeline", str(figure.layout.meta["summary"]), table, figure)


def _timed(f: Frames) -> pd.DataFrame:
    """Return the steps of one run in tree order, with their starts."""
    steps = f.steps
    origin = f.runs["started_at"].fillna(steps["started_at"].min()).iloc[0]
    depths = steps["depth"].clip(upper=DEEPEST)
    indent = depths.map(lambda depth: "· " * depth).astype("str")
    table = steps[[*STEP, "status", "duration_s", "is_critical"]]
    table = table.assign(label=indent + steps["label"])
    table.insert(5, "started_s", (steps["started_at"] - origin).dt.total_seconds())
    return table


def _stacked(tables: list[pd.DataFrame]) -> pd.DataFrame:
    """Return the tables of A and B below each other; `run` says which."""
    sides = [table.assign(run=letter) for letter, table in zip(LETTERS, tables, strict=True)]
    table = pd.concat(sides, ignore_index=True).astype({"run": "str"})
    return table[["run", *table.columns.drop("run")]]


def _sides(f: Frames) -> tuple[Frames, Frames]:
    a, b = (f.select(run_id) for run_id in f.runs["run_id"])
    return a, b


def facts(f: Frames) -> pd.DataFrame:
    """Return the facts in which two runs differ, in words."""
    a, b = map(_facts, _sides(f))
    rows = [(name, in_words(a[name]), in_words(b[name])) for name in a]
    table = pd.DataFrame(rows, columns=["fact", "a", "b"], dtype="str")
    return table[table["a"] != table["b"]]


def _facts(f: Frames) -> dict[str, Any]:
    """Return what names and measures one run: texts, times, lengths of time, and counts as far as known."""
    [run] = f.runs.to_dict("records")
    known = {
        "Business": run["business_id"] if pd.isna(run["business_name"]) else run["business_name"],
        "Business status": words_of(run["business_status"]),
        "Agent": run["agent_name"],
        "Status": str(status(run["status"])),
        "Confidence": run["confidence"],
        "Steps": run["n_steps"],
        "Errors": run["n_errors"],
        "Findings": len(findings_of(f)),
        "Outputs": len(outputs_of(f)),
        "Sources": len(f.sources.drop_duplicates(SOURCE)),
        "Questions": run["n_interrupts"],
        **{part.removesuffix("_s").capitalize(): pd.Timedelta(run[part], "s") for part in SPENT},
        "Requester": run["requester"],
        "Created": run["created_at"],
        "Started": run["started_at"],
        "Ended": run["ended_at"],
        "Read": run["as_of"],
    }
    if pd.notna(run["business_status_at"]):
        known["Business status"] += f", as of {moment(run['business_status_at'])}"
    return known if run["has_steps"] else known | dict.fromkeys(COUNTED)


def findings(f: Frames) -> pd.DataFrame:
    """Return the findings of two runs that differ: matched by agent and title, else by type."""
    table = matched(*_sides(f))
    return table[table["match"] != "same"]


def parting(f: Frames) -> Panel:
    """Show the first step at which two runs differ, as it is in each."""
    both = [side.steps for side in _sides(f)]
    is_known = f.runs["has_steps"].all()
    difference = first_difference(*both) if is_known else None
    places = difference or (None, None)
    rows = [steps.iloc[[] if at is None else [at]] for steps, at in zip(both, places, strict=True)]
    columns = ["step_no", *STEP, "status", "duration_s"]
    table = _stacked([row[columns] for row in rows])
    if not is_known:
        return Panel("First difference", NOT_COMPARED, table)
    n_equal = min(len(both[0]) if at is None else at for at in places)
    a, b = (quoted(row["label"].iloc[0]) if len(row) else "ends" for row in rows)
    then = f"then A {a}, B {b}" if difference else "no difference"
    return panel_of("First difference", f"Identical for {plural(n_equal, 'step')}, {then}.", table, f=f)


def steps(f: Frames) -> pd.DataFrame:
    """Return the kinds of steps that took longer in one of two runs, the largest difference first.

    `total_s` counts a step with all it holds. Without the steps of both runs, a difference would be a guess.
    """
    a, b = _sides(f)
    kinds = pd.concat([a.steps, b.steps]).drop_duplicates(["agent", "name"])
    table = compare(a, b)  # a row for each agent and name too, in the same order
    table.insert(0, "label", kinds["label"].array)
    is_other = table["total_s_diff"].abs() >= LEAST_S
    table = table[is_other] if f.runs["has_steps"].all() else table.iloc[:0]
    table = table.sort_values("total_s_diff", key=lambda seconds: -seconds.abs(), kind="stable")
    return table[["label", "agent", "total_s_a", "total_s_b", "total_s_diff"]]
