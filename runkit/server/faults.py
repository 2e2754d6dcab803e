"""Fault injection: failures of the network or the server, described as data.

A fault applies to the next requests that match it, from any client. For each request, the first matching
limit, skew, delay and failure apply, in this order. The sandbox's own routes are exempt, so that faults can
always be cleared.

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
from random import Random
from typing import TYPE_CHECKING, Any, Literal, get_args

from pydantic import BaseModel, Field, PrivateAttr, ValidationError
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from runkit.errors import UsageError
from runkit.server.scenarios import Json
from runkit.server.state import POLL_S
from runkit.server.web import error_response, reasons

if TYPE_CHECKING:
    from runkit.server.app import Backend

Failure = Literal["refuse", "drop", "reset", "restart", "lose_reply"]
BodyKind = Literal["cut", "garble", "drip", "duplicate", "reorder"]
Kind = Literal["limit", "slow", "skew", Failure, BodyKind]
BODY_KINDS = get_args(BodyKind)
FAILURES = (*get_args(Failure), *BODY_KINDS)
WINDOW_S = 1.0  # real seconds over which a limit counts
SECONDS = {"slow": 3.0, "restart": 3.0, "drip": 0.1}  # defaults
START_OF_STREAM = 4096  # bytes within which a stream is cut by default: a few events
MAX_BUFFER = 3  # events that are buffered to be reordered
RESET_ON_CLOSE = (socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("hh" if os.name == "nt" else "ii", 1, 0))
Wait = Callable[[float], Awaitable[None]]
HangUp = Callable[[], Awaitable[None]]
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

    kind: Kind
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
    _random: Random = PrivateAttr()
    _passed: deque[float] = PrivateAttr(default_factory=deque)  # when a limit let requests pass

    def applies(self, scope: Scope) -> bool:
        """Draw whether it applies to a request."""
        return self._matches(scope) and (self.chance == 1 or self._random.random() < self.chance)

    def _matches(self, scope: Scope) -> bool:
        method, _, fragment = self.on.rpartition(" ")
        path: str = scope["path"]
        is_method = method == "ANY" or scope["method"] == (method or "POST")
        is_kind = self.kind not in ("duplicate", "reorder") or path.endswith("/stream")
        return is_method and is_kind and path.startswith("/v1/") and fragment in path

    def duration(self) -> float:
        """Draw how many seconds it lasts."""
        seconds = SECONDS.get(self.kind, 0.0) if self.seconds is None else self.seconds
        return seconds + self._random.random() * self.jitter

    def seconds_to_wait(self) -> float:
        """Let a request pass a limit and return 0, or return the seconds until one may pass."""
        now = time.monotonic()
        while self._passed and self._passed[0] <= now - WINDOW_S:
            self._passed.popleft()
        if len(self._passed) < self.per_second:
            self._passed.append(now)
            return 0.0
        return self._passed[0] + WINDOW_S - now


def parse_faults(
    faults: str | Iterable[str | Mapping[str, Any]], latency: float, limit: int | None
) -> list[Fault]:
    """Parse the faults that a sandbox starts with; by default they apply to every request, without end.

    Text is a kind, then optionally a method and a path, then fields: `refuse GET /runs status=502 times=3`.
    Raises `UsageError` for an invalid fault.
    """
    parsed = [_parse(fault) for fault in ([faults] if isinstance(faults, str) else faults)]
    if limit is not None:
        parsed.append(Fault(kind="limit", per_second=limit, **DEFAULTS))
    if latency:
        parsed.append(Fault(kind="slow", seconds=latency, **DEFAULTS))
    return parsed


def _parse(fault: object) -> Fault:
    fields = fault
    if isinstance(fault, str):
        kind, *on = [word for word in fault.split() if "=" not in word] or [""]
        fields = {"kind": kind} | dict(word.split("=", 1) for word in fault.split() if "=" in word)
        if on:
            fields["on"] = " ".join(on if on[1:] else ["ANY", *on])
    if not isinstance(fields, Mapping):
        raise UsageError(f"fault {fault!r}: expected text such as 'refuse status=502', or its fields")
    try:
        # numbers may come as text
        return Fault.model_validate({**DEFAULTS, **fields}, strict=False)
    except ValidationError as error:
        raise UsageError(f"fault {fault!r}: {reasons(error)}") from None


class FaultMiddleware:
    """ASGI middleware that injects the faults. `request.state.transport` is the connection."""

    def __init__(self, app: ASGIApp, backend: Backend) -> None:
        self.app, self.backend = app, backend
        self.active: list[Fault] = []
        self.count = 0

    def add(self, fault: Fault) -> None:
        """Add a fault after the active ones."""
        self.count += 1
        fault._random = Random(f"{self.backend.store.seed}/fault/{self.count}")  # noqa: S311 - repeatable
        self.active.append(fault)

    def clear(self) -> list[Json]:
        """Remove all faults, and return those that were still active."""
        removed, self.active = self.active, []
        return [fault.model_dump() for fault in removed]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or apply faults to it."""
        limit = self._first(scope, "limit")
        if limit and (seconds := limit.seconds_to_wait()):
            self._count(limit)
            message = f"more than {limit.per_second} requests per second"
            app = _refusal(429, message, seconds if limit.retry_after else None)
            await app(scope, receive, send)
            return
        skew, slow = self._first(scope, "skew"), self._first(scope, "slow")
        failure = self._first(scope, *FAILURES)
        for one in (skew, slow, failure):
            self._count(one)
        if slow:
            receive = await _read(receive)
            await self._wait(slow.duration())
        if skew:
            scope["state"]["skew"] = round(skew.by * 1000)
        if failure:
            await self._fail(failure, scope, receive, send)
        else:
            await self.app(scope, receive, send)

    def _first(self, scope: Scope, *kinds: str) -> Fault | None:
        return next((one for one in self.active if one.kind in kinds and one.applies(scope)), None)

    def _count(self, fault: Fault | None) -> None:
        if fault is not None and fault.times is not None:
            fault.times -= 1
            self.active = [one for one in self.active if one.times != 0]

    async def _fail(self, fault: Fault, scope: Scope, receive: Receive, send: Send) -> None:
        kind, transport = fault.kind, scope["state"]["transport"]

        async def hang_up() -> None:
            """Close the connection, and wait until uvicorn has noticed; otherwise it would answer 500."""
            if kind == "reset":
                transport.get_extra_info("socket").setsockopt(*RESET_ON_CLOSE)
                transport.abort()
            transport.close()
            while (await receive())["type"] != "http.disconnect":
                pass

        if kind == "refuse":
            await _refusal(fault.status, "refused", fault.seconds)(scope, receive, send)
        elif kind in BODY_KINDS:
            await self.app(scope, receive, _BodySender(fault, send, self._wait, hang_up))
        else:
            if kind == "lose_reply":
                await self.app(scope, receive, _discard)
            elif kind == "restart":
                self.backend.restart(fault.duration())
            await hang_up()

    async def _wait(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0 and not self.backend.is_stopping():
            await asyncio.sleep(min(left, POLL_S))


def _refusal(status: int, message: str, retry_after: float | None) -> ASGIApp:
    """Make an error response; `Retry-After` is in whole seconds, as HTTP requires."""
    headers = None if retry_after is None else {"Retry-After": str(math.ceil(retry_after))}
    return error_response(status, f"{message} (fault injected by the sandbox)", headers=headers)


async def _read(receive: Receive) -> Receive:
    """Read the body now: uvicorn withholds it after a disconnect, and the request is still to be handled."""
    messages = [await receive()]
    while messages[-1].get("more_body"):
        messages.append(await receive())

    async def replay() -> Message:
        return messages.pop(0) if messages else await receive()

    return replay


async def _discard(message: Message) -> None:
    """Send nothing."""


class _BodySender:
    """The `send` of a body fault. Each chunk becomes some pieces: of JSON there is one, of a stream many."""

    def __init__(self, fault: Fault, send: Send, wait: Wait, hang_up: HangUp) -> None:
        self.fault, self.send, self.wait, self.hang_up = fault, send, wait, hang_up
        self.random = fault._random
        self.is_stream = False
        self.left = 0  # bytes until the cut
        self.buffer: list[bytes] = []

    async def __call__(self, message: Message) -> None:
        """Send the start of a response, or the pieces of a chunk."""
        kind = self.fault.kind
        if message["type"] == "http.response.start":
            self._start(kind, MutableHeaders(scope=message))
            await self.send(message)
            return
        chunk, is_last = message.get("body", b""), not message.get("more_body")
        for piece in self._pieces(kind, chunk, is_last):
            if kind == "drip":
                await self.wait(self.fault.duration())
            await self.send({"type": "http.response.body", "body": piece, "more_body": True})
        if kind == "cut" and len(chunk) > self.left:
            await self.hang_up()
        elif is_last:
            await self.send({"type": "http.response.body", "body": b""})
        self.left = max(0, self.left - len(chunk))

    def _start(self, kind: Kind, headers: MutableHeaders) -> None:
        size, at = headers.get("content-length"), self.fault.at
        self.is_stream = size is None
        if at is None:
            at = int(size) // 2 if size else self.random.randrange(START_OF_STREAM)
        self.left = at
        if kind == "garble":  # without its length, half of it seems complete
            del headers["content-length"]

    def _pieces(self, kind: Kind, chunk: bytes, is_last: bool) -> list[bytes]:
        if kind == "cut":
            return [chunk[: self.left]]
        if kind == "garble":
            half = chunk[: len(chunk) // 2]
            return [half + b"\n\n" if self.is_stream and half else half]
        if kind == "drip":
            return [chunk[n : n + 1] for n in range(len(chunk))]
        if kind == "duplicate":
            return [chunk, chunk]
        self.buffer.append(chunk)
        pieces = []
        while self.buffer and (is_last or len(self.buffer) > MAX_BUFFER or self.random.random() < 0.5):
            pieces.append(self.buffer.pop(self.random.randrange(len(self.buffer))))
        return pieces
