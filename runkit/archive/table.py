"""The Delta table of an archive: the only file that needs `deltalake`.

`add` only appends: a run may have several rows, and the newest wins on reading (`rows.resolve`). Compaction
drops the others. It writes the newest copy of every run of which it removes a row, so nothing is lost,
whichever commits of others come before, between or after its own. Two compactions of one version that both
commit leave two equal rows of a run, which are resolved like any others.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.fs as pa_fs

from runkit import files
from runkit.archive.rows import RANKED, REQUIRED, SCHEMA, WITH_STATISTICS
from runkit.errors import HIDDEN, ArchiveError, MissingExtra, RunkitError, UsageError
from runkit.tables.schema import TEXT
from runkit.text import brief, shorten

try:
    import deltalake
    from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError
    from deltalake.fs import DeltaStorageHandler
except ImportError:
    raise MissingExtra.of("scale", "an archive") from None

# of a file that compaction writes: about 32 MB of JSON, a partition on a cluster
FILE_BYTES = 1_600_000
MAX_ATTEMPTS = 20  # of a write, each on the newest version
_RETENTION = "interval 36500 days"  # every version stays readable, because a report may name it
_PROPERTIES = {
    "delta.dataSkippingStatsColumns": ",".join(WITH_STATISTICS),
    "delta.enableExpiredLogCleanup": "false",
    "delta.logRetentionDuration": _RETENTION,
    "delta.deletedFileRetentionDuration": _RETENTION,
}
_ZSTD = deltalake.WriterProperties(compression="ZSTD")
_APPEND = deltalake.CommitProperties(max_commit_retries=100)  # other appends are not a conflict
_COMPACT = deltalake.CommitProperties(max_commit_retries=0)  # older copies are looked up again
_COLLAPSED_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/")  # what pathlib makes of s3://
_REFUSED = set('%[]"|^\\') - {os.sep}  # the table's library reads them as parts of an address
# names of options
_SECRET = re.compile("key|secret|token|password|credential|signature|sas", re.IGNORECASE)
_COLORS = re.compile(r"\x1b\[[0-9;]*m")


class NoArchive(ArchiveError):
    """There is no archive yet."""


class CommitConflict(ArchiveError):
    """Another writer's commit came first, and nothing was written."""


@dataclass(frozen=True)
class Place:
    """The location of a table: a folder, or the address of an object store and its access options."""

    uri: str
    options: dict[str, str] = field(default_factory=dict, repr=False)  # they may contain a key

    @classmethod
    def of(cls, path: str | Path, options: Mapping[str, str] | None) -> Place:
        """Read a user's path. Raises `UsageError` for an invalid one."""
        text = str(path)
        is_collapsed = isinstance(path, Path) and bool(_COLLAPSED_ADDRESS.match(text))
        if not text.strip() or is_collapsed or text.startswith("file:"):
            raise UsageError(f"path={path!r}; expected a folder, or the address of an object store as text.")
        options = {} if options is None else options
        if "://" in text:
            return cls(text, dict(options))
        folder = files.usable(text).absolute()
        refused = {one for one in str(folder) if one in _REFUSED or not one.isprintable()}
        if refused:
            characters = " ".join(map(ascii, sorted(refused)))
            raise UsageError(
                f"{folder}: the path of an archive must not contain {characters}; use another folder."
            )
        if folder.is_file():
            raise UsageError(f"{folder} is a file; expected the folder of an archive, or a new folder.")
        return cls(str(folder))

    def dataset(self, paths: Sequence[str]) -> ds.FileSystemDataset:
        """Open some of the table's files."""
        filesystem: pa_fs.FileSystem
        if "://" in self.uri:
            filesystem = pa_fs.PyFileSystem(DeltaStorageHandler(self.uri, self.options))
        else:
            filesystem = pa_fs.SubTreeFileSystem(self.uri, pa_fs.LocalFileSystem())
        parquet = ds.ParquetFileFormat()
        fragments = [parquet.make_fragment(path, filesystem) for path in paths]
        return ds.FileSystemDataset(fragments, SCHEMA, parquet, filesystem)

    def latest(self, version: int | None = None) -> Snapshot:
        """Open a version, the newest by default. Raises `ArchiveError` without an archive of runkit."""
        with self.translated_errors():
            table = deltalake.DeltaTable(self.uri, storage_options=self.options or None)
            if version is not None:
                newest = table.version()
                if version > newest:
                    raise UsageError(f"version={brief(version)}; expected a whole number from 0 to {newest}.")
                table.load_as_version(version)
        missing = set(REQUIRED) - {field.name for field in table.schema().fields}
        if missing:
            raise ArchiveError(
                f"{self.uri} is a Delta table, but not an archive of runkit: it has no "
                f"{', '.join(sorted(missing))}. Use a folder of its own for the archive."
            )
        return Snapshot(self, table)

    def make(self) -> Snapshot:
        """Open the newest version; without one, create an empty table that only its owner can read."""
        with suppress(NoArchive):
            return self.latest()
        if "://" not in self.uri:
            folder = files.folder_at(self.uri)
            # The log may be there: another writer creates the table.
            if any(one.name != "_delta_log" for one in folder.iterdir()):
                raise UsageError(
                    f"{folder} has other files and no archive; use a new or empty folder for the archive."
                )
            folder.chmod(0o700)  # the files that deltalake writes follow the umask
        # another writer may create it first
        with suppress(CommitConflict), self.translated_errors():
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
        """Translate errors of the libraries into runkit's."""
        try:
            yield
        except RunkitError:
            raise
        except CommitFailedError as error:
            raise CommitConflict(str(error)) from None
        except TableNotFoundError:
            raise NoArchive(
                f"there is no archive at {self.uri}; create one with `add` or `sync`, or use another path."
            ) from None
        except (DeltaError, OSError, ValueError, RecursionError, pa.ArrowException) as error:
            is_gone = isinstance(error, FileNotFoundError)
            hint = " Was it vacuumed? Another version may be complete." if is_gone else ""
            text = f"the archive at {self.uri} cannot be used: {self._library_message(error)}.{hint}"
            raise ArchiveError(text) from None

    def _library_message(self, error: Exception) -> str:
        """Give a library's message without the keys that an object store may repeat."""
        text = _COLORS.sub("", str(error))
        for name, value in self.options.items():
            if value and _SECRET.search(name):
                text = text.replace(value, HIDDEN)
        return shorten(text, 300)


