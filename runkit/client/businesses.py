"""`client.businesses` and `client.threads`, and which business each run is about.

The API's runs do not name their business: only the threads of a business lead to its runs. So the
client keeps the business of each thread, and what it read about each business. Nothing is guessed
from texts.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from threading import Event
from typing import TypeAlias

from pydantic import PositiveInt

from runkit.api.contract import BUSINESS_FIELDS, Json, without_none
from runkit.api.models import Run
from runkit.api.other_models import Business, Thread
from runkit.arguments import check_kind, checked
from runkit.client._http import Http, path_to
from runkit.client._replies import Reply
from runkit.client.fetch import fetch
from runkit.client.run_list import ApiList, RunList, read_pages
from runkit.display.messages import log
from runkit.errors import RunkitError

WORKERS = 8  # as many requests at once as `runs.fetch` makes
# seconds for the name of a created run's business: the run exists, and its id is wanted
NAME_TIMEOUT = 2.0
BUSINESSES = ("business", "businesses")  # for counts
Reasons: TypeAlias = "list[str]"  # inside the class, `list` is its method


class Threads:
    """Runs about one context."""

    def __init__(self, http: Http) -> None:
        self._http = http

    @checked
    def list(
        self, business_id: str | None = None, limit: PositiveInt | None = None
    ) -> ApiList[Thread]:
        """List threads, all or those of one business; the API does this filtering.

        `missing` has the reasons why some may be missing, such as `limit`. Threads that
        are listed by business have its id.
        """
        if business_id is not None:
            path_to(business_id)  # an empty id would list all threads

        query = without_none(business_id=business_id)
        return read_pages(
            self._http,
            "/threads",
            lambda raw, reply: Thread.from_json(raw | query),  # it does not name its business
            query,
            limit=limit,
        )


class Businesses:
    """The businesses of the account; read-only."""

    def __init__(self, http: Http) -> None:
        # Threads share the dictionaries: each step changes one entry.
        self._http = http
        self.threads = Threads(http)
        self._facts: dict[str, Json] = {}  # by the id of a business
        # by the id of a thread; None if it is in no business
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
        missing = self.search(unnamed, progress)
        named = (run.with_local_fields(**self.facts_of(run.thread_id)) for run in listed)
        return RunList(tuple(named), tuple(missing))

    # ------------------------------------------------------- for `client.runs` and `runkit.frames`

    def facts_of(self, thread_id: str | None) -> Json:
        """Return what is known about the business of a thread."""
        business_id = self._business_of.get(thread_id or "")
        return {} if business_id is None else self._facts_about(business_id)

    def remember(self, run: Run) -> None:
        """Keep the business of the thread of a run that names it; what was read stays."""
        if run.thread_id is not None and run.business_id is not None:
            self._business_of.setdefault(run.thread_id, run.business_id)
            facts = {name: getattr(run, name) for name in BUSINESS_FIELDS}
            if run.business_name is not None:
                self._facts.setdefault(run.business_id, facts)

    def assign(self, thread_id: str | None, business_id: str) -> Json:
        """Note the business of a new run's thread, and return its facts.

        Its name is read if it is not known, but soon given up.
        """
        if thread_id is not None:
            self._business_of[thread_id] = business_id
        if business_id not in self._facts:
            try:
                self._read(business_id, self._http.clock() + NAME_TIMEOUT)
            except RunkitError as error:
                log.info("the name of business %s is not known: %s", business_id, error)
        return self._facts_about(business_id)

    def threads_of(self, business_id: str) -> ApiList[Thread]:
        """Read a business and its threads. Raises `NotFound` for an unknown one."""
        self._read(business_id)  # the API lists no threads of an unknown one either
        return self._read_threads(business_id)

    def search(self, threads: set[str], progress: bool) -> Reasons:
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

    def _facts_about(self, business_id: str) -> Json:
        return self._facts.get(business_id, {"business_id": business_id})

    def _read(self, business_id: str, deadline: float = math.inf) -> Business:
        reply = self._http.get(path_to("businesses", business_id), deadline=deadline)
        return reply.read(self._parse)

    def _read_threads(self, business_id: str) -> ApiList[Thread]:
        threads = self.threads.list(business_id=business_id)
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
