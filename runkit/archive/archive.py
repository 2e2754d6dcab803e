"""`Archive`: runs at rest, under the names that they have in memory.

What needs the extra is imported when it is used, so that the name can be had without.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runkit.errors import ArchiveError
from runkit.progress import Bar
from runkit.tables.frames import gc_paused
from runkit.tables.sources import records_of
from runkit.text import plural

if TYPE_CHECKING:
    from runkit.archive.cluster import DaskFrames
    from runkit.archive.selection import Moment, Selection, Words
    from runkit.archive.sync import Synced
    from runkit.archive.writing import Added
    from runkit.client import Client
    from runkit.models import Run
    from runkit.tables.frames import Frames


class Archive:
    """Runs that are kept, in one Delta table: a row for each copy of a run, with its JSON as it came.

    Of each run the newest copy is read, and the others are dropped by `compact` and at the end of `sync`.
    Each write is a new version, whole or not there at all; every version can be read again. Several processes
    may write at once.

    Parameters
    ----------
    path
        A folder, which `add` or `sync` makes, readable by its owner only; or the address of an object store
        such as `s3://bucket/runs`.
    storage_options
        Access to the object store, as the `deltalake` library takes it.

    Raises
    ------
    MissingExtra
        Without the extra `[scale]`.
    UsageError
        For a path that cannot be an archive.

    """

    def __init__(self, path: str | Path, *, storage_options: Mapping[str, str] | None = None) -> None:
        from runkit.archive.table import Place

        self._place = Place.of(path, storage_options)

    @property
    def version(self) -> int:
        """The number of the newest version."""
        return self._place.latest().version

    @property
    def pinned(self) -> Selection:
        """All runs of the newest version, whatever is written from now on."""
        return self.select()

    def add(self, source: object, *, progress: bool = True) -> Added:
        """Keep runs. What the archive holds already, or has newer, is not written again.

        The newest copy of a run is that with the latest `updated_at`; at a tie one with steps is newer than
        one without, then the one that was read last, then the one that was added last. A business that one
        copy knows is kept.

        Runs are written some 32 MB of JSON at a time, so memory does not grow with their number; what was
        written when something stops it stays, and adding the same again goes on; Ctrl-C returns what was
        done.

        Parameters
        ----------
        source
            What `runkit.frames` takes, but `Frames`.
        progress
            Whether to count the runs when it takes longer than 2 seconds.

        Returns
        -------
        Added
            How many runs were new, changed, unchanged and refused.

        Raises
        ------
        UsageError
            For what holds no runs.
        ArchiveError
            When the archive cannot be written.

        """
        from runkit.archive.writing import add_records

        records = records_of(source)
        first = list(islice(records, 1))  # what is no source is said before anything is made
        snapshot = self._place.make()
        bar = Bar(iterable=chain(first, records), unit="run", delay=2, disable=not progress)
        with bar, gc_paused():
            return add_records(snapshot, bar)

    def compact(self) -> int:
        """Make the archive smaller and quicker to read: drop superseded copies of runs, and join small files.

        Reading gives the same before and after, since of each run only the newest copy counts. `sync` ends
        with it; after many calls of `add`, call it yourself. Others may read and write meanwhile, and earlier
        versions can still be read.

        Returns
        -------
        int
            The version afterwards.

        Raises
        ------
        ArchiveError
            If there is no archive, it cannot be written, or other writers were in the way all the time.

        """
        from runkit.archive.writing import compact

        if not compact(self._place):
            raise ArchiveError(
                f"{self._place.uri}: other writers were in the way, so not all is compacted and nothing is "
                "lost; compact again when they are done."
            )
        return self.version

    def sync(
        self,
        client: Client,
        *,
        limit: int | None = None,
        status: Words = None,
        since: Moment = None,
        until: Moment = None,
        business_id: str | None = None,
        workers: int = 8,
        progress: bool = True,
    ) -> Synced:
        """Bring the archive up to date: list the runs, and read those that are new, changed or still work.

        What arrives is written every 5 seconds, so a sync that was stopped, by Ctrl-C or kill, goes on when
        it is called again. It ends with a compaction. Only reads from the API.

        Parameters
        ----------
        client
            Where the runs are; `read_only=True` will do.
        limit, status, since, until, business_id
            Which runs, as for `client.runs.list`.
        workers
            How many runs are read at a time, as for `client.runs.fetch`.
        progress
            Whether to show progress.

        Returns
        -------
        Synced
            What was covered, what it brought, and which runs could not be read.

        Raises
        ------
        ApiError
            What listing raises, and `AuthError` for a key that is refused; what had arrived is written.
        ArchiveError
            When the archive cannot be written.

        """
        from runkit.archive.sync import sync

        chosen = {"status": status, "since": since, "until": until, "business_id": business_id}
        return sync(self._place, client, workers=workers, progress=progress, limit=limit, **chosen)

    def select(
        self,
        *,
        status: Words = None,
        since: Moment = None,
        until: Moment = None,
        agent: Words = None,
        business_id: Words = None,
        version: int | None = None,
    ) -> Selection:
        """Choose runs of one version by what their newest copies say; nothing is read yet.

        Parameters
        ----------
        status, agent, business_id
            A word, or several.
        since, until
            Bounds of `created_at`; `since` is included, `until` is not.
        version
            A version of the archive, the newest if none is named.

        Returns
        -------
        Selection
            With `frames()`, `runs()` and `dask()`; `runkit.report`, `runkit.gantt` and `runkit.frames` take
            it.

        Raises
        ------
        UsageError
            For a status, time or version that is none.
        ArchiveError
            Where no archive is to be read.

        """
        from runkit.archive.selection import Selection, chosen_by

        chosen = chosen_by(status=status, since=since, until=until, agent=agent, business_id=business_id)
        return Selection(self._place.latest(version), chosen)

    def frames(self, **chosen: Any) -> Frames:
        """Make the six frames of chosen runs, reading only what they need. Arguments as for `select`.

        The runs come in the order of the files, about oldest first; `Frames.version` names the version.
        """
        return self.select(**chosen).frames()

    def runs(self, **chosen: Any) -> Iterator[Run]:
        """Iterate over chosen runs, one at a time. Arguments as for `select`."""
        return self.select(**chosen).runs()

    def dask(self, **chosen: Any) -> DaskFrames:
        """Give the six frames as Dask DataFrames. Arguments as for `select`."""
        return self.select(**chosen).dask()

    def __iter__(self) -> Iterator[Run]:
        return self.runs()

    def __len__(self) -> int:
        return len(self.pinned)

    def __bool__(self) -> bool:  # nothing is opened to say that there is an object
        return True

    def __repr__(self) -> str:
        from runkit.archive.table import NoArchive

        try:
            runs = self.pinned
            n_bytes = sum(file["size_bytes"] for file in runs.snapshot.files)
            facts = f"{plural(len(runs), 'run')}, {n_bytes / 1e6:,.1f} MB, version {runs.version}"
        except NoArchive:
            facts = "nothing there yet"
        except ArchiveError:
            facts = "cannot be read"
        return f"Archive({self._place.uri!r}, {facts})"
