"""Fetch runs into a folder, which has one file for each fetch, or into an open file."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
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
    opened: AbstractContextManager[IO[bytes]]
    is_ours = isinstance(into, str | Path)
    if isinstance(into, str | Path):
        path = usable(into)
        if not is_file_name(path):
            held = held_runs(path, host)
        opened = new_file(path)
    else:
        opened = nullcontext(into)
    unchanged = [
        item.id
        for item in items
        if isinstance(item, Run) and _is_held(item, held.get(item.id.lower()))
    ]
    seen = {run_id.lower() for run_id in unchanged}
    # What is open here may have been answered or have ended, also if it was not asked for.
    asked = [*items, *(str(run.raw["id"]) for run in held.values() if run.raw)]
    due = [item for item in asked if _id_of(item).lower() not in seen]

    with opened as file:
        fetch_file = FetchFile(file)

        def take(run: Run) -> None:
            before = held.get(run.id.lower())
            if before and before.is_same(run):
                unchanged.append(run.id)
            else:
                fetch_file.add(run.to_dict())

        try:
            fetch_file.start(host, source.query)
            fetched = read(due, take)
            times = [run.read_at for run in fetched if run.read_at is not None]
            last = Last(
                read_at=source.read_at or min(times, default=None),
                missing=[*source.missing, *fetched.missing],
                unchanged=[run_id for run_id in unchanged if held[run_id.lower()].raw],
            )
            fetch_file.finish(last)
        except BaseException:
            if is_ours:
                with suppress(OSError):  # what a full disk did not take is not written again
                    file.close()
            if is_ours and fetch_file.n_runs == 0:
                Path(file.name).unlink()
            raise
    return fetched


def _is_held(listed: Run, held: Held | None) -> bool:
    """Return whether a folder has a run in the state that a list shows."""
    return held is not None and held.has_business_of(listed) and is_unchanged(listed, held.state)


def is_unchanged(listed: Run, state: State) -> bool:
    """Return whether a list shows a run in the state in which it was read.

    The API does not promise that `updated_at` changes with every question or step.
    """
    is_reliable = contract.is_updated_at_reliable(listed.status)
    return is_reliable and contract.state_of(listed.to_dict()) == state


def _id_of(item: str | Run) -> str:
    """Return the id of a run, or what was given for it."""
    return item.id if isinstance(item, Run) else item
