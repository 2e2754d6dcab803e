"""Read a paged list to its end, filter it, and say whether something may be missing.

The API pages by number, so an item that is created or deleted while reading shifts the others. In a list in
order of creation, a new item only makes others appear twice: those are dropped, and the list is complete as
of its first page. After a deletion, an item may move to a page that was already read; `total_count` drops
then, and the list says that it is not complete.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, NamedTuple, TypeVar

from runkit.errors import ContractError
from runkit.logs import log
from runkit.models import Run
from runkit.objects import Business, Page, Thread
from runkit.progress import Bar
from runkit.text import plural

PROGRESS_AFTER = 2.0  # seconds; a list that comes sooner needs no bar
Listed = TypeVar("Listed", Run, Thread, Business)


class Listing(NamedTuple, Generic[Listed]):
    """What reading the pages brought: the items that passed the filter, and what may be missing."""

    items: tuple[Listed, ...]
    why: str | None
    total_count: int | None


def read_pages(
    get_page: Callable[[int], Page],
    parse: Callable[[dict[str, Any]], Listed],
    keep: Callable[[Listed], bool],
    *,
    limit: int | None = None,
    since: datetime | None = None,
    progress: bool = False,
) -> Listing[Listed]:
    """Read page after page (from 1) until the end, until `limit` items are kept, or until `since` is passed.

    [A] 18: nothing documents that lists are newest first. So `since` stops reading only while all items so
    far were newest first; a list in any other order is read to its end.

    With `progress` a bar counts the items if reading takes long; it is cleared at the end.
    """
    reader = _Reader(get_page, parse)
    items: list[Listed] = []
    has_more, is_past = True, False
    bar = Bar(unit="run", delay=PROGRESS_AFTER, disable=not progress)
    with bar:
        while has_more and not is_past and (limit is None or len(items) < limit):
            fresh, has_more = reader.read()
            items += filter(keep, fresh)
            is_past = since is not None and reader.is_past(since)
            bar.total = reader.total
            bar.update(len(fresh))
    reasons = reader.reasons(is_read_to_the_end=not has_more)
    if limit is not None and (len(items) > limit or (has_more and not is_past)):
        reasons.insert(0, f"cut at limit={limit:,}")
        items = items[:limit]
    return Listing(tuple(items), "; ".join(reasons) or None, reader.total)


@dataclass
class _Reader(Generic[Listed]):
    """What was read so far, and the signs that something is missing.

    `first_total` and `total` are the API's `total_count` on the first and the last page, None without one.
    """

    get_page: Callable[[int], Page]
    parse: Callable[[dict[str, Any]], Listed]
    number: int = 0  # of the page that was read last
    page_size: int = 0  # records on the first page
    first_total: int | None = None
    total: int | None = None
    drop: tuple[int, int] | None = None
    seen: set[str] = field(default_factory=set)
    unreadable: set[str] = field(default_factory=set)
    last: Listed | None = None  # in the order of the pages
    is_newest_first: bool = True
    is_oldest_first: bool = True
    is_stuck: bool = False

    def read(self) -> tuple[list[Listed], bool]:
        """Read the next page. Gives the new items in order, and whether there is more."""
        self.number += 1
        page = self.get_page(self.number)
        n_before = self.n_received
        fresh = self._take(page)
        self._check_total(page.total_count)
        self._check_order(fresh)
        has_more = self._has_more(page)
        if has_more and self.n_received == n_before:
            self.is_stuck, has_more = bool(page.has_more), False
        return fresh, has_more

    @property
    def n_received(self) -> int:
        """The number of different records received, readable or not."""
        return len(self.seen) + len(self.unreadable)

    def is_past(self, since: datetime) -> bool:
        """Whether no item at or after `since` can follow, judging by the order so far."""
        is_ordered = self.is_newest_first and not self.is_oldest_first  # equal times show no order
        return is_ordered and self.last is not None and self.last.created_at < since

    def reasons(self, *, is_read_to_the_end: bool) -> list[str]:
        """Give the reasons why items may be missing."""
        reasons = []
        if self.drop:
            before, after = self.drop
            reasons.append(f"total_count dropped from {before:,} to {after:,} while the list was read")
        if self.number > 1 and not (self.is_newest_first or self.is_oldest_first):
            reasons.append(
                "the list is not in order of creation, so an item may have moved between two pages"
            )
        if self.is_stuck:
            reasons.append(f"page {self.number} had nothing new although the API says there is more")
        if self.unreadable:
            reasons.append(f"{plural(len(self.unreadable), 'record')} could not be read (see the log)")
        if is_read_to_the_end and not self.drop and self.n_received < (self.first_total or 0):
            reasons.append(f"the API counts {self.first_total:,}, only {self.n_received:,} arrived")
        return reasons

    def _take(self, page: Page) -> list[Listed]:
        """Parse the records that were not seen before."""
        fresh: list[Listed] = []
        for record in page.data:
            try:
                item = self.parse(record)
            except ContractError as error:
                log.warning("left out of the list: %s", error)
                self.unreadable.add(str(record.get("id")))
                continue
            if item.id not in self.seen:
                self.seen.add(item.id)
                fresh.append(item)
        return fresh

    def _check_total(self, total: int | None) -> None:
        if self.number == 1:
            self.first_total = total
        elif total is not None and self.total is not None and total < self.total:
            self.drop = self.drop or (self.total, total)
        self.total = total

    def _check_order(self, fresh: list[Listed]) -> None:
        for item in fresh:
            if self.last is not None:
                self.is_newest_first &= item.created_at <= self.last.created_at
                self.is_oldest_first &= item.created_at >= self.last.created_at
            self.last = item

    def _has_more(self, page: Page) -> bool:
        """Use the page's `has_more`, else the count; without both, a shorter page is the last."""
        if self.number == 1:
            self.page_size = len(page.data)
        if page.has_more is not None:
            return page.has_more
        if self.first_total is not None:
            return self.n_received < self.first_total
        return len(page.data) >= max(1, self.page_size)
