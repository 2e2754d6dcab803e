"""Lists that say what may be missing, and how they are read: page by page, or item by item.

The API pages by number. An item that is created meanwhile makes others appear twice, which are
dropped; one that is deleted hides another, so that fewer arrive than the first page counted.

Of several items that are read at once, an error about one (403, 404, 422, 500 and the like) is a
reason why it is missing. A 401 ends the reading. So does a host that no longer responds to one
request after the other: `Http` has repeated each by then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Generic, Self, TypeVar, overload

from runkit.api.contract import PER_PAGE, Json, read_page, without_none
from runkit.api.models import Run
from runkit.api.views import ApiObject
from runkit.client._http import Http, Query
from runkit.client._replies import Reply
from runkit.display.messages import Progress, log
from runkit.display.text import one_line, plural, shorten
from runkit.errors import ApiError, ContractError, RateLimited, Unavailable

MAX_PAGES = 10_000  # a million runs; a list that goes on may have no end
WORKERS = 8  # items that are read at once: more are no faster within the rate limit
MAX_NAMED = 120  # characters of the ids that a reason names: three of the API
MAX_ERROR = 100  # characters of an error in a reason
NEWEST = "the newest"  # how the reason of a limit begins
STOPPED = "stopped by Ctrl-C"  # how the reason begins of what a person ended
DOWN = (RateLimited, Unavailable)  # no usable response came, after all repetitions

Listed = TypeVar("Listed", bound=ApiObject)
Parse = Callable[[Json, Reply], Listed]
Item_co = TypeVar("Item_co", bound=ApiObject, covariant=True)
Result = TypeVar("Result")


def is_stopped(missing: Iterable[str]) -> bool:
    """Return whether Ctrl-C is one of the reasons."""
    return any(reason.startswith(STOPPED) for reason in missing)


@dataclass(frozen=True, eq=False, repr=False)
class ApiList(Sequence[Item_co], Generic[Item_co]):
    """An immutable sequence of the API's objects that says what may be missing.

    | attribute | meaning |
    | --- | --- |
    | items | the objects, as a tuple |
    | missing | the reasons why some may be missing; empty means complete |
    | query | the filters, in words; empty if all were asked for |
    | read_at | when the first page was read, by the server's clock, if known |
    """

    items: tuple[Item_co, ...] = ()
    missing: tuple[str, ...] = ()
    query: dict[str, str] = field(default_factory=dict, kw_only=True)
    read_at: datetime | None = field(default=None, kw_only=True)

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids, in order."""
        return tuple(item.id for item in self.items)

    def with_items(self, items: Iterable[Any]) -> Self:
        """Return the list with other items, and what is known about it."""
        return replace(self, items=tuple(items))

    def __len__(self) -> int:
        return len(self.items)

    @overload
    def __getitem__(self, index: int) -> Item_co: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Item_co, ...]: ...
    def __getitem__(self, index: int | slice) -> Item_co | tuple[Item_co, ...]:
        """Return one item, or a plain tuple of some: it is no longer the list that was read."""
        return self.items[index]

    def __repr__(self) -> str:
        gaps = one_line("; ".join(self.missing))
        state = f"not complete: {gaps}" if gaps else "complete"
        return f"{type(self).__name__}({len(self):,}; {state})"


class RunList(ApiList[Run]):
    """Runs, and in `missing` the reasons why some may be missing; empty means complete.

    See `ApiList` for the other attributes.
    """


# --------------------------------------------------------------------------------- page by page


@dataclass
class Pages(Generic[Listed]):
    """A list of the API, read page by page: each has the items that are new.

    `missing`, `total` (as the first page counts) and `read_at` are known as far as pages were read;
    `is_last` is that of the newest page. With `progress` a line counts the items if reading takes
    long; it is cleared at the end.
    """

    http: Http
    path: str
    parse: Parse[Listed]
    query: Query | None = None
    is_paged: bool = True
    progress: bool = False
    gaps: list[str] = field(default_factory=list)
    n_unreadable: int = 0
    total: int | None = None
    read_at: datetime | None = None
    is_last: bool = False

    @property
    def missing(self) -> list[str]:
        """The reasons why some may be missing."""
        if not self.n_unreadable:
            return self.gaps
        unreadable = plural(self.n_unreadable, "record")
        return [*self.gaps, f"{unreadable} could not be read (see the log)"]

    def __iter__(self) -> Iterator[list[Listed]]:
        """Yield the new items of each page, until the end of the list or Ctrl-C."""
        seen: set[str] = set()
        try:
            with Progress("runs", progress=self.progress) as counter:
                for number in range(1, MAX_PAGES + 1):
                    paging = {"page": number, "per_page": PER_PAGE} if self.is_paged else {}
                    reply = self.http.get(self.path, {**(self.query or {}), **paging})
                    page = read_page(reply.value, str(reply.call))
                    if number == 1:
                        self.total = counter.total = page.total_count
                        self.read_at = reply.read_at
                    by_id = {str(raw.get("id") or raw): raw for raw in page.data}
                    new = [raw for key, raw in by_id.items() if key not in seen]
                    seen |= by_id.keys()
                    counter.update(len(new))
                    self.is_last = not new or not self.is_paged or page.has_more is False
                    yield self._parse_all(new, reply)
                    if self.is_last:
                        break
        except KeyboardInterrupt:
            arrived = plural(len(seen), "record")
            self.gaps.append(f"{STOPPED}: {arrived} arrived, more were not read")
            return
        arrived = plural(len(seen), "record")
        if self.total not in (None, len(seen)):
            self.gaps.append(f"{arrived} arrived, the API counts {self.total:,}")
        elif page.has_more or not self.is_last:
            self.gaps.append(f"{arrived} arrived, the API has more")

    def _parse_all(self, new: Iterable[Json], reply: Reply) -> list[Listed]:
        items = []
        for raw in new:
            try:
                items.append(self.parse(raw, reply))
            except ContractError as error:
                self.n_unreadable += 1
                log.warning("left out of the list: %s", error)
        return items


