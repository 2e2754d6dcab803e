"""The Delta table of an archive: the only file that needs `deltalake`.

A row is a copy of a run: columns to filter by, and its JSON as it came. Writers only append, so
that a run may have several rows, of which the newest counts (`resolve`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.fs as pa_fs

from runkit.api import contract, jsontext
from runkit.api.contract import BUSINESS_FIELDS, LOCAL, Json
from runkit.display.text import shorten
from runkit.errors import ArchiveError, MissingExtra, RunkitError, UsageError
from runkit.local import files
from runkit.tables.build_columns import run_fields
from runkit.tables.flatten import read_runs
from runkit.tables.problems import Problems
from runkit.tables.read_frames import newest_copies
from runkit.tables.schema import TEXT, TIME
from runkit.tables.sources import Record

try:
    from deltalake import (
        ColumnProperties,
        CommitProperties,
        DeltaTable,
        WriterProperties,
        write_deltalake,
    )
    from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError
except ImportError:
    raise MissingExtra.of("scale", "an archive") from None

_TEXTS = (
    "run_id",
    "status",
    "digest",
    "json",
    "agent",
    "business_id",
    "thread_id",
    *BUSINESS_FIELDS[1:3],
)
_TIMES = ("created_at", "updated_at", "started_at", "ended_at", "read_at", "business_status_at")
_TYPES = {"has_steps": pa.bool_()} | dict.fromkeys(_TEXTS, TEXT) | dict.fromkeys(_TIMES, TIME)
_REQUIRED = ("has_steps", *_TEXTS[:4], *_TIMES[:2])
SCHEMA = pa.schema([pa.field(name, kind, name not in _REQUIRED) for name, kind in _TYPES.items()])
# The columns that tell copies of runs apart, and by which runs are selected.
COPY = [name for name in _TYPES if name not in ("json", "thread_id", "started_at", "ended_at")]

SMALL_FILE = 100_000  # bytes; about 2 MB of JSON
FILE_BYTES = 16 * SMALL_FILE  # the size of a joined file: a partition on a cluster
_RETENTION = "interval 36500 days"  # every version stays readable, because a report may name it
_PROPERTIES = {
    "delta.enableExpiredLogCleanup": "false",
    "delta.logRetentionDuration": _RETENTION,
    "delta.deletedFileRetentionDuration": _RETENTION,
    "delta.dataSkippingNumIndexedCols": "0",
}
_WRITER = WriterProperties(
    compression="ZSTD", default_column_properties=ColumnProperties(statistics_enabled="NONE")
)
_BUSINESS = list(BUSINESS_FIELDS)
_COMMIT = CommitProperties(max_commit_retries=100)  # appends of others are not a conflict
_ADDRESS = re.compile(r"\w{2,}:/")  # as of an object store; one letter is a drive of Windows
_UNWANTED = re.compile(r"\w+://\S+|\x1b\[[0-9;]*m")


@dataclass(frozen=True)
class Table:
    """The table of an archive in a folder.

    A snapshot is one version of it: a `DeltaTable` of the library deltalake.
    """

    folder: Path

    @classmethod
    def of(cls, path: str | Path) -> Table:
        """Read a user's path. Raises `UsageError` for an invalid one."""
        if _ADDRESS.match(str(path)):
            raise UsageError(f"path={path!r} is an address; expected a folder.")
        return cls(files.usable(path).absolute())

    def __str__(self) -> str:
        return str(self.folder)

    @property
    def uri(self) -> str:
        """The folder as an address, of which the library makes no folder by itself."""
        return self.folder.as_uri()

    def dataset(self, paths: Sequence[str]) -> ds.FileSystemDataset:
        """Return a dataset of some of the table's files."""
        filesystem = pa_fs.SubTreeFileSystem(str(self.folder), pa_fs.LocalFileSystem())
        parquet = ds.ParquetFileFormat()
        return ds.FileSystemDataset.from_paths(
            paths, schema=SCHEMA, format=parquet, filesystem=filesystem
        )

    def json_of(self, rows: pd.DataFrame) -> pa.ChunkedArray:
        """Read the JSON of some rows of one file."""
        stored = self.dataset([rows["file"].iloc[0]]).to_table(["json"])
        return stored["json"].take(rows["row"].to_numpy()).cast("large_binary")

    def open(self, version: int | None = None) -> DeltaTable:
        """Return a version, the newest by default.

        Raises `ArchiveError` without an archive of runkit.
        """
        with self.translated_errors():
            snapshot = DeltaTable(self.uri)
            if version is not None:
                if version > (newest := snapshot.version()):
                    raise UsageError(
                        f"version={version:,}; expected a whole number from 0 to {newest}."
                    )
                snapshot.load_as_version(version)
        return snapshot

    def make(self) -> DeltaTable:
        """Return the newest version; without one, create an empty table for its owner only."""
        with self.translated_errors():
            if DeltaTable.is_deltatable(self.uri):
                return self.open()
        folder = files.folder_at(self.folder)
        # The log may be there: another writer creates the table.
        if any(path.name != "_delta_log" for path in folder.iterdir()):
            raise UsageError(f"{folder} has other files and no archive; use a new or empty folder.")
        folder.chmod(0o700)  # files in it follow the umask
        # another writer created it first
        with self.translated_errors(), suppress(CommitFailedError):
            DeltaTable.create(self.uri, SCHEMA, "ignore", configuration=_PROPERTIES)
        return self.open()

    def copies(self, snapshot: DeltaTable) -> pd.DataFrame:
        """Read the columns `COPY` of all rows, with their file and number in it."""
        with self.translated_errors():
            table = self.dataset(files_of(snapshot)["path"].tolist()).to_table(
                [*COPY, "__filename"]
            )
            if table["run_id"].null_count or table["updated_at"].null_count:
                raise ValueError(
                    "a row has no run_id or updated_at; it is not an archive of runkit"
                )
        copies: pd.DataFrame = table.rename_columns([*COPY, "file"]).to_pandas()
        copies["row"] = copies.groupby("file").cumcount()
        return copies

    def append(self, snapshot: DeltaTable, rows: pa.Table) -> None:
        """Write rows as one new version; other writers may come first.

        The log has no values of them: customers' data does not belong there.
        """
        with self.translated_errors():
            write_deltalake(
                snapshot, rows, mode="append", writer_properties=_WRITER, commit_properties=_COMMIT
            )

    def join_files(self, snapshot: DeltaTable) -> None:
        """Join small files in one new version, to which others may come before it."""
        with self.translated_errors():
            snapshot.optimize.compact(
                target_size=FILE_BYTES, writer_properties=_WRITER, commit_properties=_COMMIT
            )

    @contextmanager
    def translated_errors(self) -> Iterator[None]:
        """Translate errors of the libraries into runkit's."""
        try:
            yield
        except RunkitError:
            raise
        except TableNotFoundError:
            raise ArchiveError(
                f"there is no archive at {self}; create one with `add` or `sync`, or use "
                "another path."
            ) from None
        except (DeltaError, OSError, ValueError, RecursionError, pa.ArrowException) as error:
            raise ArchiveError(
                f"the archive at {self} cannot be used: {_message(error)}. Try again if others "
                "write to it; else restore it from a backup, or add or sync the runs into a folder "
                "of its own. `version=` may read an earlier version."
            ) from None


