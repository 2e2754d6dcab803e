"""Read many things at once, runs also into a folder of files, and what ends such a fetch.

An error about one of them (403, 404, 422, 500 and the like) is a reason why it is missing. A 401
ends the fetch. So does a host that no longer responds to one request after the other: `Http` has
repeated each by then.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import IO, Any, Generic, NamedTuple, TypeAlias, TypeVar

from runkit.api import contract
from runkit.api.models import Run
from runkit.client.run_list import STOPPED, RunList
from runkit.display.messages import Progress
from runkit.display.text import plural, shorten
from runkit.errors import ApiError, RateLimited, Unavailable
from runkit.local.fetch_files import FetchFile, Held, Last, held_runs, is_file_name, new_file
from runkit.local.files import usable

MAX_NAMED = 3  # ids that a reason names
MAX_ERROR = 100  # characters of an error in a reason
DOWN = (RateLimited, Unavailable)  # no usable response came, after all repetitions
RUNS = ("run", "runs")
Result = TypeVar("Result")
Words = tuple[str, str]  # of one and of several things
Take: TypeAlias = "Callable[[Run], object]"
State = tuple[Any, ...]  # of `contract.state_of`
Into: TypeAlias = "str | Path | IO[bytes]"


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
    missing = []
    stopped: str | None = None
    n_down = 0
    cancelled = threading.Event()
    pool = ThreadPoolExecutor(workers, thread_name_prefix="runkit-fetch")
    try:
        with Progress(words[1], total=len(ids), progress=progress) as counter:
            tasks = {pool.submit(read, item, cancelled): item for item in ids}
            for task in as_completed(tasks):
                counter.update()
                try:
                    result = task.result()
                except ApiError as error:
                    n_down = n_down + 1 if isinstance(error, DOWN) else 0
                    if error.status == 401 or n_down >= min(workers, len(ids)):
                        if not results:
                            raise
                        stopped = f"stopped ({shorten(str(error), MAX_ERROR)})"
                        break
                    errors[tasks[task]] = error
                    continue
                take(result)
                results[tasks[task]] = result
                n_down = 0
    except KeyboardInterrupt:
        stopped = STOPPED
    finally:
        cancelled.set()
        # Requests in flight end by themselves; waiting for them would delay Ctrl-C.
        pool.shutdown(wait=False, cancel_futures=True)

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


def is_unchanged(listed: object, state: State | None) -> bool:
    """Return whether a list shows a run in the state in which it was read.

    The API does not promise that `updated_at` changes with every question or step.
    """
    if state is None or not isinstance(listed, Run):
        return False
    is_reliable = contract.is_updated_at_reliable(listed.status)
    return is_reliable and contract.state_of(listed.to_dict()) == state


# --------------------------------------------------------------------------------------- a folder


def fetch_into(
    into: Into,
    wanted: Mapping[str, str | Run],
    source: RunList,
    host: str,
    read: Callable[[list[str], Take], Fetched[Run]],
) -> Fetched[Run]:
    """Read runs into a folder, but those that it has already, or into an open file.

    `wanted` are runs or ids, by id, of the list `source`. `read` takes ids, and what gets each run
    that arrives. Raises `UsageError` and `StorageError`, and what `read` raises.
    """
    held: dict[str, Held] = {}
    target: AbstractContextManager[FetchFile]
    if isinstance(into, str | Path):
        path = usable(into)
        target = _new(path)
        held = {} if is_file_name(path) else held_runs(path, host)
    else:
        target = nullcontext(FetchFile(into))
    # What is open here may have been answered or have ended, also if it was not asked for.
    open_ids = [run_id for run_id, run in held.items() if run.is_open]
    unchanged = {run_id for run_id in held if is_unchanged(wanted.get(run_id), held[run_id].state)}
    due = [run_id for run_id in dict.fromkeys([*wanted, *open_ids]) if run_id not in unchanged]

    with target as fetch_file:
        fetch_file.start(host, source.query)
        fetched = read(due, lambda run: fetch_file.add(run.to_dict()))
        times = [run.read_at for run in fetched.results.values() if run.read_at is not None]
        last = Last(
            read_at=source.read_at or min(times, default=None),
            missing=[*source.missing, *fetched.missing],
            unchanged=[run_id for run_id in open_ids if run_id in unchanged],
        )
        fetch_file.finish(last)
    return fetched


@contextmanager
def _new(path: Path) -> Iterator[FetchFile]:
    """Create a file for a fetch, which is removed again if it fails before a run arrived."""
    file = new_file(path)
    fetch_file = FetchFile(file)
    try:
        yield fetch_file
    except BaseException:
        with suppress(OSError):  # what a full disk did not take is not written again
            file.close()
        if fetch_file.n_runs == 0:
            Path(file.name).unlink()
        raise
    file.close()
