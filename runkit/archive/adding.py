"""Runs into the table: which are new, and which replace an older copy. If another writer was first: again."""

from __future__ import annotations

import random
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from runkit.archive.rows import SCHEMA, Row, knowing_business, row_of, table_of
from runkit.archive.table import Lost, Snapshot, latest
from runkit.errors import ArchiveError
from runkit.logs import log
from runkit.tables.checks import TEXT
from runkit.tables.problems import Problems, numbers
from runkit.tables.records import Record
from runkit.tables.schema import cast, empty
from runkit.text import plural

BATCH_BYTES, BATCH_RUNS = 32_000_000, 5_000
"""JSON text and runs that are written at once, as one version: about 60,000 steps. Memory holds a few times
that, however many runs come."""
TRIES = 40  # to be first; with the waits below, others have to be faster for half a minute on end
WAIT_FIRST, WAIT_MOST = 0.05, 1.5  # seconds; the longest wait doubles, each is drawn: two do not meet again
_KNOWN = ["run_id", "created_at", "updated_at", "read_at", "has_steps", "business_id", "digest"]

Copy = dict[str, Any]  # what tells the newest copy of a run: the columns above


@dataclass(frozen=True, repr=False)
class Added:
    """What became of the runs that were added, and the version of the archive that holds them.

    `n_unchanged` counts those that the archive had already, or had newer. `problems` is the frame of what was
    refused and why, with the columns of `frames(...).problems`. `is_interrupted`: Ctrl-C ended it; what had
    come by then is written, and adding the same again goes on.
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
        """Say it in words."""
        parts = [f"{self.n_new:,} new", f"{self.n_changed:,} changed", f"{self.n_unchanged:,} unchanged"]
        if self.n_refused:
            costly = self.problems[self.problems["severity"] == "error"]
            found = numbers(costly).groupby(costly["problem"].astype("str")).sum()
            kinds = ", ".join(f"{n:,} {word}" for word, n in found.items())
            parts.append(f"{plural(self.n_refused, 'record')} refused ({kinds}; see .problems)")
        parts += ["interrupted: add again to go on"] if self.is_interrupted else []
        return ", ".join(parts)

    def __repr__(self) -> str:
        return f"Added({self.counts()}; version {self.version})"


class Decision(NamedTuple):
    """What of a batch is to be written: rows of runs that are new, and that replace those in `known`."""

    rows: pa.Table
    known: pa.Table
    n_unchanged: int


class Writer:
    """Gathers records and writes them a batch at a time; each batch is a version, whole or not there at all.

    What was taken is written after `within` seconds at the latest, if `write_if_due` is called that often.
    `ArchiveError` is raised when other writers are always faster, or the table cannot be written. Whatever
    ends the work, `write` writes what is at hand, also once more: what is written already is unchanged.
    """

    def __init__(self, snapshot: Snapshot, *, within: float = float("inf")) -> None:
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
        rows, n_seen = table_of(self._rows, problems)
        snapshot, decision = _write(self._snapshot, rows)
        self._snapshot = snapshot.joined()
        self._rows, self._size = [], 0
        self._problems.rows += problems.rows
        self._n_changed += len(decision.known)
        self._n_new += len(decision.rows) - len(decision.known)
        self._n_unchanged += decision.n_unchanged
        self._n_refused += n_seen - len(rows)

    def added(self, *, is_interrupted: bool) -> Added:
        """Say what became of it all."""
        if self._n_refused:
            log.warning("%s could not be archived; see .problems", plural(self._n_refused, "record"))
        noted = pd.DataFrame(self._problems.rows, dtype="str")
        version = latest(self._snapshot.place).version if is_interrupted else self._snapshot.version
        return Added(
            self._n_new,
            self._n_changed,
            self._n_unchanged,
            self._n_refused,
            version,
            cast(noted, "problems") if len(noted) else empty("problems"),
            is_interrupted,
        )


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


def _write(snapshot: Snapshot, batch: pa.Table) -> tuple[Snapshot, Decision]:
    """Write a batch as the next version. If another writer was first, what is new is decided again."""
    for attempt in range(TRIES):
        decision = _decide(snapshot, batch)
        if not len(decision.rows):
            return snapshot, decision
        try:
            if len(decision.known):
                return snapshot.replace(decision.rows, decision.known), decision
            return snapshot.append(decision.rows), decision
        except Lost:
            longest = min(WAIT_MOST, WAIT_FIRST * 2**attempt)
            time.sleep(random.uniform(0, longest))  # noqa: S311 - no secret
            before, snapshot = snapshot, latest(snapshot.place)
            if snapshot.version == before.version:
                raise ArchiveError(
                    f"{snapshot.place.uri}: the new version could not be written, and no other writer was at "
                    "work. Is the disk full, or not yours to write to?"
                ) from None
    raise ArchiveError(
        f"{snapshot.place.uri}: other writers were faster {TRIES} times; nothing of this batch "
        f"({plural(len(batch), 'run')}) was written. Add again when they are done."
    )


def _decide(snapshot: Snapshot, batch: pa.Table) -> Decision:
    """Compare a batch with what the table holds of the same runs.

    A row of the table that can learn its business from an older copy takes part as if it were added again.
    """
    known = snapshot.read(_KNOWN, pc.field("run_id").isin(batch["run_id"].unique()))
    with_business = set(batch.filter(pc.field("business_id").is_valid())["run_id"].to_pylist())
    without = known.filter(pc.field("business_id").is_null())["run_id"].to_pylist()
    pupils = [run_id for run_id in without if run_id in with_business]
    if not pupils:
        return decide(batch, known)
    again = snapshot.read(SCHEMA.names, pc.field("run_id").isin(pa.array(pupils, TEXT))).cast(SCHEMA)
    decision = decide(pa.concat_tables([again, batch]), known)
    return decision._replace(n_unchanged=decision.n_unchanged - len(again))


def decide(batch: pa.Table, known: pa.Table) -> Decision:
    """Choose for each run the newest copy: by updated_at, then one with steps, then the one read last.

    At a tie the later one in the batch, and the batch before the table. Equal copies are not written again.
    A copy that does not know its business takes it from one that is older.
    """
    given: dict[str, Copy] = {}
    for position, row in enumerate(batch.select(_KNOWN).to_pylist()):
        row["position"] = position
        held = given.get(row["run_id"])
        newer, older = (row, held) if held is None or _rank(row) >= _rank(held) else (held, row)
        given[row["run_id"]] = _with_business(newer, older, batch)
    replaced: list[int] = []
    for number, old in enumerate(known.to_pylist()):
        row = _with_business(given[old["run_id"]], old, batch)
        if _rank(row) >= _rank(old) and row["digest"] != old["digest"]:
            given[old["run_id"]] = row
            replaced.append(number)
        else:
            del given[old["run_id"]]
    decided = sorted(given.values(), key=lambda row: row["created_at"])  # so that reading goes by time
    rows = batch.take(pa.array([row["position"] for row in decided], pa.int64()))
    return Decision(
        _corrected(rows, decided), known.take(pa.array(replaced, pa.int64())), len(batch) - len(decided)
    )


def _rank(row: Copy) -> tuple[Any, ...]:
    read_at = row["read_at"]
    return (row["updated_at"], row["has_steps"], read_at is not None, read_at)


def _with_business(row: Copy, other: Copy | None, batch: pa.Table) -> Copy:
    """Let a copy know the business that only the other one knows."""
    if other is None or row["business_id"] is not None or other["business_id"] is None:
        return row
    text, digest = knowing_business(batch["json"][row["position"]].as_py(), other["business_id"])
    return {**row, "business_id": other["business_id"], "json": text, "digest": digest}


def _corrected(rows: pa.Table, decided: list[Copy]) -> pa.Table:
    """Give the rows with what some of them have learned."""
    learned = {number: row for number, row in enumerate(decided) if "json" in row}
    if not learned:
        return rows
    corrected = rows.to_pylist()
    for number, row in learned.items():
        corrected[number] |= {name: row[name] for name in ("business_id", "json", "digest")}
    return pa.Table.from_pylist(corrected, SCHEMA)
