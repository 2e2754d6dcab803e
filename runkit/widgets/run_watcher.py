"""Watch one run on a thread: its current state, and how that is known.

    running       its stream is followed, or the run is polled if there is no stream
    interrupted   it is polled, because anybody may answer; `poll_now()` polls at once
    ended         reported once, and the thread ends

The run as it was read is authoritative, and snapshots of the stream update it. Fields that a snapshot omits
keep their last value. Older snapshots are ignored, because each stream replays from the start. So the
reported run never goes back in time.

Times are in seconds.
"""

from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from runkit import jsontext, style
from runkit.client import Client
from runkit.client.stream import EventStream
from runkit.contract import BUSINESS_FIELDS, LOCAL, RUN_READ, Json
from runkit.errors import AuthError, ContractError, NotFound, RateLimited, RunkitError, Unavailable
from runkit.logs import log
from runkit.models import Run
from runkit.text import duration, shorten
from runkit.widgets import jobs


class Backoff(NamedTuple):
    """Pauses between two polls, which grow while nothing changes."""

    first: float
    maximum: float
    growth: float = 1.5

    def next_pause(self, pause: float) -> float:
        """Give the pause after this one."""
        return min(self.maximum, pause * self.growth)

    def __str__(self) -> str:
        return f"checking every {self.first:g}\N{EN DASH}{self.maximum:g} s"


MIN_INTERVAL = 0.5  # between two calls of `on_change`, each of which draws a figure
POLL_RUNNING = Backoff(0.5, 5)
POLL_WAITING = Backoff(2, 10)  # a person takes minutes, and twenty waiting runs must fit the rate limit
RETRY = Backoff(1, 30)  # in addition to the client's own retries
REFUSAL_PAUSES = (1, 2, 4, 8, 16)  # pauses until a 401, 403 or 404 counts: a single one may be an accident

NOT_WATCHING = "Live updates off."
CONNECTING = "Connecting to live updates…"
LIVE = "Live updates on."
RECONNECTING = "Live updates interrupted. Reconnecting…"
NO_STREAM = f"Live updates unavailable, {POLL_RUNNING}."


@dataclass(frozen=True)
class WatchState:
    """The state of a watched run; `run` is None until it was read.

    `message` tells how the state is known, or what is wrong. `is_live_stream`: the stream is open, else the
    run is polled. `is_over`: no more states will come, because the run or the watcher has ended.
    """

    run: Run | None = None
    message: str = NOT_WATCHING
    is_live_stream: bool = False
    is_over: bool = False


class RunWatcher:
    """Watches one run until it ends or the watcher is closed. Safe to use from any thread.

    `on_change` is called on the watcher's thread with each new state, at most twice a second. The first
    state, an interruption and the end are reported at once, and the last state always is. `state` is the
    latest state, even if it was not new.
    """

    def __init__(self, client: Client, run: str | Run, *, on_change: Callable[[WatchState], object]) -> None:
        self.state = WatchState(run if isinstance(run, Run) else None)
        self._client = client
        self._run = run
        self._on_change = on_change
        self._lock = threading.Lock()
        self._thread: _WatchThread | None = None
        self._is_closed = False

    def start(self) -> None:
        """Watch on one daemon thread, unless it is running; after the end, read the run once more."""
        with self._lock:
            if self._thread is None and not self._is_closed:
                self._thread = _WatchThread(self._client, self._run, self.state, self._on_state)
                jobs.start(self._thread.run_until_end, "watch")

    def pause(self) -> None:
        """End the thread and the connection; `start()` continues.

        The thread ends at once, unless it waits for the head of a response. `on_change` is not called again,
        but this does not wait for a call that has begun.
        """
        with self._lock:
            thread, self._thread = self._thread, None
            if thread is not None:
                self.state = replace(self.state, message=NOT_WATCHING, is_live_stream=False)
        if thread is not None:
            thread.stop()

    def close(self) -> None:
        """Pause for good."""
        self._is_closed = True
        self.pause()

    def poll_now(self) -> None:
        """Poll at once, because a question was answered."""
        thread = self._thread
        if thread is not None:
            thread.wake()

    def _on_state(self, thread: _WatchThread, state: WatchState, has_changed: bool) -> None:
        with self._lock:
            if thread is not self._thread:
                return
            self.state = state
            if state.is_over:
                self._thread = None
        if has_changed:
            self._on_change(state)


