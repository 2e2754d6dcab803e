"""The marks of a chart: what is drawn in its rows.

The row of a run shows its critical path, which covers its working time without overlap.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from runkit.charts._items import Items
from runkit.time_budget import Flags, Ints


def marks_of(items: Items, rows: pd.DataFrame, in_step: Ints, in_run: Ints) -> pd.DataFrame:
    """Return the marks in seconds since their run started.

    Parameters
    ----------
    items
        What is drawn.
    rows
        The rows of `choose_rows`.
    in_step, in_run
        The row of a step and of a run in which each item is drawn, of `rows_of_items`.

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
    has_row = items.table.index.isin(rows["item"])
    has_path = items.table["run"].isin(items.path["run"]).to_numpy()
    no_row = np.zeros_like(has_row)
    number = items.path["item"].to_numpy()
    path = items.path[["run", "start", "end", "color"]].assign(look="solid")
    parts: list[pd.DataFrame] = []
    kinds = ((in_run, no_row, ~has_path), (in_step, has_row, ~no_row))
    for row, has_own, shows_steps in kinds:
        if not parts or (row >= 0).any():
            parts.append(path.assign(row=row[number]))
            parts += _beside_path(items.table, row, has_own, shows_steps)
    marks = pd.concat([part for part in parts if len(part)] or parts, ignore_index=True)
    return marks[(marks["row"] >= 0) & marks["start"].notna()]


def _beside_path(
    table: pd.DataFrame, row: Ints, has_row: Flags, shows_steps: Flags
) -> list[pd.DataFrame]:
    """Return the marks that are no critical path.

    The row of a run shows its steps only where it has no such path. There a failure is a mark
    where it happened.
    """
    state, end = table["state"], table["end"]
    is_known = end.notna()
    is_bar = ~table["is_wait"] & ~table["is_record"]
    is_part = is_bar & table["is_leaf"]
    is_failed = is_part & state.eq("failed")
    is_running = is_part & state.eq("running") & is_known
    bars = table[["run", "start", "end", "color"]].assign(row=row)
    at_end = end.fillna(bars["start"])
    until = bars.assign(end=at_end)
    ended = until.assign(start=at_end)
    group = is_bar & is_known & has_row & ~table["is_leaf"]
    pale = is_part & is_known & ~is_failed & shows_steps
    unknown = is_bar & ~is_known & has_row
    at_start = bars.assign(end=bars["start"])
    return [
        bars[group].assign(look="group"),
        bars[pale].assign(look="pale"),
        ended[is_running].assign(look="stub"),
        at_start[unknown].assign(look="unknown"),
        until[is_failed & shows_steps].assign(look="fail"),
        ended[is_failed & ~shows_steps].assign(look="fail"),
        until[table["is_wait"]].assign(look="wait"),
    ]
