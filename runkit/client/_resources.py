"""`client.agents`, `client.threads`, `client.actions`, `client.documents`."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from pydantic import PositiveInt

from runkit.api import contract
from runkit.api.contract import Json
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
        """List all agents; the API does not page them. The list says whether it is complete."""
        return read_all(self._http, "/agents", Agent)

    @checked
    def get(self, agent_id: str) -> Agent:
        """Read one agent by its id. Raises `NotFound`."""
        return self._http.get(path_to("agents", agent_id)).read(Agent.from_json)


class Threads:
    """Runs about one context."""

    def __init__(self, http: Http) -> None:
        self._http = http

    @checked
    def create(self, agent: str, business_id: str) -> Thread:
        """Create a thread for an agent (its type) and a business.

        Raises `NotFound` for an unknown agent.
        """
        reply = self._http.post("/threads", contract.create_body(agent, business_id))
        return reply.read(partial(_thread, business_id))

    @checked
    def list(
        self, business_id: str | None = None, limit: PositiveInt | None = None
    ) -> ApiList[Thread]:
        """List threads, all or those of one business; the API does this filtering.

        The list says whether it is complete (`is_complete`, `why`); `limit` cuts it. Threads that
        are listed by business have its id.
        """
        if business_id is not None:
            path_to(business_id)  # an empty id would list all threads

        return read_pages(
            self._http,
            "/threads",
            lambda raw, reply: _thread(business_id, raw),
            query={"business_id": business_id},
            limit=limit,
        )

    @checked
    def get(self, thread_id: str) -> Thread:
        """Read one thread. Raises `NotFound`."""
        return self._http.get(path_to("threads", thread_id)).read(Thread.from_json)


class Actions:
    """Recorded changes of businesses and watchlist results."""

    def __init__(self, http: Http) -> None:
        self._http = http

    @checked
    def create(
        self,
        object_type: str,
        object_id: str,
        action_type: str,
        payload: Mapping[str, Any],
        *,
        note: str | None = None,
        run_id: str | None = None,
        thread_id: str | None = None,
    ) -> Action:
        """Carry out an action on an object; `object_type` is `businesses` or `watchlist_result`.

        `action_type` is add_sources, add_attributes, verify_tin, decision, or dismissal, which
        needs a `note`. `run_id` and `thread_id` only name a run as an actor; posting an action does
        not resume a run.

        Raises `UsageError` for unknown words, `NotFound`, `Invalid` for a payload that the API
        refuses or an object in the wrong state, `MaybeSent` if it is unknown whether it was carried
        out: check `actions.list`.
        """
        context = {"note": note, "run_id": run_id, "thread_id": thread_id}
        body = contract.action_body(object_type, object_id, action_type, payload, **context)
        return self._http.post("/actions", body).read(Action.from_json)

    @checked
    def list(self, object_type: str, object_id: str) -> ApiList[Action]:
        """List the actions on one object, named as for `create`; the API does not page them.

        The list says whether it is complete (`is_complete`, `why`).
        """
        query = {"object_type": object_type, "object_id": object_id}
        return read_all(self._http, "/actions", Action, query)

    @checked
    def get(self, action_id: str, object_type: str, object_id: str) -> Action:
        """Read one action; the API asks for its object as well, as for `create`.

        Raises `NotFound`.
        """
        query = {"object_type": object_type, "object_id": object_id}
        return self._http.get(path_to("actions", action_id), query).read(Action.from_json)


class Documents:
    """The files that businesses have on record. The API has no public way to upload one."""

    def __init__(self, http: Http) -> None:
        self._http = http

    @checked
    def list(self, business_id: str) -> ApiList[Document]:
        """List the documents of a business; the API does not page them. Raises `NotFound`.

        The list says whether it is complete (`is_complete`, `why`).
        """
        return read_all(self._http, path_to("businesses", business_id, "documents"), Document)

    @checked
    def get(self, document_id: str) -> Document:
        """Read one document. Raises `NotFound`."""
        return self._http.get(path_to("documents", document_id)).read(Document.from_json)


def _thread(business_id: str | None, raw: Json) -> Thread:
    """Read a thread, with the business by which it was listed; the API does not return it."""
    return Thread.from_json(raw | contract.without_none(business_id=business_id))