class _Canceled(Exception):
    """The thread was asked to end."""


class _WatchThread:
    """The work of a watcher's thread from `start` to `pause`."""

    def __init__(
        self,
        client: Client,
        run: str | Run,
        state: WatchState,
        publish: Callable[[_WatchThread, WatchState, bool], None],
    ) -> None:
        self._client = client
        self._target = run
        self.state = state
        self._publish = publish
        self._reported_at = float("-inf")
        self._retry_pause = RETRY.first
        self._stopping = threading.Event()
        self._waking = threading.Event()
        self._stream: EventStream | None = None

    def stop(self) -> None:
        """End the work, from any other thread."""
        self._stopping.set()
        self._waking.set()
        stream = self._stream
        if stream is not None:
            stream.close()

    def wake(self) -> None:
        """End a pause between two polls."""
        self._waking.set()

    def run_until_end(self) -> None:
        """Watch to the end. Every error is reported, because nobody sees one that ends a thread."""
        try:
            self._follow_with_retries()
        except _Canceled:
            pass
        except RunkitError as error:
            self._fail(f"Live updates stopped: {error}")
        except Exception as error:
            log.exception("live updates of a run stopped")  # also if the listener failed
            frame = traceback.extract_tb(error.__traceback__)[-1]  # and not the text, which may hold secrets
            where = f"{Path(frame.filename).name}:{frame.lineno}"
            self._fail(
                f"Live updates stopped: {type(error).__name__} at {where}. Was the client closed? "
                "If not, please report it."
            )

    def _fail(self, message: str) -> None:
        try:
            self._report(self.state.run, message, is_over=True, at_once=True)
        except Exception:
            log.exception("live updates of a run stopped, and this could not be displayed: %s", message)

    def _follow_with_retries(self) -> None:
        """Watch until the run has ended. Temporary errors are reported and retried."""
        while True:
            try:
                return self._follow_run()
            except (Unavailable, RateLimited) as error:
                wait = max(self._retry_pause, getattr(error, "retry_after", None) or 0)
                message = f"{error} Trying again in {duration(wait)}."
            self._retry_pause = RETRY.next_pause(self._retry_pause)
            self._check_canceled()
            self._report(self.state.run, message)
            self._wait(wait)

    def _follow_run(self) -> None:
        run = self._read()
        while not run.is_finished:
            if run.status == "running":
                self._report(run, CONNECTING)
                try:
                    run = self._follow_stream(run)
                except (AuthError, ContractError, NotFound):
                    run = self._read()  # which may still be allowed
            if run.status == "running":
                run = self._poll(run, POLL_RUNNING, NO_STREAM)
            elif run.status == "interrupted":
                run = self._poll(run, POLL_WAITING, f"Waiting for a reviewer, {POLL_WAITING}.")
            elif not run.is_finished:
                run = self._poll(run, POLL_WAITING, f"Run status: {shorten(run.status)}, {POLL_WAITING}.")
        self._report(run, f"{style.status(run.status)}. Live updates off.", is_over=True, at_once=True)

    def _follow_stream(self, run: Run) -> Run:
        """Follow the stream until it ends or the run stops; gives the run as it was read then.

        Raises what `client.runs.stream` raises.
        """

        def on_gap(read: Run | None) -> None:
            nonlocal run
            run = read or run
            self._report(run, RECONNECTING if read else LIVE, is_live_stream=read is None)

        with self._client.runs.stream(self._target, on_gap=on_gap) as stream:
            self._stream = stream
            self._check_canceled()  # `stop` may have come before there was a stream to close
            for event in stream:
                if event.type == RUN_READ:
                    return event.run or run
                updated = _updated(run, event.snapshot or {})
                if updated is None or _is_older(updated, run) or _run_text(updated) == _run_text(run):
                    continue
                is_running, delay = updated.status == "running", self._seconds_until_due()
                if is_running and delay > 0:
                    self._sleep(delay)
                if not is_running or delay > 0:  # the run is newer than this event, or has stopped
                    updated = self._read()
                if updated.status != "running":
                    return updated
                run = updated
                self._report(run, LIVE, is_live_stream=True)
        raise _Canceled

    def _poll(self, run: Run, backoff: Backoff, message: str) -> Run:
        """Poll the run with growing pauses until its status changes; a change or `wake` resets the pause."""
        status, pause = run.status, backoff.first
        at_once = status != "running"
        self._report(run, message, at_once=at_once)
        while True:
            is_woken = self._wait(pause)
            run = self._read()
            if run.status != status:
                return run
            is_new = self._report(run, message, at_once=at_once)
            pause = backoff.first if is_woken or is_new else backoff.next_pause(pause)

    def _read(self) -> Run:
        for wait in (*REFUSAL_PAUSES, None):
            try:
                run = self._client.runs.get(self._target)
                break
            except (AuthError, NotFound) as error:
                if wait is None:
                    raise
                self._report(self.state.run, f"{error} Trying again in {duration(wait)}.")
            self._wait(wait)
        self._check_canceled()
        self._retry_pause = RETRY.first
        return run

    def _report(
        self,
        run: Run | None,
        message: str,
        *,
        is_live_stream: bool = False,
        is_over: bool = False,
        at_once: bool = False,
    ) -> bool:
        """Report a state, and give whether it was new."""
        state = WatchState(run, message, is_live_stream, is_over)
        has_changed = _comparable(state) != _comparable(self.state)
        if has_changed and not at_once:
            self._sleep(self._seconds_until_due())
        self.state = state
        self._publish(self, state, has_changed)
        if has_changed:
            self._reported_at = time.monotonic()  # afterward, so that a slow listener gets a pause, too
        return has_changed

    def _seconds_until_due(self) -> float:
        """Give the seconds until the next report may be made."""
        return max(0.0, self._reported_at + MIN_INTERVAL - time.monotonic())

    def _sleep(self, seconds: float) -> None:
        self._stopping.wait(seconds)
        self._check_canceled()

    def _wait(self, seconds: float) -> bool:
        """Wait, and give whether `wake` ended the wait."""
        is_woken = self._waking.wait(seconds)
        self._waking.clear()
        self._check_canceled()
        return is_woken

    def _check_canceled(self) -> None:
        if self._stopping.is_set():
            raise _Canceled


