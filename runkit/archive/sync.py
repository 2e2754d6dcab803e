"""Update an archive from the API: read only what is new or changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from runkit.api import contract
from runkit.archive._writing import Added, write_runs
from runkit.archive.table import Table, resolve
from runkit.client.fetch import INTERRUPTED, error_reasons
from runkit.client.run_list import completeness
from runkit.display.log import log
from runkit.display.progress import Bar
from runkit.display.text import plural, visible
from runkit.errors import ApiError, AuthError
from runkit.tables.sources import Record, records_of

if TYPE_CHECKING:
    from runkit.api.models import Run
    from runkit.client import Client, RunList

BATCH = 100  # runs that are read and then written: at 20 a second 5 s of work are lost by a kill


@dataclass(frozen=True, repr=False)
class Synced:
    """The result of a sync.

    `n_listed` runs were listed, of which `n_unchanged` were not read again; `added` has the counts
    of the others, and `errors`, by id, why some could not be read. `why` says what may be missing,
    None if nothing is. `is_interrupted`: Ctrl-C ended it.
    """

    host: str
    n_listed: int
    n_unchanged: int
    added: Added
    errors: Mapping[str, ApiError]
    why: str | None = None
    is_interrupted: bool = False

    @property
    def is_complete(self) -> bool:
        """Return whether the archive now has every selected run, as of the listing."""
        return self.why is None

    @property
    def version(self) -> int:
        """The version of the archive after the sync."""
        return self.added.version

    def __repr__(self) -> str:
        counts = f"{self.added.n_new:,} new, {self.added.n_changed:,} changed"
        listed = f"{plural(self.n_listed, 'run')} listed, {self.n_unchanged:,} unchanged"
        state = completeness(self.why)
        return visible(f"{self.host}: {listed}; {counts}; {state}; version {self.version}")


def sync(
    table: Table,
    client: Client,
    *,
    workers: int = 8,
    progress: bool = True,
    identify: bool = False,
    **filters: Any,
) -> Synced:
    """List the runs of a client, and read and write those that are new or changed.

    `filters` as for `client.runs.list`; with `identify` the businesses of the runs that are read
    are searched for. Raises the error of a list that cannot be read, of a refused key, and of a
    host that went down; what has arrived is written.
    """
    listed = client.runs.list(progress=progress, **filters)
    stored = resolve(table.copies(table.make())).set_index("run_id").to_dict("index")
    due = [run for run in listed if _is_due(run, stored.get(run.id))]
    if identify:
        try:
            client.businesses.identify(due, progress=progress)
        except ApiError as error:  # names are a help, and not every account has them
            log.warning("the names of businesses are not known: %s", error)

    fetched: list[RunList] = []
    with Bar(total=len(due), unit="run", progress=progress) as bar:
        added = write_runs(table, _fetch(client, due, workers, bar, fetched))
    errors = {run_id: error for runs in fetched for run_id, error in runs.errors.items()}
    stopped = fetched[-1].stopped if fetched else None

    # The limit is the caller's wish, so that a list cut at it misses nothing.
    reasons = [listed.why] if listed.why and not listed.is_cut_only else []
    if stopped is not None:
        due_runs = plural(len(due), "run")
        n_arrived = added.n_new + added.n_changed + added.n_unchanged
        reasons.append(f"{stopped}: {n_arrived:,} of {due_runs} arrived; sync again")
    reasons += error_reasons(errors)
    if not added.is_complete:
        records = plural(added.n_refused, "record")
        reasons.append(f"{records} could not be kept, see .added.problems")
    return Synced(
        client.host,
        n_listed=len(listed),
        n_unchanged=len(listed) - len(due),
        added=added,
        errors=errors,
        why="; ".join(reasons) or None,
        is_interrupted=stopped == INTERRUPTED,
    )


def _fetch(
    client: Client, due: list[Run], workers: int, bar: Bar, fetched: list[RunList]
) -> Iterator[list[Record]]:
    """Yield the records of runs, batch by batch, up to the first that was stopped.

    The lists that were read are appended to `fetched`, for what the caller says of them. If the key
    is refused on the way, the runs that arrived are yielded before the error is raised.
    """
    for start in range(0, len(due), BATCH):
        try:
            batch = due[start : start + BATCH]
            runs = client.runs.fetch(batch, workers=workers, progress=False, listed=batch)
        except AuthError as error:
            yield [*records_of(error.runs or [])]
            raise
        fetched.append(runs)
        yield [*records_of(runs)]
        bar.update(len(runs))
        if runs.stopped is not None:
            return


def _is_due(run: Run, stored: dict[Any, Any] | None) -> bool:
    """Return whether to read a listed run: it is new, has changed, or may have changed."""
    if stored is None or not stored["has_steps"] or not contract.is_updated_at_reliable(run.status):
        return True
    # reading it again stores the business
    if run.business_id is not None and pd.isna(stored["business_id"]):
        return True
    return bool(run.updated_at > stored["updated_at"] or run.status != stored["status"])
