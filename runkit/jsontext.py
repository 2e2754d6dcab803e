"""JSON text in and out, without the limits that would lose something.

orjson does the work. Five facts of it need care: it turns integers beyond 64 bits into floats, refuses
halves of a surrogate pair, parses at most 1,024 levels, writes at most 254, and writes NaN as null.
"""

from __future__ import annotations

import codecs
import json
import math
from typing import Any

import orjson

_DIGITS_ONLY = bytes(48 if 48 <= byte < 58 else 32 for byte in range(256))
MOST_DIGITS = 4_300  # of an integer that Python reads and writes by default
_TOO_LARGE = 10**MOST_DIGITS
_TOO_BIG = b"0" * 19  # 19 digits may exceed 64 bits, 18 never do


def loads(text: bytes) -> Any:
    """Parse one JSON document; see `parse`."""
    return parse(text)[0]


def parse(text: bytes, *, has_long_numbers: bool | None = None) -> tuple[Any, bool]:
    """Parse one JSON document and say whether every number in it is exact.

    Raises `ValueError` for anything that is not JSON, `RecursionError` beyond 1,024 levels. A text with 19
    digits in a row is read by the standard library, which keeps integers of up to 4,300 digits; where that
    is too deep for it, the numbers may be rounded and the answer is False. To look for such digits costs a
    quarter of the parse, so a caller who knows that there are none says `has_long_numbers=False`.
    """
    text = text.removeprefix(codecs.BOM_UTF8)
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        if "depth" in str(error) or "recursion" in str(error):
            raise RecursionError("the JSON is nested deeper than 1,024 levels") from None
        if b"\\ud" not in text.lower() and not _has_long_number(text):
            raise
        return _read_slowly(text), True
    if has_long_numbers is None:
        has_long_numbers = _has_long_number(text)
    if not has_long_numbers:
        return value, True
    try:
        return _read_slowly(text), True
    except RecursionError:
        return value, False


def _has_long_number(text: bytes) -> bool:
    return _TOO_BIG in text.translate(_DIGITS_ONLY)


def _read_slowly(text: bytes) -> Any:
    """Parse with the standard library, which reads more, and too much where it is not told to refuse."""
    return json.loads(text.decode(), parse_int=_whole, parse_float=_finite, parse_constant=_finite)


def _whole(digits: str) -> int:
    if len(digits.lstrip("-")) > MOST_DIGITS:
        raise ValueError(f"an integer of {len(digits):,} digits; at most {MOST_DIGITS:,} are read")
    return int(digits)


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text[:20]} is no number that JSON can hold")
    return number


def dumps(value: Any, *, sort_keys: bool = False) -> str:
    """Write compact JSON of any depth.

    Raises `ValueError` or `TypeError` for what no JSON text says: NaN and infinity, integers of more than
    4,300 digits, what contains itself, names that are no text, objects that Python alone knows.
    """
    text = _dumps_fast(value, sort_keys=sort_keys)
    return _dumps_deep(value, sort_keys=sort_keys) if text is None else text


def dumps_readable(value: Any) -> str:
    """Write JSON as `dumps` does, and `RecursionError` for what is deeper than `loads` reads."""
    text = _dumps_fast(value, sort_keys=False)
    if text is None:
        text = _dumps_deep(value, sort_keys=False)
        loads(text.encode())
    return text


def _dumps_fast(value: Any, *, sort_keys: bool) -> str | None:
    """Write what orjson writes as it is: not deeper than 254 levels, no larger integer, half pair or NaN."""
    try:
        text = orjson.dumps(value, option=orjson.OPT_SORT_KEYS if sort_keys else None).decode()
        return text if "null" not in text or orjson.loads(text) == value else None
    except (TypeError, RecursionError):
        return None


def _dumps_deep(value: Any, *, sort_keys: bool) -> str:
    """Write JSON with a stack of our own instead of Python's."""
    out: list[str] = []
    stack: list[Any] = [value]
    inside: set[int] = set()  # the objects and lists that `item` stands in
    while stack:
        item = stack.pop()
        if isinstance(item, _Raw):
            out.append(item)
            inside.discard(item.ends)
        elif isinstance(item, dict | list | tuple):
            if id(item) in inside:
                raise ValueError("it contains itself")
            inside.add(id(item))
            if isinstance(item, dict):
                pairs = sorted(item.items(), key=_name) if sort_keys else list(item.items())
                stack.append(_Raw("}", id(item)))
                for n, pair in reversed(list(enumerate(pairs))):
                    stack += [pair[1], _Raw(f"{',' if n else ''}{_scalar(_name(pair))}:")]
                stack.append(_Raw("{"))
            else:
                stack.append(_Raw("]", id(item)))
                for n, child in reversed(list(enumerate(item))):
                    stack += [child, _Raw("," if n else "")]
                stack.append(_Raw("["))
        else:
            out.append(_scalar(item))
    return "".join(out)


def _name(pair: tuple[object, object]) -> str:
    name = pair[0]
    if not isinstance(name, str):
        raise ValueError(f"a name in an object must be text, found {type(name).__name__}")
    return name


def _scalar(value: Any) -> str:
    """Write one value; text that UTF-8 cannot hold (a lone surrogate) is written as escapes."""
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{value} is no number that JSON can hold")
    if isinstance(value, int) and abs(value) >= _TOO_LARGE:
        raise ValueError(f"an integer of more than {MOST_DIGITS:,} digits")
    try:
        text = json.dumps(value, ensure_ascii=False)
    except TypeError:  # a time or an id of Python's
        return orjson.dumps(value).decode()
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
    """Text that is JSON already; `ends` is the id of the object or list that it closes, else 0."""

    ends: int

    def __new__(cls, text: str, ends: int = 0) -> _Raw:
        made = super().__new__(cls, text)
        made.ends = ends
        return made
