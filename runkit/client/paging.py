"""Read a paged list to its end, filter it, and say whether something may be missing.

The API pages by number, so an item that is created or deleted while reading shifts the others. In a list in
order of creation, a new item only makes others appear twice: those are dropped, and the list is complete as
of its first page. After a deletion, an item may move to a page that was already read; `total_count` drops
then, and the list says that it is not complete. A list that never ends is read up to its `total_count`, at
most `MAX_PAGES` pages.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from itertools import pairwise
from typing import Generic, TypeVar

from runkit.client.http import Http, Query, Until, never
from runkit.client.replies import Reply
from runkit.client.runlist import ApiList
from runkit.contract import PER_PAGE, Json, Page
from runkit.errors import ContractError
from runkit.logs import log
from runkit.models import Item, Run
from runkit.objects import Business, Thread
from runkit.progress import Bar
from runkit.text import plural

# of a list that never ends; with 100 items a page, a million of them
MAX_PAGES = 10_000
Listed = TypeVar("Listed", Run, Thread, Business)
Parse = Callable[[Json, Reply], Listed]


class Pages(Generic[Listed]):
    """The pages of a list, read from the first to the last, and what they say about its completeness."""

    def __init__(self, parse: Parse[Listed]) -> None:
        self._parse: Parse[Listed] = parse
        self._created: list[datetime] = []  # in order
        self._ids: set[tuple[bool, str]] = set()  # of records that could be read, and of others
        self._first_size = 0
        self._why_stopped: str | None = None
        self.totals: list[int | None] = []  # of each page the `total_count`
        self.has_more = True

    def read(
        self, http: Http, path: str, query: Query | None = None, until: Until = never
    ) -> Iterator[list[Listed]]:
        """Read page after page, and yield of each the items that were not on an earlier one."""
        while self.has_more:
            number, n_before = len(self.totals) + 1, len(self._ids)
            reply = http.get(path, {**(query or {}), "page": number, "per_page": PER_PAGE}, until)
            page = reply.page()
            self.totals.append(page.total_count)
            self._first_size = self._first_size or len(page.data)
            items = [item for raw in page.data if (item := self._take(raw, reply))]

            is_new = len(self._ids) > n_before
            self.has_more = self._is_followed(page, is_new=is_new)
            if self.has_more:
                self._why_stopped = self._reason_to_stop(page, is_new=is_new)
                self.has_more = self._why_stopped is None
            yield items

    def _take(self, raw: Json, reply: Reply) -> Listed | None:
        """Parse a record that was not seen before."""
        try:
            item = self._parse(raw, reply)
        except ContractError as error:
            log.warning("left out of the list: %s", error)
            self._ids.add((False, str(raw.get("id"))))
            return None
        if (True, item.id) in self._ids:
            return None
        self._ids.add((True, item.id))
        self._created.append(item.created_at)
        return item

    def _is_followed(self, page: Page, *, is_new: bool) -> bool:
        """Use the page's `has_more`, else the count; without both, a shorter page is the last."""
        if page.has_more is not None:
            return page.has_more
        if self.totals[0] is not None:
            return is_new and len(self._ids) < self.totals[0]
        return is_new and len(page.data) >= self._first_size

    def _reason_to_stop(self, page: Page, *, is_new: bool) -> str | None:
        """Return why no more pages are read of a list that has more; it might never end."""
        number, total = len(self.totals), page.total_count
        if not is_new:
            return f"page {number} had nothing new although the API says there is more"
        if page.has_more and total is not None and len(self._ids) >= total:
            return f"the API says there is more than the {total:,} that it counts"
        return f"reading ended after {number:,} pages" if number >= MAX_PAGES else None

    def _is_newest_first(self) -> bool:
        return all(one >= other for one, other in pairwise(self._created))

    def _is_oldest_first(self) -> bool:
        return all(one <= other for one, other in pairwise(self._created))

    def is_past(self, since: datetime) -> bool:
        """Whether no item at or after `since` can follow; equal times show no order."""
        is_ordered = self._is_newest_first() and not self._is_oldest_first()
        return is_ordered and self._created[-1] < since

    def reasons(self) -> list[str]:
        """Return the reasons why items may be missing from the pages that were read."""
        reasons = [self._why_stopped] if self._why_stopped else []
        totals = [total for total in self.totals if total is not None]
        drop = next(((one, other) for one, other in pairwise(totals) if other < one), None)
        if drop:
            reasons.append(f"total_count dropped from {drop[0]:,} to {drop[1]:,} while the list was read")
        if len(self.totals) > 1 and not (self._is_newest_first() or self._is_oldest_first()):
            reasons.append("the list is not in order of creation: an item may have moved between pages")
        n_unreadable = sum(not is_readable for is_readable, _ in self._ids)
        if n_unreadable:
            reasons.append(unreadable(n_unreadable))
        if not self.has_more and not drop and totals and len(self._ids) < totals[0]:
            reasons.append(f"the API counts {totals[0]:,}, only {len(self._ids):,} arrived")
        return reasons


def read_pages(
    http: Http,
    path: str,
    parse: Parse[Listed],
    *,
    query: Query | None = None,
    keep: Callable[[Listed], bool] = lambda item: True,
    limit: int | None = None,
    since: datetime | None = None,
    progress: bool = False,
) -> ApiList[Listed]:
    """Read page after page (from 1) until the end, until `limit` items are kept, or until `since` is passed.

    [A] 18: nothing documents that lists are newest first. So `since` stops reading only while all items so
    far were newest first; a list in any other order is read to its end.

    With `progress` a bar counts the items if reading takes long; it is cleared at the end.
    """
    pages = Pages(parse)
    items: list[Listed] = []
    is_past = False
    with Bar(unit="run", disable=not progress) as bar:
        for fresh in pages.read(http, path, query):
            items += filter(keep, fresh)
            is_past = since is not None and pages.is_past(since)
            bar.total = pages.totals[-1]
            bar.update(len(fresh))
            if is_past or (limit is not None and len(items) >= limit):
                break
    reasons = pages.reasons()
    is_cut = limit is not None and (len(items) > limit or (pages.has_more and not is_past))
    is_cut_only = is_cut and not reasons
    if is_cut:
        reasons.insert(0, f"cut at limit={limit:,}")
    why = "; ".join(reasons) or None
    return ApiList(tuple(items[:limit]), why, pages.totals[-1], is_cut_only=is_cut_only)


def read_all(http: Http, path: str, cls: type[Item], query: Query | None = None) -> ApiList[Item]:
    """Read a list that the API does not page."""
    page = http.get(path, query).page()
    items: list[Item] = []
    for raw in page.data:
        try:
            items.append(cls.from_json(raw))
        except ContractError as error:
            log.warning("left out of the list: %s", error)
    n_unreadable = len(page.data) - len(items)
    reasons = [unreadable(n_unreadable)] if n_unreadable else []
    if page.has_more or (page.total_count or 0) > len(page.data):
        reasons.append("the API has more than it returned")
    return ApiList(tuple(items), "; ".join(reasons) or None, page.total_count)


def unreadable(n: int) -> str:
    """Return the reason why a list lacks `n` records."""
    return f"{plural(n, 'record')} could not be read (see the log)"
