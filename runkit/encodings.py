"""Text in other signs: what a word in base64 or hexadecimal digits says, and how a value looks in such."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

LEAST = 9  # bytes: a tax number. Of less, the signs are found by chance, and so is text in ordinary words
URLSAFE = bytes.maketrans(b"+/", b"-_")
_SIGNS = r"[A-Za-z0-9+/_-]"
# A line of 60 signs or more may go on in the next one, as in mails.
_WORD = re.compile(rf"{_SIGNS}{{12,}}(?:(?<={_SIGNS}{{60}})\r?\n{_SIGNS}+)*={{0,2}}")
_PARTS = [re.compile(rf"[A-Za-z0-9{more}]{{12,}}={{0,2}}") for more in ("+/", "_-", "")]
_HEX = re.compile(r"(?:0[xX])?((?:[0-9a-fA-F]{2})+)")
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
    for whole in _WORD.finditer(text):
        places = {whole.span()}
        if not whole[0].isalnum():  # a path, or words with a sign between, and one of them is meant
            places |= {part.span() for parts in _PARTS for part in parts.finditer(text, *whole.span())}
        for start, end in sorted(places):
            for data in _read(text[start:end]):
                if (says := _text(data)) is not None:
                    yield Word(start, end, says)


def _read(word: str) -> Iterator[bytes]:
    """Give the bytes that a word stands for; of base64 that was cut off, what is whole."""
    if found := _HEX.fullmatch(word):
        yield bytes.fromhex(found[1])
    signs = "".join(word.split()).rstrip("=").translate(_STANDARD)
    signs = signs[:-1] if len(signs) % 4 == 1 else signs
    yield base64.b64decode(signs + "=" * (-len(signs) % 4))


_STANDARD = str.maketrans("-_", "+/")


def _text(data: bytes) -> str | None:
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return None
    return None if _NO_TEXT.search(text) else text


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
