"""Selected runs of one version of an archive, and the parts in which they are read.

Which copies of runs are selected is decided for the whole version, before any JSON is read. A part is a file
and the copies to read from it. Any process or machine can read it. It has whole runs only, so the six frames
of a part have the same runs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, reduce
from itertools import chain
from operator import and_
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from runkit import jsontext
from runkit.archive.rows import business_of, resolve, with_business
from runkit.archive.table import Place, Snapshot
from runkit.arguments import Moment, Words, one_or_several, read_moment
from runkit.models import Run
from runkit.tables.frames import Frames, frames
from runkit.tables.schema import TEXT
from runkit.tables.sources import Record
from runkit.text import kind, visible

if TYPE_CHECKING:
    from runkit.archive.cluster import DaskFrames

ROWS_AT_ONCE = 64  # of JSON that are decompressed ahead of the parser


class Part(NamedTuple):
    """Runs of a file, and everything needed to read them, also in other processes.

    `businesses` has, by the digest of each copy to read, the business of its run.
    """

    place: Place
    path: str | None  # None: no runs
    businesses: dict[str, dict[str, Any]]

    def stored_records(self) -> Iterator[Record]:
        """Read the runs, one at a time. Raises `ArchiveError` for what cannot be read."""
        unread = dict(self.businesses)
        with self.place.translated_errors():
            batches = self.place.dataset([self.path] if self.path else []).to_batches(
                columns=["digest", "json"],
                batch_size=ROWS_AT_ONCE,
                batch_readahead=1,
                fragment_readahead=1,
                use_threads=False,
                cache_metadata=False,
            )
            for batch in batches:
                texts = batch["json"].cast(pa.large_binary()).to_pylist()
                for digest, text in zip(batch["digest"].to_pylist(), texts, strict=True):
                    if digest not in unread:
                        continue
                    business = unread.pop(digest)  # so that equal copies count once
                    raw = jsontext.loads(text or b"")
                    if not isinstance(raw, dict):
                        raise ValueError(f"a row is not the JSON of a run, but {kind(raw)}")
                    yield Record(with_business(raw, business), n_bytes=len(text))


def row_filter(since: Moment | None, until: Moment | None, **words: Words | None) -> pc.Expression | None:
    """Build a filter of rows by their time and the allowed words of some columns; None is all rows.

    Raises `UsageError` for an invalid time or word.
    """
    allowed = {column: one_or_several(column, value) for column, value in words.items()}
    terms = [
        pc.field(name).isin(pa.array(sorted(one), TEXT)) for name, one in allowed.items() if one is not None
    ]
    first, end = read_moment("since", since), read_moment("until", until)
    if first is not None:
        terms.append(pc.field("created_at") >= first)
    if end is not None:
        terms.append(pc.field("created_at") < end)
    return reduce(and_, terms) if terms else None


@dataclass(frozen=True, eq=False, repr=False)
class Selection:
    """Selected runs of one version of an archive, which later writes do not change.

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
        """The parts with the selected runs, the oldest runs first."""
        rows = resolve(self.snapshot.copies(["status", "agent", "created_at", "digest"]))
        rows = rows if self.chosen is None else rows.filter(self.chosen)
        by_file: dict[str, dict[str, dict[str, Any]]] = {}
        for row in rows.sort_by("created_at").to_pylist():
            by_file.setdefault(row["file"], {})[row["digest"]] = business_of(row)
        place = self.snapshot.place
        return tuple(Part(place, path, businesses) for path, businesses in by_file.items())

    def stored_records(self) -> Iterator[Record]:
        """Read the runs as parsed JSON, one at a time."""
        return chain.from_iterable(part.stored_records() for part in self.parts)

    def runs(self) -> Iterator[Run]:
        """Read the runs, one at a time."""
        return (Run.from_json(record.raw) for record in self.stored_records())

    def frames(self) -> Frames:
        """Make the six frames of the runs."""
        return frames(self)

    def dask(self) -> DaskFrames:
        """Give the six frames as Dask DataFrames. Raises `MissingExtra` without the extra `[scale]`."""
        from runkit.archive.cluster import dask_frames

        return dask_frames(self)

    def __iter__(self) -> Iterator[Run]:
        return self.runs()

    def __len__(self) -> int:
        return sum(len(part.businesses) for part in self.parts)

    def __repr__(self) -> str:
        what = "all runs" if self.chosen is None else f"runs with {self.chosen}"
        return visible(f"Selection({what} of version {self.version} of {self.snapshot.place.uri})")
