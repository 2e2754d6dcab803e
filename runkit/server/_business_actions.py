"""Businesses and their actions, by the rules of Middesk's page on creating an action.

Actions of agents are not stored, because the plans of their runs contain them.
"""

from __future__ import annotations

from collections.abc import Collection, Container
from operator import itemgetter
from typing import NamedTuple

from pydantic import BaseModel, ValidationError

from runkit.display.text import brief
from runkit.server._accounts import Json, id_in, iso
from runkit.server._recordings import SeededBusiness
from runkit.server._store import Store
from runkit.server._web import (
    Attributes,
    Decision,
    Dismissal,
    NewAction,
    RequestError,
    Sources,
    Verification,
    or_list,
    path_of,
)

Fields = dict[str, str | None]
OBJECTS = {"businesses": "Business", "watchlist_result": "Watchlist::Result"}
"""Object type in requests: its name in responses, which differs."""
PAYLOADS: dict[str, type[BaseModel]] = {
    "add_sources": Sources,
    "add_attributes": Attributes,
    "verify_tin": Verification,
    "decision": Decision,
    "dismissal": Dismissal,
}
TARGETS = {"verify_tin": "tin", "decision": "business", "dismissal": "watchlist_result"}
# [A] 13, 30: what an action changes
CHANGES = {"verify_tin": {"verified_by": "document"}, "dismissal": {"status": "dismissed"}}
FINAL_STATUSES = ("approved", "rejected")
NEXT_STATUSES = {
    "approved": ("rejected", "in_review"),
    "rejected": ("approved", "in_review"),
    "in_review": FINAL_STATUSES,
}
"""[A] 12: the statuses that a decision can give to a business."""


class History(NamedTuple):
    """What actions have changed of a business and its hit, and the actions; by object id."""

    fields: dict[str, Fields]
    actions: dict[str, list[Json]]


def business_now(store: Store, business: SeededBusiness) -> Json:
    """Return the JSON of a business with what actions changed."""
    fields = history_of(store, business).fields
    own, body = fields[business.id], {**business.body}
    body["status"] = own["status"]
    if "tin" in body:
        body["tin"] = body["tin"] | {"verified_by": own["verified_by"]}
    if business.hit_id:
        [row] = body["watchlist"]["lists"]
        results = [result | fields[business.hit_id] for result in row["results"]]
        body["watchlist"] = body["watchlist"] | {"lists": [row | {"results": results}]}
    return body


def actions_on(store: Store, object_type: str, object_id: str) -> dict[str, Json]:
    """Return the actions on an object up to now, by id, in order; none on an unknown object."""
    business = store.objects[object_type].get(object_id)
    actions = history_of(store, business).actions[object_id] if business else []
    return {action["id"]: action for action in actions}


def history_of(store: Store, business: SeededBusiness) -> History:
    """Return what the actions on a business have changed up to now.

    Agents work on businesses in review, where the final-status rule would forbid their proposals.
    So the rule applies to `POST /v1/actions` only.
    """
    fields: dict[str, Fields] = {business.hit_id: {"status": "open"}}
    fields[business.id] = {"status": business.status, "verified_by": None}
    actions: dict[str, list[Json]] = {object_id: [] for object_id in fields}
    rows = list(store.actions[business.id])
    for run_id in store.runs_of[business.id]:
        rows += store.agent_actions[run_id]
    now = store.clock.now()
    for row in sorted(rows, key=itemgetter("at")):
        if row["at"] > now:
            break
        kind = row["type"]
        object_id = business.hit_id if kind == "dismissal" else business.id
        changed = CHANGES.get(kind, {})
        if kind == "decision":
            changed = {"status": row["payload"]["status"]}
        actions[object_id].append(_action_json(row, object_id, fields[object_id], changed))
        if not row.get("is_past"):
            fields[object_id] |= changed
    return History(fields, actions)


def _action_json(row: Json, object_id: str, fields: Fields, changed: dict[str, str]) -> Json:
    object_type = _object_type(row["type"])
    return {
        **{key: row[key] for key in ("id", "type", "note", "actors")},
        "object_type": OBJECTS[object_type],
        "object_id": object_id,
        "created_at": iso(row["at"]),
        "metadata": {},
        "effects": _effects(row, object_id, fields, changed),
    }


def _object_type(action: str) -> str:
    return "watchlist_result" if action == "dismissal" else "businesses"


def check_action(store: Store, business: SeededBusiness, body: NewAction) -> None:
    """Check an action by the status of the business and the rules of its payload (else 422)."""
    kind, object_type = body.type, _object_type(body.type)
    fields = history_of(store, business).fields
    status = str(fields[body.object_id]["status"])
    if object_type != body.object_type:
        message = f"{kind} applies to {object_type}, not to {body.object_type}"
        raise RequestError(422, message, "object_type")
    if kind in ("add_sources", "add_attributes", "verify_tin") and status not in FINAL_STATUSES:
        message = f"{kind} needs a business that is {or_list(FINAL_STATUSES)}; this one is {status}"
        raise RequestError(422, message, "object_id")
    documents = {document["id"] for document in business.documents}
    check_payload(kind, body.payload, documents, NEXT_STATUSES.get(status, ()))
    if kind == "dismissal" and not body.note.strip():  # [A] 13: the note is required
        raise RequestError(422, "a dismissal needs a note that says why", "note")


def check_payload(
    kind: str,
    payload: Json,
    documents: Container[str],
    statuses: Collection[str],
    where: str = "payload",
) -> None:
    """Check a payload by the rules of its kind (else 422).

    A decision can lead to one of `statuses`.
    """
    try:
        values = PAYLOADS[kind].model_validate(payload)
    except ValidationError as error:
        first = error.errors()[0]
        raise RequestError(422, first["msg"], path_of((where, *first["loc"]))) from None
    match values:
        case Attributes(addresses=[], people=[]):
            raise RequestError(422, "addresses or people must hold at least one item", where)
        case Verification(document_id=document_id) if document_id not in documents:
            message = "document_id must name a document of this business"
            raise RequestError(422, message, f"{where}.document_id")
        case Decision(status=status) if status not in statuses:
            allowed = or_list(statuses) or "none"
            message = f"status cannot become {brief(status)}; allowed: {allowed}"
            raise RequestError(422, message, f"{where}.status")


def _effects(action: Json, object_id: str, fields: Fields, changed: dict[str, str]) -> list[Json]:
    """Return an action's effects as the API shows them. [A] 14: the shape of `diff`."""
    payload = action["payload"]
    if changed:
        diff = {key: {"before": fields[key], "after": value} for key, value in changed.items()}
        target = {"object": TARGETS[action["type"]], "id": object_id}
        return [{"operation": "updated", "diff": diff, "target": target}]
    sources = payload.get("sources", [])
    # the target of a new source is named after its source type
    added = [("created", source["source_type"]) for source in sources]
    added += [("linked", "address") for source in sources for _ in source.get("addresses", [])]
    added += [("created", "address") for _ in payload.get("addresses", [])]
    added += [("created", "person") for _ in payload.get("people", [])]
    return [
        {
            "operation": operation,
            "diff": None,
            "target": {"object": name, "id": id_in(action["id"], str(number))},
        }
        for number, (operation, name) in enumerate(added)
    ]
