"""Start the sandbox inside this process (`sandbox`), or as a process of its own (`serve`)."""

from __future__ import annotations

import atexit
import json
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
from datetime import UTC, datetime
from pathlib import Path
from types import NoneType
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import quote

import httpx
import uvicorn

from runkit.errors import Unavailable, UsageError
from runkit.progress import say
from runkit.secret import Secret, checked_key
from runkit.server.app import create_app
from runkit.server.businesses import BUSINESSES, Business
from runkit.server.connections import Connection
from runkit.server.faults import parse_faults
from runkit.server.runs import Runs
from runkit.server.store import Store
from runkit.server.web import AccessMiddleware, check_person, person_key
from runkit.text import brief

if TYPE_CHECKING:
    from runkit.client import Client

HOST = "127.0.0.1"
URL_NAME, KEY_NAME = "RUNKIT_SANDBOX_URL", "RUNKIT_SANDBOX_KEY"
Policy = str | Mapping[str, Any] | None
Faults = str | Iterable[str | Mapping[str, Any]]
_SANDBOX_URL = re.compile(r"http://(127\.0\.0\.1|localhost|\[::1\])(:[0-9]{1,5})?(/v1)?/?")
_TYPES: dict[str, tuple[tuple[type, ...], str]] = {
    "speed": ((int, float), "a number: virtual seconds per real second"),
    "seed": ((int,), "a whole number"),
    "history": ((int,), "a number of past runs, 0 or more"),
    "port": ((int,), "a number, 0 for any free port"),
    "latency": ((int, float), "a number of seconds"),
    "limit": ((int, NoneType), "a number of requests, or None"),
    "policy": ((str, Mapping, NoneType), "manual, auto_approve, skip, or a mapping of modes"),
    "faults": ((str, Iterable), "text, or several"),
    "key": ((str, NoneType), "text"),
    "db": ((str, Path, NoneType), "the path of a file"),
    "now": ((str, datetime, NoneType), "a datetime or an ISO 8601 text"),
}
START_SECONDS = 30.0  # a start takes well under a second
KEEP_SECONDS = 30  # between requests; longer than clients keep a connection, so that they close it first


class SandboxServer:
    """A server on a thread with its own event loop, so that it works in Jupyter.

    Options are those of `sandbox`, and `real_time`.
    """

    def __init__(
        self,
        *,
        history: int = 0,
        policy: Policy = None,
        port: int = 0,
        latency: float = 0,
        limit: int | None = None,
        faults: Faults = (),
        **options: Any,
    ) -> None:
        key = options.pop("key", None)
        _check_types({"history": history, "policy": policy, "port": port, "latency": latency, "limit": limit})
        _check_types({"key": key, "faults": faults, **options})
        if history < 0:
            raise UsageError(f"history must be a number of past runs, 0 or more; got {history!r}")
        initial_faults = parse_faults(faults, latency, limit)
        self.key = Secret(checked_key("key", key or f"mk_test_sandbox_{secrets.token_urlsafe(24)}"))
        self.store = Store(**options)
        try:
            runs = Runs(self.store, policy)
            if not self.store.runs:
                runs.add_history(history)
            self.socket = _bind(port)
        except BaseException:
            self.store.db.close()
            raise
        self.port = self.socket.getsockname()[1]
        self.url = f"http://{HOST}:{self.port}/v1"
        self.faults = create_app(runs, lambda: self.server.should_exit, self._restart)
        for fault in initial_faults:
            self.faults.add(fault)
        self.config = uvicorn.Config(
            AccessMiddleware(self.faults, self.key, self.store.clock.now),
            http=Connection,  # uvicorn's default depends on what is installed
            ws="none",
            log_config=None,  # the notebook's own logging stays as it is
            log_level="warning",
            access_log=False,
            date_header=False,  # the app's date is in virtual time
            server_header=False,
            lifespan="off",
            timeout_keep_alive=KEEP_SECONDS,
            timeout_graceful_shutdown=2,
        )
        self.server = uvicorn.Server(self.config)
        self.closing = threading.Event()
        self.restart_s: float | None = None  # seconds until it serves again, during a restart
        self.thread = threading.Thread(target=self._serve, name="runkit-sandbox", daemon=True)
        self.thread.start()
        deadline = time.monotonic() + START_SECONDS
        while not self.server.started:
            if time.monotonic() > deadline or not self.thread.is_alive():
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

    def _restart(self, restart_s: float) -> None:
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
        """Stop the server, wait for open requests, close the database."""
        self.closing.set()
        self.server.should_exit = True
        self.thread.join(10)
        self.socket.close()
        self.store.db.close()


