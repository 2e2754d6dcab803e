"""An archive that follows the API: what is new or changed is read again, and nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from runkit import contract
from runkit.archive.table import Place
from runkit.archive.writing import Added, Writer, compact
from runkit.client.fetch import check_workers
from runkit.errors import ApiError, RateLimited, Unavailable
from runkit.progress import Bar
from runkit.tables.sources import Location, Record
from runkit.text import moment, plural, shorten, visible

if TYPE_CHECKING:
    from runkit.client import Client
    from runkit.models import Run

WITHIN = 5.0  # seconds after which what has come is written: as much is lost if the process is killed
MOST_SMALL_FILES = 24  # more are joined after a sync: many small files are slow to open
INTERRUPTED = "interrupted"
NAMED = 3  # failed ids that `why` names; `errors` has all


@dataclass(frozen=True, repr=False)
class Synced:
    """What a sync covered and what it brought.

    `n_listed` runs were listed, of which `n_unchanged` were not read again; `added` says what became of the
    others, `errors` by id why some could not be read. `covered` says in words which runs were listed. `why`
    says what may be missing, None if nothing is. `is_interrupted`: Ctrl-C ended it.
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
        """Whether the archive now holds every run that was asked for, as it was when it was listed."""
        return self.why is None

    @property
    def version(self) -> int:
        """The version of the archive afterwards."""
        return self.added.version

    def __repr__(self) -> str:
        brought = f"{self.added.n_new:,} new, {self.added.n_changed:,} changed"
        unchanged = self.n_unchanged + self.added.n_unchanged
        whole = "complete" if self.why is None else f"not complete: {self.why}"
        counts = f"{brought}, {unchanged:,} unchanged"
        return visible(f"{self.host}: {self.covered}; {counts}; {whole}; version {self.version}")


def sync(place: Place, client: Client, *, workers: int, progress: bool, **chosen: Any) -> Synced:
    """List the runs of a client, read and write those that are new or changed, and compact the archive.

    `chosen` as `client.runs.list` takes it. Raises what listing raises, and `AuthError` when the key is
    refused meanwhile; what had arrived is written then.
    """
    check_workers(workers)
    listed = client.runs.list(progress=progress, **chosen)
    snapshot = place.make()
    known = snapshot.known(listed.ids, ["status"])
    todo = [run for run in listed if _is_due(run, known.get(run.id))]
    n_listed, covered, whys = len(listed), _covered(listed), (listed.why or "").split("; ")
    del listed, known
    writer = Writer(snapshot, within=WITHIN)
    errors, stopped = _read(client, todo, writer, workers=workers, progress=progress)
    snapshot.refresh()
    added = writer.added(is_interrupted=stopped == INTERRUPTED)
    whys = [why for why in whys if not (chosen.get("limit") and why.startswith("cut at limit="))]
    if stopped:
        n_kept = added.n_new + added.n_changed + added.n_unchanged
        whys.append(f"{stopped}: {n_kept:,} of {len(todo):,} runs arrived; sync again to go on")
    if errors:
        named = [f"{one} ({shorten(str(error), 100)})" for one, error in errors.items()][:NAMED]
        more = f" and {len(errors) - NAMED:,} more" if len(errors) > NAMED else ""
        whys.append(f"{plural(len(errors), 'run')} could not be read: {', '.join(named)}{more}")
    if added.n_refused:
        whys.append(f"{plural(added.n_refused, 'record')} could not be kept, see .added.problems")
    why = "; ".join(filter(None, whys)) or None
    n_unchanged = n_listed - len(todo)
    return Synced(client.host, covered, n_listed, n_unchanged, added, errors, why, added.is_interrupted)


def _read(
    client: Client, todo: list[Run], writer: Writer, *, workers: int, progress: bool
) -> tuple[dict[str, ApiError], str | None]:
    """Read runs into a writer; gives the errors by id, and what stopped it. Whatever does, all is written."""
    errors: dict[str, ApiError] = {}
    arriving = client.runs.arriving(todo, workers=workers, on_idle=writer.write_if_due)
    try:
        with closing(arriving), Bar(total=len(todo), unit="run", delay=1, disable=not progress) as bar:
            for run_id, outcome in arriving:
                bar.update()
                if isinstance(outcome, ApiError):
                    errors[run_id] = outcome
                else:
                    writer.take(Record(outcome.to_dict(), Location(path=f"run {run_id}")))
        writer.write()
        compact(writer.place, MOST_SMALL_FILES)  # if other writers are in the way, the next sync will do it
    except KeyboardInterrupt:
        return errors, INTERRUPTED
    except (Unavailable, RateLimited) as error:
        return errors, f"stopped: {shorten(str(error), 200)}"
    finally:
        writer.write()
    return errors, None


def _is_due(run: Run, known: dict[str, Any] | None) -> bool:
    """Whether a listed run is to be read: it is new, has changed, or may have."""
    if known is None or not known["has_steps"] or not contract.tells_changes(run.status):
        return True
    if known["business_id"] is None and run.business_id is not None:  # which is learned by reading it again
        return True
    return bool(run.updated_at > known["updated_at"] or run.status != known["status"])


def _covered(listed: Iterable[Run]) -> str:
    times = [run.created_at for run in listed]
    if not times:
        return "no runs listed"
    return f"{plural(len(times), 'run')} listed, created {moment(min(times))} to {moment(max(times))}"
