"""Read many things at once: a pool of threads, and what ends it.

An error about one of them (403, 404, 422, 500 and the like) is a reason why it is missing. A 401
ends the fetch. So does a host that no longer responds to one request after the other: `Http` has
repeated each by then.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import Generic, NamedTuple, TypeVar

from runkit.client.run_list import STOPPED
from runkit.display.messages import Progress
from runkit.display.text import plural, shorten
from runkit.errors import ApiError, RateLimited, Unavailable

MAX_NAMED = 3  # ids that a reason names
MAX_ERROR = 100  # characters of an error in a reason
DOWN = (RateLimited, Unavailable)  # no usable response came, after all repetitions
RUNS = ("run", "runs")
Result = TypeVar("Result")
Words = tuple[str, str]  # of one and of several things


class Fetched(NamedTuple, Generic[Result]):
    """What arrived, by id, and the reasons why the rest did not."""

    results: dict[str, Result]
    missing: list[str]


def fetch(
    read: Callable[[str, threading.Event], Result],
    ids: Sequence[str],
    take: Callable[[Result], object] = lambda result: None,
    *,
    workers: int,
    progress: bool,
    words: Words = RUNS,
) -> Fetched[Result]:
    """Read things by id, and hand each on when it arrives; then nothing more is sent.

    `read` takes an id and the event that is set at the end. After Ctrl-C, what arrived is returned.
    Raises the error that ended it if nothing had arrived by then.
    """
    results: dict[str, Result] = {}
    errors: dict[str, ApiError] = {}
    stopped: str | None = None
    n_down = 0
    cancelled = threading.Event()
    pool = ThreadPoolExecutor(workers, thread_name_prefix="runkit-fetch")
    try:
        with Progress(words[1], total=len(ids), progress=progress) as counter:
            tasks = {pool.submit(read, item, cancelled): item for item in ids}
            for task in as_completed(tasks):
                counter.update()
                error = task.exception()
                if error is None:
                    take(task.result())
                    results[tasks[task]] = task.result()
                    n_down = 0
                    continue
                if not isinstance(error, ApiError):
                    raise error
                n_down = n_down + 1 if isinstance(error, DOWN) else 0
                if error.status == 401 or n_down >= min(workers, len(ids)):
                    if not results:
                        raise error
                    stopped = f"stopped ({shorten(str(error), MAX_ERROR)})"
                    break
                errors[tasks[task]] = error
    except KeyboardInterrupt:
        stopped = STOPPED
    finally:
        cancelled.set()
        # Requests in flight end by themselves; waiting for them would delay Ctrl-C.
        pool.shutdown(wait=False, cancel_futures=True)

    missing = []
    if stopped is not None:
        missing.append(f"{stopped}: {len(results):,} of {plural(len(ids), *words)} arrived")
    if errors:
        missing.append(_reason(errors, words))
    return Fetched(results, missing)


def _reason(errors: Mapping[str, ApiError], words: Words) -> str:
    """Write how many things could not be read, and the error of the first."""
    named = ", ".join([*errors][:MAX_NAMED])
    more = " …" if len(errors) > MAX_NAMED else ""
    first = shorten(str(next(iter(errors.values()))), MAX_ERROR)
    return f"{plural(len(errors), *words)} could not be read: {named}{more} ({first})"
