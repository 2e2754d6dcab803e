"""The rows of a chart: which steps have one, and in which row every other step is drawn.

Where there are several runs each has a row, and below it stand as many levels of steps as fit. What
has no row of its own is drawn in the row of what it is part of.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from runkit.errors import UsageError
from runkit.time_budget import Ints

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
    able = items[~items["is_record"]]
    if depth is None:
        n_of_level = np.bincount(able["depth"], minlength=1)
        n_fitting = int((n_heads + np.cumsum(n_of_level) <= MAX_ROWS).sum())
        able = able[able["depth"] < (n_fitting if has_heads else max(n_fitting, 1))]
        able = able.loc[_most_urgent(able)]
    else:
        able = able[able["depth"] < depth]
        if n_heads + len(able) > MAX_ASKED:
            raise UsageError(
                f"depth={depth} needs {n_heads + len(able):,} rows; a chart has at most "
                f"{MAX_ASKED}: leave depth out, use a smaller one, or select fewer runs."
            )

    heads = pd.DataFrame({"run": np.arange(n_heads), "item": HEAD})
    steps = pd.DataFrame({"run": able["run"], "item": able.index})
    rows = pd.concat([heads, steps])
    return rows.sort_values(["run", "item"], ignore_index=True)


def _most_urgent(able: pd.DataFrame) -> pd.Index[int]:
    """Return the items that have a row: failed, then waiting, then the longest."""
    keys = pd.DataFrame(
        {
            "is_failed": able["state"] == "failed",
            "is_waiting": able["state"] == "waiting",
            "length": able["end"] - able["start"],
        }
    )
    return keys.sort_values([*keys], ascending=False, kind="stable").index[:MAX_ROWS]


def rows_of_items(items: pd.DataFrame, rows: pd.DataFrame) -> tuple[Ints, Ints]:
    """Return the row of a step and the row of a run in which each item is drawn, -1 for none."""
    is_head = rows["item"] == HEAD
    heads = dict(zip(rows.loc[is_head, "run"], rows.index[is_head], strict=True))
    own = dict(zip(rows.loc[~is_head, "item"], rows.index[~is_head], strict=True))
    in_step: list[int] = []
    for item, parent in enumerate(items["parent"].tolist()):
        above = in_step[parent] if parent >= 0 else -1
        in_step.append(own.get(item, above))
    in_run = [heads.get(run, -1) for run in items["run"].tolist()]
    return np.array(in_step, np.int64), np.array(in_run, np.int64)
