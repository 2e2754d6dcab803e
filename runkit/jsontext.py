"""JSON text in and out, without the limits that would lose something.

orjson does the work. Three facts of it need care: it turns integers beyond 64 bits into floats, it
parses at most 1,024 levels and it writes at most 254.
"""

from __future__ import annotations

import codecs
import json
from typing import Any

import orjson

_DIGITS_ONLY = bytes(48 if 48 <= byte < 58 else 32 for byte in range(256))
_TOO_BIG = b"0" * 19  # 19 digits may exceed 64 bits, 18 never do


def loads(text: bytes) -> Any:
    """Parse one JSON document; see `parse`."""
    return parse(text)[0]


def parse(text: bytes, *, has_long_numbers: bool | None = None) -> tuple[Any, bool]:
    """Parse one JSON document and say whether every number in it is exact.

    Raises `ValueError` for anything that is not JSON, `RecursionError` beyond 1,024 levels. A text with 19
    digits in a row is read by the standard library, which keeps integers of any size; where that is too deep
    for it, the numbers may be rounded and the answer is False. To look for such digits costs a quarter of the
    parse, so a caller who knows that there are none says `has_long_numbers=False`.
    """
    text = text.removeprefix(codecs.BOM_UTF8)
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        if "depth" in str(error) or "recursion" in str(error):
            raise RecursionError("the JSON is nested deeper than 1,024 levels") from None
        raise
    if has_long_numbers is None:
        has_long_numbers = _TOO_BIG in text.translate(_DIGITS_ONLY)
    if not has_long_numbers:
        return value, True
    try:
        return json.loads(text), True
    except RecursionError:
        return value, False


def reread(text: bytes) -> Any:
    """Parse what `dumps` wrote, also halves of a surrogate pair, which are only for the standard library."""
    try:
        return loads(text)
    except ValueError:
        return json.loads(text)


def dumps(value: Any, *, sort_keys: bool = False) -> str:
    """Write compact JSON of any depth."""
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS if sort_keys else None).decode()
    except TypeError:  # deeper than 254 levels, an integer beyond 64 bits, or a lone surrogate
        return _dumps_deep(value, sort_keys=sort_keys)


def dumps_readable(value: Any) -> str:
    """Write compact JSON that `reread` can read. Raises `RecursionError` for what is deeper than it reads."""
    try:
        return orjson.dumps(value).decode()
    except TypeError:
        text = _dumps_deep(value, sort_keys=False)
        reread(text.encode())
        return text


def _dumps_deep(value: Any, *, sort_keys: bool) -> str:
    """Write JSON with a stack of our own instead of Python's."""
    out: list[str] = []
    stack: list[Any] = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, _Raw):
            out.append(item)
        elif isinstance(item, dict):
            pairs = sorted(item.items()) if sort_keys else list(item.items())
            stack.append(_Raw("}"))
            for n, (key, child) in reversed(list(enumerate(pairs))):
                stack += [child, _Raw(f"{',' if n else ''}{_scalar(str(key))}:")]
            stack.append(_Raw("{"))
        elif isinstance(item, list | tuple):
            stack.append(_Raw("]"))
            for n, child in reversed(list(enumerate(item))):
                stack += [child, _Raw("," if n else "")]
            stack.append(_Raw("["))
        else:
            out.append(_scalar(item))
    return "".join(out)


def _scalar(value: Any) -> str:
    """Write one value; text that UTF-8 cannot hold (a lone surrogate) is written as escapes."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    return text if is_unicode(text) else json.dumps(value)


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


class _Raw(str):
    """Text that is JSON already."""

    __slots__ = ()
