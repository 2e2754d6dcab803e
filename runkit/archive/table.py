"""The Delta table behind an archive: the only file that needs `deltalake`.

`add` appends and need not read what is there to be right: a run may have several rows, and the newest wins
when it is read (`rows.resolve`). Compaction drops the others. It writes the newest copy of every run of which
it removes a row, so nothing is lost whichever commits of others come before, between or after its own; two
compactions of one version that both commit leave a run with two equal rows, resolved as any others.
"""

from __future__ import annotations

import os
import re
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit
from urllib.request import url2pathname

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.fs as pa_fs

from runkit import files
from runkit.archive.rows import RANKED, SCHEMA, WITH_STATISTICS, resolve
from runkit.errors import ArchiveError, MissingExtra, UsageError
from runkit.secret import HIDDEN
from runkit.tables.columns import Flags
from runkit.tables.validate import TEXT
from runkit.text import plural, shorten

try:
    import deltalake
    from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError
    from deltalake.fs import DeltaStorageHandler
except ImportError:
    raise MissingExtra.of("scale", "an archive") from None

FILE_BYTES = 2_500_000  # of a file that compaction writes: some 50 MB of JSON, a partition on a cluster
MAX_ATTEMPTS = (
    20  # of an append, each on the newest version: a compaction has to commit that often within a second
)
_RETENTION = "interval 36500 days"  # any version can be read again, since a report may name it
_PROPERTIES = {
    "delta.dataSkippingStatsColumns": ",".join(WITH_STATISTICS),
    "delta.enableExpiredLogCleanup": "false",
    "delta.logRetentionDuration": _RETENTION,
    "delta.deletedFileRetentionDuration": _RETENTION,
}
_ZSTD = deltalake.WriterProperties(compression="ZSTD")
_APPEND = deltalake.CommitProperties(max_commit_retries=100)  # other appends are no conflict
_COMPACT = deltalake.CommitProperties(max_commit_retries=0)  # what is superseded is found anew
_COLLAPSED_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/")  # what pathlib makes of s3://
_REFUSED_CHARACTERS = (
    '%[]"' if os.name == "nt" else "%[]\\"
)  # the table's library reads them as parts of an address
_SECRET = re.compile("key|secret|token|password|credential|signature|sas", re.IGNORECASE)  # names of options
_COLORS = re.compile(r"\x1b\[[0-9;]*m")


class NoArchive(ArchiveError):
    """There is none yet."""


class CommitConflict(Exception):
    """Another writer's commit came first, and nothing was written."""