def _updated(run: Run, snapshot: Json) -> Run | None:
    """Give the run as updated by a snapshot; None if the snapshot is empty, invalid or of another run."""
    fields = {name: value for name, value in snapshot.items() if value is not None}
    if not fields or fields.get("id", run.id) != run.id:
        return None
    try:
        return Run.from_json({**run.to_dict(), **fields}).with_local_fields(
            **{name: getattr(run, name) for name in BUSINESS_FIELDS}
        )
    except ContractError:
        return None


def _is_older(one: Run, other: Run) -> bool:
    """Whether a run is an earlier state of the other; steps are counted only if the times are equal."""
    if one.updated_at != other.updated_at:
        return one.updated_at < other.updated_at
    return _progress(one) < _progress(other)


def _progress(run: Run) -> tuple[int, int]:
    steps = list(run.walk())
    return len(steps), sum(step.completed_at is not None for step in steps)


def _comparable(state: WatchState) -> tuple[str, bool, bool, str]:
    """Give what makes a state new."""
    return state.message, state.is_live_stream, state.is_over, _run_text(state.run)


def _run_text(run: Run | None) -> str:
    """Give the API's JSON of a run, without the time of reading that runkit adds."""
    raw = {} if run is None else run.to_dict()
    return jsontext.dumps({name: value for name, value in raw.items() if name != LOCAL}, sort_keys=True)
