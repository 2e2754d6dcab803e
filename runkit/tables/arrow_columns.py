"""Columns as Arrow and numpy arrays: of checked JSON, helpers, notes, and the frames' dtypes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from runkit.api import contract
from runkit.api.contract import Json, read_time
from runkit.api.models import Run, Step
from runkit.api.validation import Note, fields
from runkit.display.text import brief
from runkit.tables.flatten import Rows, path_of
from runkit.tables.schema import COLUMNS, TEXT, TIME, TYPES, Column
from runkit.time_budget import Flags, Ints

# columns by name: Arrow text, or numpy arrays of numbers, flags, microseconds
Columns = dict[str, Any]
Notes = list[tuple[int, Note]]  # with the number of the run

NEVER = np.iinfo(np.int64).min  # a missing time among int64 microseconds; numpy's NaT
ABSENT: dict[str, object] = {"count": 0, "flag": False}  # by kind of column; other kinds have null


def micros(when: datetime | str) -> int:
    """Convert a time to microseconds since 1970, exactly.

    Raises `ValueError` if it is not a time.
    """
    return (read_time(when)[0] - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def object_columns(objects: Sequence[Json | None], model: Any) -> Columns:
    """Convert the text and time fields of checked objects; times are int64 microseconds."""
    scalars = {name: field.type for name, field in fields(model).items()}
    texts = {name: TEXT for name, scalar in scalars.items() if scalar in (str, datetime)}
    arrays = pa.array(objects, pa.struct(texts)).flatten()
    columns: Columns = dict(zip(texts, arrays, strict=True))
    for name in texts:
        if scalars[name] is datetime:
            times = pc.cast(columns[name], TIME).view(pa.int64())
            columns[name] = times.fill_null(NEVER).to_numpy()
    return columns


def text(values: Iterable[object]) -> pa.Array:
    """Convert Python strings to Arrow text; None is null."""
    return pa.array(list(values), TEXT)


def map_words(values: pa.Array, translate: Callable[[str], object]) -> pa.Array:
    """Translate each different word once."""
    encoded = values.dictionary_encode()
    return text(map(translate, encoded.dictionary.to_pylist())).take(encoded.indices)


def flags(values: pa.Array) -> Flags:
    """Convert an Arrow array of flags to numpy."""
    converted: Flags = values.to_numpy(zero_copy_only=False)
    return converted


def is_word(values: pa.Array, *words: str) -> Flags:
    """Return whether each value is one of some words; false for null."""
    return flags(pc.is_in(values, pa.array(words, TEXT)))


def ranks(values: pa.Array, words: Sequence[str]) -> Ints:
    """Return the position of each value in `words`, 0 for any other value and null."""
    positions = pc.index_in(values, pa.array(words, TEXT)).fill_null(0)
    converted: Ints = positions.to_numpy().astype(np.int64)
    return converted


def first_in_group(group: Ints, rows: Ints, values: pa.Array, n: int) -> pa.Array:
    """Return for each of n groups the value at the first of some rows that is in the group."""
    groups, first = np.unique(group[rows], return_index=True)
    return scatter(groups, take(values, rows[first]), n)


def scatter(rows: Ints, values: pa.Array, n: int) -> pa.Array:
    """Return n values: those given at `rows`, null elsewhere."""
    positions = np.full(n, -1)
    positions[rows] = np.arange(len(rows))
    return take(values, positions)


def take(values: pa.Array, positions: Ints) -> pa.Array:
    """Take the values at some positions, null where a position is negative."""
    return values.take(pa.array(positions, mask=positions < 0))


def bincount(of: Ints, n: int) -> Ints:
    """Count how often each of 0 .. n-1 occurs; negative entries are ignored."""
    counts: Ints = np.bincount(of[of >= 0], minlength=n)
    return counts


def position_in_group(group: Ints) -> Ints:
    """Count the rows of each group from 0; `group` holds ascending group numbers."""
    first: Ints = np.searchsorted(group, group)
    return np.arange(len(group)) - first


# ------------------------------------------------------------------------------- fields of the JSON


def _no_path(row: int) -> tuple[()]:
    return ()


def run_fields(rows: Rows) -> Columns:
    """Return the columns of a run that are fields of the checked JSON."""
    raws = rows.runs
    known = [raw | contract.local_fields(raw) if contract.LOCAL in raw else raw for raw in raws]
    columns = object_columns(known, Run)
    return columns | {
        "path": _no_path,
        "run": np.arange(len(raws)),
        "run_id": columns["id"],
        "agent": text(rows.agents),
        # an empty list is what a list of runs shows
        "has_steps": np.array([bool(raw.get("steps")) for raw in raws], np.bool_),
        # of the whole document, which may be in several batches
        "newest_at": np.full(len(raws), NEVER),
        "has_lines": np.zeros(len(raws), np.bool_),
        "is_of_0_3": np.zeros(len(raws), np.bool_),
    }


def step_fields(rows: Rows) -> Columns:
    """Return the columns of a step that are fields of the checked JSON, or of the tree."""
    columns = object_columns(rows.steps, Step)
    is_question, resolved = is_word(columns["type"], "interrupt"), text(rows.resolutions)
    labels = _not_blank(columns["label"]), _not_blank(columns["name"]), columns["type"]
    return columns | {
        "object": rows.steps,
        "path": lambda row: path_of(rows, rows.run[row], rows.steps[row]),
        "run": np.array(rows.run, np.int64),
        "parent": np.array(rows.parent, np.int64),
        "depth": np.array(rows.depth, np.int64),
        "step_id": columns["id"],
        "agent": pc.coalesce(columns["agent"], columns["graph"]),
        "label": pc.coalesce(*labels),
        "resolution": resolved,
        "is_wait": is_question & ~is_word(resolved, *contract.RESOLUTIONS),
        "is_open": columns["completed_at"] == NEVER,
    }


def _not_blank(values: pa.Array) -> pa.Array:
    return pc.if_else(pc.equal(pc.utf8_trim_whitespace(values), ""), pa.scalar(None, TEXT), values)


# ----------------------------------------------------------------------------------------- notes


def note_row(
    notes: Notes, columns: Columns, row: int, problem: str, detail: str, *field: str
) -> None:
    """Add a note of a row of runs or steps."""
    step_id = columns["step_id"][row].as_py() if "step_id" in columns else None
    path = (*columns["path"](row), *field)
    notes.append((int(columns["run"][row]), Note(problem, detail, path, step_id)))


def note_rows(
    notes: Notes, columns: Columns, where: Flags, problem: str, detail: str, *field: str
) -> None:
    """Add a note of each of some rows."""
    for row in np.flatnonzero(where).tolist():
        note_row(notes, columns, row, problem, detail, *field)


def note_unknown_words(frame: str, columns: Columns, notes: Notes) -> None:
    """Note the words of a category that the API's documentation does not have."""
    for column in COLUMNS[frame]:
        if column.kind == "category" and column.name in columns:
            values = columns[column.name]
            rows = np.flatnonzero(flags(values.is_valid()) & ~is_word(values, *column.words))
            for row, word in zip(rows.tolist(), values.take(rows).to_pylist(), strict=True):
                detail = f"unknown {frame.removesuffix('s')} {column.name} {brief(word)}"
                note_row(notes, columns, row, "unknown_value", detail, column.name)


