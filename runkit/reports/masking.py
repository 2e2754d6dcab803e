"""Where secrets stand in a text: the readings of it, and the built-in rules.

A text may be JSON, HTML or a URL inside, so a secret may be written with escapes (`&#64;`, `%40`), or with
signs between its digits that nobody sees. The rules know nothing of that: they search each *reading* of the
text, and what they find is traced back to where it stands.

All patterns are linear: a match can begin only where a word begins, or its repetitions are bounded.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Callable, Iterator
from html import unescape
from typing import NamedTuple

MOST_LAYERS = 2  # escapes in escapes that are read; JSON in a URL in JSON text would be three
_HEX_ID = 12  # characters, from which on a word of hexadecimal digits is an id: the last group of a UUID
_LONGEST_WORD = 200  # characters to look at on either side of a number; the longest usual digest has 128

# ------------------------------------------------------------------------------------------------- readings


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


# --------------------------------------------------------------------------------------------------- rules


class Found(NamedTuple):
    """A secret in a reading: where, by which rule, and what makes it equal to others."""

    start: int
    end: int
    rule: str
    same: str


_GAP = r"[\s\-+‐‑‒–—―−﹘﹣－]{1,3}"
_NUMBER = re.compile(
    rf"(?<!\d)(?:(?P<bare>\d{{9}})|(?P<ein>\d{{2}}{_GAP}\d{{7}})|\d{{3}}{_GAP}\d{{2}}{_GAP}\d{{4}})(?!\d)"
)
_PHONE_BEFORE = re.compile(r"\+\d{1,3}[ -]\Z")  # +49 30 1234567: a country, an area, a number
_HEX = re.compile(r"[0-9a-f]+|[0-9A-F]+")
_WORD = re.compile(r"[0-9A-Za-z]*")
_MARKS = "".join(chr(code) for code in range(0x300, 0x3100) if unicodedata.category(chr(code))[0] == "M")
_LOCAL = rf"\w{_MARKS}.+%-"
_LABEL = rf"[\w{_MARKS}-]"
_EMAIL = re.compile(
    rf"(?:(?<![{_LOCAL}])[{_LOCAL}]+(?:'[{_LOCAL}]+){{0,2}}|\"[^\"\n]{{1,64}}\")[@＠﹫]"
    rf"(?:{_LABEL}+\.)+[^\W\d_]{_LABEL}+"
)
LIKE_A_KEY = re.compile(r"mk_(?:live|test)_(?=[\w-]{4})[^\s\"'<>,;\\)\]}&%]+", re.IGNORECASE)
_SIGN = r"[\w.~+/=:-]"
_TELLING = rf"(?=[^\s\d\"']{{0,200}}\d|{_SIGN}{{20}})"  # "bearer shares" and "Basic checks" are no tokens
_NAMES = r"(?:api_?key|password|passwd|client_?secret|secret|private_?key|(?:access|refresh)_?token)"
_KEYS = (
    LIKE_A_KEY,
    re.compile(
        r"\bauthorization[\"']?\s{0,3}[:=]\s{0,3}[\"']?"
        rf"(?:(?:bearer|basic|token|digest)\s{{1,3}}|{_TELLING})(?P<it>{_SIGN}{{3,}})",
        re.IGNORECASE,
    ),
    re.compile(rf"\b(?:bearer|basic|token)\s{{1,3}}(?P<it>{_TELLING}{_SIGN}{{6,}})", re.IGNORECASE),
    re.compile(r"(?<![\w-])eyJ[\w-]{5,}\.[\w-]{4,}(?:\.[\w-]*)?"),
    re.compile(rf"[\"']{_NAMES}[\"']\s{{0,3}}:\s{{0,3}}([\"'])(?P<it>[^\"'\\\n]+)\1", re.IGNORECASE),
    re.compile(rf"\b{_NAMES}=(?P<it>[^\s\"'<>&;,\\\[]{{4,}})", re.IGNORECASE),
)
_LOGIN = re.compile(r"://(?P<it>[^\s/?#\"'<>\\]+)@")
_QUERY = re.compile(r"[?#](?P<it>[^\s\"'<>\\^`{|}?#]+)")
_SIGNED = re.compile(
    r"(?:^|[&;])(?:x-amz-(?:signature|credential|security-token)|x-goog-(?:signature|credential)|signature|sig|se"
    r"|(?:access_|id_|refresh_|auth_)?token|key|api_?key|expires|awsaccesskeyid|googleaccessid|key-pair-id"
    r"|password|secret|client_secret|auth|jwt)=",
    re.IGNORECASE,
)


def numbers(text: str) -> Iterator[Found]:
    """Find EIN and SSN; nine bare digits are `bare`: which of the two they are is not written on them."""
    for found in _NUMBER.finditer(text):
        start, end = found.span()
        if stands_alone(text, start, end):
            yield Found(start, end, found.lastgroup or "ssn", digits(found[0]))


def stands_alone(text: str, start: int, end: int) -> bool:
    """Whether a number is one by itself: no part of a longer one, of a hexadecimal id or a phone number."""
    before = text[max(start - _LONGEST_WORD, 0) : start]
    if before[-1:].isdecimal() or text[end : end + 1].isdecimal():
        return False
    if before[-1:] == "." and before[-2:-1].isdecimal():  # decimals of a second
        return False
    left, right = _word(before[::-1]), _word(text[end : end + _LONGEST_WORD])
    word = left[::-1] + "".join(filter(str.isalnum, text[start:end])) + right
    if (left or right) and len(word) >= _HEX_ID and _HEX.fullmatch(word):
        return False
    return not (text[start + 2 : start + 3] in " -" and _PHONE_BEFORE.search(before[-5:]))


def _word(text: str) -> str:
    found = _WORD.match(text)
    return found[0] if found else ""


def digits(text: str) -> str:
    """The digits of a number, in ASCII."""
    return "".join(str(unicodedata.decimal(sign)) for sign in text if sign.isdecimal())


def emails(text: str) -> Iterator[Found]:
    """Find addresses for mail, in letters of any script."""
    if "@" in text or "＠" in text or "﹫" in text:
        for found in _EMAIL.finditer(text):
            yield Found(*found.span(), "email", found[0].casefold().replace("＠", "@").replace("﹫", "@"))


def keys(text: str) -> Iterator[Found]:
    """Find keys and tokens that can be told by their form or by the words before them."""
    if _KEY_HINT.search(text):
        for pattern in _KEYS:
            for found in pattern.finditer(text):
                it = "it" if "it" in pattern.groupindex else 0
                yield Found(*found.span(it), "key", found[it])


_KEY_HINT = re.compile(r"mk_|bearer|basic|token|eyJ|auth|key|pass|secret", re.IGNORECASE)


def logins(text: str) -> Iterator[Found]:
    """Find names and passwords in addresses."""
    if "@" in text:
        for found in _LOGIN.finditer(text):
            yield Found(*found.span("it"), "url_login", found["it"])


def signed_queries(text: str) -> Iterator[Found]:
    """Find queries of addresses that open a door to whoever has them."""
    if "=" in text:
        for found in _QUERY.finditer(text):
            if _SIGNED.search(found["it"]):
                yield Found(*found.span("it"), "signed_url", found["it"])


FINDERS: dict[str, Callable[[str], Iterator[Found]]] = {
    "key": keys,
    "signed_url": signed_queries,
    "url_login": logins,
    "email": emails,
    "ein": numbers,
    "ssn": numbers,
}
"""The built-in rules in the order of precedence, where two find the same place."""
