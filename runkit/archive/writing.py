"""Runs into the table: they are appended, but for those that it holds already; and compaction."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from runkit.archive.rows import SCHEMA, Row, resolve, row_of, table_of
from runkit.archive.table import CommitConflict, Place, Snapshot
from runkit.logs import log
from runkit.tables.problems import Problems, problem_counts
from runkit.tables.schema import cast, empty
from runkit.tables.sources import Record
from runkit.text import plural

BATCH_BYTES, BATCH_RUNS = 32_000_000, 5_000
"""JSON text and runs that are written at once, as one version: about 60,000 steps. Memory holds a few times
that, however many runs come."""
SMALL_FILE = 500_000  # bytes; some 10 MB of JSON
DROPPED_AT_ONCE = 1_000  # copies, in one commit; the table's library crashes when some 20,000 rows are named
TRIES = 5  # of a compaction; after each conflict it is found anew what is superseded


@dataclass(frozen=True, repr=False)
class Added:
    """What became of the runs that were added, and the version of the archive that holds them.

    The counts compare with what the archive held when they were written: `n_unchanged` counts those that it
    had already, or had newer; when two processes add the same run at once, both may count it as new, and it
    is there once. `problems` is the frame of what was refused and why, with the columns of
    `frames(...).problems`. `is_interrupted`: Ctrl-C ended it; what had come by then is written, and adding
    the same again goes on.
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
            costly = self.problems[self.problems["severity"] == "error"]
            found = problem_counts(costly).groupby(costly["problem"].astype("str")).sum()
            kinds = ", ".join(f"{n:,} {word}" for word, n in found.items())
            parts.append(f"{plural(self.n_refused, 'record')} refused ({kinds}; see .problems)")
        return ", ".join([*parts, "interrupted: add again to go on"] if self.is_interrupted else parts)

    def __repr__(self) -> str:
        return f"Added({self.counts()}; version {self.version})"


class Writer:
    """Gathers records and writes them a batch at a time; each batch is a version, whole or not there at all.

    What was taken is written after `within` seconds at the latest, if `write_if_due` is called that often.
    Whatever ends the work, `write` writes what is at hand, also once more: what is written already is
    unchanged. `ArchiveError` is raised when the table cannot be written.
    """

    def __init__(self, snapshot: Snapshot, *, within: float = float("inf")) -> None:
        self.place = snapshot.place
        self._snapshot = snapshot
        self._within = within
        self._rows: list[Row] = []
        self._size = 0
        self._since = 0.0
        self._problems = Problems()
        self._n_new = self._n_changed = self._n_unchanged = self._n_refused = 0

    def take(self, record: Record) -> None:
        """Take a record, and write if it is time."""
        if not self._rows:
            self._since = time.monotonic()
        self._rows.append(row_of(record))
        self._size += len(self._rows[-1].text)
        self.write_if_due()

    def write_if_due(self) -> None:
        """Write if there is much at hand, or something for long."""
        is_much = self._size >= BATCH_BYTES or len(self._rows) >= BATCH_RUNS
        if is_much or (self._rows and time.monotonic() - self._since > self._within):
            self.write()

    def write(self) -> None:
        """Write what is at hand."""
        if not self._rows:
            return
        problems = Problems()
        batch, n_seen = table_of(self._rows, problems)
        self._snapshot.refresh()
        due, n_new = _due(batch, self._snapshot)
        if len(due):
            self._snapshot.append(due)
        self._rows, self._size = [], 0
        self._problems.rows += problems.rows
        self._n_new += n_new
        self._n_changed += len(due) - n_new
        self._n_unchanged += len(batch) - len(due)
        self._n_refused += n_seen - len(batch)

    def added(self, *, is_interrupted: bool) -> Added:
        """What became of it all."""
        if self._n_refused:
            log.warning("%s could not be archived; see .problems", plural(self._n_refused, "record"))
        rows = pd.DataFrame(self._problems.rows, dtype="str")
        problems = cast(rows, "problems") if len(rows) else empty("problems")
        counts = self._n_new, self._n_changed, self._n_unchanged, self._n_refused
        return Added(*counts, self._snapshot.version, problems, is_interrupted)


def add_records(snapshot: Snapshot, records: Iterable[Record]) -> Added:
    """Write the runs of some records; Ctrl-C ends it after what has come."""
    writer = Writer(snapshot)
    is_interrupted = False
    try:
        for record in records:
            writer.take(record)
    except KeyboardInterrupt:
        is_interrupted = True
    writer.write()
    return writer.added(is_interrupted=is_interrupted)


def _due(batch: pa.Table, snapshot: Snapshot) -> tuple[pa.Table, int]:
    """Give the rows of a batch that tell something new, and how many of them are of runs not yet known.

    Of each run the newest copy, and an older one if it alone knows the business. What others add meanwhile is
    not seen, which does no harm: it is resolved when it is read.
    """
    batch, is_newest = resolve(batch)
    batch = batch.filter(is_newest).sort_by("created_at")  # so that reading goes by time
    known = snapshot.known(batch["run_id"].to_pylist(), ["digest"])
    rows = batch.drop_columns(["json"]).to_pylist()
    is_due = [_is_due(row, known.get(row["run_id"])) for row in rows]
    return batch.filter(pa.array(is_due, pa.bool_())), sum(row["run_id"] not in known for row in rows)


def _is_due(row: dict[str, Any], known: dict[str, Any] | None) -> bool:
    if known is None or (known["business_id"] is None and row["business_id"] is not None):
        return True
    return row["digest"] != known["digest"] and _rank(row) >= _rank(known)


def _rank(row: dict[str, Any]) -> tuple[Any, ...]:
    read_at = row["read_at"]
    return (row["updated_at"], row["has_steps"], read_at is not None, read_at)


def compact(place: Place, most_small: int = 1) -> bool:
    """Drop superseded copies, and join small files if there are more than `most_small`.

    Gives False if other writers were in the way `TRIES` times; what was done by then stays.
    """
    conflicts = 0
    while conflicts < TRIES:
        snapshot = place.latest()
        copies = snapshot.copies()
        try:
            if not copies.is_newest.all():
                _drop(snapshot, copies.rows.filter(np.logical_not(copies.is_newest))["run_id"])
                continue
            if sum(file["size_bytes"] < SMALL_FILE for file in copies.files) > most_small:
                snapshot.join_files()
            return True
        except CommitConflict as conflict:
            conflicts += 1
            log.debug("%s: compacting again (%s)", place, conflict)
    return False


def _drop(snapshot: Snapshot, superseded: pa.ChunkedArray) -> None:
    """Replace all copies of some runs, of which there are several, by the newest."""
    n_copies = superseded.to_pandas().value_counts(sort=False).cumsum()  # in the order of files
    run_ids = n_copies.index[: max(1, (n_copies <= DROPPED_AT_ONCE).sum())].tolist()
    copies = snapshot.copies(SCHEMA.names, run_ids)
    snapshot.replace(copies.newest.select(SCHEMA.names), copies.rows["digest"].unique().to_pylist())
