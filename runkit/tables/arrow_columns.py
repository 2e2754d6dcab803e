"""Columns as Arrow and numpy arrays, and the dtypes of the frames."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from runkit.tables.schema import COLUMNS, TYPES, Column

# Columns by name are Arrow text, or numpy arrays of numbers, flags or microseconds.
Columns = dict[str, Any]

NEVER = np.iinfo(np.int64).min  # a missing time among int64 microseconds; numpy's NaT
# the value of a missing column, by its kind; other kinds have null
ABSENT: dict[str, object] = {"count": 0, "flag": False}


def empty(frame: str) -> pd.DataFrame:
    """Build an empty frame with all columns, dtypes and categories."""
    return cast(pd.DataFrame(), frame)


def to_arrow(frame: str, columns: Columns) -> pa.Table:
    """Build the Arrow table of a frame.

    Times and durations are int64 microseconds, `NEVER` for null. What a batch does not know yet is
    left out.
    """
    arrays = dict(columns)
    fields = []
    for column in COLUMNS[frame]:
        if column.name not in columns:
            continue
        values = columns[column.name]
        if column.kind == "time":
            values = values.view("M8[us]")
        elif column.kind == "seconds":
            values = np.where(values == NEVER, np.nan, values / 1e6)
        arrays[column.name] = values
        fields.append((column.name, TYPES[column.kind][1]))
    return pa.table(arrays, pa.schema(fields))


def cast(df: pd.DataFrame, frame: str) -> pd.DataFrame:
    """Return `df` with the columns and dtypes of `frame`.

    Missing columns are empty; unknown words are added.
    """
    columns: dict[str, pd.Series[Any]] = {}
    for column in COLUMNS[frame]:
        dtype = "str" if column.words else TYPES[column.kind][0]
        if column.name in df:
            values = df[column.name].astype(dtype)  # type: ignore[call-overload]
        else:
            values = pd.Series(ABSENT.get(column.kind), df.index, dtype)
        columns[column.name] = _categorical(values, column) if column.words else values
    return pd.DataFrame(columns, df.index)


def with_warnings(problems: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    """Return the problems frame with rows more."""
    rows = cast(rows.assign(severity="warning"), "problems")
    return cast(pd.concat([problems, rows], ignore_index=True), "problems")


def _categorical(values: pd.Series[str], column: Column) -> pd.Series[Any]:
    """Build a categorical column whose first categories are the known words."""
    is_ordered = column.kind == "rank"
    if is_ordered:
        other, *_ = column.words
        values = values.where(values.isin(column.words) | values.isna(), other)
    categories = dict.fromkeys([*column.words, *values.dropna().unique()])
    dtype = pd.CategoricalDtype(pd.Index(list(categories), dtype="str"), is_ordered)
    return values.astype(dtype)
