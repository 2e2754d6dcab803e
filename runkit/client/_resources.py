"""`client.agents`, `client.threads`, `client.actions`, `client.documents`: what the API lists."""

from __future__ import annotations

from pydantic import PositiveInt

from runkit.api import contract
from runkit.api.other_models import Action, Agent, Document, Thread
from runkit.arguments import checked
from runkit.client._http import Http, path_to
from runkit.client._paging import read_all, read_pages
from runkit.client.run_list import ApiList


class Agents:
    """The agents that Middesk offers."""

    def __init__(self, http: Http) -> None:
        self._http = http

    def list(self) -> ApiList[Agent]:
        """List all agents; the API does not page them."""
        return read_all(self._http, "/agents", Agent)


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

        query = contract.without_none(business_id=business_id)
        return read_pages(
            self._http,
            "/threads",
            lambda raw, reply: Thread.from_json(raw | query),  # it does not name its business
            query,
            limit=limit,
        )


class Actions:
    """Recorded changes of businesses and watchlist results."""

    def __init__(self, http: Http) -> None:
        self._http = http

    @checked
    def list(self, object_type: str, object_id: str) -> ApiList[Action]:
        """List the actions on one object; the API does not page them.

        `object_type` is `businesses` or `watchlist_result`. `missing` has the reasons why some may
        be missing.
        """
        path_to(object_id)  # refuses what is no id
        query = {"object_type": object_type, "object_id": object_id}
        return read_all(self._http, "/actions", Action, query)


class Documents:
    """The files that businesses have on record. The API has no public way to upload one."""

    def __init__(self, http: Http) -> None:
        self._http = http

    @checked
    def list(self, business_id: str) -> ApiList[Document]:
        """List the documents of a business; the API does not page them. Raises `NotFound`.

        `missing` has the reasons why some may be missing.
        """
        return read_all(self._http, path_to("businesses", business_id, "documents"), Document)
