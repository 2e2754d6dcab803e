"""A sandbox whose requests fail as networks and servers do: `box.fault("drop", on="GET /runs", times=2)`."""

from __future__ import annotations

import asyncio
import math
import os
import socket
import struct
import time
from collections import deque
from dataclasses import dataclass, field
from datetime import timedelta
from email.utils import format_datetime, parsedate_to_datetime
from random import Random
from typing import Any

import uvicorn
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from runkit.server import Sandbox
from runkit.server.launch import SandboxServer, bind
from runkit.server.web import error_response

BODY_KINDS = ("cut", "garble", "drip", "duplicate", "reorder")
KINDS = ("limit", "slow", "skew", "refuse", "drop", "reset", "restart", "lose_reply", *BODY_KINDS)
CUT_STREAM = 2_000  # bytes
RESET_ON_CLOSE = struct.pack("hh" if os.name == "nt" else "ii", 1, 0)


@dataclass
class Fault:
    """A failure of the next `times` requests to a path of the API that contains `on`; None is without end.

    `on` may begin with a method or ANY; the default is POST. All seconds are real ones.

        limit       429 if `per_second` other requests passed within the last second
        slow        waits for `seconds` before handling the request
        skew        the `Date` of the response is off by `by` seconds
        refuse      answers with `status`; Retry-After is `seconds`, if given
        drop        closes the connection (FIN) without handling the request
        reset       resets the connection (RST) without handling the request
        restart     drops all connections and refuses new ones for `seconds`, without handling the request
        lose_reply  handles the request and closes the connection
        cut         the same after half of the body, or early in a stream
        garble      handles the request and sends half of the JSON as if complete, or half of each event
        drip        handles the request and sends the body byte by byte, `seconds` apart
        duplicate   sends each event of a stream twice
        reorder     sends the events of a stream in another order
    """

    kind: str
    on: str = "/resume"
    times: float | None = 1
    chance: float = 1
    seconds: float | None = None
    status: int = 503
    per_second: int = 20
    by: float = 3600
    random: Random = field(default_factory=lambda: Random(0))
    passed: deque[float] = field(default_factory=deque)

    def __post_init__(self) -> None:
        assert self.kind in KINDS
        self.times = math.inf if self.times is None else self.times

    def applies(self, scope: Scope) -> bool:
        """Draw whether it applies to a request."""
        method, _, fragment = self.on.rpartition(" ")
        is_kind = self.kind not in ("duplicate", "reorder") or scope["path"].endswith("/stream")
        is_path = scope["path"].startswith("/v1/") and fragment in scope["path"]
        is_method = method == "ANY" or scope["method"] == (method or "POST")
        return is_kind and is_path and is_method and self.random.random() < self.chance

    def is_over(self) -> bool:
        """Let a request pass a limit, or return True."""
        now = time.monotonic()
        while self.passed and self.passed[0] <= now - 1:
            self.passed.popleft()
        if len(self.passed) == self.per_second:
            return True
        self.passed.append(now)
        return False


