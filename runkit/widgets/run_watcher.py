"""Follow one run on a thread: what it is now, and how that is known.

    running       its stream is followed; where there is none (any more), the run is looked at instead
    interrupted   it is looked at, because anybody may answer; `poll_now()` looks at once
    ended         said once, and the thread ends

The run as it is read is the truth, a snapshot of the stream is news of it: what a snapshot leaves out is as
it was last read, and one that is older than what is known is passed over, since every stream is replayed from
the start. So the run that is shown never goes back in time.

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

from runkit import jsontext
from runkit.client import Client
from runkit.client.stream import EventStream
from runkit.contract import LOCAL, RUN_READ, Json
from runkit.errors import AuthError, ContractError, NotFound, RateLimited, RunkitError, Unavailable
from runkit.logs import log
from runkit.models import BUSINESS_FIELDS, Run
from runkit.text import duration, shorten
from runkit.widgets import jobs


class Backoff(NamedTuple):
    """Seconds until the next look, which grow while nothing changes."""

    first: float
    most: float
    growth: float = 1.5

    def next_pause(self, pause: float) -> float:
        """Give the pause that follows a pause."""
        return min(self.most, pause * self.growth)

    def __str__(self) -> str:
        return f"looking every {self.first:g} to {self.most:g} s"


MIN_INTERVAL = (
    0.5  # between two calls of `on_change`, each of which draws a figure: more often is mere flicker
)
POLL_RUNNING = Backoff(0.5, 5)
POLL_WAITING = Backoff(2, 10)  # a person takes minutes, and twenty waiting runs must fit the rate
RETRY = Backoff(1, 30)  # on top of the client's own retries
REFUSAL_PAUSES = (1, 2, 4, 8, 16)  # pauses until a 401, 403 or 404 is believed: a single one may be a mishap

NOT_FOLLOWED = "not followed at the moment"
OPENING_STREAM = "opening the stream"
FOLLOWING_STREAM = "following the stream"
STREAM_BROKEN = "the stream broke off and is opened again; the run was read instead"
STREAM_GONE = f"the stream is gone; {POLL_RUNNING}"


@dataclass(frozen=True)
class WatchState:
    """What is known of a run; `run` is None until it was read.

    `message` says how it is known, or what is wrong. `is_live_stream`: the stream is open, else the run is
    looked at from time to time. `is_over`: nothing more will come, because the run has ended or an error
    that waiting does not mend has.
    """

    run: Run | None = None
    message: str = NOT_FOLLOWED
    is_live_stream: bool = False
    is_over: bool = False


class RunWatcher:
    """Follows one run until it has ended or is closed. Safe to use from any thread.

    `on_change` is called on the watch's thread with what is seen, only when that says something new, and at
    most twice a second: the first time at once, a pause and the end at once, the last state never left out.
    `state` is the last look, even when it brought nothing new.
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
        """Follow, on one daemon thread, unless that is done already; after the end, look once more."""
        with self._lock:
            if self._thread is None and not self._is_closed:
                self._thread = _WatchThread(self._client, self._run, self.state, self._on_state)
                jobs.start(self._thread.run_until_end, "watch")

    def pause(self) -> None:
        """End the thread and the connection; `start()` goes on.

        At once, except where the thread waits for the head of an answer; `on_change` is not called any more
        in any case, but a call that has begun is not waited for.
        """
        with self._lock:
            thread, self._thread = self._thread, None
            if thread is not None:
                self.state = replace(self.state, message=NOT_FOLLOWED, is_live_stream=False)
        if thread is not None:
            thread.stop()

    def close(self) -> None:
        """End as `pause` does, for good."""
        self._is_closed = True
        self.pause()

    def poll_now(self) -> None:
        """Look at once: a question was answered."""
        thread = self._thread
        if thread is not None:
            thread.wake()

    def _on_state(self, thread: _WatchThread, state: WatchState, is_news: bool) -> None:
        with self._lock:
            if thread is not self._thread:
                return
            self.state = state
            if state.is_over:
                self._thread = None
        if is_news:
            self._on_change(state)


class _Canceled(Exception):
    """The thread is to end, whatever it is at."""