class ApiPart:
    """A part of the API, whose objects are listed whole."""

    def __init__(self, http: Http) -> None:
        self._http = http

    def _read_all(
        self,
        path: str,
        parse: Callable[[Json], Listed],
        query: Query | None = None,
        *,
        is_paged: bool = False,
    ) -> ApiList[Listed]:
        pages = Pages(self._http, path, lambda raw, _: parse(raw), query, is_paged)
        items = tuple(item for page in pages for item in page)
        return ApiList(items, tuple(pages.missing), read_at=pages.read_at)


# ------------------------------------------------------------------------------------ some of them


def read_runs(
    pages: Pages[Run],
    status: frozenset[str] | None,
    since: datetime | None,
    business_id: str | None,
    limit: int | None,
) -> RunList:
    """Read the runs that are asked for: the API has no filters. None means all."""
    words = status and ", ".join(sorted(status))
    filters = without_none(status=words, since=since, business_id=business_id)
    query = without_none(**filters, limit=limit)
    runs: list[Run] = []
    gaps = []
    n_unknown = 0  # runs whose business cannot be known
    for page in pages:
        for run in page:
            if status is not None and run.status not in status:
                continue
            if since is not None and run.created_at < since:
                continue
            if business_id in (None, run.business_id):
                runs.append(run)
            elif run.thread_id is None:
                n_unknown += 1
        n_possible = len(runs) + (0 if pages.is_last else 1)  # at least
        if limit is not None and n_possible > limit:
            is_counted = pages.total is not None and not filters
            of = f"of {pages.total:,}" if is_counted else f"(limit={limit})"
            gaps.append(f"{NEWEST} {limit:,} {of}")
            break
        if since is not None and _is_before(since, page):
            break
    if n_unknown:
        gaps.append(f"{plural(n_unknown, 'run')} without a thread may be missing")
    return RunList(
        tuple(runs[:limit]),
        (*pages.missing, *gaps),
        query={name: str(value) for name, value in query.items()},
        read_at=pages.read_at,
    )


def _is_before(since: datetime, page: Sequence[Run]) -> bool:
    """Return whether no run at or after `since` can follow a page.

    [A] 18: nothing documents that lists are newest first. So this is known only for a page whose
    runs are newest first; equal times show no order.
    """
    times = [run.created_at for run in page]
    is_sorted = times == sorted(times, reverse=True)
    return is_sorted and len({*times}) > 1 and times[-1] < since


# ------------------------------------------------------------------------------ one by one, at once


def read_each(
    http: Http,
    read: Callable[[str], Result],
    ids: Sequence[str],
    take: Callable[[Result], object] = lambda result: None,
    *,
    progress: bool,
    things: str = "runs",
) -> tuple[dict[str, Result], list[str]]:
    """Read things by id, and hand each on when it arrives.

    Returns what arrived, by id, also after Ctrl-C, and the reasons why the rest did not. Raises the
    error that ended it if nothing had arrived by then.
    """
    results: dict[str, Result] = {}
    errors: dict[str, ApiError] = {}
    end: str | None = None  # why it ended early
    n_down = 0
    pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="runkit-fetch")
    try:
        with Progress(things, total=len(ids), progress=progress) as counter:
            tasks = {pool.submit(read, item_id): item_id for item_id in ids}
            for task in as_completed(tasks):
                counter.update()
                try:
                    result = task.result()
                except ApiError as error:
                    n_down = n_down + 1 if isinstance(error, DOWN) else 0
                    if error.status == 401 or n_down >= min(WORKERS, len(ids)):
                        if not results:
                            raise
                        end = f"stopped ({shorten(str(error), MAX_ERROR)})"
                        break
                    errors[tasks[task]] = error
                    continue
                take(result)
                results[tasks[task]] = result
                n_down = 0
    except KeyboardInterrupt:
        end = STOPPED
    finally:
        # Requests in flight end by themselves; waiting for them would delay Ctrl-C.
        pool.shutdown(wait=False, cancel_futures=True)
        if len(results) + len(errors) < len(ids):
            http.stop_retries()
    missing = []
    of = f"of {len(ids):,} {things}"
    if end is not None:
        missing.append(f"{end}: {len(results):,} {of} arrived")
    if errors:
        named = shorten(", ".join(errors), MAX_NAMED)
        first = shorten(str(next(iter(errors.values()))), MAX_ERROR)
        missing.append(f"{len(errors):,} {of} could not be read: {named} ({first})")
    return results, missing
