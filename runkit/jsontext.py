"""JSON text in and out, by orjson and within its limits.

Read are at most 1,024 levels (some 500 steps in steps) and no half of a surrogate pair; an integer beyond 64
bits becomes a float, as in most JSON libraries. Written is only what can be read back.
"""

from __future__ import annotations

import codecs
import json
from typing import Any

import orjson

from runkit.errors import DataError


class TooDeepError(DataError, RecursionError):
    """JSON that is nested deeper than can be read, or written."""


def loads(text: bytes) -> Any:
    """Parse one JSON document. Raises `ValueError` for what is none, `TooDeepError` beyond 1,024 levels."""
    try:
        return orjson.loads(text.removeprefix(codecs.BOM_UTF8))
    except orjson.JSONDecodeError as error:
        if "depth" in str(error) or "recursion" in str(error).lower():
            raise TooDeepError("the JSON is nested deeper than 1,024 levels") from None
        raise


def dumps(value: Any, *, sort_keys: bool = False) -> str:
    """Write compact JSON.

    Raises `DataError` for what could not be read back: NaN, integers beyond 64 bits, half a surrogate pair,
    names that are no text, what is too deep or contains itself, objects that Python alone knows.
    """
    try:
        text = orjson.dumps(value, option=orjson.OPT_SORT_KEYS if sort_keys else None).decode()
        if "null" in text and orjson.loads(text) != value:
            json.dumps(value, allow_nan=False, default=str)  # refuses the NaN that orjson writes as null
        return text
    except (TypeError, ValueError) as error:
        if "ecursion" not in str(error):
            raise DataError(str(error)) from None
    return _dumps_deep(value, sort_keys=sort_keys)


def _dumps_deep(value: Any, *, sort_keys: bool) -> str:
    """Write what is deeper than the 254 levels that orjson writes."""
    try:
        text = json.dumps(
            value, ensure_ascii=False, allow_nan=False, separators=(",", ":"), sort_keys=sort_keys
        )
        loads(text.encode())
    except RecursionError:
        raise TooDeepError("it is nested too deep to be written as JSON and read again") from None
    except (TypeError, ValueError) as error:
        raise DataError(str(error)) from None
    return text


def is_unicode(text: str) -> bool:
    """Whether UTF-8 can hold the text: no half of a surrogate pair stands alone in it."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def as_unicode(text: str) -> str:
    """The text with a question mark in place of each lone surrogate."""
    return text.encode("utf-8", "replace").decode()
