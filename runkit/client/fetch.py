"""Read many runs at once: a pool of threads, and results as they arrive.

An error about one run (403, 404, 410, 422 and the like) is the result of that run. A 401 ends the batch, and
so does a 403 if nothing else is ever answered: then it is about the key. So a 403 that comes before any
response is held back until it is clear which of the two it is. A host that no longer responds ends the batch
as well; `Http` has repeated the request by then. Times are in seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from datetime import datetime
from itertools import islice
from queue import Empty, SimpleQueue

from runkit.client.http import Http, Wanted
from runkit.client.runlist import RunList
from runkit.errors import ApiError, AuthError, RateLimited, Unavailable, UsageError
from runkit.models import Run
from runkit.progress import Bar
from runkit.text import plural, shorten

TASKS_PER_WORKER = 4
"""Ids in flight or waiting for the consumer, for each worker. With 8 workers at most 32 runs are in memory,
however slow the consumer is; at 20 requests a second they last for 1.6 s, while the consumer writes."""
IDLE_INTERVAL = 0.5  # an unlimited wait hides Ctrl-C on Windows
MAX_BROKEN = 8  # runs in a row with 500, which the server fails on; then it fails on all
MAX_NAMED = 3  # failed ids named in `why`; the rest is counted, all are in `errors`

Arrival = tuple[str, Run | ApiError]
Outcome = tuple[Run | ApiError, int]  # and the number of other responses since the request was sent


class Batch:
    """Reads each of `ids`, which may be lazy, with `read_run`. For one use, by one thread.

    `read_run` takes an id and a function that says whether the run is still wanted.
    """

    def __init__(
        self,
        http: Http,
        read_run: Callable[[str, Wanted], Run],
        ids: Iterable[str],
        workers: int,
        on_idle: Callable[[], object] | None = None,
    ) -> None:
        self._http = http
        self._read_run = read_run
        self._ids = iter(ids)
        self._workers = workers
        self._on_idle = on_idle
        self._tasks: dict[Future[Outcome], str] = {}  # sent, and not consumed yet
        self._done: SimpleQueue[Future[Outcome]] = SimpleQueue()
        self._forbidden: list[tuple[str, AuthError]] = []  # 403 before any other response
        self._is_open = True

    def arrivals(self) -> Generator[Arrival, None, None]:
        """Give each id with its run or its error, in the order of arrival.

        Raises `AuthError` for a 401, and for a 403 if there was no other response, and the last error when
        the host no longer responds. Once this has ended or was closed, nothing more is sent.
        """
        is_known, n_broken = self._http.n_answers > 0, 0
        pool = ThreadPoolExecutor(self._workers, thread_name_prefix="runkit-fetch")
        try:
            while self._submit(pool):
                future = self._next_done()
                outcome, n_others = future.result()
                n_broken = n_broken + 1 if isinstance(outcome, ApiError) and outcome.status == 500 else 0
                is_of_this_run = (
                    n_others >= self._workers  # more than were in flight
                    or (n_others > 0 and len(self._tasks) == 1)
                    or (is_known and 0 < n_broken < MAX_BROKEN)
                )
                if isinstance(outcome, AuthError) and outcome.status == 401:
                    raise outcome
                if isinstance(outcome, RateLimited | Unavailable) and not is_of_this_run:
                    raise outcome
                if isinstance(outcome, AuthError) and not is_known:
                    self._forbidden.append((self._tasks.pop(future), outcome))
                    continue
                is_known = True
                while self._forbidden:
                    yield self._forbidden.pop(0)
                yield self._tasks[future], outcome
                del self._tasks[future]  # only now: Ctrl-C before this leaves it in `remaining_runs`
            if self._forbidden:
                raise self._forbidden[0][1]
        finally:
            self._is_open = False
            # Requests in flight end by themselves; waiting for them would delay Ctrl-C.
            pool.shutdown(wait=False, cancel_futures=True)

    def remaining_runs(self) -> dict[str, Run]:
        """Give the runs that had arrived but were not consumed when the iteration ended."""
        done = [(run_id, one) for one, run_id in self._tasks.items() if one.done() and not one.cancelled()]
        results = ((run_id, one.result()[0]) for run_id, one in done if one.exception() is None)
        return {run_id: run for run_id, run in results if isinstance(run, Run)}

    def _submit(self, pool: ThreadPoolExecutor) -> bool:
        """Send what there is room for; gives whether anything is left to wait for."""
        room = self._workers * TASKS_PER_WORKER - len(self._tasks) - len(self._forbidden)
        for run_id in islice(self._ids, max(0, room)):
            future = pool.submit(self._read, run_id)
            self._tasks[future] = run_id
            future.add_done_callback(self._done.put)
        return bool(self._tasks)

    def _read(self, run_id: str) -> Outcome:
        """Read one run, in a thread of the pool."""
        n_answers = self._http.n_answers
        outcome: Run | ApiError
        try:
            outcome = self._read_run(run_id, lambda: self._is_open)
        except ApiError as error:
            outcome = error
        return outcome, self._http.n_answers - n_answers

    def _next_done(self) -> Future[Outcome]:
        while True:
            try:
                return self._done.get(timeout=IDLE_INTERVAL)
            except Empty:
                if self._on_idle is not None:
                    self._on_idle()


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
    bar = Bar(total=n_missing, unit="run", delay=1, disable=not (progress and n_missing))

    def runs(stopped: str | None) -> RunList:
        loaded.update(batch.remaining_runs())
        arrived = tuple(loaded[one] for one in ids if one in loaded)
        reasons = [f"{stopped}: {len(loaded):,} of {plural(len(ids), 'run')} arrived"] if stopped else []
        why = "; ".join([*reasons, *_unread(errors)]) or None
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


def _unread(errors: Mapping[str, ApiError]) -> list[str]:
    """Name the runs that could not be read, in at most one sentence."""
    if not errors:
        return []
    named = [f"{one} ({shorten(str(error), 100)})" for one, error in list(errors.items())[:MAX_NAMED]]
    if len(errors) > MAX_NAMED:
        named.append(f"and {len(errors) - MAX_NAMED:,} more, see .errors")
    return [f"{plural(len(errors), 'run')} could not be read: {'; '.join(named)}"]


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