def _message(error: Exception) -> str:
    """Return a library's message without addresses and colors."""
    return shorten(_UNWANTED.sub("", str(error)), 300).rstrip(".")


def files_of(snapshot: DeltaTable) -> pd.DataFrame:
    """Return the files of a snapshot in the order of writing, with `path` and `size_bytes`."""
    actions: pd.DataFrame = pa.table(snapshot.get_add_actions(flatten=True)).to_pandas()
    return actions.sort_values(["modification_time", "path"])


def table_of(records: Sequence[Record], problems: Problems) -> pa.Table:
    """Build the rows of all usable runs; the other records become problems.

    A run needs its id, its status and the times that the contract requires.
    """
    rows = read_runs(records)
    problems.add(rows)
    raws = [record.raw for record in rows.records]
    texts = list(map(jsontext.dumps, raws))
    digests = list(map(copy_digest, raws, texts))
    fields = run_fields(rows)
    times = {name: fields[name].view("M8[us]") for name in _TIMES}
    return pa.table(fields | times | {"digest": digests, "json": texts}, SCHEMA)


def copy_digest(raw: Json, text: str) -> str:
    """Return a digest that is equal for equal copies of a run; `text` is its JSON.

    The time of reading counts only while a run is open, because its waits are measured at that
    time.
    """
    if contract.current_status(raw.get("status")) in contract.FINAL_STATUSES:
        text = jsontext.dumps({**raw, LOCAL: contract.local_fields(raw).get("business_id")})
    return blake2b(text.encode(), digest_size=16).hexdigest()


def resolve(copies: pd.DataFrame) -> pd.DataFrame:
    """Return the newest copy of each run.

    One without a business gets that of the newest copy with one. `copies` are as from
    `Table.copies`, in the order of writing.
    """
    newest = newest_copies(copies).sort_index().set_index("run_id", drop=False)
    named = newest_copies(copies.dropna(subset="business_id")).set_index("run_id")
    return newest.fillna(named[_BUSINESS]).reset_index(drop=True)
