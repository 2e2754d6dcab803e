"""`Archive`: runs on disk or in an object store, with the same methods as in memory.

Modules that need the extra `[scale]` are imported on first use.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import NonNegativeInt, PositiveInt

import runkit
from runkit.arguments import Moment, Words, Workers, checked, full_ids, one_or_several, status_words
from runkit.errors import ArchiveError
from runkit.objects import Business
from runkit.progress import Bar
from runkit.tables.frames import gc_paused, opened
from runkit.tables.sources import Source, records_of
from runkit.text import plural

if TYPE_CHECKING:
    from runkit.archive.cluster import DaskFrames
    from runkit.archive.selection import Selection
    from runkit.archive.sync import Synced
    from runkit.archive.writing import Added
    from runkit.models import Run
    from runkit.tables.frames import Frames


class Archive:
    """Stored runs, in one Delta table: a row for each copy of a run, with its JSON as it came.

    Of each run the newest copy is read; `compact` and the end of `sync` drop the others. Each write is atomic
    and makes a new version; every version stays readable. Several processes may write at once.

    Other readers of the Delta table must select the newest copies themselves, for example in DuckDB::

        SELECT * FROM delta_scan('runs/') QUALIFY row_number() OVER (
            PARTITION BY run_id ORDER BY updated_at DESC, has_steps DESC, read_at DESC NULLS LAST
        ) = 1

    Parameters
    ----------
    path
        A folder, which `add` or `sync` creates, readable by its owner only; or the address of an object store
        such as `s3://bucket/runs`.
    storage_options
        Access options of the object store, as for the `deltalake` library.

    Raises
    ------
    MissingExtra
        Without the extra `[scale]`.
    UsageError
        For a path that cannot be an archive.
    """

    @checked
    def __init__(self, path: str | Path, *, storage_options: Mapping[str, str] | None = None) -> None:
        from runkit.archive.table import Place

        self._place = Place.of(path, storage_options)

    @property
    def version(self) -> int:
        """The number of the newest version."""
        return self._place.latest().version

    @property
    def pinned(self) -> Selection:
        """All runs of the newest version, unchanged by later writes."""
        return self.select()

    @checked
    def add(self, source: Source, *, progress: bool = True) -> Added:
        """Add runs. Copies that the archive has already, or has newer, are not written again.

        The newest copy of a run has the latest `updated_at`; at a tie a copy with steps wins, then the one
        that was read last, then the one that was added last. If it has no business, it takes over that of the
        newest copy with one.

        Runs are written about 16 MB of JSON at a time, so memory does not grow with their number. If it is
        stopped, what was written stays, and adding the same runs again continues; Ctrl-C returns the counts
        so far.

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
        from runkit.archive.writing import Writer

        records = records_of(opened(source))
        first = list(islice(records, 1))  # an invalid source raises before anything is created
        writer = Writer(self._place.make())
        is_interrupted = False
        bar = Bar(iterable=chain(first, records), unit="run", disable=not progress)
        with bar, gc_paused():
            try:
                for record in bar:
                    writer.add(record)
            except KeyboardInterrupt:
                is_interrupted = True
            writer.write()
        return writer.added(is_interrupted=is_interrupted)

    def compact(self) -> int:
        """Make the archive smaller and faster to read: drop older copies of runs, and join small files.

        Reading gives the same results before and after. `sync` ends with it; after many calls of `add`, call
        it yourself. Others may read and write in the meantime, and earlier versions stay readable.

        Returns
        -------
        int
            The new version.

        Raises
        ------
        ArchiveError
            If there is no archive, it cannot be written, or other writers conflicted every time.
        """
        from runkit.archive.writing import compact

        compact(self._place)
        return self.version

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

        Runs are written every 5 seconds, so a sync that was stopped, by Ctrl-C or kill, continues when it is
        called again. It ends with a compaction. It only reads from the API.

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
            If the runs cannot be listed, and `AuthError` if the key is refused; what has arrived is written.
        ArchiveError
            If the archive cannot be written.
        """
        from runkit.archive.sync import sync

        chosen: Any = {"status": status, "since": since, "until": until, "business_id": business_id}
        return sync(self._place, client, workers=workers, progress=progress, limit=limit, **chosen)

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
            With `frames()`, `runs()` and `dask()`; `runkit.report`, `runkit.gantt` and `runkit.frames` take
            it.

        Raises
        ------
        UsageError
            For an unknown status, version or run id, an invalid time, or the start of several run ids.
        ArchiveError
            If there is no readable archive.
        """
        from runkit.archive.selection import Selection, row_filter

        snapshot = self._place.latest(version)
        names, words = one_or_several("run_id", run_id), status_words(status)
        ids = None
        if names is not None:
            known = snapshot.copies()["run_id"].to_pylist()
            ids = full_ids(names, known, f"version {snapshot.version} of {self._place.uri}")
        chosen = row_filter(since, until, run_id=ids, status=words, agent=agent, business_id=business_id)
        return Selection(snapshot, chosen)

    def frames(self, **chosen: Any) -> Frames:
        """Build the six frames of selected runs, reading only what they need. Arguments as for `select`.

        The runs are in the order of the files, roughly oldest first; `Frames.version` is the version.
        """
        return self.select(**chosen).frames()

    def runs(self, **chosen: Any) -> Iterator[Run]:
        """Iterate over selected runs, one at a time. Arguments as for `select`."""
        return self.select(**chosen).runs()

    def dask(self, **chosen: Any) -> DaskFrames:
        """Give the six frames as Dask DataFrames. Arguments as for `select`."""
        return self.select(**chosen).dask()

    def __iter__(self) -> Iterator[Run]:
        return self.runs()

    def __len__(self) -> int:
        return len(self.pinned)

    def __bool__(self) -> bool:  # len would open the archive
        return True

    def __repr__(self) -> str:
        from runkit.archive.table import NoArchive

        try:
            runs = self.pinned
            n_bytes = sum(runs.snapshot.files.values())
            facts = f"{plural(len(runs), 'run')}, {n_bytes / 1e6:,.1f} MB, version {runs.version}"
        except NoArchive:
            facts = "no archive yet"
        except ArchiveError:
            facts = "cannot be read"
        return f"Archive({self._place.uri!r}, {facts})"
