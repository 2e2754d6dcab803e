"""Businesses and their actions. The rules are those of section 8 of the contract.

Actions of agents are not stored, because the plans of their runs contain them.
"""

from __future__ import annotations

from collections.abc import Container

from runkit.server.scenarios import BY_HIT, BY_ID, Business, Json, actors, business_json, id_in, iso
from runkit.server.store import Store, get_or_404
from runkit.server.web import NewAction, RequestError, object_list, or_list
from runkit.text import brief

Fields = dict[str, str | None]
OBJECTS = {"businesses": ("Business", BY_ID), "watchlist_result": ("Watchlist::Result", BY_HIT)}
"""Object type in requests: its name in responses (contract 16, no. 12), and the objects by id."""
TARGETS = {"verify_tin": "tin", "decision": "business", "dismissal": "watchlist_result"}
FINAL = ("approved", "rejected")
OTHERS = {"approved": ("rejected", "in_review"), "rejected": ("approved", "in_review"), "in_review": FINAL}
"""[A] 12: the statuses that a decision can give to a business."""


def get_business(store: Store, business_id: str) -> Json:
    """Get a seeded business with what actions changed; 404 if there is none."""
    business = get_or_404(BY_ID, "business", business_id)
    fields, _ = _review(store, business)
    return business_json(business, fields[business.id], fields[business.hit_id])


def list_actions(store: Store, object_type: str, object_id: str) -> Json:
    """List the actions on an object, newest first; none on an unknown one."""
    business = OBJECTS[object_type][1].get(object_id)
    actions = _review(store, business)[1][object_id][::-1] if business else []
    return {"object": "list", "data": actions, "url": "/v1/actions"}


def get_action(store: Store, action_id: str, object_type: str, object_id: str) -> Json:
    """Get an action on an object; 404 if there is none."""
    actions = list_actions(store, object_type, object_id)["data"]
    return get_or_404({action["id"]: action for action in actions}, "action", action_id)


def create_action(store: Store, body: NewAction, person: str | None) -> Json:
    """Execute an action; 404 for an unknown object, run or thread, 422 by the rules."""
    business = get_or_404(OBJECTS[body.object_type][1], body.object_type, body.object_id)
    fields, _ = _review(store, business)
    check_action(body, str(fields[body.object_id]["status"]), {one["id"] for one in business.documents})
    run_id = body.run_id
    if body.thread_id:
        get_or_404(store.threads, "thread", body.thread_id)
        run_id = run_id or next(reversed(store.runs_of[body.thread_id]), "")
    row = body.model_dump(include={"type", "payload"}) | {
        "id": store.new_id("actions"),
        "business_id": business.id,
        "at": store.clock.now(),
        "note": body.note or None,
        "actors": actors(person, store.run(run_id) if run_id else None),
    }
    store.save(("actions", row))
    return get_action(store, row["id"], body.object_type, body.object_id)


def _review(store: Store, business: Business) -> tuple[dict[str, Fields], dict[str, list[Json]]]:
    """Return what actions have changed up to now, and the actions in order; both by object.

    Agents work on businesses in review, where the final-status rule would forbid their proposals (contract
    section 16, no. 13). So the rule applies to `POST /v1/actions` only. [A] 30.
    """
    fields: dict[str, Fields] = {business.hit_id: {"status": "open"}}
    fields[business.id] = {"status": business.status, "verified_by": None}
    actions: dict[str, list[Json]] = {object_id: [] for object_id in fields}
    rows = [*store.actions[business.id]]
    for run_id in store.runs_of[business.id]:
        rows += store.agent_actions(run_id)
    now = store.clock.now()
    for row in sorted((row for row in rows if row["at"] <= now), key=lambda row: int(row["at"])):
        object_id = business.hit_id if row["type"] == "dismissal" else business.id
        changed = changes_of(row)
        actions[object_id].append(_action_json(row, object_id, fields[object_id], changed))
        if not row.get("is_past"):
            fields[object_id] |= changed
    return fields, actions


