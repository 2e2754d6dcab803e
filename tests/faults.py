"""A sandbox whose requests fail on request: `box.fault("drop", on="GET /runs", times=2)`."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from runkit.server import Sandbox
from runkit.server._app import SandboxServer
from runkit.server._web import error_response

KINDS = ("hold", "slow", "refuse", "drop", "lose_reply")


@dataclass
class Fault:
    """A failure of the next `times` requests to a path of the API that contains `on`; None is without end.

    `on` may begin with a method; the default is POST.

        hold        waits for `clear_faults` before handling the request
        slow        waits for 0.1 s before handling the request
        refuse      answers with `status`
        drop        closes the connection (FIN) without handling the request
        lose_reply  handles the request and closes the connection
    """

    kind: str
    on: str = "/resume"
    times: float | None = 1
    status: int = 503

    def __post_init__(self) -> None:
        assert self.kind in KINDS
        self.times = math.inf if self.times is None else self.times

    def applies(self, scope: Scope) -> bool:
        """Return whether it applies to a request."""
        method, _, fragment = self.on.rpartition(" ")
        return fragment in scope["path"] and scope["method"] == (method or "POST")


class FaultyServer(SandboxServer):
    """A sandbox's server with faults between it and the network."""

    def __init__(self, **options: Any) -> None:
        self.faults: list[Fault] = []
        self.n_answers = 0  # that arrived
        super().__init__(**options)

    def make_app(self, latency: float, limit: int | None) -> ASGIApp:
        """Put the faults in front of the app."""
        self.app = super().make_app(latency, limit)
        return self

    def _next(self, scope: Scope, *kinds: str) -> Fault | None:
        found = (fault for fault in self.faults if fault.times and fault.kind in kinds)
        fault = next((fault for fault in found if fault.applies(scope)), None)
        if fault is not None and fault.times:
            fault.times -= 1
        return fault

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Apply the first hold, delay and failure that match, in this order."""
        self.n_answers += scope["path"].endswith("/resume")
        transport = receive.__self__.transport  # type: ignore[attr-defined]
        if hold := self._next(scope, "hold"):
            receive = await _read(receive)
            while any(fault is hold for fault in self.faults):
                await asyncio.sleep(0.01)
        if self._next(scope, "slow"):
            await asyncio.sleep(0.1)
        fault = self._next(scope, *KINDS[2:])
        if fault is None:
            await self.app(scope, receive, send)
        elif fault.kind == "refuse":
            await error_response(fault.status, "refused")(scope, receive, send)
        else:
            if fault.kind == "lose_reply":
                await self.app(scope, receive, _discard)
            transport.close()
            # otherwise uvicorn would answer 500
            while (await receive())["type"] != "http.disconnect":
                pass


async def _read(receive: Receive) -> Receive:
    """Read the body now: uvicorn withholds it after a disconnect."""
    messages = [await receive()]
    while messages[-1].get("more_body"):
        messages.append(await receive())

    async def replay() -> Message:
        return messages.pop(0) if messages else await receive()

    return replay


async def _discard(message: Message) -> None:
    """Send nothing."""


class FaultyBox(Sandbox):
    """A sandbox with faults."""

    server: FaultyServer

    def fault(self, kind: str, on: str = "/resume", times: int | None = 1, **fields: Any) -> None:
        """Add a fault after the active ones."""
        self.server.faults.append(Fault(kind, on, times, **fields))

    def clear_faults(self) -> None:
        """Remove all faults, and let held requests go."""
        self.server.faults.clear()

    def answers(self) -> Callable[[], int]:
        """Return what counts the answers that arrive from now on."""
        before = self.server.n_answers
        return lambda: self.server.n_answers - before


def sandbox(speed: float = 60, **options: Any) -> FaultyBox:
    """Start a sandbox that takes faults."""
    server = FaultyServer(speed=speed, **options)
    box = FaultyBox(server)
    box.server = server
    return box