def _check_types(options: Mapping[str, object]) -> None:
    """Raise `UsageError` for options of another type. The value of a key is not repeated."""
    for name, value in options.items():
        types, expected = _TYPES.get(name, ((object,), ""))
        if not isinstance(value, types) or (isinstance(value, bool) and object not in types):
            text = type(value).__name__ if name == "key" else brief(value)
            raise UsageError(f"{name}={text} cannot be used; expected {expected}.")


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
        for business in self.businesses:
            if name.casefold() in (business.name.casefold(), business.scenario, business.id):
                return business.id
        raise UsageError.one_of("business", name, [business.scenario for business in self.businesses])

    def client(self, *, person: str | None = None, **options: Any) -> Client:
        """Return a client of this sandbox.

        Parameters
        ----------
        person
            The name of a user. The client then has that user's key, and its requests are recorded as theirs
            instead of the account's.
        **options
            Options of `runkit.Client`.

        Returns
        -------
        Client
            A client with the URL and a key of this sandbox.

        Raises
        ------
        UsageError
            For a name that is empty, longer than 100 characters or not printable.
        """
        from runkit.client import Client

        if person is not None:
            check_person(person)
        return Client(
            api_key=self.key if person is None else person_key(self.key, person), base_url=self.url, **options
        )

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
        _request(self.url, self._key, "POST", f"/runs/{quote(run_id, safe='')}/end")

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
        if self._server is not None:
            return datetime.fromtimestamp(self._server.store.clock.now() / 1000, UTC)
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
    db: str | Path | None = None,
    policy: Policy = None,
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
    db
        A file that stores all requests, so that the next start continues with its seed, time and history.
        Without it, everything is in memory.
    policy
        The account's interrupt policy: `manual`, `auto_approve`, `skip`, or a mapping
        `{"default": mode, "overrides": {agent_type: mode}}` as Middesk's.
    history
        Number of past runs in a new database, over the last 14 virtual days.
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
    options: dict[str, Any] = {"speed": speed, "seed": seed, "db": db, "policy": policy, "history": history}
    options |= {"now": now, "port": port, "key": key, "latency": latency, "limit": limit, "faults": faults}
    defaults = sandbox.__kwdefaults__ or {}
    if os.environ.get(URL_NAME):
        return _join([name for name, value in options.items() if value != defaults[name]])
    server = SandboxServer(**options)
    return Sandbox(server.url, server.key, speed, server)


def serve(
    *,
    port: int = 0,
    db: str | Path | None = None,
    speed: float = 60,
    seed: int = 0,
    policy: Policy = None,
    history: int = 0,
    key: str | None = None,
    latency: float = 0,
    limit: int | None = None,
    faults: Faults = (),
    announce: Callable[[str, str], None] | None = None,
) -> None:
    """Serve until Ctrl-C or SIGTERM; calls `announce(url, key)` once it listens.

    Options and errors are those of `sandbox`.
    """
    ended = threading.Event()
    options: dict[str, Any] = {"speed": speed, "seed": seed, "policy": policy, "history": history}
    options |= {"latency": latency, "limit": limit, "faults": faults}
    server = SandboxServer(port=port, db=db, key=key, **options)
    signals = (signal.SIGINT, signal.SIGTERM)
    old_handlers = [(number, signal.signal(number, lambda *_: ended.set())) for number in signals]
    try:
        if announce is not None:
            announce(server.url, server.key.reveal())
        while not ended.wait(0.5) and server.thread.is_alive():  # an endless wait hides Ctrl-C on Windows
            pass
    finally:
        for number, handler in old_handlers:
            signal.signal(number, handler)
        server.close()


def _join(ignored: list[str]) -> Sandbox:
    url, key = os.environ[URL_NAME], os.environ.get(KEY_NAME)
    if not key:
        raise UsageError(
            f"{URL_NAME} is set and {KEY_NAME} is not; set both to join a sandbox, or unset both to start one"
        )
    if not _SANDBOX_URL.fullmatch(url):  # not repeated, as it may contain a password
        raise UsageError(
            f"{URL_NAME} is not the URL of a sandbox on this machine; expected one such as "
            f"http://{HOST}:8100/v1"
        )
    url = url.rstrip("/").removesuffix("/v1") + "/v1"
    secret = Secret(checked_key(KEY_NAME, key))
    try:
        speed = float(_request(url, secret)["speed"])
    except (Unavailable, ValueError, KeyError) as error:
        why = str(error) if isinstance(error, Unavailable) else "the server there is not a sandbox"
        raise UsageError(
            f"no sandbox answers at {URL_NAME}={url} ({why}); start it, or unset {URL_NAME}"
        ) from None
    if ignored:  # on stdout, because a notebook shows stderr as an error
        say(f"Joined the sandbox at {url} ({URL_NAME}). No effect: {', '.join(ignored)}.", file=sys.stdout)
    return Sandbox(url, secret, speed, None)


def _request(
    url: str, key: Secret, method: str = "GET", path: str = "", body: object = None
) -> dict[str, Any]:
    """Call one of the sandbox's own routes; the empty path returns its time and speed.

    Raises `UsageError` for 404 and 422 of a path, else `Unavailable`.
    """
    try:
        response = httpx.request(
            method,
            f"{url.removesuffix('/v1')}/sandbox{path}",
            headers={"Authorization": f"Bearer {key.reveal()}"},
            json=body,
            trust_env=False,
            verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),  # skips loading certificates, which is slow
            timeout=10,
        )
    except httpx.HTTPError as error:
        raise Unavailable(f"no response from {url} ({type(error).__name__})") from None
    status = response.status_code
    try:
        content: dict[str, Any] = json.loads(response.content)
    except ValueError:
        status, content = status if status >= 400 else 502, {}
    if path and content and status in (404, 422):
        messages = [f"{one.get('parameter', 'sandbox')}: {one['message']}" for one in content["errors"]]
        raise UsageError(key.redact("; ".join(messages)))
    if status >= 400:
        raise Unavailable(f"the sandbox at {url} answered {status}", status=status)
    return content
