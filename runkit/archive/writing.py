"""Write runs into the table, except those that it has already; and compaction."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from runkit.archive.rows import RANKED, SCHEMA, resolve, table_of
from runkit.archive.table import Place, Snapshot
from runkit.logs import log
from runkit.tables.frames import problems_frame
from runkit.tables.problems import Problems, problem_words
from runkit.tables.schema import TEXT
from runkit.tables.sources import Record
from runkit.text import plural

BATCH_BYTES, BATCH_RUNS = 16_000_000, 5_000
"""JSON and runs that are written at once, as one version: about 30,000 steps. Memory use is a few times that,
however many runs there are."""
SMALL_FILE = 500_000  # bytes; about 10 MB of JSON
# copies in one commit; the library crashes with about 20,000 rows in a predicate
DROPPED_AT_ONCE = 1_000


@dataclass(frozen=True, repr=False)
class Added:
    """The counts of added runs, and the version of the archive that has them.

    The counts compare with the archive at the time of writing. `n_unchanged` are those that it had already,
    or had newer. If two processes add the same run at the same time, both may count it as new, but it is
    stored once. `problems` is a frame of what was refused and why, with the columns of
    `frames(...).problems`. `is_interrupted`: Ctrl-C ended it; add the same runs again to continue.
    """

    n_new: int
    n_changed: int
    n_unchanged: int
    n_refused: int
    version: int
    problems: pd.DataFrame
    is_interrupted: bool = False

    @property
    def is_complete(self) -> bool:
        """Whether every record is in the archive."""
        return self.n_refused == 0 and not self.is_interrupted

    def counts(self) -> str:
        """The counts as one line of text."""
        parts = [f"{self.n_new:,} new", f"{self.n_changed:,} changed", f"{self.n_unchanged:,} unchanged"]
        if self.n_refused:
            kinds = problem_words(self.problems[self.problems["severity"] == "error"])
            parts.append(f"{plural(self.n_refused, 'record')} refused ({kinds}; see .problems)")
        if self.is_interrupted:
            parts.append("interrupted: add again to continue")
        return ", ".join(parts)

    def __repr__(self) -> str:
        return f"Added({self.counts()}; version {self.version})"


class Writer:
    """Collects records and writes them in batches; each batch is one atomic version.

    Records are written after `within` seconds, if `write_if_due` is called that often. `write` writes the
    rest, also after an error; writing the same runs twice changes nothing. Raises `ArchiveError` if the table
    cannot be written.
    """

    def __init__(self, snapshot: Snapshot, *, within: float = float("inf")) -> None:
        self.place = snapshot.place
        self._snapshot = snapshot
        self._within = within
        self._records: list[Record] = []
        self._size = 0
        self._since = 0.0
        self._problems = Problems()
        self._counts: Counter[str] = Counter()

    def add(self, record: Record) -> None:
        """Add a record, and write if it is time."""
        if not self._records:
            self._since = time.monotonic()
        self._records.append(record)
        self._size += record.n_bytes
        self.write_if_due()

    def write_if_due(self) -> None:
        """Write if the batch is large, or has waited long enough."""
        is_full = self._size >= BATCH_BYTES or len(self._records) >= BATCH_RUNS
        if is_full or (self._records and time.monotonic() - self._since > self._within):
            self.write()

    def write(self) -> None:
        """Write the collected records."""
        if not self._records:
            return
        problems = Problems()
        batch = table_of(self._records, problems)
        self._snapshot.refresh()
        due, n_new = _due(batch, self._snapshot)
        if len(due):
            self._snapshot.append(due)
        self._counts["new"] += n_new
        self._counts["changed"] += len(due) - n_new
        self._counts["unchanged"] += len(batch) - len(due)
        self._counts["refused"] += len(self._records) - len(batch)
        self._problems.rows += problems.rows
        self._records, self._size = [], 0

    def added(self, *, is_interrupted: bool) -> Added:
        """Give the counts of everything."""
        words = ("new", "changed", "unchanged", "refused")
        n_new, n_changed, n_unchanged, n_refused = (self._counts[word] for word in words)
        if n_refused:
            log.warning("%s could not be archived; see .problems", plural(n_refused, "record"))
        version, problems = self._snapshot.version, problems_frame(self._problems)
        return Added(n_new, n_changed, n_unchanged, n_refused, version, problems, is_interrupted)


def _due(batch: pa.Table, snapshot: Snapshot) -> tuple[pa.Table, int]:
    """Give the rows of a batch that are new or changed, and how many are of new runs.

    Of each run this is the newest copy, or an older one if only it has the business. Runs that others add at
    the same time are not seen here; reading resolves them.
    """
    batch = resolve(batch).sort_by("created_at")  # so that reading is in order of time
    columns = [*RANKED, "digest"]
    known = resolve(snapshot.copies(columns, batch["run_id"].to_pylist())).select(columns)
    before = _digests(known)
    after = _digests(resolve(pa.concat_tables([known, batch.select(columns)])))
    due = [run_id for run_id, digest in after.items() if digest != before.get(run_id)]
    return batch.filter(pc.is_in(batch["run_id"], pa.array(due, TEXT))), len(batch) - len(before)


def _digests(rows: pa.Table) -> dict[str, tuple[str, str | None]]:
    """Give what tells copies of a run apart: by run id the digest, and the business, which it ignores."""
    columns = (rows[name].to_pylist() for name in ("run_id", "digest", "business_id"))
    return {run_id: (digest, business) for run_id, digest, business in zip(*columns, strict=True)}


def compact(place: Place, max_small: int = 1) -> None:
    """Drop older copies, and join small files if there are more than `max_small`.

    Raises `CommitConflict` if other writers came first each time; what was done by then stays.
    """
    snapshot = place.latest()
    snapshot.retry(lambda: _compact(snapshot, max_small))


def _compact(snapshot: Snapshot, max_small: int) -> None:
    while run_ids := _runs_with_copies(snapshot):
        drop_copies(snapshot, run_ids)
        snapshot.refresh()
    n_small = sum(size < SMALL_FILE for size in snapshot.files.values())
    if n_small > max_small:
        snapshot.join_files()


def _runs_with_copies(snapshot: Snapshot) -> list[str]:
    """Give runs with several copies, in the order of files: at most `DROPPED_AT_ONCE` copies, or one run."""
    n_copies = snapshot.copies()["run_id"].to_pandas().value_counts(sort=False)
    n_copies = n_copies[n_copies > 1]
    n_runs = (n_copies.cumsum() <= DROPPED_AT_ONCE).sum()
    return list(n_copies.index[: max(1, n_runs)])


def drop_copies(snapshot: Snapshot, run_ids: Sequence[str]) -> None:
    """Replace all copies of some runs by the newest. Raises `CommitConflict`."""
    copies = snapshot.copies(SCHEMA.names, run_ids)
    digests = copies["digest"].unique().to_pylist()
    snapshot.replace(resolve(copies).select(SCHEMA.names), digests)
