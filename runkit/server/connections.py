"""Connections of callers in no hurry: how many may be open, and how long a request may take to arrive.

What a caller sends is bounded before anybody asks for a key: the head by uvicorn (64 KB), the body by the
gate. Here it is bounded in time, so that connections that never say anything do not pile up, and in number,
because the notebook's own process has to share its open files with them.
"""

from __future__ import annotations

import asyncio
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from runkit.server.web import errors

MOST_CONNECTIONS = 500
SECONDS_TO_ARRIVE = 30.0  # real ones, from the first byte of a request to its last; on loopback it takes none
_ARRIVED = (h11.DONE, h11.MUST_CLOSE, h11.CLOSED)
_FULL = errors((f"more than {MOST_CONNECTIONS} connections are open; close some", None), status=503)


class Connection(H11Protocol):
    """One connection to the sandbox."""

    arriving: asyncio.TimerHandle | None = None
    is_one_too_many = False

    def connection_made(self, transport: Any) -> None:
        """Take it, or say that there are too many."""
        super().connection_made(transport)
        if len(self.connections) > MOST_CONNECTIONS:
            self.is_one_too_many = True
            head = b"".join(b"%s: %s\r\n" % header for header in _FULL.raw_headers)
            said = b"HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\n%s\r\n%s" % (head, _FULL.body)
            transport.write(said)
            transport.close()
        else:
            self._await_request()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget it."""
        self._arrived()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what came, if it comes in time."""
        if self.is_one_too_many:
            return
        super().data_received(data)
        self._look()

    def on_response_complete(self) -> None:
        """Go on to the next request, of which a part may be here already."""
        super().on_response_complete()
        self._look()

    def _look(self) -> None:
        is_between = self.conn.their_state is h11.IDLE and not self.conn.trailing_data[0]
        if is_between or self.conn.their_state in _ARRIVED:
            self._arrived()  # between requests uvicorn has a time of its own
        elif self.arriving is None:
            self._await_request()

    def _await_request(self) -> None:
        self.arriving = self.loop.call_later(SECONDS_TO_ARRIVE, self.transport.abort)

    def _arrived(self) -> None:
        if self.arriving is not None:
            self.arriving.cancel()
            self.arriving = None
