"""Many runs at once: a pool of threads, one answer per id, and an end that always gives what arrived."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed

from tqdm import tqdm

from runkit.client.runlist import RunList
from runkit.errors import ApiError, AuthError, Unavailable, UsageError
from runkit.models import Run
from runkit.text import plural, shorten

log = logging.getLogger("runkit")

GIVE_UP_AFTER = 10  # requests in a row without any answer: the host is gone, not one run
NAMED = 3  # failed ids that `why` names; the rest is counted, all are in `errors`


def fetch_runs(
    get: Callable[[str], Run],
    ids: Sequence[str],
    have: Mapping[str, Run],
    *,
    progress: bool,
    workers: int,
) -> RunList:
    """Get each id that is not in `have`, in parallel. Raises `AuthError`, and what sank a whole batch."""
    found = {one: have[one] for one in ids if one in have}
    missing = [one for one in ids if one not in have]
    errors: dict[str, ApiError] = {}
    stopped: str | None = None
    silent = 0
    futures: dict[Future[Run], str] = {}
    pool = ThreadPoolExecutor(max_workers=workers, thread_name_prefix="runkit-fetch")
    bar = tqdm(
        total=len(missing), unit="run", file=sys.stderr, leave=False, disable=not (progress and missing)
    )
    try:
        futures.update((pool.submit(get, one), one) for one in missing)
        for future in as_completed(futures):
            one = futures[future]
            error = future.exception()
            if error is None:
                found[one] = future.result()
            elif isinstance(error, ApiError) and not isinstance(error, AuthError):
                errors[one] = error
            else:
                raise error
            silent = silent + 1 if isinstance(error, Unavailable) and error.status is None else 0
            bar.update()
            if silent == GIVE_UP_AFTER:
                stopped = f"stopped after {silent} requests in a row without an answer"
                break
    except KeyboardInterrupt:
        stopped = "interrupted"
    finally:
        # What is on its way may end by itself; waiting for it would hold up whoever pressed Ctrl-C.
        pool.shutdown(wait=False, cancel_futures=True)
        bar.close()
    found.update(  # what came between the last look and the end
        (one, future.result())
        for future, one in futures.items()
        if future.done() and not future.cancelled() and future.exception() is None
    )
    if not found and errors and stopped != "interrupted" and silent == len(errors):
        raise errors[next(iter(errors))]
    runs = tuple(found[one] for one in ids if one in found)
    return RunList(runs, _why(ids, found, errors, stopped), requested=tuple(ids), errors=errors)


def _why(
    ids: Sequence[str], found: Mapping[str, Run], errors: Mapping[str, ApiError], stopped: str | None
) -> str | None:
    whys = []
    if stopped:
        whys.append(f"{stopped}: {len(found):,} of {plural(len(ids), 'run')} arrived")
    if errors:
        named = "; ".join(
            f"{one} ({shorten(str(error), 100)})" for one, error in list(errors.items())[:NAMED]
        )
        more = f"; and {len(errors) - NAMED:,} more, see .errors" if len(errors) > NAMED else ""
        whys.append(f"{plural(len(errors), 'run')} could not be read: {named}{more}")
    return "; ".join(whys) or None


def reusable(have: Iterable[Run] | None) -> dict[str, Run]:
    """Give the runs that need not be read again: those that have ended and have their steps."""
    return {run.id: run for run in have or () if run.is_finished and run.to_dict().get("steps") is not None}


def check_workers(workers: int) -> int:
    """Check the size of the pool."""
    if isinstance(workers, bool) or not isinstance(workers, int) or not 1 <= workers <= 64:
        raise UsageError(f"workers={workers!r}; expected a whole number from 1 to 64")
    return workers
