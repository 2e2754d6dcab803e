"""Read many runs at once: a pool of threads, and what ends it.

An error about one run (403, 404, 422, 500 and the like) is a reason why that run is missing. A 401
ends the fetch. So does a host that no longer responds to one run after the other: `Http` has
repeated each request by then.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple

from runkit.api.models import Run
from runkit.display.progress import Bar
from runkit.display.text import plural, shorten
from runkit.errors import ApiError, RateLimited, Unavailable

IDLE_INTERVAL = 0.5  # seconds; an unlimited wait hides Ctrl-C on Windows
STOPPED = "stopped by Ctrl-C"  # how the reason begins
MAX_NAMED = 3  # runs that a reason names
DOWN = (RateLimited, Unavailable)  # no usable response came, after all repetitions


class Fetched(NamedTuple):
    """The runs that arrived, by id, and the reasons why others did not."""

    runs: dict[str, Run]
    missing: list[str]


def fetch(
    read_run: Callable[..., Run],
    ids: Sequence[str],
    take: Callable[[Run], object],
    *,
    workers: int,
    progress: bool,
) -> Fetched:
    """Read runs, and hand each on when it arrives; once this has ended, nothing more is sent.

    `read_run` takes an id and the flag `cancelled=`. Raises the error that ended it if no run has
    arrived by then.
    """
    runs: dict[str, Run] = {}
    errors: dict[str, ApiError] = {}
    stopped: str | None = None
    cancelled = threading.Event()
    arrived: queue.SimpleQueue[Future[Run]] = queue.SimpleQueue()
    pool = ThreadPoolExecutor(workers, thread_name_prefix="runkit-fetch")
    try:
        with Bar(total=len(ids), unit="run", progress=progress) as bar:
            tasks: dict[Future[Run], str] = {}
            for run_id in ids:
                task = pool.submit(read_run, run_id, cancelled=cancelled)
                tasks[task] = run_id
                task.add_done_callback(arrived.put)
            n_down = 0
            for _ in ids:
                task = _next(arrived)
                run_id = tasks[task]
                bar.update()
                error = task.exception()
                if error is None:
                    run = task.result()
                    take(run)
                    runs[run_id] = run
                    n_down = 0
                    continue
                if not isinstance(error, ApiError):
                    raise error
                n_down = n_down + 1 if isinstance(error, DOWN) else 0
                if error.status == 401 or n_down >= min(workers, len(ids)):
                    if not runs:
                        raise error
                    stopped = f"stopped ({shorten(str(error), 100)})"
                    break
                errors[run_id] = error
    except KeyboardInterrupt:
        stopped = STOPPED
    finally:
        cancelled.set()
        # Requests in flight end by themselves; waiting for them would delay Ctrl-C.
        pool.shutdown(wait=False, cancel_futures=True)

    missing = [_reason(errors)] if errors else []
    if stopped is not None:
        missing.insert(0, f"{stopped}: {len(runs):,} of {plural(len(ids), 'run')} arrived")
    return Fetched(runs, missing)


def _next(arrived: queue.SimpleQueue[Future[Run]]) -> Future[Run]:
    while True:
        try:
            return arrived.get(timeout=IDLE_INTERVAL)
        except queue.Empty:
            continue


def _reason(errors: Mapping[str, ApiError]) -> str:
    """Write how many runs could not be read, and the error of the first."""
    named = ", ".join([*errors][:MAX_NAMED])
    more = f" and {len(errors) - MAX_NAMED:,} more" if len(errors) > MAX_NAMED else ""
    first = shorten(str(next(iter(errors.values()))), 100)
    return f"{plural(len(errors), 'run')} could not be read: {named}{more} ({first})"
