"""An archive that follows the API: what is new or changed is read again, and nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from runkit.archive.adding import Added, Writer
from runkit.archive.table import Place, Snapshot, opened_or_made
from runkit.client import codec
from runkit.client.batch import check_workers
from runkit.errors import ApiError, RateLimited, Unavailable
from runkit.progress import Bar
from runkit.tables.records import Record, Where
from runkit.text import moment, plural, shorten, visible

if TYPE_CHECKING:
    from runkit.client import Client
    from runkit.models import Run

WITHIN = 5.0  # seconds after which what has come is written: as much is lost if the process is killed
INTERRUPTED = "interrupted"
NAMED = 3  # failed ids that `why` names; `errors` has all


class Known(NamedTuple):
    """What the archive knows of a run."""

    updated_at: datetime
    status: str
    has_steps: bool
    business_id: str | None


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
        left = self.n_unchanged + self.added.n_unchanged
        whole = "complete" if self.why is None else f"not complete: {self.why}"
        return visible(
            f"{self.host}: {self.covered}; {brought}, {left:,} unchanged; {whole}; version {self.version}"
        )


class _Reading:
    """Reads runs into a writer, and says why there are no more."""

    def __init__(self, client: Client, writer: Writer) -> None:
        self._client = client
        self._writer = writer
        self.errors: dict[str, ApiError] = {}
        self.stopped: str | None = None
        self.failure: ApiError | None = None

    def read(self, todo: list[Run], *, workers: int, progress: bool) -> None:
        """Read the runs. Whatever ends it, what has come is written."""
        bar = Bar(total=len(todo), unit="run", delay=1, disable=not progress)
        arriving = self._client.runs.arriving(todo, workers=workers, on_idle=self._writer.write_if_due)
        try:
            with closing(arriving), bar:
                for run_id, outcome in arriving:
                    bar.update()
                    self._take(run_id, outcome)
        except KeyboardInterrupt:
            self.stopped = INTERRUPTED
        except (Unavailable, RateLimited) as error:
            self.stopped = f"stopped: {shorten(str(error), 200)}"
        except ApiError as error:
            self.failure = error
        self._writer.write()

    def _take(self, run_id: str, outcome: Run | ApiError) -> None:
        if isinstance(outcome, ApiError):
            self.errors[run_id] = outcome
        else:
            self._writer.take(Record(outcome.to_dict(), Where(path=f"run {run_id}")))


def sync(place: Place, client: Client, *, workers: int, progress: bool, **chosen: Any) -> Synced:
    """List the runs of a client, and read and write those that are new or changed.

    `chosen` as `client.runs.list` takes it. Raises what listing raises, and `AuthError` when the key is
    refused meanwhile; what had arrived is written then.
    """
    check_workers(workers)
    listed = client.runs.list(progress=progress, **chosen)
    snapshot = opened_or_made(place)
    known = _known(snapshot)
    todo = [run for run in listed if _is_due(run, known.get(run.id))]
    n_listed, covered = len(listed), _covered(listed)
    why_listed = _why_listed(listed.why, chosen.get("limit"))
    del listed, known
    writer = Writer(snapshot, within=WITHIN)
    reading = _Reading(client, writer)
    reading.read(todo, workers=workers, progress=progress)
    added = writer.added(is_interrupted=reading.stopped == INTERRUPTED)
    if reading.failure is not None:
        raise reading.failure
    return Synced(
        client.host,
        covered,
        n_listed,
        n_listed - len(todo),
        added,
        reading.errors,
        _why(why_listed, reading, len(todo), added),
        added.is_interrupted,
    )


def _known(snapshot: Snapshot) -> dict[str, Known]:
    columns = ["run_id", *Known._fields]
    rows = snapshot.read(columns).select(columns).to_pydict()
    return dict(zip(rows["run_id"], map(Known, *(rows[name] for name in Known._fields)), strict=True))


def _is_due(run: Run, known: Known | None) -> bool:
    """Whether a listed run is to be read: it is new, has changed, or may have."""
    if known is None or not known.has_steps or not codec.tells_changes(run.status):
        return True
    if known.business_id is None and run.business_id is not None:  # which is learned by reading it again
        return True
    return run.updated_at > known.updated_at or run.status != known.status


def _why_listed(why: str | None, limit: int | None) -> str | None:
    """What may be missing from the list, but for the cut that was asked for."""
    whys = (why or "").split("; ")
    return "; ".join(one for one in whys if one and not (limit and one.startswith("cut at limit="))) or None


def _covered(listed: Iterable[Run]) -> str:
    times = [run.created_at for run in listed]
    if not times:
        return "no runs listed"
    return f"{plural(len(times), 'run')} listed, created {moment(min(times))} to {moment(max(times))}"


def _why(listed: str | None, reading: _Reading, n_due: int, added: Added) -> str | None:
    whys = [listed] if listed else []
    if reading.stopped:
        n_kept = added.n_new + added.n_changed + added.n_unchanged
        whys.append(f"{reading.stopped}: {n_kept:,} of {n_due:,} runs arrived; sync again to go on")
    if reading.errors:
        shown = [f"{one} ({shorten(str(error), 100)})" for one, error in reading.errors.items()][:NAMED]
        more = f" and {len(reading.errors) - NAMED:,} more" if len(reading.errors) > NAMED else ""
        whys.append(f"{plural(len(reading.errors), 'run')} could not be read: {', '.join(shown)}{more}")
    if added.n_refused:
        whys.append(f"{plural(added.n_refused, 'record')} could not be kept, see .added.problems")
    return "; ".join(whys) or None
