"""Read a paged list to its end, and say what may be missing.

The API pages by number. An item that is created meanwhile makes others appear twice, which are
dropped; one that is deleted hides another, so that fewer arrive than the first page counted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, TypeVar

from runkit.api.contract import PER_PAGE, Json, Page, read_page
from runkit.api.models import ApiObject
from runkit.client._http import Http, Query
from runkit.client._replies import Reply
from runkit.client.run_list import ApiList
from runkit.display.log import log
from runkit.display.progress import Bar
from runkit.display.text import plural
from runkit.errors import ContractError

Listed = TypeVar("Listed", bound=ApiObject)
Parse = Callable[[Json, Reply], Listed]

MAX_PAGES = 10_000  # a million runs; a list that goes on may have no end


@dataclass
class _Reading(Generic[Listed]):
    """What was read of a list so far."""

    parse: Parse[Listed]
    keep: Callable[[Listed], bool]
    kept: list[Listed] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)
    times: list[datetime] = field(default_factory=list)
    totals: list[int] = field(default_factory=list)  # as each page counted
    n_unreadable: int = 0

    def add(self, page: Page, reply: Reply) -> int:
        """Add the items of a page, and return how many are new."""
        n_before = len(self.seen)
        for raw in page.data:
            key = str(raw.get("id") or raw)
            if key not in self.seen:
                self.seen.add(key)
                self._add_item(raw, reply)
        if page.total_count is not None:
            self.totals.append(page.total_count)
        return len(self.seen) - n_before

    def _add_item(self, raw: Json, reply: Reply) -> None:
        try:
            item: Any = self.parse(raw, reply)
        except ContractError as error:
            self.n_unreadable += 1
            log.warning("left out of the list: %s", error)
            return
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

    def contradiction(self, has_more: bool) -> str | None:
        """Return how what arrived disagrees with what the API says."""
        records = plural(len(self.seen), "record")
        if self.totals and not self.totals[0] <= len(self.seen) <= max(self.totals):
            return f"{records} arrived, the API counts {self.totals[0]:,}"
        return f"{records} arrived, the API has more" if has_more else None


def read_pages(
    http: Http,
    path: str,
    parse: Parse[Listed],
    query: Query | None = None,
    *,
    keep: Callable[[Listed], bool] = lambda item: True,
    limit: int | None = None,
    since: datetime | None = None,
    is_filtered: bool = False,
    is_paged: bool = True,
    progress: bool = False,
) -> ApiList[Listed]:
    """Read pages until the end, until `limit` items are kept, or until `since` is passed.

    With `progress` a bar counts the items if reading takes long; it is cleared at the end.
    """
    reading = _Reading(parse, keep)
    read_at: datetime | None = None
    with Bar(unit="run", progress=progress) as bar:
        for number in range(1, MAX_PAGES + 1):
            paging = {"page": number, "per_page": PER_PAGE} if is_paged else {}
            reply = http.get(path, {**(query or {}), **paging})
            page = read_page(reply.value, reply.source)
            n_new = reading.add(page, reply)
            if number == 1:
                bar.total = page.total_count
                read_at = reply.read_at
            bar.update(n_new)
            is_past = reading.is_past(since)
            may_go_on = is_paged and n_new > 0 and page.has_more is not False
            is_cut = limit is not None and len(reading.kept) + may_go_on > limit
            if is_cut or is_past or not may_go_on:
                break

    missing: Sequence[str | None]
    if is_cut:
        total = page.total_count
        of = f"of {total:,}" if total and not is_filtered else f"(limit={limit})"
        missing = [f"the newest {limit:,} {of}"]
    else:
        missing = [None if is_past else reading.contradiction(may_go_on or page.has_more is True)]
    if reading.n_unreadable:
        unreadable = plural(reading.n_unreadable, "record")
        missing = [*missing, f"{unreadable} could not be read (see the log)"]
    return ApiList(
        tuple(reading.kept[:limit]),
        tuple(filter(None, missing)),
        total_count=reading.totals[0] if reading.totals else None,
        read_at=read_at,
    )


def read_all(
    http: Http, path: str, cls: type[Listed], query: Query | None = None
) -> ApiList[Listed]:
    """Read a list that the API does not page."""
    return read_pages(http, path, lambda raw, reply: cls.from_json(raw), query, is_paged=False)
