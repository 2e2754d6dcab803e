"""Work beside the kernel's thread: a daemon thread for each job, and one that repeats.

Callbacks of widgets come on the main thread or on a subshell's, with a loop of their own or none, so nothing
here uses asyncio. Threads are not pooled: a job is a person's click, and an idle pool would be left behind.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from runkit.errors import RunkitError
from runkit.logs import log

PAUSE = 15.0  # seconds after an error that nobody expected


def start(work: Callable[[], object], name: str) -> threading.Thread:
    """Start a job. `work` must turn its own errors into words; a daemon does not keep the kernel alive."""
    thread = threading.Thread(target=work, name=f"runkit-{name}", daemon=True)
    thread.start()
    return thread


def error_message(error: Exception) -> str:
    """Say what went wrong in a job: runkit's own words, else only the kind, for a text may hold anything."""
    if isinstance(error, RunkitError):
        return str(error)
    log.error("a job failed", exc_info=error)
    return f"Something went wrong here ({type(error).__name__}); the log says more."


class Ticker:
    """Does its work again and again until it is stopped; starting twice leaves one thread.

    `work` gives the seconds until the next time, None to end. An error in it is logged and does not end it.
    """

    def __init__(self, work: Callable[[], float | None], name: str, first: float = 0.0) -> None:
        self._work = work
        self._name = name
        self._first = first
        self._lock = threading.Lock()
        self._stop: threading.Event | None = None
        self._wake = threading.Event()  # a new one with each start: a thread that ends must not take its news

    def start(self) -> None:
        """Start, unless it runs."""
        with self._lock:
            if self._stop is None:
                self._stop, self._wake = stop, wake = threading.Event(), threading.Event()
                start(lambda: self._run(stop, wake), self._name)

    def stop(self) -> None:
        """Stop, from any thread; work that is under way ends by itself."""
        with self._lock:
            if self._stop is not None:
                self._stop.set()
                self._wake.set()
                self._stop = None

    def now(self) -> None:
        """Do the work at once instead of waiting."""
        self._wake.set()

    def _run(self, stop: threading.Event, wake: threading.Event) -> None:
        wait: float | None = self._first
        while wait is not None:
            wake.wait(wait)
            wake.clear()
            if stop.is_set():
                return
            try:
                wait = self._work()
            except Exception:
                log.exception("%s failed; it goes on", self._name)
                wait = PAUSE
        with self._lock:
            if self._stop is stop:
                self._stop = None
