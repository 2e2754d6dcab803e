"""Write runs into the table, except those that it has already."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass

import pandas as pd
import pyarrow as pa

from runkit.archive.table import SMALL_FILE, Table, files_of, table_of
from runkit.errors import ArchiveError
from runkit.tables.problems import Problems
from runkit.tables.read_frames import newest_copies, problems_frame
from runkit.tables.sources import Record

# bytes of JSON that are written as one version: about 30,000 steps; writing takes a few times as
# much memory
BATCH_BYTES = 16_000_000
MAX_SMALL_FILES = 24  # they are joined if there are more: many are slow to open


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


def write_runs(table: Table, record_batches: Iterable[Sequence[Record]]) -> Added:
    """Write runs that are new or changed, each batch as one atomic version, and count them.

    Runs that others add at the same time are not seen here; reading resolves them. Many small files
    are joined, if all reads as before. Raises `ArchiveError`.
    """
    problems = Problems()
    n_records = n_read = n_written = n_new = 0
    for records in record_batches:
        batch = table_of(records, problems).sort_by("created_at")
        snapshot = table.make()
        stored = table.copies(snapshot)
        rows = batch.select(["run_id", "digest"]).to_pandas()
        is_due = ~(rows.duplicated() | rows["digest"].isin(stored["digest"]))
        if is_due.any():
            table.append(snapshot, batch.filter(pa.array(is_due)))

        due = rows.loc[is_due, "run_id"]
        n_records += len(records)
        n_read += len(rows)
        n_written += len(due)
        n_new += due[~due.isin(stored["run_id"])].nunique()
    snapshot = table.make()
    n_small = (files_of(snapshot)["size_bytes"] < SMALL_FILE).sum()
    if n_small > MAX_SMALL_FILES and not _has_ties(table.copies(snapshot)):
        with suppress(ArchiveError):  # everything is written; the next call tries again
            table.join_files(snapshot)
    return Added(
        n_new=n_new,
        n_changed=n_written - n_new,
        n_unchanged=n_read - n_written,
        n_refused=n_records - n_read,
        version=snapshot.version(),
        problems=problems_frame(problems),
    )


def _has_ties(copies: pd.DataFrame) -> bool:
    """Return whether only the order of rows, which joining changes, says which copy is newest."""
    key = ["run_id", "updated_at", "has_steps", "read_at"]
    different = copies.drop_duplicates([*key, "digest"])
    is_tied = different.duplicated(key, keep=False)
    return bool(is_tied[newest_copies(different).index].any())
