"""What a chart is made of: the steps of its runs and their questions, the critical path, the marks.

Times are in seconds since the start of the run. What a step is comes from `steps.state`, its span
and the critical path from `tables.measure`, as in the frames.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from runkit.api.words import STATES, STEP_TYPES
from runkit.display.colors import AGENT_COLORS
from runkit.display.text import agent_title
from runkit.facts import NOT_IN_THE_DATA, ending_text, is_a
from runkit.tables.frames import Frames
from runkit.tables.measure import EPOCH, Spans, questions_without_step, spans_of
from runkit.time_budget import Ints

MICROS = 1e6
STEP_COLUMNS = [
    "run_id",
    "step_id",
    "label",
    "agent",
    "type",
    "state",
    "started_at",
    "duration_s",
    "self_s",
    "error",
    "result",
]


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
    on_path_s = (path["end"] - path["start"]).groupby(path["item"]).sum()
    off_path_s = end - start - on_path_s.reindex(table.index)
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
    steps = f.steps[STEP_COLUMNS].astype({"type": "str", "state": "str"})
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
    columns = ["run_id", "step_id", "outcome", "decision", "answered_by"]
    questions = f.interrupts.loc[f.interrupts["step_id"].notna(), columns].to_dict("records")
    endings = {(row["run_id"], row["step_id"]): ending_text(row) for row in questions}
    return [endings.get(key) for key in zip(table["run_id"], table["step_id"], strict=True)]


# ---------------------------------------------------------------------------------------- marks


def marks_of(items: Items, rows: pd.DataFrame, step_row: Ints, run_row: Ints) -> pd.DataFrame:
    """Return what is drawn in the rows, in seconds since the run started.

    The row of a run shows its critical path, which covers its working time without overlap, and its
    steps only where it has no such path. There a failure is a mark where it happened.

    Parameters
    ----------
    items
        What is drawn.
    rows
        The rows of `choose_rows`.
    step_row, run_row
        The row of a step and of a run in which each item is drawn, of `rows_of_items`.

    Returns
    -------
    pandas.DataFrame
        | column | meaning |
        | --- | --- |
        | run, row | the run and the row of the mark |
        | start, end | seconds |
        | color | a name in `Theme` |
        | look | one of `look.LOOKS` |
    """
    table = items.table
    path = items.path.assign(look="solid")
    on_path = path["item"].to_numpy()
    has_path = table["run"].isin(path["run"])
    has_row = table.index.isin(rows["item"])
    in_run_row = table.assign(row=run_row)
    in_step_row = table.assign(row=step_row)
    parts = [
        path.assign(row=run_row[on_path]),
        *_leaf_marks(in_run_row, is_whole=~has_path),
        path.assign(row=step_row[on_path]),
        *_leaf_marks(in_step_row, is_whole=pd.Series(True, table.index)),
        *_row_marks(in_step_row[has_row]),
    ]
    marks = pd.concat([part for part in parts if len(part)] or parts, ignore_index=True)
    return marks[(marks["row"] >= 0) & marks["start"].notna()]


def _leaf_marks(table: pd.DataFrame, *, is_whole: pd.Series[bool]) -> list[pd.DataFrame]:
    """Return the marks of questions, and of steps without parts: their whole or how they end."""
    start = table["start"]
    end = table["end"].fillna(start)
    state = table["state"]
    is_known = table["end"].notna()
    is_leaf = table["is_leaf"] & ~table["is_wait"] & ~table["is_record"]
    is_failed = is_leaf & state.eq("failed")
    is_pale = is_leaf & ~is_failed & is_known & is_whole & table["is_off_path"]
    is_running = is_leaf & is_a(state, STATES, "open") & is_known
    return [
        _marks(table[is_pale], "pale", start, end),
        _marks(table[is_running], "stub", end, end),
        _marks(table[is_failed], "fail", start.where(is_whole, end), end),
        _marks(table[table["is_wait"]], "wait", start, end),
    ]


def _row_marks(table: pd.DataFrame) -> list[pd.DataFrame]:
    """Return the marks of steps that have a row: of their parts, and of an unknown end."""
    start = table["start"]
    is_known = table["end"].notna()
    is_step = ~table["is_wait"] & ~table["is_record"]
    is_group = is_step & ~table["is_leaf"] & is_known
    return [
        _marks(table[is_group], "group", start, table["end"]),
        _marks(table[is_step & ~is_known], "unknown", start, start),
    ]


def _marks(items: pd.DataFrame, look: str, start: Any, end: Any) -> pd.DataFrame:
    """Return a mark for each item; `start` and `end` may be of more items."""
    return items[["run", "color", "row"]].assign(look=look, start=start, end=end)
