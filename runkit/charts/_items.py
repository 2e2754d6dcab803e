"""What a chart is made of: the steps of its runs, their questions, the critical path, the rows.

Where there are several runs each has a row, and below it stand as many levels of steps as fit. What
has no row of its own is drawn in the row of what it is part of.

Times are in seconds since the start of the run. What a step is comes from `steps.state`, its span
and the critical path from `tables.measure`, as in the frames.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from runkit.api.words import STEP_TYPES
from runkit.display.colors import AGENT_COLORS
from runkit.display.text import agent_title
from runkit.errors import UsageError
from runkit.facts import NOT_IN_THE_DATA, ending_text
from runkit.tables.frames import Frames
from runkit.tables.measure import EPOCH, Spans, questions_without_step, spans_of
from runkit.time_budget import Ints

MICROS = 1e6
MAX_CHART_ROWS = 45  # fit on one screen
MAX_ROWS_OF_DEPTH = 120  # rows of a chart whose depth somebody gave
RUN_ROW = NO_PARENT = -1  # in place of the item in the row of a run, and of a parent


class Items(NamedTuple):
    """The items of a chart, and the stretches of their critical paths.

    `table` has the columns of steps and

    | column | meaning |
    | --- | --- |
    | run, parent | position of the run, and of the item that this one is part of, else -1 |
    | depth | 0 at the top |
    | start, end | seconds since the run started; null where not known |
    | is_wait | it is a question to a person |
    | is_leaf | it has no part but the record of an error |
    | is_off_path | some of it is not on the critical path |
    | is_record | it is the record of an error: part of the failed step before it, if there is one |
    | ending | of a question: how it ended |
    | agent_name | of its agent |
    | color | a name in `Theme`: of its agent, `fail` or `wait` |

    `path` has `run`, `item`, `start`, `end` and `color` of each stretch that is no wait.
    """

    table: pd.DataFrame
    path: pd.DataFrame


def items_of(f: Frames) -> Items:
    """Return the items of the runs of frames; parts stand behind what they are part of."""
    as_of_us = (f.as_of - EPOCH) // timedelta(microseconds=1)
    spans = spans_of(f.runs, f.steps, f.interrupts, as_of_us)
    table = _with_questions(f)
    is_error = table["type"].isin(STEP_TYPES.meaning("failed")).to_numpy()
    parent = _parents(table, spans, is_error)
    is_record = is_error & (parent >= 0)
    start, end = _edges(spans, table["started_at"])
    most = sorted(f.agents[: len(AGENT_COLORS)])
    colors = dict(zip(most, AGENT_COLORS, strict=False))
    color = table["agent"].map(colors).astype("object").fillna("other_agents")
    color = color.mask(table["state"] == "failed", "fail")
    color = color.mask(spans.is_wait, "wait")
    path = _path(spans, color)
    off_path_s = table["duration_s"] - table["critical_s"]
    names = dict(zip(f.runs["agent"], f.runs["agent_name"], strict=True))
    table = table.assign(
        run=spans.run,
        parent=parent,
        depth=spans.depth,
        start=start,
        end=end,
        is_wait=spans.is_wait,
        is_leaf=~table.index.isin(parent[~is_record]),
        is_off_path=off_path_s.round(2).ne(0),  # also where it is not known
        is_record=is_record,
        ending=pd.Series(_endings(f, table), table.index, "str"),
        agent_name=[agent_title(agent, names.get(agent)) for agent in table["agent"]],
        color=color,
    )
    return Items(table, path)


def _parents(table: pd.DataFrame, spans: Spans, is_error: Any) -> Ints:
    """Return the parents of items; of the record of an error, the failed step right before it."""
    states = table["state"].to_frame().assign(item=table.index)
    before = states.groupby([spans.run, spans.parent]).shift()
    is_after_failed = is_error & before["state"].eq("failed")
    return np.where(is_after_failed, before["item"], spans.parent).astype(np.int64)


def _with_questions(f: Frames) -> pd.DataFrame:
    """Return the steps, and behind them the open questions that are no step."""
    steps = f.steps.astype({"type": "str", "state": "str"})
    questions = questions_without_step(f.interrupts)
    if questions.empty:
        return steps
    rows = questions[["run_id", "step_id", "agent"]].assign(
        label=questions["label"].fillna(NOT_IN_THE_DATA),
        type="interrupt",
        state="waiting",
        started_at=questions["asked_at"],
        duration_s=questions["wait_s"],
    )
    return pd.concat([steps, rows], ignore_index=True)


def _edges(spans: Spans, started_at: pd.Series[Any]) -> tuple[Any, Any]:
    """Return where items start and end; time begins with their run, else with its first step."""
    started = started_at.to_numpy("M8[us]")
    first = started_at.groupby(spans.run).transform("min").to_numpy("M8[us]")
    of_run = spans.run_start[spans.run]
    origin = np.where(spans.is_run_known[spans.run], of_run, first.astype(np.int64))
    start = (started.astype(np.int64) - origin) / MICROS
    end = (spans.end - origin) / MICROS
    return np.where(np.isnat(started), np.nan, start), np.where(spans.is_known, end, np.nan)


def _path(spans: Spans, color: pd.Series[str]) -> pd.DataFrame:
    """Return the stretches of critical paths, but for waits; a run of unknown lengths has none."""
    # Frames keep `critical_s`, not the stretches, which would be one more table to select and save.
    item, since, until = spans.path().parts
    run = spans.run[item]
    path = pd.DataFrame(
        {
            "item": item,
            "run": run,
            "start": (since - spans.run_start[run]) / MICROS,
            "end": (until - spans.run_start[run]) / MICROS,
            "color": color.to_numpy()[item],
        }
    )
    is_work = spans.is_budget_known[run] & ~spans.is_wait[item]
    work: pd.DataFrame = path[is_work]
    return work


def _endings(f: Frames, table: pd.DataFrame) -> list[str | None]:
    """Return how the questions among items ended."""
    questions = f.interrupts.dropna(subset="step_id").to_dict("records")
    endings = {(row["run_id"], row["step_id"]): ending_text(row) for row in questions}
    return [endings.get(key) for key in zip(table["run_id"], table["step_id"], strict=True)]


# ----------------------------------------------------------------------------------------- rows


def choose_rows(items: pd.DataFrame, status: pd.Series[str], depth: int | None) -> pd.DataFrame:
    """Return a row for each run that has one, and for each of some items, in order.

    Parameters
    ----------
    items
        The table of `Items`.
    status
        The label of the status of each run.
    depth
        Levels of steps with rows; None is as many as fit.

    Returns
    -------
    pandas.DataFrame
        `run`, `item`, which is `RUN_ROW` in the row of a run, and `section`, a number: a run with
        its steps is one, else the runs of one status.

    Raises
    ------
    UsageError
        For a depth that needs too many rows.
    """
    n_runs = len(status)
    has_run_rows = n_runs > 1 or depth == 0 or items.empty
    n_run_rows = n_runs if has_run_rows else 0
    steps = items[~items["is_record"]]
    if depth is None:
        steps = _fitting(steps, n_run_rows)
    else:
        steps = steps[steps["depth"] < depth]
        n_rows = n_run_rows + len(steps)
        if n_rows > MAX_ROWS_OF_DEPTH:
            raise UsageError(
                f"depth={depth} needs {n_rows:,} rows; a chart has at most {MAX_ROWS_OF_DEPTH}: "
                "leave depth out, use a smaller one, or select fewer runs."
            )
    of_runs = pd.DataFrame({"run": np.arange(n_run_rows), "item": RUN_ROW})
    of_steps = pd.DataFrame({"run": steps["run"], "item": steps.index})
    rows = pd.concat([of_runs, of_steps]).sort_values(["run", "item"], ignore_index=True)
    group = rows["run"] if len(of_steps) else rows["run"].map(status)
    return rows.assign(section=pd.factorize(group)[0])


def _fitting(steps: pd.DataFrame, n_run_rows: int) -> pd.DataFrame:
    """Return the steps of as many levels as fit; of a single run that is wider the most urgent."""
    n_of_level = np.bincount(steps["depth"], minlength=1)
    n_rows = n_run_rows + np.cumsum(n_of_level)
    n_levels = int((n_rows <= MAX_CHART_ROWS).sum())
    if not n_run_rows:
        n_levels = max(n_levels, 1)
    steps = steps[steps["depth"] < n_levels]
    urgency = pd.DataFrame(
        {
            "is_failed": steps["state"] == "failed",
            "is_waiting": steps["state"] == "waiting",
            "length": steps["end"] - steps["start"],
        }
    )
    in_order = urgency.sort_values([*urgency], ascending=False, kind="stable")
    return steps.loc[in_order.index[:MAX_CHART_ROWS]]


def with_rows(items: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    """Add to items `step_row` and `run_row`, the rows in which they are drawn, -1 for none."""
    of_runs = rows[rows["item"] == RUN_ROW]
    row_of_run = dict(zip(of_runs["run"], of_runs.index, strict=True))
    row_of = dict(zip(rows["item"], rows.index, strict=True)) | {NO_PARENT: -1}
    for item, parent in items["parent"].items():
        row_of.setdefault(item, row_of[parent])
    step_row = [row_of[item] for item in items.index]
    run_row = [row_of_run.get(run, -1) for run in items["run"]]
    return items.assign(step_row=step_row, run_row=run_row)
