"""One virtual clock for the server, without a task that ticks.

It runs at `speed` while any run is working and at 1 when every live run waits for a person or nothing runs. A
working run is not disturbed before its next stop (a question or its end), and the plan of a run says when
that is. So the latest known stop, `busy_until`, is all the clock needs: virtual time is a function of real
time with one bend in it. A run that the operator ends early leaves the bend where it was.

Virtual times are whole milliseconds since 1970 (UTC); real times are seconds as `time.time` gives them.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import NamedTuple

from runkit.errors import UsageError


class Course(NamedTuple):
    """How virtual time follows real time from an anchor on: at `speed` until `busy_until`, then at 1."""

    virtual: int
    real: float
    busy_until: int
    speed: float

    def at(self, real: float) -> int:
        """Virtual milliseconds at a real time; before the anchor, the anchor's own."""
        elapsed = max(0.0, (real - self.real) * 1000)
        busy = max(0, self.busy_until - self.virtual)
        if elapsed * self.speed < busy:
            return self.virtual + math.floor(elapsed * self.speed)
        return self.virtual + busy + math.floor(max(0.0, elapsed - busy / self.speed))


class Clock:
    """The course the server is on. Reading it is safe from any thread; it never runs backwards.

    Raises `UsageError` if the speed is not a positive number.
    """

    def __init__(self, course: Course, real_time: Callable[[], float] = time.time) -> None:
        if not (course.speed > 0 and math.isfinite(course.speed)):
            raise UsageError(
                f"speed={course.speed!r} must be positive; 60 makes a virtual minute take a second"
            )
        self.course = course
        self._real_time = real_time
        self._latest = course.virtual

    def now(self) -> int:
        """Virtual time in milliseconds."""
        self._latest = max(self._latest, self.course.at(self._real_time()))
        return self._latest

    def expect(self, stop: int | None) -> None:
        """A run works until `stop` (None: it waits): take a new course, busy at least that long."""
        busy_until = max(self.course.busy_until, stop or 0)
        self.course = Course(self.now(), self._real_time(), busy_until, self.course.speed)

    def delay(self, virtual: int) -> float:
        """Real seconds until `virtual`, if nothing else comes in; 0 if it has passed."""
        course = self.course
        ahead = max(0, virtual - course.virtual)
        busy = min(ahead, max(0, course.busy_until - course.virtual))
        there = course.real + (busy / course.speed + (ahead - busy)) / 1000
        return max(0.0, there - self._real_time())
