"""Evenly spaced slots for requests, shared by all threads of a client. Times are in seconds."""

from __future__ import annotations

import threading
from collections.abc import Callable


class Pacer:
    """Lets at most `rate` requests a second go, one every `1 / rate` seconds.

    Even spacing keeps every window of a second under the limit, however the server cuts its windows; a bucket
    that allows bursts would not. `rate=None` only keeps the holds.
    """

    def __init__(
        self, rate: float | None, *, clock: Callable[[], float], sleep: Callable[[float], object]
    ) -> None:
        self._gap = 1 / rate if rate else 0.0
        self._clock = clock
        self._sleep = sleep
        self._next = float("-inf")
        self._lock = threading.Lock()

    def wait(self) -> None:
        """Take the next free slot and sleep until it comes."""
        with self._lock:
            slot = max(self._clock(), self._next)
            self._next = slot + self._gap
        delay = slot - self._clock()
        if delay > 0:
            self._sleep(delay)

    def hold(self, seconds: float) -> None:
        """Let nobody go for `seconds`: the server told one thread to wait, and it meant the key of all."""
        with self._lock:
            self._next = max(self._next, self._clock() + seconds)
