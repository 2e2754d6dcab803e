"""Lists that say what may be missing, and how they are read, page by page.

The API pages by number. An item that is created meanwhile makes others appear twice, which are
dropped; one that is deleted hides another, so that fewer arrive than the first page counted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Generic, Self, SupportsIndex, TypeVar, overload

from runkit.api.contract import PER_PAGE, Json, read_page, without_none
from runkit.api.models import Run
from runkit.api.views import ApiObject
from runkit.arguments import full_ids
from runkit.client._http import Http, Query
from runkit.client._replies import Reply
from runkit.display.messages import Progress, log
from runkit.display.text import one_line, plural
from runkit.errors import ContractError, UsageError

MAX_PAGES = 10_000  # a million runs; a list that goes on may have no end
NEWEST = "the newest"  # how the reason of a limit begins
STOPPED = "stopped by Ctrl-C"  # how the reason of a list or fetch begins that a person ended

Listed = TypeVar("Listed", bound=ApiObject)
Parse = Callable[[Json, Reply], Listed]
Item_co = TypeVar("Item_co", bound=ApiObject, covariant=True)


def is_stopped(missing: Iterable[str]) -> bool:
    """Return whether Ctrl-C is one of the reasons."""
    return any(reason.startswith(STOPPED) for reason in missing)


@dataclass(frozen=True, eq=False, repr=False)
class ApiList(Sequence[Item_co], Generic[Item_co]):
    """An immutable sequence of the API's objects that says what may be missing.

    | attribute | meaning |
    | --- | --- |
    | items | the objects, as a tuple |
    | missing | the reasons why some may be missing; empty means complete |
    | query | the filters, in words; empty if all were asked for |
    | read_at | when the first page was read, by the server's clock, if known |
    | with_steps | the runs were read one by one with their steps |
    """

    items: tuple[Item_co, ...] = ()
    missing: tuple[str, ...] = ()
    query: Mapping[str, str] = field(default_factory=dict, kw_only=True)
    read_at: datetime | None = field(default=None, kw_only=True)
    with_steps: bool = field(default=False, kw_only=True)

    def __post_init__(self) -> None:
        if not all(isinstance(item, ApiObject) for item in self.items):
            raise UsageError("items= holds something else; expected objects of the API, as a tuple")

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids, in order."""
        return tuple(item.id for item in self.items)

    def with_items(self, items: Iterable[Any]) -> Self:
        """Return the list with other items, and what is known about it."""
        return replace(self, items=tuple(items))

    def __len__(self) -> int:
        return len(self.items)

    @overload
    def __getitem__(self, index: SupportsIndex | str) -> Item_co: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Item_co, ...]: ...
    def __getitem__(self, index: SupportsIndex | slice | str) -> Item_co | tuple[Item_co, ...]:
        """Return one item by position or id, or some of them.

        Parameters
        ----------
        index
            A position, an id, at least the first 8 characters of an id, or a slice.

        Returns
        -------
        ApiObject or tuple of ApiObject
            An item; for a slice, a plain tuple, as it is no longer the list that was read.

        Raises
        ------
        UsageError
            For an id that is not here, and for the start of several ids.
        """
        if not isinstance(index, str):
            return self.items[index]
        [item_id] = full_ids([index], self.ids, "this list")
        return self.items[self.ids.index(item_id)]

    def __repr__(self) -> str:
        gaps = one_line("; ".join(self.missing))
        state = f"not complete: {gaps}" if gaps else "complete"
        return f"{type(self).__name__}({len(self):,}; {state})"


class RunList(ApiList[Run]):
    """Runs, and in `missing` the reasons why some may be missing; empty means complete.

    See `ApiList` for the other attributes.
    """


# --------------------------------------------------------------------------------- page by page


@dataclass
class Notes:
    """What is known of a list besides its items, as far as it was read."""

    missing: list[str] = field(default_factory=list)
    n_unreadable: int = 0
    total: int | None = None  # as the first page counted
    read_at: datetime | None = None  # the first page
    may_go_on: bool = True

    def reasons(self) -> tuple[str, ...]:
        """Return the reasons why some may be missing."""
        if not self.n_unreadable:
            return tuple(self.missing)
        unreadable = plural(self.n_unreadable, "record")
        return (*self.missing, f"{unreadable} could not be read (see the log)")


