"""The last look at a finished file, which finds a masked value or the key that still stands in it."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterator
from functools import cache
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from runkit.encodings import LEAST, spellings
from runkit.reports.masker import Masker
from runkit.reports.readings import HTML, JSON, URL, Escapes
from runkit.reports.rules import LIKE_A_KEY, stands_alone

BREAK = "\n\x00\n"  # stands where an exempt block was, so that nothing joins over it; no value holds it
SHORT = 4  # characters; what is shorter is looked for as a whole word only
SHORTEST_LINE = 8  # characters; a notebook keeps a text line by line, so long lines of a value count alone
# What is undone, the outermost first: a page holds JSON and addresses in HTML, a notebook the page in JSON.
CHAINS = ("", "J", "H", "U", "HJ", "HU", "HH", "JJ", "JH", "JU", "UU", "JHJ", "JHU", "HJU", "HJJ")
_ESCAPES = {"J": JSON, "H": HTML, "U": URL}
_AROUND = 1_000  # bytes on either side of a number, enough to see what it is part of
_TABLE_BITS = 20  # of the table that says whether four bytes may begin a value; 1 MB fits into a CPU's cache
_SPREAD = np.uint32(2_654_435_761)  # Knuth's multiplier: spreads four bytes over the table

Codes = NDArray[np.unsignedinteger]
Places = NDArray[np.signedinteger]


class _Sought(NamedTuple):
    """A value to look for: its bytes, what it counts as, and whether it must stand alone to count."""

    text: bytes
    rule: str
    value: str
    is_number: bool


def leaks(document: str, masker: Masker, *, exempt: Collection[str] = ()) -> dict[str, int]:
    """Count what `standing` finds, by rule; empty if the file is clean."""
    return {rule: len(values) for rule, values in standing(document, masker, exempt=exempt).items()}


def standing(document: str, masker: Masker, *, exempt: Collection[str] = ()) -> dict[str, set[str]]:
    """Search a finished file for what was masked; gives rule -> the values that stand in it.

    Looks for `masker.sought` and for whatever looks like an API key, without regard to case: as it is, and
    as JSON, HTML, URLs and each in another write it. Values of 9 bytes and more are looked for in base64,
    base64url and hexadecimal digits, too, wherever in longer data they are; what is shorter would be found by
    chance. `exempt` are blocks of known text that are taken out.
    """
    for block in filter(None, exempt):
        document = document.replace(block, BREAK)
    sought = [one for value, rule in masker.sought.items() for one in _ways(value, rule)]
    long = [one for one in sought if len(one.text) >= SHORT]
    short = [one for one in sought if len(one.text) < SHORT]
    found: dict[str, set[str]] = defaultdict(set)
    for text in _readings(document):
        for key in LIKE_A_KEY.findall(text):
            found["key"].add(key.casefold())
        folded = text.casefold()
        for one in _standing(folded.encode("utf-8", "surrogatepass"), long):
            found[one.rule].add(one.value.casefold())
        for one in short:
            if re.search(rf"(?<!\w){re.escape(one.text.decode())}(?!\w)", folded):
                found[one.rule].add(one.value.casefold())
    return dict(found)


def _ways(value: str, rule: str) -> Iterator[_Sought]:
    """Give the ways to look for a value: its lines, and its bytes in other signs."""
    for line in _lines(value):
        yield _Sought(line.casefold().encode("utf-8", "surrogatepass"), rule, value, rule in ("ein", "ssn"))
    plain = value.encode("utf-8", "surrogatepass")
    for spelling in spellings(plain) if len(plain) >= LEAST else ():
        yield _Sought(spelling.lower(), rule, value, False)


def _lines(value: str) -> list[str]:
    lines = [line for line in value.splitlines() if len(line) >= SHORTEST_LINE]
    return [value] if len(value.splitlines()) < 2 else [value, *lines]


def _readings(document: str) -> Iterator[str]:
    """Give the document with its escapes undone, each different text once."""

    @cache
    def reading(chain: str) -> str:
        return _undone(reading(chain[:-1]), _ESCAPES[chain[-1]]) if chain else document

    seen: set[str] = set()
    for chain in CHAINS:
        text = reading(chain)
        if text not in seen:
            seen.add(text)
            yield text


def _undone(text: str, escapes: Escapes) -> str:
    if escapes is URL:
        text = text.replace("+", " ")  # as forms write a blank
    return escapes.written.sub(escapes.read, text) if escapes.hint in text else text


def _standing(data: bytes, sought: list[_Sought]) -> Iterator[_Sought]:
    """Find which of many values stand in `data`, all at one time.

    Four bytes are one number. Where the first four of any value may stand is looked up for all places at
    once; there, the last four are compared, and only what is left is looked at one by one.
    """
    if len(data) < SHORT or not sought:
        return
    codes = _codes(data)
    heads = np.array([_codes(one.text[:4])[0] for one in sought])
    wanted = np.unique(heads)
    table = np.zeros(1 << _TABLE_BITS, bool)
    table[_slots(wanted)] = True
    places = np.flatnonzero(table[_slots(codes)])
    places = places[np.isin(codes[places], wanted)]
    order = np.argsort(codes[places], kind="stable")
    places = places[order]
    ends = np.searchsorted(codes[places], wanted, side="right")
    by_head = {
        int(head): places[start:end]
        for head, (start, end) in zip(wanted, pairwise([0, *ends.tolist()]), strict=True)
    }
    for one, head in zip(sought, heads, strict=True):
        if _stands(data, codes, by_head[int(head)], one):
            yield one


def _stands(data: bytes, codes: Codes, places: Places, one: _Sought) -> bool:
    if not len(places):
        return False
    size = len(one.text)
    places = places[places <= len(data) - size]
    tail = _codes(one.text[-4:])[0]
    return any(
        data[at : at + size] == one.text and (not one.is_number or _counts(data, at, at + size))
        for at in places[codes[places + size - 4] == tail].tolist()
    )


def _codes(data: bytes) -> Codes:
    signs = np.frombuffer(data, np.uint8).astype(np.uint32)
    codes: Codes = (signs[:-3] | signs[1:-2] << 8 | signs[2:-1] << 16 | signs[3:] << 24).astype(np.uint32)
    return codes


def _slots(codes: Codes) -> Codes:
    slots: Codes = (codes * _SPREAD) >> np.uint32(32 - _TABLE_BITS)
    return slots


def _counts(data: bytes, start: int, end: int) -> bool:
    """Whether it is the number, and no other one or id that holds the same digits."""
    before = data[max(start - _AROUND, 0) : start].decode("utf-8", "ignore")
    value = data[start:end].decode("utf-8", "ignore")
    after = data[end : end + _AROUND].decode("utf-8", "ignore")
    return stands_alone(before + value + after, len(before), len(before) + len(value))
