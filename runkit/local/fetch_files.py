"""Fetched runs at rest: NDJSON files, one for each fetch, none of which is ever changed.

    {"object": "runkit.fetch", "host": …, "query": {…}, "started_at": …}     the first record
    {"object": "run", "id": …}                                               a run when it arrives
    {"object": "runkit.fetched", "read_at": …, "missing": […], "unchanged": […]}

A fetch that was killed keeps what it had; its file has no last record. `unchanged` are open runs
that the folder had already in the state in which they were at `read_at`.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import IO, Any, Literal, NamedTuple, TypeAlias

from pydantic import BaseModel, Field

from runkit.api import contract
from runkit.api.contract import (
    Json,
    has_ended,
    is_updated_at_reliable,
    parse_time,
    state_of,
)
from runkit.display.text import brief, escape_unseen, plural
from runkit.errors import StorageError, UsageError
from runkit.local import files

Into: TypeAlias = "str | Path | IO[bytes]"  # where a fetch writes
MARK = b'{"object":"runkit.fetch'  # how the first and the last record begin
LINE_SUFFIXES = (".ndjson", ".jsonl")
# A query with any other filter says nothing of the runs that it did not ask for.
LASTING_FILTERS = {"business_id"}


class First(BaseModel):
    """The first record of a file; without a filter in `query`, all runs were asked for."""

    object: Literal["runkit.fetch"] = "runkit.fetch"
    host: str
    query: dict[str, str]
    started_at: datetime = Field(default_factory=partial(datetime.now, UTC))


class Last(BaseModel):
    """The last record of a file, if the fetch finished."""

    object: Literal["runkit.fetched"] = "runkit.fetched"
    read_at: datetime | None
    missing: list[str]
    unchanged: list[str]


class Held(NamedTuple):
    """A run as it was read before: the state that a list shows, and whether it is open."""

    state: tuple[Any, ...]
    is_open: bool

    @classmethod
    def of(cls, raw: Json) -> Held:
        """Return what is held of a run. Raises `ValueError` if it has no `updated_at`."""
        return cls(state_of(raw), not has_ended(raw))

    def is_shown_by(self, listed: Json) -> bool:
        """Return whether a list shows the run in the state in which it was read.

        The API does not promise that `updated_at` changes with every question or step.
        """
        is_reliable = is_updated_at_reliable(listed.get("status"))
        return is_reliable and state_of(listed) == self.state


class FetchFile:
    """The file of one fetch, which nobody else writes to, or none.

    `held` is what its folder has already, by id.
    """

    def __init__(self, file: IO[bytes] | None, held: Mapping[str, Held]) -> None:
        self.held = held
        self.n_lines = 0
        self._file = file
        self._has_part = False  # a line was interrupted

    def add(self, record: First | Json | Last) -> None:
        """Write a record. Raises `UsageError` and `StorageError` if the file does not take it."""
        if self._file is None:
            return
        text = contract.dumps(record) if isinstance(record, dict) else record.model_dump_json()
        line = escape_unseen(text).encode() + b"\n"
        try:
            if self._has_part:
                self._file.write(b"\n")
            self._has_part = True
            self._file.write(line)
            self._file.flush()
            self._has_part = False
            self.n_lines += 1
        except BrokenPipeError:
            raise
        except (AttributeError, TypeError, ValueError):
            raise UsageError(
                f"into={brief(self._file)} takes no bytes; expected a folder, the name of a new "
                "file, or a file that is open for writing bytes."
            ) from None
        except OSError as error:
            raise StorageError(
                f"{self._file.name} cannot be written: {error.strerror}. It has "
                f"{plural(self.n_lines, 'line')} of this fetch. Make room, and fetch again."
            ) from None


@contextmanager
def fetch_file(into: Into | None, host: str) -> Iterator[FetchFile]:
    """Yield the file of a fetch from a host: none, an open one, a new one, or one in a folder.

    A new one without a run or a last record is removed again. Raises `UsageError` for a place
    that cannot be used, or that has runs of another host.
    """
    if not isinstance(into, str | Path):
        yield FetchFile(into, {})
        return
    path = files.usable(into)
    held: dict[str, Held] = {}
    if path.suffix not in LINE_SUFFIXES or path.is_dir():
        held = held_runs(path, host)
        name = f"{datetime.now(UTC):%Y-%m-%dT%H%M%S.%fZ}-{secrets.token_hex(3)}.ndjson"
        path = files.folder_at(path) / name
    file = files.create(path)
    written = FetchFile(file, held)
    try:
        yield written
    finally:
        with suppress(OSError):  # what a full disk did not take is not written again
            file.close()
        if written.n_lines < 2:
            path.unlink()


# ----------------------------------------------------------------------------------------- reading


class Fetch(NamedTuple):
    """The first and the last record of a file; `last` is None if the fetch did not finish."""

    name: str
    first: First
    last: Last | None

    @property
    def missing(self) -> list[str]:
        """The reasons why runs may be missing."""
        if self.last is None:
            return [f"{self.name}: the fetch was stopped, or goes on; fetch again"]
        return self.last.missing

    def settles(self, earlier: Fetch) -> bool:
        """Return whether this fetch asked again for all that an earlier one asked for."""
        if self.last is None or self.first.host != earlier.first.host:
            return False
        query = self.first.query
        return query.keys() <= LASTING_FILTERS and query.items() <= earlier.first.query.items()


def fetch_of(name: str, lines: Iterable[bytes]) -> Fetch | None:
    """Read the first and the last record of a file; None if no fetch wrote it."""
    lines = iter(lines)
    try:
        first = First.model_validate_json(next(lines, b""))
    except ValueError:
        return None
    last: Last | None = None
    for line in lines:
        if line.startswith(MARK):
            try:
                last = Last.model_validate_json(line)
            except ValueError:
                last = None  # the end of a file that was cut
    return Fetch(name, first, last)


def oldest_first(fetches: Iterable[Fetch]) -> list[Fetch]:
    """Return fetches, the oldest first."""
    return sorted(fetches, key=lambda fetch: fetch.first.started_at)


def missing_after(fetches: Iterable[Fetch]) -> tuple[str, ...]:
    """Return the reasons why runs may be missing, without those that a later fetch settled."""
    kept: list[Fetch] = []
    for fetch in oldest_first(fetches):
        kept = [earlier for earlier in kept if not fetch.settles(earlier)]
        kept.append(fetch)
    return tuple(dict.fromkeys(reason for fetch in kept for reason in fetch.missing))


def held_runs(folder: Path, host: str) -> dict[str, Held]:
    """Return, by id, the newest state of each run that fetches wrote to a folder.

    Raises `UsageError` if they read another host.
    """
    newest: dict[str, Held] = {}
    for path in sorted(folder.glob("*.ndjson")):
        with files.opened(path) as file:
            fetch = fetch_of(path.name, [file.readline()])
            if fetch is None:
                continue
            if fetch.first.host != host:
                raise UsageError(
                    f"{folder} has runs of {fetch.first.host}, and this client reads {host}; use a "
                    "folder for each host."
                )
            for raw in filter(None, map(_run_of, file)):
                held = Held.of(raw)
                before = newest.get(str(raw["id"]))
                if before is None or held.state[0] >= before.state[0]:
                    newest[str(raw["id"])] = held
    return newest


def _run_of(line: bytes) -> Json | None:
    """Return the run in a line, if it is whole."""
    try:
        raw = contract.loads(line)
        is_run = raw.get("object") == "run" and parse_time(raw["updated_at"]) and raw["id"]
    except (AttributeError, KeyError, TypeError, ValueError):
        return None
    return raw if is_run else None