def read_pages(
    http: Http,
    path: str,
    parse: Parse[Listed],
    notes: Notes,
    query: Query | None = None,
    *,
    is_paged: bool = True,
    progress: bool = False,
) -> Iterator[list[Listed]]:
    """Yield the new items of each page, until the end of the list or Ctrl-C.

    With `progress` a line counts the items if reading takes long; it is cleared at the end.
    """
    seen: set[str] = set()
    try:
        with Progress("runs", progress=progress) as counter:
            for number in range(1, MAX_PAGES + 1):
                paging = {"page": number, "per_page": PER_PAGE} if is_paged else {}
                reply = http.get(path, {**(query or {}), **paging})
                page = read_page(reply.value, reply.source)
                if number == 1:
                    notes.total = counter.total = page.total_count
                    notes.read_at = reply.read_at
                by_id = {str(raw.get("id") or raw): raw for raw in page.data}
                new = [by_id[key] for key in by_id if key not in seen]
                seen |= by_id.keys()
                counter.update(len(new))
                notes.may_go_on = is_paged and bool(new) and page.has_more is not False
                yield _parsed(new, reply, parse, notes)
                if not notes.may_go_on:
                    break
        records = f"{plural(len(seen), 'record')} arrived"
        if notes.total not in (None, len(seen)):
            notes.missing.append(f"{records}, the API counts {notes.total:,}")
        elif notes.may_go_on or page.has_more:
            notes.missing.append(f"{records}, the API has more")
    except KeyboardInterrupt:
        arrived = plural(len(seen), "record")
        notes.missing.append(f"{STOPPED}: {arrived} arrived, more were not read")


def _parsed(new: Iterable[Json], reply: Reply, parse: Parse[Listed], notes: Notes) -> list[Listed]:
    items = []
    for raw in new:
        try:
            items.append(parse(raw, reply))
        except ContractError as error:
            notes.n_unreadable += 1
            log.warning("left out of the list: %s", error)
    return items


def read_all(
    http: Http,
    path: str,
    parse: Callable[[Json], Listed],
    query: Query | None = None,
    *,
    is_paged: bool,
) -> ApiList[Listed]:
    """Read a whole list."""
    notes = Notes()
    pages = read_pages(http, path, lambda raw, _: parse(raw), notes, query, is_paged=is_paged)
    items = tuple(item for page in pages for item in page)
    return ApiList(items, notes.reasons(), read_at=notes.read_at)


# ------------------------------------------------------------------------------------ some of them


@dataclass(frozen=True)
class RunFilter:
    """Which runs to list, as the API has no filters for them. None means all."""

    statuses: frozenset[str] | None
    since: datetime | None
    business_id: str | None

    def query(self, limit: int | None) -> dict[str, str]:
        """Return what was asked for, in words."""
        status = ", ".join(sorted(self.statuses)) if self.statuses is not None else None
        given = without_none(
            status=status,
            since=self.since,
            business_id=self.business_id,
            limit=limit,
        )
        return {name: str(value) for name, value in given.items()}

    def has_state(self, run: Run) -> bool:
        """Return whether a run has the status and the time of creation."""
        if self.statuses is not None and run.status not in self.statuses:
            return False
        return self.since is None or run.created_at >= self.since

    def is_past(self, times: Sequence[datetime]) -> bool:
        """Return whether no run at or after `since` can follow those that were created then.

        [A] 18: nothing documents that lists are newest first. So this is known only while all runs
        were newest first; equal times show no order.
        """
        if self.since is None or not times or times[0] == times[-1]:
            return False
        return times[-1] < self.since and list(times) == sorted(times, reverse=True)


def read_runs(
    http: Http, parse: Parse[Run], wanted: RunFilter, limit: int | None, progress: bool
) -> RunList:
    """Read runs until the end of the list, `limit` or `since`."""
    kept: list[Run] = []
    times: list[datetime] = []
    n_unknown = 0  # runs whose business cannot be known
    notes = Notes()
    for page in read_pages(http, "/runs", parse, notes, progress=progress):
        for run in page:
            times.append(run.created_at)
            if not wanted.has_state(run):
                continue
            if wanted.business_id in (None, run.business_id):
                kept.append(run)
            elif run.thread_id is None and run.business_id is None:
                n_unknown += 1
        if limit is not None and len(kept) + notes.may_go_on > limit:
            is_counted = notes.total and not wanted.query(None)
            of = f"of {notes.total:,}" if is_counted else f"(limit={limit})"
            notes.missing.append(f"{NEWEST} {limit:,} {of}")
            break
        if wanted.is_past(times):
            break
    if n_unknown:
        notes.missing.append(f"{plural(n_unknown, 'run')} without a thread may be missing")
    query = wanted.query(limit)
    return RunList(tuple(kept[:limit]), notes.reasons(), query=query, read_at=notes.read_at)
