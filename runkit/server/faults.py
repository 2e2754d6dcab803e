"""Fault injection: failures of the network or the server, described as data.

A fault applies to the next requests that match it, from any client. For each request, the first matching
limit, skew, delay and failure apply, in this order. The sandbox's own routes are exempt, so that faults can
always be cleared. Faults are not stored in the database.

Chance and jitter depend on the sandbox's seed: equal faults and requests in equal order give equal failures.

Body faults wrap the `send` of ASGI after the request was handled. A response is a start message with status
and headers, then its body: at once with a `content-length`, or event by event for a stream.
"""

from __future__ import annotations

import asyncio
import math
import os
import socket
import struct
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from email.utils import format_datetime, parsedate_to_datetime
from random import Random
from typing import Any, Literal, NamedTuple

from pydantic import BaseModel, Field, ValidationError
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from runkit.errors import UsageError
from runkit.server.businesses import Json
from runkit.server.web import MAX_BODY, errors

WINDOW_S = 1.0  # real seconds over which a limit counts
POLL_S = 0.1  # real seconds between checks of a waiting request for the end of the server
SECONDS = {"slow": 3.0, "restart": 3.0, "drip": 0.1}  # defaults
START_OF_STREAM = 4096  # bytes within which a stream is cut by default: a few events
MAX_BUFFER = 3  # events that are buffered to be reordered
RESET_ON_CLOSE = (socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("hh" if os.name == "nt" else "ii", 1, 0))
DEFAULTS: Json = {"on": "ANY /", "times": None}  # of a fault that a sandbox starts with


class Fault(BaseModel, extra="forbid", strict=True):
    """A failure of the next `times` requests to a path of the API that contains `on`.

    `times` None lasts until the faults are cleared. `on` may begin with a method or ANY, as in `GET /stream`;
    the default is POST. Each matching request fails with probability `chance`.

        limit       429 if `per_second` other requests passed within the last second; Retry-After says how
                    long to wait, unless `retry_after` is false. `times` counts the 429s.
        slow        waits for `seconds` (3), and up to `jitter` more, before handling the request
        skew        the `Date` of the response is off by `by` seconds, ahead or behind
        refuse      answers with `status`; Retry-After is `seconds`, if given
        drop        closes the connection (FIN) without handling the request
        reset       resets the connection (RST) without handling the request
        restart     drops all connections and refuses new ones for `seconds` (3), without handling the request
        lose_reply  handles the request and closes the connection
        cut         the same after `at` bytes of the body (default: half of it; early in a stream)
        garble      handles the request and sends half of the JSON as if complete, or half of each event
        drip        handles the request and sends the body byte by byte, `seconds` (0.1) apart
        duplicate   sends each event of a stream twice
        reorder     sends the events of a stream in another order

    All seconds are real ones. `duplicate` and `reorder` apply to streams only.
    """

    kind: Literal[
        "limit",
        "slow",
        "skew",
        "refuse",
        "drop",
        "reset",
        "restart",
        "lose_reply",
        "cut",
        "garble",
        "drip",
        "duplicate",
        "reorder",
    ]
    on: str = Field("/resume", pattern=r"^((GET|POST|ANY) )?/\S{0,200}$")
    times: int | None = Field(1, ge=1, le=1_000_000)
    chance: float = Field(1, gt=0, le=1)
    seconds: float | None = Field(None, ge=0, le=600)
    jitter: float = Field(0, ge=0, le=600)
    status: int = Field(503, ge=400, le=599)
    per_second: int = Field(20, ge=1, le=1_000_000)
    retry_after: bool = True
    at: int | None = Field(None, ge=0, le=1_000_000_000)
    by: float = Field(3600, ge=-1e9, le=1e9)

    def hits(self, scope: Scope) -> bool:
        """Whether a request matches."""
        method, _, fragment = self.on.rpartition(" ")
        path: str = scope["path"]
        is_method = method == "ANY" or scope.get("method") == (method or "POST")
        is_kind = self.kind not in ("duplicate", "reorder") or path.endswith("/stream")
        return is_method and is_kind and path.startswith("/v1/") and fragment in path


def parse_faults(
    faults: str | Iterable[str | Mapping[str, Any]], latency: float, limit: int | None
) -> list[Fault]:
    """Parse the faults that a sandbox starts with; by default they apply to every request, without end.

    Text is a kind, then optionally a method and a path, then fields: `refuse GET /runs status=502 times=3`.
    Raises `UsageError` for an invalid fault.
    """
    items: list[tuple[str, object]] = [
        (f"fault {one!r}: ", _fields(one) if isinstance(one, str) else one)
        for one in ([faults] if isinstance(faults, str) else faults)
    ]
    if limit is not None:
        items.append(("limit: ", {"kind": "limit", "per_second": limit}))
    if latency:
        items.append(("latency: ", {"kind": "slow", "seconds": latency}))
    return [_fault(name, fields) for name, fields in items]


