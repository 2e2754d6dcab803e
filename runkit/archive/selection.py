"""A choice of runs in one version of an archive, and the parts in which it is read.

A part is some row groups of one or more files. It is read by whoever needs it, here or on another machine,
and holds whole runs only, so six frames of a part hold the same runs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from functools import cached_property, reduce
from operator import and_
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from runkit import jsontext
from runkit.archive.rows import SCHEMA
from runkit.archive.table import Place, Snapshot, explained
from runkit.filters import one_or_several, status_words, time_bound
from runkit.models import Run
from runkit.tables.checks import TEXT
from runkit.tables.linked import Frames, frames
from runkit.text import visible

if TYPE_CHECKING:
    from runkit.archive.cluster import DaskFrames

PART_BYTES = 48_000_000
"""JSON text of a part: about 80,000 steps, which take some 100 MB as frames and half a second to make."""
ROWS_AT_ONCE = 64  # of JSON text that is decompressed ahead of the parser


class Piece(NamedTuple):
    """Some row groups of one file."""

    path: str
    row_groups: tuple[int, ...]


class Part(NamedTuple):
    """What is read at once, and everything that is needed to read it. Travels to other processes."""

    place: Place
    pieces: tuple[Piece, ...]
    chosen: pc.Expression | None

    def raw_runs(self) -> Iterator[dict[str, Any]]:
        """Read the chosen runs, one at a time. Raises `ArchiveError` for a file that is gone or damaged."""
        for piece in self.pieces:
            with explained(self.place):
                yield from self._raw_runs_of(piece)

    def _raw_runs_of(self, piece: Piece) -> Iterator[dict[str, Any]]:
        files, form = self.place.filesystem(), ds.ParquetFileFormat()
        batches = form.make_fragment(piece.path, files, row_groups=piece.row_groups).to_batches(
            schema=SCHEMA,
            columns=["json"],
            filter=self.chosen,
            batch_size=ROWS_AT_ONCE,
            batch_readahead=1,
            fragment_readahead=1,
            use_threads=False,
            cache_metadata=False,
        )
        for batch in batches:
            for text in batch.column(0):
                yield jsontext.loads(text.as_buffer().to_pybytes())


def chosen_by(
    *,
    status: str | Iterable[str] | None = None,
    since: date | str | None = None,
    until: date | str | None = None,
    agent: str | Iterable[str] | None = None,
    business_id: str | Iterable[str] | None = None,
) -> pc.Expression | None:
    """Say a choice as a filter of rows; None is all. Raises `UsageError` for what is no status or time."""
    terms = [
        pc.field(name).isin(pa.array(sorted(words), TEXT))
        for name, words in (
            ("status", status_words(status)),
            ("agent", one_or_several("agent", agent)),
            ("business_id", one_or_several("business_id", business_id)),
        )
        if words is not None
    ]
    after, before = time_bound("since", since), time_bound("until", until)
    terms += [pc.field("created_at") >= after] if after is not None else []
    terms += [pc.field("created_at") < before] if before is not None else []
    return reduce(and_, terms) if terms else None


@dataclass(frozen=True, eq=False, repr=False)
class Selection:
    """Chosen runs of one version of an archive. Whatever others write meanwhile, it stays as it is.

    `runkit.frames`, `runkit.gantt` and `runkit.report` take it.
    """

    snapshot: Snapshot
    chosen: pc.Expression | None = None

    @property
    def version(self) -> int:
        """The version of the archive."""
        return self.snapshot.version

    @cached_property
    def parts(self) -> tuple[Part, ...]:
        """The parts that hold the chosen runs, the oldest runs first. Row groups without any are left out."""
        parts: list[dict[str, list[int]]] = []
        size = PART_BYTES
        for path, number, n_bytes in self._row_groups():
            size += n_bytes
            if size > PART_BYTES:
                parts.append({})
                size = n_bytes
            parts[-1].setdefault(path, []).append(number)
        return tuple(
            Part(
                self.snapshot.place,
                tuple(Piece(path, tuple(numbers)) for path, numbers in pieces.items()),
                self.chosen,
            )
            for pieces in parts
        )

    def _row_groups(self) -> Iterator[tuple[str, int, int]]:
        """File, number and bytes of each row group that may hold a chosen run, as its statistics tell."""
        for fragment in self.snapshot.fragments(self.chosen):
            with explained(self.snapshot.place):
                within = fragment if self.chosen is None else fragment.subset(self.chosen, schema=SCHEMA)
                groups = within.row_groups
            for group in groups:
                yield fragment.path, group.id, group.total_byte_size

    def raw_runs(self) -> Iterator[dict[str, Any]]:
        """Read the runs as parsed JSON, one at a time."""
        for part in self.parts:
            yield from part.raw_runs()

    def runs(self) -> Iterator[Run]:
        """Read the runs, one at a time."""
        return map(Run.from_json, self.raw_runs())

    def frames(self) -> Frames:
        """Make the six frames of the runs."""
        return frames(self)

    def dask(self) -> DaskFrames:
        """Give the six frames as Dask DataFrames. Raises `MissingExtra` without the extra `[scale]`."""
        from runkit.archive.cluster import dask_frames

        return dask_frames(self)

    def __len__(self) -> int:
        if self.chosen is None:
            return self.snapshot.n_runs
        return len(self.snapshot.read(["run_id"], self.chosen))

    def __repr__(self) -> str:
        what = "all runs" if self.chosen is None else f"runs with {self.chosen}"
        return visible(f"Selection({what} of version {self.version} of {self.snapshot.place.uri})")
