"""The marks of a chart: what is drawn in its rows.

The row of a run shows its critical path, which covers its working time without overlap.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from runkit.charts._items import Items
from runkit.charts._rows import head_rows
from runkit.time_budget import Ints


def marks_of(items: Items, rows: pd.DataFrame, row_of: Ints) -> pd.DataFrame:
    """Return the marks in seconds since their run started.

    Parameters
    ----------
    items
        What is drawn.
    rows
        The rows of `choose_rows`.
    row_of
        The row in which each item is drawn.

    Returns
    -------
    pandas.DataFrame
        | column | meaning |
        | --- | --- |
        | run, row | the run and the row of the mark |
        | start, end | seconds |
        | color | a name in `Theme`, or hexadecimal |
        | look | one of `theme.LOOKS` |
    """
    table = items.table
    heads = head_rows(rows)
    in_head = np.array([heads.get(run, -1) for run in table["run"].tolist()], np.int64)
    in_step = np.where(row_of == in_head, -1, row_of)  # the row of a step, not of a run
    slim = table[["run", "start", "end", "color"]]
    path = items.path[["run", "start", "end", "color"]].assign(look="solid")
    numbers = items.path["item"].to_numpy()
    parts = [path.assign(row=in_step[numbers])]
    parts += _in_steps(table, slim.assign(row=in_step), rows)
    if heads:
        parts.append(path.assign(row=in_head[numbers]))
        parts += _in_runs(table, slim.assign(row=in_head), items.path)
    marks = pd.concat([part for part in parts if len(part)] or parts, ignore_index=True)
    return marks[(marks["row"] >= 0) & marks["start"].notna()]


def _in_steps(table: pd.DataFrame, slim: pd.DataFrame, rows: pd.DataFrame) -> list[pd.DataFrame]:
    """Return the marks in rows of steps, but for the critical path."""
    is_wait, is_known, is_leaf, is_failed, is_running, is_record = (
        table[name].to_numpy()
        for name in ("is_wait", "is_known", "is_leaf", "is_failed", "is_running", "is_record")
    )
    has_row = np.isin(np.arange(len(table)), rows["item"])
    is_bar = ~is_wait & ~is_record
    is_failing = is_bar & is_failed & is_leaf
    at_end = slim["end"].fillna(slim["start"])
    until = slim.assign(end=at_end)
    return [
        slim[is_bar & is_known & has_row & ~is_leaf].assign(look="group"),
        slim[is_bar & is_known & is_leaf & ~is_failing].assign(look="pale"),
        slim.assign(start=slim["end"])[is_running & is_leaf & is_known].assign(look="stub"),
        slim.assign(end=slim["start"])[is_bar & ~is_known & has_row].assign(look="unknown"),
        until[is_failing].assign(look="fail"),
        until[is_wait].assign(look="wait"),
    ]


def _in_runs(table: pd.DataFrame, slim: pd.DataFrame, path: pd.DataFrame) -> list[pd.DataFrame]:
    """Return the marks in rows of runs, but for the critical path.

    A run without one shows its steps. A failure is a mark where it happened.
    """
    is_wait, is_known, is_leaf, is_failed, is_running = (
        table[name].to_numpy()
        for name in ("is_wait", "is_known", "is_leaf", "is_failed", "is_running")
    )
    has_path = table["run"].isin(path["run"]).to_numpy()
    at_end = slim["end"].fillna(slim["start"])
    until = slim.assign(end=at_end)
    ended = until.assign(start=at_end)
    return [
        slim[is_leaf & ~is_wait & ~has_path & is_known].assign(look="pale"),
        ended[is_running & is_leaf & is_known].assign(look="stub"),
        ended[is_failed & is_leaf & ~is_wait].assign(look="fail"),
        until[is_wait].assign(look="folded"),
    ]
