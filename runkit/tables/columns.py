"""Conversions between Arrow and numpy, and the vocabularies of the category columns."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from runkit.jsontext import as_unicode
from runkit.tables.schema import SCHEMA
from runkit.tables.validate import TEXT, Columns

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]
# Columns of a few runs by name: Arrow text, or numpy arrays of int64 microseconds, codes, numbers, flags.
Chunk = dict[str, Any]


def checked(columns: Columns | None) -> Columns:
    """Return columns of records that were validated one by one; None here is a bug of runkit."""
    if columns is None:
        raise AssertionError("a validated record did not convert; please report this")
    return columns


def seconds(micros: Ints, is_valid: Flags | None = None) -> NDArray[np.float64]:
    """Convert int64 microseconds to float seconds, NaN where not valid."""
    values = micros / 1e6
    return values if is_valid is None else np.where(is_valid, values, np.nan)


def text(values: Iterable[object]) -> pa.Array:
    """Convert Python strings to Arrow text; any other value is null."""
    strings = [value if isinstance(value, str) else None for value in values]
    try:
        return pa.array(strings, TEXT)
    except UnicodeEncodeError:
        return pa.array([value and as_unicode(value) for value in strings], TEXT)


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

    def encode(self, values: pa.Array, aliases: dict[str, str] | None = None) -> NDArray[np.int32]:
        """Return the codes of an Arrow text array, -1 for null; unknown words are added."""
        if values.null_count == len(values):
            return np.full(len(values), -1, np.int32)
        encoded = values.dictionary_encode()
        codes = [
            self._codes.setdefault((aliases or {}).get(word, word), len(self._codes))
            for word in encoded.dictionary.to_pylist()
        ]
        lookup = np.array([*codes, -1], np.int32)
        indices = encoded.indices.fill_null(len(codes)) if values.null_count else encoded.indices
        result: NDArray[np.int32] = lookup[indices.to_numpy()]
        return result


def vocabularies() -> dict[str, dict[str, Vocabulary]]:
    """Make the vocabularies of all category columns: frame -> column -> vocabulary."""
    return {
        frame: {column.name: Vocabulary(column.words) for column in columns if column.kind == "category"}
        for frame, columns in SCHEMA.items()
    }
