"""A key or a password: how it is held, and how it is blotted out of what others say.

The value lives in a closure and in no attribute or slot, so that `vars`, `inspect`, debuggers' lists and
tracebacks with locals find a `Secret` and not what it keeps. What a server or a proxy says may repeat what it
was sent; such text passes `blot` before anybody sees it.
"""

from __future__ import annotations

import logging
import re
import threading
import traceback
import weakref
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from functools import cache

from runkit.encodings import URLSAFE, in_base32, in_base64

HIDDEN = "***"
SHORTEST = 8  # characters; what is shorter is found in ordinary words, and is no secret worth the name
_LIKE_A_KEY = re.compile(r"mk_(?:live|test)_[^\s\"'<>,;]+")
_NAMED = {"&": b"amp", "<": b"lt", ">": b"gt", '"': b"quot", "'": b"apos"}
_LOGGERS = ("httpx", *(f"httpcore.{part}" for part in ("connection", "http11", "http2", "proxy", "socks")))
_alive: weakref.WeakSet[Secret] = weakref.WeakSet()
_lock = threading.Lock()  # a set that grows cannot be iterated


class Secret:
    """A secret that shows itself to nobody: no repr, no str, no pickle.

    `reveal()` gives the value, for the header of a request and nothing else. `blot_bytes` puts stars for it
    in what came from outside, also where it is written with per cent signs, escapes of JSON or HTML, in
    base64, base32 or hexadecimal digits, or backwards. A value of fewer than 8 characters is left where it
    stands, and so is one that is split, encrypted or encoded twice.
    """

    __slots__ = ("__weakref__", "blot_bytes", "reveal")
    blot_bytes: Callable[[bytes], bytes]
    reveal: Callable[[], str]

    def __init__(self, value: str) -> None:
        self.reveal = lambda: value
        self.blot_bytes = _blotter(value)
        with _lock:
            _alive.add(self)
        _watch_logs()

    def blot(self, text: str) -> str:
        """Blot out this secret, and whatever looks like a key of Middesk, in a text from outside."""
        return _blotted(text, self)

    def __repr__(self) -> str:
        return repr(HIDDEN)

    def __reduce__(self) -> str:
        raise TypeError("a key is not pickled")


def forget(error: BaseException) -> None:
    """Empty the frames of an error, and of those behind it, that are no longer executed.

    What was on its way out stands in their local variables: headers, and the key in them.
    """
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        one = waiting.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        traceback.clear_frames(one.__traceback__)
        waiting += [one.__cause__, one.__context__]
        waiting += one.exceptions if isinstance(one, BaseExceptionGroup) else []


@contextmanager
def forgetting() -> Iterator[None]:
    """Forget, of an error that leaves, what stood in its frames within."""
    try:
        yield
    except BaseException as error:
        forget(error)
        raise


def _blotted(text: str, *secrets: Secret) -> str:
    """Blot out secrets, and then what looks like a key: of an odd one that would leave the end."""
    plain = text.encode("utf-8", "surrogatepass")
    for secret in secrets:
        plain = secret.blot_bytes(plain)
    return _LIKE_A_KEY.sub(HIDDEN, plain.decode("utf-8", "surrogatepass"))


def _blotter(value: str) -> Callable[[bytes], bytes]:
    """Give what blots a value out; its pattern is made when something looks as if it was needed."""
    if len(value) < SHORTEST:
        return lambda text: text
    plain = value.encode("utf-8", "surrogatepass")
    packed = in_base64(plain)
    backwards, digits, thirties = plain[::-1], plain.hex().encode(), in_base32(plain)
    forms = {plain, backwards, *packed, *(one.translate(URLSAFE) for one in packed)}
    forms |= {case(one) for one in (digits, *thirties) for case in (bytes.lower, bytes.upper)}
    hint = _hint({*plain, *(byte for one in packed for byte in one if byte in b"+/")})

    @cache
    def pattern() -> re.Pattern[bytes]:
        ways = [_spelt(plain), _spelt(backwards), rb"(?i:%s)" % digits]
        ways += [_EDGE + _spelt(one) + _END for one in packed]
        ways += [rb"%s(?i:%s)%s" % (_EDGE, one, _END) for one in thirties]
        return re.compile(b"|".join(ways))

    def blot(text: bytes) -> bytes:
        is_there = any(one in text for one in forms)
        return pattern().sub(HIDDEN.encode(), text) if is_there or hint.search(text) else text

    return blot


_ESCAPED = rb"[%%\\&](?:%s)"
_EDGE = rb"[A-Za-z0-9+/_-]?"  # a sign that only a part of the value decides
_END = _EDGE + rb"(?:=|%3[dD]){0,6}"


def _spelt(plain: bytes) -> bytes:
    """Match bytes of which any may be escaped."""
    ways = ((_sign(byte), _ESCAPED % _escape(byte), *([b"[-_]"] if byte in b"+/" else [])) for byte in plain)
    return b"".join(b"(?:%s)" % b"|".join(one) for one in ways)


def _escape(byte: int) -> bytes:
    """Match what follows the first sign of an escape in addresses, JSON, Python and HTML: `6D`, `u006d`."""
    digits = b"".join(b"[%c%c]" % (one, one ^ 32) if one > 57 else b"%c" % one for one in b"%02x" % byte)
    ways = [rb"(?:u00|x|u\{|(?:25){1,3})?%s\}?|#0{0,5}%d;?|#[xX]0{0,5}%s;?" % (digits, byte, digits)]
    ways += [_sign(byte)] if chr(byte) in "\\\"'/" else []
    return b"|".join([*ways, *([b"%s;" % _NAMED[chr(byte)]] if chr(byte) in _NAMED else [])])


def _hint(signs: Collection[int]) -> re.Pattern[bytes]:
    """Match any of some bytes that stands there escaped, which ordinary text has little reason to.

    Every answer is searched for it, so this says what `_escape` says, but in few alternatives.
    """
    seconds: dict[str, str] = defaultdict(str)
    for first, second in (divmod(byte, 16) for byte in signs):
        seconds[f"{first:x}{first:X}"] += f"{second:x}{second:X}"
    digits = "|".join(f"[{first}][{second}]" for first, second in seconds.items())
    numbers = "|".join(map(str, signs))
    ways = [rf"%(?:25){{0,3}}(?:{digits})", rf"\\(?:u00|x|u\{{)(?:{digits})", rf"&#0{{0,5}}(?:{numbers})"]
    ways += [rf"&#[xX]0{{0,5}}(?:{digits})"]
    ways += [rf"\\{re.escape(sign)}" for sign in "\\\"'/" if ord(sign) in signs]
    ways += [f"&{name.decode()};" for sign, name in _NAMED.items() if ord(sign) in signs]
    return re.compile("|".join(ways).encode())


def _sign(byte: int) -> bytes:
    return re.escape(b"%c" % byte)


class _Blot(logging.Filter):
    """Takes what is secret out of the lines of a library that logs what servers say."""

    def filter(self, record: logging.LogRecord) -> bool:
        with _lock:
            secrets = list(_alive)
        said = record.getMessage()
        text = _blotted(said, *secrets)
        if text != said:
            record.msg, record.args = text, ()
        return True


@cache
def _watch_logs() -> None:
    """At DEBUG httpcore logs each answer's headers, and httpx the words beside a status."""
    for name in _LOGGERS:
        logging.getLogger(name).addFilter(_Blot())
