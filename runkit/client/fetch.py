"""Read many runs at once: a pool of threads, results as they arrive, and waiting while the host is down.

An error about one run (403, 404, 410, 422 and the like) is the result of that run. A 401 ends the batch, and
so does a 403 if nothing else is ever answered: then it is about the key. So a 403 that comes before any
response is held back until it is clear which of the two it is.

A request of a batch is sent once. If it gets no usable response (no connection, a lost or truncated one, 429,
500, 502, 503, 504), its id goes back into the queue, and the host counts as down until it responds again.
Meanwhile one request at a time probes the host, and all others wait. The iterating thread makes all
decisions; the threads of the pool only send. Times are in seconds.
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

TASKS_PER_WORKER = 4
"""Ids in flight or waiting for the consumer, for each worker. With 8 workers at most 32 runs are in memory,
however slow the consumer is; at 20 requests a second they last for 1.6 s, while the consumer writes."""
OUTAGE_TIMEOUT = 60.0  # without a usable response: a host that restarts or deploys is back by then
FIRST_ANSWER_TIMEOUT = 5.0  # the same for a host that has never responded: the address may be wrong
PROBE_FIRST = 0.25  # before the second probe of a host that is down; the first goes at once
PROBE_MAX = 2.0  # the wait doubles up to this: the longest delay after the host is back
MAX_LOSSES = 8  # of a run while others arrive: if one request in five is lost, 1 in 400,000 runs fails
IDLE_INTERVAL = 0.5  # an unlimited wait hides Ctrl-C on Windows
MAX_NAMED = 3  # failed ids named in `why`; the rest is counted, all are in `errors`

Arrival = tuple[str, Run | ApiError]
ReadRun = Callable[[str, Callable[[], bool]], Run]  # reads a run, if the function still says so when sent


@dataclass(eq=False)
class _Task:
    """An id to be read. `n_answers` is the number of responses when it was sent or lost last."""

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
        self._is_host_known = is_host_known  # it has responded to this client before
        self._on_idle = on_idle
        self._ids = iter(ids)
        self._workers = workers
        self._clock = clock
        self._sleep = sleep
        self._queue: deque[_Task] = deque()  # to be sent, for the first time or again
        self._forbidden: list[tuple[str, AuthError]] = []  # 403 before any other response
        self._n_in_flight = 0  # sent, and not handled yet
        self._n_answers = 0
        self._down_since: float | None = None
        self._n_probes = 0  # since then
        self._is_probing = False
        self._is_paused = False  # only a probe may be sent
        self._is_closed = False
        self._results: deque[tuple[_Task, Future[Run | None]]] = deque()
        self._results_changed = Condition()

    def arrivals(self) -> Generator[Arrival, None, None]:
        """Give each id with its run or its error, in the order of arrival.

        Raises `AuthError` for a 401, and for a 403 if there was no other response, and the last error when
        the host stays down. Once this has ended or was closed, nothing more is sent.
        """
        pool = ThreadPoolExecutor(self._workers, thread_name_prefix="runkit-fetch")
        try:
            while self._send(pool):
                yield from self._handle(*self._wait())
                self._results.popleft()  # only now: Ctrl-C before this leaves it in `remaining_runs`
            if self._forbidden:
                raise self._forbidden[0][1]
        finally:
            self._is_closed = True
            # Requests in flight end by themselves; waiting for them would delay Ctrl-C.
            pool.shutdown(wait=False, cancel_futures=True)

    def remaining_runs(self) -> dict[str, Run]:
        """Give the runs that had arrived but were not consumed when the iteration ended."""
        done = [(task, one) for task, one in list(self._results) if not one.cancelled()]
        runs = ((task.run_id, one.result()) for task, one in done if one.exception() is None)
        return {run_id: run for run_id, run in runs if run is not None}

    def _send(self, pool: ThreadPoolExecutor) -> bool:
        """Send what may be sent now; gives whether anything is in flight."""
        room = self._workers * TASKS_PER_WORKER - self._n_in_flight - len(self._queue) - len(self._forbidden)
        fresh = zip(range(room), self._ids, strict=False)  # the range first, so that no id is lost
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
        """Read one run, in a thread of the pool; None while the host is down."""
        if probe_after:
            self._sleep(probe_after)
        if self._is_closed or (self._is_paused and not task.is_probe):
            return None
        try:
            return self._read_run(task.run_id, self._is_open)
        except ApiError as error:
            self._is_paused = self._is_paused or _may_pass(error)  # at once: the consumer may be slow
            raise

    def _is_open(self) -> bool:
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
        """Give what arrived; nothing if the id went back into the queue."""
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
            log.warning("the host responds again after %.0f s", self._clock() - (self._down_since or 0))
        self._down_since, self._n_probes, self._is_paused = None, 0, False
        if isinstance(outcome, AuthError) and not (self._is_host_known or self._n_answers):
            self._forbidden.append((task.run_id, outcome))
            return []
        self._n_answers += 1
        forbidden, self._forbidden = self._forbidden, []
        return [*forbidden, (task.run_id, outcome)]

    def _requeue(self, task: _Task, error: ApiError) -> list[Arrival]:
        """Put an id back into the queue, unless it was lost too often or the host stays down."""
        now = self._clock()
        self._is_paused = True
        if self._down_since is None:
            self._down_since = now
        is_limited = isinstance(error, RateLimited)
        is_known = self._is_host_known or self._n_answers > 0
        timeout = OUTAGE_TIMEOUT if is_known or is_limited else FIRST_ANSWER_TIMEOUT
        is_over = now - self._down_since >= timeout
        is_last = not self._queue and not self._n_in_flight
        is_only_this_run = is_last and task.n_losses > 0 and self._n_answers > 0
        if (is_over and not is_only_this_run) or _is_wait_longer_than(error, RETRY_AFTER_MAX):
            raise error
        if task.is_probe and self._n_probes == 1:
            log.warning("trying again for up to %.0f s: %s", timeout, error)
        if _is_about_the_run(error) or (self._n_answers > task.n_answers and not is_limited):
            task.n_losses += 1
        task.n_answers = self._n_answers
        if task.n_losses == MAX_LOSSES or is_over:
            return [(task.run_id, error)]
        self._queue.append(task)  # at the end: a run that is always lost must not block the others
        return []

    def _wait_before_probe(self) -> float:
        self._n_probes += 1
        return min(PROBE_MAX, PROBE_FIRST * 2.0 ** (self._n_probes - 2)) if self._n_probes > 1 else 0.0


def _may_pass(error: ApiError) -> bool:
    """Whether the failure is temporary."""
    return isinstance(error, RateLimited | Unavailable) and (
        error.status is None or error.status in RETRY_STATUSES
    )


def _is_about_the_run(error: ApiError) -> bool:
    """Whether the server failed on this run: the other temporary statuses concern all runs."""
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
    """Collect all runs of a batch, and those in `have`, in the order of `ids`.

    Ctrl-C and a host that stays down end it with what arrived. Raises `AuthError`, whose `runs` are what
    arrived, and the error if nothing at all could be read.
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
        return runs(f"stopped because the host no longer responded ({shorten(str(error), 100)})")
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
    """Give the runs that need not be read again, by id: finished, and with their steps."""
    runs = [] if have is None else have
    if isinstance(runs, Run | str) or not isinstance(runs, Iterable):
        raise UsageError(f"have= is a {type(runs).__name__}; expected several runs, such as a RunList")
    known = {}
    for run in runs:
        if not isinstance(run, Run):
            raise UsageError(f"have= holds a {type(run).__name__}; expected runs, such as those of a RunList")
        if run.is_finished and run.to_dict().get("steps") is not None:
            known[run.id.lower()] = run
    return known


def check_workers(workers: int) -> int:
    """Check the number of workers."""
    if isinstance(workers, bool) or not isinstance(workers, int) or not 1 <= workers <= 64:
        raise UsageError(f"workers={workers!r}; expected a whole number from 1 to 64")
    return workers
