"""Compare two runs: durations step by step, and the first difference between their steps."""

from __future__ import annotations

from itertools import zip_longest

import pandas as pd

from runkit.arguments import checked
from runkit.display.text import plural
from runkit.errors import UsageError
from runkit.facts import named
from runkit.tables.frames import Frames
from runkit.tables.read_frames import frames
from runkit.tables.sources import Source

# Two steps count as the same step if these columns agree, and if both or neither failed.
COMPARED_FIELDS = ("depth", "agent", "name", "type")
KEY = ["agent", "name"]
COMPARED_SUMS = {"n": "Int32", "total_s": "float64", "self_s": "float64", "waiting_s": "float64"}


@checked
def compare(a: Source, b: Source) -> pd.DataFrame:
    """Compare two runs step by step: one row per (agent, step name), in order of appearance.

    Parameters
    ----------
    a, b
        One run each: a `Run`, `Frames` with one run, or anything else that `frames()` takes.

    Returns
    -------
    pandas.DataFrame
        Counts are Int32, seconds float64; null for a run whose steps were not read. The first
        difference is the first step, in tree order, that differs in depth, agent, name, type
        or failure.

        | column | meaning |
        | --- | --- |
        | agent, name | the agent and the internal name of the step |
        | n_a, n_b, n_diff | number of such steps; diff is always b - a |
        | total_s_a, total_s_b, total_s_diff | sum of their durations, in seconds |
        | self_s_a, self_s_b, self_s_diff | the same without the time of their children |
        | waiting_s_a, waiting_s_b, waiting_s_diff | their time waiting for a reviewer |
        | is_first_difference | the first difference is at a step of this row; two if names differ |

    Raises
    ------
    UsageError
        Unless both hold exactly one run.
    """
    sides = one_run(a, "a"), one_run(b, "b")
    in_a, in_b = (named(f.steps) for f in sides)
    steps = pd.concat([in_a.assign(side="a"), in_b.assign(side="b")], ignore_index=True)
    steps = steps.assign(
        row=steps.groupby(KEY, dropna=False, sort=False).ngroup(),
        n=1,
        total_s=steps["duration_s"],
        waiting_s=steps["duration_s"].where(steps["type"].eq("interrupt"), 0.0),
    )
    keys = steps[KEY].drop_duplicates(ignore_index=True)
    of_a, of_b = (_sums(steps[steps["side"].eq(side)], keys.index) for side in ("a", "b"))
    sums = {"a": of_a, "b": of_b, "diff": of_b - of_a}
    table = keys.assign(
        **{f"{name}_{side}": df[name] for name in COMPARED_SUMS for side, df in sums.items()}
    )

    is_delivered = all(f.runs["has_steps"].all() for f in sides)
    position = first_difference(in_a, in_b) if is_delivered else None
    is_there = steps.groupby("side").cumcount() == position
    table["is_first_difference"] = table.index.isin(steps.loc[is_there, "row"])
    return table


def _sums(steps: pd.DataFrame, rows: pd.Index[int]) -> pd.DataFrame:
    """Return what is measured of the steps of a run, by row; null if it has no steps."""
    sums = steps.groupby("row")[[*COMPARED_SUMS]].sum()
    return sums.reindex(rows, fill_value=0 if len(steps) else None).astype(COMPARED_SUMS)


def one_run(source: Source, name: str) -> Frames:
    """Read frames of exactly one run. Raises `UsageError` with the number of runs otherwise."""
    f = frames(source)
    n_runs = len(f.runs)
    if n_runs != 1:
        raise UsageError(
            f"{name} holds {plural(n_runs, 'run')}; expected exactly one. "
            "Select one run with .select(run_id)."
        )
    return f


def first_difference(a: pd.DataFrame, b: pd.DataFrame) -> int | None:
    """Return the first position at which the steps of two runs differ; None if they do not."""
    pairs = enumerate(zip_longest(_keys(a), _keys(b)))
    return next((position for position, (in_a, in_b) in pairs if in_a != in_b), None)


def _keys(steps: pd.DataFrame) -> list[tuple[object, ...]]:
    """Return for each step the values that are compared."""
    compared = named(steps)[[*COMPARED_FIELDS]].astype("object")
    compared["has_failed"] = steps["state"].eq("failed")
    return list(compared.where(compared.notna(), None).itertuples(index=False, name=None))
