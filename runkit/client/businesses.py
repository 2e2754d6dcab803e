"""`client.businesses`, and which business each run is about.

The API's runs do not name their business: only the threads of a business lead to its runs. So the
client remembers the business of each thread, and what it read about each business. Nothing is
guessed from texts.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from threading import Event
from typing import TypeAlias

from pydantic import PositiveInt

from runkit.api.contract import BUSINESS_FIELDS, Json
from runkit.api.models import Run
from runkit.api.other_models import Business, Thread
from runkit.arguments import check_kind, checked
from runkit.client._http import Http, path_to
from runkit.client._paging import read_pages
from runkit.client._replies import Reply
from runkit.client._resources import Threads
from runkit.client.fetch import fetch
from runkit.client.run_list import ApiList, RunList
from runkit.display.messages import log
from runkit.errors import RunkitError

WORKERS = 8  # as many requests at once as `runs.fetch` makes
BUSINESSES = ("business", "businesses")  # for counts
Reasons: TypeAlias = "list[str]"  # inside the class, `list` is its method


class Businesses:
    """The businesses of the account; read-only."""

    def __init__(self, http: Http) -> None:
        # Threads share the dictionaries: each step changes one entry.
        self._http = http
        self._threads = Threads(http)
        self._facts: dict[str, Json] = {}  # by the id of a business
        # by the id of a thread or run; None if it is in no business
        self._business_of: dict[str, str | None] = {}

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
        return read_pages(self._http, "/businesses", self._parse, limit=limit, progress=progress)

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
    def identify(self, runs: Iterable[Run], *, progress: bool = True) -> RunList:
        """Find the businesses of runs by their threads, and their names.

        Businesses in review are searched first, each with a request, until all runs have their
        business. From then on the client's runs know it. A run that is in no business is not
        searched for again.

        Parameters
        ----------
        runs
            Runs of this account.
        progress
            As in `list`.

        Returns
        -------
        RunList
            The runs, with their business where it is known. `missing` says which businesses could
            not be read; after Ctrl-C, how many were.

        Raises
        ------
        ApiError
            If the businesses cannot be listed, or the host does not respond.
        """
        check_kind("runs", runs, Iterable)
        listed = tuple(runs)
        unnamed = {run.thread_id for run in listed if run.thread_id and run.business_id is None}
        missing = self._search(unnamed, progress)
        named = (run.with_local_fields(**self.facts_of(run.thread_id, run.id)) for run in listed)
        return RunList(tuple(named), tuple(missing))

    @checked
    def of_threads(self, threads: set[str], progress: bool = True) -> dict[str, Json]:
        """Find the businesses of threads, as `identify` does.

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
        self._search(threads, progress)
        found = {thread: self.facts_of(thread) for thread in threads}
        return {thread: facts for thread, facts in found.items() if facts}

    # ------------------------------------------------------------------------- for `client.runs`

    def facts_of(self, *ids: str | None) -> Json:
        """Return what is known about the business of a thread or run, by the ids of both."""
        for item in ids:
            business_id = self._business_of.get(item or "")
            if business_id is not None:
                return self._facts.get(business_id, {"business_id": business_id})
        return {}

    def remember(self, run: Run) -> None:
        """Remember the business of a run that names it; what was read from the API stays."""
        if run.business_id is None or self.facts_of(run.id, run.thread_id):
            return
        for item in filter(None, (run.id, run.thread_id)):
            self._business_of[item] = run.business_id
        if run.business_name is not None:
            facts = {name: getattr(run, name) for name in BUSINESS_FIELDS}
            self._facts.setdefault(run.business_id, facts)

    def learn_name(self, business_id: str, timeout: float = math.inf) -> None:
        """Read a business if it is not known; a failure is only logged.

        Nothing is sent after `timeout` seconds.
        """
        if business_id not in self._facts:
            try:
                self._read(business_id, self._http.clock() + timeout)
            except RunkitError as error:
                log.info("the name of business %s is not known: %s", business_id, error)

    def threads_of(self, business_id: str) -> ApiList[Thread]:
        """Read the threads of a business, and its name. Raises `NotFound` for an unknown one."""
        threads = self._read_threads(business_id)
        if not threads and business_id not in self._facts:
            self._read(business_id)  # the API lists no threads of an unknown business either
        self.learn_name(business_id)
        return threads

    # --------------------------------------------------------------------------------- searching

    def _search(self, threads: set[str], progress: bool) -> Reasons:
        """Read the threads of businesses until these have theirs; return why some have none."""

        def unknown() -> set[str]:
            return threads - self._business_of.keys()

        def read(business_id: str, cancelled: Event) -> None:
            if unknown() and not cancelled.is_set():
                self._read_threads(business_id)

        if not unknown():
            return []
        listed = self.list(progress=progress)
        due = sorted(listed, key=lambda business: business.status != "in_review")
        ids = [business.id for business in due]
        found = fetch(read, ids, workers=WORKERS, progress=progress, words=BUSINESSES)
        missing = [*(f"businesses: {reason}" for reason in listed.missing), *found.missing]
        if not missing:
            self._business_of |= dict.fromkeys(unknown())
        return missing

    def _read(self, business_id: str, deadline: float = math.inf) -> Business:
        reply = self._http.get(path_to("businesses", business_id), deadline=deadline)
        return reply.read(self._parse)

    def _read_threads(self, business_id: str) -> ApiList[Thread]:
        threads = self._threads.list(business_id=business_id)
        self._business_of |= dict.fromkeys(threads.ids, business_id)
        return threads

    def _parse(self, raw: Json, reply: Reply) -> Business:
        """Read a business of a response, and remember its name and status."""
        business = Business.from_json(raw)
        self._facts[business.id] = {
            "business_id": business.id,
            "business_name": business.name,
            "business_status": business.status,
            "business_status_at": reply.read_at,
        }
        return business


def id_of(business: str | Business) -> str:
    """Return the id of a business."""
    check_kind("business", business, str, Business)
    return business.id if isinstance(business, Business) else business
