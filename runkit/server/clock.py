"""One virtual clock for the server, without a task that ticks.

It runs at `speed` while any run is working and at 1 when every live run waits for a person or nothing runs. A
working run is not disturbed before its next stop (a question or its end), and the plan of a run says when
that is. So the latest known stop, `busy_until`, is all the clock needs: virtual time is a function of real
time with one bend in it.

Virtual times are whole milliseconds since 1970 (UTC); real times are seconds as `time.time` gives them.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from runkit.errors import UsageError


@dataclass(frozen=True)
class Course:
    """How virtual time follows real time from an anchor on: at `speed` until `busy_until`, then at 1."""

    virtual: int
    real: float
    busy_until: int
    speed: float

    def at(self, real: float) -> int:
        """Virtual milliseconds at a real time; before the anchor, the anchor's own."""
        elapsed = max(0.0, (real - self.real) * 1000)
        busy = max(0, self.busy_until - self.virtual)
        fast = elapsed * self.speed
        if fast < busy:
            return self.virtual + math.floor(fast)
        return self.virtual + busy + math.floor(max(0.0, elapsed - busy / self.speed))

    def real_at(self, virtual: int) -> float:
        """The real time at which virtual time gets there, if nothing else comes in."""
        ahead = max(0, virtual - self.virtual)
        busy = min(ahead, max(0, self.busy_until - self.virtual))
        return self.real + (busy / self.speed + (ahead - busy)) / 1000


class Clock:
    """The course the server is on. Reading it is safe from any thread; it never runs backwards.

    Raises:
        UsageError: the speed is not a positive number.

    """

    def __init__(self, course: Course, real_time: Callable[[], float] = time.time) -> None:
        if not (course.speed > 0 and math.isfinite(course.speed)):
            msg = f"speed={course.speed!r} must be a positive number; 60 makes a virtual minute take a second"
            raise UsageError(msg)
        self.course = course
        self._real_time = real_time
        self._latest = course.virtual

    def now(self) -> int:
        """Virtual time in milliseconds."""
        return self._at(self._real_time())

    def expect(self, stop: int | None) -> None:
        """A run works until `stop` (None: it waits): take a new course, busy at least that long."""
        real = self._real_time()
        busy_until = max(self.course.busy_until, stop or 0)
        self.course = replace(self.course, virtual=self._at(real), real=real, busy_until=busy_until)

    def delay(self, virtual: int) -> float:
        """Real seconds until `virtual`; 0 if it has passed."""
        return max(0.0, self.course.real_at(virtual) - self._real_time())

    def _at(self, real: float) -> int:
        self._latest = max(self._latest, self.course.at(real))
        return self._latest
