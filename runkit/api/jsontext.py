"""Read and write JSON text with orjson, within its limits.

It reads at most 1,024 levels (about 500 nested steps) and no lone surrogates; an integer beyond 64
bits becomes a float, as in most JSON libraries. It writes only what it can read back.
`mask_secrets` is for a result that is shown; a report has stricter rules.
"""

from __future__ import annotations

import codecs
import json
import re
from typing import Any

import orjson

from runkit.display.hide_keys import SENSITIVE_NAME, redact
from runkit.display.text import one_line
from runkit.errors import DataError

MAX_VALUES = 3  # values of a result that one phrase names
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
    try:
        return _dumps(value, sort_keys)
    except RecursionError:
        raise DataError("the value exceeds the depth at which JSON can be read again") from None
    except (TypeError, ValueError) as error:
        raise DataError(str(error)) from None


def _dumps(value: Any, sort_keys: bool) -> str:
    try:
        text = orjson.dumps(value, option=orjson.OPT_SORT_KEYS if sort_keys else None).decode()
    except TypeError as error:
        # orjson writes 254 levels and integers of 64 bits, and reads more
        if "ecursion" not in str(error) and "64-bit" not in str(error):
            raise
        text = json.dumps(
            value, sort_keys=sort_keys, ensure_ascii=False, allow_nan=False, separators=(",", ":")
        )
        loads(text.encode())
        return text
    if "null" in text and orjson.loads(text) != value:
        # refuses NaN, which orjson writes as null
        json.dumps(value, allow_nan=False, default=str)
    return text


def is_unicode(text: str) -> bool:
    """Return whether the text can be encoded as UTF-8: it has no lone surrogate."""
    return as_unicode(text) == text


def as_unicode(text: str) -> str:
    """Return the text with a question mark for each lone surrogate."""
    return text.encode("utf-8", "replace").decode()


def mask_secrets(text: str) -> str:
    """Return JSON text with `[key]` for keys in use, and for what is named as a secret."""
    return _SECRET.sub(r"\1\2[key]", redact(text, "[key]"))


def masked(result: str) -> Any:
    """Read a step's result without the values of fields whose name says that they are secret."""
    return loads(mask_secrets(result).encode())


def leaves(result: object) -> list[Leaf]:
    """Return a row for each value in a step's result, given as JSON text.

    A missing result has none. Values of fields whose name says that they are secret are masked.
    """
    if not isinstance(result, str):
        return []
    rows: list[Leaf] = []
    stack: list[tuple[str, Any]] = [("", masked(result))]
    while stack:
        path, value = stack.pop()
        if isinstance(value, dict) and value:
            prefix = f"{path}." if path else ""
            stack += reversed([(prefix + one_line(name), inner) for name, inner in value.items()])
        elif isinstance(value, list) and value:
            stack += reversed([(f"{path}[{number}]", inner) for number, inner in enumerate(value)])
        elif path:
            rows.append((path, value if isinstance(value, str) else dumps(value)))
    return rows


def returned(result: object) -> list[str]:
    """Return the values in a step's result in words: `risk score: 71`."""
    return [f"{re.sub('[._]', ' ', path)}: {value}" for path, value in leaves(result)]


def returned_words(result: object) -> str | None:
    """Return the first values in a step's result in words, and how many more there are."""
    values = returned(result)
    n_more = len(values) - MAX_VALUES
    more = f" +{n_more}" if n_more > 0 else ""
    return ", ".join(values[:MAX_VALUES]) + more or None
