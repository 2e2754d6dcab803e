"""Read many runs at once: a pool of threads, and what stops it.

An error about one run (403, 404, 422, 500 and the like) is the result of that run. A 401 ends the
batch. So does a host that no longer responds to one run after the other: `Http` has repeated each
request by then.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import datetime

from runkit.api.models import Run
from runkit.client.run_list import RunList
from runkit.display.progress import Bar
from runkit.display.text import plural, shorten
from runkit.errors import ApiError, AuthError, RateLimited, Unavailable

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
    runs = dict(have)
    missing = [run_id for run_id in ids if run_id.lower() not in runs]
    errors: dict[str, ApiError] = {}
    stop: ApiError | None = None
    stopped: str | None = None
    n_down = 0
    cancelled = threading.Event()

    def read(run_id: str) -> None:
        runs[run_id.lower()] = read_run(run_id, cancelled=cancelled)

    pool = ThreadPoolExecutor(workers, thread_name_prefix="runkit-fetch")
    try:
        with Bar(total=len(missing), unit="run", progress=progress) as bar:
            tasks = {run_id: pool.submit(read, run_id) for run_id in missing}
            for run_id, task in tasks.items():
                while not task.done():
                    wait([task], IDLE_INTERVAL)
                bar.update()
                error = task.exception()
                n_down = n_down + 1 if isinstance(error, DOWN) else 0
                if isinstance(error, ApiError):
                    if error.status == 401 or n_down >= min(workers, len(missing)):
                        stop = error
                        stopped = f"stopped ({shorten(str(error), 100)})"
                        break
                    errors[run_id] = error
                elif error is not None:
                    raise error
    except KeyboardInterrupt:
        stopped = INTERRUPTED
    finally:
        cancelled.set()
        # Requests in flight end by themselves; waiting for them would delay Ctrl-C.
        pool.shutdown(wait=False, cancel_futures=True)

    arrived = tuple(runs[run_id.lower()] for run_id in ids if run_id.lower() in runs)
    if isinstance(stop, DOWN) and not arrived:
        raise stop
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


def error_reasons(errors: Mapping[str, ApiError]) -> list[str]:
    """Return as a reason how many runs could not be read, and the first of them."""
    if not errors:
        return []
    run_id, error = next(iter(errors.items()))
    rest = ", …" if len(errors) > 1 else ""
    what = f"{plural(len(errors), 'run')} could not be read"
    return [f"{what}: {run_id}{rest} ({shorten(str(error), 100)})"]
