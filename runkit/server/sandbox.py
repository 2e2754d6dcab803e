"""Start a sandbox, and use it. Starting needs the packages of the extra `[sandbox]`."""

from __future__ import annotations

import atexit
import signal
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from runkit.arguments import Moment, checked, full_id
from runkit.display.messages import hide
from runkit.errors import MissingExtra, UsageError
from runkit.server._recordings import SeededBusiness, moment_of

if TYPE_CHECKING:
    from runkit.client import Client
    from runkit.server._app import SandboxServer


class Sandbox:
    """A running sandbox. Close it, or use it in a `with` block.

    Attributes
    ----------
    url : str
        The base URL of the API, such as `http://127.0.0.1:8100/v1`.
    businesses : tuple of SeededBusiness
        The seeded businesses, with `id`, `name`, `scenario` and what each `shows`.
    speed : float
        Virtual seconds per real second.
    """

    def __init__(self, server: SandboxServer) -> None:
        self.url = server.url
        self.speed = server.store.clock.speed
        self.businesses: tuple[SeededBusiness, ...] = tuple(server.store.businesses)
        self._server = server
        atexit.register(self.close)

    @property
    def key(self) -> str:
        """The API key of the sandbox."""
        return str(self._server.key.get_secret_value())

    @checked
    def business(self, name: str) -> str:
        """Return the id of a seeded business.

        Parameters
        ----------
        name
            The name, scenario or id of the business, or at least its first 8 characters; the
            scenario of a replayed run is its id.

        Returns
        -------
        str
            The id of the business.

        Raises
        ------
        UsageError
            For an unknown business.
        """
        ids = {
            word.casefold(): business.id
            for business in reversed(self.businesses)  # the first of a scenario counts
            for word in (business.name, business.scenario, business.id)
        }
        if found := full_id(name.casefold(), ids):
            return ids[found]
        scenarios = [business.scenario for business in self.businesses]
        raise UsageError.one_of("business", name, scenarios)

    @checked
    def client(self, **options: Any) -> Client:
        """Return a client of this sandbox.

        Parameters
        ----------
        **options
            Options of `runkit.Client`.

        Returns
        -------
        Client
            A client with the URL and the key of this sandbox.
        """
        from runkit.client import Client

        return Client(api_key=hide(self.key), base_url=self.url, **options)

    @checked
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
        self._server.store.end_run(run_id)

    def now(self) -> datetime:
        """Return the virtual time, in UTC.

        Returns
        -------
        datetime
            The current time of the sandbox.
        """
        return moment_of(self._server.store.clock.now())

    def close(self) -> None:
        """Stop the server. Closing it twice does nothing."""
        if self._server.thread.is_alive():
            atexit.unregister(self.close)
            self._server.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Sandbox(url={self.url!r}, speed={self.speed:g})"


@checked
def sandbox(
    *,
    speed: float = 60,
    seed: int = 0,
    history: int = 0,
    now: Moment | None = None,
    replay: str | Path | None = None,
    port: int = 0,
    key: str | None = None,
    latency: float = 0,
    limit: int | None = None,
) -> Sandbox:
    """Start the embedded sandbox.

    Parameters
    ----------
    speed
        Simulation speed: virtual seconds per real second while a run works. It is 1 while all runs
        wait.
    seed
        Equal seeds, requests and virtual times give equal responses.
    history
        Number of past runs, over the last 14 virtual days.
    now
        Start of virtual time, UTC unless it has an offset; the real time by default.
    replay
        A file or folder of runs, as `runkit.frames` reads it, whose finished runs are played
        instead of the packaged ones. Each run is about a business of its own: create a run on one
        of `businesses` to play it. A question is asked when it was asked, and the run goes on as
        recorded after any answer; copies of a run that waited say what was asked. Documents can
        only be rejected, recorded texts stay as they are, and personal data is served as it is in
        the file, to whoever has the key. The log says how many records are left out, and why. The
        files are only read.
    port
        Port on 127.0.0.1; 0 for any free one.
    key
        The API key; random by default.
    latency
        Real seconds that every request takes longer.
    limit
        Requests per second; others are answered with 429.

    Returns
    -------
    Sandbox
        The running sandbox; close it, or use it in a `with` block.

    Raises
    ------
    MissingExtra
        Without the extra `[sandbox]`.
    UsageError
        For an invalid argument, a port in use, and a file without a run that can be played.
    """
    try:
        from runkit.server._app import SandboxServer
    except ImportError:
        raise MissingExtra.of("sandbox", "starting a sandbox") from None
    server = SandboxServer(
        speed=speed,
        seed=seed,
        history=history,
        now=now,
        replay=replay,
        port=port,
        key=key,
        latency=latency,
        limit=limit,
    )
    return Sandbox(server)


def serve(*, announce: Callable[[str, str], None], **options: Any) -> None:
    """Serve until Ctrl-C or SIGTERM; calls `announce(url, key)` once it listens.

    Options and errors are those of `sandbox`.
    """
    with sandbox(**options) as box, suppress(KeyboardInterrupt):
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        announce(box.url, box.key)
        thread = box._server.thread
        while thread.is_alive():  # an endless wait hides Ctrl-C on Windows
            thread.join(0.5)
