"""The sandbox's server, on a thread of this process."""

from __future__ import annotations

import secrets
import threading
import time
from contextlib import suppress
from typing import Annotated, Any

import uvicorn
from pydantic import Field
from starlette.types import ASGIApp

from runkit.arguments import Secret, checked
from runkit.errors import UsageError
from runkit.server._app import create_app
from runkit.server._store import Store

LOOPBACK = "127.0.0.1"
MAX_CONNECTIONS = 500  # beyond, uvicorn answers 503; a process may open 1,024 files by default
# between requests; longer than clients keep a connection, so that they close it first
KEEP_SECONDS = 30


class SandboxServer:
    """A server on a thread with its own event loop, so that it works in Jupyter.

    Raises `UsageError` for an option of another type or out of range.
    """

    @checked
    def __init__(
        self,
        *,
        port: Annotated[int, Field(ge=0, le=65_535)] = 0,
        key: Any = None,  # `Secret` does not repeat it
        latency: Annotated[float, Field(ge=0, le=600)] = 0,
        limit: Annotated[int, Field(ge=1)] | None = None,
        **store_options: Any,
    ) -> None:
        self.key = Secret(key or f"mk_test_sandbox_{secrets.token_urlsafe(24)}")
        self.store = Store(**store_options)
        config = uvicorn.Config(
            self.make_app(latency=latency, limit=limit),
            host=LOOPBACK,
            port=port,
            http="h11",
            ws="none",
            lifespan="off",
            date_header=False,  # the date is in virtual time
            log_config=None,  # the notebook's own logging stays as it is
            log_level="warning",
            limit_concurrency=MAX_CONNECTIONS,
            timeout_keep_alive=KEEP_SECONDS,
            timeout_graceful_shutdown=2,
        )
        self.server = uvicorn.Server(config)
        self.thread = threading.Thread(target=self._serve, name="runkit-sandbox", daemon=True)
        self.thread.start()
        while not self.server.started:
            if not self.thread.is_alive():
                raise UsageError(
                    f"port={port} of {LOOPBACK} cannot be used; give another, or 0 for any free one"
                )
            time.sleep(0.002)
        [listening] = self.server.servers[0].sockets
        self.url = f"http://{LOOPBACK}:{listening.getsockname()[1]}/v1"

    def make_app(self, **options: Any) -> ASGIApp:
        """Build the app that is served."""
        return create_app(self.store, self.key, **options)

    def _serve(self) -> None:
        with suppress(SystemExit):  # of a port in use
            self.server.run()

    def close(self) -> None:
        """Stop the server and wait for open requests."""
        self.store.is_closing = True
        self.server.should_exit = True
        self.thread.join(60)  # it stops within seconds, unless the machine is very busy
