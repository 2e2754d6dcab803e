"""Read a paged list to its end, filter it, and say whether something may be missing.

The API pages by number, so whatever is created or deleted meanwhile shifts everything behind it: what was the
last item of a page comes again on the next, or an item slips across the border unseen. Where that may have
happened the page before the border is read again; and that the list moved is said.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, NamedTuple, TypeVar

from runkit.errors import ContractError
from runkit.logs import log
from runkit.models import Run
from runkit.objects import Page, Thread
from runkit.progress import Bar
from runkit.text import plural

PROGRESS_AFTER = 2.0  # seconds; a list that comes sooner needs no bar
Listed = TypeVar("Listed", Run, Thread)


class Listing(NamedTuple, Generic[Listed]):
    """What reading the pages brought: the items that passed the filter, and what may be missing."""

    kept: tuple[Listed, ...]
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

    [A] 18: nothing documents that lists are newest first. So `since` ends the reading only while every item
    seen so far was newest first; a list in any other order is read to its end.

    With `progress` a bar on stderr counts what was read, if that takes long; it is wiped at the end.
    """
    reader = _Reader(get_page, parse)
    kept: list[Listed] = []
    number = 0
    has_more, is_past = True, False
    bar = Bar(unit="run", delay=PROGRESS_AFTER, disable=not progress)
    with bar:
        while has_more and not is_past and (limit is None or len(kept) < limit):
            number += 1
            fresh, has_more = reader.read(number)
            kept += filter(keep, fresh)
            is_past = since is not None and reader.is_past(since)
            bar.total = reader.total
            bar.update(len(fresh))
    if reader.is_newest_first:  # what was found on reading a page again belongs before what followed it
        kept.sort(key=lambda item: item.created_at, reverse=True)
    whys = reader.whys(is_read_to_the_end=not has_more)
    if limit is not None and (len(kept) > limit or (has_more and not is_past)):
        whys.insert(0, f"cut at limit={limit:,}")
        kept = kept[:limit]
    return Listing(tuple(kept), "; ".join(whys) or None, reader.total)


@dataclass
class _Reader(Generic[Listed]):
    """What was seen so far, and what moved while it was read."""

    get_page: Callable[[int], Page]
    parse: Callable[[dict[str, Any]], Listed]
    total: int | None = None
    first_total: int | None = None
    seen: set[str] = field(default_factory=set)
    broken: set[str] = field(default_factory=set)
    n_twice: int = 0
    last_ids: tuple[object, ...] = ()  # of the page that was read last
    has_shifted: bool = False
    last: Listed | None = None  # in the order of the pages
    is_newest_first: bool = True
    order_broke_on: int | None = None
    stuck_on: int | None = None

    def read(self, number: int) -> tuple[list[Listed], bool]:
        """Read one page. Gives what was not seen before, in order, and whether there is more."""
        page = self.get_page(number)
        items, n_again = self._take(page.data)
        before, self.total = self.total, page.total_count
        if number == 1:
            self.first_total = self.total
        if not items and page.has_more is None:  # the end, or a list that has no pages and came again
            return [], False
        is_quiet = n_again == 0 and self.total is not None and self.total == before
        late = [] if number == 1 or is_quiet else self._read_again(number - 1)
        self.n_twice += n_again
        self.last_ids = _ids(page)
        self._watch_order(items, number)
        has_more = self._has_more(page)
        if has_more and not items and not late:
            self.stuck_on, has_more = number, False
        return late + items, has_more

    @property
    def n_came(self) -> int:
        """How many different records came, readable or not."""
        return len(self.seen) + len(self.broken)

    def is_past(self, since: datetime) -> bool:
        """Whether nothing at or after `since` can follow, as far as the order seen so far tells."""
        return self.is_newest_first and self.last is not None and self.last.created_at < since

    def whys(self, *, is_read_to_the_end: bool) -> list[str]:
        """Say what may be missing, and why."""
        whys = []
        if self.total != self.first_total:
            whys.append(
                f"the list moved while it was read: total_count went from {self.first_total} to {self.total}"
            )
        elif self.n_twice or self.has_shifted:
            twice = f": {plural(self.n_twice, 'item')} came twice" if self.n_twice else ""
            whys.append(f"the list moved while it was read{twice}")
        if self.order_broke_on:
            whys.append(f"the order changed on page {self.order_broke_on}: it was newest first until then")
        if self.stuck_on:
            whys.append(f"page {self.stuck_on} brought nothing new although the API says that there is more")
        if self.broken:
            whys.append(f"{plural(len(self.broken), 'record')} could not be read (see the log)")
        if is_read_to_the_end and self.total is not None and self.n_came < self.total:
            whys.append(f"the API counts {self.total:,}, only {self.n_came:,} came")
        return whys

    def _read_again(self, number: int) -> list[Listed]:
        """Read the page before a border once more: it may hold now what stood behind the border before."""
        page = self.get_page(number)
        self.has_shifted = self.has_shifted or _ids(page) != self.last_ids
        return self._take(page.data)[0]

    def _take(self, records: Iterable[dict[str, Any]]) -> tuple[list[Listed], int]:
        """Parse what is new; count what came before."""
        fresh: list[Listed] = []
        n_again = 0
        for record in records:
            try:
                item = self.parse(record)
            except ContractError as error:
                log.warning("left out of the list: %s", error)
                self.broken.add(str(record.get("id")))
                continue
            if item.id in self.seen:
                n_again += 1
            else:
                self.seen.add(item.id)
                fresh.append(item)
        return fresh, n_again

    def _watch_order(self, items: list[Listed], number: int) -> None:
        for item in items:
            if self.last is not None and item.created_at > self.last.created_at and self.is_newest_first:
                self.is_newest_first = False
                self.order_broke_on = number if number > 1 else None
            self.last = item

    def _has_more(self, page: Page) -> bool:
        """Ask the page; where it does not say, the count; where there is none, go on until an empty page."""
        if page.has_more is not None:
            return page.has_more
        if self.total is not None:
            return self.n_came < self.total
        return bool(page.data)


def _ids(page: Page) -> tuple[object, ...]:
    return tuple(record.get("id") for record in page.data)
