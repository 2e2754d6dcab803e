"""Records as columns: validation against the pydantic models; conversions of columns.

Required fields and types come from the models, so the contract is written once. Arrow converts all records of
a batch in C. Only if it refuses a value, each record is validated by itself, so that one bad record never
changes another. Both ways give a valid record the same values (property test).
"""

from __future__ import annotations

import typing
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from runkit.contract import Json, format_time, read_time
from runkit.models import ApiObject, Step
from runkit.steptree import kind
from runkit.tables.schema import COLUMNS, TEXT, TIME, TYPES, Column
from runkit.text import brief
from runkit.timing import Flags, Ints

# columns by name: Arrow text, or numpy arrays of numbers, flags, microseconds
Chunk = dict[str, Any]
# of a model: its name, whether it is a time (else text), and required
Field = tuple[str, bool, bool]
Issue = tuple[str, str, str]  # the kind of problem, what was found and expected, the field

NEVER = np.iinfo(np.int64).min  # a missing time among int64 microseconds; numpy's NaT
ABSENT: dict[str, object] = {"count": 0, "flag": False}  # by kind of column; others have null
IS_TIME = {str: False, str | None: False, datetime: True, datetime | None: True}


def micros(when: datetime | str) -> int:
    """Convert a time to microseconds since 1970, exactly. Raises `ValueError` if it is not a time."""
    return (read_time(when)[0] - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


FIRST, LAST = (micros(when.replace(tzinfo=UTC)) for when in (datetime.min, datetime.max))


class Columns(NamedTuple):
    """Text fields as Arrow arrays, time fields as int64 microseconds with `NEVER` for null."""

    text: dict[str, pa.Array]
    time: dict[str, Ints]


@cache
def fields_of(model: type[ApiObject]) -> tuple[Field, ...]:
    """List the text and time fields of a model; lists and objects are checked where they are read."""
    hints = typing.get_type_hints(model)
    fields = [
        (name, IS_TIME[hints[name]], info.is_required())
        for name, info in model.model_fields.items()
        if hints[name] in IS_TIME
    ]
    # The API's first documentation called a step's agent its graph.
    return (*fields, ("graph", False, False)) if model is Step else tuple(fields)


def read_columns(
    model: type[ApiObject], records: Sequence[Any], note: Callable[[int, str, str, str], None]
) -> tuple[Columns, Ints]:
    """Convert the text and time fields of records.

    Returns the columns of the valid records, and the positions of these in `records`.
    `note(position, *issue)` is called for each issue.
    """
    are_objects = set(map(type, records)) <= {dict}
    columns = records_to_arrow(model, records) if are_objects else None
    if columns is not None:
        return columns, np.arange(len(records))
    valid: dict[int, Json] = {}
    for position, record in enumerate(records):
        values, issues = validate(model, record)
        for issue in issues:
            note(position, *issue)
        if values is not None:
            valid[position] = values
    columns = records_to_arrow(model, list(valid.values()))
    if columns is None:
        raise AssertionError("a validated record did not convert; please report this")
    return columns, np.array(list(valid), np.int64)


def records_to_arrow(model: type[ApiObject], records: Sequence[Json]) -> Columns | None:
    """Convert the text and time fields of records; None if any value is unusual."""
    fields = fields_of(model)
    columns = Columns({}, {})
    try:
        arrays = pa.array(records, pa.struct([(name, TEXT) for name, *_ in fields])).flatten()
        for (name, is_time, is_required), values in zip(fields, arrays, strict=True):
            if is_required and values.null_count:
                return None
            if is_time:
                columns.time[name] = _parse_times(values)
            else:
                columns.text[name] = values
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        return None
    return columns


def _parse_times(values: pa.Array) -> Ints:
    parsed: Ints = pc.cast(values, TIME).view(pa.int64()).fill_null(NEVER).to_numpy()
    is_before = (parsed < FIRST) & (parsed != NEVER)
    if (is_before | (parsed > LAST)).any():
        raise pa.ArrowInvalid("outside the years 1 to 9999")
    return parsed


def validate(model: type[ApiObject], record: object) -> tuple[Json | None, list[Issue]]:
    """Check one record. Returns its usable values (None if it is refused) and all issues."""
    if not isinstance(record, dict):
        return None, [("bad_field", f"expected an object, found {kind(record)}", "")]
    values: Json = {}
    issues: list[Issue] = []
    is_refused = False
    for name, is_time, is_required in fields_of(model):
        value = record.get(name)
        try:
            if value is None and is_required:
                raise ValueError("required but absent")
            if is_time and value is not None:
                when, is_naive = read_time(value)
                if is_naive:
                    issues.append(("naive_time", f"{brief(value)} has no offset, read as UTC", name))
                value = format_time(when)
            if not isinstance(value, str | None):
                raise ValueError(f"expected text, found {kind(value)} {brief(value, 40)}")
            values[name] = value
        except ValueError as error:
            is_refused |= is_required
            issues.append(("bad_field", f"{name}: {error}", name))
    return None if is_refused else values, issues


class Exploded(NamedTuple):
    """Valid records of many lists: `owner[i]` is the list of record i, `item_no[i]` its position in it."""

    records: list[Json]
    columns: dict[str, pa.Array]  # all text: none of these records has a time
    owner: Ints
    item_no: Ints


def explode(
    lists: Sequence[Any], model: type[ApiObject], note: Callable[[int, str, str, str], None]
) -> Exploded:
    """Explode `lists` (None is empty) of records of `model`.

    Values that are not lists and records without a required field are left out.
    `note(owner, problem, detail, path)` is called for each issue.
    """
    for number, value in enumerate(lists):
        if not isinstance(value, list | None):
            note(number, "bad_field", f"expected a list, found {kind(value)}", "")
    lists = [value if isinstance(value, list) else [] for value in lists]
    records = list(chain.from_iterable(lists))
    sizes = np.fromiter(map(len, lists), np.int64)
    owner = np.repeat(np.arange(len(sizes)), sizes)
    item_no = position_in_group(owner)

    def note_item(position: int, problem: str, detail: str, field: str) -> None:
        path = f"[{item_no[position]}].{field}".rstrip(".")
        note(int(owner[position]), problem, detail, path)

    columns, kept = read_columns(model, records, note_item)
    records = [records[position] for position in kept.tolist()]
    return Exploded(records, columns.text, owner[kept], item_no[kept])


def text(values: Iterable[object]) -> pa.Array:
    """Convert Python strings to Arrow text; any other value is null."""
    return pa.array([value if isinstance(value, str) else None for value in values], TEXT)


def map_words(values: pa.Array, translate: Callable[[str], object]) -> pa.Array:
    """Translate each different word once."""
    encoded = values.dictionary_encode()
    return text(map(translate, encoded.dictionary.to_pylist())).take(encoded.indices)


def is_word(values: pa.Array, *words: str) -> Flags:
    """Whether each value is one of some words; false for null."""
    flags: Flags = pc.is_in(values, pa.array(words, TEXT)).to_numpy(zero_copy_only=False)
    return flags


def take(values: pa.Array, positions: Ints) -> pa.Array:
    """Take the values at some positions, null where a position is negative."""
    return values.take(pa.array(positions, mask=positions < 0))


def count(of: Ints, n: int) -> Ints:
    """Count how often each of 0 .. n-1 occurs; negative entries are ignored."""
    counts: Ints = np.bincount(of[of >= 0], minlength=n)
    return counts


def position_in_group(group: Ints) -> Ints:
    """Count the rows of each group from 0; `group` holds ascending group numbers."""
    first: Ints = np.searchsorted(group, group)
    return np.arange(len(group)) - first


def empty(frame: str) -> pd.DataFrame:
    """Make an empty frame with all columns, dtypes and categories."""
    return cast(pd.DataFrame({column.name: [] for column in COLUMNS[frame]}, dtype="str"), frame)


def to_arrow(frame: str, columns: Chunk) -> pa.Table:
    """Make the Arrow table of a frame; times and durations are int64 microseconds, `NEVER` for null."""
    arrays = dict(columns)
    fields = []
    for column in COLUMNS[frame]:
        values = columns[column.name]
        if column.kind == "time":
            values = values.view("M8[us]")
        elif column.kind == "seconds":
            values = np.where(values == NEVER, np.nan, values / 1e6)
        arrays[column.name] = values
        fields.append((column.name, TYPES[column.kind][1]))
    return pa.table(arrays, pa.schema(fields))


def cast(df: pd.DataFrame, frame: str) -> pd.DataFrame:
    """Cast `df` to the columns and dtypes of `frame`. Missing columns are empty; unknown words are added."""
    columns = {}
    for column in COLUMNS[frame]:
        dtype = "str" if column.words else TYPES[column.kind][0]
        if column.name in df:
            values = df[column.name].astype(pd.api.types.pandas_dtype(dtype))
        else:
            values = pd.Series(ABSENT.get(column.kind), df.index, dtype)
        columns[column.name] = _categorical(values, column) if column.words else values
    return pd.DataFrame(columns, copy=False)


def _categorical(values: pd.Series[str], column: Column) -> pd.Series[Any]:
    """Make a categorical column whose first categories are the known words."""
    is_ordered = column.kind == "rank"
    if is_ordered:
        other, *_ = column.words
        values = values.where(values.isin(column.words) | values.isna(), other)
    codes, words = pd.factorize(values)
    categories = pd.Index(list(dict.fromkeys([*column.words, *words])), dtype="str")
    code_of_word = np.append(categories.get_indexer(words), -1)  # -1 is a missing word
    ranked = pd.Categorical.from_codes(code_of_word[codes], categories, ordered=is_ordered)
    return pd.Series(ranked, values.index)
