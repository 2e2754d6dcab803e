"""Compare two runs: durations step by step, and the first difference between their steps."""

from __future__ import annotations

from itertools import zip_longest
from typing import NamedTuple

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
    steps = pd.concat({side: one_run(run, side).steps for side, run in (("a", a), ("b", b))}, names=["side"])
    steps = steps.reset_index("side").assign(
        row=lambda df: df.groupby(KEY, dropna=False, sort=False).ngroup(),
        n=1,
        total_s=lambda df: df["duration_s"],
        waiting_s=lambda df: df["duration_s"].where(df["is_wait"], 0.0),
    )
    in_a, in_b = (steps[steps["side"].eq(side)] for side in "ab")
    sums_a, sums_b = (df.groupby("row")[list(MEASURES)].sum() for df in (in_a, in_b))
    table = steps[KEY].drop_duplicates(ignore_index=True)
    for measure in MEASURES:
        dtype = np.int32 if measure == "n" else np.float64
        of_a, of_b = (
            sums[measure].reindex(table.index, fill_value=0).astype(dtype) for sums in (sums_a, sums_b)
        )
        table = table.assign(**{f"{measure}_a": of_a, f"{measure}_b": of_b, f"{measure}_diff": of_b - of_a})
    difference = first_difference(in_a, in_b)
    sides = list(zip((in_a, in_b), difference or (None, None), strict=True))
    is_parting = table.index.isin([df["row"].iloc[at] for df, at in sides if at is not None])
    words = "; ".join(f"{side}: {_describe(*steps)}" for side, steps in zip("ab", sides, strict=True))
    where = pd.Series([words if is_marked else None for is_marked in is_parting], dtype="str")
    return table.assign(is_parting=is_parting, where=where)


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
    for position, (ours, other) in enumerate(zip_longest(_keys(a), _keys(b))):
        if ours != other:
            return Difference(None if ours is None else position, None if other is None else position)
    return None


def _keys(steps: pd.DataFrame) -> list[tuple[object, ...]]:
    """Return for each step the values that are compared."""
    columns = [steps[name].astype("object").where(steps[name].notna(), None).tolist() for name in COMPARED]
    return list(zip(*columns, steps["is_failed"], strict=True))


def _describe(steps: pd.DataFrame, position: int | None) -> str:
    if position is None:
        return f"ends after step {len(steps)}"
    step = steps.iloc[position]
    return f"step {position + 1}, {shorten(step['label'])} ({step['type']}, {step['status']})"
