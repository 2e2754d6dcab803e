"""Update an archive from the API: read only what is new or changed."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from runkit import contract
from runkit.archive.table import Place, resolve
from runkit.archive.writing import SMALL_FILE, Added, Writer, compact
from runkit.client import RunList
from runkit.client.fetch import DOWN, INTERRUPTED, error_words, stop_words
from runkit.errors import ApiError, ArchiveError, AuthError
from runkit.logs import log
from runkit.progress import Bar
from runkit.tables.sources import record_of
from runkit.text import plural, visible

if TYPE_CHECKING:
    from runkit.client import Client
    from runkit.models import Run

BATCH = 100  # runs that are read and then written: at 20 a second 5 s of work are lost by a kill
MAX_SMALL_FILES = 24  # with more, and more than half of all, a sync compacts: many are slow to open


@dataclass(frozen=True, repr=False)
class Synced:
    """The result of a sync.

    `n_listed` runs were listed, of which `n_unchanged` were not read again; `added` has the counts of the
    others, and `errors`, by id, why some could not be read. `why` says what may be missing, None if nothing
    is. `is_interrupted`: Ctrl-C ended it.
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
        """Whether the archive now has every selected run, as of the listing."""
        return self.why is None

    @property
    def version(self) -> int:
        """The version of the archive after the sync."""
        return self.added.version

    def __repr__(self) -> str:
        unchanged = self.n_unchanged + self.added.n_unchanged
        counts = f"{self.added.n_new:,} new, {self.added.n_changed:,} changed, {unchanged:,} unchanged"
        state = f"not complete: {self.why}" if self.why else "complete"
        listed = plural(self.n_listed, "run")
        return visible(f"{self.host}: {listed} listed; {counts}; {state}; version {self.version}")


def sync(
    place: Place,
    client: Client,
    *,
    workers: int = 8,
    progress: bool = True,
    identify: bool = False,
    **chosen: Any,
) -> Synced:
    """List the runs of a client, and read and write those that are new or changed.

    `chosen` as for `client.runs.list`; with `identify` the businesses of the runs that are read are searched
    for. Raises what listing raises, and `AuthError` if the key is refused later; then what has arrived is
    written.
    """
    listed = client.runs.list(progress=progress, **chosen)
    copies = place.make().copies()
    newest = resolve(copies[copies["run_id"].isin(listed.ids)]).set_index("run_id", drop=False)
    known = newest.to_dict("index")
    due = [run for run in listed if _is_due(run, known.get(run.id))]
    if identify:
        try:
            client.businesses.identify(due, progress=progress)
        except ApiError as error:  # names are a help, and not every account has them
            log.warning("the names of businesses are not known: %s", error)

    writer = Writer(place)
    errors: dict[str, ApiError] = {}
    stopped: str | None = None
    with Bar(total=len(due), unit="run", disable=not progress) as bar:
        for start in range(0, len(due), BATCH):
            batch = due[start : start + BATCH]
            runs, refused = _fetch(client, batch, workers, bar)
            writer.write([record_of(run, run.id) for run in runs])
            if refused is not None:
                raise refused
            errors |= runs.errors
            stopped = runs.stopped
            if stopped is not None:
                break
    is_small = place.latest().files["size_bytes"] < SMALL_FILE
    if is_small.sum() > MAX_SMALL_FILES and is_small.mean() > 0.5:  # large files are not rewritten each time
        with suppress(ArchiveError):  # everything is written; the next sync tries again
            compact(place)
    added = writer.added()

    # The limit is the caller's wish, so that a list cut at it misses nothing.
    reasons = [listed.why] if listed.why and not listed.is_cut_only else []
    n_kept = added.n_new + added.n_changed + added.n_unchanged
    if stopped is not None:
        reasons.append(f"{stopped}: {n_kept:,} of {plural(len(due), 'run')} arrived; sync again to continue")
    reasons += error_words(errors)
    if added.n_refused:
        reasons.append(f"{plural(added.n_refused, 'record')} could not be kept, see .added.problems")
    counts = (len(listed), len(listed) - len(due), added)
    return Synced(client.host, *counts, errors, "; ".join(reasons) or None, stopped == INTERRUPTED)


def _fetch(client: Client, batch: list[Run], workers: int, bar: Bar) -> tuple[RunList, AuthError | None]:
    """Read some runs; a refused key is returned beside what had arrived."""
    try:
        return client.runs.fetch(batch, workers=workers, progress=bar), None
    except AuthError as error:
        return error.runs or RunList(), error
    except DOWN as error:
        return RunList(stopped=stop_words(error)), None


def _is_due(run: Run, known: dict[Any, Any] | None) -> bool:
    """Whether to read a listed run: it is new, has changed, or may have changed."""
    if known is None or not known["has_steps"] or not contract.is_updated_at_reliable(run.status):
        return True
    # reading it again stores the business
    if run.business_id is not None and pd.isna(known["business_id"]):
        return True
    return bool(run.updated_at > known["updated_at"] or run.status != known["status"])
