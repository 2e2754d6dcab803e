"""Read a paged list to its end, filter it, and say whether something may be missing.

The API pages by number, so an item that is created or deleted while reading shifts the others. In a list in
order of creation, a new item only makes others appear twice: those are dropped, and the list is complete as
of its first page. After a deletion, an item may move to a page that was already read; then fewer arrive than
the `total_count` of the first page, and the list says so.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import datetime
from typing import TypeVar

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


def read_pages(
    http: Http,
    path: str,
    parse: Parse[Listed],
    query: Query | None = None,
    keep: Callable[[Listed], bool] = lambda item: True,
    limit: int | None = None,
    since: datetime | None = None,
    progress: bool = False,
) -> ApiList[Listed]:
    """Read page after page (from 1) until the end, until `limit` items are kept, or until `since` is passed.

    With `progress` a bar counts the items if reading takes long; it is cleared at the end.
    """
    kept: list[Listed] = []
    created: dict[str, datetime] = {}  # of all items, by id
    unreadable: set[str] = set()
    first_total: int | None = None
    number, n_seen, is_new, has_more, is_past = 0, 0, True, True, False
    with Bar(unit="run", disable=not progress) as bar:
        while has_more and is_new and not is_past and number < MAX_PAGES and len(kept) < (limit or math.inf):
            number += 1
            reply = http.get(path, {**(query or {}), "page": number, "per_page": PER_PAGE})
            page = reply.page()
            for raw in page.data:
                item = _parsed(raw, reply, parse)
                if item is None:
                    unreadable.add(str(raw.get("id")))
                elif item.id not in created:
                    created[item.id] = item.created_at
                    kept += [item] if keep(item) else []
            first_total = page.total_count if number == 1 else first_total
            n_before, n_seen = n_seen, len(created) + len(unreadable)
            is_new = n_seen > n_before
            is_short = first_total is None or n_seen < first_total
            has_more = is_new and is_short if page.has_more is None else page.has_more
            is_past = since is not None and _is_past(since, [*created.values()])
            bar.total = page.total_count
            bar.update(n_seen - bar.n)
    is_cut = limit is not None and (len(kept) > limit or (len(kept) == limit and has_more and not is_past))
    reasons: list[str] = []
    if has_more and not is_past and not is_cut:
        reasons.append(f"reading ended after {plural(number, 'page')}, although the API says there is more")
    if unreadable:
        reasons.append(_unreadable(len(unreadable)))
    if not has_more and first_total is not None and n_seen < first_total:
        reasons.append(f"the API counts {first_total:,}, only {n_seen:,} arrived")
    why = "; ".join([f"cut at limit={limit:,}", *reasons] if is_cut else reasons) or None
    return ApiList(tuple(kept[:limit]), why, page.total_count, is_cut_only=is_cut and not reasons)


def _parsed(raw: Json, reply: Reply, parse: Parse[Listed]) -> Listed | None:
    try:
        return parse(raw, reply)
    except ContractError as error:
        log.warning("left out of the list: %s", error)
        return None


def _is_past(since: datetime, times: list[datetime]) -> bool:
    """Whether no item at or after `since` can follow.

    [A] 18: nothing documents that lists are newest first. So this is known only while all items so far were
    newest first; equal times show no order.
    """
    is_newest_first = times == sorted(times, reverse=True) and times[0] > times[-1]
    return is_newest_first and times[-1] < since


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
