"""Actions: which are allowed, what they change, and how they read (contract section 8).

Pure functions over what the store knows; the rules are one table.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from uuid import UUID, uuid5

from runkit.server.businesses import BY_HIT, BY_ID
from runkit.server.plan import Json
from runkit.server.refusal import Refusal

OBJECT_TYPES = {"businesses": "Business", "watchlist_result": "Watchlist::Result"}
"""Spelling in requests to spelling in responses (contract 16, no. 12)."""
FINAL = ("approved", "rejected")
TRANSITIONS = {
    "in_review": FINAL,
    "approved": ("rejected", "in_review"),
    "rejected": ("approved", "in_review"),
}  # [A] 12


@dataclass(frozen=True)
class Object:
    """The target of an action as it stands: fields that actions change, and the ids of its documents."""

    type: str
    id: str
    fields: Mapping[str, str | None]
    documents: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Rule:
    """Where an action type applies and what its payload must hold."""

    object_type: str
    needs_final_status: bool
    check: Callable[[Object, Json, str], None]


def check(kind: str, target: Object, payload: Json, note: str | None) -> None:
    """Refuse an action that the business's state machine or the payload's rules do not allow.

    Raises:
        Refusal: 422, with the rule in its message.

    """
    rule = RULES[kind]
    if rule.object_type != target.type:
        raise Refusal.invalid(f"{kind} applies to {rule.object_type}, not to {target.type}", "object_type")
    if rule.needs_final_status and target.fields["status"] not in FINAL:
        message = (
            f"{kind} needs a business that is approved or rejected; this one is {target.fields['status']}"
        )
        raise Refusal.invalid(message, "object_id")
    rule.check(target, payload, (note or "").strip())


def known_object(object_type: object, object_id: str) -> bool:
    """Whether the id names a business, or a watchlist result.

    Raises:
        Refusal: 400, the type is neither.

    """
    if object_type not in OBJECT_TYPES:
        expected = " or ".join(OBJECT_TYPES)
        raise Refusal(400, f"object_type must be {expected}; got {str(object_type)[:80]!r}", "object_type")
    return object_id in (BY_ID if object_type == "businesses" else BY_HIT)


def effects(kind: str, action_id: str, target: Object, payload: Json) -> tuple[list[Json], dict[str, str]]:
    """Return an action's effects as the API tells them and the fields it changed. [A] 14: `diff`'s shape."""
    changed = _changes(kind, payload)
    name = {"businesses": "business", "watchlist_result": "watchlist_result"}[target.type]
    if kind == "verify_tin":
        name = "tin"
    diff = {key: {"before": target.fields[key], "after": value} for key, value in changed.items()}
    told: list[Json] = []
    if diff:
        told.append({"operation": "updated", "diff": diff, "target": {"object": name, "id": target.id}})
    for number, (operation, thing) in enumerate(_things(kind, payload)):
        thing_id = str(uuid5(UUID(action_id), str(number)))
        told.append({"operation": operation, "diff": None, "target": {"object": thing, "id": thing_id}})
    return told, changed


def _changes(kind: str, payload: Json) -> dict[str, str]:
    if kind == "decision":
        return {"status": payload["status"]}
    if kind == "dismissal":
        return {"status": "dismissed"}  # [A] 13, 30
    return {"verified_by": "document"} if kind == "verify_tin" else {}


def _things(kind: str, payload: Json) -> list[tuple[str, str]]:
    """New and linked objects; the target of a new source is named after its source type (section 8)."""
    if kind == "add_sources":
        made = [("created", str(source["source_type"])) for source in payload["sources"]]
        linked = [
            ("linked", "address") for source in payload["sources"] for _ in source.get("addresses") or ()
        ]
        return made + linked
    if kind == "add_attributes":
        addresses = [("created", "address") for _ in payload.get("addresses") or ()]
        return addresses + [("created", "person") for _ in payload.get("people") or ()]
    return []


# -- payloads


def _sources(target: Object, payload: Json, note: str) -> None:
    sources = _objects(payload, "sources")
    if not sources:
        raise Refusal.invalid("sources must name at least one source", "payload.sources")
    for source in sources:
        for key in ("source_type", "source_name", "tier", "url"):
            if not isinstance(source.get(key), str) or not source[key].strip():
                raise Refusal.invalid(f"every source needs a {key}", f"payload.sources.{key}")
        _objects(source, "addresses", "payload.sources.addresses")
        _objects(source, "people", "payload.sources.people")


def _attributes(target: Object, payload: Json, note: str) -> None:
    if not _objects(payload, "addresses") and not _objects(payload, "people"):
        raise Refusal.invalid("addresses or people must hold at least one item", "payload")


def _verify_tin(target: Object, payload: Json, note: str) -> None:
    document_id = payload.get("document_id")  # [A] 11
    if not isinstance(document_id, str) or document_id not in target.documents:
        raise Refusal.invalid("document_id must name a document of this business", "payload.document_id")


def _decision(target: Object, payload: Json, note: str) -> None:
    before, after = str(target.fields["status"]), payload.get("status")
    allowed = TRANSITIONS.get(before, ())
    if after not in allowed:
        expected = f"allowed from {before}: {', '.join(allowed) or 'none'}"
        raise Refusal.invalid(f"status cannot become {str(after)[:80]!r}; {expected}", "payload.status")


def _dismissal(target: Object, payload: Json, note: str) -> None:
    if not note:  # [A] 13
        raise Refusal.invalid("a dismissal needs a note that says why", "note")


def _objects(payload: Json, key: str, parameter: str | None = None) -> list[Json]:
    items = payload.get(key) or []
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise Refusal.invalid(f"{key} must be a list of objects", parameter or f"payload.{key}")
    return items


RULES = {
    "add_sources": Rule("businesses", True, _sources),
    "add_attributes": Rule("businesses", True, _attributes),
    "verify_tin": Rule("businesses", True, _verify_tin),
    "decision": Rule("businesses", False, _decision),
    "dismissal": Rule("watchlist_result", False, _dismissal),
}