def _action_json(row: Json, object_id: str, fields: Fields, changed: dict[str, str]) -> Json:
    object_type = _object_type(row["type"])
    return {
        **{key: row[key] for key in ("id", "type", "note", "actors")},
        "object_type": OBJECTS[object_type][0],
        "object_id": object_id,
        "created_at": iso(row["at"]),
        "metadata": {},
        "effects": effects(row, object_id, fields, changed),
    }


def _object_type(action: str) -> str:
    return "watchlist_result" if action == "dismissal" else "businesses"


def check_action(body: NewAction, status: str, documents: Container[str]) -> None:
    """Reject (422) what the status of the business or the rules of the payload do not allow."""
    kind, object_type = body.type, _object_type(body.type)
    if object_type != body.object_type:
        raise RequestError(422, f"{kind} applies to {object_type}, not to {body.object_type}", "object_type")
    if kind in ("add_sources", "add_attributes", "verify_tin") and status not in FINAL:
        message = f"{kind} needs a business that is {or_list(FINAL)}; this one is {status}"
        raise RequestError(422, message, "object_id")
    check_payload(kind, body.payload, documents, OTHERS.get(status, ()))
    if kind == "dismissal" and not body.note.strip():  # [A] 13
        raise RequestError(422, "a dismissal needs a note that says why", "note")


def check_payload(
    kind: str, payload: Json, documents: Container[str], statuses: tuple[str, ...], where: str = "payload"
) -> None:
    """Reject (422) a payload that breaks the rules of its kind; a decision can lead to one of `statuses`."""
    if kind == "add_sources":
        sources = object_list(payload, "sources", where)
        _check_sources(sources, f"{where}.sources")
    elif kind == "add_attributes":
        added = [object_list(payload, name, where) for name in ("addresses", "people")]
        if not any(added):
            raise RequestError(422, "addresses or people must hold at least one item", where)
    elif kind == "verify_tin":  # [A] 11
        if str(payload.get("document_id")) not in documents:
            message = "document_id must name a document of this business"
            raise RequestError(422, message, f"{where}.document_id")
    elif kind == "decision" and payload.get("status") not in statuses:
        allowed = or_list(statuses) or "none"
        message = f"status cannot become {brief(payload.get('status'))}; allowed: {allowed}"
        raise RequestError(422, message, f"{where}.status")


def _check_sources(sources: list[Json], where: str) -> None:
    if not sources:
        raise RequestError(422, "sources must name at least one source", where)
    for source in sources:
        for key in ("source_type", "source_name", "tier", "url"):
            if not isinstance(source.get(key), str) or not source[key].strip():
                raise RequestError(422, f"every source needs a {key}", f"{where}.{key}")
        for key in ("addresses", "people"):
            object_list(source, key, where)


def changes_of(action: Json) -> dict[str, str]:
    """Return the fields that an action changes in its object. [A] 13, 30."""
    if action["type"] == "verify_tin":
        return {"verified_by": "document"}
    if action["type"] == "decision":
        return {"status": action["payload"]["status"]}
    return {"status": "dismissed"} if action["type"] == "dismissal" else {}


def effects(action: Json, object_id: str, fields: Fields, changed: dict[str, str]) -> list[Json]:
    """Return an action's effects as the API shows them. [A] 14: the shape of `diff`."""
    kind, payload = action["type"], action["payload"]
    if changed:
        diff = {key: {"before": fields[key], "after": value} for key, value in changed.items()}
        target = {"object": TARGETS[kind], "id": object_id}
        return [{"operation": "updated", "diff": diff, "target": target}]
    if kind == "add_sources":  # the target of a new source is named after its source type (section 8)
        sources = payload["sources"]
        added = [("created", source["source_type"]) for source in sources]
        added += [("linked", "address") for source in sources for _ in source.get("addresses") or ()]
    else:
        added = [("created", "address") for _ in payload.get("addresses") or ()]
        added += [("created", "person") for _ in payload.get("people") or ()]
    return [
        {
            "operation": operation,
            "diff": None,
            "target": {"object": name, "id": id_in(action["id"], str(number))},
        }
        for number, (operation, name) in enumerate(added)
    ]
