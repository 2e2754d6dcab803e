"""The sandbox's server, on a thread of this process."""

from __future__ import annotations

import os
import secrets
import socket
import threading
import time
from collections.abc import Iterable
from typing import Annotated, Any

import uvicorn
from pydantic import Field, ValidationError, validate_call
from uvicorn.protocols.http.h11_impl import H11Protocol

from runkit.errors import Unavailable, UsageError
from runkit.secret import Secret
from runkit.server.app import Backend, app
from runkit.server.embedded import HOST
from runkit.server.faults import FaultMiddleware, parse_faults
from runkit.server.store import Store, add_history
from runkit.server.web import AccessMiddleware, reasons

MAX_CONNECTIONS = 500  # beyond, uvicorn answers 503; a process may open 1,024 files by default
# between requests; longer than clients keep a connection, so that they close it first
KEEP_SECONDS = 30


class Connection(H11Protocol):
    """A connection that faults can close: requests have its transport in their state."""

    def connection_made(self, transport: Any) -> None:
        """Accept the connection."""
        super().connection_made(transport)
        self.app_state = {**self.app_state, "transport": transport}


class SandboxServer(Backend):
    """A server on a thread with its own event loop, so that it works in Jupyter.

    Raises pydantic's `ValidationError` for an option of another type or out of range.
    """

    @validate_call(config={"strict": True})
    def __init__(
        self,
        *,
        history: Annotated[int, Field(ge=0, le=100_000)] = 0,
        port: Annotated[int, Field(ge=0, le=65_535)] = 0,
        key: Any = None,  # `Secret` does not repeat it
        latency: Annotated[float, Field(ge=0, le=600)] = 0,
        limit: Annotated[int, Field(ge=1)] | None = None,
        faults: str | Iterable[Any] = (),
        **store_options: Any,
    ) -> None:
        initial_faults = parse_faults(faults, latency, limit)
        key = key or f"mk_test_sandbox_{secrets.token_urlsafe(24)}"
        self.key = Secret(key)
        self.store = Store(**store_options)
        add_history(self.store, history)
        self.socket = _bind(port)
        self.port = self.socket.getsockname()[1]
        self.url = f"http://{HOST}:{self.port}/v1"
        self.faults = FaultMiddleware(app, self)
        for fault in initial_faults:
            self.faults.add(fault)
        self.config = uvicorn.Config(
            AccessMiddleware(self.faults, self),
            http=Connection,
            ws="none",
            lifespan="off",
            date_header=False,  # the date is in virtual time
            log_config=None,  # the notebook's own logging stays as it is
            log_level="warning",
            limit_concurrency=MAX_CONNECTIONS,
            timeout_keep_alive=KEEP_SECONDS,
            timeout_graceful_shutdown=2,
        )
        self.server = uvicorn.Server(self.config)
        self.closing = threading.Event()
        self.restart_s: float | None = None  # seconds until it serves again, during a restart
        self.thread = threading.Thread(target=self._serve, name="runkit-sandbox", daemon=True)
        self.thread.start()
        while not self.server.started:
            if not self.thread.is_alive():
                self.close()
                raise Unavailable(f"the sandbox did not start at {self.url}; see the log above")
            time.sleep(0.002)

    def _serve(self) -> None:
        while not self.closing.is_set():
            self.server.run(sockets=[self.socket])
            if self.restart_s is None:
                return
            self.closing.wait(self.restart_s)
            self.restart_s, self.server = None, uvicorn.Server(self.config)

    def restart(self, restart_s: float) -> None:
        """Stop at once, as if killed, and serve again after some seconds. Call it on the server's thread.

        Meanwhile a socket that does not listen reserves the port: connections are refused, and no other
        process can take it.
        """
        if self.restart_s is None:
            self.restart_s = restart_s
            for server in self.server.servers:
                server.close()
            self.socket = _bind(self.port)
            for connection in list(self.server.server_state.connections):
                connection.transport.abort()
            self.server.should_exit = True

    def close(self) -> None:
        """Stop the server and wait for open requests."""
        self.closing.set()
        self.server.should_exit = True
        self.thread.join(60)  # it stops within seconds, unless the machine is very busy
        self.socket.close()


def _bind(port: int) -> socket.socket:
    """Make a bound socket that does not listen yet."""
    # With an explicit protocol, as asyncio sets TCP_NODELAY only then; without, a response takes 40 ms.
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    if os.name == "posix":  # elsewhere the option would let two servers share a port
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((HOST, port))
    except (OSError, OverflowError) as error:
        bound.close()
        raise UsageError(
            f"port={port} of {HOST} cannot be used ({error}); give another port, or 0 for any free one"
        ) from error
    return bound


def start(options: dict[str, Any]) -> SandboxServer:
    """Start a server. Raises `UsageError` for an option of another type or out of range."""
    try:
        return SandboxServer(**options)
    except ValidationError as error:
        raise UsageError(f"{reasons(error)}. Nothing was started.") from None