def _fields(text: str) -> Json:
    words = [word.partition("=") for word in text.split()]
    kind, *on = [word for word, sign, _ in words if not sign] or [""]
    fault = {"kind": kind, "on": " ".join(on if on[1:] else ["ANY", *on])} if on else {"kind": kind}
    return fault | {name: None if value == "none" else value for name, sign, value in words if sign}


def _fault(name: str, fields: object) -> Fault:
    if not isinstance(fields, Mapping):
        raise UsageError(f"{name}expected text such as 'refuse status=502', or a mapping of its fields")
    try:
        return Fault.model_validate({**DEFAULTS, **fields}, strict=False)  # numbers may come as text
    except ValidationError as error:
        why = " / ".join(": ".join([*map(str, one["loc"]), one["msg"]]) for one in error.errors())
    raise UsageError(f"{name}{why}")


@dataclass(eq=False)
class _ActiveFault:
    """A fault, how often it still applies (None: always), its random numbers, and the passes of a limit."""

    fault: Fault
    left: int | None
    random: Random
    passed: deque[float] = field(default_factory=deque)

    def to_json(self) -> Json:
        return self.fault.model_dump() | {"times": self.left}

    def draw(self) -> bool:
        """Draw whether the fault applies."""
        return self.fault.chance == 1 or self.random.random() < self.fault.chance

    def seconds(self) -> float:
        seconds = self.fault.seconds
        seconds = SECONDS.get(self.fault.kind, 0.0) if seconds is None else seconds
        return seconds + self.random.random() * self.fault.jitter

    def seconds_to_wait(self) -> float:
        """Let a request pass a limit and return 0, or return the seconds until one may pass."""
        now = time.monotonic()
        while self.passed and self.passed[0] <= now - WINDOW_S:
            self.passed.popleft()
        if len(self.passed) < self.fault.per_second:
            self.passed.append(now)
            return 0.0
        return self.passed[0] + WINDOW_S - now


