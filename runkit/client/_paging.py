"""Read a paged list to its end, and say what may be missing.

The API pages by number. An item that is created meanwhile makes others appear twice, which are
dropped; one that is deleted hides another, so that fewer arrive than the first page counted.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, TypeVar

from runkit.api.contract import PER_PAGE, Json, Page, read_page
from runkit.api.models import ApiObject
from runkit.client._http import Http, Query
from runkit.client._replies import Reply
from runkit.client.run_list import NEWEST, STOPPED, ApiList
from runkit.display.messages import Progress, log
from runkit.display.text import plural
from runkit.errors import ContractError

Listed = TypeVar("Listed", bound=ApiObject)
Parse = Callable[[Json, Reply], Listed]
Keep = Callable[[Listed], bool]

MAX_PAGES = 10_000  # a million runs; a list that goes on may have no end


@dataclass
class _Reading(Generic[Listed]):
    """What was read of a list so far."""

    kept: list[Listed] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)
    times: list[datetime] = field(default_factory=list)
    totals: list[int] = field(default_factory=list)  # as each page counted
    read_at: datetime | None = None  # the first page
    n_unreadable: int = 0
    ending: str | None = None  # why more was not read, although there may be more

    def add(self, page: Page, reply: Reply, parse: Parse[Listed], keep: Keep[Listed]) -> int:
        """Add the items of a page, and return how many are new."""
        self.read_at = self.read_at or reply.read_at
        if page.total_count is not None:
            self.totals.append(page.total_count)
        new = {str(raw.get("id") or raw): raw for raw in page.data}
        new = {key: raw for key, raw in new.items() if key not in self.seen}
        self.seen.update(new)
        for raw in new.values():
            try:
                item: Any = parse(raw, reply)
            except ContractError as error:
                self.n_unreadable += 1
                log.warning("left out of the list: %s", error)
                continue
            if hasattr(item, "created_at"):
                self.times.append(item.created_at)
            if keep(item):
                self.kept.append(item)
        return len(new)

    def is_past(self, since: datetime | None) -> bool:
        """Return whether no item at or after `since` can follow.

        [A] 18: nothing documents that lists are newest first. So this is known only while all items
        were newest first; equal times show no order.
        """
        times = self.times
        if since is None or not times or times[0] == times[-1]:
            return False
        return times == sorted(times, reverse=True) and times[-1] < since

    def contradiction(self, has_more: bool) -> str | None:
        """Return how what arrived disagrees with what the API says."""
        records = plural(len(self.seen), "record")
        if self.totals and not self.totals[0] <= len(self.seen) <= max(self.totals):
            return f"{records} arrived, the API counts {self.totals[0]:,}"
        return f"{records} arrived, the API has more" if has_more else None

    def missing(self) -> tuple[str, ...]:
        """Return the reasons why some may be missing."""
        unreadable = None
        if self.n_unreadable:
            unreadable = f"{plural(self.n_unreadable, 'record')} could not be read (see the log)"
        return tuple(filter(None, (self.ending, unreadable)))


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
    reading: _Reading[Listed] = _Reading()
    try:
        with Progress("runs", progress=progress) as counter:
            for number in range(1, MAX_PAGES + 1):
                paging = {"page": number, "per_page": PER_PAGE} if is_paged else {}
                reply = http.get(path, {**(query or {}), **paging})
                page = read_page(reply.value, reply.source)
                n_new = reading.add(page, reply, parse, keep)
                counter.total = reading.totals[0] if reading.totals else None
                counter.update(n_new)
                may_go_on = is_paged and n_new > 0 and page.has_more is not False
                if limit is not None and len(reading.kept) + may_go_on > limit:
                    of = f"of {page.total_count:,}" if page.total_count else f"(limit={limit})"
                    of = f"(limit={limit})" if is_filtered else of
                    reading.ending = f"{NEWEST} {limit:,} {of}"
                    break
                if reading.is_past(since):
                    break
                if not may_go_on or number == MAX_PAGES:
                    reading.ending = reading.contradiction(may_go_on or page.has_more is True)
                    break
    except KeyboardInterrupt:
        arrived = plural(len(reading.seen), "record")
        reading.ending = f"{STOPPED}: {arrived} arrived, more were not read"
    return ApiList(tuple(reading.kept[:limit]), reading.missing(), read_at=reading.read_at)


def read_all(
    http: Http, path: str, cls: type[Listed], query: Query | None = None
) -> ApiList[Listed]:
    """Read a list that the API does not page."""
    return read_pages(http, path, lambda raw, reply: cls.from_json(raw), query, is_paged=False)
