"""Background work: a daemon thread for each job, and a repeating one.

Widget callbacks come on the main thread or on a subshell's, with a loop of their own or none, so
nothing here uses asyncio. Threads are not pooled: a job is a person's click, and a pool would stay
behind idle.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from runkit.display.log import log
from runkit.errors import RunkitError

PAUSE = 15.0  # seconds after an unexpected error


def start(work: Callable[[], object], name: str) -> None:
    """Start a job on a daemon thread, which handles its own errors.

    Raises `RuntimeError` if there is no thread for it; nothing has changed then, and a person may
    try again.
    """
    threading.Thread(target=work, name=f"runkit-{name}", daemon=True).start()


def error_message(error: Exception) -> str:
    """Return runkit's own text of an error, else only its type, as a text may hold secrets."""
    if isinstance(error, RunkitError):
        return str(error)
    log.error("a job failed", exc_info=error)
    return f"Something went wrong here ({type(error).__name__}). The log has the details."


class Ticker:
    """Repeats its work until it is stopped; starting twice leaves one thread.

    `work` returns the seconds until the next call, or None to end. Its errors are logged and end
    nothing.
    """

    def __init__(self, work: Callable[[], float | None], name: str, first: float = 0.0) -> None:
        self._work = work
        self._name = name
        self._first = first
        self._lock = threading.Lock()
        self._stop: threading.Event | None = None

    def start(self) -> None:
        """Start, unless it is running."""
        with self._lock:
            if self._stop is None:
                # a new one, which a thread that is ending cannot clear
                stop = threading.Event()
                start(lambda: self._run(stop), self._name)
                self._stop = stop

    def stop(self) -> bool:
        """Stop, from any thread; return whether it ran. A call of `work` ends by itself."""
        with self._lock:
            stop, self._stop = self._stop, None
        if stop is not None:
            stop.set()
        return stop is not None

    def _run(self, stop: threading.Event) -> None:
        wait: float | None = self._first
        while wait is not None:
            if stop.wait(wait):
                return
            try:
                wait = self._work()
            except Exception:
                log.exception("%s failed; trying again later", self._name)
                wait = PAUSE
        with self._lock:
            if self._stop is stop:
                self._stop = None
