"""Text in other signs: what a word in base64 or hexadecimal digits says, and how a value looks in such."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterator
from itertools import chain
from typing import NamedTuple

LEAST = 9  # bytes: a tax number, 12 signs of base64 and 18 of hex. Fewer stand by chance in other words
URLSAFE = bytes.maketrans(b"+/", b"-_")
_STANDARD = str.maketrans("-_", "+/")
# How a word begins that is UTF-8: one byte of ASCII and then none that goes on, or two bytes of one sign.
_BEGINS = re.compile(
    r"(?<![A-Za-z0-9])(?=(?:[CDI-Za-f][^I-LY-bo-r4-7]|[w-z0-9][I-LY-bo-r4-7])[A-Za-z0-9+/_-]{10})"
)
_HEX_HINT = re.compile("[0-9a-fA-F]{18}")
_HEX = re.compile(
    r"(?<![A-Za-z0-9])(?:0?[xX])?(?P<digits>(?:(?:[2-7][0-9a-fA-F]|0[9aAdD])(?![89abAB])|[c-fC-F][0-9a-fA-F](?=[89abAB]))"
    r"[0-9a-fA-F]{16,})(?![A-Za-z0-9])"
)
# A line of 60 signs or more may go on in the next one, as in mails.
_BASE64 = [
    re.compile(rf"[A-Za-z0-9{more}]{{12,}}(?:(?<=[A-Za-z0-9{more}]{{60}})\r?\n[A-Za-z0-9{more}]+)*={{0,2}}")
    for more in ("+/", "_-", "")
]
_NO_TEXT = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")


class Word(NamedTuple):
    """A word that is text in other signs: where it stands, and what it says."""

    start: int
    end: int
    says: str


def words(text: str) -> Iterator[Word]:
    """Find words in base64, base64url or hexadecimal digits that say a text of 9 bytes or more.

    Pictures, digests, ids and ordinary words are none: their bytes are no UTF-8, or hold controls.
    """
    for place, data in chain(_base64(text), _hex(text)):
        try:
            says = data.decode()
        except UnicodeDecodeError:
            continue
        if not _NO_TEXT.search(says):
            yield Word(*place, says)


def _base64(text: str) -> Iterator[tuple[tuple[int, int], bytes]]:
    """Read a word in each alphabet that it may be of: a path or a name may stand in front of it."""
    ends = [0] * len(_BASE64)  # nothing is read twice, however many words may begin in it
    for begins in _BEGINS.finditer(text):
        places = set()
        for n, alphabet in enumerate(_BASE64):
            if begins.start() >= ends[n] and (found := alphabet.match(text, begins.start())):
                ends[n] = found.end()
                places.add(found.span())
        for start, end in places:
            signs = "".join(text[start:end].split()).rstrip("=").translate(_STANDARD)
            signs = signs[: len(signs) - (len(signs) % 4 == 1)]  # what was cut off
            yield (start, end), base64.b64decode(signs + "=" * (-len(signs) % 4))


def _hex(text: str) -> Iterator[tuple[tuple[int, int], bytes]]:
    for found in _HEX.finditer(text) if _HEX_HINT.search(text) else ():
        if len(found["digits"]) % 2 == 0:
            yield found.span(), bytes.fromhex(found["digits"])


def spellings(plain: bytes) -> set[bytes]:
    """Give the signs of a value at any place in base64, base64url or hexadecimal digits."""
    packed = in_base64(plain)
    return {*packed, *(one.translate(URLSAFE) for one in packed), plain.hex().encode()}


def in_base64(plain: bytes) -> list[bytes]:
    """Give the signs of base64 that a value alone decides, at each of its three places in longer data."""
    return [_own(base64.b64encode, 6, plain, before) for before in range(3)]


def in_base32(plain: bytes) -> list[bytes]:
    """Give the signs of base32 that a value alone decides, at each of its five places in longer data."""
    return [_own(base64.b32encode, 5, plain, before) for before in range(5)]


def _own(encode: Callable[[bytes], bytes], bits: int, plain: bytes, before: int) -> bytes:
    """Leave out the signs that the `before` bytes in front, or what follows, have a part in."""
    first, last = 8 * before, 8 * (before + len(plain))
    return encode(bytes(before) + plain)[-(-first // bits) : last // bits]
