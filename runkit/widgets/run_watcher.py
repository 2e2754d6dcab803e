"""Follow one run on a thread: what it is now, and how that is known.

    running       its stream is followed; where there is none (any more), the run is looked at instead
    interrupted   it is looked at, because anybody may answer; `answered()` looks at once
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


class Pace(NamedTuple):
    """Seconds until the next look, which grow while nothing changes."""

    first: float
    most: float
    growth: float = 1.5

    def after(self, pause: float) -> float:
        """Give the pause that follows a pause."""
        return min(self.most, pause * self.growth)

    def __str__(self) -> str:
        return f"looking every {self.first:g} to {self.most:g} s"


APART = 0.5  # between two calls of `on_change`, each of which draws a figure: more often is mere flicker
WITHOUT_STREAM = Pace(0.5, 5)
WAITING = Pace(2, 10)  # a person takes minutes, and twenty waiting runs must fit the rate
TROUBLE = Pace(1, 30)  # on top of the client's own retries
REFUSALS = (1, 2, 4, 8, 16)  # pauses until a 401, 403 or 404 is believed: a single one may be a mishap

NOT_FOLLOWED = "not followed at the moment"
OPENING = "opening the stream"
FOLLOWING = "following the stream"
BROKEN = "the stream broke off and is opened again; the run was read instead"
GONE = f"the stream is gone; {WITHOUT_STREAM}"


@dataclass(frozen=True)
class Seen:
    """What is known of a run; `run` is None until it was read.

    `message` says how it is known, or what is wrong. `is_live_stream`: the stream is open, else the run is
    looked at from time to time. `is_over`: nothing more will come, because the run has ended or an error
    that waiting does not mend has.
    """

    run: Run | None = None
    message: str = NOT_FOLLOWED
    is_live_stream: bool = False
    is_over: bool = False


class Watch:
    """Follows one run until it has ended or is closed. Safe to use from any thread.

    `on_change` is called on the watch's thread with what is seen, only when that says something new, and at
    most twice a second: the first time at once, a pause and the end at once, the last state never left out.
    `seen` is the last look, even when it brought nothing new.
    """

    def __init__(self, client: Client, run: str | Run, *, on_change: Callable[[Seen], object]) -> None:
        self.seen = Seen(run if isinstance(run, Run) else None)
        self._client = client
        self._run = run
        self._on_change = on_change
        self._lock = threading.Lock()
        self._pursuit: _Pursuit | None = None
        self._is_closed = False

    def start(self) -> None:
        """Follow, on one daemon thread, unless that is done already; after the end, look once more."""
        with self._lock:
            if self._pursuit is None and not self._is_closed:
                self._pursuit = _Pursuit(self._client, self._run, self.seen, self._see)
                jobs.start(self._pursuit.work, "watch")

    def pause(self) -> None:
        """End the thread and the connection; `start()` goes on.

        At once, except where the thread waits for the head of an answer; `on_change` is not called any more
        in any case, but a call that has begun is not waited for.
        """
        with self._lock:
            pursuit, self._pursuit = self._pursuit, None
            if pursuit is not None:
                self.seen = replace(self.seen, message=NOT_FOLLOWED, is_live_stream=False)
        if pursuit is not None:
            pursuit.stop()

    def close(self) -> None:
        """End as `pause` does, for good."""
        self._is_closed = True
        self.pause()

    def answered(self) -> None:
        """Look at once: a question was answered."""
        pursuit = self._pursuit
        if pursuit is not None:
            pursuit.wake()

    def _see(self, pursuit: _Pursuit, seen: Seen, is_news: bool) -> None:
        with self._lock:
            if pursuit is not self._pursuit:
                return
            self.seen = seen
            if seen.is_over:
                self._pursuit = None
        if is_news:
            self._on_change(seen)


class _Stopped(Exception):
    """The thread is to end, whatever it is at."""


class _Pursuit:
    """What a watch's thread does from `start` to `pause`."""

    def __init__(
        self, client: Client, run: str | Run, seen: Seen, tell: Callable[[_Pursuit, Seen, bool], None]
    ) -> None:
        self._client = client
        self._target = run
        self._seen = seen
        self._tell = tell
        self._told_at = float("-inf")
        self._trouble = TROUBLE.first
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

    def work(self) -> None:
        """Follow to the end. No error leaves: it is said, since a thread that dies silently helps nobody."""
        try:
            self._persist()
        except _Stopped:
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
            self._show(self._seen.run, message, is_over=True, at_once=True)
        except Exception:
            log.exception("the watch of a run has ended (%s), and nobody could be told", message)

    def _persist(self) -> None:
        """Follow until the run has ended. Trouble that time may mend is said and waited out."""
        while True:
            try:
                return self._follow()
            except (Unavailable, RateLimited) as error:
                wait = max(self._trouble, getattr(error, "retry_after", None) or 0)
                message = f"{error} Trying again in {duration(wait)}."
            self._trouble = TROUBLE.after(self._trouble)
            self._go_on()
            self._show(self._seen.run, message)
            self._nap(wait)

    def _follow(self) -> None:
        run = self._read()
        while not run.is_finished:
            if run.status == "running":
                self._show(run, OPENING)
                try:
                    run = self._listen(run)
                except (AuthError, ContractError, NotFound):
                    run = self._read()  # the run may still be read
            if run.status == "running":
                run = self._look(run, WITHOUT_STREAM, GONE)
            elif run.status == "interrupted":
                run = self._look(run, WAITING, f"waiting for a person; {WAITING}")
            elif not run.is_finished:
                run = self._look(run, WAITING, f"the run is {shorten(run.status)!r}; {WAITING}")
        self._show(run, f"the run has ended: {run.status}", is_over=True, at_once=True)

    def _listen(self, run: Run) -> Run:
        """Follow the stream to its end, or until the run stops; gives the run as it was read then.

        Raises as `client.runs.stream`.
        """

        def gap(read: Run | None) -> None:
            nonlocal run
            run = read or run
            self._show(run, BROKEN if read else FOLLOWING, is_live_stream=read is None)

        with self._client.runs.stream(self._target, on_gap=gap) as stream:
            self._stream = stream
            self._go_on()  # who stopped it a moment ago found no stream to close
            for event in stream:
                if event.type == RUN_READ:
                    return event.run or run
                news = _updated(run, event.snapshot or {})
                if news is None or _is_older(news, run) or _text(news) == _text(run):
                    continue
                is_running, early = news.status == "running", self._early()
                if is_running and early > 0:
                    self._sleep(early)
                if not is_running or early > 0:  # by now there is more in the stream, or nothing to come
                    news = self._read()
                if news.status != "running":
                    return news
                run = news
                self._show(run, FOLLOWING, is_live_stream=True)
        raise _Stopped

    def _look(self, run: Run, pace: Pace, message: str) -> Run:
        """Read the run ever less often until its status changes; a change or `wake` begins anew."""
        status, pause = run.status, pace.first
        at_once = status != "running"
        self._show(run, message, at_once=at_once)
        while True:
            is_woken = self._nap(pause)
            run = self._read()
            if run.status != status:
                return run
            has_changed = self._show(run, message, at_once=at_once)
            pause = pace.first if is_woken or has_changed else pace.after(pause)

    def _read(self) -> Run:
        for wait in (*REFUSALS, None):
            try:
                run = self._client.runs.get(self._target)
                break
            except (AuthError, NotFound) as error:
                if wait is None:
                    raise
                self._show(self._seen.run, f"{error} Trying again in {duration(wait)}.")
            self._nap(wait)
        self._go_on()
        self._trouble = TROUBLE.first
        return run

    def _show(
        self,
        run: Run | None,
        message: str,
        *,
        is_live_stream: bool = False,
        is_over: bool = False,
        at_once: bool = False,
    ) -> bool:
        """Tell what is seen, if it is news, and say whether it was."""
        seen = Seen(run, message, is_live_stream, is_over)
        is_news = _said(seen) != _said(self._seen)
        if is_news and not at_once:
            self._sleep(self._early())
        self._seen = seen
        self._tell(self, seen, is_news)
        if is_news:
            self._told_at = time.monotonic()  # after it: a slow listener must not take all of the time
        return is_news

    def _early(self) -> float:
        """Give the seconds for which it is too early to tell again, 0 if it is not."""
        return max(0.0, self._told_at + APART - time.monotonic())

    def _sleep(self, seconds: float) -> None:
        self._stopping.wait(seconds)
        self._go_on()

    def _nap(self, seconds: float) -> bool:
        """Sleep, and say whether `wake` ended that."""
        is_woken = self._waking.wait(seconds)
        self._waking.clear()
        self._go_on()
        return is_woken

    def _go_on(self) -> None:
        if self._stopping.is_set():
            raise _Stopped


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


def _said(seen: Seen) -> tuple[str, bool, bool, str]:
    """Tell looks apart by what they say."""
    return seen.message, seen.is_live_stream, seen.is_over, _text(seen.run)


def _text(run: Run | None) -> str:
    """Give what the API said of a run; runkit's stamp of the time of reading is new at each look."""
    raw = {} if run is None else run.to_dict()
    return jsontext.dumps({name: value for name, value in raw.items() if name != LOCAL}, sort_keys=True)
