"""Fetched runs at rest: NDJSON files, one for each fetch, none of which is ever changed.

    {"object": "runkit.fetch", "host": …, "query": {…}, "started_at": …}     the first record
    {"object": "run", "id": …}                                               a run when it arrives
    {"object": "runkit.fetched", "read_at": …, "missing": […], "unchanged": […]}

A fetch that was killed keeps what it had; its file has no last record. `unchanged` are open runs
that the folder had already in the state in which they were at `read_at`.
"""

from __future__ import annotations

import gzip
import secrets
import zlib
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, NamedTuple, cast

from runkit.api import contract, jsontext
from runkit.api.contract import Json
from runkit.display.text import escape_unseen, plural
from runkit.errors import StorageError, UsageError
from runkit.local import files

FIRST = "runkit.fetch"
LAST = "runkit.fetched"
RUN_FILES = (".ndjson", ".jsonl")  # how the name of such a file ends
# How the first and the last record begin; `jsontext` writes no spaces.
MARK = b'{"object":"runkit.fetch'
GZIP_MAGIC = b"\x1f\x8b"
# what reading a damaged gzip file raises
GZIP_ERRORS = (EOFError, gzip.BadGzipFile, zlib.error)
# A query with any other filter says nothing of the runs that it did not ask for.
LASTING_FILTERS = {"business_id", "until"}


class FetchFile:
    """The file of one fetch, which nobody else writes to."""

    def __init__(self, file: IO[bytes], host: str, query: Json) -> None:
        self._file = file
        self._host = host
        self._query = query
        self._has_content = False  # a run or the last record was written
        self.n_runs = 0

    def start(self) -> None:
        """Write the first record."""
        started_at = contract.format_time(datetime.now(UTC))
        asked = {"host": self._host, "query": self._query, "started_at": started_at}
        self._write({"object": FIRST, **asked})

    def add(self, raw: Json) -> None:
        """Write a run. Raises `StorageError` if the disk does not take it."""
        self._write(raw)
        self.n_runs += 1
        self._has_content = True

    def finish(
        self, read_at: datetime | None, missing: Sequence[str], unchanged: Sequence[str]
    ) -> None:
        """Write the last record."""
        fields = {"read_at": contract.format_time(read_at) if read_at else None}
        self._write({"object": LAST, **fields, "missing": [*missing], "unchanged": [*unchanged]})
        self._has_content = True

    def close(self) -> None:
        """Close the file, and remove it if the fetch failed before a run came."""
        with suppress(OSError):
            self._file.close()
        if not self._has_content:
            Path(self._file.name).unlink(missing_ok=True)

    def _write(self, raw: Json) -> None:
        line = escape_unseen(jsontext.dumps(raw)).encode() + b"\n"
        try:
            self._file.write(line)
            self._file.flush()
        except BrokenPipeError:
            raise
        except OSError as error:
            name = getattr(self._file, "name", "the file")
            raise StorageError(
                f"{name} cannot be written: {error.strerror}. {plural(self.n_runs, 'run')} of this "
                "fetch are in it. Make room, and fetch again: a folder is continued."
            ) from None


def new_file(path: Path) -> IO[bytes]:
    """Create a file for its owner only: this one, or one of a unique name in a folder.

    Raises `UsageError`.
    """
    if is_file_name(path):
        return files.create(path)
    now = datetime.now(UTC)
    name = f"{now:%Y-%m-%dT%H%M%SZ}-{secrets.token_hex(4)}.ndjson"
    return files.create(files.folder_at(path) / name)


def is_file_name(path: Path) -> bool:
    """Return whether a path means one file, and not a folder of them."""
    return path.suffix in RUN_FILES and not path.is_dir()


# ----------------------------------------------------------------------------------------- reading


class Fetch(NamedTuple):
    """The first and the last record of a file; `last` is None if the fetch did not finish."""

    name: str
    first: Json
    last: Json | None

    @property
    def host(self) -> str:
        """The host that was read."""
        return str(self.first.get("host"))

    @property
    def query(self) -> Json:
        """The filters of the list of runs; without one, all runs were asked for."""
        query = self.first.get("query")
        return query if isinstance(query, dict) else {"unknown": ""}

    @property
    def missing(self) -> list[str]:
        """What may be missing after this fetch."""
        if self.last is None:
            return [f"{self.name}: the fetch was stopped, or is still running"]
        reasons = self.last.get("missing")
        return [str(reason) for reason in reasons] if isinstance(reasons, list) else []

    def settles(self, earlier: Fetch) -> bool:
        """Return whether this fetch asked again for all that an earlier one asked for."""
        if self.last is None or self.host != earlier.host or self.query.keys() - LASTING_FILTERS:
            return False
        return self.query.items() <= earlier.query.items()


