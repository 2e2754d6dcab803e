"""Faults on demand: what a network or a server in trouble does to a request, said as data.

A fault hits the next requests that it matches, whoever sends them. A request passes the first limit that
matches it, then the first `skew`, then the first delay, then the first of what else goes wrong. The sandbox's
own routes are spared, so that faults can always be cleared. Nothing of them is kept in a database.

Chance and jitter are drawn from the sandbox's seed: equal faults and requests, in an equal order, give equal
trouble.
"""

from __future__ import annotations

import asyncio
import math
import os
import socket
import struct
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any, Literal

from pydantic import BaseModel, Field, ValidationError
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from runkit.errors import UsageError
from runkit.server.businesses import Json
from runkit.server.damage import DAMAGES, Hurt, skewed
from runkit.server.web import MAX_BODY, errors

WINDOW = 1.0  # real seconds that a limit looks back
LOOK_AROUND = 0.1  # real seconds after which a request that waits looks whether the server has ended
SECONDS = {"slow": 3.0, "restart": 3.0, "drip": 0.1}  # where a fault does not say
WRONGS = ("refuse", "drop", "reset", "restart", "lose_reply", *DAMAGES)
RESET_ON_CLOSE = (socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("hh" if os.name == "nt" else "ii", 1, 0))
STANDING: Json = {"on": "ANY /", "times": None}  # a fault that a sandbox starts with, where it does not say


