"""The Delta table behind an archive: the only file that needs `deltalake`.

Every commit is made for one version of the table and fails if another writer was first, so what was decided
from that version (which runs are new, which replace an older copy) still holds when it is written. So a run
has one row in every version.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit
from urllib.request import url2pathname

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.fs as pa_fs

from runkit import private
from runkit.archive.rows import CHOSEN_BY, SCHEMA
from runkit.errors import ArchiveError, MissingExtra, UsageError
from runkit.logs import log
from runkit.secret import Secret
from runkit.text import shorten

try:
    import deltalake
    from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError
    from deltalake.fs import DeltaStorageHandler
except ImportError:
    raise MissingExtra.of("scale", "an archive") from None


ROW_GROUP_BYTES = 16_000_000
"""JSON text in a row group, the least that is read at once: about 30,000 steps, a tenth of a second."""
SHRUNK = 10  # how many bytes of a run's JSON take one byte in a file
MOST_SMALL_FILES, SMALL_FILE = 24, 8_000_000
"""More files than that of so few bytes are joined: many small ones are slow to open."""
JOINED_FILE = 32_000_000
"""Bytes of a joined file, not more: when a run changes, the file that holds it is written anew."""
_KEPT = "interval 36500 days"  # any version can be read again, since a report may name it
_PROPERTIES = {
    "delta.dataSkippingStatsColumns": ",".join(CHOSEN_BY),
    "delta.enableExpiredLogCleanup": "false",
    "delta.logRetentionDuration": _KEPT,
    "delta.deletedFileRetentionDuration": _KEPT,
}
_PINNED = deltalake.CommitProperties(max_commit_retries=0)


_COLLAPSED = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/")  # what pathlib makes of s3://
_ODD = '%[]"' if os.name == "nt" else "%[]\\"  # the table's library reads them as parts of an address
_SECRET = re.compile("key|secret|token|password|credential|signature|sas", re.IGNORECASE)  # names of options
_COLORS = re.compile(r"\x1b\[[0-9;]*m")


class NoArchive(ArchiveError):
    """There is none yet."""


class Lost(Exception):
    """Another writer was first, and nothing was written."""


class Place(NamedTuple):
    """Where a table is: a folder, or the address of an object store and what its access needs."""

    uri: str
    options: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, path: str | Path, options: Mapping[str, str] | None) -> Place:
        """Read what a user gives. Raises `UsageError` for what is no place."""
        if not isinstance(path, str | Path) or not str(path).strip():
            raise UsageError(f"path={path!r}; expected a folder, or the address of an object store as text.")
        given = str(path)
        if given.startswith("file://"):
            given = url2pathname(urlsplit(given).path)
        if isinstance(path, Path) and _COLLAPSED.match(given):
            raise UsageError(f"{given} was an address once; give addresses as text, not as Path.")
        if "://" in given:
            return cls(given, tuple(sorted((options or {}).items())))
        try:
            folder = str(Path(given).expanduser().absolute())
        except RuntimeError:  # nobody of that name
            raise UsageError(f"{given}: this machine has no such user; expected a folder.") from None
        odd = sorted({sign for sign in folder if sign in _ODD or not sign.isprintable()})
        if odd:
            signs = " ".join(map(ascii, odd))
            raise UsageError(f"{folder!r}: a folder of an archive must not have {signs} in its path.")
        return cls(folder)

    @property
    def folder(self) -> Path | None:
        """The folder on this machine, None for an object store."""
        return None if "://" in self.uri else Path(self.uri)

    def filesystem(self) -> pa_fs.FileSystem:
        """The table's files, by the names that the table gives them."""
        if self.folder is not None:
            return pa_fs.SubTreeFileSystem(self.uri, pa_fs.LocalFileSystem())
        return pa_fs.PyFileSystem(DeltaStorageHandler(self.uri, dict(self.options)))

    def __repr__(self) -> str:  # the options may hold a key
        return f"Place({self.uri!r})"


