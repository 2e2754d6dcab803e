"""Validation of records against the pydantic models: whole columns at once, or one record at a time.

Required fields and types come from the models, so the contract is written once. `to_arrow` lets Arrow convert
all records of a batch in C and returns None if any value is unusual. `validate` then checks each record by
itself and names what is wrong. Both give a valid record the same values (property test), so that one bad
record never changes another.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from runkit.contract import read_time
from runkit.jsontext import is_unicode
from runkit.models import ApiObject, Step
from runkit.steptree import kind
from runkit.text import brief

TEXT = pa.large_string()  # the Arrow type behind pandas' str dtype
TIME = pa.timestamp("us", tz="UTC")
NEVER = np.iinfo(np.int64).min  # a missing time among int64 microseconds; numpy's NaT
FIRST = int(datetime.min.replace(tzinfo=UTC).timestamp()) * 1_000_000
LAST = (int(datetime.max.replace(tzinfo=UTC, microsecond=0).timestamp()) + 1) * 1_000_000 - 1
# The API's first documentation called a step's agent its graph.
OLD_NAMES: dict[type[ApiObject], tuple[str, ...]] = {Step: ("graph",)}


class Field(NamedTuple):
    """One field of a model."""

    name: str
    kind: Literal["text", "time"]
    is_required: bool


class Columns(NamedTuple):
    """Text fields as Arrow arrays, time fields as int64 microseconds with `NEVER` for null."""

    text: dict[str, pa.Array]
    time: dict[str, NDArray[np.int64]]


class Issue(NamedTuple):
    """One thing that is wrong with a record: the field, the kind of problem, what was found and expected."""

    field: str
    problem: str
    detail: str


@cache
def fields_of(model: type[ApiObject]) -> tuple[Field, ...]:
    """List the text and time fields of a model; lists and objects are checked where they are read."""
    fields = [
        Field(name, "time" if datetime in types_of else "text", info.is_required())
        for name, info in model.model_fields.items()
        if {str, datetime} & (types_of := _types(info.annotation))
    ]
    return (*fields, *(Field(name, "text", False) for name in OLD_NAMES.get(model, ())))


def _types(annotation: Any) -> set[Any]:
    """List the alternatives of a type such as `str | None`, without annotations."""
    if typing.get_origin(annotation) is typing.Annotated:
        return _types(typing.get_args(annotation)[0])
    if typing.get_origin(annotation) in (types.UnionType, typing.Union):
        return set().union(*map(_types, typing.get_args(annotation)))
    return {annotation} if typing.get_origin(annotation) is None else set()


def records_to_arrow(model: type[ApiObject], records: Sequence[dict[str, Any]]) -> Columns | None:
    """Convert the text and time fields of records; None if any value is unusual."""
    names = [field.name for field in fields_of(model)]
    return to_arrow(model, {name: [record.get(name) for record in records] for name in names})


def to_arrow(model: type[ApiObject], values: Mapping[str, Sequence[Any]]) -> Columns | None:
    """Convert columns of text and time fields; None if any value is unusual. Old names may be left out."""
    texts: dict[str, pa.Array] = {}
    times: dict[str, pa.Array] = {}
    try:
        for field in fields_of(model):
            if field.name in values or field.name not in OLD_NAMES.get(model, ()):
                column = pa.array(values[field.name], TEXT)
                if field.is_required and column.null_count:
                    return None
                (texts if field.kind == "text" else times)[field.name] = column
        micros = _parse_times(list(times.values()))
    except (pa.ArrowInvalid, pa.ArrowTypeError, UnicodeError):
        return None
    return None if micros is None else Columns(texts, dict(zip(times, micros, strict=True)))


def _parse_times(columns: list[pa.Array]) -> list[NDArray[np.int64]] | None:
    """Parse columns of equal length in one call; None if a time is out of a datetime's range."""
    if not columns:
        return []
    micros = micros_of(pc.cast(pa.concat_arrays(columns), TIME))
    if ((micros < FIRST) & (micros != NEVER) | (micros > LAST)).any():
        return None
    return list(micros.reshape(len(columns), -1))


def micros_of(times: pa.Array) -> NDArray[np.int64]:
    """Convert Arrow timestamps to int64 microseconds, `NEVER` where null."""
    numbers = times.view(pa.int64())
    values: NDArray[np.int64] = (numbers.fill_null(NEVER) if times.null_count else numbers).to_numpy()
    return values


def validate(model: type[ApiObject], record: object) -> tuple[dict[str, Any] | None, list[Issue]]:
    """Check one record. Returns its usable values (None if it is refused) and all issues."""
    if not isinstance(record, dict):
        return None, [Issue("", "bad_field", f"expected an object, found {kind(record)}")]
    clean: dict[str, Any] = {}
    issues: list[Issue] = []
    is_refused = False
    for field in fields_of(model):
        value = record.get(field.name)
        if value is None or value is pd.NA:
            value = None
            error = f"{field.name} is required but absent" if field.is_required else None
        else:
            value, error, is_naive = _read(field, value)
            if is_naive:
                issues.append(
                    Issue(field.name, "naive_time", f"{brief(record[field.name])} has no offset, read as UTC")
                )
        if error:
            is_refused |= field.is_required
            issues.append(Issue(field.name, "bad_field", error))
        clean[field.name] = value
    return None if is_refused else clean, issues


def _read(field: Field, value: object) -> tuple[Any, str | None, bool]:
    """Return the usable value, the error, and whether the value is a time without an offset."""
    if field.kind == "time":
        try:
            when, is_naive = read_time(value)
        except ValueError as error:
            return None, f"{field.name}: {error}", False
        return when.isoformat().replace("+00:00", "Z"), None, is_naive
    if not isinstance(value, str):
        return None, f"{field.name}: expected text, found {kind(value)} {brief(value, 40)}", False
    if not is_unicode(value):
        return None, f"{field.name}: the text is not valid Unicode", False
    return value, None, False
