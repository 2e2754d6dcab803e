"""Records as columns: validation against the pydantic models, and conversions between Arrow and numpy.

Required fields and types come from the models, so the contract is written once. Arrow converts all records of
a batch in C. Only if it refuses a value, each record is validated by itself, so that one bad record never
changes another. Both ways give a valid record the same values (property test).
"""

from __future__ import annotations

import types
import typing
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from functools import cache
from itertools import chain
from operator import itemgetter
from typing import Any, Literal, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from runkit.contract import read_time
from runkit.models import ApiObject, Step
from runkit.steptree import kind
from runkit.text import brief

Json = dict[str, Any]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]
Chunk = dict[str, Any]  # columns by name: Arrow text, or numpy arrays of numbers, codes, flags, microseconds

TEXT = pa.large_string()  # the Arrow type behind pandas' str dtype
TIME = pa.timestamp("us", tz="UTC")
NEVER = np.iinfo(np.int64).min  # a missing time among int64 microseconds; numpy's NaT
FIRST = int(datetime.min.replace(tzinfo=UTC).timestamp()) * 1_000_000
LAST = (int(datetime.max.replace(tzinfo=UTC, microsecond=0).timestamp()) + 1) * 1_000_000 - 1


class Field(NamedTuple):
    """One field of a model."""

    name: str
    kind: Literal["text", "time"]
    is_required: bool


class Columns(NamedTuple):
    """Text fields as Arrow arrays, time fields as int64 microseconds with `NEVER` for null."""

    text: dict[str, pa.Array]
    time: dict[str, Ints]


class Issue(NamedTuple):
    """One thing that is wrong with a record: the field, the kind of problem, what was found and expected."""

    field: str
    problem: str
    detail: str


@cache
def fields_of(model: type[ApiObject]) -> tuple[Field, ...]:
    """List the text and time fields of a model; lists and objects are checked where they are read."""
    hints = typing.get_type_hints(model)
    fields = [
        Field(name, "time" if datetime in _options(hints[name]) else "text", info.is_required())
        for name, info in model.model_fields.items()
        if {str, datetime} & set(_options(hints[name]))
    ]
    # The API's first documentation called a step's agent its graph.
    return (*fields, Field("graph", "text", False)) if model is Step else tuple(fields)


def _options(hint: Any) -> tuple[Any, ...]:
    """List the alternatives of a type such as `str | None`."""
    is_union = typing.get_origin(hint) in (types.UnionType, typing.Union)
    return typing.get_args(hint) if is_union else () if typing.get_origin(hint) else (hint,)


def read_columns(
    model: type[ApiObject], records: Sequence[Any], note: Callable[[int, Issue], None]
) -> tuple[Columns, Ints]:
    """Convert the text and time fields of records.

    Returns the columns of the valid records, and the positions of these in `records`. `note(position, issue)`
    is called for each issue.
    """
    is_objects = set(map(type, records)) <= {dict}
    columns = records_to_arrow(model, records) if is_objects else None
    if columns is not None:
        return columns, np.arange(len(records))
    positions, usable = [], []
    for position, record in enumerate(records):
        clean, issues = validate(model, record)
        for issue in issues:
            note(position, issue)
        if clean is not None:
            positions.append(position)
            usable.append(clean)
    columns = records_to_arrow(model, usable)
    if columns is None:
        raise AssertionError("a validated record did not convert; please report this")
    return columns, np.array(positions, np.int64)


def records_to_arrow(model: type[ApiObject], records: Sequence[Json]) -> Columns | None:
    """Convert the text and time fields of records; None if any value is unusual."""
    texts: dict[str, pa.Array] = {}
    times: dict[str, pa.Array] = {}
    try:
        fields = fields_of(model)
        values = _by_field([field.name for field in fields], records)
        for name, kind_of, is_required in fields:
            column = pa.array(values.get(name), TEXT) if name in values else pa.nulls(len(records), TEXT)
            if is_required and column.null_count:
                return None
            (texts if kind_of == "text" else times)[name] = column
        micros = _parse_times(list(times.values()))
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        return None
    return None if micros is None else Columns(texts, dict(zip(times, micros, strict=True)))


def _by_field(names: Sequence[str], records: Sequence[Json]) -> dict[str, Sequence[Any]]:
    """Read some fields of records as columns; a field that no record has may be left out.

    One call of `itemgetter` with the key objects of the first record reads a record three times as fast as
    `get` for each field: the parser reuses its keys, and a dict finds an identical key faster than an equal
    one.
    """
    keys = [key for key in next(iter(records), ()) if key in names]
    try:
        if len(keys) > 1 and not any(
            name in record for name in names if name not in keys for record in records
        ):
            return dict(zip(keys, zip(*map(itemgetter(*keys), records), strict=True), strict=True))
    except KeyError:
        pass
    return {name: [record.get(name) for record in records] for name in names}


def _parse_times(columns: list[pa.Array]) -> list[Ints] | None:
    """Parse columns of equal length in one call; None if a time is out of a datetime's range."""
    if not columns:
        return []
    numbers = pc.cast(pa.concat_arrays(columns), TIME).view(pa.int64())
    micros = numbers.fill_null(NEVER).to_numpy()
    if ((micros < FIRST) & (micros != NEVER) | (micros > LAST)).any():
        return None
    return list(micros.reshape(len(columns), -1))


