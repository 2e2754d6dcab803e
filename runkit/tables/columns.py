"""Small pieces between Arrow and numpy, and the growing vocabularies of the category columns."""

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
Chunk = dict[
    str, Any
]  # column name -> Arrow text, or numpy: int64 microseconds for times, codes, numbers, flags


def must(columns: Columns | None) -> Columns:
    """What was checked record by record converts; anything else is a bug here, not in the data."""
    if columns is None:
        raise AssertionError("a checked record did not convert; please report this")
    return columns


def seconds(micros: Ints, is_valid: Flags | None = None) -> NDArray[np.float64]:
    """int64 microseconds as float seconds, NaN where not valid."""
    values = micros / 1e6
    return values if is_valid is None else np.where(is_valid, values, np.nan)


def text(values: Iterable[object]) -> pa.Array:
    """Python strings and Nones as Arrow text; whatever else a free-form field held is null."""
    found = [value if isinstance(value, str) else None for value in values]
    try:
        return pa.array(found, TEXT)
    except UnicodeEncodeError:
        return pa.array([value and as_unicode(value) for value in found], TEXT)


def take(values: pa.Array, positions: Ints) -> pa.Array:
    """The values at some positions, null where the position is negative."""
    is_none = positions < 0
    return values.take(pa.array(positions, mask=is_none) if is_none.any() else pa.array(positions))


def count(of: Ints, n: int) -> Ints:
    """How often each of 0 .. n-1 occurs; negative entries count for nothing."""
    counts: Ints = np.bincount(of[of >= 0], minlength=n)
    return counts


class Words:
    """The words of one category: the fixed vocabulary and, after it, those that came and were not in it."""

    def __init__(self, known: Sequence[str]) -> None:
        self.n_known = len(known)
        self._codes = {word: code for code, word in enumerate(known)}

    @property
    def all(self) -> list[str]:
        """All words in the order of their codes."""
        return list(self._codes)

    def encode(self, values: pa.Array, aliases: dict[str, str] | None = None) -> NDArray[np.int32]:
        """Codes of an Arrow text array, -1 for null; unknown words are added."""
        if values.null_count == len(values):
            return np.full(len(values), -1, np.int32)
        encoded = values.dictionary_encode()
        codes = [
            self._codes.setdefault((aliases or {}).get(word, word), len(self._codes))
            for word in encoded.dictionary.to_pylist()
        ]
        lookup = np.array([*codes, -1], np.int32)
        indices = encoded.indices.fill_null(len(codes)) if values.null_count else encoded.indices
        found: NDArray[np.int32] = lookup[indices.to_numpy()]
        return found


def vocabularies() -> dict[str, dict[str, Words]]:
    """Fresh vocabularies: frame -> category column -> words."""
    return {
        frame: {column.name: Words(column.words) for column in columns if column.kind == "category"}
        for frame, columns in SCHEMA.items()
    }
