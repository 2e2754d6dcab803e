"""The Delta table of an archive: the only file that needs `deltalake`.

`add` only appends: a run may have several rows, and the newest wins on reading (`rows.resolve`). Compaction
drops the others. It writes the newest copy of every run of which it removes a row, so nothing is lost,
whichever commits of others come before, between or after its own. Two compactions of one version that both
commit leave two equal rows of a run, which are resolved like any others.
"""

from __future__ import annotations

import os
import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
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
from runkit.archive.rows import ADDED_COLUMNS, RANKED, SCHEMA, WITH_STATISTICS, resolve
from runkit.contract import full_id
from runkit.errors import ArchiveError, MissingExtra, UsageError
from runkit.secret import HIDDEN
from runkit.tables.schema import TEXT
from runkit.tables.validate import Flags
from runkit.text import brief, plural, shorten

try:
    import deltalake
    from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError
    from deltalake.fs import DeltaStorageHandler
except ImportError:
    raise MissingExtra.of("scale", "an archive") from None

FILE_BYTES = 1_600_000  # of a file that compaction writes: about 32 MB of JSON, a partition on a cluster
MAX_ATTEMPTS = (
    20  # of an append, each on the newest version: a compaction has to commit that often within a second
)
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
_REFUSED_CHARACTERS = (
    '%[]"' if os.name == "nt" else "%[]\\"
)  # the table's library reads them as parts of an address
_SECRET = re.compile("key|secret|token|password|credential|signature|sas", re.IGNORECASE)  # names of options
_COLORS = re.compile(r"\x1b\[[0-9;]*m")


class NoArchive(ArchiveError):
    """There is no archive yet."""


class CommitConflict(Exception):
    """Another writer's commit came first, and nothing was written."""


@dataclass(frozen=True)
class Place:
    """The location of a table: a folder, or the address of an object store and its access options."""

    uri: str
    options: dict[str, str] = field(default_factory=dict, repr=False)  # they may contain a key

    @classmethod
    def of(cls, path: str | Path, options: Mapping[str, str] | None) -> Place:
        """Read a user's path. Raises `UsageError` for an invalid one."""
        if not isinstance(path, str | Path) or not str(path).strip():
            raise UsageError(f"path={path!r}; expected a folder, or the address of an object store as text.")
        text = str(path)
        if isinstance(path, Path) and _COLLAPSED_ADDRESS.match(text):
            raise UsageError(f"{text} looks like an address; pass addresses as text, not as Path.")
        if text.startswith("file://"):
            text = url2pathname(urlsplit(text).path)
        if "://" in text:
            return cls(text, dict(options or {}))
        try:
            folder = str(Path(text).expanduser().absolute())
        except RuntimeError:  # no such user
            raise UsageError(f"{text}: this machine has no such user; expected a folder.") from None
        refused = {one for one in folder if one in _REFUSED_CHARACTERS or not one.isprintable()}
        if refused:
            characters = " ".join(map(ascii, sorted(refused)))
            raise UsageError(
                f"{folder!r}: the path of an archive must not contain {characters}; use another folder."
            )
        if files.usable(folder).is_file():
            raise UsageError(f"{folder} is a file; expected the folder of an archive, or a new folder.")
        return cls(folder)

    def filesystem(self) -> pa_fs.FileSystem:
        """The table's files, by their names in the table."""
        if "://" in self.uri:
            return pa_fs.PyFileSystem(DeltaStorageHandler(self.uri, self.options))
        return pa_fs.SubTreeFileSystem(self.uri, pa_fs.LocalFileSystem())

    def dataset(self, paths: Sequence[str]) -> ds.FileSystemDataset:
        """Open some of the table's files."""
        parquet, filesystem = ds.ParquetFileFormat(), self.filesystem()
        fragments = [parquet.make_fragment(path, filesystem) for path in paths]
        return ds.FileSystemDataset(fragments, SCHEMA, parquet, filesystem)

    def latest(self, version: int | None = None) -> Snapshot:
        """Open a version, the newest by default. Raises `ArchiveError` without an archive of runkit."""
        with self.translated_errors():
            table = deltalake.DeltaTable(self.uri, storage_options=self.options or None)
            newest = table.version()
            if version is not None and (type(version) is not int or not 0 <= version <= newest):
                raise UsageError(f"version={brief(version)}; expected a whole number from 0 to {newest}.")
            if version is not None:
                table.load_as_version(version)
        missing = set(SCHEMA.names) - ADDED_COLUMNS - {one.name for one in table.schema().fields}
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
            if set(folder.name) & set("|^"):
                raise UsageError(f"{folder} cannot be an archive; use a name without | and ^.")
            if any(
                one.name != "_delta_log" for one in folder.iterdir()
            ):  # the log: another writer creates the table
                raise UsageError(
                    f"{folder} has other files and no archive; use a new or empty folder for the archive."
                )
            folder.chmod(0o700)  # the files that deltalake writes follow the umask
        with suppress(CommitConflict), self.translated_errors():  # another writer may create it first
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
        except CommitFailedError as error:
            raise CommitConflict(str(error)) from None
        except TableNotFoundError:
            raise NoArchive(
                f"there is no archive at {self.uri}; create one with `add` or `sync`, or use another path."
            ) from None
        except (DeltaError, OSError, pa.ArrowException) as error:
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