class _WatchThread:
    """What a watch's thread does from `start` to `pause`."""

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
        """End, from any other thread."""
        self._stopping.set()
        self._waking.set()
        stream = self._stream
        if stream is not None:
            stream.close()

    def wake(self) -> None:
        """End a pause between two looks."""
        self._waking.set()

    def run_until_end(self) -> None:
        """Follow to the end. No error leaves: it is said, since a thread that dies silently helps nobody."""
        try:
            self._follow_with_retries()
        except _Canceled:
            pass
        except RunkitError as error:
            self._fail(f"the run is no longer followed: {error}")
        except Exception as error:
            log.exception("a run is no longer followed")  # also where the listener itself failed
            place = traceback.extract_tb(error.__traceback__)[-1]  # not its text, which may hold anything
            where = f"{Path(place.filename).name}:{place.lineno}"
            self._fail(
                f"the run is no longer followed: {type(error).__name__} at {where}. Was the client closed? "
                "If not, please report it."
            )

    def _fail(self, message: str) -> None:
        try:
            self._report(self.state.run, message, is_over=True, at_once=True)
        except Exception:
            log.exception("the watch of a run has ended (%s), and nobody could be told", message)

    def _follow_with_retries(self) -> None:
        """Follow until the run has ended. Trouble that time may mend is said and waited out."""
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
                self._report(run, OPENING_STREAM)
                try:
                    run = self._follow_stream(run)
                except (AuthError, ContractError, NotFound):
                    run = self._read()  # the run may still be read
            if run.status == "running":
                run = self._poll(run, POLL_RUNNING, STREAM_GONE)
            elif run.status == "interrupted":
                run = self._poll(run, POLL_WAITING, f"waiting for a person; {POLL_WAITING}")
            elif not run.is_finished:
                run = self._poll(run, POLL_WAITING, f"the run is {shorten(run.status)!r}; {POLL_WAITING}")
        self._report(run, f"the run has ended: {run.status}", is_over=True, at_once=True)

    def _follow_stream(self, run: Run) -> Run:
        """Follow the stream to its end, or until the run stops; gives the run as it was read then.

        Raises as `client.runs.stream`.
        """

        def gap(read: Run | None) -> None:
            nonlocal run
            run = read or run
            self._report(run, STREAM_BROKEN if read else FOLLOWING_STREAM, is_live_stream=read is None)

        with self._client.runs.stream(self._target, on_gap=gap) as stream:
            self._stream = stream
            self._check_canceled()  # who stopped it a moment ago found no stream to close
            for event in stream:
                if event.type == RUN_READ:
                    return event.run or run
                news = _updated(run, event.snapshot or {})
                if news is None or _is_older(news, run) or _run_text(news) == _run_text(run):
                    continue
                is_running, delay = news.status == "running", self._seconds_until_due()
                if is_running and delay > 0:
                    self._sleep(delay)
                if not is_running or delay > 0:  # by now there is more in the stream, or nothing to come
                    news = self._read()
                if news.status != "running":
                    return news
                run = news
                self._report(run, FOLLOWING_STREAM, is_live_stream=True)
        raise _Canceled

    def _poll(self, run: Run, backoff: Backoff, message: str) -> Run:
        """Read the run ever less often until its status changes; a change or `wake` begins anew."""
        status, pause = run.status, backoff.first
        at_once = status != "running"
        self._report(run, message, at_once=at_once)
        while True:
            is_woken = self._wait(pause)
            run = self._read()
            if run.status != status:
                return run
            has_changed = self._report(run, message, at_once=at_once)
            pause = backoff.first if is_woken or has_changed else backoff.next_pause(pause)

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
        """Tell what is seen, if it is news, and say whether it was."""
        state = WatchState(run, message, is_live_stream, is_over)
        is_news = _comparable(state) != _comparable(self.state)
        if is_news and not at_once:
            self._sleep(self._seconds_until_due())
        self.state = state
        self._publish(self, state, is_news)
        if is_news:
            self._reported_at = time.monotonic()  # after it: a slow listener must not take all of the time
        return is_news

    def _seconds_until_due(self) -> float:
        """Give the seconds for which it is too early to tell again, 0 if it is not."""
        return max(0.0, self._reported_at + MIN_INTERVAL - time.monotonic())

    def _sleep(self, seconds: float) -> None:
        self._stopping.wait(seconds)
        self._check_canceled()

    def _wait(self, seconds: float) -> bool:
        """Sleep, and say whether `wake` ended that."""
        is_woken = self._waking.wait(seconds)
        self._waking.clear()
        self._check_canceled()
        return is_woken

    def _check_canceled(self) -> None:
        if self._stopping.is_set():
            raise _Canceled


def _updated(run: Run, snapshot: Json) -> Run | None:
    """Give the run as a snapshot shows it, None if it shows none, or that of another run."""
    shown = {name: value for name, value in snapshot.items() if value is not None}
    if not shown or shown.get("id", run.id) != run.id:
        return None
    try:
        return Run.from_json({**run.to_dict(), **shown}).knowing(
            **{name: getattr(run, name) for name in BUSINESS_FIELDS}
        )
    except ContractError:
        return None


def _is_older(one: Run, other: Run) -> bool:
    """Whether a run is an earlier state of the other; steps are only counted when the times do not tell."""
    if one.updated_at != other.updated_at:
        return one.updated_at < other.updated_at
    return _progress(one) < _progress(other)


def _progress(run: Run) -> tuple[int, int]:
    steps = list(run.walk())
    return len(steps), sum(step.completed_at is not None for step in steps)


def _comparable(state: WatchState) -> tuple[str, bool, bool, str]:
    """Tell looks apart by what they say."""
    return state.message, state.is_live_stream, state.is_over, _run_text(state.run)


def _run_text(run: Run | None) -> str:
    """Give what the API said of a run; runkit's stamp of the time of reading is new at each look."""
    raw = {} if run is None else run.to_dict()
    return jsontext.dumps({name: value for name, value in raw.items() if name != LOCAL}, sort_keys=True)
