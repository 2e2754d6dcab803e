"""Write runs into the table, except those that it has already; and compaction."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import pandas as pd
import pyarrow as pa

from runkit.archive.table import SCHEMA, Location, table_of
from runkit.tables.problems import Problems
from runkit.tables.read_frames import newest_copies, problems_frame
from runkit.tables.sources import Record

# JSON that is written at once, as one version: about 30,000 steps; writing takes a few times as
# much memory
BATCH_BYTES = 16_000_000
SMALL_FILE = 100_000  # bytes; about 2 MB of JSON
FILE_BYTES = 16 * SMALL_FILE  # the size of a file after compaction: a partition on a cluster


@dataclass(frozen=True, repr=False)
class Added:
    """The counts of added runs, and the version of the archive that has them.

    The counts compare with the archive at the time of writing. If two processes add the same run at
    the same time, both may count it as new, but it is read once. `problems` is a frame of what was
    refused and why, with the columns of `frames(...).problems`.
    """

    n_new: int
    n_changed: int
    n_unchanged: int
    n_refused: int
    version: int
    problems: pd.DataFrame

    @property
    def is_complete(self) -> bool:
        """Return whether every record is in the archive."""
        return self.n_refused == 0

    def __repr__(self) -> str:
        counts = f"{self.n_new:,} new, {self.n_changed:,} changed, {self.n_unchanged:,} unchanged"
        refused = f"{self.n_refused:,} refused (see .problems)"
        return f"Added({counts}, {refused}; version {self.version})"


def batches(records: Iterable[Record]) -> Iterator[list[Record]]:
    """Split records into batches that fit into memory; after an error the last has what came."""
    batch: list[Record] = []
    n_bytes = 0
    try:
        for record in records:
            batch.append(record)
            n_bytes += record.n_bytes
            if n_bytes >= BATCH_BYTES:
                full, batch, n_bytes = batch, [], 0
                yield full
    finally:
        if batch:
            yield batch


class Writer:
    """Writes batches of records, each as one atomic version, and counts. Raises `ArchiveError`."""

    def __init__(self, location: Location) -> None:
        self._location = location
        self._problems = Problems()
        self.n_records = self.n_read = self.n_written = self.n_new = 0

    def write(self, records: Sequence[Record]) -> None:
        """Write those of the records that are new or changed.

        Runs that others add at the same time are not seen here; reading resolves them.
        """
        batch = table_of(records, self._problems).sort_by("created_at")
        snapshot = self._location.make()
        stored = snapshot.copies()
        rows = batch.select(["run_id", "digest"]).to_pandas()
        is_due = ~(rows.duplicated() | rows["digest"].isin(stored["digest"]))
        if is_due.any():
            snapshot.write([batch.filter(pa.array(is_due))], "append")

        due = rows.loc[is_due, "run_id"]
        self.n_records += len(records)
        self.n_read += len(rows)
        self.n_written += len(due)
        self.n_new += due[~due.isin(stored["run_id"])].nunique()

    def added(self) -> Added:
        """Return the counts of everything."""
        return Added(
            n_new=self.n_new,
            n_changed=self.n_written - self.n_new,
            n_unchanged=self.n_read - self.n_written,
            n_refused=self.n_records - self.n_read,
            version=self._location.make().version,
            problems=problems_frame(self._problems),
        )


def compact(location: Location) -> None:
    """Rewrite the table in large files with the copies that are read.

    Nothing is done if it has no others, and no more than one small file. Raises `ArchiveError` if
    another compaction came first.
    """
    snapshot = location.latest()
    copies, sizes = snapshot.copies(), snapshot.files.set_index("path")["size_bytes"]
    named = newest_copies(copies.dropna(subset="business_id"))
    rows = pd.concat([newest_copies(copies), named]).drop_duplicates(["file", "row"]).sort_index()
    if len(rows) < len(copies) or (sizes < SMALL_FILE).sum() > 1:
        groups = rows.groupby(rows["file"].map(sizes.cumsum() // FILE_BYTES))
        tables = (pa.concat_tables(location.read(group, SCHEMA.names)) for _, group in groups)
        snapshot.write(tables, "overwrite")