class Copies(NamedTuple):
    """Copies of runs as rows of a version.

    `rows` has the requested columns, and `file`, the position in `files`. See `rows.resolve` for the newest
    copies and their business.
    """

    files: list[dict[str, Any]]
    rows: pa.Table
    is_newest: Flags

    @property
    def newest(self) -> pa.Table:
        """One row a run."""
        return self.rows.filter(self.is_newest)


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
    def files(self) -> list[dict[str, Any]]:
        """The files in the order of writing: `path`, `size_bytes`, first and last run id."""
        actions = pa.table(self._table.get_add_actions(flatten=True))
        order = [("modification_time", "ascending"), ("path", "ascending")]
        names = {"path", "size_bytes", "modification_time", "min.run_id", "max.run_id"}
        columns = [name for name in actions.schema.names if name in names]
        rows: list[dict[str, Any]] = actions.select(columns).sort_by(order).to_pylist()
        return rows

    def refresh(self) -> None:
        """Move to the newest version."""
        with self.place.translated_errors():
            self._table.update_incremental()

    def copies(self, columns: Sequence[str] = (), run_ids: Sequence[str] | None = None) -> Copies:
        """Read the copies of all runs or of some, and which of them are the newest."""
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

    def full_ids(self, run_ids: Iterable[str]) -> set[str]:
        """Give full ids for ids or unique prefixes. Raises `UsageError` if one is unknown or ambiguous."""
        with self.place.translated_errors():
            dataset = self.place.dataset([file["path"] for file in self.files])
            ids = set(dataset.to_table(columns=["run_id"])["run_id"].to_pylist())
        matches = {run_id: full_id(run_id, ids) for run_id in run_ids}
        missing = [run_id for run_id, match in matches.items() if match is None]
        if missing:
            raise UsageError(
                f"{plural(len(missing), 'run id')} not in version {self.version} of {self.place.uri}: "
                f"{', '.join(map(brief, missing[:5]))}; expected ids of its {plural(len(ids), 'run')}, or at "
                "least the first 8 characters of one."
            )
        return {match for match in matches.values() if match is not None}

    def known(self, run_ids: Sequence[str], columns: Sequence[str]) -> dict[str, dict[str, Any]]:
        """Give columns of the newest copies of some runs, by run id."""
        return {row["run_id"]: row for row in self.copies(columns, run_ids).newest.to_pylist()}

    def append(self, rows: pa.Table) -> None:
        """Add rows, also while others write."""
        for _ in range(MAX_ATTEMPTS):
            try:
                with self.place.translated_errors():
                    deltalake.write_deltalake(
                        self._table,
                        rows,
                        mode="append",
                        schema_mode="merge",
                        writer_properties=_ZSTD,
                        commit_properties=_APPEND,
                    )
                return
            except CommitConflict as conflict:  # a compaction came first; append to its version
                reason = str(conflict)
                self.refresh()
        raise ArchiveError(
            f"{self.place.uri}: {plural(len(rows), 'run')} could not be written in {MAX_ATTEMPTS} tries "
            f"({reason}). If others are writing, add again when they are done."
        )

    def replace(self, rows: pa.Table, digests: Sequence[str]) -> None:
        """Replace all rows with one of some digests by new rows, which have these digests, too.

        Files with such rows are rewritten without them. Raises `CommitConflict`.
        """
        with self.place.translated_errors():
            deltalake.write_deltalake(
                self._table,
                rows,
                mode="overwrite",
                schema_mode="merge",
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
    """Whether a file may contain one of some sorted ids, by its statistics."""
    least, last = file.get("min.run_id"), file.get("max.run_id")
    if least is None or last is None:
        return True
    position = bisect_left(run_ids, least)
    return position < len(run_ids) and bool(run_ids[position] <= last)
