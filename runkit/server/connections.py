"""Limits of connections: how many may be open, and how long a request may take to arrive.

The size of a request is limited before the key is checked: the head by uvicorn (64 KB), the body by
`AccessMiddleware`. The time limit here keeps silent connections from piling up. The limit of connections
protects the open files of the notebook's process.
"""

from __future__ import annotations

import asyncio
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from runkit.server.web import errors

MAX_CONNECTIONS = 500
REQUEST_TIMEOUT_S = 30.0  # real seconds from the first byte of a request to its last
_COMPLETE = (h11.DONE, h11.MUST_CLOSE, h11.CLOSED)
_FULL = errors((f"more than {MAX_CONNECTIONS} connections are open; close some", None), status=503)


class Connection(H11Protocol):
    """One connection to the sandbox."""

    timer: asyncio.TimerHandle | None = None
    is_over_limit = False

    def connection_made(self, transport: Any) -> None:
        """Accept the connection, or answer 503 if there are too many."""
        super().connection_made(transport)
        if len(self.connections) > MAX_CONNECTIONS:
            self.is_over_limit = True
            head = b"".join(b"%s: %s\r\n" % header for header in _FULL.raw_headers)
            head = b"HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\n" + head
            transport.write(head + b"\r\n" + _FULL.body)
            transport.close()
        else:
            self._start_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the timer."""
        self._stop_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse the data, and start or stop the timer."""
        if self.is_over_limit:
            return
        super().data_received(data)
        self._update_timer()

    def on_response_complete(self) -> None:
        """Continue with the next request, a part of which may have arrived."""
        super().on_response_complete()
        self._update_timer()

    def _update_timer(self) -> None:
        is_between = self.conn.their_state is h11.IDLE and not self.conn.trailing_data[0]
        if is_between or self.conn.their_state in _COMPLETE:
            self._stop_timer()  # between requests uvicorn has its own timeout
        elif self.timer is None:
            self._start_timer()

    def _start_timer(self) -> None:
        self.timer = self.loop.call_later(REQUEST_TIMEOUT_S, self.transport.abort)

    def _stop_timer(self) -> None:
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None
