"""Businesses, their documents and the actions on them: one method for each endpoint, as of now.

Actions that agents take are not kept: the plans of their runs tell them. The rules are those of the
contract's section 8.
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
    caller,
    document_json,
    id_in,
    iso,
)
from runkit.server.schemas import NewAction, NewDocument, ObjectType
from runkit.server.store import Store, find
from runkit.server.web import Id, PageNo, PerPage, Person, Refusal, either, objects, page_of

Fields = dict[str, str | None]
OBJECTS = {"businesses": ("Business", BY_ID), "watchlist_result": ("Watchlist::Result", BY_HIT)}
"""Spelling in requests to spelling in responses (contract 16, no. 12), and what there is of it."""
ACTIONS = dict.fromkeys(("add_sources", "add_attributes", "verify_tin", "decision"), "businesses")
ACTIONS["dismissal"] = "watchlist_result"
FINAL = ("approved", "rejected")
OTHERS = {"approved": ("rejected", "in_review"), "rejected": ("approved", "in_review"), "in_review": FINAL}
"""[A] 12: what a decision can make of a business."""


class Registry:
    """What can be asked and told of businesses, documents and actions."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def list_businesses(self, page: PageNo = 1, per_page: PerPage = 25) -> Json:
        """List the seeded businesses."""
        return page_of(BUSINESSES, page, per_page, lambda business: self.get_business(business.id))

    def get_business(self, business_id: str) -> Json:
        """Give a seeded business."""
        business = find(BY_ID, "business", business_id)
        fields = self._course_of(business)[1]
        return business_json(business, fields["businesses"], fields["watchlist_result"])

    def list_documents(self, business_id: str) -> Json:
        """List all documents of a business, in one page."""
        data = self.documents(find(BY_ID, "business", business_id).id)
        return page_of(data, 1, len(data) + 1, lambda document: document)

    def documents(self, business_id: str) -> list[Json]:
        """Documents of a business: those on file from the start, then the uploaded ones."""
        rows = self.store.documents.values()
        uploaded = [row["document"] for row in rows if row["business_id"] == business_id]
        return business_of(business_id).documents + uploaded

    def get_document(self, document_id: Id) -> Json:
        """Give one document."""
        every = (document for business in BUSINESSES for document in self.documents(business.id))
        return find({document["id"]: document for document in every}, "document", document_id)

    def upload_document(self, business_id: str, body: NewDocument) -> Json:
        """Put a document on file. [A] 25: no public endpoint does. Only its name and type are kept."""
        find(BY_ID, "business", business_id)
        document_id, created_at = self.store.new_id("documents"), iso(self.store.clock.now())
        document = document_json(document_id, body.document_type, body.filename, created_at)
        self.store.keep(("documents", {"id": document_id, "business_id": business_id, "document": document}))
        return document

    def list_actions(self, object_type: ObjectType, object_id: str) -> Json:
        """List the actions on an object, newest first."""
        return {"object": "list", "data": self._actions_on(object_type, object_id), "url": "/v1/actions"}

    def get_action(self, action_id: Id, object_type: ObjectType, object_id: str) -> Json:
        """Give one action on an object."""
        known = {action["id"]: action for action in self._actions_on(object_type, object_id)}
        return find(known, "action", action_id)

    def _actions_on(self, object_type: str, object_id: str) -> list[Json]:
        business = OBJECTS[object_type][1].get(object_id)
        done = self._course_of(business)[0] if business else []
        return [one for one in reversed(done) if one["object_id"] == object_id]

    def create_action(self, body: NewAction, person: Person) -> Json:
        """Carry out an action for the caller. It does not resume a run that proposed it (contract section 7).

        Refused with 400 for an unknown type, 404 for an unknown object, run or thread, 422 against the rules.
        """
        kind, object_id, now = body.type, body.object_id, self.store.clock.now()
        for name, word, words in (("type", kind, ACTIONS), ("object_type", body.object_type, OBJECTS)):
            if word not in words:
                raise Refusal(400, f"{name} must be {either(words)}; got {word[:80]!r}", name)
        business = OBJECTS[body.object_type][1].get(object_id)
        if business is None:
            raise Refusal(404, f"{body.object_type} not found: {object_id!r}")
        if ACTIONS[kind] != body.object_type:
            raise Refusal(422, f"{kind} applies to {ACTIONS[kind]}, not to {body.object_type}", "object_type")
        fields = self._course_of(business)[1][body.object_type]
        check(body, str(fields["status"]), {one["id"] for one in self.documents(business.id)})
        run_id = body.run_id
        if body.thread_id:
            find(self.store.threads, "thread", body.thread_id)
            run_id = run_id or next(reversed(self.store.runs_of[body.thread_id]), "")
        run = state.state(self.store.plan_of(run_id), now, steps=False) if run_id else None
        row: Json = {"id": self.store.new_id("actions"), "business_id": business.id, "at": now, "type": kind}
        row |= {"payload": body.payload, "note": body.note or None, "actors": _actors(run, person)}
        self.store.keep(("actions", row))
        return next(one for one in self._actions_on(body.object_type, object_id) if one["id"] == row["id"])

    def _course_of(self, business: Business) -> tuple[list[Json], dict[str, Fields]]:
        """All actions on a business and its watchlist result up to now, and how these two stand then."""
        now, done = self.store.clock.now(), []
        fields: dict[str, Fields] = {
            "businesses": {"status": business.status, "verified_by": None},
            "watchlist_result": {"status": "open"},  # [A] 30
        }
        rows = [*self.store.actions[business.id], *self._acts(business.id)]
        for row in sorted(rows, key=lambda row: int(row["at"])):
            if row["at"] <= now:
                object_type = ACTIONS[row["type"]]
                object_id = business.id if object_type == "businesses" else business.hit_id
                told, changed = effects(row, object_id, fields[object_type])
                fields[object_type] |= {} if row.get("past") else changed
                shown = {key: row[key] for key in ("id", "type", "note", "actors")}
                shown |= {"object_type": OBJECTS[object_type][0], "object_id": object_id}
                done.append({**shown, "created_at": iso(row["at"]), "metadata": {}, "effects": told})
        return done, fields

    def _acts(self, business_id: str) -> Iterator[Json]:
        """What agents do, as rows that came in.

        They work on businesses in review, where the final-status rule would forbid what they propose
        (contract section 16, no. 13): the rule holds for `POST /v1/actions` and not here.
        """
        for run_id in self.store.runs_of[business_id]:
            planned = self.store.plan_of(run_id)
            actors = _actors({**planned.brief._asdict(), "status": "running"})
            for number, act in enumerate(planned.acts):
                action_id = id_in(run_id, f"action/{number}")
                yield {**act, "id": action_id, "actors": actors, "past": act["at"] <= planned.brief.past}


