"""Write runs into the table, except those that it has already; and compaction."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa

from runkit.archive.table import COPY, SCHEMA, Place, resolve, table_of, taken
from runkit.tables.frames import problems_frame
from runkit.tables.problems import Problems
from runkit.tables.sources import Record

BATCH_BYTES, BATCH_RUNS = 16_000_000, 5_000
"""JSON and runs that are written at once, as one version: about 30,000 steps. Memory use is a few times that,
however many runs there are."""
FILE_BYTES = 32_000_000  # of JSON in a file that compaction writes: a partition on a cluster
SMALL_FILE = 100_000  # bytes; about 2 MB of JSON


@dataclass(frozen=True, repr=False)
class Added:
    """The counts of added runs, and the version of the archive that has them.

    The counts compare with the archive at the time of writing. `n_unchanged` are those that it had already,
    or had newer. If two processes add the same run at the same time, both may count it as new, but it is
    read once. `problems` is a frame of what was refused and why, with the columns of
    `frames(...).problems`.
    """

    n_new: int
    n_changed: int
    n_unchanged: int
    n_refused: int
    version: int
    problems: pd.DataFrame

    @property
    def is_complete(self) -> bool:
        """Whether every record is in the archive."""
        return self.n_refused == 0

    def __repr__(self) -> str:
        refused = f", {self.n_refused:,} refused (see .problems)" if self.n_refused else ""
        counts = f"{self.n_new:,} new, {self.n_changed:,} changed, {self.n_unchanged:,} unchanged"
        return f"Added({counts}{refused}; version {self.version})"


def batches(records: Iterable[Record]) -> Iterator[list[Record]]:
    """Split records into batches that fit into memory; after an error the last one has what came."""
    batch: list[Record] = []
    n_bytes = 0
    try:
        for record in records:
            batch.append(record)
            n_bytes += record.n_bytes
            if n_bytes >= BATCH_BYTES or len(batch) >= BATCH_RUNS:
                yield batch
                batch, n_bytes = [], 0
    except (Exception, KeyboardInterrupt):
        if batch:
            yield batch
        raise
    yield batch


class Writer:
    """Writes batches of records, each as one atomic version, and counts. Raises `ArchiveError`."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._problems = Problems()
        self._counts = np.zeros(4, int)

    def write(self, records: Sequence[Record]) -> None:
        """Write those of the records that are new or changed.

        An older copy is written, too, if only it has the business. Runs that others add at the same time are
        not seen here; reading resolves them.
        """
        problems = Problems()
        batch = table_of(records, problems).sort_by("created_at")
        snapshot = self._place.make()
        copies, rows = snapshot.copies(), batch.select(COPY).to_pandas()
        rows = resolve(rows.assign(row=rows.index))
        known = resolve(copies[copies["run_id"].isin(rows["run_id"])])
        newest = resolve(pd.concat([known, rows], ignore_index=True))
        unchanged = newest.merge(known, on=["run_id", "digest", "business_id"])["run_id"]
        due = rows[~rows["run_id"].isin(unchanged)]
        if len(due):
            snapshot.write([taken(batch, due)], "append")
        n_new, n_read = len(rows) - len(known), len(batch)
        self._counts += n_new, len(due) - n_new, n_read - len(due), len(records) - n_read
        self._problems.rows += problems.rows

    def added(self) -> Added:
        """Return the counts of everything."""
        n_new, n_changed, n_unchanged, n_refused = self._counts.tolist()
        version, problems = self._place.make().version, problems_frame(self._problems)
        return Added(n_new, n_changed, n_unchanged, n_refused, version, problems)


def compact(place: Place) -> None:
    """Rewrite the table with the newest copies, in large files, if it has older ones or many small files.

    Raises `ArchiveError` if another compaction came first.
    """
    snapshot = place.latest()
    copies = snapshot.copies()
    newest = resolve(copies)
    if len(newest) < len(copies) or (snapshot.files["size_bytes"] < SMALL_FILE).sum() > 1:
        snapshot.write(_joined(place, newest), "overwrite")


def _joined(place: Place, newest: pd.DataFrame) -> Iterator[pa.Table]:
    """Read rows file by file, about `FILE_BYTES` at a time."""
    tables: list[pa.Table] = []
    for path, rows in newest.groupby("file", sort=False):
        tables.append(taken(place.dataset([str(path)]).to_table(SCHEMA.names), rows))
        if sum(table.nbytes for table in tables) > FILE_BYTES:
            yield pa.concat_tables(tables)
            tables.clear()
    yield pa.concat_tables(tables)
