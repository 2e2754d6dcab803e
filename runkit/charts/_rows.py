"""The rows of a chart: which steps have one, and in which row every other step is drawn.

Where there are several runs each has a row, and below it stand as many levels of steps as fit. What
has no row of its own is drawn in the row of what it is part of.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from runkit.errors import UsageError

MAX_ROWS = 45  # fit on one screen
MAX_ASKED = 120  # rows of a chart whose depth somebody asks for
HEAD = -1  # in place of the item in the row of a run


def choose_rows(items: pd.DataFrame, n_runs: int, depth: int | None) -> pd.DataFrame:
    """Return a row for each run that has one, and for each of some items, in order.

    Parameters
    ----------
    items
        The table of `Items`.
    n_runs
        How many runs there are.
    depth
        Levels of steps with rows; None is as many as fit.

    Returns
    -------
    pandas.DataFrame
        `run` and `item`, which is `HEAD` in the row of a run.

    Raises
    ------
    UsageError
        For a depth that needs too many rows.
    """
    has_heads = n_runs > 1 or depth == 0 or items.empty
    n_heads = n_runs if has_heads else 0
    can_have_row = ~items["is_record"].to_numpy()
    levels = items["depth"].to_numpy()
    n_rows = n_heads + np.cumsum(np.bincount(levels[can_have_row], minlength=1))
    if depth is None:
        n_levels = _fitting(n_rows, MAX_ROWS, n_heads)
    else:
        n_levels = min(depth, len(n_rows))
        _check_depth(depth, int(n_rows[n_levels - 1]) if n_levels else n_heads, n_rows, n_heads)

    is_row = can_have_row & (levels < n_levels)
    if depth is None and n_heads + is_row.sum() > MAX_ROWS:
        is_row &= _urgent(items[is_row], items)
    chosen = np.flatnonzero(is_row)
    run = np.append(np.arange(n_heads), items["run"].to_numpy()[chosen])
    item = np.append(np.full(n_heads, HEAD), chosen)
    order = np.lexsort((item, run))
    return pd.DataFrame({"run": run[order], "item": item[order]})


def _fitting(n_rows: np.ndarray, limit: int, n_heads: int) -> int:
    """Return how many levels fit; the chart of one run has one level at least."""
    fitting = int((n_rows <= limit).sum())
    return fitting if n_heads else max(fitting, 1)


def _check_depth(depth: int, needed: int, n_rows: np.ndarray, n_heads: int) -> None:
    if needed <= MAX_ASKED:
        return
    fitting = _fitting(n_rows, MAX_ASKED, 1)
    advice = (
        f"use depth={fitting} or less" if fitting or n_heads <= MAX_ASKED else "select fewer runs"
    )
    raise UsageError(
        f"depth={depth} needs {needed:,} rows; a chart has at most {MAX_ASKED}: "
        f"leave depth out, or {advice}."
    )


def _urgent(rows: pd.DataFrame, items: pd.DataFrame) -> np.ndarray:
    """Flag the items of one run that have the rows: failed, then waiting, then the longest."""
    keys = pd.DataFrame(
        {
            "is_failed": rows["is_failed"],
            "is_waiting": rows["is_waiting"],
            "length": (rows["end"] - rows["start"]).fillna(0),
        }
    )
    first = keys.sort_values([*keys], ascending=False, kind="stable").index[:MAX_ROWS]
    return np.asarray(items.index.isin(first))


def rows_of_items(items: pd.DataFrame, rows: pd.DataFrame) -> np.ndarray:
    """Return the row in which each item is drawn, -1 for those that have none."""
    heads = dict.fromkeys(items["run"].unique().tolist(), -1)
    own: dict[int, int] = {}
    for number, (run, item) in enumerate(zip(rows["run"], rows["item"], strict=True)):
        if item == HEAD:
            heads[run] = number
        else:
            own[item] = number

    row_of: list[int] = []
    parents = zip(items["parent"].tolist(), items["run"].tolist(), strict=True)
    for item, (parent, run) in enumerate(parents):
        above = row_of[parent] if parent >= 0 else heads[run]
        row_of.append(own.get(item, above))
    return np.array(row_of, np.int64)


def head_rows(rows: pd.DataFrame) -> dict[int, int]:
    """Return the row of each run that has one."""
    heads = rows[rows["item"] == HEAD]
    return dict(zip(heads["run"], heads.index, strict=True))