def _actors(run: Json | None, person: str | None = None) -> list[Json]:
    who, keys = caller(person), ("id", "thread_id", "status", "agent")
    asked = {"actor_type": "user" if person else "account", "data": {"id": who["id"], "name": who["name"]}}
    return [asked, *([{"actor_type": "run", "data": {key: run[key] for key in keys}}] if run else [])]


def check(asked: NewAction, status: str, documents: set[str]) -> None:
    """Refuse (422) what the state machine of a business or the rules of a payload do not allow."""
    kind, payload = asked.type, asked.payload
    if kind in ("add_sources", "add_attributes", "verify_tin") and status not in FINAL:
        raise Refusal(
            422, f"{kind} needs a business that is {either(FINAL)}; this one is {status}", "object_id"
        )
    check_payload(kind, payload, documents, OTHERS.get(status, ()))
    if kind == "dismissal" and not asked.note.strip():  # [A] 13
        raise Refusal(422, "a dismissal needs a note that says why", "note")


def check_payload(
    kind: str, payload: Json, documents: Container[str], statuses: tuple[str, ...], where: str = "payload"
) -> None:
    """Refuse (422) a payload against the rules of its kind; `statuses` are those a decision can lead to."""
    if kind == "add_sources":
        _check_sources(payload, where)
    elif kind == "add_attributes":
        if not objects(payload, "addresses", where) + objects(payload, "people", where):
            raise Refusal(422, "addresses or people must hold at least one item", where)
    elif kind == "verify_tin" and str(payload.get("document_id")) not in documents:  # [A] 11
        raise Refusal(422, "document_id must name a document of this business", f"{where}.document_id")
    elif kind == "decision" and payload.get("status") not in statuses:
        message = f"status cannot become {str(payload.get('status'))[:80]!r}; allowed: "
        raise Refusal(422, message + (either(statuses) or "none"), f"{where}.status")


def _check_sources(payload: Json, where: str) -> None:
    sources = objects(payload, "sources", where)
    if not sources:
        raise Refusal(422, "sources must name at least one source", f"{where}.sources")
    for source in sources:
        for key in ("source_type", "source_name", "tier", "url"):
            if not isinstance(source.get(key), str) or not source[key].strip():
                raise Refusal(422, f"every source needs a {key}", f"{where}.sources.{key}")
        for key in ("addresses", "people"):
            objects(source, key, f"{where}.sources")


def effects(action: Json, object_id: str, fields: Fields) -> tuple[list[Json], dict[str, str]]:
    """Return an action's effects as the API tells them, and the fields it changes. [A] 14: `diff`'s shape."""
    kind, payload = action["type"], action["payload"]
    changed: dict[str, str] = {}
    made: list[tuple[str, str]] = []  # the target of a new source is named after its source type (section 8)
    if kind == "add_sources":
        made = [("created", source["source_type"]) for source in payload["sources"]]
        made += [
            ("linked", "address") for source in payload["sources"] for _ in source.get("addresses") or ()
        ]
    elif kind == "add_attributes":
        made = [("created", "address") for _ in payload.get("addresses") or ()]
        made += [("created", "person") for _ in payload.get("people") or ()]
    elif kind == "verify_tin":
        changed = {"verified_by": "document"}
    else:
        changed = {"status": payload["status"] if kind == "decision" else "dismissed"}  # [A] 13, 30
    told: list[Json] = []
    if changed:
        diff = {key: {"before": fields[key], "after": value} for key, value in changed.items()}
        name = {"verify_tin": "tin", "decision": "business", "dismissal": "watchlist_result"}[kind]
        told.append({"operation": "updated", "diff": diff, "target": {"object": name, "id": object_id}})
    for number, (operation, name) in enumerate(made):
        thing = {"object": name, "id": id_in(action["id"], str(number))}
        told.append({"operation": operation, "diff": None, "target": thing})
    return told, changed