def validate(model: type[ApiObject], record: object) -> tuple[Json | None, list[Issue]]:
    """Check one record. Returns its usable values (None if it is refused) and all issues."""
    if not isinstance(record, dict):
        return None, [Issue("", "bad_field", f"expected an object, found {kind(record)}")]
    clean: Json = {}
    issues: list[Issue] = []
    is_refused = False
    for field in fields_of(model):
        value = record.get(field.name)
        error = f"{field.name} is required but absent" if field.is_required and value is None else None
        if value is not None:
            value, error, is_naive = _read(field, value)
            if is_naive:
                detail = f"{brief(record[field.name])} has no offset, read as UTC"
                issues.append(Issue(field.name, "naive_time", detail))
        if error:
            is_refused |= field.is_required
            issues.append(Issue(field.name, "bad_field", error))
        clean[field.name] = value
    return None if is_refused else clean, issues


def _read(field: Field, value: object) -> tuple[str | None, str | None, bool]:
    """Return the usable value, the error, and whether the value is a time without an offset."""
    if field.kind == "time":
        try:
            when, is_naive = read_time(value)
        except ValueError as error:
            return None, f"{field.name}: {error}", False
        return when.isoformat().replace("+00:00", "Z"), None, is_naive
    if isinstance(value, str):
        return value, None, False
    return None, f"{field.name}: expected text, found {kind(value)} {brief(value, 40)}", False


class Exploded(NamedTuple):
    """Valid records of many lists: `owner[i]` is the list of record i, `item_no[i]` its position in it."""

    records: list[Json]
    columns: dict[str, pa.Array]  # all text: none of these records has a time
    owner: Ints
    item_no: Ints


def explode(
    lists: Sequence[Any], model: type[ApiObject], note: Callable[[int, str, Issue], None]
) -> Exploded:
    """Explode `lists` (None is empty) of records of `model`.

    Values that are not lists and records without a required field are left out. `note(owner, path, issue)` is
    called for each issue.
    """
    if not set(map(type, lists)) <= {list}:
        for number, values in enumerate(lists):
            if values is not None and not isinstance(values, list):
                note(number, "", Issue("", "bad_field", f"expected a list, found {kind(values)}"))
        lists = [values if isinstance(values, list) else [] for values in lists]
    records = list(chain.from_iterable(lists))
    sizes = np.fromiter(map(len, lists), np.int64, len(lists))
    owner = np.repeat(np.arange(len(sizes)), sizes)
    item_no = np.arange(len(records)) - (np.cumsum(sizes) - sizes)[owner]

    def note_item(position: int, issue: Issue) -> None:
        field = f".{issue.field}" if issue.field else ""
        note(int(owner[position]), f"[{item_no[position]}]{field}", issue)

    columns, kept = read_columns(model, records, note_item)
    if len(kept) < len(records):
        records = [records[position] for position in kept.tolist()]
    return Exploded(records, columns.text, owner[kept], item_no[kept])


def micros(when: datetime | str) -> int:
    """Convert a time to microseconds since 1970, exactly. Raises `ValueError` if it is not a time."""
    delta = read_time(when)[0] - datetime(1970, 1, 1, tzinfo=UTC)
    return (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds


def text(values: Iterable[object]) -> pa.Array:
    """Convert Python strings to Arrow text; any other value is null."""
    return pa.array([value if isinstance(value, str) else None for value in values], TEXT)


def seconds(micros: Ints, is_valid: Flags | None = None) -> NDArray[np.float64]:
    """Convert int64 microseconds to float seconds, NaN where not valid."""
    values = micros / 1e6
    return values if is_valid is None else np.where(is_valid, values, np.nan)


def take(values: pa.Array, positions: Ints) -> pa.Array:
    """Take the values at some positions, null where a position is negative."""
    is_none = positions < 0
    return values.take(pa.array(positions, mask=is_none) if is_none.any() else pa.array(positions))


def count(of: Ints, n: int) -> Ints:
    """Count how often each of 0 .. n-1 occurs; negative entries are ignored."""
    counts: Ints = np.bincount(of[of >= 0], minlength=n)
    return counts


class Vocabulary:
    """The categories of one column: the known words, then unknown ones in the order of arrival."""

    def __init__(self, known: Sequence[str]) -> None:
        self.n_known = len(known)
        self._codes = {word: code for code, word in enumerate(known)}

    @property
    def words(self) -> list[str]:
        """All words in the order of their codes."""
        return list(self._codes)

    def encode(self, values: pa.Array, aliases: dict[str, str]) -> NDArray[np.int32]:
        """Return the codes of an Arrow text array, -1 for null; unknown words are added."""
        encoded = values.dictionary_encode()
        codes = [
            self._codes.setdefault(aliases.get(word, word), len(self._codes))
            for word in encoded.dictionary.to_pylist()
        ]
        lookup = np.array([*codes, -1], np.int32)
        result: NDArray[np.int32] = lookup[encoded.indices.fill_null(len(codes)).to_numpy()]
        return result
