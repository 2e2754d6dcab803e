"""Many runs at once: a pool of threads, runs as they arrive, and patience with a host that is away.

An error about one run (403, 404, 410, 422 and the like) arrives as the outcome of that run. A 401 ends the
batch, and so does a 403 if nothing else is ever answered: then it is about the key. A 403 that comes before
anything was answered is therefore kept back until it is known which of the two it is.

A request of a batch is sent once. When it brings nothing usable (no connection, a lost or cut answer, 429,
500, 502, 503, 504) its id goes back into the line, and the host counts as away until something is answered
again: meanwhile one request at a time asks, and all others wait. The thread that iterates decides all this;
the threads of the pool only ask. Times are in seconds.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from threading import Condition

from runkit.client.runlist import RunList
from runkit.client.transport import RETRY_AFTER_MAX, RETRY_STATUSES
from runkit.errors import ApiError, AuthError, RateLimited, Unavailable, UsageError
from runkit.logs import log
from runkit.models import Run
from runkit.progress import Bar
from runkit.text import plural, shorten

TASKS_PER_WORKER = (
    4  # ids a worker that are on their way or wait for the consumer: with 8 workers, 32 runs in memory
)
# however slow it is, and 1.6 s of work at 20 a second, so that a consumer may write for a second
OUTAGE_TIMEOUT = 60.0  # without anything usable: a host that is restarted or deployed is back by then
FIRST_ANSWER_TIMEOUT = 5.0  # the same for a host that has answered nothing yet: the address may be wrong
PROBE_FIRST = 0.25  # the wait before the second question to a host that is away; the first goes at once
PROBE_MAX = 2.0  # it doubles up to this: the batch goes on so long after the host is back, at most
MAX_LOSSES = 8  # times that a run may be lost while others arrive: if one in five is, 1 in 400,000 runs fails
IDLE_INTERVAL = 0.5  # a wait without end hides Ctrl-C on Windows
MAX_NAMED = 3  # failed ids that `why` names; the rest is counted, all are in `errors`

Arrival = tuple[str, Run | ApiError]
ReadRun = Callable[
    [str, Callable[[], bool]], Run
]  # reads a run, if it is still wanted when its turn has come


@dataclass(eq=False)
class _Task:
    """An id on its way. `n_answers` is how many others had been answered when it was sent, or lost last."""

    run_id: str
    n_answers: int
    n_losses: int = 0
    is_probe: bool = False


class Batch:
    """Reads each of `ids`, which may be lazy, with `read_run`. For one use, by one thread."""

    def __init__(
        self,
        read_run: ReadRun,
        ids: Iterable[str],
        *,
        workers: int,
        clock: Callable[[], float],
        sleep: Callable[[float], object],
        is_host_known: bool = False,
        on_idle: Callable[[], object] | None = None,
    ) -> None:
        self._read_run = read_run
        self._is_host_known = is_host_known  # it has answered this client before
        self._on_idle = on_idle
        self._ids = iter(ids)
        self._workers = workers
        self._clock = clock
        self._sleep = sleep
        self._queue: deque[_Task] = deque()  # to be sent, for the first time or again
        self._forbidden: list[tuple[str, AuthError]] = []  # 403 before anything was answered
        self._n_in_flight = 0  # sent, and not judged yet
        self._n_answers = 0
        self._down_since: float | None = None
        self._n_probes = 0  # since then
        self._is_probing = False
        self._is_paused = False  # nobody but a probe may go
        self._is_closed = False
        self._results: deque[tuple[_Task, Future[Run | None]]] = deque()
        self._results_changed = Condition()

    def arrivals(self) -> Generator[Arrival, None, None]:
        """Give each id with its run, or with the error that it ended with, in the order of arrival.

        Raises `AuthError` for a 401, and for a 403 if nothing else was answered; and what the last question
        came to when patience has run out. Once this has ended or was closed, nothing more is sent.
        """
        pool = ThreadPoolExecutor(self._workers, thread_name_prefix="runkit-fetch")
        try:
            while self._send(pool):
                yield from self._handle(*self._wait())
                self._results.popleft()  # only now: what is interrupted before this is in `remaining_runs`
            if self._forbidden:
                raise self._forbidden[0][1]
        finally:
            self._is_closed = True
            # What is on its way may end by itself; waiting for it would hold up whoever pressed Ctrl-C.
            pool.shutdown(wait=False, cancel_futures=True)

    def remaining_runs(self) -> dict[str, Run]:
        """Give the runs that had arrived and were not taken when the iteration ended."""
        done = [(task, one) for task, one in list(self._results) if not one.cancelled()]
        runs = ((task.run_id, one.result()) for task, one in done if one.exception() is None)
        return {run_id: run for run_id, run in runs if run is not None}

    def _send(self, pool: ThreadPoolExecutor) -> bool:
        """Send what may go now; tells whether anything is on its way."""
        room = self._workers * TASKS_PER_WORKER - self._n_in_flight - len(self._queue) - len(self._forbidden)
        fresh = zip(range(room), self._ids, strict=False)  # the range first: it must not swallow an id
        self._queue.extend(_Task(run_id, self._n_answers) for _, run_id in fresh)
        if self._down_since is None:
            while self._queue:
                self._submit(pool, self._queue.popleft())
        elif self._queue and not self._is_probing:
            self._is_probing = True
            self._submit(pool, self._queue.popleft(), probe_after=self._wait_before_probe())
        return self._n_in_flight > 0

    def _submit(self, pool: ThreadPoolExecutor, task: _Task, probe_after: float | None = None) -> None:
        task.is_probe = probe_after is not None
        self._n_in_flight += 1
        pool.submit(self._read, task, probe_after).add_done_callback(partial(self._put_result, task))

    def _read(self, task: _Task, probe_after: float | None) -> Run | None:
        """Ask for one run, in a thread of the pool; None if its turn came while the host is away."""
        if probe_after:
            self._sleep(probe_after)
        if self._is_closed or (self._is_paused and not task.is_probe):
            return None
        try:
            return self._read_run(task.run_id, self._is_wanted)
        except ApiError as error:
            self._is_paused = self._is_paused or _may_pass(error)  # at once: the consumer may be slow
            raise

    def _is_wanted(self) -> bool:
        return not self._is_closed

    def _put_result(self, task: _Task, future: Future[Run | None]) -> None:
        with self._results_changed:
            self._results.append((task, future))
            self._results_changed.notify()

    def _wait(self) -> tuple[_Task, Future[Run | None]]:
        while True:
            with self._results_changed:
                if not self._results:
                    self._results_changed.wait(IDLE_INTERVAL)
                if self._results:
                    return self._results[0]
            if self._on_idle is not None:
                self._on_idle()

    def _handle(self, task: _Task, future: Future[Run | None]) -> list[Arrival]:
        """Give what arrived; nothing if the id went back into the line."""
        self._n_in_flight -= 1
        if task.is_probe:
            self._is_probing = False
        error = future.exception()
        if error is None:
            run = future.result()
            if run is None:
                self._queue.append(task)
                return []
            return self._accept(task, run)
        if not isinstance(error, ApiError) or (isinstance(error, AuthError) and error.status == 401):
            raise error
        if _may_pass(error):
            return self._requeue(task, error)
        return self._accept(task, error)

    def _accept(self, task: _Task, outcome: Run | ApiError) -> list[Arrival]:
        if self._n_probes > 1:
            log.warning("answers come again after %.0f s", self._clock() - (self._down_since or 0))
        self._down_since, self._n_probes, self._is_paused = None, 0, False
        if isinstance(outcome, AuthError) and not (self._is_host_known or self._n_answers):
            self._forbidden.append((task.run_id, outcome))
            return []
        self._n_answers += 1
        forbidden, self._forbidden = self._forbidden, []
        return [*forbidden, (task.run_id, outcome)]

    def _requeue(self, task: _Task, error: ApiError) -> list[Arrival]:
        """Put an id back, unless patience with it or with the host is at an end."""
        now = self._clock()
        self._is_paused = True
        if self._down_since is None:
            self._down_since = now
        is_limited = isinstance(error, RateLimited)
        is_known = self._is_host_known or self._n_answers > 0
        timeout = OUTAGE_TIMEOUT if is_known or is_limited else FIRST_ANSWER_TIMEOUT
        is_over = now - self._down_since >= timeout
        is_alone = (
            not self._queue and not self._n_in_flight
        )  # the last one, and lost while others were answered
        is_its_own = is_alone and task.n_losses > 0 and self._n_answers > 0
        if (is_over and not is_its_own) or _is_wait_longer_than(error, RETRY_AFTER_MAX):
            raise error
        if task.is_probe and self._n_probes == 1:
            log.warning("trying again for up to %.0f s: %s", timeout, error)
        if _is_about_the_run(error) or (self._n_answers > task.n_answers and not is_limited):
            task.n_losses += 1
        task.n_answers = self._n_answers
        if task.n_losses == MAX_LOSSES or is_over:
            return [(task.run_id, error)]
        self._queue.append(task)  # at its end, so that a run that is always lost does not hide a host
        return []

    def _wait_before_probe(self) -> float:
        self._n_probes += 1
        return min(PROBE_MAX, PROBE_FIRST * 2.0 ** (self._n_probes - 2)) if self._n_probes > 1 else 0.0


def _may_pass(error: ApiError) -> bool:
    """Whether the same question may be answered later."""
    return isinstance(error, RateLimited | Unavailable) and (
        error.status is None or error.status in RETRY_STATUSES
    )


def _is_about_the_run(error: ApiError) -> bool:
    """Whether the server answered and failed: the other statuses that pass are said for all runs."""
    return error.status == 500


def _is_wait_longer_than(error: ApiError, seconds: float) -> bool:
    return isinstance(error, RateLimited) and (error.retry_after or 0) > seconds


def gather(
    batch: Batch,
    ids: Sequence[str],
    have: Mapping[str, Run],
    *,
    progress: bool,
    clock: Callable[[], datetime],
) -> RunList:
    """Take all that a batch brings, beside `have`, in the order of `ids`.

    Ctrl-C and a host that stays away end it with what arrived. Raises `AuthError`, whose `runs` are what
    arrived, and what failed when nothing at all could be read.
    """
    loaded = {one: have[one.lower()] for one in ids if one.lower() in have}
    errors: dict[str, ApiError] = {}
    n_missing = len(ids) - len(loaded)
    is_shown = progress and n_missing > 0
    bar = Bar(total=n_missing, unit="run", delay=1, disable=not is_shown)

    def runs(stopped: str | None) -> RunList:
        loaded.update(batch.remaining_runs())
        arrived = tuple(loaded[one] for one in ids if one in loaded)
        why = _missing(ids, loaded, errors, stopped)
        return RunList(arrived, why, requested=tuple(ids), errors=errors, clock=clock)

    try:
        with bar, closing(batch.arrivals()) as arrivals:
            for one, outcome in arrivals:
                if isinstance(outcome, Run):
                    loaded[one] = outcome
                else:
                    errors[one] = outcome
                bar.update()
    except KeyboardInterrupt:
        return runs("interrupted")
    except AuthError as error:
        error.runs = runs("stopped because the key was refused")
        raise
    except (Unavailable, RateLimited) as error:
        if not loaded and not errors:
            raise
        return runs(f"stopped because no answer came any more ({shorten(str(error), 100)})")
    return runs(None)


def _missing(
    ids: Sequence[str], loaded: Mapping[str, Run], errors: Mapping[str, ApiError], stopped: str | None
) -> str | None:
    reasons = []
    if stopped:
        reasons.append(f"{stopped}: {len(loaded):,} of {plural(len(ids), 'run')} arrived")
    if errors:
        listed = "; ".join(
            f"{one} ({shorten(str(error), 100)})" for one, error in list(errors.items())[:MAX_NAMED]
        )
        more = f"; and {len(errors) - MAX_NAMED:,} more, see .errors" if len(errors) > MAX_NAMED else ""
        reasons.append(f"{plural(len(errors), 'run')} could not be read: {listed}{more}")
    return "; ".join(reasons) or None


def reusable(have: Iterable[Run] | None) -> dict[str, Run]:
    """Give the runs that need not be read again, by id: those that have ended and have their steps."""
    runs = [] if have is None else have
    if isinstance(runs, Run | str) or not isinstance(runs, Iterable):
        raise UsageError(f"have= is a {type(runs).__name__}; expected several runs, as a RunList is")
    known = {}
    for run in runs:
        if not isinstance(run, Run):
            raise UsageError(f"have= holds a {type(run).__name__}; expected runs, such as those of a RunList")
        if run.is_finished and run.to_dict().get("steps") is not None:
            known[run.id.lower()] = run
    return known


def check_workers(workers: int) -> int:
    """Check the size of the pool."""
    if isinstance(workers, bool) or not isinstance(workers, int) or not 1 <= workers <= 64:
        raise UsageError(f"workers={workers!r}; expected a whole number from 1 to 64")
    return workers
