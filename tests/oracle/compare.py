"""Real frames beside the expected ones."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pandas as pd

import runkit
from oracle.tables import Tables
from oracle.values import EPOCH, RESOLUTION, Row

KEYS = {
    "runs": ("run_id",),
    "steps": ("run_id", "step_no"),
    "artifacts": ("run_id", "artifact_no"),
    "sources": ("run_id", "artifact_no", "source_no"),
    "interrupts": ("run_id", "asked_at", "step_id", "interrupt_id"),
}
NOT_FIXED = {"agent_name", "kind"}


def rows_of(df: pd.DataFrame) -> list[Row]:
    """Return the rows of a real frame with the values that are used here."""
    columns = []
    for name, values in df.items():
        is_time = isinstance(values.dtype, pd.DatetimeTZDtype)
        plain = values.astype("int64") if is_time else values
        objects_ = plain.astype(object)
        columns.append((name, objects_.where(values.notna(), None).tolist()))
    names = [name for name, _ in columns]
    cells = zip(*(values for _, values in columns), strict=True)
    return [dict(zip(names, row, strict=True)) for row in cells]


def in_order(rows: list[Row], name: str) -> list[Row]:
    """Return rows in the order of their keys."""
    return sorted(rows, key=lambda row: [str(row[key]) for key in KEYS[name]])


def is_same(expected: Any, found: Any) -> bool:
    """Return whether two values of a cell are equal; spans to the microsecond."""
    if isinstance(expected, float) and isinstance(found, float):
        return abs(expected - found) < 1e-6
    return type(expected) is type(found) and expected == found


def differences(f: runkit.Frames, expected: Tables) -> list[str]:
    """Return each cell that differs, as `frame column: expected, found (keys)`."""
    found: list[str] = []
    for name in KEYS:
        wanted = in_order(getattr(expected, name), name)
        rows = in_order(rows_of(f[name]), name)
        if len(rows) != len(wanted):
            found.append(f"{name}: expected {len(wanted)} rows, found {len(rows)}")
            by_run = Counter(row["run_id"] for row in wanted)
            by_run.subtract(row["run_id"] for row in rows)
            off = {run_id for run_id, n in by_run.items() if n}
            found += [f"{name} of {run_id}: {by_run[run_id]} rows lack" for run_id in sorted(off)]
            wanted = [row for row in wanted if row["run_id"] not in off]
            rows = [row for row in rows if row["run_id"] not in off]
        for row, found_row in zip(wanted, rows, strict=True):
            columns = ({*row} | {*found_row}) - NOT_FIXED
            found += [
                f"{name} {column}: expected {row.get(column)!r}, found {found_row.get(column)!r} "
                f"({', '.join(str(row[key]) for key in KEYS[name])})"
                for column in sorted(columns)
                if not is_same(row.get(column), found_row.get(column))
            ]
    n_problems: Counter[str | None] = Counter()
    for row in rows_of(f.problems):
        n_problems[row["run_id"]] += 1 if row["run_id"] in expected.without_steps else row["n"]
    for run_id in sorted({*n_problems, *expected.n_problems}, key=str):
        if n_problems[run_id] != expected.n_problems[run_id]:
            n = f"expected {expected.n_problems[run_id]}, found {n_problems[run_id]}"
            found.append(f"problems of {run_id}: {n}")
    as_of = None if expected.as_of is None else EPOCH + expected.as_of * RESOLUTION
    clock = (as_of, expected.as_of_basis, expected.missing)
    own = (f.as_of, f.as_of_basis, [*f.missing])
    found += [f"clock: expected {clock}, found {own}"] if clock != own else []
    return found
