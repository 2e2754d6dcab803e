"""The rate limit of a client, shared by all its threads. Times are in seconds."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

MARGIN = 0.025
"""Requests are spaced this fraction wider than the rate. On a busy machine, 21 requests arrived up to 13 ms
closer together than they were sent. Without a margin, 36 of 140 one-second windows had one request too many;
with 5 ms or more, none. This is twice what was measured."""


class RateLimiter:
    """Lets at most `rate` requests go in any second plus `MARGIN`, evenly spaced.

    Even spacing keeps every one-second window under the limit, wherever the server starts its windows; a
    token bucket would allow bursts. The server counts arrivals, this class departures: the margin makes up
    for requests that arrive closer together than they were sent. With `rate=None` only pauses apply.
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
        """Sleep until the next free slot; threads wait in a queue.

        Gives False, and takes no slot, if none is free before `until`, a time of the clock.
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
        """Give the time of the next request. After a late one the next second must not be overfull."""
        is_full = self._gap and len(self._departures) == self._departures.maxlen
        earliest = self._departures[0] + self._gap * len(self._departures) if is_full else 0.0
        return max(self._next, self.paused_until, earliest)

    def pause(self, seconds: float) -> None:
        """Stop all requests for `seconds`: a wait that the server asks of one thread applies to the key."""
        self.paused_until = max(self.paused_until, self._clock() + seconds)
