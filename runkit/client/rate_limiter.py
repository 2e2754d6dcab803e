"""A turnstile for requests, shared by all threads of a client. Times are in seconds."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

MARGIN = 0.025
"""By this part `rate` requests take longer than a second, and so much of the rate is given away. On a busy
machine a sandbox saw 21 arrivals up to 13 ms closer together than they had left: without a margin 36 of 140
windows of a second held one too many, with 5 ms or more none. This is twice what was seen."""


class RateLimiter:
    """Lets at most `rate` requests go in any second and `MARGIN`, evenly spaced.

    Even spacing keeps every window of a second under the limit, however the server cuts its windows; a bucket
    that allows bursts would not. The limit is on arrivals, this on departures: the margin takes up what a
    request is slower on its way than the one `rate` later.
    `rate=None` only keeps the holds.
    """

    def __init__(
        self, rate: float | None, *, clock: Callable[[], float], sleep: Callable[[float], object]
    ) -> None:
        self._gap = (1 + MARGIN) / rate if rate else 0.0
        self._clock = clock
        self._sleep = sleep
        self._next = float("-inf")
        self.paused_until = float("-inf")
        self._departures: deque[float] = deque(maxlen=max(1, int(rate or 1)))
        self._lock = threading.Lock()

    def wait(self, until: float = float("inf")) -> bool:
        """Sleep until the next free slot; threads that wait stand in line.

        False, and no slot is taken, if none is free before `until`, a time of the clock.
        """
        if not self._gap and self.paused_until <= self._clock():
            return True
        longest = min(max(0.0, until - self._clock()), threading.TIMEOUT_MAX)
        if not self._lock.acquire(timeout=longest):
            return False
        try:
            self._next = max(self._clock(), self._next)
            while (delay := (slot := self._next_slot()) - self._clock()) > 0:
                if slot >= until:
                    return False
                self._sleep(delay)
            self._next += self._gap
            self._departures.append(self._clock())
            return True
        finally:
            self._lock.release()

    def _next_slot(self) -> float:
        """When the next request may go: a late one must not be followed by a crowd within its second."""
        is_full = self._gap and len(self._departures) == self._departures.maxlen
        earliest = self._departures[0] + self._gap * len(self._departures) if is_full else 0.0
        return max(self._next, self.paused_until, earliest)

    def pause(self, seconds: float) -> None:
        """Let nobody go for `seconds`: the server told one thread to wait, and it meant the key of all."""
        self.paused_until = max(self.paused_until, self._clock() + seconds)