class Snapshot:
    """One version of the table; writing and refreshing move it to a newer one."""

    def __init__(self, place: Place, table: deltalake.DeltaTable) -> None:
        self.place = place
        self._table = table

    @property
    def version(self) -> int:
        """The number of the version."""
        return self._table.version()

    @property
    def files(self) -> dict[str, int]:
        """The files in the order of writing: by their path, the size in bytes."""
        actions = pa.table(self._table.get_add_actions(flatten=True))
        rows = actions.sort_by([("modification_time", "ascending"), ("path", "ascending")])
        return dict(zip(rows["path"].to_pylist(), rows["size_bytes"].to_pylist(), strict=True))

    def refresh(self) -> None:
        """Move to the newest version."""
        with self.place.translated_errors():
            self._table.update_incremental()

    def copies(self, columns: Sequence[str] = (), run_ids: Sequence[str] | None = None) -> pa.Table:
        """Read the copies of all runs or of some, with the columns `RANKED` and others, and their `file`."""
        chosen = None if run_ids is None else pc.field("run_id").isin(pa.array(run_ids, TEXT))
        names = list(dict.fromkeys([*RANKED, *columns]))
        with self.place.translated_errors():
            dataset = self.place.dataset(list(self.files))
            rows = dataset.to_table(columns=[*names, "__filename"], filter=chosen)
            if rows["run_id"].null_count or rows["updated_at"].null_count:
                raise pa.ArrowInvalid("a row has no run_id or updated_at")
        return rows.rename_columns([*names, "file"])

    def retry(self, write: Callable[[], object]) -> None:
        """Write, and after a conflict write again on the newest version. Raises `CommitConflict`."""
        reason = ""
        for _ in range(MAX_ATTEMPTS):
            try:
                write()
                return
            except CommitConflict as conflict:
                reason = str(conflict)
                self.refresh()
        raise CommitConflict(
            f"{self.place.uri}: other writers came first in {MAX_ATTEMPTS} tries ({reason}). Nothing is "
            "lost; try again when they are done."
        )

    def append(self, rows: pa.Table) -> None:
        """Add rows, also while others write."""
        self.retry(lambda: self._write(rows, mode="append", commit_properties=_APPEND))

    def replace(self, rows: pa.Table, digests: Sequence[str]) -> None:
        """Replace all rows with one of some digests by new rows, which have these digests, too.

        Files with such rows are rewritten without them. Raises `CommitConflict`.
        """
        predicate = f"digest IN ({', '.join(map(repr, digests))})"
        options = {"target_file_size": FILE_BYTES, "commit_properties": _COMPACT}
        self._write(rows, mode="overwrite", predicate=predicate, **options)

    def _write(self, rows: pa.Table, **options: Any) -> None:
        with self.place.translated_errors():
            deltalake.write_deltalake(
                self._table, rows, schema_mode="merge", writer_properties=_ZSTD, **options
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
