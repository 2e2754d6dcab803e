"""Read a paged list to its end, filter it, and say whether something may be missing.

The API pages by number, so an item that is created or deleted while reading shifts the others. In a list in
order of creation, a new item only makes others appear twice: those are dropped, and the list is complete as
of its first page. After a deletion, an item may move to a page that was already read; then fewer arrive than
the `total_count` of the first page, and the list says so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, TypeVar

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
    created: dict[str, datetime | None] = {}  # of all items, by id; None for one that cannot be read
    total: int | None = None
    number, has_more, is_new, is_past = 0, True, True, False
    with Bar(unit="run", disable=not progress) as bar:
        while has_more and is_new and not is_past and (limit is None or len(kept) < limit):
            number, n_before = number + 1, len(created)
            reply = http.get(path, {**(query or {}), "page": number, "per_page": PER_PAGE})
            page = reply.page()
            for raw in page.data:
                item = _parsed(raw, reply, parse)
                item_id = item.id if item else str(raw.get("id"))
                kept += [item] if item and item_id not in created and keep(item) else []
                created.setdefault(item_id, item.created_at if item else None)
            total = page.total_count if number == 1 else total
            is_new, has_more = len(created) > n_before, page.has_more is not False
            is_past = since is not None and _is_past(since, created)
            bar.total = total
            bar.update(len(created) - n_before)
    is_cut = limit is not None and (len(kept) > limit or (len(kept) == limit and has_more and not is_past))
    reasons: list[str] = _reasons([*created.values()], None if is_past or is_cut else total)
    if page.has_more and not is_past and not is_cut:
        reasons.append(f"reading ended after {plural(number, 'page')}, although the API says there is more")
    why = "; ".join([f"cut at limit={limit:,}", *reasons] if is_cut else reasons) or None
    return ApiList(tuple(kept[:limit]), why, total, is_cut_only=is_cut and not reasons)


def read_all(http: Http, path: str, cls: type[Item], query: Query | None = None) -> ApiList[Item]:
    """Read a list that the API does not page."""
    reply = http.get(path, query)
    page = reply.page()
    items = [_parsed(raw, reply, lambda raw, reply: cls.from_json(raw)) for raw in page.data]
    reasons: list[str] = _reasons(items, page.total_count)
    if page.has_more:
        reasons.append("the API has more than it returned")
    return ApiList(tuple(filter(None, items)), "; ".join(reasons) or None, page.total_count)


def _parsed(raw: Json, reply: Reply, parse: Callable[[Json, Reply], Item]) -> Item | None:
    try:
        return parse(raw, reply)
    except ContractError as error:
        log.warning("left out of the list: %s", error)
        return None


def _reasons(values: list[Any], total: int | None) -> list[str]:
    """Return what is missing of a list, in which None is an item that could not be read."""
    n_unreadable = values.count(None)
    reasons = [f"{plural(n_unreadable, 'record')} could not be read (see the log)"] if n_unreadable else []
    if total is not None and len(values) < total:
        reasons.append(f"the API counts {total:,}, only {len(values):,} arrived")
    return reasons


def _is_past(since: datetime, created: Mapping[str, datetime | None]) -> bool:
    """Whether no item at or after `since` can follow.

    [A] 18: nothing documents that lists are newest first. So this is known only while all items so far were
    newest first; equal times show no order.
    """
    times = [time for time in created.values() if time]
    return times == sorted(times, reverse=True) and since > times[-1] != times[0] if times else False
