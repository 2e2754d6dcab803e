"""Lists that say what may be missing, and how they are read, page by page.

The API pages by number. An item that is created meanwhile makes others appear twice, which are
dropped; one that is deleted hides another, so that fewer arrive than the first page counted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Generic, Self, SupportsIndex, TypeVar, overload

from runkit.api.contract import PER_PAGE, Json, Page, read_page
from runkit.api.models import ApiObject, Run
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
Keep = Callable[[Listed], bool]

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
    def __getitem__(self, index: slice) -> Self: ...
    def __getitem__(self, index: SupportsIndex | slice | str) -> Item_co | Self:
        """Return one item by position or id, or a slice of the list.

        Parameters
        ----------
        index
            A position, a slice, an id, or at least the first 8 characters of an id.

        Returns
        -------
        ApiObject or ApiList
            An item; for a slice, a list that says in `missing` that it is one.

        Raises
        ------
        UsageError
            For an id that is not here, and for the start of several ids.
        """
        if isinstance(index, str):
            [item_id] = full_ids([index], self.ids, "this list")
            return self.items[self.ids.index(item_id)]
        if not isinstance(index, slice):
            return self.items[index]
        items = self.items[index]
        if len(items) == len(self):
            return replace(self, items=items)
        part = f"{len(items):,} of {len(self):,}"
        missing = (*self.missing, f"a slice: {part}")
        return replace(self, items=items, missing=missing, query={**self.query, "slice": part})

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
class _Reading(Generic[Listed]):
    """What was read of a list so far."""

    parse: Parse[Listed]
    keep: Keep[Listed]
    kept: list[Listed] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)
    times: list[datetime] = field(default_factory=list)
    total: int | None = None  # as the first page counted
    read_at: datetime | None = None  # the first page
    n_unreadable: int = 0
    missing: list[str] = field(default_factory=list)

    def add(self, page: Page, reply: Reply) -> None:
        """Add the items of a page that are new."""
        if not self.seen:
            self.total = page.total_count
            self.read_at = reply.read_at
        for raw in page.data:
            key = str(raw.get("id") or raw)
            if key in self.seen:
                continue
            self.seen.add(key)
            try:
                item: Any = self.parse(raw, reply)
            except ContractError as error:
                self.n_unreadable += 1
                log.warning("left out of the list: %s", error)
                continue
            if hasattr(item, "created_at"):
                self.times.append(item.created_at)
            if self.keep(item):
                self.kept.append(item)

    def is_past(self, since: datetime | None) -> bool:
        """Return whether no item at or after `since` can follow.

        [A] 18: nothing documents that lists are newest first. So this is known only while all items
        were newest first; equal times show no order.
        """
        times = self.times
        if since is None or not times or times[0] == times[-1]:
            return False
        return times == sorted(times, reverse=True) and times[-1] < since

    def note_end(self, has_more: bool) -> None:
        """Note how what arrived disagrees with what the API says."""
        records = f"{plural(len(self.seen), 'record')} arrived"
        if self.total not in (None, len(self.seen)):
            self.missing.append(f"{records}, the API counts {self.total:,}")
        elif has_more:
            self.missing.append(f"{records}, the API has more")


def read_pages(
    http: Http,
    path: str,
    parse: Parse[Listed],
    query: Query | None = None,
    *,
    keep: Keep[Listed] = lambda item: True,
    limit: int | None = None,
    since: datetime | None = None,
    is_filtered: bool = False,
    is_paged: bool = True,
    progress: bool = False,
) -> ApiList[Listed]:
    """Read pages until the end, until `limit` items are kept, or until `since` is passed.

    With `progress` a line counts the items if reading takes long; it is cleared at the end. After
    Ctrl-C, what arrived is returned.
    """
    reading = _Reading(parse, keep)
    try:
        with Progress("runs", progress=progress) as counter:
            for number in range(1, MAX_PAGES + 1):
                paging = {"page": number, "per_page": PER_PAGE} if is_paged else {}
                reply = http.get(path, {**(query or {}), **paging})
                page = read_page(reply.value, reply.source)
                n_before = len(reading.seen)
                reading.add(page, reply)
                n_new = len(reading.seen) - n_before
                counter.total = reading.total
                counter.update(n_new)
                may_go_on = is_paged and n_new > 0 and page.has_more is not False
                if limit is not None and len(reading.kept) + may_go_on > limit:
                    is_counted = reading.total and not is_filtered
                    of = f"of {reading.total:,}" if is_counted else f"(limit={limit})"
                    reading.missing.append(f"{NEWEST} {limit:,} {of}")
                    break
                if reading.is_past(since):
                    break
                if not may_go_on or number == MAX_PAGES:
                    reading.note_end(may_go_on or page.has_more is True)
                    break
    except KeyboardInterrupt:
        arrived = plural(len(reading.seen), "record")
        reading.missing.append(f"{STOPPED}: {arrived} arrived, more were not read")
    if reading.n_unreadable:
        unreadable = plural(reading.n_unreadable, "record")
        reading.missing.append(f"{unreadable} could not be read (see the log)")
    missing = tuple(reading.missing)
    return ApiList(tuple(reading.kept[:limit]), missing, read_at=reading.read_at)


def read_all(
    http: Http, path: str, cls: type[Listed], query: Query | None = None
) -> ApiList[Listed]:
    """Read a list that the API does not page."""
    return read_pages(http, path, lambda raw, reply: cls.from_json(raw), query, is_paged=False)
