"""Read a paged list to its end, filter it, and say whether something may be missing.

The API pages by number, so an item that is created or deleted while reading shifts the others. In a list in
order of creation, a new item only makes others appear twice: those are dropped, and the list is complete as
of its first page. After a deletion, an item may move to a page that was already read; `total_count` drops
then, and the list says that it is not complete. A list that never ends is read up to `MAX_PAGES` pages.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from datetime import datetime
from itertools import pairwise
from typing import Generic, TypeVar

from runkit.client.http import Http, Query
from runkit.client.replies import Reply
from runkit.client.runlist import ApiList
from runkit.contract import PER_PAGE, Json
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


class _Seen(Generic[Listed]):
    """What the pages of a list had so far, and what they say about its completeness."""

    def __init__(self, parse: Parse[Listed]) -> None:
        self._parse: Parse[Listed] = parse
        self._created: dict[str, datetime] = {}  # by id, in order
        self._unreadable: set[str] = set()
        self._why_stopped: str | None = None
        self.totals: list[int | None] = []  # of each page the `total_count`
        self.has_more = True

    def add(self, reply: Reply) -> list[Listed]:
        """Read a page, and return the items that were not on an earlier one."""
        page, n_before = reply.page(), self._n_seen()
        self.totals.append(page.total_count)
        items = [item for raw in page.data if (item := self._take(raw, reply))]

        is_new = self._n_seen() > n_before
        total = self.totals[0]
        self.has_more = is_new and (total is None or self._n_seen() < total)
        if page.has_more is not None:
            self.has_more = page.has_more
        number = len(self.totals)
        if self.has_more and not is_new:
            self._why_stopped = f"page {number} had nothing new although the API says there is more"
        elif self.has_more and number >= MAX_PAGES:
            self._why_stopped = f"reading ended after {number:,} pages"
        self.has_more = self.has_more and self._why_stopped is None
        return items

    def _n_seen(self) -> int:
        return len(self._created) + len(self._unreadable)

    def _take(self, raw: Json, reply: Reply) -> Listed | None:
        """Parse a record that was not seen before."""
        try:
            item = self._parse(raw, reply)
        except ContractError as error:
            log.warning("left out of the list: %s", error)
            self._unreadable.add(str(raw.get("id")))
            return None
        if item.id in self._created:
            return None
        self._created[item.id] = item.created_at
        return item

    def _is_in_order(self, is_before: Callable[[datetime, datetime], bool]) -> bool:
        return all(is_before(time, later) for time, later in pairwise(self._created.values()))

    def is_past(self, since: datetime) -> bool:
        """Whether no item at or after `since` can follow; equal times show no order."""
        is_newest_first = self._is_in_order(operator.ge) and not self._is_in_order(operator.le)
        return is_newest_first and next(reversed(self._created.values())) < since

    def reasons(self) -> list[str]:
        """Return the reasons why items may be missing from the pages that were read."""
        reasons = [self._why_stopped] if self._why_stopped else []
        totals = [total for total in self.totals if total is not None]
        drop = next(((total, later) for total, later in pairwise(totals) if later < total), None)
        if drop:
            reasons.append(f"total_count dropped from {drop[0]:,} to {drop[1]:,} while the list was read")
        is_ordered = self._is_in_order(operator.ge) or self._is_in_order(operator.le)
        if len(self.totals) > 1 and not is_ordered:
            reasons.append("the list is not in order of creation: an item may have moved between pages")
        if self._unreadable:
            reasons.append(_unreadable(len(self._unreadable)))
        if not self.has_more and not drop and totals and self._n_seen() < totals[0]:
            reasons.append(f"the API counts {totals[0]:,}, only {self._n_seen():,} arrived")
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
    pages = _Seen(parse)
    items: list[Listed] = []
    is_past = False
    with Bar(unit="run", disable=not progress) as bar:
        for number in range(1, MAX_PAGES + 1):
            fresh = pages.add(http.get(path, {**(query or {}), "page": number, "per_page": PER_PAGE}))
            items += filter(keep, fresh)
            is_past = since is not None and pages.is_past(since)
            bar.total = pages.totals[-1]
            bar.update(len(fresh))
            is_enough = limit is not None and len(items) >= limit
            if is_past or is_enough or not pages.has_more:
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
    reasons = []
    if len(items) < len(page.data):
        reasons.append(_unreadable(len(page.data) - len(items)))
    if page.has_more or (page.total_count or 0) > len(page.data):
        reasons.append("the API has more than it returned")
    return ApiList(tuple(items), "; ".join(reasons) or None, page.total_count)


def _unreadable(n: int) -> str:
    return f"{plural(n, 'record')} could not be read (see the log)"