# ----------------------------------------------------------------------------------- to the frames


def empty(frame: str) -> pd.DataFrame:
    """Build an empty frame with all columns, dtypes and categories."""
    return cast(pd.DataFrame({column.name: [] for column in COLUMNS[frame]}, dtype="str"), frame)


def to_arrow(frame: str, columns: Columns) -> pa.Table:
    """Build the Arrow table of a frame.

    Times and durations are int64 microseconds, `NEVER` for null.
    """
    arrays = dict(columns)
    fields = []
    for column in COLUMNS[frame]:
        values = columns[column.name]
        if column.kind == "time":
            values = values.view("M8[us]")
        elif column.kind == "seconds":
            values = in_seconds(values)
        arrays[column.name] = values
        fields.append((column.name, TYPES[column.kind][1]))
    return pa.table(arrays, pa.schema(fields))


def in_seconds(values: Ints) -> Any:
    """Convert microseconds to seconds; NEVER is NaN."""
    return np.where(values == NEVER, np.nan, values / 1e6)


def from_frame(df: pd.DataFrame, frame: str) -> Columns:
    """Convert the columns of `frame` back; seconds and counts that may be null are left out."""
    columns: Columns = {}
    for column in COLUMNS[frame]:
        values = df[column.name]
        if column.kind == "time":
            columns[column.name] = values.dt.tz_localize(None).to_numpy("M8[us]").view(np.int64)
        elif column.kind in ("count", "flag"):
            columns[column.name] = values.to_numpy(np.int64 if column.kind == "count" else np.bool_)
        elif column.kind not in ("seconds", "known_count"):
            columns[column.name] = pa.array(values.astype("str"), TEXT, from_pandas=True)
    return columns | {"path": _no_path}


def cast(df: pd.DataFrame, frame: str) -> pd.DataFrame:
    """Cast `df` to the columns and dtypes of `frame`.

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


def _categorical(values: pd.Series[str], column: Column) -> pd.Series[Any]:
    """Build a categorical column whose first categories are the known words."""
    is_ordered = column.kind == "rank"
    if is_ordered:
        other, *_ = column.words
        values = values.where(values.isin(column.words) | values.isna(), other)
    categories = dict.fromkeys([*column.words, *values.dropna().unique()])
    dtype = pd.CategoricalDtype(pd.Index(list(categories), dtype="str"), is_ordered)
    return values.astype(dtype)