@dataclass(frozen=True)
class Place:
    """Where a table is: a folder, or the address of an object store and what its access needs."""

    uri: str
    options: dict[str, str] = field(default_factory=dict, repr=False)  # they may hold a key

    @classmethod
    def of(cls, path: str | Path, options: Mapping[str, str] | None) -> Place:
        """Read what a user gives. Raises `UsageError` for what is no place."""
        if not isinstance(path, str | Path) or not str(path).strip():
            raise UsageError(f"path={path!r}; expected a folder, or the address of an object store as text.")
        text = str(path)
        if isinstance(path, Path) and _COLLAPSED_ADDRESS.match(text):
            raise UsageError(f"{text} was an address once; give addresses as text, not as Path.")
        if text.startswith("file://"):
            text = url2pathname(urlsplit(text).path)
        if "://" in text:
            return cls(text, dict(options or {}))
        try:
            folder = str(Path(text).expanduser().absolute())
        except RuntimeError:  # nobody of that name
            raise UsageError(f"{text}: this machine has no such user; expected a folder.") from None
        refused = {one for one in folder if one in _REFUSED_CHARACTERS or not one.isprintable()}
        if refused:
            characters = " ".join(map(ascii, sorted(refused)))
            raise UsageError(f"{folder!r}: a folder of an archive must not have {characters} in its path.")
        if files.usable(folder).is_file():
            raise UsageError(f"{folder} is a file; expected the folder of an archive, or a new one.")
        return cls(folder)

    def filesystem(self) -> pa_fs.FileSystem:
        """The table's files, by the names that the table gives them."""
        if "://" in self.uri:
            return pa_fs.PyFileSystem(DeltaStorageHandler(self.uri, self.options))
        return pa_fs.SubTreeFileSystem(self.uri, pa_fs.LocalFileSystem())

    def dataset(self, paths: Sequence[str]) -> ds.FileSystemDataset:
        """Some of the table's files."""
        parquet, filesystem = ds.ParquetFileFormat(), self.filesystem()
        fragments = [parquet.make_fragment(path, filesystem) for path in paths]
        return ds.FileSystemDataset(fragments, SCHEMA, parquet, filesystem)

    def latest(self, version: int | None = None) -> Snapshot:
        """Open a version, the newest by default. Raises `ArchiveError` if there is none that runkit wrote."""
        with self.translated_errors():
            table = deltalake.DeltaTable(self.uri, storage_options=self.options or None)
            newest = table.version()
            if version is not None and (type(version) is not int or not 0 <= version <= newest):
                raise UsageError(f"version={version!r}; expected a whole number from 0 to {newest}.")
            if version is not None:
                table.load_as_version(version)
        missing = set(SCHEMA.names) - {one.name for one in table.schema().fields}
        if missing:
            raise ArchiveError(
                f"{self.uri} is a Delta table and no archive of runkit: it has no "
                f"{', '.join(sorted(missing))}. Give the archive a folder of its own."
            )
        return Snapshot(self, table)

    def make(self) -> Snapshot:
        """Open the newest version; if there is none, make an empty table that only its owner can read."""
        with suppress(NoArchive):
            return self.latest()
        if "://" not in self.uri:
            folder = files.folder_at(self.uri)
            if any(folder.iterdir()):
                raise UsageError(
                    f"{folder} holds other files and no archive; give an archive a folder of its own, which "
                    "may be new or empty."
                )
            folder.chmod(0o700)  # of what deltalake writes in it, the umask decides
        with suppress(CommitConflict), self.translated_errors():  # another writer may make it first
            deltalake.DeltaTable.create(
                self.uri,
                schema=SCHEMA,
                mode="ignore",
                name="runkit archive",
                configuration=_PROPERTIES,
                storage_options=self.options or None,
            )
        return self.latest()

    @contextmanager
    def translated_errors(self) -> Iterator[None]:
        """Say what went wrong in runkit's words."""
        try:
            yield
        except CommitFailedError as error:
            raise CommitConflict(str(error)) from None
        except TableNotFoundError:
            raise NoArchive(
                f"there is no archive at {self.uri}; `add` or `sync` makes one, or give another path."
            ) from None
        except (DeltaError, OSError, pa.ArrowException) as error:
            is_gone = isinstance(error, FileNotFoundError)
            hint = " Was it vacuumed? Another version may be whole." if is_gone else ""
            text = f"the archive at {self.uri} cannot be used: {self._library_message(error)}.{hint}"
            raise ArchiveError(text) from None

    def _library_message(self, error: Exception) -> str:
        """Give the words of a library, without the keys that an object store may repeat."""
        text = _COLORS.sub("", str(error))
        for name, value in self.options.items():
            if value and _SECRET.search(name):
                text = text.replace(value, HIDDEN)
        return shorten(text, 300)


class Copies(NamedTuple):
    """Copies of runs as rows of a version.

    `rows` has the columns that were asked for, and `file`: in which of `files`. A newest copy has the
    business that any copy of its run knows.
    """

    files: list[dict[str, Any]]
    rows: pa.Table
    is_newest: Flags

    @property
    def newest(self) -> pa.Table:
        """One row a run."""
        return self.rows.filter(self.is_newest)


