"""Runs into the table: which are new, and which replace an older copy. If another writer was first: again."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from runkit.archive.rows import SCHEMA, knowing_business, tables
from runkit.archive.table import Lost, Snapshot, latest
from runkit.errors import ArchiveError
from runkit.tables.problems import COSTLY, Problems
from runkit.tables.records import Record
from runkit.tables.schema import cast, empty
from runkit.text import plural

log = logging.getLogger("runkit")

BATCH_BYTES, BATCH_RUNS = 32_000_000, 5_000
"""JSON text and runs that are written at once, as one version: about 60,000 steps. Memory holds a few times
that, however many runs come."""
TRIES = 40  # to be first; with the waits below, others have to be faster for half a minute on end
WAIT_FIRST, WAIT_MOST = 0.05, 1.5  # seconds; the longest wait doubles, each is drawn: two do not meet again
_KNOWN = ["run_id", "created_at", "updated_at", "read_at", "has_steps", "business_id", "digest"]

Row = dict[str, Any]


@dataclass(frozen=True, repr=False)
class Added:
    """What became of the runs that were added, and the version of the archive that holds them.

    `n_unchanged` counts those that the archive had already, or had newer. `problems` is the frame of what was
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
        """Whether every record is in the archive."""
        return self.n_refused == 0

    def counts(self) -> str:
        """Say it in words."""
        parts = [f"{self.n_new:,} new", f"{self.n_changed:,} changed", f"{self.n_unchanged:,} unchanged"]
        if self.n_refused:
            found = self.problems["problem"][self.problems["severity"] == "error"].value_counts()
            kinds = ", ".join(f"{n} {word}" for word, n in found[found > 0].items())
            parts.append(f"{plural(self.n_refused, 'record')} refused ({kinds}; see .problems)")
        return ", ".join(parts)

    def __repr__(self) -> str:
        return f"Added({self.counts()}; version {self.version})"


class Decision(NamedTuple):
    """What of a batch is to be written: rows of runs that are new, and that replace those in `known`."""

    rows: pa.Table
    known: pa.Table
    n_unchanged: int


def add_records(snapshot: Snapshot, records: Iterable[Record], *, within: float = float("inf")) -> Added:
    """Write the runs of some records, batch by batch; each batch is a version, whole or not there at all.

    What has come is written after `within` seconds at the latest, however little it is. Raises
    `ArchiveError` when other writers are always faster, or the table cannot be written.
    """
    problems = Problems()
    seen = 0

    def counted() -> Iterator[Record]:
        nonlocal seen
        for record in records:
            seen += record.problem is None or record.problem in COSTLY
            yield record

    n_new = n_changed = n_unchanged = n_rows = 0
    for batch in _batches(tables(counted(), problems, within), within):
        snapshot, decision = _write(snapshot, batch)
        n_rows += len(batch)
        n_changed += len(decision.known)
        n_new += len(decision.rows) - len(decision.known)
        n_unchanged += decision.n_unchanged
    snapshot = snapshot.joined()
    noted = cast(pd.DataFrame(problems.rows, dtype="str"), "problems") if problems.rows else empty("problems")
    if seen > n_rows:
        log.warning("%s could not be archived; see .problems", plural(seen - n_rows, "record"))
    return Added(n_new, n_changed, n_unchanged, seen - n_rows, snapshot.version, noted)


def _batches(pieces: Iterable[pa.Table], within: float) -> Iterator[pa.Table]:
    held: list[pa.Table] = []
    since = time.monotonic()
    for piece in pieces:
        held.append(piece)
        is_full = sum(map(len, held)) >= BATCH_RUNS or sum(one.nbytes for one in held) >= BATCH_BYTES
        if is_full or time.monotonic() - since > within:
            yield pa.concat_tables(held)
            held, since = [], time.monotonic()
    if held:
        yield pa.concat_tables(held)


def _write(snapshot: Snapshot, batch: pa.Table) -> tuple[Snapshot, Decision]:
    """Write a batch as the next version. If another writer was first, what is new is decided again."""
    for attempt in range(TRIES):
        same_ids = pc.field("run_id").isin(batch["run_id"].unique())
        decision = decide(batch, snapshot.read(_KNOWN, same_ids))
        if not len(decision.rows):
            return snapshot, decision
        try:
            if len(decision.known):
                return snapshot.replace(decision.rows, decision.known), decision
            return snapshot.append(decision.rows), decision
        except Lost:
            longest = min(WAIT_MOST, WAIT_FIRST * 2**attempt)
            time.sleep(random.uniform(0, longest))  # noqa: S311 - no secret
            snapshot = latest(snapshot.place)
    raise ArchiveError(
        f"{snapshot.place.uri}: other writers were faster {TRIES} times; nothing of this batch "
        f"({plural(len(batch), 'run')}) was written. Add again when they are done."
    )


def decide(batch: pa.Table, known: pa.Table) -> Decision:
    """Choose for each run the newest copy: by updated_at, then one with steps, then the one read last.

    At a tie the later one in the batch, and the batch before the table. Equal copies are not written again.
    A copy that does not know its business takes it from the one that it replaces.
    """
    given: dict[str, Row] = {}
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


def _rank(row: Row) -> tuple[Any, ...]:
    read_at = row["read_at"]
    return (row["updated_at"], row["has_steps"], read_at is not None, read_at)


def _with_business(row: Row, other: Row | None, batch: pa.Table) -> Row:
    """Let a copy know the business that only the other one knows."""
    if other is None or row["business_id"] is not None or other["business_id"] is None:
        return row
    text, digest = knowing_business(batch["json"][row["position"]].as_py(), other["business_id"])
    return {**row, "business_id": other["business_id"], "json": text, "digest": digest}


def _corrected(rows: pa.Table, decided: list[Row]) -> pa.Table:
    """Give the rows with what some of them have learned."""
    learned = {number: row for number, row in enumerate(decided) if "json" in row}
    if not learned:
        return rows
    corrected = rows.to_pylist()
    for number, row in learned.items():
        corrected[number] |= {name: row[name] for name in ("business_id", "json", "digest")}
    return pa.Table.from_pylist(corrected, SCHEMA)