class Fault(BaseModel, extra="forbid", strict=True):
    """What goes wrong with the next `times` requests to a path of the API that holds `on`.

    `times` None is until the faults are cleared. `on` may begin with a method, as in `GET /stream`, or with
    ANY; it is POST if it does not. Of the requests that match, each is hit with a `chance`, up to 1.

        limit       429 when `per_second` others were let through within a second before; Retry-After says
                    how long, unless `retry_after` is false. Hits those that it answers.
        slow        waits for `seconds` (3), and up to `jitter` more, before the work
        skew        the `Date` of the answer is off by `by` seconds, ahead of the time or behind it
        refuse      answers with `status`; Retry-After says `seconds`, if they are given
        drop        closes the connection (FIN), without the work
        reset       resets the connection (RST), without the work
        restart     drops all connections and refuses new ones for `seconds` (3), without the work
        lose_reply  does the work and closes the connection
        cut         the same after `at` bytes of the body (half of it; of a stream: somewhere in its start)
        garble      does the work and answers with half of the JSON as if it were all; so for each event
        drip        does the work and sends the body byte by byte, `seconds` (0.1) apart
        duplicate   sends each event of a stream twice
        reorder     sends the events of a stream in another order

    All seconds are real ones. Unlike the others, `duplicate` and `reorder` hit streams only.
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
        """Whether this request is meant."""
        method, _, piece = self.on.rpartition(" ")
        path: str = scope["path"]
        is_method = method == "ANY" or scope.get("method") == (method or "POST")
        is_wanted = self.kind not in ("duplicate", "reorder") or path.endswith("/stream")
        return is_method and is_wanted and path.startswith("/v1/") and piece in path


def standing(
    faults: str | Iterable[str | Mapping[str, Any]], latency: float, limit: int | None
) -> list[Fault]:
    """Read the faults that a sandbox starts with, which hit every request for good unless they say otherwise.

    Text is a kind, then perhaps a method and a path, then fields: `refuse GET /runs status=502 times=3`.
    Raises `UsageError` that names what cannot be used.
    """
    given: list[tuple[str, object]] = [
        (f"fault {one!r}: ", _fields(one) if isinstance(one, str) else one)
        for one in ([faults] if isinstance(faults, str) else faults)
    ]
    if limit is not None:
        given.append(("limit: ", {"kind": "limit", "per_second": limit}))
    if latency:
        given.append(("latency: ", {"kind": "slow", "seconds": latency}))
    return [_fault(name, fields) for name, fields in given]


def _fields(text: str) -> Json:
    words = [word.partition("=") for word in text.split()]
    kind, *on = [word for word, sign, _ in words if not sign] or [""]
    told = {"kind": kind, "on": " ".join(on if on[1:] else ["ANY", *on])} if on else {"kind": kind}
    return told | {name: None if value == "none" else value for name, sign, value in words if sign}


def _fault(name: str, fields: object) -> Fault:
    if not isinstance(fields, Mapping):
        raise UsageError(f"{name}expected text such as 'refuse status=502', or a mapping of its fields")
    try:
        return Fault.model_validate({**STANDING, **fields}, strict=False)  # words of a text are numbers
    except ValidationError as error:
        why = " / ".join(": ".join([*map(str, one["loc"]), one["msg"]]) for one in error.errors())
    raise UsageError(f"{name}{why}")


@dataclass(eq=False)
class _Waiting:
    """A fault, how often it still hits (None: always), its dice, and when a limit let requests through."""

    fault: Fault
    left: int | None
    random: Random
    passed: deque[float] = field(default_factory=deque)

    def told(self) -> Json:
        return self.fault.model_dump() | {"times": self.left}

    def is_up(self) -> bool:
        return self.fault.chance == 1 or self.random.random() < self.fault.chance

    def seconds(self) -> float:
        given = self.fault.seconds
        least = SECONDS.get(self.fault.kind, 0.0) if given is None else given
        return least + self.random.random() * self.fault.jitter

    def seconds_to_wait(self) -> float:
        """Let a request through a limit, and give 0; or give the seconds until there is room for one."""
        now = time.monotonic()
        while self.passed and self.passed[0] <= now - WINDOW:
            self.passed.popleft()
        if len(self.passed) < self.fault.per_second:
            self.passed.append(now)
            return 0.0
        return self.passed[0] + WINDOW - now


class Faults:
    """ASGI middleware around the app, next to the gate: it closes connections, which no inner one can.

    `ended` says whether the server stops; `restart` makes it do so, and come back after some seconds.
    """

    def __init__(
        self, app: ASGIApp, seed: int, ended: Callable[[], bool], restart: Callable[[float], object]
    ) -> None:
        self.app, self.seed, self.ended, self.restart = app, seed, ended, restart
        self.waiting: list[_Waiting] = []
        self.count = 0

    def add(self, body: Fault) -> Json:
        """Let a fault wait for its requests, after those that wait already."""
        self.count += 1
        dice = Random(f"{self.seed}/fault/{self.count}")  # noqa: S311 - trouble that can be repeated
        self.waiting.append(_Waiting(body, body.times, dice))
        return body.model_dump()

    def clear(self) -> Json:
        """Forget all faults; tells which had not hit all of their requests yet."""
        forgotten, self.waiting = self.waiting, []
        return {"object": "list", "data": [one.told() for one in forgotten]}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or do to it what the faults say."""
        if not self.waiting or scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        limit = self._first(scope, "limit")
        if limit and (seconds := limit.seconds_to_wait()):
            self._hit(limit)
            await _too_many(limit.fault, seconds)(scope, receive, send)
            return
        skew, slow = self._first(scope, "skew"), self._first(scope, "slow")
        wrong = self._first(scope, *WRONGS)
        for one in (skew, slow, wrong):
            self._hit(one)
        connection = _Connection(receive, send)
        if slow:
            receive = await _read(receive)
            await self._wait(slow.seconds())
        if skew:
            send = skewed(send, skew.fault.by)
        if wrong:
            await self._go_wrong(wrong, connection, scope, receive, send)
        else:
            await self.app(scope, receive, send)

    async def _go_wrong(
        self, wrong: _Waiting, connection: _Connection, scope: Scope, receive: Receive, send: Send
    ) -> None:
        kind, fault = wrong.fault.kind, wrong.fault
        if kind == "refuse":
            answer = errors(("refused by a fault of the sandbox", None), status=fault.status)
            if fault.seconds is not None:
                answer.headers["Retry-After"] = str(math.ceil(fault.seconds))
            await answer(scope, receive, send)
        elif kind in DAMAGES:

            async def pause() -> None:
                await self._wait(0 if connection.transport.is_closing() else wrong.seconds())

            hurt = Hurt(send, fault.at, wrong.random, connection.hang_up, pause)
            await self.app(scope, receive, DAMAGES[kind](hurt))
        else:
            if kind == "lose_reply":
                await self.app(scope, receive, _discard)
            elif kind == "restart":
                self.restart(wrong.seconds())
            await connection.hang_up(reset=kind == "reset")

    def _first(self, scope: Scope, *kinds: str) -> _Waiting | None:
        found = (
            one for one in self.waiting if one.fault.kind in kinds and one.fault.hits(scope) and one.is_up()
        )
        return next(found, None)

    def _hit(self, one: _Waiting | None) -> None:
        if one is not None and one.left is not None:
            one.left -= 1
            self.waiting = [other for other in self.waiting if other.left != 0]

    async def _wait(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0 and not self.ended():
            await asyncio.sleep(min(left, LOOK_AROUND))


def _too_many(limit: Fault, seconds: float) -> Response:
    """Answer 429; `Retry-After` is in whole seconds, as HTTP wants it."""
    said = f"more than {limit.per_second} requests a second, by a fault of the sandbox"
    answer = errors((said, None), status=429)
    if limit.retry_after:
        answer.headers["Retry-After"] = str(math.ceil(seconds))
    return answer


async def _read(receive: Receive) -> Receive:
    """Read the body now: once the caller has left uvicorn withholds it, and the work is still to be done."""
    kept = [await receive()]
    size = len(kept[0].get("body", b""))
    while kept[-1].get("more_body") and size <= MAX_BODY:
        kept.append(await receive())
        size += len(kept[-1].get("body", b""))

    async def replay() -> Message:
        return kept.pop(0) if kept else await receive()

    return replay


async def _discard(message: Message) -> None:
    """Send nothing."""


class _Connection:
    """The connection of one request, as uvicorn holds it."""

    def __init__(self, receive: Receive, send: Any) -> None:
        self.receive, self.transport = receive, send.__self__.transport

    async def hang_up(self, *, reset: bool = False) -> None:
        """Close the connection, and wait until uvicorn knows: before that it would answer with a 500."""
        if reset:
            self.transport.get_extra_info("socket").setsockopt(*RESET_ON_CLOSE)
            self.transport.abort()
        else:
            self.transport.close()
        while (await self.receive())["type"] != "http.disconnect":
            pass
