"""`client.businesses` and `client.threads`, and which business each run is about.

The API's runs do not name their business: only the threads of a business lead to its runs. So the
client keeps the business of each thread, and what it read about each business. Nothing is guessed
from texts.
"""

from __future__ import annotations

from collections.abc import Iterable
from types import NoneType
from typing import TypeAlias

from runkit.api.contract import Json, without_none
from runkit.api.models import Business, Run, Thread
from runkit.arguments import check_each, check_kind, checked
from runkit.client._http import Http, path_to
from runkit.client.run_list import ApiList, ApiPart, RunList, read_each

Reasons: TypeAlias = "list[str]"  # inside the class, `list` is its method


class Threads(ApiPart):
    """Runs about one context."""

    @checked
    def list(self, business_id: str | None = None) -> ApiList[Thread]:
        """List threads, all or those of one business; the API does this filtering.

        `missing` has the reasons why some may be missing. A thread does not name its business.
        """
        if business_id is not None:
            path_to(business_id)  # an empty id would list all threads
        query = without_none(business_id=business_id)
        return self._read_all("/threads", Thread.from_json, query, is_paged=True)


class Businesses(ApiPart):
    """The businesses of the account; read-only."""

    def __init__(self, http: Http) -> None:
        super().__init__(http)
        self.threads = Threads(http)
        # What is known of the business of each thread, by the id of the thread; empty if it is in
        # none. Threads of Python share it: each step changes one entry.
        self._by_thread: dict[str | None, Json] = {}

    @checked
    def list(self) -> ApiList[Business]:
        """List the businesses of the account, in the API's order ([A] 33).

        `missing` has the reasons why some may be missing. Raises `ApiError` if the list cannot be
        read.
        """
        return self._read_all("/businesses", Business.from_json, is_paged=True)

    @checked
    def get(self, business_id: str) -> Business:
        """Read one business as it is now; `to_dict()` has all that the API says.

        Raises `NotFound`.
        """
        reply = self._http.get(path_to("businesses", business_id))
        return reply.read(Business.from_json)

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
            Show a counter if it takes longer than 2 seconds.

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
        listed = check_each("runs", runs, Run)
        unnamed = {run.thread_id for run in listed if run.thread_id and run.business_id is None}
        missing = self._search(unnamed, progress)
        named = (run.with_local_fields(**self._by_thread.get(run.thread_id, {})) for run in listed)
        return RunList(tuple(named), tuple(missing))

    def of_threads(self, threads: set[str], progress: bool) -> dict[str, Json]:
        """Return the fields of runs that name a business, by thread; search those not known yet."""
        self._search(threads, progress)
        return {thread_id: self._by_thread.get(thread_id, {}) for thread_id in threads}

    # --------------------------------------------------------------------------- for `client.runs`

    def _facts_about(self, business: str | Business | None) -> Json:
        """Return what runs say of a business, which is read if it is given by its id."""
        check_kind("business_id", business, str, Business, NoneType)
        if business is None:
            return {}
        known = self.get(business) if isinstance(business, str) else business
        return {
            "business_id": known.id,
            "business_name": known.name,
            "business_status": known.status,
        }

    def _note_threads(self, facts: Json) -> ApiList[Thread]:
        """Read the threads of a business, and note whose they are."""
        threads = self.threads.list(business_id=facts["business_id"])
        self._by_thread |= dict.fromkeys(threads.ids, facts)
        return threads

    def _search(self, threads: set[str], progress: bool) -> Reasons:
        """Read the threads of businesses until these have theirs; return why some have none."""
        if threads <= self._by_thread.keys():
            return []
        listed = self.list()
        due = sorted(listed, key=lambda business: business.status != "in_review")
        by_id = {business.id: business for business in due}

        def read(business_id: str) -> None:
            if not threads <= self._by_thread.keys():
                self._note_threads(self._facts_about(by_id[business_id]))

        _, gaps = read_each(
            self._http,
            read,
            [*by_id],
            progress=progress,
            things="businesses",
        )
        missing = [*(f"businesses: {reason}" for reason in listed.missing), *gaps]
        if not missing:
            self._by_thread |= {thread_id: {} for thread_id in threads - self._by_thread.keys()}
        return missing