class Snapshot:
    """One version of the table, until it is written to or refreshed."""

    def __init__(self, place: Place, table: deltalake.DeltaTable) -> None:
        self.place = place
        self._table = table

    @property
    def version(self) -> int:
        """The number of the version."""
        return self._table.version()

    @property
    def files(self) -> list[dict[str, Any]]:
        """The files as they were written: `path`, `size_bytes`, and the least and last of their run ids."""
        actions = pa.table(self._table.get_add_actions(flatten=True))
        order = [("modification_time", "ascending"), ("path", "ascending")]
        names = {"path", "size_bytes", "modification_time", "min.run_id", "max.run_id"}
        columns = [name for name in actions.schema.names if name in names]
        rows: list[dict[str, Any]] = actions.select(columns).sort_by(order).to_pylist()
        return rows

    def refresh(self) -> None:
        """Go on to the newest version."""
        with self.place.translated_errors():
            self._table.update_incremental()

    def copies(self, columns: Sequence[str] = (), run_ids: Sequence[str] | None = None) -> Copies:
        """Read which copies of runs there are, of all or of some, and which of these are the newest."""
        files, chosen = self.files, None
        if run_ids is not None:
            files = [file for file in files if _may_contain(file, sorted(run_ids))]
            chosen = pc.field("run_id").isin(pa.array(run_ids, TEXT))
        names = list(dict.fromkeys([*RANKED, *columns]))
        with self.place.translated_errors():
            dataset = self.place.dataset([file["path"] for file in files])
            rows = dataset.to_table(columns=[*names, "__fragment_index"], filter=chosen)
            if rows["run_id"].null_count or rows["updated_at"].null_count:
                raise pa.ArrowInvalid("a row has no run_id or updated_at")
        return Copies(files, *resolve(rows.rename_columns([*names, "file"])))

    def known(self, run_ids: Sequence[str], columns: Sequence[str]) -> dict[str, dict[str, Any]]:
        """Give what the newest copies of some runs say, by run id."""
        return {row["run_id"]: row for row in self.copies(columns, run_ids).newest.to_pylist()}

    def append(self, rows: pa.Table) -> None:
        """Add rows, whatever others do meanwhile."""
        for _ in range(MAX_ATTEMPTS):
            try:
                with self.place.translated_errors():
                    deltalake.write_deltalake(
                        self._table, rows, mode="append", writer_properties=_ZSTD, commit_properties=_APPEND
                    )
                return
            except CommitConflict as conflict:  # a compaction came first: no reason not to append
                reason = str(conflict)
                self.refresh()
        raise ArchiveError(
            f"{self.place.uri}: {plural(len(rows), 'run')} could not be written in {MAX_ATTEMPTS} tries "
            f"({reason}). If others are writing, add again when they are done."
        )

    def replace(self, rows: pa.Table, digests: Sequence[str]) -> None:
        """Write rows in place of all that have one of some digests, which the new ones have, too.

        Files with such rows are written anew without them. Raises `CommitConflict`.
        """
        with self.place.translated_errors():
            deltalake.write_deltalake(
                self._table,
                rows,
                mode="overwrite",
                predicate=f"digest IN ({', '.join(map(repr, digests))})",
                target_file_size=FILE_BYTES,
                writer_properties=_ZSTD,
                commit_properties=_COMPACT,
            )

    def join_files(self) -> None:
        """Join small files; no row changes. Raises `CommitConflict`."""
        with self.place.translated_errors():
            self._table.optimize.compact(
                target_size=FILE_BYTES,
                max_concurrent_tasks=1,
                writer_properties=_ZSTD,
                commit_properties=_COMPACT,
            )


def _may_contain(file: dict[str, Any], run_ids: list[str]) -> bool:
    """Whether a file may hold one of some sorted ids, as its statistics tell."""
    least, last = file.get("min.run_id"), file.get("max.run_id")
    if least is None or last is None:
        return True
    position = bisect_left(run_ids, least)
    return position < len(run_ids) and bool(run_ids[position] <= last)
