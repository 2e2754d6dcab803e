"""The server's virtual clock, without a background task.

It runs at `speed` while any run is working, and at real speed while every open run waits for a
reviewer. What a run will do says when it next stops (at a question or at its end), so the latest
stop, `busy_until`, is all the clock needs: virtual time is a piecewise linear function of real
time. A run that the operator ends early does not change `busy_until`.

Virtual times are whole milliseconds since 1970 (UTC); real times are seconds as from `time.time`.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import NamedTuple


class ClockState(NamedTuple):
    """Virtual time since an anchor (`virtual`, `real`).

    It runs at `speed` until `busy_until`, then at real speed.
    """

    virtual: int
    real: float
    busy_until: int
    speed: float

    def at(self, real: float) -> int:
        """Return the virtual time in milliseconds at a real time, at least the anchor's."""
        elapsed = max(0.0, (real - self.real) * 1000)
        busy = max(0, self.busy_until - self.virtual)
        if elapsed * self.speed < busy:
            return self.virtual + math.floor(elapsed * self.speed)
        return self.virtual + busy + math.floor(max(0.0, elapsed - busy / self.speed))


class Clock:
    """The server's clock. It can be read from any thread, and never runs backward."""

    def __init__(self, state: ClockState, real_time: Callable[[], float] = time.time) -> None:
        self.state = state
        self._real_time = real_time
        self._latest = state.virtual

    def now(self) -> int:
        """Return the virtual time in milliseconds."""
        self._latest = max(self._latest, self.state.at(self._real_time()))
        return self._latest

    def expect(self, stop: int | None) -> None:
        """Run at `speed` at least until `stop`, when a run next stops (None: it waits)."""
        busy_until = max(self.state.busy_until, stop or 0)
        self.state = ClockState(self.now(), self._real_time(), busy_until, self.state.speed)
