"""Read and write JSON text with orjson, within its limits.

It reads at most 1,024 levels (about 500 nested steps) and no lone surrogates; an integer beyond 64
bits becomes a float, as in most JSON libraries. It writes only what it can read back.
The values of a result are masked where they are shown; a report has stricter rules.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterable
from typing import Any

import orjson

from runkit.display.messages import SENSITIVE_NAME, redact
from runkit.display.text import one_line
from runkit.errors import DataError

Leaf = tuple[str, str]  # the path of a value, such as `owners[0].name`, and the value

# This finds in JSON text the value of a field with the name of a secret, what follows such a name
# in a text, and keys. What is replaced contains no quote, so the text stays JSON.
_SECRET = re.compile(
    rf'({SENSITIVE_NAME}"\s*:\s*")(?:[^"\\]|\\.)+'
    rf'|({SENSITIVE_NAME}(?:\\")?\s?[=:]\s?(?:\\")?(?:bearer |basic )?|\bbearer )[^\s"\\]+',
    re.IGNORECASE,
)


def loads(text: bytes) -> Any:
    """Read one JSON document. Raises `ValueError` for other text, and beyond 1,024 levels."""
    return orjson.loads(text.removeprefix(codecs.BOM_UTF8))


def dumps(value: Any, *, sort_keys: bool = False) -> str:
    """Write compact JSON.

    Raises `DataError` for what could not be read back: NaN, lone surrogates, keys that are not
    text, values that are too deep or contain themselves, and other Python objects.
    """
    option = orjson.OPT_SORT_KEYS if sort_keys else None
    try:
        text = orjson.dumps(value, option=option).decode()
        if "null" in text and orjson.loads(text) != value:
            json.dumps(value, allow_nan=False, default=str)  # orjson writes NaN as null
        return text
    except (TypeError, ValueError) as error:
        if "ecursion" not in str(error):
            raise DataError(str(error)) from None
    return _deep(value, sort_keys)


def _deep(value: Any, sort_keys: bool) -> str:
    """Write JSON of more than the 254 levels that orjson writes, if it can read them."""
    separators = (",", ":")
    try:
        text = json.dumps(
            value, sort_keys=sort_keys, ensure_ascii=False, allow_nan=False, separators=separators
        )
        loads(text.encode())
    except (RecursionError, ValueError):
        raise DataError("the value exceeds the depth at which JSON can be read again") from None
    return text


def is_unicode(text: str) -> bool:
    """Return whether the text can be encoded as UTF-8: it has no lone surrogate."""
    return as_unicode(text) == text


def as_unicode(text: str) -> str:
    """Return the text with a question mark for each lone surrogate."""
    return text.encode("utf-8", "replace").decode()


def leaves(result: object) -> list[Leaf]:
    """Return a row for each value in a step's result, given as JSON text.

    A missing result has none. Values of fields whose name says that they are secret are masked.
    """
    if not isinstance(result, str):
        return []
    masked = _SECRET.sub(r"\1\2[key]", redact(result, "[key]"))
    rows: list[Leaf] = []
    stack: list[tuple[str, Any]] = [("", loads(masked.encode()))]
    while stack:
        path, value = stack.pop()
        parts = [(_path(path, name), part) for name, part in _items(value)]
        stack += reversed(parts)
        if path and not parts:
            rows.append((path, value if isinstance(value, str) else dumps(value)))
    return rows


def _items(value: Any) -> Iterable[tuple[str | int, Any]]:
    """Return the parts of an object or a list by name or number."""
    if isinstance(value, dict):
        return value.items()
    return enumerate(value) if isinstance(value, list) else ()


def _path(outer: str, name: str | int) -> str:
    if isinstance(name, int):
        return f"{outer}[{name}]"
    return f"{outer}.{one_line(name)}".removeprefix(".")


def returned(result: object) -> list[str]:
    """Return the values in a step's result in words: `risk score: 71`."""
    return [f"{re.sub('[._]', ' ', path)}: {value}" for path, value in leaves(result)]
