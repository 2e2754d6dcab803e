"""Fetch runs into a folder, which has one file for each fetch, or into an open file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import IO, Any, TypeAlias

from runkit.api import contract
from runkit.api.models import Run
from runkit.client.run_list import RunList
from runkit.local.fetch_files import FetchFile, Held, Last, held_runs, is_file_name, new_file
from runkit.local.files import usable

State = tuple[Any, ...]  # of `contract.state_of`
Target: TypeAlias = "str | Path | IO[bytes]"
Read: TypeAlias = "Callable[[list[str | Run], Callable[[Run], object]], RunList]"


def fetch_into(
    into: Target, items: list[str | Run], source: RunList, host: str, read: Read
) -> RunList:
    """Read runs into a folder, but those that it has already, or into an open file.

    `source` is the list of runs that was given. `read` takes runs or ids, and what gets each run
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
    unchanged = {
        item.id
        for item in items
        if isinstance(item, Run) and item.id in held and is_unchanged(item, held[item.id].state)
    }
    # What is open here may have been answered or have ended, also if it was not asked for.
    open_ids = [run_id for run_id, run in held.items() if run.is_open]
    due = [item for item in [*items, *open_ids] if _id_of(item) not in unchanged]

    with target as fetch_file:
        fetch_file.start(host, source.query)
        fetched = read(due, lambda run: fetch_file.add(run.to_dict()))
        times = [run.read_at for run in fetched if run.read_at is not None]
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


def is_unchanged(listed: Run, state: State) -> bool:
    """Return whether a list shows a run in the state in which it was read.

    The API does not promise that `updated_at` changes with every question or step.
    """
    is_reliable = contract.is_updated_at_reliable(listed.status)
    return is_reliable and contract.state_of(listed.to_dict()) == state


def _id_of(item: str | Run) -> str:
    """Return the id of a run, or what was given for it."""
    return item.id if isinstance(item, Run) else item
