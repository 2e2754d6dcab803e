"""Read a paged list to its end, filter it, and say whether something may be missing.

The API pages by number, so an item that is created or deleted while reading shifts the others. In a list in
order of creation, a new item only makes others appear twice: those are dropped, and the list is complete as
of its first page. After a deletion, an item may move to a page that was already read; `total_count` drops
then, and the list says that it is not complete.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from itertools import pairwise
from typing import NamedTuple, TypeVar

from runkit.client.http import Http, Query
from runkit.client.replies import Reply
from runkit.client.runlist import ApiList
from runkit.contract import PER_PAGE, Json
from runkit.errors import ContractError
from runkit.logs import log
from runkit.models import Run
from runkit.objects import Business, Page, Thread
from runkit.progress import Bar
from runkit.text import plural

Listed = TypeVar("Listed", Run, Thread, Business)
Parse = Callable[[Json, Reply], Listed]


class _Received(NamedTuple):
    """What has been received: the creation times in order, the ids, and of each page the `total_count`."""

    created: list[datetime]
    ids: set[tuple[bool, str]]  # of records that could be read, and of others
    totals: list[int | None]

    def take(self, raw: Json, reply: Reply, parse: Parse[Listed]) -> Listed | None:
        """Parse a record that was not seen before."""
        try:
            item = parse(raw, reply)
        except ContractError as error:
            log.warning("left out of the list: %s", error)
            self.ids.add((False, str(raw.get("id"))))
            return None
        if (True, item.id) in self.ids:
            return None
        self.ids.add((True, item.id))
        self.created.append(item.created_at)
        return item

    def is_newest_first(self) -> bool:
        return all(one >= other for one, other in pairwise(self.created))

    def is_oldest_first(self) -> bool:
        return all(one <= other for one, other in pairwise(self.created))

    def is_past(self, since: datetime) -> bool:
        """Whether no item at or after `since` can follow; equal times show no order."""
        is_ordered = self.is_newest_first() and not self.is_oldest_first()
        return is_ordered and self.created[-1] < since

    def has_more(self, page: Page, first_size: int) -> bool:
        """Use the page's `has_more`, else the count; without both, a shorter page is the last."""
        if page.has_more is not None:
            return page.has_more
        if self.totals[0] is not None:
            return len(self.ids) < self.totals[0]
        return len(page.data) >= max(1, first_size)

    def reasons(self, *, is_at_end: bool) -> list[str]:
        """Give the reasons why items may be missing."""
        reasons = []
        totals = [total for total in self.totals if total is not None]
        drop = next(((one, other) for one, other in pairwise(totals) if other < one), None)
        if drop:
            reasons.append(f"total_count dropped from {drop[0]:,} to {drop[1]:,} while the list was read")
        if len(self.totals) > 1 and not (self.is_newest_first() or self.is_oldest_first()):
            reasons.append("the list is not in order of creation: an item may have moved between pages")
        n_unreadable = sum(not is_readable for is_readable, _ in self.ids)
        if n_unreadable:
            reasons.append(f"{plural(n_unreadable, 'record')} could not be read (see the log)")
        if is_at_end and not drop and totals and len(self.ids) < totals[0]:
            reasons.append(f"the API counts {totals[0]:,}, only {len(self.ids):,} arrived")
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
    received = _Received([], set(), [])
    items: list[Listed] = []
    stuck: list[str] = []
    has_more, is_past, first_size = True, False, 0
    with Bar(unit="run", disable=not progress) as bar:
        while has_more and not is_past and (limit is None or len(items) < limit):
            number, n_before = len(received.totals) + 1, len(received.ids)
            reply = http.get(path, {**(query or {}), "page": number, "per_page": PER_PAGE})
            page = reply.page()
            received.totals.append(page.total_count)
            fresh = [item for raw in page.data if (item := received.take(raw, reply, parse))]
            items += filter(keep, fresh)
            first_size = first_size or len(page.data)
            has_more = received.has_more(page, first_size)
            if has_more and len(received.ids) == n_before:
                has_more = False
                if page.has_more:
                    stuck.append(f"page {number} had nothing new although the API says there is more")
            is_past = since is not None and received.is_past(since)
            bar.total = page.total_count
            bar.update(len(fresh))
    reasons = stuck + received.reasons(is_at_end=not has_more)
    is_cut = limit is not None and (len(items) > limit or (has_more and not is_past))
    is_cut_only = is_cut and not reasons
    if is_cut:
        reasons.insert(0, f"cut at limit={limit:,}")
    why = "; ".join(reasons) or None
    return ApiList(tuple(items[:limit]), why, received.totals[-1], is_cut_only=is_cut_only)
