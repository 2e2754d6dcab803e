"""Update an archive from the API: read only what is new or changed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from runkit import contract
from runkit.archive.rows import resolve
from runkit.archive.table import CommitConflict, Place
from runkit.archive.writing import Added, Writer, compact
from runkit.client.fetch import collect, missing_words
from runkit.errors import ApiError, AuthError
from runkit.tables.sources import record_of
from runkit.text import plural, timestamp, visible

if TYPE_CHECKING:
    from runkit.client import Client
    from runkit.models import Run

# seconds between two writes: so much work is lost if the process is killed
WRITE_INTERVAL = 5.0
MAX_SMALL_FILES = 24  # more are joined after a sync, because many small files are slow to open


@dataclass(frozen=True, repr=False)
class Synced:
    """The result of a sync.

    `n_listed` runs were listed, of which `n_unchanged` were not read again; `added` has the counts of the
    others, and `errors`, by id, why some could not be read. `covered` describes the listed runs. `why` says
    what may be missing, None if nothing is. `is_interrupted`: Ctrl-C ended it.
    """

    host: str
    covered: str
    n_listed: int
    n_unchanged: int
    added: Added
    errors: Mapping[str, ApiError] = field(default_factory=dict)
    why: str | None = None
    is_interrupted: bool = False

    @property
    def is_complete(self) -> bool:
        """Whether the archive now has every selected run, as of the listing."""
        return self.why is None

    @property
    def version(self) -> int:
        """The version of the archive after the sync."""
        return self.added.version

    def __repr__(self) -> str:
        unchanged = self.n_unchanged + self.added.n_unchanged
        counts = f"{self.added.n_new:,} new, {self.added.n_changed:,} changed, {unchanged:,} unchanged"
        completeness = "complete" if self.why is None else f"not complete: {self.why}"
        return visible(f"{self.host}: {self.covered}; {counts}; {completeness}; version {self.version}")


def sync(
    place: Place,
    client: Client,
    *,
    workers: int = 8,
    progress: bool = True,
    read_names: Callable[[Client, list[Run]], object] | None = None,
    **chosen: Any,
) -> Synced:
    """List the runs of a client, read and write those that are new or changed, and compact the archive.

    `chosen` as for `client.runs.list`; `read_names` makes the client find the businesses of listed runs, of
    which neither it nor the archive knows them. Raises what listing raises, and `AuthError` if the key is
    refused later; then what has arrived is written.
    """
    listed = client.runs.list(progress=progress, **chosen)
    snapshot = place.make()
    newest = resolve(snapshot.copies(["status"], listed.ids)).to_pylist()
    known = {row["run_id"]: row for row in newest}
    if read_names is not None:
        is_named = {run_id for run_id, row in known.items() if row["business_id"] is not None}
        read_names(client, [run for run in listed if run.id not in is_named])
    due = [run for run in map(client.businesses.identified, listed) if _is_due(run, known.get(run.id))]
    n_listed, covered = len(listed), _covered(listed)
    # The limit is the caller's wish, so that a list cut at it misses nothing.
    reasons = [listed.why] if listed.why and not listed.is_cut_only else []
    del listed, newest, known  # while the runs are read, memory holds none of the others
    writer = Writer(snapshot, within=WRITE_INTERVAL)
    errors: dict[str, ApiError] = {}

    def keep(run_id: str, run: Run) -> None:
        writer.add(record_of(run, f"run {run_id}"))

    try:
        arriving = client.runs.arriving(due, workers=workers, on_idle=writer.write_if_due)
        stop = collect(arriving, keep, errors, len(due), progress)
        writer.write()
        if stop is None:
            with suppress(CommitConflict):  # the next sync will do it
                compact(place, MAX_SMALL_FILES)
    except KeyboardInterrupt as interrupt:
        stop = interrupt
    finally:
        writer.write()  # all that arrived
    if isinstance(stop, AuthError):
        raise stop
    snapshot.refresh()
    added = writer.added(is_interrupted=isinstance(stop, KeyboardInterrupt))
    n_kept = added.n_new + added.n_changed + added.n_unchanged
    reasons += missing_words(stop, errors, n_kept, len(due))
    reasons += ["sync again to continue"] if stop else []
    if added.n_refused:
        reasons.append(f"{plural(added.n_refused, 'record')} could not be kept, see .added.problems")
    return Synced(
        host=client.host,
        covered=covered,
        n_listed=n_listed,
        n_unchanged=n_listed - len(due),
        added=added,
        errors=errors,
        why="; ".join(reasons) or None,
        is_interrupted=added.is_interrupted,
    )


def _is_due(run: Run, known: dict[str, Any] | None) -> bool:
    """Whether to read a listed run: it is new, has changed, or may have changed."""
    if known is None or not known["has_steps"] or not contract.is_updated_at_reliable(run.status):
        return True
    # reading it again stores the business
    if known["business_id"] is None and run.business_id is not None:
        return True
    return bool(run.updated_at > known["updated_at"] or run.status != known["status"])


def _covered(listed: Iterable[Run]) -> str:
    times = [run.created_at for run in listed]
    if not times:
        return "no runs listed"
    return f"{plural(len(times), 'run')} listed, created {timestamp(min(times))} to {timestamp(max(times))}"
