"""Start the server: inside this process (`sandbox`), or as a process of its own (`serve`)."""

import asyncio
import atexit
import logging
import os
import secrets
import signal
import socket
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, Any, Self

import httpx
import uvicorn

from runkit.errors import UsageError
from runkit.server.app import create_app
from runkit.server.businesses import BUSINESSES, Business
from runkit.server.history import seed_history
from runkit.server.world import World

if TYPE_CHECKING:
    from runkit.client import Client

log = logging.getLogger("runkit")
HOST = "127.0.0.1"
URL_NAME, KEY_NAME = "RUNKIT_SANDBOX_URL", "RUNKIT_SANDBOX_KEY"
START_SECONDS = 30.0
"""Starting takes well under a second; after this long something is wrong."""


class _Uvicorn(uvicorn.Server):
    """Tells when it listens, and ends open streams before it waits for them."""

    def __init__(self, config: uvicorn.Config, stopping: asyncio.Event) -> None:
        super().__init__(config)
        self.stopping = stopping
        self.settled = threading.Event()
        self.loop: asyncio.AbstractEventLoop | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self.loop = asyncio.get_running_loop()
        await super().startup(sockets)
        self.settled.set()

    async def main_loop(self) -> None:
        """Wait to be stopped, where uvicorn would look ten times a second."""
        await self.stopping.wait()

    def stop(self) -> None:
        """Ask it to end; from any thread."""
        self.should_exit = True
        if self.loop is not None and not self.loop.is_closed():
            self.loop.call_soon_threadsafe(self.stopping.set)


class Running:
    """A server on a thread with a loop of its own: it works where a loop already runs, as in Jupyter."""

    def __init__(self, world: World, key: str, port: int) -> None:
        self.world = world
        self.listening = _listen(port)
        self.port = int(self.listening.getsockname()[1])
        stopping = asyncio.Event()
        config = uvicorn.Config(
            create_app(world, key, stopping=stopping),
            log_config=None,  # the notebook's own logging stays as it is
            log_level="warning",
            access_log=False,
            date_header=False,  # the app's is in virtual time
            server_header=False,
            lifespan="off",
            timeout_graceful_shutdown=2,
        )
        self.server = _Uvicorn(config, stopping)
        self.thread = threading.Thread(target=self._run, name="runkit-sandbox", daemon=True)
        self.thread.start()
        if not self.server.settled.wait(START_SECONDS) or not self.server.started:
            self.close()
            msg = f"the sandbox did not start on {HOST}:{self.port}; see the log above"
            raise RuntimeError(msg)

    def _run(self) -> None:
        try:
            asyncio.run(self.server.serve(sockets=[self.listening]))
        finally:
            self.server.settled.set()

    def close(self) -> None:
        """Stop, let requests end, close the database."""
        self.server.stop()
        self.thread.join(10)
        self.listening.close()
        self.world.store.close()


def _listen(port: int) -> socket.socket:
    # Named, because asyncio sets TCP_NODELAY for this protocol alone: without, a response takes 40 ms.
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    if os.name == "posix":  # elsewhere the option would let two servers share a port
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((HOST, port))
    except (OSError, OverflowError) as error:
        listening.close()
        msg = f"port={port} of {HOST} cannot be used ({error}); give another port, or 0 for any free one"
        raise UsageError(msg) from error
    return listening


class Sandbox:
    """A running sandbox: where it is, its key, what can be reviewed there. Close it, or use it in `with`."""

    def __init__(self, url: str, key: str, speed: float, running: Running | None) -> None:
        self.url = url
        """The base URL of the API, such as `http://127.0.0.1:8100/v1`."""
        self.key = key
        self.speed = speed
        self.businesses: tuple[Business, ...] = BUSINESSES
        """The seeded businesses; each row says its id, name, scenario and what it shows."""
        self._running = running
        if running is not None:
            atexit.register(self.close)

    def business(self, name: str) -> str:
        """Return the id of a seeded business, by its name or its scenario.

        Raises:
            UsageError: no business has that name or scenario.

        """
        for business in self.businesses:
            if name.casefold() in (business.name.casefold(), business.scenario, business.id):
                return business.id
        raise UsageError.one_of("business", name, [business.scenario for business in self.businesses])

    def client(self, **options: Any) -> "Client":
        """Return a client of this sandbox; `options` as `runkit.Client` takes them."""
        from runkit.client import Client

        return Client(api_key=self.key, base_url=self.url, **options)

    def now(self) -> datetime:
        """Virtual time, in UTC.

        Raises:
            httpx.HTTPError: a server that was joined does not answer.

        """
        if self._running is not None:
            return datetime.fromtimestamp(self._running.world.clock.now() / 1000, UTC)
        return datetime.fromisoformat(_ask(self.url, self.key)["now"])

    def close(self) -> None:
        """Stop the server, if it was started here. Closing twice is fine."""
        if self._running is not None and self._running.thread.is_alive():
            atexit.unregister(self.close)
            self._running.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Sandbox(url={self.url!r}, speed={self.speed:g})"


