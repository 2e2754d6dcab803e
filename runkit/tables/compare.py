"""Two runs side by side: where their time went, step by step, and where they part."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from runkit.errors import UsageError
from runkit.tables.frames import Frames, frames
from runkit.text import plural, shorten

# Two steps are the same step of two runs if these agree; a failed step and one that went well do not.
SAME = ("depth", "agent", "name", "type", "resolution")
KEY = ["agent", "name"]
MEASURES = ("n", "total_s", "self_s", "waiting_s")


class Parting(NamedTuple):
    """The first place in tree order at which two runs differ.

    `a` and `b` are positions in the runs' steps, in tree order; None where that run has no step left.
    """

    a: int | None
    b: int | None


def compare(a: object, b: object) -> pd.DataFrame:
    """Compare two runs step by step: one row per (agent, step name), in the order in which they appear.

    `a` and `b` each hold one run: a `Run`, `Frames` with one run, or anything else that `frames()` takes.

    | column | meaning |
    | --- | --- |
    | agent, name | the agent and the internal name of the step |
    | n_a, n_b, n_diff | how many such steps there are; diff is always b - a |
    | total_s_a, total_s_b, total_s_diff | their durations added up, in seconds |
    | self_s_a, self_s_b, self_s_diff | the same without the time of their children |
    | waiting_s_a, waiting_s_b, waiting_s_diff | their time waiting for a person |
    | is_parting | the runs part at a step of this row: one row, or two if each goes on with another step |
    | where | where they part, in words; null in all other rows |

    The runs part at the first step, in tree order, that differs in depth, agent, name, type, in whether it
    failed, or in how the policy settled it. Counts are int32, seconds float64. Raises `UsageError` unless
    both hold exactly one run.
    """
    left, right = one_run(a, "a"), one_run(b, "b")
    steps = {"a": left.steps, "b": right.steps}
    table = pd.concat(steps.values())[KEY].drop_duplicates(ignore_index=True)
    columns: dict[str, pd.Series[Any]] = {name: table[name] for name in KEY}
    sums = {side: table.merge(_sums(of), how="left", on=KEY) for side, of in steps.items()}
    for measure in MEASURES:
        dtype = np.int32 if measure == "n" else np.float64
        in_a, in_b = (sums[side][measure].fillna(0).astype(dtype) for side in "ab")
        columns |= {f"{measure}_a": in_a, f"{measure}_b": in_b, f"{measure}_diff": in_b - in_a}
    return pd.DataFrame(columns | _marks(table, left.steps, right.steps))


def one_run(source: object, name: str) -> Frames:
    """Read frames that hold exactly one run. Raises `UsageError` that says how many there are."""
    read = source if isinstance(source, Frames) else frames(source)
    if len(read.runs) != 1:
        raise UsageError(
            f"{name} holds {plural(len(read.runs), 'run')}; expected exactly one. "
            "Cut frames to one run with .select(run_id)."
        )
    return read


def parting(a: pd.DataFrame, b: pd.DataFrame) -> Parting | None:
    """Find where the steps of two runs part; None if they never do."""
    left, right = _keys(a), _keys(b)
    for place, (one, other) in enumerate(zip(left, right, strict=False)):
        if one != other:
            return Parting(place, place)
    if len(left) == len(right):
        return None
    shared = min(len(left), len(right))
    return Parting(shared if len(left) > shared else None, shared if len(right) > shared else None)


def _keys(steps: pd.DataFrame) -> list[tuple[object, ...]]:
    failed = ((steps["type"] == "error") | (steps["status"] == "error")).tolist()
    columns = [steps[name].astype("object").where(steps[name].notna(), None).tolist() for name in SAME]
    return list(zip(*columns, failed, strict=True))


def _sums(steps: pd.DataFrame) -> pd.DataFrame:
    is_wait = (steps["type"] == "interrupt") & steps["resolution"].isna()
    measured = pd.DataFrame(
        {
            "agent": steps["agent"],
            "name": steps["name"],
            "n": 1,
            "total_s": steps["duration_s"],
            "self_s": steps["self_s"],
            "waiting_s": steps["duration_s"].where(is_wait, 0.0),
        }
    )
    return measured.groupby(KEY, dropna=False, sort=False, as_index=False)[list(MEASURES)].sum()


def _marks(table: pd.DataFrame, a: pd.DataFrame, b: pd.DataFrame) -> dict[str, pd.Series[Any]]:
    found = parting(a, b)
    marked = pd.Series(False, index=table.index)
    words = pd.Series(None, index=table.index, dtype="str")
    if found is not None:
        for steps, place in ((a, found.a), (b, found.b)):
            if place is not None:
                step = steps.iloc[place]
                is_here = _is(table["agent"], step["agent"]) & _is(table["name"], step["name"])
                marked |= is_here
        words[marked] = f"a: {_place(a, found.a)}; b: {_place(b, found.b)}"
    return {"is_parting": marked, "where": words}


def _is(column: pd.Series[str], value: str | None) -> pd.Series[bool]:
    return column.isna() if pd.isna(value) else (column == value).fillna(False).astype(bool)


def _place(steps: pd.DataFrame, place: int | None) -> str:
    if place is None:
        return f"ends after step {len(steps)}"
    step = steps.iloc[place]
    label = shorten(str(step["name"] if pd.isna(step["label"]) else step["label"]))
    return f"step {place + 1}, {label} ({step['type']}, {step['status']})"
