"""Faults on demand: what a network or a server in trouble does to a request, said as data.

A fault hits the next requests that it matches, whoever sends them. The sandbox's own routes are spared, so
that faults can always be cleared. Nothing of them is kept in a database.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any, Literal

from pydantic import BaseModel, Field
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from runkit.server.businesses import Json
from runkit.server.web import MAX_BODY, errors

LOOK_AROUND = 0.1  # real seconds after which a request that waits looks whether the server has ended


class Fault(BaseModel):
    """What goes wrong with the next `times` requests to a path of the API that holds `on`.

    `on` may begin with a method, as in `GET /stream`; it is POST if it does not. `slow` waits for `seconds`
    (real ones) before the work; `refuse` answers with `status` and `drop` not at all, both without the work;
    `lose_reply` does the work and drops the answer.
    """

    kind: Literal["slow", "refuse", "drop", "lose_reply"]
    on: str = Field("/resume", pattern=r"^((GET|POST) )?/\S{0,200}$")
    times: int = Field(1, ge=1, le=1_000_000)
    seconds: float = Field(3, ge=0, le=600)
    status: int = Field(503, ge=400, le=599)

    def hits(self, scope: Scope) -> bool:
        """Whether this request is meant."""
        method, _, piece = self.on.rpartition(" ")
        path: str = scope["path"]
        return scope.get("method") == (method or "POST") and path.startswith("/v1/") and piece in path


class Faults:
    """ASGI middleware around the app, outermost: it closes connections, which no inner one can."""

    def __init__(self, app: ASGIApp, ended: Callable[[], bool]) -> None:
        self.app, self.ended = app, ended
        self.waiting: list[Fault] = []

    def add(self, body: Fault) -> Json:
        """Let a fault wait for its requests, after those that wait already."""
        self.waiting.append(body)
        return body.model_dump()

    def clear(self) -> Json:
        """Forget all faults; tells which had not hit all of their requests yet."""
        forgotten, self.waiting = self.waiting, []
        return {"object": "list", "data": [fault.model_dump() for fault in forgotten]}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or do to it what a fault says."""
        fault = self._next(scope)
        if fault is None:
            await self.app(scope, receive, send)
        elif fault.kind == "slow":
            receive = await _read(receive)
            await self._wait(fault.seconds)
            await self.app(scope, receive, send)
        elif fault.kind == "refuse":
            answer = errors(("refused by a fault of the sandbox", None), status=fault.status)
            await answer(scope, receive, send)
        else:
            if fault.kind == "lose_reply":
                await self.app(scope, receive, _discard)
            await _hang_up(receive, send)

    def _next(self, scope: Scope) -> Fault | None:
        fault = next((one for one in self.waiting if one.hits(scope)), None)
        if fault is not None:
            fault.times -= 1
            self.waiting = [one for one in self.waiting if one.times]
        return fault

    async def _wait(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0 and not self.ended():
            await asyncio.sleep(min(left, LOOK_AROUND))


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
