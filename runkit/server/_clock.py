"""The server's virtual clock, without a background task.

It runs at `speed` while any run is working, and at real speed while every open run waits for a
reviewer. What a run will do says when it next stops (at a question or at its end), so the latest
stop, `busy_until`, is all the clock needs: virtual time is a piecewise linear function of real
time. A run that the operator ends early does not change `busy_until`.

Virtual times are whole milliseconds since 1970 (UTC); real times are seconds as from `time.time`.
"""

from __future__ import annotations

import math
from collections.abc import Callable


class Clock:
    """The server's clock. It can be read from any thread, and never runs backward."""

    def __init__(self, start: int, speed: float, real_time: Callable[[], float]) -> None:
        self.speed = speed
        self._real_time = real_time
        self._anchor = (start, real_time(), 0)  # virtual, real, busy_until
        self._latest = start

    def now(self) -> int:
        """Return the virtual time in milliseconds."""
        virtual, real, busy_until = self._anchor
        passed = max(0.0, (self._real_time() - real) * 1000)
        busy = max(0, busy_until - virtual)
        fast = min(passed * self.speed, busy)
        slow = max(0.0, passed - busy / self.speed)
        self._latest = max(self._latest, virtual + math.floor(fast + slow))
        return self._latest

    def expect(self, stop: int) -> None:
        """Run at `speed` at least until `stop`, when a run next stops (0: it waits)."""
        self._anchor = (self.now(), self._real_time(), max(self._anchor[2], stop))
