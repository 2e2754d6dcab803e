"""Columns as Arrow and numpy arrays, and the dtypes of the frames."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from runkit.api.words import Vocabulary
from runkit.tables.schema import SCHEMA, TEXT, TIME, TYPES, Column
from runkit.time_budget import Flags, Ints

# Columns by name are Arrow arrays, or numpy arrays of numbers, flags or microseconds.
Columns = dict[str, Any]

NEVER = np.iinfo(np.int64).min  # a missing time among int64 microseconds; numpy's NaT
_NULLABLE = {pa.int32(): pd.Int32Dtype(), pa.bool_(): pd.BooleanDtype()}


# ------------------------------------------------------------------------------------------ frames


def to_frame(frame: str, columns: Columns, is_kept: Flags) -> pd.DataFrame:
    """Build a frame of some rows of columns; columns that are not there are null.

    Times are int64 microseconds, `NEVER` for null.
    """
    arrays = {}
    for column in SCHEMA[frame]:
        values = columns.get(column.name)
        if values is None:
            continue
        if column.kind == "time":
            values = values.view("M8[us]")
        arrays[column.name] = pa.array(values, TYPES[column.kind][1])
    table = pa.table(arrays)
    if not is_kept.all():
        table = table.filter(pa.array(is_kept))
    df: pd.DataFrame = table.to_pandas(split_blocks=True, types_mapper=_NULLABLE.get)
    return cast(df, frame)


def cast(df: pd.DataFrame, frame: str) -> pd.DataFrame:
    """Return `df` with the columns and dtypes of `frame`; missing columns are null."""
    columns: dict[str, pd.Series[Any]] = {}
    for column in SCHEMA[frame]:
        dtype = "str" if column.words else TYPES[column.kind][0]
        if column.name in df:
            values = df[column.name].astype(dtype)  # type: ignore[call-overload]
        else:
            values = pd.Series(None, df.index, dtype)
        columns[column.name] = _categorical(values, column) if column.words else values
    return pd.DataFrame(columns, df.index)


def _categorical(values: pd.Series[str], column: Column) -> pd.Series[Any]:
    """Build a categorical column: the known words, each with its spellings, then the others."""
    words = column.words or Vocabulary()
    came = [word for word in values.unique() if isinstance(word, str)]
    others = sorted(came, key=words.position)
    known = list(dict.fromkeys([*words, *others]))
    categories = pd.Index(sorted(known, key=words.position), dtype="str")
    dtype = pd.CategoricalDtype(categories, ordered=column.kind == "rank")
    return values.astype(dtype)


# ------------------------------------------------------------------------------------------ arrays


def text(values: Iterable[object]) -> pa.Array:
    """Return Python strings as Arrow text; None is null."""
    return pa.array(list(values), TEXT)


def micros(times: pa.Array) -> Ints:
    """Return times, as text, in microseconds; `NEVER` for null."""
    values: Ints = pc.cast(times, TIME).view(pa.int64()).fill_null(NEVER).to_numpy()
    return values


def flags(values: pa.Array) -> Flags:
    """Return an Arrow array of flags as numpy's."""
    converted: Flags = values.to_numpy(zero_copy_only=False)
    return converted


def is_word(values: pa.Array, words: Iterable[str]) -> Flags:
    """Return whether each value is one of some words, in any case; false for null."""
    return flags(pc.is_in(pc.utf8_lower(values), text(words)))


def ranks(values: pa.Array, words: Vocabulary) -> Ints:
    """Return the position of each value in a vocabulary, behind its end for another and null."""
    names = list(words)
    positions = pc.index_in(pc.utf8_lower(values), text(names)).fill_null(len(names))
    converted: Ints = positions.to_numpy().astype(np.int64)
    return converted


def counts(numbers: Ints, is_known: Flags) -> pa.Array:
    """Return counts that are null where they are not known."""
    return pa.array(numbers, pa.int32(), mask=~is_known)


def first_in_group(group: Ints, rows: Ints, values: pa.Array, n: int) -> pa.Array:
    """Return for each of n groups the value at the first of some rows that is in the group."""
    groups, first = np.unique(group[rows], return_index=True)
    positions = np.full(n, -1)
    positions[groups] = rows[first]
    return take(values, positions)


def take(values: pa.Array, positions: Ints) -> pa.Array:
    """Return the values at some positions, null where a position is negative."""
    return values.take(pa.array(positions, mask=positions < 0))


def bincount(numbers: Ints, n: int) -> Ints:
    """Return how often each of 0 .. n-1 occurs; negative entries are ignored."""
    found: Ints = np.bincount(numbers[numbers >= 0], minlength=n)
    return found


def position_in_group(group: Ints) -> Ints:
    """Return the number of each row in its group, from 0; `group` holds ascending group numbers."""
    first: Ints = np.searchsorted(group, group)
    return np.arange(len(group)) - first
