"""Businesses, their documents and actions: one method per endpoint.

Actions of agents are not stored, because the plans of their runs contain them. The rules are those of section
8 of the contract.
"""

from __future__ import annotations

from collections.abc import Container, Iterator

from runkit.server import state
from runkit.server.businesses import (
    BUSINESSES,
    BY_HIT,
    BY_ID,
    Business,
    Json,
    business_json,
    business_of,
    document_json,
    id_in,
    iso,
    user_of,
)
from runkit.server.schemas import NewAction, NewDocument, ObjectType
from runkit.server.store import Store, get_or_404
from runkit.server.web import Id, PageNo, PerPage, Person, RequestError, make_page, object_list, or_list

Fields = dict[str, str | None]
OBJECTS = {"businesses": ("Business", BY_ID), "watchlist_result": ("Watchlist::Result", BY_HIT)}
"""Object type in requests: its name in responses (contract 16, no. 12), and the objects by id."""
ACTIONS = dict.fromkeys(("add_sources", "add_attributes", "verify_tin", "decision"), "businesses")
ACTIONS["dismissal"] = "watchlist_result"
FINAL = ("approved", "rejected")
OTHERS = {"approved": ("rejected", "in_review"), "rejected": ("approved", "in_review"), "in_review": FINAL}
"""[A] 12: the statuses that a decision can give to a business."""


