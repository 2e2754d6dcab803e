"""Start the sandbox inside this process (`sandbox`), or as a process of its own (`serve`)."""

from __future__ import annotations

import atexit
import os
import re
import secrets
import signal
import socket
import ssl
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing, suppress
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Self
from urllib.parse import quote

import uvicorn
from pydantic import Field, ValidationError, validate_call
from starlette.middleware.body_limit import RequestBodyLimitMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from uvicorn.protocols.http.h11_impl import H11Protocol

from runkit.errors import Unavailable, UsageError
from runkit.progress import say
from runkit.secret import Secret, checked_key
from runkit.server.app import Backend, app
from runkit.server.faults import FaultMiddleware, parse_faults
from runkit.server.scenarios import BUSINESSES, Business
from runkit.server.store import Store, add_history
from runkit.server.web import HOSTS, MAX_BODY, AccessMiddleware, reasons, second_key

if TYPE_CHECKING:
    from runkit.client import Client

HOST = "127.0.0.1"
URL_NAME, KEY_NAME = "RUNKIT_SANDBOX_URL", "RUNKIT_SANDBOX_KEY"
Faults = str | Iterable[str | Mapping[str, Any]]
_SANDBOX_URL = re.compile(r"http://(127\.0\.0\.1|localhost|\[::1\])(:[0-9]{1,5})?(/v1)?/?")
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
        history: Annotated[int, Field(ge=0)] = 0,
        port: Annotated[int, Field(ge=0, le=65_535)] = 0,
        key: Any = None,  # `checked_key` does not repeat it
        latency: Annotated[float, Field(ge=0, le=600)] = 0,
        limit: Annotated[int, Field(ge=1)] | None = None,
        faults: str | Iterable[Any] = (),
        **store_options: Any,
    ) -> None:
        initial_faults = parse_faults(faults, latency, limit)
        key = key or f"mk_test_sandbox_{secrets.token_urlsafe(24)}"
        self.key = Secret(checked_key("key", key))
        self.store = Store(**store_options)
        add_history(self.store, history)
        self.socket = _bind(port)
        self.port = self.socket.getsockname()[1]
        self.url = f"http://{HOST}:{self.port}/v1"
        self.faults = FaultMiddleware(app, self)
        for fault in initial_faults:
            self.faults.add(fault)
        checked = AccessMiddleware(RequestBodyLimitMiddleware(self.faults, MAX_BODY), self)
        self.config = uvicorn.Config(
            TrustedHostMiddleware(checked, HOSTS, www_redirect=False),
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


class Sandbox:
    """A running sandbox. Close it, or use it in a `with` block.

    Attributes
    ----------
    url : str
        The base URL of the API, such as `http://127.0.0.1:8100/v1`.
    businesses : tuple of Business
        The seeded businesses, with `id`, `name`, `scenario` and what each `shows`.
    speed : float
        Virtual seconds per real second.
    """

    def __init__(self, url: str, key: str | Secret, speed: float, server: SandboxServer | None) -> None:
        self.url = url
        self._key = key if isinstance(key, Secret) else Secret(key)
        self.speed = speed
        self.businesses: tuple[Business, ...] = BUSINESSES
        self._server = server
        if server is not None:
            atexit.register(self.close)

    @property
    def key(self) -> str:
        """The API key of the sandbox."""
        return self._key.reveal()

    def business(self, name: str) -> str:
        """Return the id of a seeded business.

        Parameters
        ----------
        name
            The name, scenario or id of the business.

        Returns
        -------
        str
            The id of the business.

        Raises
        ------
        UsageError
            For an unknown business.
        """
        wanted = str(name).casefold()
        for business in self.businesses:
            if wanted in (business.name.casefold(), business.scenario, business.id):
                return business.id
        raise UsageError.one_of("business", name, [business.scenario for business in self.businesses])

    def client(self, *, second_reviewer: bool = False, **options: Any) -> Client:
        """Return a client of this sandbox.

        Parameters
        ----------
        second_reviewer
            Use the key of a second reviewer, Priya Raman: its requests are recorded as hers, not as the
            account's.
        **options
            Options of `runkit.Client`.

        Returns
        -------
        Client
            A client with the URL and a key of this sandbox.
        """
        from runkit.client import Client

        key = second_key(self.key) if second_reviewer else self.key
        return Client(api_key=key, base_url=self.url, **options)

    def fault(self, kind: str, on: str = "/resume", times: int | None = 1, **fields: Any) -> None:
        """Inject a fault into the next requests that match.

        Parameters
        ----------
        kind
            One of `limit`, `slow` and `skew`, which combine with the others; `refuse`, `drop`, `reset` and
            `restart`, which do not handle the request; `lose_reply`, `cut`, `garble`, `drip`, `duplicate`
            and `reorder`, which do. `runkit.server.faults.Fault` describes them.
        on
            A part of the path, optionally after a method: `/resume` (POST), `GET /stream`, `ANY /`.
        times
            How many requests fail; None until `clear_faults`.
        **fields
            Options of the kind: `seconds`, `status`, `chance` and others.

        Raises
        ------
        UsageError
            For an unknown kind or field.
        """
        _request(self.url, self._key, "POST", "/faults", {"kind": kind, "on": on, "times": times, **fields})

    def clear_faults(self) -> None:
        """Remove all faults, also those that the sandbox was started with."""
        _request(self.url, self._key, "DELETE", "/faults")

    def end_run(self, run_id: str) -> None:
        """End a run now, in error, so that its question expires.

        Parameters
        ----------
        run_id
            The id of the run.

        Raises
        ------
        UsageError
            For an unknown run, and for one that has ended.
        """
        _request(self.url, self._key, "POST", f"/runs/{quote(str(run_id), safe='')}/end")

    def now(self) -> datetime:
        """Return the virtual time, in UTC.

        Returns
        -------
        datetime
            The current time of the sandbox.

        Raises
        ------
        Unavailable
            If a sandbox that was joined does not answer.
        """
        return datetime.fromisoformat(_request(self.url, self._key)["now"])

    def close(self) -> None:
        """Stop the server, if it was started here. Closing it twice does nothing."""
        if self._server is not None and self._server.thread.is_alive():
            atexit.unregister(self.close)
            self._server.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Sandbox(url={self.url!r}, speed={self.speed:g})"


def sandbox(
    *,
    speed: float = 60,
    seed: int = 0,
    history: int = 0,
    now: datetime | str | None = None,
    port: int = 0,
    key: str | None = None,
    latency: float = 0,
    limit: int | None = None,
    faults: Faults = (),
) -> Sandbox:
    """Start the embedded sandbox, or join the one at `RUNKIT_SANDBOX_URL`.

    Options have no effect on a sandbox that is joined; one line on stdout names them.

    Parameters
    ----------
    speed
        Simulation speed: virtual seconds per real second while a run works. It is 1 while all runs wait.
    seed
        Equal seeds, requests and virtual times give equal responses.
    history
        Number of past runs, over the last 14 virtual days.
    now
        Start of virtual time, UTC unless it has an offset; the real time by default.
    port
        Port on 127.0.0.1; 0 for any free one.
    key
        The API key; random by default.
    latency
        Real seconds that every request takes longer.
    limit
        Requests per second; others are answered with 429.
    faults
        Faults from the start, such as `["refuse GET /runs status=502 chance=0.1", "cut GET /stream at=300"]`:
        each a kind, optionally a method and path, and fields, as in `Sandbox.fault`.

    Returns
    -------
    Sandbox
        The running sandbox; close it, or use it in a `with` block.

    Raises
    ------
    UsageError
        For an invalid argument, a port in use, and a `RUNKIT_SANDBOX_URL` without its key or where no sandbox
        answers.
    Unavailable
        If the server does not start.
    """
    arguments, defaults = locals(), sandbox.__kwdefaults__ or {}
    options = {name: value for name, value in arguments.items() if value != defaults[name]}
    if os.environ.get(URL_NAME):
        return _join(list(options))
    server = _start(options)
    return Sandbox(server.url, server.key, speed, server)


def serve(*, announce: Callable[[str, str], None] | None = None, **options: Any) -> None:
    """Serve until Ctrl-C or SIGTERM; calls `announce(url, key)` once it listens.

    Options and errors are those of `sandbox`.
    """
    server = _start(options)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with closing(server), suppress(KeyboardInterrupt):
        if announce is not None:
            announce(server.url, server.key.reveal())
        while server.thread.is_alive():  # an endless wait hides Ctrl-C on Windows
            server.thread.join(0.5)


def _start(options: dict[str, Any]) -> SandboxServer:
    try:
        return SandboxServer(**options)
    except ValidationError as error:
        raise UsageError(f"{reasons(error)}. Nothing was started.") from None


def _join(ignored: list[str]) -> Sandbox:
    url, key = os.environ[URL_NAME], os.environ.get(KEY_NAME)
    if not key or not _SANDBOX_URL.fullmatch(url):  # not repeated, as it may contain a password
        raise UsageError(
            f"{URL_NAME} and {KEY_NAME} must be the URL of a sandbox on this machine, such as "
            f"http://{HOST}:8100/v1, and its key; to start a sandbox, unset both"
        )
    url = url.rstrip("/").removesuffix("/v1") + "/v1"
    secret = Secret(checked_key(KEY_NAME, key))
    try:
        speed = float(_request(url, secret)["speed"])
    except (Unavailable, UsageError, TypeError, ValueError, KeyError) as error:
        why = str(error) if isinstance(error, Unavailable) else "the server there is not a sandbox"
        raise UsageError(
            f"no sandbox answers at {URL_NAME}={url} ({why}); start it, or unset {URL_NAME}"
        ) from None
    if ignored:  # on stdout, because a notebook shows stderr as an error
        say(f"Joined the sandbox at {url} ({URL_NAME}). No effect: {', '.join(ignored)}.", file=sys.stdout)
    return Sandbox(url, secret, speed, None)


def _request(url: str, key: Secret, method: str = "GET", path: str = "", body: object = None) -> Any:
    """Call one of the sandbox's own routes; the empty path returns its time and speed.

    Raises `UsageError` for a request that the sandbox refuses, else `Unavailable`.
    """
    import httpx  # not needed to serve

    try:
        response = httpx.request(
            method,
            f"{url.removesuffix('/v1')}/sandbox{path}",
            headers={"Authorization": f"Bearer {key.reveal()}"},
            json=body,
            trust_env=False,
            # skips loading certificates, which is slow
            verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
            timeout=10,
        )
        content = response.json()
    except (httpx.HTTPError, ValueError) as error:
        raise Unavailable(f"no response from {url} ({type(error).__name__})") from None
    if response.is_success:
        return content
    if path and response.status_code in (404, 422):
        first = content["errors"][0]
        raise UsageError(key.redact(f"{first.get('parameter', 'sandbox')}: {first['message']}"))
    raise Unavailable(f"the sandbox at {url} answered {response.status_code}", status=response.status_code)
