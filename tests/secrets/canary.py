"""A key that must show up nowhere, and how to look for it: in every spelling, wherever an object leads."""

from __future__ import annotations

import base64
import html
import json
import traceback
from collections.abc import Iterator
from types import FunctionType, MethodType, ModuleType
from typing import Any
from urllib.parse import quote, quote_plus

CANARY = "mk_test_c4n4ry/Zq7+w5\\x'9\"&<~"  # as odd as a key may be: ASCII without spaces
PLAIN = "mk_test_canary_5f1c9a7e0b"


def spellings(secret: str) -> set[str]:
    """The ways in which a secret may be written down."""
    found = {
        secret,
        quote(secret, safe=""),
        quote(secret),
        quote_plus(secret).lower(),
        "".join(f"%{ord(sign):02x}" for sign in secret),
        json.dumps(secret)[1:-1],
        "".join(f"\\u{ord(sign):04x}" for sign in secret),
        "".join(f"&#{ord(sign)};" for sign in secret),
        repr(secret)[1:-1],
        repr(secret.encode())[2:-1],
        html.escape(secret),
        secret[::-1],
        secret.encode().hex(),
        secret.encode().hex().upper(),
    }
    for before in range(5):
        packed = base64.b32encode(b"x" * before + secret.encode()).decode()
        mine = packed[-(-8 * before // 5) : 8 * (before + len(secret)) // 5]
        found |= {mine, mine.lower()}
    for before in ("", "x", "xx"):
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            packed = encode((before + secret).encode()).decode()
            mine = packed[
                -(-8 * len(before) // 6) : 8 * len(before + secret) // 6
            ]  # no sign shared with others
            found |= {mine, quote(mine, safe="")}
    return found


def found_in(text: str | bytes, *secrets: str) -> list[str]:
    """The spellings of the secrets that stand in a text, shortened."""
    text = text if isinstance(text, str) else text.decode("latin-1")
    wanted = [spelling for secret in secrets or (CANARY, PLAIN) for spelling in spellings(secret)]
    return [f"{one[:6]}… ({len(one)} signs) in …{_around(text, one)}…" for one in wanted if one in text]


def _around(text: str, spelling: str) -> str:
    at = text.index(spelling)
    return text[max(0, at - 80) : at]


def chained(error: BaseException | None) -> Iterator[BaseException]:
    """An error and all that it came from."""
    waiting, seen = [error], set()
    while waiting:
        one = waiting.pop()
        if one is not None and id(one) not in seen:
            seen.add(id(one))
            yield one
            waiting += [one.__cause__, one.__context__, *getattr(one, "exceptions", ())]


def told_by(error: BaseException, *, skip: int = 1) -> str:
    """All that a log, a notebook or a debugger shows of an error; `skip` frames of the test know it."""
    trace = error.__traceback__
    for _ in range(skip):
        trace = trace.tb_next if trace else None
    told = "".join(traceback.TracebackException(type(error), error, trace, capture_locals=True).format())
    for one in chained(error):
        told += f"{one} {one!r} {one.args!r} {vars(one)!r}"
    while trace is not None:
        told += "".join(reachable(dict(trace.tb_frame.f_locals)))
        trace = trace.tb_next
    return told


def reachable(root: Any, most: int = 50_000) -> Iterator[str]:
    """Every text that attributes, slots and containers lead to from an object; closures do not."""
    waiting, seen = [root], set()
    while waiting and len(seen) < most:
        one = waiting.pop()
        if id(one) in seen or isinstance(one, ModuleType | FunctionType | MethodType | type):
            continue
        seen.add(id(one))
        if isinstance(one, str):
            yield one
        elif isinstance(one, bytes | bytearray):
            yield bytes(one).decode("latin-1")
        elif isinstance(one, dict):
            waiting += [*one.keys(), *one.values()]
        elif isinstance(one, list | tuple | set | frozenset):
            waiting += one
        else:
            waiting += vars(one).values() if hasattr(one, "__dict__") else []
            slots = (name for kind in type(one).__mro__ for name in _names(kind))
            waiting += [getattr(one, name) for name in slots if hasattr(one, name)]


def _names(kind: type) -> list[str]:
    names = kind.__dict__.get("__slots__", ())
    names = [names] if isinstance(names, str) else list(names)
    return [name for name in names if name not in ("__dict__", "__weakref__") and not name.startswith("__")]
