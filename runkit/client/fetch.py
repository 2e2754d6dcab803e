"""Read many runs at once: a pool of threads, and what stops it.

An error about one run (403, 404, 422, 500 and the like) is the result of that run. A 401 ends the
batch. So does a host that no longer responds to one run after the other: `Http` has repeated each
request by then.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from datetime import datetime
from itertools import islice

from runkit.api.models import Run
from runkit.client.run_list import RunList
from runkit.display.progress import Bar
from runkit.display.text import plural, shorten
from runkit.errors import ApiError, AuthError, RateLimited, Unavailable

TASKS_PER_WORKER = 4
"""Ids in flight or waiting to be taken, for each worker."""
IDLE_INTERVAL = 0.5  # seconds; an unlimited wait hides Ctrl-C on Windows
INTERRUPTED = "interrupted"
DOWN = (RateLimited, Unavailable)  # no usable response came, after all repetitions


def fetch(
    read_run: Callable[..., Run],
    ids: Sequence[str],
    have: Mapping[str, Run],
    workers: int,
    progress: bool,
    clock: Callable[[], datetime],
) -> RunList:
    """Read the runs of `ids` that are not in `have`; once this has ended, nothing more is sent.

    `read_run` takes an id and the flag `cancelled=`. Raises `AuthError`, and the error of a host
    that went down before any run was read.
    """
    runs = {run_id: have[run_id.lower()] for run_id in ids if run_id.lower() in have}
    missing = [run_id for run_id in ids if run_id not in runs]
    errors: dict[str, ApiError] = {}
    stop: BaseException | None = None
    with Bar(total=len(missing), unit="run", disable=not progress) as bar:
        try:
            for run_id, outcome in _outcomes(read_run, missing, workers):
                bar.update()
                if isinstance(outcome, Run):
                    runs[run_id] = outcome
                else:
                    errors[run_id] = outcome
        except (KeyboardInterrupt, AuthError, *DOWN) as error:
            stop = error
    if isinstance(stop, DOWN) and not runs:
        raise stop

    arrived = tuple(runs[run_id] for run_id in ids if run_id in runs)
    stopped = None if stop is None else _stop_reason(stop)
    reasons = error_reasons(errors)
    if stopped:
        reasons.insert(0, f"{stopped}: {len(arrived):,} of {plural(len(ids), 'run')} arrived")
    why = "; ".join(reasons) or None
    fetched = RunList(
        arrived, why, requested=tuple(ids), errors=errors, stopped=stopped, clock=clock
    )
    if isinstance(stop, AuthError):
        stop.runs = fetched
        raise stop
    return fetched


def _outcomes(
    read_run: Callable[..., Run], ids: Sequence[str], workers: int
) -> Iterator[tuple[str, Run | ApiError]]:
    """Yield each id with its run or its error, as they arrive.

    Raises the error that ends the batch.
    """
    tasks: dict[Future[Run], str] = {}
    waiting = iter(ids)
    cancelled = threading.Event()
    n_down = 0

    def is_over(error: ApiError) -> bool:
        # The key was refused, or the host did not respond to all workers, one after the other.
        return error.status == 401 or n_down >= min(workers, len(ids))

    pool = ThreadPoolExecutor(workers, thread_name_prefix="runkit-fetch")
    try:
        while True:
            for run_id in islice(waiting, workers * TASKS_PER_WORKER - len(tasks)):
                tasks[pool.submit(read_run, run_id, cancelled=cancelled)] = run_id
            if not tasks:
                return
            wait(tasks, IDLE_INTERVAL, FIRST_COMPLETED)
            # In the order of the ids: a refused key must not overtake the runs that arrived before.
            for task in [task for task in tasks if task.done()]:
                run_id, error = tasks.pop(task), task.exception()
                n_down = n_down + 1 if isinstance(error, DOWN) else 0
                if error is None:
                    yield run_id, task.result()
                elif isinstance(error, ApiError) and not is_over(error):
                    yield run_id, error
                else:
                    raise error
    finally:
        cancelled.set()
        # Requests in flight end by themselves; waiting for them would delay Ctrl-C.
        pool.shutdown(wait=False, cancel_futures=True)


def _stop_reason(stop: BaseException) -> str:
    """Return what ended a batch of reads early."""
    if isinstance(stop, KeyboardInterrupt):
        return INTERRUPTED
    if isinstance(stop, AuthError):
        return "stopped because the key was refused"
    return f"stopped because the host no longer responded ({shorten(str(stop), 100)})"


def error_reasons(errors: Mapping[str, ApiError]) -> list[str]:
    """Return as a reason how many runs could not be read, and the first of them."""
    if not errors:
        return []
    run_id, error = next(iter(errors.items()))
    rest = ", …" if len(errors) > 1 else ""
    what = f"{plural(len(errors), 'run')} could not be read"
    return [f"{what}: {run_id}{rest} ({shorten(str(error), 100)})"]
