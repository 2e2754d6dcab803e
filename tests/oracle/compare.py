"""Real frames beside the expected ones."""

from __future__ import annotations

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
    for name, keys in KEYS.items():
        wanted = in_order(getattr(expected, name), name)
        rows = in_order(rows_of(f[name]), name)
        if len(rows) != len(wanted):
            found.append(f"{name}: expected {len(wanted)} rows, found {len(rows)}")
        for row, found_row in zip(wanted, rows, strict=False):
            place = ", ".join(str(row[key]) for key in keys)
            for column in sorted(({*row} | {*found_row}) - NOT_FIXED):
                value, found_value = row.get(column), found_row.get(column)
                if not is_same(value, found_value):
                    cell = f"expected {value!r}, found {found_value!r}"
                    found.append(f"{name} {column}: {cell} ({place})")
    as_of = None if expected.as_of is None else EPOCH + expected.as_of * RESOLUTION
    clock = (as_of, expected.as_of_basis)
    if (f.as_of, f.as_of_basis) != clock:
        found.append(f"clock: expected {clock}, found {(f.as_of, f.as_of_basis)}")
    return found
