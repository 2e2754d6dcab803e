"""The API keys in use, which no error of a request shows, and no report."""

from __future__ import annotations

from weakref import WeakKeyDictionary

from runkit.text import shorten

HIDDEN = "***"
IN_USE: WeakKeyDictionary[object, str] = WeakKeyDictionary()  # by client or sandbox


def redact(text: str) -> str:
    """Replace each key in use by `***`; the longest first, as a key may begin with another."""
    for key in sorted(IN_USE.values(), key=len, reverse=True):
        text = text.replace(key, HIDDEN)
    return text


def quoted(text: str, limit: int = 300) -> str:
    """Return a text of the API for a message: without keys, on one line, and cut."""
    return shorten(redact(text), limit)
