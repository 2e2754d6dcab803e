"""One queue of events for each card: its thread owns the state behind it, so nothing is locked.

    page -> Card -> EventQueue -> a handler changes the state -> draw, once no event is left
                        ^
    slow work (to read, to send) has a thread of its own; its result is an event

Widget callbacks come on the main thread or on a subshell's, with a loop of their own or none, so
nothing here uses asyncio. Threads are not pooled: a pool would stay behind idle.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import TypeVar

from runkit.display.log import log
from runkit.errors import RunkitError

PAUSE = 15.0  # seconds after an unexpected error of a tick
Event = Callable[[], object]
Result = TypeVar("Result")


def error_message(error: Exception) -> str:
    """Return runkit's own text of an error, else only its type, as a text may hold secrets."""
    if isinstance(error, RunkitError):
        return str(error)
    log.error("a job failed", exc_info=error)
    return f"Something went wrong here ({type(error).__name__}). The log has the details."


class EventQueue:
    """Handles events in order on one thread, which lives while there are events or ticks.

    `draw` is called when no event is left. While the queue is watched, `tick` is called, and again
    after the seconds that it returns; None ends it. A tick starts work and changes nothing itself.
    Errors are logged and end nothing.
    """

    def __init__(
        self, name: str, draw: Event = lambda: None, tick: Callable[[], float | None] | None = None
    ) -> None:
        self._name = name
        self._draw = draw
        self._tick = tick
        self._events = deque[Event]()
        self._wake = threading.Condition()
        self._is_running = False
        self._due: float | None = None  # time of the next tick, while it is watched

    def post(self, event: Event) -> None:
        """Handle an event soon; from any thread.

        Raises `RuntimeError` if there is no thread for it; it is dropped then, and a person may try
        again.
        """
        with self._wake:
            self._events.append(event)
            try:
                self._run()
            except RuntimeError:
                self._events.remove(event)
                raise

    def call(self, event: Event) -> None:
        """Handle an event, and wait for it; not from the queue's own thread."""
        handled = threading.Event()
        self.post(event)
        self.post(handled.set)
        handled.wait()

    def start(
        self,
        name: str,
        work: Callable[[], Result],
        take: Callable[[Result], object],
        failed: Callable[[Exception], object],
    ) -> None:
        """Do slow work on a thread of its own; its result or error is handled as an event.

        Raises `RuntimeError` if there is no thread for it.
        """

        def job() -> None:
            try:
                event = partial(take, work())
            except Exception as error:
                event = partial(failed, error)
            self.post(event)

        threading.Thread(target=job, name=f"runkit-{name}", daemon=True).start()

    def watch(self, first: float = 0.0) -> None:
        """Tick from now on, first after some seconds, unless the queue ticks already."""
        with self._wake:
            if self._due is None:
                self._due = time.monotonic() + first
                self._run()

    def stop(self) -> bool:
        """Tick no longer; return whether it did."""
        with self._wake:
            was_watched = self._due is not None
            self._due = None
            self._wake.notify()
        return was_watched

    def _run(self) -> None:
        """Let the thread run; the lock decides whether it does, so there is never a second."""
        if not self._is_running:
            threading.Thread(target=self._work, name=f"runkit-{self._name}", daemon=True).start()
            self._is_running = True
        self._wake.notify()

    def _work(self) -> None:
        while (event := self._next()) is not None:
            self._handle(event)
            if event != self._on_tick and not self._events:
                self._handle(self._draw)

    def _handle(self, event: Event) -> None:
        try:
            event()
        except Exception:
            log.exception("%s: an event failed", self._name)

    def _next(self) -> Event | None:
        """Wait for the next event or tick; None if there will be none."""
        with self._wake:
            while not self._events:
                if self._due is None:
                    self._is_running = False
                    return None
                wait = self._due - time.monotonic()
                if wait <= 0:
                    self._due = time.monotonic() + PAUSE
                    return self._on_tick
                self._wake.wait(wait)
            return self._events.popleft()

    def _on_tick(self) -> None:
        wait = self._tick() if self._tick else None
        with self._wake:
            if self._due is not None:  # it may have been stopped meanwhile
                self._due = None if wait is None else time.monotonic() + wait
