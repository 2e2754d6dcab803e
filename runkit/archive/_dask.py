"""The six frames as Dask DataFrames: the only file that needs `dask`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from runkit.errors import MissingExtra
from runkit.tables.arrow_columns import empty
from runkit.tables.read_frames import frames
from runkit.tables.schema import COLUMNS
from runkit.tables.sources import HasRuns

try:
    import dask
    import dask.dataframe as dd
except ImportError:
    raise MissingExtra.of("scale", "frames as Dask DataFrames") from None


@dataclass(frozen=True, eq=False, repr=False)
class DaskFrames:
    """The six frames as lazy Dask DataFrames.

    Partition i of all six has the same whole runs, so `map_partitions` over several frames needs no
    shuffle. Dtypes and categories are those of the frames in memory. Divisions are unknown, and the
    index starts at 0 in each partition. `reads` has the time and host of each run's read; `version`
    is that of the archive.
    """

    runs: dd.DataFrame
    steps: dd.DataFrame
    artifacts: dd.DataFrame
    sources: dd.DataFrame
    interrupts: dd.DataFrame
    problems: dd.DataFrame
    reads: dd.DataFrame
    version: int

    def __repr__(self) -> str:
        n = self.runs.npartitions
        return f"DaskFrames({n} partitions, version {self.version} of the archive)"


def dask_frames(parts: Sequence[HasRuns], version: int) -> DaskFrames:
    """Build the frames of some runs, one partition for each part, at least one.

    A partition of `whole` is a `Frames`, and each of the six frames takes its own from it. So
    frames that are computed together, or joined, need only one reading.
    """
    # Dask would convert text to its own dtype.
    with dask.config.set({"dataframe.convert-string": False}):
        # A partition is the `Frames` of a part, whatever its `meta` says, and `getattr` takes one.
        whole = dd.from_map(
            frames, parts, progress=False, meta=empty("runs"), label="runkit-frames"
        )
        lazy: dict[str, Any] = {
            name: whole.map_partitions(getattr, name, meta=empty(name), enforce_metadata=False)
            for name in COLUMNS
        }
    return DaskFrames(**lazy, version=version)