class FaultyServer(SandboxServer):
    """A sandbox's server with faults between it and the network. It may restart."""

    def __init__(self, **options: Any) -> None:
        self.faults: list[Fault] = []
        self.restart_s: float | None = None
        super().__init__(**options)

    def make_app(self, **options: Any) -> ASGIApp:
        """Put the faults in front of the app."""
        self.app = super().make_app(**options)
        return self

    def _serve(self) -> None:
        super()._serve()
        while self.restart_s is not None and not self.store.is_closing:
            time.sleep(self.restart_s)
            self.server = uvicorn.Server(self.config)
            self.restart_s = None
            super()._serve()

    def restart(self, seconds: float) -> None:
        """Stop at once, as if killed. A socket that does not listen reserves the port meanwhile."""
        if self.restart_s is None:
            self.restart_s = seconds
            for server in self.server.servers:
                server.close()
            self.socket = bind(self.port)
            for connection in list(self.server.server_state.connections):
                connection.transport.abort()
            self.server.should_exit = True

    def clear(self) -> list[Fault]:
        """Remove all faults, and return those that are left."""
        left, self.faults = [fault for fault in self.faults if fault.times], []
        return left

    def _next(self, scope: Scope, *kinds: str) -> Fault | None:
        found = (fault for fault in self.faults if fault.times and fault.kind in kinds)
        fault = next((fault for fault in found if fault.applies(scope)), None)
        if fault is None or (fault.kind == "limit" and not fault.is_over()):
            return None
        assert fault.times
        fault.times -= 1
        return fault

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Apply the first limit, delay, skew and failure that match, in this order."""
        transport = receive.__self__.transport  # type: ignore[attr-defined]
        if self._next(scope, "limit"):
            await error_response(429, "too many", headers={"Retry-After": "1"})(scope, receive, send)
            return
        if slow := self._next(scope, "slow"):
            receive = await _read(receive)
            await asyncio.sleep(3 if slow.seconds is None else slow.seconds)
        if skew := self._next(scope, "skew"):
            send = _skewed(send, skew.by)
        failure = self._next(scope, *KINDS[3:])
        if failure:
            await self._fail(failure, scope, receive, send, transport)
        else:
            await self.app(scope, receive, send)

    async def _fail(self, fault: Fault, scope: Scope, receive: Receive, send: Send, transport: Any) -> None:
        kind = fault.kind

        async def hang_up() -> None:
            """Close the connection, and wait until uvicorn has noticed; otherwise it would answer 500."""
            if kind == "reset":
                linger = (socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
                transport.get_extra_info("socket").setsockopt(*linger)
                transport.abort()
            transport.close()
            while (await receive())["type"] != "http.disconnect":
                pass

        if kind == "refuse":
            headers = None if fault.seconds is None else {"Retry-After": str(math.ceil(fault.seconds))}
            await error_response(fault.status, "refused", headers=headers)(scope, receive, send)
        elif kind in BODY_KINDS:
            await self.app(scope, receive, Body(fault, send, hang_up))
        else:
            if kind == "lose_reply":
                await self.app(scope, receive, _discard)
            elif kind == "restart":
                self.restart(fault.seconds or 0)
            await hang_up()


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


def _skewed(send: Send, seconds: float) -> Send:
    async def send_skewed(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            moment = parsedate_to_datetime(headers["date"]) + timedelta(seconds=seconds)
            headers["date"] = format_datetime(moment, usegmt=True)
        await send(message)

    return send_skewed


class Body:
    """The `send` of a body fault. Each chunk becomes some pieces: of JSON there is one, of a stream many."""

    def __init__(self, fault: Fault, send: Send, hang_up: Any) -> None:
        self.fault, self.send, self.hang_up = fault, send, hang_up
        self.is_stream = False
        self.left = 0  # bytes until the cut
        self.buffer: list[bytes] = []

    async def __call__(self, message: Message) -> None:
        """Send the start of a response, or the pieces of a chunk."""
        kind = self.fault.kind
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            size = headers.get("content-length")
            self.is_stream = size is None
            self.left = int(size) // 2 if size else CUT_STREAM
            if kind == "garble":  # without its length, half of it seems complete
                del headers["content-length"]
            await self.send(message)
            return
        chunk, is_last = message.get("body", b""), not message.get("more_body")
        for piece in self._pieces(kind, chunk, is_last):
            if kind == "drip":
                await asyncio.sleep(0.1 if self.fault.seconds is None else self.fault.seconds)
            await self.send({"type": "http.response.body", "body": piece, "more_body": True})
        if kind == "cut" and len(chunk) > self.left:
            await self.hang_up()
        elif is_last:
            await self.send({"type": "http.response.body", "body": b""})
        self.left = max(0, self.left - len(chunk))

    def _pieces(self, kind: str, chunk: bytes, is_last: bool) -> list[bytes]:
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
        while self.buffer and (is_last or len(self.buffer) > 3):
            pieces.append(self.buffer.pop(self.fault.random.randrange(len(self.buffer))))
        return pieces


class FaultyBox(Sandbox):
    """A sandbox with faults."""

    server: FaultyServer

    def fault(self, kind: str, on: str = "/resume", times: int | None = 1, **fields: Any) -> None:
        """Add a fault after the active ones."""
        self.server.faults.append(Fault(kind, on, times, **fields))

    def clear_faults(self) -> list[Fault]:
        """Remove all faults, and return those that are left."""
        return self.server.clear()


def sandbox(speed: float = 60, **options: Any) -> FaultyBox:
    """Start a sandbox that takes faults."""
    server = FaultyServer(speed=speed, **options)
    box = FaultyBox(server.url, server.key, speed, server)
    box.server = server
    return box
