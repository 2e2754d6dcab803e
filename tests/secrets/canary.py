"""A key that must show up nowhere, and how to look for it."""

from __future__ import annotations

import pickle
import traceback
from collections.abc import Iterator

CANARY = "mk_test_c4n4ry/Zq7+w5~x"  # no character that JSON, HTML or `repr` would escape
PLAIN = "mk_test_canary_5f1c9a7e0b"  # nor any that an address would
ODD = "mk_test_c4n4ry/Zq7+w5\\x'9\"&<~"  # as odd as a key may be: ASCII without spaces


def found_in(text: str | bytes, *secrets: str) -> list[str]:
    """Where the secrets stand in a text: what is before them."""
    text = text if isinstance(text, str) else text.decode("latin-1")
    wanted = [secret for secret in secrets or (CANARY, PLAIN) if secret in text]
    return [f"{one[:6]}… after …{text[max(0, text.index(one) - 80) : text.index(one)]}…" for one in wanted]


def chained(error: BaseException | None) -> Iterator[BaseException]:
    """An error and all that it came from."""
    waiting, seen = [error], set()
    while waiting:
        one = waiting.pop()
        if one is not None and id(one) not in seen:
            seen.add(id(one))
            yield one
            waiting += [one.__cause__, one.__context__, *getattr(one, "exceptions", ())]


def told_by(error: BaseException) -> str:
    """All that an error says: its text, traceback, arguments, attributes and pickle, and those behind it."""
    told = "".join(traceback.format_exception(error))
    for one in chained(error):
        told += f"{one} {one!r} {one.args!r} {vars(one)!r}"
    return told + repr(pickle.dumps(error))
