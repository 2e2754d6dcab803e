"""Watch one run by polling it: its current state, and how that is known.

An older state of the run, as a lagging replica may show, never replaces a newer one. Times are in seconds.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace

from runkit import jsontext, style
from runkit.client import Client
from runkit.client.resume import is_stale
from runkit.contract import LOCAL
from runkit.errors import AuthError, NotFound, RateLimited, RunkitError, Unavailable
from runkit.logs import log
from runkit.models import Run
from runkit.text import duration, shorten
from runkit.widgets import jobs

FIRST, MAXIMUM, GROWTH = 1.0, 10.0, 1.5  # pauses between two polls, which grow while nothing changes
RETRY_MAXIMUM = 30.0  # pause after an error, in addition to the client's own retries
REFUSALS = 5  # a single 401, 403 or 404 may be an accident
NOT_WATCHING = "Live updates off."
EVERY = f"checking every {FIRST:g}\N{EN DASH}{MAXIMUM:g} s"


@dataclass(frozen=True)
class WatchState:
    """The state of a watched run.

    `message` tells how the state is known, or what is wrong. `is_over`: no more states will come, because
    the run or the watcher has ended.
    """

    run: Run
    message: str = NOT_WATCHING
    is_over: bool = False


class RunWatcher:
    """Watches one run until it ends or the watcher is closed. Safe to use from any thread.

    `on_change` is called on the watcher's thread with each new state.
    """

    def __init__(self, client: Client, run: Run, *, on_change: Callable[[WatchState], object]) -> None:
        self.state = WatchState(run)
        self._client = client
        self._on_change = on_change
        self._lock = threading.Lock()
        self._ticker = jobs.Ticker(self._tick, "watch", first=FIRST)
        self._is_on = self._is_closed = False
        self._pause = FIRST
        self._n_refusals = 0

    def start(self) -> None:
        """Watch on one daemon thread, unless it is running."""
        with self._lock:
            if self._is_closed or self.state.is_over:
                return
            self._is_on = True
        if not self._ticker.start():
            self.state = replace(self.state, message="Live updates off: no thread could be started.")

    def pause(self) -> None:
        """End the thread; `start()` continues. A call of `on_change` that has begun goes on."""
        with self._lock:
            self._is_on = False
            if not self.state.is_over:
                self.state = replace(self.state, message=NOT_WATCHING)
        self._ticker.stop()

    def close(self) -> None:
        """Pause for good."""
        self._is_closed = True
        self.pause()

    def poll_now(self) -> None:
        """Poll at once, because a question was answered."""
        self._pause = FIRST
        self._ticker.now()

    def _tick(self) -> float | None:
        """Read the run; give the pause until the next time, None at the end."""
        known = self.state.run
        try:
            run = self._client.runs.get(known)
        except (Unavailable, RateLimited) as error:
            return self._retry(error, max(self._pause, getattr(error, "retry_after", None) or 0))
        except (AuthError, NotFound) as error:
            self._n_refusals += 1
            if self._n_refusals < REFUSALS:
                return self._retry(error, self._pause)
            return self._report(WatchState(known, f"Live updates stopped: {error}", is_over=True))
        except RunkitError as error:
            return self._report(WatchState(known, f"Live updates stopped: {error}", is_over=True))
        except Exception as error:
            log.exception("live updates of a run stopped")
            what = f"Live updates stopped: {type(error).__name__}. Was the client closed?"
            return self._report(WatchState(known, what, is_over=True))
        self._n_refusals = 0
        run = known if is_stale(run, known) else run
        if run.is_finished:
            message = f"{style.status(run.status)}. Live updates off."
            return self._report(WatchState(run, message, is_over=True))
        words = {"running": "Running", "interrupted": "Waiting for a reviewer"}
        status = words.get(run.status, f"Run status: {shorten(run.status)}")
        is_new = _text(run) != _text(known)
        self._pause = FIRST if is_new else min(MAXIMUM, self._pause * GROWTH)
        return self._report(WatchState(run, f"{status}, {EVERY}."))

    def _retry(self, error: RunkitError, pause: float) -> float | None:
        self._pause = min(RETRY_MAXIMUM, self._pause * GROWTH)
        return self._report(WatchState(self.state.run, f"{error} Trying again in {duration(pause)}."), pause)

    def _report(self, state: WatchState, pause: float | None = None) -> float | None:
        """Report a state if it is new; give the pause until the next poll, None after the last one."""
        with self._lock:
            if not self._is_on:
                return None
            old, self.state = self.state, state
            self._is_on = not state.is_over
        if (state.message, _text(state.run)) != (old.message, _text(old.run)) or state.is_over:
            self._on_change(state)
        return None if state.is_over else pause or self._pause


def _text(run: Run) -> str:
    """Give the API's JSON of a run, without the time of reading that runkit adds."""
    raw = run.to_dict()
    return jsontext.dumps({name: value for name, value in raw.items() if name != LOCAL}, sort_keys=True)
