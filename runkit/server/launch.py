"""Start the server: inside this process (`sandbox`), or as a process of its own (`serve`)."""

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
from runkit.server.faults import standing
from runkit.server.runs import Runs
from runkit.server.store import Store
from runkit.server.web import Gate, check_person, key_of
from runkit.text import brief

if TYPE_CHECKING:
    from runkit.client import Client

HOST = "127.0.0.1"
URL_NAME, KEY_NAME = "RUNKIT_SANDBOX_URL", "RUNKIT_SANDBOX_KEY"
Policy = str | Mapping[str, Any] | None
Faults = str | Iterable[str | Mapping[str, Any]]
_SANDBOX_URL = re.compile(r"http://(127\.0\.0\.1|localhost|\[::1\])(:[0-9]{1,5})?(/v1)?/?")
_TYPES: dict[str, tuple[tuple[type, ...], str]] = {
    "speed": ((int, float), "a number: virtual seconds in a real one"),
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
START_SECONDS = 30.0  # starting takes well under a second; after this long something is wrong
KEEP_SECONDS = 30  # between requests; longer than callers keep a connection, or both would close it at once


class Running:
    """A server on a thread with a loop of its own: it works where a loop already runs, as in Jupyter.

    Options as for `sandbox`, and `real_time`.
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
        from_the_start = standing(faults, latency, limit)
        self.key = Secret(checked_key("key", key or f"mk_test_sandbox_{secrets.token_urlsafe(24)}"))
        self.store = Store(**options)
        try:
            runs = Runs(self.store, policy)
            if not self.store.runs:
                runs.add_past(history)
            self.listening = _bound(port)
        except BaseException:
            self.store.db.close()
            raise
        self.port = self.listening.getsockname()[1]
        self.url = f"http://{HOST}:{self.port}/v1"
        self.faults = create_app(runs, lambda: self.server.should_exit, self._restart)
        for fault in from_the_start:
            self.faults.add(fault)
        self.config = uvicorn.Config(
            Gate(self.faults, self.key, self.store.clock.now),
            http=Connection,  # named: which one uvicorn takes depends on what else is installed
            ws="none",
            log_config=None,  # the notebook's own logging stays as it is
            log_level="warning",
            access_log=False,
            date_header=False,  # the app's is in virtual time
            server_header=False,
            lifespan="off",
            timeout_keep_alive=KEEP_SECONDS,
            timeout_graceful_shutdown=2,
        )
        self.server = uvicorn.Server(self.config)
        self.closing = threading.Event()
        self.away: float | None = None  # seconds until it serves again, when it was told to restart
        self.thread = threading.Thread(target=self._serve, name="runkit-sandbox", daemon=True)
        self.thread.start()
        deadline = time.monotonic() + START_SECONDS
        while not self.server.started:
            if time.monotonic() > deadline or not self.thread.is_alive():
                self.close()
                raise RuntimeError(f"the sandbox did not start at {self.url}; see the log above")
            time.sleep(0.002)

    def _serve(self) -> None:
        while not self.closing.is_set():
            self.server.run(sockets=[self.listening])
            if self.away is None:
                return
            self.closing.wait(self.away)
            self.away, self.server = None, uvicorn.Server(self.config)

    def _restart(self, away: float) -> None:
        """End at once, as if killed, and serve again after some seconds. For the server's own thread.

        Meanwhile the port is kept by a socket that does not listen: whoever connects is refused, and nobody
        else can take it.
        """
        if self.away is None:
            self.away = away
            for server in self.server.servers:
                server.close()
            self.listening = _bound(self.port)
            for connection in list(self.server.server_state.connections):
                connection.transport.abort()
            self.server.should_exit = True

    def close(self) -> None:
        """Stop, let requests end, close the database."""
        self.closing.set()
        self.server.should_exit = True
        self.thread.join(10)
        self.listening.close()
        self.store.db.close()


def _check_types(options: Mapping[str, object]) -> None:
    """Refuse options of another type. A value is not shown where it may be a key."""
    for name, value in options.items():
        types, expected = _TYPES.get(name, ((object,), ""))
        if not isinstance(value, types) or (isinstance(value, bool) and object not in types):
            shown = type(value).__name__ if name == "key" else brief(value)
            raise UsageError(f"{name}={shown} cannot be used; expected {expected}.")


def _bound(port: int) -> socket.socket:
    """Bind a socket, which does not listen yet."""
    # Named, because asyncio sets TCP_NODELAY for this protocol alone: without, a response takes 40 ms.
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
    """A running sandbox: where it is, its key, what can be reviewed there. Close it, or use it in `with`.

    `url` is the base URL of the API, such as `http://127.0.0.1:8100/v1`. `businesses` are the seeded ones:
    each row says its `id`, `name`, `scenario` and what it `shows`. `speed` is virtual seconds in a real one.
    """

    def __init__(self, url: str, key: str | Secret, speed: float, running: Running | None) -> None:
        self.url = url
        self._key = key if isinstance(key, Secret) else Secret(key)
        self.speed = speed
        self.businesses: tuple[Business, ...] = BUSINESSES
        self._running = running
        if running is not None:
            atexit.register(self.close)

    @property
    def key(self) -> str:
        """The API key that it asks for."""
        return self._key.reveal()

    def business(self, name: str) -> str:
        """Return the id of a seeded business, by its name or its scenario; `UsageError` if there is none."""
        for business in self.businesses:
            if name.casefold() in (business.name.casefold(), business.scenario, business.id):
                return business.id
        raise UsageError.one_of("business", name, [business.scenario for business in self.businesses])

    def client(self, *, person: str | None = None, **options: Any) -> Client:
        """Return a client of this sandbox; `options` as `runkit.Client` takes them.

        With a `person` it has a key of her own: what she does is recorded as that user's, not the account's.
        Raises `UsageError` for a name that is empty, longer than 100 characters or not printable.
        """
        from runkit.client import Client

        if person is not None:
            check_person(person)
        return Client(
            api_key=self.key if person is None else key_of(self.key, person), base_url=self.url, **options
        )

    def fault(self, kind: str, on: str = "/resume", times: int | None = 1, **fields: Any) -> None:
        """Let the next `times` requests fail whose path holds `on`: POST, or as in `GET /stream`, `ANY /`.

        `times=None` is until `clear_faults`. The kinds, and the `fields` that each has (`seconds`, `status`,
        `chance` and others), are told in `runkit.server.faults.Fault`: `limit`, `slow`, `skew`, which may
        hold at once with one of `refuse`, `drop`, `reset`, `restart`, all without the work, and `lose_reply`,
        `cut`, `garble`, `drip`, `duplicate`, `reorder`, which do it. Raises `UsageError` for a `kind` or a
        field that is none of this.
        """
        _ask(self.url, self._key, "POST", "/faults", {"kind": kind, "on": on, "times": times, **fields})

    def clear_faults(self) -> None:
        """Forget all faults, also those that the sandbox was started with."""
        _ask(self.url, self._key, "DELETE", "/faults")

    def end_run(self, run_id: str) -> None:
        """End a run now, in error; its question lapses. `UsageError` if it is unknown or has ended."""
        _ask(self.url, self._key, "POST", f"/runs/{quote(run_id, safe='')}/end")

    def now(self) -> datetime:
        """Virtual time, in UTC. Raises `Unavailable` if a server that was joined does not answer."""
        if self._running is not None:
            return datetime.fromtimestamp(self._running.store.clock.now() / 1000, UTC)
        return datetime.fromisoformat(_ask(self.url, self._key)["now"])

    def close(self) -> None:
        """Stop the server, if it was started here. Closing twice is fine."""
        if self._running is not None and self._running.thread.is_alive():
            atexit.unregister(self.close)
            self._running.close()

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
    """Start the embedded sandbox, or join the one that `RUNKIT_SANDBOX_URL` names.

    Options given to a sandbox that is joined have no effect; one line on stdout names them.

    `speed` is how many virtual seconds pass in a real one while a run works; while all wait for a person it
    is 1. Equal `seed`s, requests and virtual times give equal bytes. `now` is where virtual time starts: the
    real time if not given, UTC if it names no zone. `history` is how many past runs a new database starts
    with, over the past 14 virtual days.

    `db` is a file that keeps what came in, so that another start goes on from there, with its own seed, time
    and past; without it all is in memory. `policy` is the account's interrupt policy: `manual`,
    `auto_approve`, `skip`, or a mapping as Middesk's `{"default": mode, "overrides": {agent_type: mode}}`.
    `port` is one of 127.0.0.1, 0 for any free one; `key` the API key it asks for, random if not given.
    Every request takes `latency` real seconds longer, and what is beyond `limit` requests in any second is
    answered with 429. `faults` are more that can go wrong from the start, such as
    `["refuse GET /runs status=502 chance=0.1", "cut GET /stream at=300"]`: each a kind, which requests if not
    all, and fields, as in `Sandbox.fault`. Chance and jitter are drawn from the seed.

    Raises `UsageError` for an argument that cannot be used, a port in use, or a `RUNKIT_SANDBOX_URL` without
    its key or where nobody answers.
    """
    options: dict[str, Any] = {"speed": speed, "seed": seed, "db": db, "policy": policy, "history": history}
    options |= {"now": now, "port": port, "key": key, "latency": latency, "limit": limit, "faults": faults}
    plain = sandbox.__kwdefaults__ or {}
    given = [name for name, value in options.items() if value != plain[name]]
    if os.environ.get(URL_NAME):
        return _join(given)
    running = Running(**options)
    return Sandbox(running.url, running.key, speed, running)


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

    Options and errors as for `sandbox`.
    """
    ended = threading.Event()
    options: dict[str, Any] = {"speed": speed, "seed": seed, "policy": policy, "history": history}
    options |= {"latency": latency, "limit": limit, "faults": faults}
    running = Running(port=port, db=db, key=key, **options)
    signals = (signal.SIGINT, signal.SIGTERM)
    before = [(number, signal.signal(number, lambda *_: ended.set())) for number in signals]
    try:
        if announce is not None:
            announce(running.url, running.key.reveal())
        while not ended.wait(0.5) and running.thread.is_alive():  # a wait without end hides Ctrl-C on Windows
            pass
    finally:
        for number, handler in before:
            signal.signal(number, handler)
        running.close()


def _join(ignored: list[str]) -> Sandbox:
    url, key = os.environ[URL_NAME], os.environ.get(KEY_NAME)
    if not key:
        raise UsageError(
            f"{URL_NAME} is set and {KEY_NAME} is not; set both to join a sandbox, or unset both to start one"
        )
    if not _SANDBOX_URL.fullmatch(url):  # not repeated: what is wrong with it may be a password
        raise UsageError(
            f"{URL_NAME} is no address of a sandbox, which is on this machine; expected one such as "
            f"http://{HOST}:8100/v1"
        )
    url = url.rstrip("/").removesuffix("/v1") + "/v1"
    secret = Secret(checked_key(KEY_NAME, key))
    try:
        speed = float(_ask(url, secret)["speed"])
    except (Unavailable, ValueError, KeyError) as error:
        why = str(error) if isinstance(error, Unavailable) else "it answers as no sandbox does"
        raise UsageError(
            f"no sandbox answers at {URL_NAME}={url} ({why}); start it, or unset {URL_NAME}"
        ) from None
    if ignored:  # on stdout: a notebook shows stderr as if something were wrong
        say(f"Joined the sandbox at {url} ({URL_NAME}). No effect: {', '.join(ignored)}.", file=sys.stdout)
    return Sandbox(url, secret, speed, None)


def _ask(url: str, key: Secret, method: str = "GET", path: str = "", body: object = None) -> dict[str, Any]:
    """Ask one of the sandbox's own routes; without a path it tells its time and speed.

    Raises `UsageError` for what is refused under a path (404, 422), and `Unavailable`.
    """
    try:
        answer = httpx.request(
            method,
            f"{url.removesuffix('/v1')}/sandbox{path}",
            headers={"Authorization": f"Bearer {key.reveal()}"},
            json=body,
            trust_env=False,
            verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),  # plain http needs no certificates, slow to load
            timeout=10,
        )
    except httpx.HTTPError as error:
        raise Unavailable(f"nobody answers at {url} ({type(error).__name__})") from None
    status = answer.status_code
    try:
        told: dict[str, Any] = json.loads(answer.content)
    except ValueError:
        status, told = status if status >= 400 else 502, {}
    if path and told and status in (404, 422):
        found = [f"{one.get('parameter', 'sandbox')}: {one['message']}" for one in told["errors"]]
        raise UsageError(key.redact("; ".join(found)))
    if status >= 400:
        raise Unavailable(f"the sandbox at {url} answered {status}", status=status)
    return told
