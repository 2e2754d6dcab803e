"""The readings of a text: as it stands, and with its escapes undone.

A text may be JSON, HTML or a URL inside, so a secret may be written with escapes (`&#64;`, `%40`), or with
signs between its digits that nobody sees. The rules know nothing of that: they search each *reading* of the
text, and what they find is traced back to where it stands.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable
from typing import NamedTuple

from runkit.text import unescape

MOST_LAYERS = 2  # escapes in escapes that are read; JSON in a URL in JSON text would be three


class Escapes(NamedTuple):
    """One way to write signs: how a written sign is recognised, and which sign it stands for."""

    hint: str
    """A sign that every escape of this kind holds, empty if there is none."""
    written: re.Pattern[str]
    read: Callable[[re.Match[str]], str]


_SHORT = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}


def _read_json(found: re.Match[str]) -> str:
    code = found[0][1:]
    if len(code) > 5:  # a pair of surrogates
        return chr(0x10000 + ((int(code[1:5], 16) & 0x3FF) << 10) + (int(code[7:], 16) & 0x3FF))
    return chr(int(code[1:], 16)) if code[0] in "uxUX" else _SHORT.get(code, code)


def _read_url(found: re.Match[str]) -> str:
    return bytes.fromhex(found[0].replace("%", "")).decode("utf-8", "replace")


JSON = Escapes(
    "\\",
    re.compile(
        r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
        r"|\\u[0-9a-fA-F]{4}|\\x[0-9a-fA-F]{2}|\\[\"'\\/bfnrt]"
    ),
    _read_json,
)
HTML = Escapes(
    "&",
    re.compile(r"&#[0-9]{1,10};?|&#[xX][0-9a-fA-F]{1,8};?|&[a-zA-Z][a-zA-Z0-9]{1,31};"),
    lambda found: unescape(found[0]),
)
URL = Escapes(
    "%",
    re.compile(
        r"%[0-7][0-9a-f]|%[cd][0-9a-f]%[89ab][0-9a-f]|%e[0-9a-f](?:%[89ab][0-9a-f]){2}"
        r"|%f[0-4](?:%[89ab][0-9a-f]){3}",
        re.IGNORECASE,
    ),
    _read_url,
)
UNSEEN = Escapes(
    "",
    re.compile(
        "[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\xad\u0600-\u0605\u061c\u180e\u200b-\u200f\u202a-\u202e"
        "\u2060-\u206f\ufe00-\ufe0f\ufeff\ufff9-\ufffb]"
    ),
    lambda _: "",
)
"""Signs without a picture. Charts and tables drop them, so what they part grows together there."""


class Reading:
    """A text as somebody who undoes its escapes sees it, and the way back to the text as it stands."""

    def __init__(self, text: str, outer: Reading | None = None, escapes: Escapes | None = None) -> None:
        self.text, self.outer = text, outer
        self._deeper: list[Reading] = []
        self._read: list[int] = []  # where each sign that was written as an escape begins here, and ends
        self._ends: list[int] = []
        self._starts: list[int] = []  # and where its escape begins in the outer text, and ends
        self._stops: list[int] = []
        if outer is not None and escapes is not None:
            self.text = self._undo(outer.text, escapes)

    def _undo(self, text: str, escapes: Escapes) -> str:
        parts: list[str] = []
        at = length = 0
        for found in escapes.written.finditer(text):
            start, end = found.span()
            sign = escapes.read(found)
            parts += (text[at:start], sign)
            length += start - at
            self._read.append(length)
            length += len(sign)
            self._ends.append(length)
            self._starts.append(start)
            self._stops.append(end)
            at = end
        return "".join([*parts, text[at:]])

    def deeper(self, escapes: Escapes) -> Reading:
        """Undo one more kind of escapes."""
        reading = Reading("", self, escapes)
        self._deeper.append(reading)
        return reading

    def place(self, start: int, end: int) -> tuple[int, int]:
        """Where the signs from `start` to `end` of this reading stand in the text; never half an escape."""
        for reading in self._deeper:
            start = reading._whole(start)
        if self.outer is None:
            return start, end
        return self.outer.place(self._back(start)[0], self._back(end - 1)[1])

    def _whole(self, start: int) -> int:
        """Go back to the beginning of the escape that `start` of the outer text falls into, if any."""
        nearest = bisect_right(self._starts, start) - 1
        return self._starts[nearest] if nearest >= 0 and start < self._stops[nearest] else start

    def _back(self, at: int) -> tuple[int, int]:
        nearest = bisect_right(self._read, at) - 1
        if nearest < 0:
            return at, at + 1
        if at < self._ends[nearest]:
            return self._starts[nearest], self._stops[nearest]
        start = self._stops[nearest] + at - self._ends[nearest]
        return start, start + 1


def readings(text: str) -> list[Reading]:
    """Give the text as it is, then with its escapes undone, one kind in each layer, in every order."""
    every = layer = [Reading(text)]
    seen = {text}
    for _ in range(MOST_LAYERS):
        deeper: list[Reading] = []
        for outer in layer:
            for escapes in (JSON, HTML, URL, UNSEEN):
                if escapes.hint in outer.text and escapes.written.search(outer.text):
                    reading = outer.deeper(escapes)
                    if reading.text not in seen:
                        seen.add(reading.text)
                        deeper.append(reading)
        every, layer = every + deeper, deeper
    return every
