"""Read many runs at once: a pool of threads, and results as they arrive.

An error about one run (403, 404, 422, 500 and the like) is the result of that run. A 401 ends the batch. So
does a 403 if nothing else is ever answered: then it is about the key. And so does a host that no longer
responds: `Http` has repeated each request by then. An error that may be about the key or the host is held
back until it is clear which of the two it is.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import closing
from itertools import islice
from typing import Any

from runkit.client.http import Http, Until
from runkit.errors import ApiError, AuthError, RateLimited, Unavailable, UsageError
from runkit.models import Run
from runkit.progress import Bar
from runkit.text import plural, shorten

TASKS_PER_WORKER = 4
"""Ids in flight or waiting for the consumer, for each worker. With 8 workers at most 32 runs are in memory,
however slow the consumer is; at 20 requests a second they last for 1.6 s, while the consumer writes."""
IDLE_INTERVAL = 0.5  # seconds; an unlimited wait hides Ctrl-C on Windows
# errors in a row about the key or the host, by status; of others one a worker
MAX_HELD = {403: 16, 500: 8}
MAX_NAMED = 3  # failed ids named in `why`; the rest is counted, all are in `errors`

DOWN = (RateLimited, Unavailable)  # with no usable response, after all repetitions
Outcome = Run | ApiError
Arrival = tuple[str, Outcome]
Arrivals = Generator[Arrival, None, None]
Read = Callable[[str, Until], Run]


def arrivals(
    http: Http, read_run: Read, ids: Iterator[str], workers: int, on_idle: Callable[[], object] | None = None
) -> Arrivals:
    """Read runs with `read_run`, and give each id with its run or its error, in the order of arrival.

    `read_run` takes an id and a function that gives the time at which the run is no longer wanted. Raises
    `AuthError` for a 401, and for a 403 if there was no other response, and the last error when the host no
    longer responds. Once this has ended or was closed, nothing more is sent.
    """
    is_key_good, is_open = http.has_answered, True
    held: list[tuple[str, ApiError]] = []
    tasks: dict[Future[Outcome], str] = {}  # sent, and not consumed yet

    def read(run_id: str) -> Outcome:
        try:
            return read_run(run_id, lambda: math.inf if is_open else -math.inf)
        except ApiError as error:
            return error

    pool = ThreadPoolExecutor(workers, thread_name_prefix="runkit-fetch")
    try:
        while True:
            n_free = workers * TASKS_PER_WORKER - len(tasks)
            tasks |= {pool.submit(read, one): one for one in islice(ids, n_free)}
            if not tasks:
                break
            completed = wait(tasks, IDLE_INTERVAL, FIRST_COMPLETED).done
            if not completed and on_idle is not None:
                on_idle()
            # In the order asked: a refused key must not overtake the runs that arrived before it.
            for future in [future for future in tasks if future in completed]:
                run_id, outcome = tasks.pop(future), future.result()
                if isinstance(outcome, AuthError) and outcome.status == 401:
                    raise outcome
                is_about_key = isinstance(outcome, AuthError) and not is_key_good
                if isinstance(outcome, ApiError) and (is_about_key or isinstance(outcome, DOWN)):
                    held.append((run_id, outcome))
                    one_each = workers if http.has_answered else 1
                    if len(held) >= MAX_HELD.get(outcome.status or 0, one_each):
                        raise outcome
                    continue
                is_key_good = True
                yield from held
                held.clear()
                yield run_id, outcome
        if held and not is_key_good:
            raise held[0][1]
        yield from held
    finally:
        is_open = False
        # Requests in flight end by themselves; waiting for them would delay Ctrl-C.
        pool.shutdown(wait=False, cancel_futures=True)


def collect(
    arriving: Arrivals, keep: Callable[[str, Run], Any], errors: dict[str, ApiError], n: int, progress: bool
) -> BaseException | None:
    """Pass each of `n` runs that arrives to `keep`, and put the errors of others into `errors`, by their ids.

    Returns what stopped it: Ctrl-C, a refused key, a host that stays down, or None.
    """
    bar = Bar(total=n, unit="run", disable=not (progress and n))
    try:
        with bar, closing(arriving):
            for one, outcome in arriving:
                if isinstance(outcome, Run):
                    keep(one, outcome)
                else:
                    errors[one] = outcome
                bar.update()
    except (KeyboardInterrupt, AuthError, *DOWN) as error:
        return error
    return None


def missing_words(
    stop: BaseException | None, errors: Mapping[str, ApiError], n_arrived: int, n_expected: int
) -> list[str]:
    """Say what stopped reading, if anything, and which runs could not be read; many are counted."""
    reasons = []
    if stop is not None:
        words = f"stopped because the host no longer responded ({shorten(str(stop), 100)})"
        if isinstance(stop, AuthError):
            words = "stopped because the key was refused"
        if isinstance(stop, KeyboardInterrupt):
            words = "interrupted"
        reasons.append(f"{words}: {n_arrived:,} of {plural(n_expected, 'run')} arrived")
    if errors:
        named = [f"{one} ({shorten(str(error), 100)})" for one, error in islice(errors.items(), MAX_NAMED)]
        rest = len(errors) - MAX_NAMED
        named += [f"and {rest:,} more, see .errors"] if rest > 0 else []
        reasons.append(f"{plural(len(errors), 'run')} could not be read: {'; '.join(named)}")
    return reasons


def reusable(have: Iterable[Run] | None) -> dict[str, Run]:
    """Give the runs that need not be read again, by id: finished, and with their steps."""
    known = {}
    for run in () if have is None else have:
        if not isinstance(run, Run):
            raise UsageError(f"have= holds a {type(run).__name__}; expected runs, such as those of a RunList")
        if run.is_finished and run.to_dict().get("steps") is not None:
            known[run.id.lower()] = run
    return known
