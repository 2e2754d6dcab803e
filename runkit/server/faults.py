"""Faults on demand: what a network or a server in trouble does to a request, said as data.

A fault hits the next requests that it matches, whoever sends them. Several may hold at once: a request passes
the first limit that matches it, then the first delay, then the first of what else goes wrong. The sandbox's
own routes are spared, so that faults can always be cleared. Nothing of them is kept in a database.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import BaseModel, Field
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from runkit.server.businesses import Json
from runkit.server.web import MAX_BODY, errors

WINDOW = 1.0  # real seconds that a limit looks back
LOOK_AROUND = 0.1  # real seconds after which a request that waits looks whether the server has ended


class Fault(BaseModel):
    """What goes wrong with the next `times` requests to a path of the API that holds `on`.

    `times` None is until the faults are cleared. `on` may begin with a method, as in `GET /stream`, or with
    ANY; it is POST if it does not. `limit` answers 429 to a request when `per_second` others were let through
    within a second before it, with `Retry-After` unless `retry_after` is false; it hits those that it
    answers. `slow` waits for `seconds` (real ones) before the work; `refuse` answers with `status` and `drop`
    not at all, both without the work; `lose_reply` does the work and drops the answer.
    """

    kind: Literal["limit", "slow", "refuse", "drop", "lose_reply"]
    on: str = Field("/resume", pattern=r"^((GET|POST|ANY) )?/\S{0,200}$")
    times: int | None = Field(1, ge=1, le=1_000_000)
    seconds: float = Field(3, ge=0, le=600)
    status: int = Field(503, ge=400, le=599)
    per_second: int = Field(20, ge=1, le=1_000_000)
    retry_after: bool = True

    def hits(self, scope: Scope) -> bool:
        """Whether this request is meant."""
        method, _, piece = self.on.rpartition(" ")
        path: str = scope["path"]
        is_method = method == "ANY" or scope.get("method") == (method or "POST")
        return is_method and path.startswith("/v1/") and piece in path


@dataclass(eq=False)
class _Waiting:
    """A fault, how often it still hits (None: always), and for a limit when it let requests through."""

    fault: Fault
    left: int | None
    passed: deque[float] = field(default_factory=deque)

    def told(self) -> Json:
        return self.fault.model_dump() | {"times": self.left}

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
    """ASGI middleware around the app, outermost: it closes connections, which no inner one can."""

    def __init__(self, app: ASGIApp, ended: Callable[[], bool]) -> None:
        self.app, self.ended = app, ended
        self.waiting: list[_Waiting] = []

    def add(self, body: Fault) -> Json:
        """Let a fault wait for its requests, after those that wait already."""
        self.waiting.append(_Waiting(body, body.times))
        return body.model_dump()

    def clear(self) -> Json:
        """Forget all faults; tells which had not hit all of their requests yet."""
        forgotten, self.waiting = self.waiting, []
        return {"object": "list", "data": [one.told() for one in forgotten]}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or do to it what the faults say."""
        if self.waiting:
            limit = self._first(scope, "limit")
            if limit and (seconds := limit.seconds_to_wait()):
                self._hit(limit)
                await _too_many(limit.fault, seconds)(scope, receive, send)
                return
            slow, wrong = self._first(scope, "slow"), self._first(scope, "refuse", "drop", "lose_reply")
            self._hit(slow)
            self._hit(wrong)
            if slow:
                receive = await _read(receive)
                await self._wait(slow.fault.seconds)
            if wrong:
                await self._go_wrong(wrong.fault, scope, receive, send)
                return
        await self.app(scope, receive, send)

    async def _go_wrong(self, fault: Fault, scope: Scope, receive: Receive, send: Send) -> None:
        if fault.kind == "refuse":
            answer = errors(("refused by a fault of the sandbox", None), status=fault.status)
            await answer(scope, receive, send)
            return
        if fault.kind == "lose_reply":
            await self.app(scope, receive, _discard)
        await _hang_up(receive, send)

    def _first(self, scope: Scope, *kinds: str) -> _Waiting | None:
        found = (one for one in self.waiting if one.fault.kind in kinds and one.fault.hits(scope))
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


async def _hang_up(receive: Receive, send: Any) -> None:
    """Close the connection, and wait until uvicorn knows: before that it would answer with a 500."""
    send.__self__.transport.close()
    while (await receive())["type"] != "http.disconnect":
        pass
