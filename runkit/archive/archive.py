"""`Archive`: runs on disk, with the same methods as in memory.

Which copies of runs are selected is decided for the whole version, before any JSON is read. Modules
that need the extra `[scale]` are imported on first use.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
from pydantic import NonNegativeInt, PositiveInt

import runkit
from runkit.api import contract, jsontext
from runkit.api.contract import BUSINESS_FIELDS
from runkit.api.models import Run
from runkit.api.other_models import Business
from runkit.arguments import (
    Moment,
    Words,
    Workers,
    checked,
    full_ids,
    one_or_several,
    read_moment,
    status_words,
)
from runkit.display.progress import Bar
from runkit.display.text import plural, visible
from runkit.tables.frames import Frames
from runkit.tables.read_frames import frames, gc_paused, open_source
from runkit.tables.sources import Record, Source, in_batches, records_of

if TYPE_CHECKING:
    from runkit.archive._dask import DaskFrames
    from runkit.archive._writing import Added
    from runkit.archive.sync import Synced
    from runkit.archive.table import Table


class Archive:
    """Stored runs, in one Delta table: a row for each copy of a run, with its JSON as it came.

    Of each run the newest copy is read, with the business of the newest copy that has one. Each
    write is atomic and makes a new version; every version stays readable. Several processes may
    write at once.

    Other readers of the Delta table must select the newest copies themselves, for example in
    DuckDB::

        SELECT * FROM delta_scan('runs/') QUALIFY row_number() OVER (
            PARTITION BY run_id ORDER BY updated_at DESC, has_steps DESC, read_at DESC NULLS LAST
        ) = 1

    Parameters
    ----------
    path
        A folder, which `add` or `sync` creates, readable by its owner only.

    Raises
    ------
    MissingExtra
        Without the extra `[scale]`.
    UsageError
        For a path that cannot be an archive.
    """

    @checked
    def __init__(self, path: str | Path) -> None:
        from runkit.archive.table import Table

        self._table = Table.of(path)

    @property
    def version(self) -> int:
        """The number of the newest version."""
        return self._table.open().version()

    @property
    def pinned(self) -> Selection:
        """All runs of the newest version, unchanged by later writes."""
        return self.select()

    @checked
    def add(self, source: Source, *, progress: bool = True) -> Added:
        """Add runs. Copies that the archive has already are not written again.

        The newest copy of a run has the latest `updated_at`; at a tie a copy with steps wins, then
        the one that was read last, then the one that was added last. If it has no business, it
        takes over that of the newest copy with one.

        Runs are written about 16 MB of JSON at a time, so memory does not grow with their number.
        Small files are joined when there are many; what is read stays the same.
        If it is stopped, also by Ctrl-C, what has come is kept, and adding the same runs again
        continues.

        Parameters
        ----------
        source
            Anything that `runkit.frames` takes, except `Frames`.
        progress
            Show a counter if it takes longer than 2 seconds.

        Returns
        -------
        Added
            How many runs were new, changed, unchanged and refused.

        Raises
        ------
        UsageError
            For a source without runs.
        ArchiveError
            If the archive cannot be written.
        """
        from runkit.archive._writing import BATCH_BYTES, write_runs

        with (
            Bar(iterable=records_of(open_source(source)), unit="run", progress=progress) as bar,
            gc_paused(),
        ):
            return write_runs(self._table, in_batches(bar, BATCH_BYTES, sys.maxsize))

    @checked
    def sync(
        self,
        client: runkit.Client,
        *,
        limit: PositiveInt | None = None,
        status: Words | None = None,
        since: Moment | None = None,
        until: Moment | None = None,
        business_id: str | Business | Iterable[str | Business] | None = None,
        workers: Workers = 8,
        progress: bool = True,
    ) -> Synced:
        """Update the archive: list the runs, and read those that are new, changed or still running.

        Runs are written every 5 seconds, so a sync that was stopped, by Ctrl-C or kill, continues
        when it is called again. It only reads from the API.

        Parameters
        ----------
        client
            The source of the runs; it may be read-only.
        limit, status, since, until, business_id
            Which runs, as for `client.runs.list`.
        workers
            How many runs are read at a time, as for `client.runs.fetch`.
        progress
            Whether to show progress.

        Returns
        -------
        Synced
            What was listed, what is new, and which runs could not be read.

        Raises
        ------
        UsageError
            For an invalid argument.
        ApiError
            If the runs cannot be listed, and `AuthError` if the key is refused; what has arrived is
            written.
        ArchiveError
            If the archive cannot be written.
        """
        from runkit.archive.sync import sync

        return sync(
            self._table,
            client,
            limit=limit,
            status=status,
            since=since,
            until=until,
            business_id=business_id,
            workers=workers,
            progress=progress,
        )

    @checked
    def select(
        self,
        *,
        run_id: Words | None = None,
        status: Words | None = None,
        since: Moment | None = None,
        until: Moment | None = None,
        agent: Words | None = None,
        business_id: Words | None = None,
        version: NonNegativeInt | None = None,
    ) -> Selection:
        """Select runs of one version by their newest copies; their JSON is not read yet.

        Parameters
        ----------
        run_id
            One id or several; the first 8 characters of an id are enough if they are unique.
        status, agent, business_id
            One word or several; a status in the API's words or the screen's (`waiting`, `failed`).
        since, until
            Bounds of `created_at`, as for `client.runs.list`; `since` is included, `until` is not.
        version
            A version of the archive, by default the newest.

        Returns
        -------
        Selection
            With `frames()`, `runs()` and `dask()`; `runkit.report`, `runkit.gantt` and
            `runkit.frames` take it.

        Raises
        ------
        UsageError
            For an unknown status, version or run id, an invalid time, or the start of several run
            ids.
        ArchiveError
            If there is no readable archive.
        """
        from runkit.archive.table import resolve

        run_ids = one_or_several("run_id", run_id)
        filters = {
            "status": status_words(status),
            "agent": one_or_several("agent", agent),
            "business_id": one_or_several("business_id", business_id),
        }
        first = read_moment("since", since)
        end = read_moment("until", until)

        snapshot = self._table.open(version)
        rows = resolve(self._table.copies(snapshot))
        if run_ids is not None:
            where = f"version {snapshot.version()} of {self._table}"
            filters["run_id"] = frozenset(full_ids(run_ids, rows["run_id"], where))
        for column, allowed in filters.items():
            if allowed is not None:
                rows = rows[rows[column].astype(object).isin(allowed)]
        if first is not None:
            rows = rows[rows["created_at"] >= first]
        if end is not None:
            rows = rows[rows["created_at"] < end]
        rows = rows.sort_values("created_at", kind="stable")
        return Selection(self._table, snapshot.version(), rows)

    def frames(self, **chosen: Any) -> Frames:
        """Build the six frames of selected runs, with the arguments of `select`.

        The runs are in the order of the files, roughly oldest first; `Frames.version` is the
        version.
        """
        return self.select(**chosen).frames()

    def runs(self, **chosen: Any) -> Iterator[Run]:
        """Iterate over selected runs, one at a time. Arguments as for `select`."""
        return self.select(**chosen).runs()

    def dask(self, **chosen: Any) -> DaskFrames:
        """Build the six frames as Dask DataFrames. Arguments as for `select`."""
        return self.select(**chosen).dask()

    def __iter__(self) -> Iterator[Run]:
        return self.runs()

    def __len__(self) -> int:
        return len(self.pinned)

    def __bool__(self) -> bool:  # without this, `if archive:` would open it to count its runs
        return True

    def __repr__(self) -> str:
        return visible(f"Archive({str(self._table)!r})")


@dataclass(frozen=True, eq=False, repr=False)
class Selection:
    """Selected runs of one version of an archive, which later writes do not change.

    `runkit.frames`, `runkit.gantt` and `runkit.report` take it. `rows` has the file of each run,
    the number of its row in it, and its business; any process or machine can read them.
    """

    table: Table
    version: int
    rows: pd.DataFrame

    @property
    def parts(self) -> list[Selection]:
        """The runs of each file, the oldest runs first."""
        files = self.rows.groupby("file", sort=False)
        return [Selection(self.table, self.version, rows) for _, rows in files]

    def stored_records(self) -> Iterator[Record]:
        """Read the runs, one at a time. Raises `ArchiveError` for what cannot be read."""
        for part in self.parts:
            businesses = part.rows[list(BUSINESS_FIELDS)].to_dict("records")
            with self.table.translated_errors():
                texts = self.table.json_of(part.rows)
                for scalar, business in zip(texts, businesses, strict=True):
                    text = scalar.as_py() or b""
                    raw = _with_business(jsontext.loads(text), business)
                    yield Record(raw, n_bytes=len(text))

    def runs(self) -> Iterator[Run]:
        """Read the runs, one at a time."""
        return (Run.from_json(record.raw) for record in self.stored_records())

    def frames(self) -> Frames:
        """Build the six frames of the runs."""
        return frames(self)

    def dask(self) -> DaskFrames:
        """Build the six frames as Dask DataFrames.

        Raises `MissingExtra` without the extra `[scale]`.
        """
        from runkit.archive._dask import dask_frames

        return dask_frames(self.parts or [self], self.version)

    def __iter__(self) -> Iterator[Run]:
        return self.runs()

    def __len__(self) -> int:
        return len(self.rows)

    def __repr__(self) -> str:
        runs = plural(len(self), "run")
        return visible(f"Selection({runs} of version {self.version} of {self.table})")


def _with_business(raw: Any, business: dict[Any, Any]) -> contract.Json:
    """Return a run with the business of its row, which the JSON of its newest copy may not have."""
    if not isinstance(raw, dict):
        raise ValueError("a row is not the JSON of a run")
    known = {name: value for name, value in business.items() if pd.notna(value)}
    return contract.with_local_fields(raw, **known | contract.local_fields(raw))