def sandbox(
    *,
    speed: float = 60,
    seed: int = 0,
    db: str | Path | None = None,
    policy: str | Mapping[str, Any] | None = None,
    history: int = 0,
    now: datetime | str | None = None,
    port: int = 0,
    key: str | None = None,
) -> Sandbox:
    """Start the embedded sandbox, or join the one that `RUNKIT_SANDBOX_URL` names.

    Args:
        speed: virtual seconds that pass in a real one while a run works; while all wait for a person it is 1.
        seed: equal seeds, requests and virtual times give equal bytes.
        db: a file that keeps what came in, so that another start goes on from there; in memory without it.
            One that exists keeps its own seed, time and past.
        policy: the account's interrupt policy: `manual`, `auto_approve`, `skip`, or a mapping as Middesk's
            `{"default": mode, "overrides": {agent_type: mode}}`.
        history: how many past runs a new database starts with, over the past 14 virtual days.
        now: where virtual time starts (UTC if it names no zone); the real time without it.
        port: a port of 127.0.0.1; 0 for any free one.
        key: the API key it asks for; a random one without it.

    Raises:
        UsageError: an argument that cannot be used, a port in use, or a `RUNKIT_SANDBOX_URL` without its key.

    """
    joined = os.environ.get(URL_NAME)
    if joined:
        plain = {"speed": 60, "seed": 0, "history": 0, "port": 0}
        given = {"speed": speed, "seed": seed, "db": db, "policy": policy, "history": history, "now": now}
        given |= {"port": port, "key": key}
        ignored = [name for name, value in given.items() if value != plain.get(name)]
        if ignored:
            log.warning("sandbox() joins %s (%s is set) and ignores %s", joined, URL_NAME, ", ".join(ignored))
        return _join(joined)
    running, key = _start(db, speed, seed, policy, history, now, port, key)
    return Sandbox(f"http://{HOST}:{running.port}/v1", key, speed, running)


def serve(
    *,
    port: int = 0,
    db: str | Path | None = None,
    speed: float = 60,
    seed: int = 0,
    policy: str | Mapping[str, Any] | None = None,
    history: int = 0,
    key: str | None = None,
    announce: Callable[[str, str], None] | None = None,
) -> None:
    """Serve until Ctrl-C or SIGTERM; calls `announce(url, key)` once it listens. Options as for `sandbox`.

    Raises:
        UsageError: an argument that cannot be used, or a port in use.

    """
    ended = threading.Event()

    def end(number: int, frame: FrameType | None) -> None:
        ended.set()

    running, key = _start(db, speed, seed, policy, history, None, port, key)
    before = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        if announce is not None:
            announce(f"http://{HOST}:{running.port}/v1", key)
        while not ended.wait(0.5) and running.thread.is_alive():  # a wait without end hides Ctrl-C on Windows
            pass
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        running.close()


def _start(
    db: str | Path | None,
    speed: float,
    seed: int,
    policy: str | Mapping[str, Any] | None,
    history: int,
    now: datetime | str | None,
    port: int,
    key: str | None,
) -> tuple[Running, str]:
    if history < 0:
        msg = f"history must be a number of past runs, 0 or more; got {history!r}"
        raise UsageError(msg)
    world = World.open(db=db, speed=speed, seed=seed, policy=policy, now=now)
    try:
        if history and not world.store.count("runs"):
            seed_history(world, history)
        key = key or f"mk_test_sandbox_{secrets.token_urlsafe(24)}"
        return Running(world, key, port), key
    except BaseException:
        world.store.close()
        raise


def _join(url: str) -> Sandbox:
    key = os.environ.get(KEY_NAME)
    if not key:
        msg = (
            f"{URL_NAME} is set and {KEY_NAME} is not; set both to join a sandbox, or unset both to start one"
        )
        raise UsageError(msg)
    url = url.rstrip("/")
    url = url if url.endswith("/v1") else f"{url}/v1"
    try:
        speed = float(_ask(url, key)["speed"])
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, KeyError) as error:
        msg = (
            f"no sandbox answers at {URL_NAME}={url} ({type(error).__name__}); start it, or unset {URL_NAME}"
        )
        raise UsageError(msg) from error
    return Sandbox(url, key, speed, None)


def _ask(url: str, key: str) -> dict[str, Any]:
    """The sandbox's own page: its time and speed."""
    answer = httpx.get(
        f"{url.removesuffix('/v1')}/sandbox",
        headers={"Authorization": f"Bearer {key}"},
        trust_env=False,
        timeout=10,
    )
    answer.raise_for_status()
    told: dict[str, Any] = answer.json()
    return told
