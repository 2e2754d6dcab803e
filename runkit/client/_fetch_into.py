"""Fetch runs into a folder, which has one file for each fetch, or into an open file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import IO, TypeAlias

from runkit.api import contract
from runkit.api.models import Run
from runkit.client.run_list import RunList
from runkit.local.fetch_files import FetchFile, Held, is_file_name, new_file, runs_in
from runkit.local.files import usable

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
    file: IO[bytes] | None = None
    if isinstance(into, str | Path):
        path = usable(into)
        if not is_file_name(path):
            held = runs_in(path, host)
        file = new_file(path)
    unchanged: list[str] = []
    due: list[str | Run] = []
    for item in items:
        if isinstance(item, Run) and _is_held(item, held.get(item.id.lower())):
            unchanged.append(item.id)
        else:
            due.append(item)
    # What is open here may have been answered or have ended, also if it was not asked for.
    given = {item.id.lower() if isinstance(item, Run) else item.lower() for item in items}
    due += [str(run.raw["id"]) for key, run in held.items() if run.raw and key not in given]

    def take(run: Run) -> None:
        before = held.get(run.id.lower())
        if before and before.raw and run == Run.from_json(before.raw):
            unchanged.append(run.id)
        else:
            fetch_file.add(run.to_dict())

    fetch_file = FetchFile(file or into, host, dict(source.query))
    try:
        fetch_file.start()
        fetched = read(due, take)
        times = [run.read_at for run in fetched if run.read_at is not None]
        read_at = source.read_at or min(times, default=None)
        is_open = [run_id for run_id in unchanged if held[run_id.lower()].raw]
        fetch_file.finish(read_at, [*source.missing, *fetched.missing], is_open)
    finally:
        if file is not None:
            fetch_file.close()
    return fetched


def _is_held(listed: Run, held: Held | None) -> bool:
    """Return whether a folder has a run in the state that a list shows."""
    if held is None or not contract.is_updated_at_reliable(listed.status):
        return False
    # read again, it is stored with its business
    lacks_business = listed.business_id is not None and not held.has_business
    return not lacks_business and contract.state_of(listed.to_dict()) == held.state