class Snapshot:
    """One version of the table. Writing gives the next one, or raises `Lost` and writes nothing."""

    def __init__(self, place: Place, table: deltalake.DeltaTable) -> None:
        self.place = place
        self._table = table
        self.version: int = table.version()

    @property
    def files(self) -> pa.Table:
        """One row a file, the oldest runs first: `path`, `size_bytes`, `num_records`."""
        actions = pa.table(self._table.get_add_actions(flatten=True))
        order = ("min.created_at", "modification_time", "path")
        return actions.sort_by([(name, "ascending") for name in order])

    @property
    def n_runs(self) -> int:
        """How many runs this version holds."""
        return int(pc.sum(self.files["num_records"]).as_py() or 0)

    @property
    def n_bytes(self) -> int:
        """The size of its files."""
        return int(pc.sum(self.files["size_bytes"]).as_py() or 0)

    def fragments(self, chosen: pc.Expression | None) -> list[ds.ParquetFileFragment]:
        """The files that may hold a chosen run, the oldest runs first."""
        order = {path: number for number, path in enumerate(self.files["path"].to_pylist())}
        found = self._dataset().get_fragments(filter=chosen)
        return sorted(found, key=lambda fragment: order[fragment.path])

    def read(self, columns: list[str], chosen: pc.Expression | None = None) -> pa.Table:
        """Read some columns of the chosen rows, in no order that means anything."""
        with explained(self.place):
            return self._dataset().to_table(columns=columns, filter=chosen)

    def append(self, rows: pa.Table) -> Snapshot:
        """Add rows of runs that this version does not hold."""
        with explained(self.place):
            deltalake.write_deltalake(
                self._table,
                rows,
                mode="append",
                writer_properties=_writing(rows.nbytes, len(rows)),
                commit_properties=_PINNED,
            )
        return Snapshot(self.place, self._table)

    def replace(self, rows: pa.Table, known: pa.Table) -> Snapshot:
        """Write rows of which some replace those in `known`, the older copies of the same runs.

        Rows are told by their digests, which no run can choose. Only files that hold runs from the time
        between the oldest row and the newest are looked into; those with a replaced row are written anew.
        """
        created = pc.min_max(pa.chunked_array([*rows["created_at"].chunks, *known["created_at"].chunks]))
        first, last = (when.isoformat(timespec="microseconds") for when in created.as_py().values())
        digests = ", ".join(f"'{one}'" for table in (rows, known) for one in table["digest"].to_pylist())
        with explained(self.place):
            deltalake.write_deltalake(
                self._table,
                rows,
                mode="overwrite",
                predicate=f"created_at BETWEEN '{first}' AND '{last}' AND digest IN ({digests})",
                writer_properties=_writing(  # rows that stay are written anew beside the given ones
                    rows.nbytes + self.n_bytes * SHRUNK, len(rows) + self.n_runs
                ),
                commit_properties=_PINNED,
            )
        return Snapshot(self.place, self._table)

    def joined(self) -> Snapshot:
        """Join small files once there are many; no row changes. Left to others if one is writing."""
        sizes = self.files["size_bytes"].to_pylist()
        if sum(size < SMALL_FILE for size in sizes) <= MOST_SMALL_FILES:
            return self
        try:
            with explained(self.place):
                self._table.optimize.compact(
                    target_size=JOINED_FILE,
                    max_concurrent_tasks=1,
                    writer_properties=_writing(self.n_bytes * SHRUNK, self.n_runs),
                    commit_properties=_PINNED,
                )
        except Lost:
            log.debug("the files of %s were not joined: another writer was first", self.place)
        return Snapshot(self.place, self._table)

    def _dataset(self) -> ds.FileSystemDataset:
        return self._table.to_pyarrow_dataset(filesystem=self.place.filesystem(), as_large_types=True)


def latest(place: Place, version: int | None = None) -> Snapshot:
    """Open a version, the newest by default. Raises `ArchiveError` if there is none that runkit wrote."""
    with explained(place):
        table = deltalake.DeltaTable(place.uri, storage_options=dict(place.options) or None)
        newest = table.version()
        if version is not None and (type(version) is not int or not 0 <= version <= newest):
            raise UsageError(f"version={version!r}; expected a whole number from 0 to {newest}.")
        if version is not None and version != newest:
            table.load_as_version(version)
    missing = set(SCHEMA.names) - {field.name for field in table.schema().fields}
    if missing:
        raise ArchiveError(
            f"{place.uri} is a Delta table and no archive of runkit: it has no {', '.join(sorted(missing))}. "
            "Give the archive a folder of its own."
        )
    return Snapshot(place, table)


def opened_or_made(place: Place) -> Snapshot:
    """Open the newest version, or make an empty table that only its owner can read."""
    folder = place.folder
    if folder is not None and not (folder / "_delta_log").is_dir():
        _make_folder(folder)
    with explained(place):
        if not deltalake.DeltaTable.is_deltatable(place.uri, storage_options=dict(place.options)):
            try:
                deltalake.DeltaTable.create(
                    place.uri,
                    schema=SCHEMA,
                    name="runkit archive",
                    configuration=_PROPERTIES,
                    storage_options=dict(place.options),
                )
            except (CommitFailedError, DeltaError) as error:
                if not deltalake.DeltaTable.is_deltatable(place.uri, storage_options=dict(place.options)):
                    raise
                log.debug("another writer made %s first (%s)", place, error)
    return latest(place)


def _make_folder(folder: Path) -> None:
    try:
        private.make_folder(folder)
        is_empty = next(folder.iterdir(), None) is None
        if is_empty:
            folder.chmod(0o700)  # of what deltalake writes in it, the umask decides
    except OSError as error:
        raise UsageError(f"{folder} cannot be an archive ({error.strerror}); give another folder.") from None
    if not is_empty:
        raise UsageError(
            f"{folder} holds other files and no archive; give an archive a folder of its own, which may be "
            "new or empty."
        )


def _writing(n_bytes: int, n_runs: int) -> deltalake.WriterProperties:
    """Give row groups of about equal size, however large runs are."""
    n_rows = round(ROW_GROUP_BYTES * n_runs / max(1, n_bytes))
    return deltalake.WriterProperties(compression="ZSTD", max_row_group_size=max(1, n_rows))


@contextmanager
def explained(place: Place) -> Iterator[None]:
    """Say what went wrong in runkit's words."""
    try:
        yield
    except CommitFailedError:
        raise Lost from None
    except TableNotFoundError:
        raise NoArchive(
            f"there is no archive at {place.uri}; `add` or `sync` makes one, or give another path."
        ) from None
    except FileNotFoundError as error:
        said = _said(place, error)
        raise ArchiveError(
            f"the archive at {place.uri} lacks a file of this version; was it vacuumed? Read another. {said}"
        ) from error
    except (DeltaError, OSError, pa.ArrowException) as error:
        said = _said(place, error)
        raise ArchiveError(f"the archive at {place.uri} cannot be used: {said}.") from None


def _said(place: Place, error: Exception) -> str:
    """Give the words of a library, without the keys that an object store may repeat."""
    text = _COLORS.sub("", str(error))
    for name, value in place.options:
        if _SECRET.search(name):
            text = Secret(value).redact(text)
    return shorten(text, 300)
