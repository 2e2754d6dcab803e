"""`client.businesses`, and what the client knows about the businesses of its runs.

The API's runs do not name their business. So the client remembers the business of each thread and
run, and the name and status of each business. Nothing is guessed from texts.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from pydantic import PositiveInt

from runkit.api.contract import BUSINESS_FIELDS, Json
from runkit.api.models import Run
from runkit.api.other_models import Business, Thread
from runkit.arguments import Seconds, check_kind, checked
from runkit.client._http import Http, path_to
from runkit.client._paging import read_pages
from runkit.client._replies import Reply
from runkit.client._resources import Threads
from runkit.client.run_list import ApiList, RunList, runs_in
from runkit.display.log import log
from runkit.display.progress import Bar
from runkit.display.text import plural
from runkit.errors import ApiError, AuthError, Invalid, NotFound, RunkitError, UsageError

WORKERS = 8  # as many requests at once as `runs.fetch` makes
# seconds for the name of a created run's business: the run exists, and its id is wanted
NAME_TIMEOUT = 2.0
AT_ONCE = 100  # businesses, then we look whether a run is left; at 20 requests a second 5 s
MOST_BUSINESSES = 500  # searched for the runs of one call; at 20 requests a second this takes 25 s
Item = TypeVar("Item")
Result = TypeVar("Result")
Reasons = list[str]  # inside the class, `list` is its method
Errors = list[ApiError]


def id_of(business: str | Business) -> str:
    """Return the id of a business."""
    check_kind("business", business, str, Business)
    return business.id if isinstance(business, Business) else business


class KnownBusinesses:
    """What one client knows about businesses.

    Threads share it: each method changes one entry at a time.
    """

    def __init__(self) -> None:
        self.run_ids: set[str] = set()  # ids of all runs that the client has read
        self.of_run: dict[str, str] = {}
        self.of_thread: dict[str, str] = {}
        self.facts: dict[str, Json] = {}  # names and statuses, by the id of a business

    def parse(self, raw: Json, reply: Reply) -> Business:
        """Read a business of a response, and remember its name and status."""
        business = Business.from_json(raw)
        self.facts[business.id] = {
            "business_id": business.id,
            "business_name": business.name,
            "business_status": business.status,
            "business_status_at": reply.read_at,
        }
        return business

    def add_from(self, run: Run) -> None:
        """Remember what a run knows, for example one from a file; data read from the API stays."""
        if run.business_id is not None:
            self.of_run.setdefault(run.id.lower(), run.business_id)
            if run.business_name is not None:
                facts = {name: getattr(run, name) for name in BUSINESS_FIELDS}
                self.facts.setdefault(run.business_id, facts)

    def for_run(self, run_id: object, thread_id: object) -> Json:
        """Return what is known about the business of a run, and remember the id of the run."""
        self.run_ids.add(str(run_id))
        of_thread = self.of_thread.get(str(thread_id))
        return self.facts_of(self.of_run.get(str(run_id).lower(), of_thread))

    def facts_of(self, business_id: str | None) -> Json:
        """Return what is known about a business, nothing of None."""
        return self.facts.get(business_id, {"business_id": business_id}) if business_id else {}

    def named(self, runs: Iterable[Run]) -> tuple[Run, ...]:
        """Return runs with what is known about their businesses."""
        return tuple(run.with_local_fields(**self.for_run(run.id, run.thread_id)) for run in runs)

    def unknown_threads(self, runs: Iterable[Run]) -> set[str]:
        """Return the threads of runs whose business is not known."""
        runs = self.named(runs)
        return {run.thread_id for run in runs if run.thread_id and run.business_id is None}


class Businesses:
    """The businesses of the account; read-only."""

    def __init__(self, http: Http, threads: Threads, known: KnownBusinesses) -> None:
        self._http = http
        self._threads = threads
        self._known = known
        self._unsearched: list[Business] = []  # what a search has left; the last one is next
        self._foreign: set[str] = set()  # threads that were in no business

    @checked
    def list(self, limit: PositiveInt | None = None, progress: bool = True) -> ApiList[Business]:
        """List the businesses of the account.

        Parameters
        ----------
        limit
            The maximum number; None for all.
        progress
            Show a counter on stderr, or in the notebook, if it takes longer than 2 seconds.

        Returns
        -------
        ApiList of Business
            In the API's order. `missing` has the reasons why some may be missing.

        Raises
        ------
        ApiError
            If the list cannot be read.
        """
        parse = self._known.parse
        return read_pages(self._http, "/businesses", parse, limit=limit, progress=progress)

    @checked
    def get(self, business: str | Business) -> Business:
        """Read one business.

        Parameters
        ----------
        business
            Its id, or a `Business` to read again.

        Returns
        -------
        Business
            As it is now; `to_dict()` has all that the API says.

        Raises
        ------
        NotFound
            If there is no such business.
        """
        return self._read(id_of(business))

    @checked
    def threads_of(
        self, businesses: str | Business | Iterable[str | Business], progress: bool = True
    ) -> dict[str, ApiList[Thread]]:
        """Read the threads of businesses, and their names.

        That takes at most two requests for each, 8 at a time. From then on the client's runs in
        these threads know their business.

        Parameters
        ----------
        businesses
            One id or `Business`, or several.
        progress
            As in `list`.

        Returns
        -------
        dict of str to ApiList of Thread
            The threads by the id of their business.

        Raises
        ------
        UsageError
            For anything but ids and `Business` objects.
        NotFound
            If there is no such business; a part of an id is none.
        ApiError
            If the threads of a business cannot be read.
        """
        if hasattr(businesses, "columns"):  # a DataFrame iterates over the names of its columns
            raise UsageError("businesses= is a DataFrame; expected ids: df['business_id']")
        if isinstance(businesses, str | Business):
            businesses = [businesses]
        check_kind("businesses", businesses, Iterable)
        ids = [*map(id_of, businesses)]
        return dict(zip(ids, self._concurrently(self._read_threads, ids, progress), strict=True))

    @checked
    def runs_of(self, business: str | Business, listed: Iterable[Run]) -> tuple[Run, ...]:
        """Return those of some runs that are about a business; its threads are read.

        Parameters
        ----------
        business
            Its id, or a `Business`.
        listed
            Runs as `runs.list` returns them.

        Returns
        -------
        tuple of Run
            In their order, with their business.

        Raises
        ------
        ApiError
            If the threads cannot be read.
        """
        runs = runs_in("listed", listed)
        business_id = id_of(business)
        self._read_threads(business_id)
        return tuple(run for run in self._known.named(runs) if run.business_id == business_id)

    @checked
    def identify(
        self,
        runs: Iterable[Run],
        *,
        at_most: PositiveInt | None = MOST_BUSINESSES,
        progress: bool = True,
    ) -> RunList:
        """Find the businesses of runs by their threads, and their names.

        Businesses in review are searched first, each with a request, until all runs have their
        business. From then on the client's runs know it. A run that is in no business is not
        searched for again.

        Parameters
        ----------
        runs
            Runs of this account.
        at_most
            How many businesses are searched; None for all. Another call continues.
        progress
            As in `list`.

        Returns
        -------
        RunList
            The runs, with their business where it is known. `missing` says how many businesses
            were not searched, or could not be read.

        Raises
        ------
        ApiError
            If the businesses cannot be listed, or the host does not respond.
        """
        runs = runs_in("runs", runs)
        missing = self._search(self._known.unknown_threads(runs), at_most, progress)
        return RunList(self._known.named(runs), tuple(missing))

    @checked
    def of_threads(self, threads: set[str], progress: bool = True) -> dict[str, Json]:
        """Find the businesses of threads, as `identify` does, however many there are.

        Parameters
        ----------
        threads
            Their ids.
        progress
            As in `list`.

        Returns
        -------
        dict of str to dict
            By thread, as far as known: its `business_id`, `business_name`, `business_status` and
            `business_status_at`.

        Raises
        ------
        ApiError
            If the businesses cannot be listed, or the host does not respond.
        """
        self._search(threads, None, progress)
        known = self._known.of_thread
        return {item: self._known.facts_of(known[item]) for item in threads if item in known}

    def _search(self, threads: set[str], at_most: int | None, progress: bool) -> Reasons:
        """Read the threads of businesses until some threads have theirs.

        Returns the reasons why some may not.
        """
        missing: Reasons = []
        errors: Errors = []

        def unknown() -> set[str]:
            return threads - self._known.of_thread.keys() - self._foreign

        def read(business: Business) -> None:
            try:
                self._read_threads(business.id)
            except (AuthError, NotFound, Invalid) as error:
                if error.status == 401:
                    raise
                errors.append(error)

        if unknown() and not self._unsearched:
            listed = self.list(progress=progress)
            missing += [f"businesses: {reason}" for reason in listed.missing]
            self._unsearched = sorted(listed, key=lambda business: business.status == "in_review")
        left = len(self._unsearched) if at_most is None else at_most
        while unknown() and self._unsearched and left > 0:
            n = min(left, AT_ONCE)
            batch = self._unsearched[-n:]
            self._unsearched = self._unsearched[:-n]
            self._concurrently(read, batch, progress)
            left -= n
        if errors:
            unread = plural(len(errors), "business", "businesses")
            missing.append(f"the threads of {unread} could not be read ({errors[0]})")
        still = unknown()
        if still and self._unsearched:
            unsearched = plural(len(self._unsearched), "business", "businesses")
            missing.append(
                f"the businesses of {plural(len(still), 'thread')} are not known, {unsearched} "
                "were not searched"
            )
        else:
            self._foreign |= still
            self._unsearched = []
        return missing

    @checked
    def ensure_known(self, business: str | Business, timeout: Seconds | None = None) -> None:
        """Read the name and status of a business if they are not known; a failure is only logged.

        Nothing is sent after `timeout` seconds.
        """
        business_id = id_of(business)
        if business_id not in self._known.facts:
            deadline = math.inf if timeout is None else self._http.clock() + timeout
            try:
                self._read(business_id, deadline)
            except RunkitError as error:
                log.info("the name of business %s is not known: %s", business_id, error)

    def _read(self, business_id: str, deadline: float = math.inf) -> Business:
        reply = self._http.get(path_to("businesses", business_id), deadline=deadline)
        return reply.read(self._known.parse)

    def _read_threads(self, business_id: str) -> ApiList[Thread]:
        path_to(business_id)  # no id would list the threads of all businesses
        threads = self._threads.list(business_id=business_id)
        self._known.of_thread |= dict.fromkeys(threads.ids, business_id)
        if threads:
            self.ensure_known(business_id)
        elif business_id not in self._known.facts:
            self._read(business_id)  # the API lists no threads of an unknown business either
        return threads

    def _concurrently(
        self, read: Callable[[Item], Result], items: Collection[Item], progress: bool
    ) -> Sequence[Result]:
        """Read something of businesses, `WORKERS` at once, under a bar."""
        with ThreadPoolExecutor(WORKERS) as pool:
            results = pool.map(read, items)
            total = len(items)
            return [*Bar(iterable=results, total=total, unit="business", progress=progress)]
