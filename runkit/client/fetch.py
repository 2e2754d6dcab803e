"""Read many runs at once: a pool of threads, and what stops it.

An error about one run (403, 404, 422, 500 and the like) is the result of that run. A 401 ends the batch. So
do 403 if nothing else is answered: then they are about the key. And so does a host that no longer responds:
`Http` has repeated each request by then.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from datetime import datetime
from itertools import islice

from runkit.client.http import Http
from runkit.client.runlist import RunList
from runkit.errors import ApiError, AuthError, RateLimited, Unavailable, UsageError
from runkit.models import Run
from runkit.progress import Bar
from runkit.text import plural, shorten

TASKS_PER_WORKER = 4
"""Ids in flight or waiting to be taken, for each worker: at most so many are sent after a refused key."""
IDLE_INTERVAL = 0.5  # seconds; an unlimited wait hides Ctrl-C on Windows
# errors in a row that may be about the key or the host, by status; of others one a worker
MAX_IN_ROW = {401: 1, 403: 16, 500: 8}

INTERRUPTED = "interrupted"
DOWN = (RateLimited, Unavailable)  # with no usable response, after all repetitions


def fetch(
    http: Http,
    read_run: Callable[..., Run],
    ids: Sequence[str],
    have: Mapping[str, Run],
    workers: int,
    progress: bool | Bar,
    clock: Callable[[], datetime],
) -> RunList:
    """Read the runs of `ids` that are not in `have`; once this has ended, nothing more is sent.

    `read_run` takes an id and the flag `cancelled=`. Raises `AuthError`, and the error of a host that went
    down before any run was read.
    """
    runs = {run_id: have[run_id.lower()] for run_id in ids if run_id.lower() in have}
    errors: dict[str, ApiError] = {}
    missing = [run_id for run_id in ids if run_id not in runs]
    stop: BaseException | None = None
    bar = progress if isinstance(progress, Bar) else Bar(total=len(missing), unit="run", disable=not progress)
    try:
        for run_id, outcome in _outcomes(http, read_run, missing, workers):
            bar.update()
            if isinstance(outcome, Run):
                runs[run_id] = outcome
            else:
                errors[run_id] = outcome
    except (KeyboardInterrupt, AuthError, *DOWN) as error:
        stop = error
    finally:
        if bar is not progress:
            bar.close()
    if isinstance(stop, DOWN) and not runs:
        raise stop
    arrived = tuple(runs[run_id] for run_id in ids if run_id in runs)
    stopped = stop_words(stop)
    reasons = [f"{stopped}: {len(arrived):,} of {plural(len(ids), 'run')} arrived"] if stopped else []
    why = "; ".join(reasons + error_words(errors)) or None
    fetched = RunList(arrived, why, requested=tuple(ids), errors=errors, stopped=stopped, clock=clock)
    if isinstance(stop, AuthError):
        stop.runs = fetched
        raise stop
    return fetched


def _outcomes(
    http: Http, read_run: Callable[..., Run], ids: Iterable[str], workers: int
) -> Iterator[tuple[str, Run | ApiError]]:
    """Yield each id with its run or its error, as they arrive, and raise an error that ends the batch."""
    tasks: dict[Future[Run], str] = {}
    cancelled = threading.Event()
    error: BaseException | None = None
    n_suspect, is_key_good = 0, http.has_answered
    waiting = iter(ids)
    pool = ThreadPoolExecutor(workers, thread_name_prefix="runkit-fetch")
    try:
        while True:
            for run_id in islice(waiting, workers * TASKS_PER_WORKER - len(tasks)):
                tasks[pool.submit(read_run, run_id, cancelled=cancelled)] = run_id
            if not tasks:
                break
            wait(tasks, IDLE_INTERVAL, FIRST_COMPLETED)
            # In the order asked: a refused key must not overtake the runs that arrived before it.
            for task in [task for task in tasks if task.done()]:
                run_id, error = tasks.pop(task), task.exception()
                is_about_key = isinstance(error, AuthError) and (error.status == 401 or not is_key_good)
                n_suspect = n_suspect + 1 if is_about_key or isinstance(error, DOWN) else 0
                is_key_good = is_key_good or not n_suspect
                if error is None:
                    yield run_id, task.result()
                elif not isinstance(error, ApiError) or n_suspect >= _most(error, workers, http):
                    raise error
                else:
                    yield run_id, error
        if error is not None and not is_key_good:
            raise error
    finally:
        cancelled.set()
        # Requests in flight end by themselves; waiting for them would delay Ctrl-C.
        pool.shutdown(wait=False, cancel_futures=True)


def _most(error: ApiError, workers: int, http: Http) -> int:
    """Return how many such errors in a row end the batch."""
    return MAX_IN_ROW.get(error.status or 0, workers if http.has_answered else 1)


def stop_words(stop: BaseException | None) -> str | None:
    """Return what ended a batch of reads early."""
    if stop is None:
        return None
    if isinstance(stop, KeyboardInterrupt):
        return INTERRUPTED
    if isinstance(stop, AuthError):
        return "stopped because the key was refused"
    return f"stopped because the host no longer responded ({shorten(str(stop), 100)})"


def error_words(errors: Mapping[str, ApiError]) -> list[str]:
    """Return as a reason how many runs could not be read, and the first of them."""
    return [
        f"{plural(len(errors), 'run')} could not be read: {run_id}{', …' * (len(errors) > 1)} "
        f"({shorten(str(error), 100)})"
        for run_id, error in islice(errors.items(), 1)
    ]


def reusable(have: Iterable[Run] | None) -> dict[str, Run]:
    """Return the runs that need not be read again, by id: finished, and with their steps."""
    known = {}
    for run in () if have is None else have:
        if not isinstance(run, Run):
            raise UsageError(f"have= holds a {type(run).__name__}; expected runs, such as those of a RunList")
        if run.is_finished and run.to_dict().get("steps") is not None:
            known[run.id.lower()] = run
    return known