class Fetches(list[Fetch]):
    """The fetches whose files are read."""

    def read(self, name: str, file: IO[bytes]) -> None:
        """Read the first and the last record of a file, if it is that of a fetch."""
        marks: list[Json] = []
        try:
            for line in unpacked(file):
                if line.startswith(MARK):
                    marks.append(jsontext.loads(line))
                elif not marks:
                    return
        except (ValueError, *GZIP_ERRORS):
            pass  # the file was cut
        finally:
            file.seek(0)
        if marks and marks[0].get("object") == FIRST:
            last = marks[-1] if marks[-1].get("object") == LAST else None
            self.append(Fetch(name, marks[0], last))

    def is_cut(self, name: str) -> bool:
        """Return whether a file is that of a fetch which did not finish."""
        return any(fetch.name == name and fetch.last is None for fetch in self)

    @property
    def in_order(self) -> list[Fetch]:
        """The fetches, the oldest first."""
        return sorted(self, key=lambda fetch: str(fetch.first.get("started_at")))

    @property
    def missing(self) -> tuple[str, ...]:
        """The reasons why runs may be missing, without those that a later fetch settled."""
        kept: list[Fetch] = []
        for fetch in self.in_order:
            kept = [earlier for earlier in kept if not fetch.settles(earlier)]
            kept.append(fetch)
        return tuple(dict.fromkeys(reason for fetch in kept for reason in fetch.missing))

    @property
    def read_at(self) -> datetime | None:
        """The newest time of reading."""
        times = [fetch.last.get("read_at") for fetch in self if fetch.last]
        return max(map(contract.parse_time, filter(None, times)), default=None)

    @property
    def read_again(self) -> dict[str, str]:
        """The time, by run, at which an open run was last seen unchanged."""
        return {
            run_id: fetch.last["read_at"]
            for fetch in self.in_order
            if fetch.last and fetch.last.get("read_at")
            for run_id in fetch.last.get("unchanged", ())
        }


def unpacked(file: IO[bytes]) -> IO[bytes]:
    """Return a file from its beginning, unpacked if it is gzipped."""
    file.seek(0)
    is_gzip = file.read(2) == GZIP_MAGIC
    file.seek(0)
    return cast(IO[bytes], gzip.GzipFile(fileobj=file)) if is_gzip else file


class Held(NamedTuple):
    """A run in a folder: the state that a list shows, and its JSON while it is open."""

    state: tuple[object, ...]
    has_business: bool
    raw: Json | None


def runs_in(folder: Path, host: str) -> dict[str, Held]:
    """Return the newest copy of each run that fetches have written to a folder.

    Raises `UsageError` if they read another host.
    """
    held: dict[str, Held] = {}
    for path in sorted(folder.glob("*.ndjson*")):
        try:
            with path.open("rb") as file:
                fetches = Fetches()
                fetches.read(path.name, file)
                if not fetches:
                    continue
                if fetches[0].host != host:
                    raise UsageError(
                        f"{folder} has runs of {fetches[0].host}, and this client reads {host}: "
                        "use a folder for each host."
                    )
                _add_newest(held, unpacked(file))
        except OSError as error:
            raise UsageError.of_path(path, error) from None
        except GZIP_ERRORS:
            continue  # a file that was cut
    return held


def _add_newest(held: dict[str, Held], lines: Iterable[bytes]) -> None:
    for line in lines:
        try:
            raw = jsontext.loads(line)
            if raw.get("object") != "run":
                continue
            run_id = str(raw["id"])
            state = contract.state_of(raw)
        except (AttributeError, KeyError, ValueError):
            continue  # `frames` makes a problem of it
        known = held.get(run_id.lower())
        if known is None or state[0] >= known.state[0]:
            has_business = "business_id" in contract.local_fields(raw)
            kept = None if contract.has_ended(raw) else raw
            held[run_id.lower()] = Held(state, has_business, kept)