class Registry:
    """The endpoints of businesses, documents and actions."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def list_businesses(self, page: PageNo = 1, per_page: PerPage = 25) -> Json:
        """List the seeded businesses."""
        return make_page(BUSINESSES, page, per_page, lambda business: self.get_business(business.id))

    def get_business(self, business_id: str) -> Json:
        """Get a seeded business."""
        business = get_or_404(BY_ID, "business", business_id)
        fields = self._history_of(business)[1]
        return business_json(business, fields["businesses"], fields["watchlist_result"])

    def list_documents(self, business_id: str) -> Json:
        """List all documents of a business, in one page."""
        data = self.documents(get_or_404(BY_ID, "business", business_id).id)
        return make_page(data, 1, len(data) + 1, lambda document: document)

    def documents(self, business_id: str) -> list[Json]:
        """Return the documents of a business: those on file from the start, then the uploaded ones."""
        rows = self.store.documents.values()
        uploaded = [row["document"] for row in rows if row["business_id"] == business_id]
        return business_of(business_id).documents + uploaded

    def get_document(self, document_id: Id) -> Json:
        """Get a document."""
        documents = (document for business in BUSINESSES for document in self.documents(business.id))
        return get_or_404({document["id"]: document for document in documents}, "document", document_id)

    def upload_document(self, business_id: str, body: NewDocument) -> Json:
        """Add a document. [A] 25: no public endpoint does. Only its name and type are stored."""
        get_or_404(BY_ID, "business", business_id)
        document_id, created_at = self.store.new_id("documents"), iso(self.store.clock.now())
        document = document_json(document_id, body.document_type, body.filename, created_at)
        self.store.save(("documents", {"id": document_id, "business_id": business_id, "document": document}))
        return document

    def list_actions(self, object_type: ObjectType, object_id: str) -> Json:
        """List the actions on an object, newest first."""
        return {"object": "list", "data": self._actions_on(object_type, object_id), "url": "/v1/actions"}

    def get_action(self, action_id: Id, object_type: ObjectType, object_id: str) -> Json:
        """Get an action on an object."""
        known = {action["id"]: action for action in self._actions_on(object_type, object_id)}
        return get_or_404(known, "action", action_id)

    def _actions_on(self, object_type: str, object_id: str) -> list[Json]:
        business = OBJECTS[object_type][1].get(object_id)
        actions = self._history_of(business)[0] if business else []
        return [one for one in reversed(actions) if one["object_id"] == object_id]

    def create_action(self, body: NewAction, person: Person) -> Json:
        """Execute an action for the caller. It does not resume a run that proposed it (contract section 7).

        Rejected with 400 for an unknown type, 404 for an unknown object, run or thread, 422 by the rules.
        """
        kind, object_id, now = body.type, body.object_id, self.store.clock.now()
        for name, word, words in (("type", kind, ACTIONS), ("object_type", body.object_type, OBJECTS)):
            if word not in words:
                raise RequestError(400, f"{name} must be {or_list(words)}; got {word[:80]!r}", name)
        business = OBJECTS[body.object_type][1].get(object_id)
        if business is None:
            raise RequestError(404, f"{body.object_type} not found: {object_id!r}")
        if ACTIONS[kind] != body.object_type:
            raise RequestError(
                422, f"{kind} applies to {ACTIONS[kind]}, not to {body.object_type}", "object_type"
            )
        fields = self._history_of(business)[1][body.object_type]
        check(body, str(fields["status"]), {one["id"] for one in self.documents(business.id)})
        run_id = body.run_id
        if body.thread_id:
            get_or_404(self.store.threads, "thread", body.thread_id)
            run_id = run_id or next(reversed(self.store.runs_of[body.thread_id]), "")
        run = state.state(self.store.plan_of(run_id), now, steps=False) if run_id else None
        row: Json = {"id": self.store.new_id("actions"), "business_id": business.id, "at": now, "type": kind}
        row |= {"payload": body.payload, "note": body.note or None, "actors": _actors(run, person)}
        self.store.save(("actions", row))
        return next(one for one in self._actions_on(body.object_type, object_id) if one["id"] == row["id"])

    def _history_of(self, business: Business) -> tuple[list[Json], dict[str, Fields]]:
        """Return all actions on a business and its watchlist result up to now, and their current fields."""
        now, actions = self.store.clock.now(), []
        fields: dict[str, Fields] = {
            "businesses": {"status": business.status, "verified_by": None},
            "watchlist_result": {"status": "open"},  # [A] 30
        }
        rows = [*self.store.actions[business.id], *self._agent_actions(business.id)]
        for row in sorted(rows, key=lambda row: int(row["at"])):
            if row["at"] <= now:
                object_type = ACTIONS[row["type"]]
                object_id = business.id if object_type == "businesses" else business.hit_id
                done, changed = effects(row, object_id, fields[object_type])
                fields[object_type] |= {} if row.get("past") else changed
                action = {key: row[key] for key in ("id", "type", "note", "actors")}
                action |= {"object_type": OBJECTS[object_type][0], "object_id": object_id}
                actions.append({**action, "created_at": iso(row["at"]), "metadata": {}, "effects": done})
        return actions, fields

    def _agent_actions(self, business_id: str) -> Iterator[Json]:
        """Yield the actions of agents as rows.

        Agents work on businesses in review, where the final-status rule would forbid their proposals
        (contract section 16, no. 13). So the rule applies to `POST /v1/actions` only.
        """
        for run_id in self.store.runs_of[business_id]:
            run_plan = self.store.plan_of(run_id)
            actors = _actors({**run_plan.spec._asdict(), "status": "running"})
            for number, action in enumerate(run_plan.actions):
                row = {"id": id_in(run_id, f"action/{number}"), "actors": actors}
                yield {**action, **row, "past": action["at"] <= run_plan.spec.past}


def _actors(run: Json | None, person: str | None = None) -> list[Json]:
    keys = ("id", "thread_id", "status", "agent")
    data = {key: user_of(person)[key] for key in ("id", "name")}
    requester = {"actor_type": "user" if person else "account", "data": data}
    return [requester, *([{"actor_type": "run", "data": {key: run[key] for key in keys}}] if run else [])]


def check(body: NewAction, status: str, documents: set[str]) -> None:
    """Reject (422) what the status of the business or the rules of the payload do not allow."""
    kind, payload = body.type, body.payload
    if kind in ("add_sources", "add_attributes", "verify_tin") and status not in FINAL:
        raise RequestError(
            422, f"{kind} needs a business that is {or_list(FINAL)}; this one is {status}", "object_id"
        )
    check_payload(kind, payload, documents, OTHERS.get(status, ()))
    if kind == "dismissal" and not body.note.strip():  # [A] 13
        raise RequestError(422, "a dismissal needs a note that says why", "note")


def check_payload(
    kind: str, payload: Json, documents: Container[str], statuses: tuple[str, ...], where: str = "payload"
) -> None:
    """Reject (422) a payload that breaks the rules of its kind; a decision can lead to one of `statuses`."""
    if kind == "add_sources":
        _check_sources(payload, where)
    elif kind == "add_attributes":
        if not object_list(payload, "addresses", where) + object_list(payload, "people", where):
            raise RequestError(422, "addresses or people must hold at least one item", where)
    elif kind == "verify_tin" and str(payload.get("document_id")) not in documents:  # [A] 11
        raise RequestError(422, "document_id must name a document of this business", f"{where}.document_id")
    elif kind == "decision" and payload.get("status") not in statuses:
        message = f"status cannot become {str(payload.get('status'))[:80]!r}; allowed: "
        raise RequestError(422, message + (or_list(statuses) or "none"), f"{where}.status")


def _check_sources(payload: Json, where: str) -> None:
    sources = object_list(payload, "sources", where)
    if not sources:
        raise RequestError(422, "sources must name at least one source", f"{where}.sources")
    for source in sources:
        for key in ("source_type", "source_name", "tier", "url"):
            if not isinstance(source.get(key), str) or not source[key].strip():
                raise RequestError(422, f"every source needs a {key}", f"{where}.sources.{key}")
        for key in ("addresses", "people"):
            object_list(source, key, f"{where}.sources")


def effects(action: Json, object_id: str, fields: Fields) -> tuple[list[Json], dict[str, str]]:
    """Return an action's effects as the API shows them, and the fields it changes. [A] 14: `diff`'s shape."""
    kind, payload = action["type"], action["payload"]
    changed: dict[str, str] = {}
    added: list[tuple[str, str]] = []  # the target of a new source is named after its source type (section 8)
    if kind == "add_sources":
        sources = payload["sources"]
        added = [("created", source["source_type"]) for source in sources]
        added += [("linked", "address") for source in sources for _ in source.get("addresses") or ()]
    elif kind == "add_attributes":
        added = [("created", "address") for _ in payload.get("addresses") or ()]
        added += [("created", "person") for _ in payload.get("people") or ()]
    elif kind == "verify_tin":
        changed = {"verified_by": "document"}
    else:
        changed = {"status": payload["status"] if kind == "decision" else "dismissed"}  # [A] 13, 30
    result: list[Json] = []
    if changed:
        diff = {key: {"before": fields[key], "after": value} for key, value in changed.items()}
        name = {"verify_tin": "tin", "decision": "business", "dismissal": "watchlist_result"}[kind]
        result.append({"operation": "updated", "diff": diff, "target": {"object": name, "id": object_id}})
    for number, (operation, name) in enumerate(added):
        target = {"object": name, "id": id_in(action["id"], str(number))}
        result.append({"operation": operation, "diff": None, "target": target})
    return result, changed
