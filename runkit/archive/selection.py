"""A choice of runs in one version of an archive, and the parts in which it is read.

Which copies of runs are chosen is decided for the whole version, before any JSON is read. A part is some
files and what is wanted of them. It is read by whoever needs it, here or on another machine, and holds whole
runs only, so six frames of a part hold the same runs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from functools import cached_property, reduce
from itertools import chain
from operator import and_
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from runkit import jsontext
from runkit.archive.rows import with_business
from runkit.archive.table import FILE_BYTES, Place, Snapshot
from runkit.contract import one_or_several, status_words, time_bound
from runkit.errors import ArchiveError
from runkit.models import Run
from runkit.steptree import kind
from runkit.tables.frames import Frames, frames
from runkit.tables.validate import TEXT
from runkit.text import visible

if TYPE_CHECKING:
    from runkit.archive.cluster import DaskFrames

Words = str | Iterable[str] | None
Moment = date | str | None
PART_BYTES = FILE_BYTES
"""Of a part's files: about 80,000 steps, which take some 100 MB as frames and half a second to make."""
ROWS_AT_ONCE = 64  # of JSON text that is decompressed ahead of the parser


class Part(NamedTuple):
    """What is read at once, and everything that is needed to read it. Travels to other processes.

    `wanted` has the digest of each copy that is wanted of these files, and the business of its run.
    """

    place: Place
    paths: list[str]
    wanted: dict[str, str | None]

    def raw_runs(self) -> Iterator[dict[str, Any]]:
        """Read the runs, one at a time. Raises `ArchiveError` for what cannot be read."""
        wanted = dict(self.wanted)
        with self.place.translated_errors():
            batches = self.place.dataset(self.paths).to_batches(
                columns=["digest", "json"],
                batch_size=ROWS_AT_ONCE,
                batch_readahead=1,
                fragment_readahead=1,
                use_threads=False,
                cache_metadata=False,
            )
            for batch in batches:
                for digest, text in zip(batch["digest"].to_pylist(), batch["json"], strict=True):
                    if digest in wanted:
                        yield with_business(self._loads(text), wanted.pop(digest))  # equal copies count once

    def _loads(self, text: pa.Scalar) -> dict[str, Any]:
        try:
            raw = jsontext.loads(text.as_buffer().to_pybytes() if text.is_valid else b"")
            if not isinstance(raw, dict):
                raise ValueError(f"expected an object, found {kind(raw)}")
        except (ValueError, RecursionError) as error:
            raise ArchiveError(
                f"the archive at {self.place.uri} is damaged: a row is no JSON of a run ({error}). Another "
                "version may be whole: archive.select(version=…)."
            ) from None
        return raw


def row_filter(
    *, status: Words, since: Moment, until: Moment, agent: Words, business_id: Words
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
        """The parts that hold the chosen runs, the oldest runs first."""
        copies = self.snapshot.copies(["status", "agent", "created_at", "digest"])
        rows = copies.newest if self.chosen is None else copies.newest.filter(self.chosen)
        gathered = [("created_at", "min"), ("digest", "list"), ("business_id", "list")]
        parts: list[Part] = []
        size = 0
        files = rows.group_by("file").aggregate(gathered)
        for file in files.sort_by([("created_at_min", "ascending"), ("file", "ascending")]).to_pylist():
            facts = copies.files[file["file"]]
            size += facts["size_bytes"]
            if not parts or size > PART_BYTES:
                parts.append(Part(self.snapshot.place, [], {}))
                size = facts["size_bytes"]
            parts[-1].paths.append(facts["path"])
            parts[-1].wanted.update(zip(file["digest_list"], file["business_id_list"], strict=True))
        return tuple(parts)

    def raw_runs(self) -> Iterator[dict[str, Any]]:
        """Read the runs as parsed JSON, one at a time."""
        return chain.from_iterable(part.raw_runs() for part in self.parts)

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

    def __iter__(self) -> Iterator[Run]:
        return self.runs()

    def __len__(self) -> int:
        return sum(len(part.wanted) for part in self.parts)

    def __repr__(self) -> str:
        what = "all runs" if self.chosen is None else f"runs with {self.chosen}"
        return visible(f"Selection({what} of version {self.version} of {self.snapshot.place.uri})")
