"""Is a record what the contract says? Answered for whole columns at once, and one record at a time if not.

What is required, and of which type, is read off the pydantic models, so the contract is written once.
`to_columns` lets Arrow convert all records of a batch in C; it says None as soon as anything is unusual.
`conform` then looks at each record by itself, field by field, and names what is wrong. Whatever the first
accepts, the second accepts with the same value: a neighbour's flaw never changes a record (property test).
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

TEXT = pa.large_string()  # what pandas holds text in
TIME = pa.timestamp("us", tz="UTC")
NEVER = np.iinfo(np.int64).min  # how a missing time is written among int64 microseconds; numpy's NaT
FIRST = int(datetime.min.replace(tzinfo=UTC).timestamp()) * 1_000_000
LAST = (int(datetime.max.replace(tzinfo=UTC, microsecond=0).timestamp()) + 1) * 1_000_000 - 1
OLD_NAMES: dict[type[ApiObject], tuple[str, ...]] = {
    Step: ("graph",)
}  # a step's agent in the first generation of the documentation


class Field(NamedTuple):
    """What the contract says of one field."""

    name: str
    kind: Literal["text", "time"]
    is_required: bool


class Columns(NamedTuple):
    """Text fields as Arrow arrays, time fields as int64 microseconds with `NEVER` for null."""

    text: dict[str, pa.Array]
    time: dict[str, NDArray[np.int64]]


class Flaw(NamedTuple):
    """One thing that is wrong with a record: the field, the problem word, what was found and expected."""

    field: str
    problem: str
    detail: str


@cache
def fields_of(model: type[ApiObject]) -> tuple[Field, ...]:
    """The text and time fields of a model; lists and objects are checked by whoever reads them."""
    found = [
        Field(name, "time" if datetime in types_of else "text", info.is_required())
        for name, info in model.model_fields.items()
        if {str, datetime} & (types_of := _types(info.annotation))
    ]
    return (*found, *(Field(name, "text", False) for name in OLD_NAMES.get(model, ())))


def _types(annotation: Any) -> set[Any]:
    """The alternatives of `str | None`, without what is said about them."""
    if typing.get_origin(annotation) is typing.Annotated:
        return _types(typing.get_args(annotation)[0])
    if typing.get_origin(annotation) in (types.UnionType, typing.Union):
        return set().union(*map(_types, typing.get_args(annotation)))
    return {annotation} if typing.get_origin(annotation) is None else set()


def to_columns(model: type[ApiObject], records: Sequence[dict[str, Any]]) -> Columns | None:
    """Convert the text and time fields of many records; None if any record is unusual."""
    names = [field.name for field in fields_of(model)]
    return convert(model, {name: [record.get(name) for record in records] for name in names})


def convert(model: type[ApiObject], values: Mapping[str, Sequence[Any]]) -> Columns | None:
    """Convert fields of many records, given field by field; None if any record is unusual.

    Old names may be left out.
    """
    texts: dict[str, pa.Array] = {}
    times: dict[str, pa.Array] = {}
    try:
        for field in fields_of(model):
            if field.name in values or field.name not in OLD_NAMES.get(model, ()):
                found = pa.array(values[field.name], TEXT)
                if field.is_required and found.null_count:
                    return None
                (texts if field.kind == "text" else times)[field.name] = found
        moments = _moments(list(times.values()))
    except (pa.ArrowInvalid, pa.ArrowTypeError, UnicodeError):
        return None
    return None if moments is None else Columns(texts, dict(zip(times, moments, strict=True)))


def _moments(columns: list[pa.Array]) -> list[NDArray[np.int64]] | None:
    """Read columns of times, all of one length, in one go; None if a time is beyond what a datetime holds."""
    if not columns:
        return []
    moments = micros_of(pc.cast(pa.concat_arrays(columns), TIME))
    if ((moments < FIRST) & (moments != NEVER) | (moments > LAST)).any():
        return None
    return list(moments.reshape(len(columns), -1))


def micros_of(times: pa.Array) -> NDArray[np.int64]:
    """Arrow timestamps as int64 microseconds, `NEVER` where null."""
    numbers = times.view(pa.int64())
    values: NDArray[np.int64] = (numbers.fill_null(NEVER) if times.null_count else numbers).to_numpy()
    return values


def conform(model: type[ApiObject], record: object) -> tuple[dict[str, Any] | None, list[Flaw]]:
    """Check one record. Gives what can be used of it (None: refused) and everything that is wrong."""
    if not isinstance(record, dict):
        return None, [Flaw("", "bad_field", f"expected an object, found {kind(record)}")]
    clean: dict[str, Any] = {}
    flaws: list[Flaw] = []
    is_refused = False
    for field in fields_of(model):
        value = record.get(field.name)
        if value is None or value is pd.NA:
            value = None
            flaw = f"{field.name} is required but absent" if field.is_required else None
        else:
            value, flaw, is_naive = _read(field, value)
            if is_naive:
                flaws.append(
                    Flaw(field.name, "naive_time", f"{brief(record[field.name])} has no offset, read as UTC")
                )
        if flaw:
            is_refused |= field.is_required
            flaws.append(Flaw(field.name, "bad_field", flaw))
        clean[field.name] = value
    return None if is_refused else clean, flaws


def _read(field: Field, value: object) -> tuple[Any, str | None, bool]:
    """The usable value, what is wrong with it, and whether it was a time without an offset."""
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
