"""Read a paged list to its end, filter it, and say whether something may be missing.

The API pages by number, so an item that is created or deleted while reading shifts the others. In a
list in order of creation, a new item only makes others appear twice: those are dropped, and the
list is complete as of its first page. After a deletion, an item may move to a page that was already
read; then fewer arrive than the `total_count` of the first page, and the list says so. A list that
goes on after as many as that is not read to its end, as it may have none.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, TypeVar

from runkit.api.contract import PER_PAGE, Json, read_page
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


def read_pages(
    http: Http,
    path: str,
    parse: Parse[Listed],
    query: Query | None = None,
    keep: Callable[[Listed], bool] = lambda item: True,
    limit: int | None = None,
    since: datetime | None = None,
    progress: bool = False,
    is_paged: bool = True,
) -> ApiList[Listed]:
    """Read pages until the end, until `limit` items are kept, or until `since` is passed.

    With `progress` a bar counts the items if reading takes long; it is cleared at the end.
    """
    kept: list[Listed] = []
    items: dict[str, Listed | None] = {}  # all, by id; None for one that cannot be read
    total: int | None = None
    read_at: datetime | None = None
    number = 0
    has_more = True
    is_past = False
    with Bar(unit="run", progress=progress) as bar:
        while has_more and (limit is None or len(kept) < limit):
            number += 1
            n_before = len(items)
            paging = {"page": number, "per_page": PER_PAGE} if is_paged else {}
            reply = http.get(path, {**(query or {}), **paging})
            page = read_page(reply.value, reply.source)
            for raw in page.data:
                item_id = str(raw.get("id"))
                if item_id not in items:
                    item = items[item_id] = _parsed(raw, reply, parse)
                    if item and keep(item):
                        kept.append(item)

            if number == 1:
                bar.total = total = page.total_count
                read_at = reply.read_at
            n_new = len(items) - n_before
            bar.update(n_new)
            is_past = since is not None and _is_past(since, items)
            has_more = bool(page.has_more) and not is_past
            is_all = total is not None and len(items) >= total
            if is_all or not n_new:
                break

    is_cut = limit is not None and len(kept) + has_more > limit
    reasons = [f"cut at limit={limit:,}"] if is_cut else []
    n_unreadable = list(items.values()).count(None)
    if n_unreadable:
        reasons.append(f"{plural(n_unreadable, 'record')} could not be read (see the log)")
    is_short = total is not None and len(items) < total
    if not (is_past or is_cut) and (has_more or is_short):
        counted = f"counts {total:,}" if is_short else "has more"
        reasons.append(f"{plural(len(items), 'record')} arrived, the API {counted}")
    return ApiList(
        tuple(kept[:limit]),
        "; ".join(reasons) or None,
        total,
        is_cut_only=is_cut and not n_unreadable,
        read_at=read_at,
    )


def read_all(
    http: Http, path: str, cls: type[Listed], query: Query | None = None
) -> ApiList[Listed]:
    """Read a list that the API does not page."""
    return read_pages(http, path, lambda raw, reply: cls.from_json(raw), query, is_paged=False)


def _parsed(raw: Json, reply: Reply, parse: Parse[Listed]) -> Listed | None:
    try:
        return parse(raw, reply)
    except ContractError as error:
        log.warning("left out of the list: %s", error)
        return None


def _is_past(since: datetime, items: Mapping[str, Listed | None]) -> bool:
    """Return whether no item at or after `since` can follow.

    [A] 18: nothing documents that lists are newest first. So this is known only while all items so
    far were newest first; equal times show no order.
    """
    times: list[Any] = [getattr(item, "created_at", None) for item in items.values() if item]
    is_sorted = times == sorted(times, reverse=True)
    return bool(times and is_sorted and since > times[-1] != times[0])
