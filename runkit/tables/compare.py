"""Compare two runs: durations step by step, and the first difference between their steps."""

from __future__ import annotations

from itertools import zip_longest
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from runkit.errors import UsageError
from runkit.tables.frames import Frames, frames
from runkit.tables.sources import Source
from runkit.text import plural, shorten

# Two steps count as the same step if these columns agree, and if both or neither failed.
COMPARED = ("depth", "agent", "name", "type", "resolution")
KEY = ["agent", "name"]
MEASURES = ("n", "total_s", "self_s", "waiting_s")


class Difference(NamedTuple):
    """The first position in tree order at which two runs differ.

    `a` and `b` are positions in the runs' steps; None if that run has no more steps.
    """

    a: int | None
    b: int | None


def compare(a: Source, b: Source) -> pd.DataFrame:
    """Compare two runs step by step: one row per (agent, step name), in order of appearance.

    Parameters
    ----------
    a, b
        One run each: a `Run`, `Frames` with one run, or anything else that `frames()` takes.

    Returns
    -------
    pandas.DataFrame
        Counts are int32, seconds float64. The first difference is the first step, in tree order, that differs
        in depth, agent, name, type, failure, or resolution by policy.

        | column | meaning |
        | --- | --- |
        | agent, name | the agent and the internal name of the step |
        | n_a, n_b, n_diff | number of such steps; diff is always b - a |
        | total_s_a, total_s_b, total_s_diff | sum of their durations, in seconds |
        | self_s_a, self_s_b, self_s_diff | the same without the time of their children |
        | waiting_s_a, waiting_s_b, waiting_s_diff | their time waiting for a reviewer |
        | is_parting | the first difference is at a step of this row: one row, or two if the steps differ |
        | where | the position of the first difference in words; null in all other rows |

    Raises
    ------
    UsageError
        Unless both hold exactly one run.
    """
    left, right = one_run(a, "a"), one_run(b, "b")
    steps = {"a": left.steps, "b": right.steps}
    rows = pd.concat(steps.values())[KEY].drop_duplicates(ignore_index=True)
    columns: dict[str, pd.Series[Any]] = {name: rows[name] for name in KEY}
    sums = {side: rows.merge(_sums(df), how="left", on=KEY) for side, df in steps.items()}
    for measure in MEASURES:
        dtype = np.int32 if measure == "n" else np.float64
        in_a = sums["a"][measure].fillna(0).astype(dtype)
        in_b = sums["b"][measure].fillna(0).astype(dtype)
        columns |= {f"{measure}_a": in_a, f"{measure}_b": in_b, f"{measure}_diff": in_b - in_a}
    return pd.DataFrame(columns | _difference_columns(rows, left.steps, right.steps))


def one_run(source: Source, name: str) -> Frames:
    """Read frames of exactly one run. Raises `UsageError` with the number of runs otherwise."""
    f = frames(source)
    if len(f.runs) != 1:
        raise UsageError(
            f"{name} holds {plural(len(f.runs), 'run')}; expected exactly one. "
            "Select one run with .select(run_id)."
        )
    return f


def first_difference(a: pd.DataFrame, b: pd.DataFrame) -> Difference | None:
    """Find the first difference between the steps of two runs; None if there is none."""
    for position, (one, other) in enumerate(zip_longest(_keys(a), _keys(b))):
        if one != other:
            return Difference(None if one is None else position, None if other is None else position)
    return None


def _keys(steps: pd.DataFrame) -> list[tuple[object, ...]]:
    """Give for each step the values that are compared."""
    columns = [steps[name].astype("object").where(steps[name].notna(), None).tolist() for name in COMPARED]
    return list(zip(*columns, steps["is_failed"], strict=True))


def _sums(steps: pd.DataFrame) -> pd.DataFrame:
    waiting = steps["duration_s"].where(steps["is_wait"], 0.0)
    measured = steps.assign(n=1, total_s=steps["duration_s"], waiting_s=waiting)
    by_step = measured.groupby(KEY, dropna=False, sort=False, as_index=False)
    return by_step[list(MEASURES)].sum()


def _difference_columns(rows: pd.DataFrame, a: pd.DataFrame, b: pd.DataFrame) -> dict[str, pd.Series[Any]]:
    """Mark the rows of the steps at the first difference, and describe it there."""
    difference = first_difference(a, b)
    if difference is None:
        marked = rows.iloc[:0]
    else:
        steps = [df.iloc[[at]] for df, at in zip((a, b), difference, strict=True) if at is not None]
        marked = pd.concat(steps)[KEY].drop_duplicates()
    is_marked = rows.merge(marked.assign(is_parting=True), how="left", on=KEY)["is_parting"].notna()
    where = pd.Series(None, index=rows.index, dtype="str")
    if difference is not None:
        where[is_marked] = f"a: {_describe(a, difference.a)}; b: {_describe(b, difference.b)}"
    return {"is_parting": is_marked, "where": where}


def _describe(steps: pd.DataFrame, position: int | None) -> str:
    if position is None:
        return f"ends after step {len(steps)}"
    step = steps.iloc[position]
    return f"step {position + 1}, {shorten(step['label'])} ({step['type']}, {step['status']})"