class FaultMiddleware:
    """ASGI middleware that injects the faults. It is near the outside, where it can close connections.

    `ended` returns whether the server is stopping; `restart` restarts it after some seconds.
    """

    def __init__(
        self, app: ASGIApp, seed: int, ended: Callable[[], bool], restart: Callable[[float], object]
    ) -> None:
        self.app, self.seed, self.ended, self.restart = app, seed, ended, restart
        self.active: list[_ActiveFault] = []
        self.count = 0

    def add(self, body: Fault) -> Json:
        """Add a fault after the active ones."""
        self.count += 1
        random = Random(f"{self.seed}/fault/{self.count}")  # noqa: S311 - failures that can be repeated
        self.active.append(_ActiveFault(body, body.times, random))
        return body.model_dump()

    def clear(self) -> Json:
        """Remove all faults, and return those that were still active."""
        removed, self.active = self.active, []
        return {"object": "list", "data": [one.to_json() for one in removed]}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or apply faults to it."""
        if not self.active or scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        limit = self._first(scope, "limit")
        if limit and (seconds := limit.seconds_to_wait()):
            self._count_hit(limit)
            await _too_many(limit.fault, seconds)(scope, receive, send)
            return
        skew, slow = self._first(scope, "skew"), self._first(scope, "slow")
        failure = self._first(scope, *FAILURES)
        for one in (skew, slow, failure):
            self._count_hit(one)
        connection = _Connection(receive, send)
        if slow:
            receive = await _read(receive)
            await self._wait(slow.seconds())
        if skew:
            send = skewed(send, skew.fault.by)
        if failure:
            await self._fail(failure, connection, scope, receive, send)
        else:
            await self.app(scope, receive, send)

    async def _fail(
        self, failure: _ActiveFault, connection: _Connection, scope: Scope, receive: Receive, send: Send
    ) -> None:
        kind, fault = failure.fault.kind, failure.fault
        if kind == "refuse":
            answer = errors(("refused (fault injected by the sandbox)", None), status=fault.status)
            if fault.seconds is not None:
                answer.headers["Retry-After"] = str(math.ceil(fault.seconds))
            await answer(scope, receive, send)
        elif kind in BODY_FAULTS:

            async def pause() -> None:
                await self._wait(0 if connection.transport.is_closing() else failure.seconds())

            context = BodyContext(send, fault.at, failure.random, connection.hang_up, pause)
            await self.app(scope, receive, BODY_FAULTS[kind](context))
        else:
            if kind == "lose_reply":
                await self.app(scope, receive, _discard)
            elif kind == "restart":
                self.restart(failure.seconds())
            await connection.hang_up(reset=kind == "reset")

    def _first(self, scope: Scope, *kinds: str) -> _ActiveFault | None:
        matching = (one for one in self.active if one.fault.kind in kinds and one.fault.hits(scope))
        return next((one for one in matching if one.draw()), None)

    def _count_hit(self, one: _ActiveFault | None) -> None:
        if one is not None and one.left is not None:
            one.left -= 1
            self.active = [other for other in self.active if other.left != 0]

    async def _wait(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0 and not self.ended():
            await asyncio.sleep(min(left, POLL_S))


def _too_many(limit: Fault, seconds: float) -> Response:
    """Make a 429 response; `Retry-After` is in whole seconds, as HTTP requires."""
    message = f"more than {limit.per_second} requests per second (fault injected by the sandbox)"
    answer = errors((message, None), status=429)
    if limit.retry_after:
        answer.headers["Retry-After"] = str(math.ceil(seconds))
    return answer


async def _read(receive: Receive) -> Receive:
    """Read the body now: uvicorn withholds it after a disconnect, and the request is still to be handled."""
    messages = [await receive()]
    size = len(messages[0].get("body", b""))
    while messages[-1].get("more_body") and size <= MAX_BODY:
        messages.append(await receive())
        size += len(messages[-1].get("body", b""))

    async def replay() -> Message:
        return messages.pop(0) if messages else await receive()

    return replay


async def _discard(message: Message) -> None:
    """Send nothing."""


class _Connection:
    """The connection of one request in uvicorn."""

    def __init__(self, receive: Receive, send: Any) -> None:
        self.receive, self.transport = receive, send.__self__.transport

    async def hang_up(self, *, reset: bool = False) -> None:
        """Close the connection, and wait until uvicorn has noticed; otherwise it would answer with a 500."""
        if reset:
            self.transport.get_extra_info("socket").setsockopt(*RESET_ON_CLOSE)
            self.transport.abort()
        else:
            self.transport.close()
        while (await self.receive())["type"] != "http.disconnect":
            pass


# -- body faults


class BodyContext(NamedTuple):
    """What a body fault needs: the `send` of ASGI, its options, and ways to disconnect and to wait."""

    send: Send
    at: int | None
    random: Random
    hang_up: Callable[[], Awaitable[None]]
    pause: Callable[[], Awaitable[None]]


def skewed(send: Send, by: float) -> Send:
    """Shift the `Date` header by some seconds."""

    async def send_skewed(message: Message) -> None:
        headers = MutableHeaders(raw=message.get("headers", []))
        if "date" in headers:
            wrong = parsedate_to_datetime(headers["date"]) + timedelta(seconds=by)
            headers["date"] = format_datetime(wrong, usegmt=True)
        await send(message)

    return send_skewed


def cut(context: BodyContext) -> Send:
    """Close the connection after some bytes of the body."""
    left = 0

    async def send_cut(message: Message) -> None:
        nonlocal left
        if message["type"] == "http.response.start":
            length = _length(message)
            half = context.random.randrange(START_OF_STREAM) if length is None else length // 2
            left = half if context.at is None else context.at
            await context.send(message)
            return
        body, is_last = message.get("body", b""), not message.get("more_body")
        if left > len(body) or (left == len(body) and is_last):
            left -= len(body)
            await context.send(message)
        elif left >= 0:
            await context.send(_piece(body[:left]))
            left = -1
            await context.hang_up()

    return send_cut


def garble(context: BodyContext) -> Send:
    """Send half of the JSON as if it were complete, or half of each event of a stream."""
    half: int | None = None

    async def send_garbled(message: Message) -> None:
        nonlocal half
        if message["type"] == "http.response.start":
            length = _length(message)
            if length is not None:
                half = length // 2
                MutableHeaders(scope=message)["content-length"] = str(half)
            await context.send(message)
            return
        body = message.get("body", b"")
        body = body[: len(body) // 2] + b"\n\n" if half is None else body[:half]
        await context.send({**message, "body": body})

    return send_garbled


def drip(context: BodyContext) -> Send:
    """Send the body byte by byte, with a pause before each."""

    async def send_slowly(message: Message) -> None:
        for byte in message.get("body", b""):
            await context.pause()
            await context.send(_piece(bytes((byte,))))
        await context.send({**message, "body": b""} if "body" in message else message)

    return send_slowly


def duplicate(context: BodyContext) -> Send:
    """Send each event twice."""

    async def send_twice(message: Message) -> None:
        if message.get("body"):
            await context.send(_piece(message["body"]))
        await context.send(message)

    return send_twice


def reorder(context: BodyContext) -> Send:
    """Buffer events and send them in another order."""
    buffer: list[bytes] = []

    async def send_shuffled(message: Message) -> None:
        is_last = not message.get("more_body")
        if message["type"] == "http.response.start":
            await context.send(message)
            return
        buffer.append(message.get("body", b""))
        while buffer and (is_last or len(buffer) > MAX_BUFFER or context.random.random() < 0.5):
            await context.send(_piece(buffer.pop(context.random.randrange(len(buffer)))))
        if is_last:
            await context.send({**message, "body": b""})

    return send_shuffled


BODY_FAULTS: dict[str, Callable[[BodyContext], Send]] = {
    "cut": cut,
    "garble": garble,
    "drip": drip,
    "duplicate": duplicate,
    "reorder": reorder,
}
FAILURES = ("refuse", "drop", "reset", "restart", "lose_reply", *BODY_FAULTS)


def _length(start: Message) -> int | None:
    length = Headers(raw=start["headers"]).get("content-length")
    return None if length is None else int(length)


def _piece(body: bytes) -> Message:
    return {"type": "http.response.body", "body": body, "more_body": True}
