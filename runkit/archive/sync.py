"""Update an archive from the API: read only what is new or changed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from runkit import contract
from runkit.archive.rows import resolve
from runkit.archive.table import CommitConflict, Place
from runkit.archive.writing import Added, Writer, compact
from runkit.client import RunList
from runkit.client.fetch import DOWN, INTERRUPTED, error_words, stop_words
from runkit.errors import ApiError, AuthError
from runkit.progress import Bar
from runkit.tables.sources import record_of
from runkit.text import plural, timestamp, visible

if TYPE_CHECKING:
    from runkit.client import Client
    from runkit.models import Run

# runs that are read and then written: at 20 a second, 5 s of work are lost if the process is killed
BATCH = 100
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
    identify: bool = False,
    **chosen: Any,
) -> Synced:
    """List the runs of a client, read and write those that are new or changed, and compact the archive.

    `chosen` as for `client.runs.list`; with `identify` the businesses of runs that are read are searched for.
    Raises what listing raises, and `AuthError` if the key is refused later; then what has arrived is written.
    """
    listed = client.runs.list(progress=progress, **chosen)
    snapshot = place.make()
    newest = resolve(snapshot.copies(["status"], listed.ids)).to_pylist()
    known = {row["run_id"]: row for row in newest}
    due = [run for run in listed if _is_due(run, known.get(run.id))]
    # The limit is the caller's wish, so that a list cut at it misses nothing.
    reasons = [listed.why] if listed.why and not listed.is_cut_only else []
    if identify:
        client.businesses.identify(due, progress=progress)
    writer = Writer(snapshot)
    errors: dict[str, ApiError] = {}
    stopped: str | None = None
    try:
        with Bar(total=len(due), unit="run", disable=not (progress and due)) as bar:
            for start in range(0, len(due), BATCH):
                batch = due[start : start + BATCH]
                runs, refused = _fetch(client, batch, workers)
                for run in runs:
                    writer.add(record_of(run, f"run {run.id}"))
                writer.write()
                if refused:
                    raise refused
                bar.update(len(batch))
                errors |= runs.errors
                stopped = runs.stopped
                if stopped:
                    break
            else:
                with suppress(CommitConflict):  # the next sync will do it
                    compact(place, MAX_SMALL_FILES)
    except KeyboardInterrupt:
        stopped = INTERRUPTED
        writer.write()
    snapshot.refresh()
    added = writer.added(is_interrupted=stopped == INTERRUPTED)
    n_kept = added.n_new + added.n_changed + added.n_unchanged
    if stopped:
        reasons.append(f"{stopped}: {n_kept:,} of {plural(len(due), 'run')} arrived; sync again to continue")
    reasons += error_words(errors)
    if added.n_refused:
        reasons.append(f"{plural(added.n_refused, 'record')} could not be kept, see .added.problems")
    return Synced(
        host=client.host,
        covered=_covered(listed),
        n_listed=len(listed),
        n_unchanged=len(listed) - len(due),
        added=added,
        errors=errors,
        why="; ".join(reasons) or None,
        is_interrupted=added.is_interrupted,
    )


def _fetch(client: Client, batch: list[Run], workers: int) -> tuple[RunList, AuthError | None]:
    """Read some runs; a refused key or a host that is down is no error as long as something has arrived."""
    try:
        return client.runs.fetch(batch, workers=workers, progress=False), None
    except AuthError as error:
        return error.runs or RunList(), error
    except DOWN as error:
        return RunList(stopped=stop_words(error)), None


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
