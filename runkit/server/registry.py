"""Businesses, watchlist results and documents, and the actions that change them, as of now."""

import json
from collections.abc import Mapping
from typing import Any
from uuid import UUID, uuid5

from runkit.server import actions
from runkit.server.businesses import BUSINESSES, BY_ID
from runkit.server.clock import Clock
from runkit.server.objects import ACCOUNT, SEEDED_DOCUMENTS, business_json, document_json
from runkit.server.plan import Json, Plan, PlannedAct, iso
from runkit.server.refusal import Refusal
from runkit.server.store import Row, Store

ACCOUNT_ACTOR: Json = {"actor_type": "account", "data": {"id": ACCOUNT["id"], "name": ACCOUNT["name"]}}
BUSINESS_FIELDS = {"status": "in_review", "verified_by": None}
"""What actions change of a business, and how it stands where nothing else is known."""
HIT_FIELDS = {"status": "open"}  # [A] 30


class Registry:
    """What is known of the objects around runs. Methods named `put_…` belong inside a write of the world."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self.store = store
        self.clock = clock

    # -- businesses and documents

    def business_now(self, business_id: str) -> dict[str, str | None]:
        """The fields of a business that actions change; also of one that is not known here."""
        seeded = {"status": BY_ID[business_id].status} if business_id in BY_ID else {}
        return {**BUSINESS_FIELDS, **seeded, **self.store.fields(business_id, self.clock.now())}

    def hit_now(self, hit_id: str) -> dict[str, str | None]:
        """The fields of a watchlist result that actions change."""
        return {**HIT_FIELDS, **self.store.fields(hit_id, self.clock.now())}

    def business(self, business_id: str) -> Json:
        """A seeded business; 404 for any other."""
        if business_id not in BY_ID:
            raise Refusal.not_found("business", business_id)
        one = BY_ID[business_id]
        return business_json(one, self.business_now(one.id), self.hit_now(one.hit_id))

    def businesses(self) -> list[Json]:
        """All seeded businesses."""
        return [self.business(one.id) for one in BUSINESSES]

    def documents(self, business_id: str) -> list[Json]:
        """Documents of a business: those on file from the start, then the uploaded ones."""
        seeded = [document for owner, document in SEEDED_DOCUMENTS.values() if owner == business_id]
        rows = self.store.rows("SELECT * FROM documents WHERE business_id = ? ORDER BY n", business_id)
        return seeded + [_document(row) for row in rows]

    def document(self, document_id: str) -> Json:
        """One document; 404 if there is none."""
        if document_id in SEEDED_DOCUMENTS:
            return SEEDED_DOCUMENTS[document_id][1]
        rows = self.store.rows("SELECT * FROM documents WHERE id = ?", document_id)
        if not rows:
            raise Refusal.not_found("document", document_id)
        return _document(rows[0])

    # -- actions

    def target(self, object_type: str, object_id: str) -> actions.Object:
        """What an action acts on, as it is now."""
        if object_type == "watchlist_result":
            return actions.Object(object_type, object_id, self.hit_now(object_id))
        documents = frozenset(one["id"] for one in self.documents(object_id))
        return actions.Object(object_type, object_id, self.business_now(object_id), documents)

    def checked(self, body: Mapping[str, Any]) -> actions.Object:
        """The target of a requested action, if the action is allowed.

        Raises:
            Refusal: 400 unknown type, 404 unknown object, 422 against the rules of payload or state machine.

        """
        kind, object_type, object_id = body["type"], body["object_type"], body["object_id"]
        if kind not in actions.RULES:
            expected = ", ".join(actions.RULES)
            raise Refusal(400, f"type must be one of {expected}; got {kind[:80]!r}", "type")
        if not actions.known_object(object_type, object_id):
            raise Refusal.not_found(object_type, object_id)
        target = self.target(object_type, object_id)
        actions.check(kind, target, body["payload"], body["note"])
        return target

    def put_agent_action(
        self, planned: Plan, number: int, planned_act: PlannedAct, apply: bool = True
    ) -> None:
        """Keep an action that an agent takes once its proposal is approved.

        An agent works on businesses in review, where the final-status rule would forbid what it proposes
        (contract section 16, no. 13): the rule holds for `POST /v1/actions` and not here. `apply=False`
        leaves the object as it is.
        """
        act, brief = planned_act.act, planned.brief
        run = {"id": brief.run_id, "thread_id": brief.thread_id, "status": "running", "agent": brief.agent}
        action: Json = {
            "id": str(uuid5(UUID(brief.run_id), f"action/{number}")),
            "type": act.type,
            "note": planned_act.note,
            "actors": [ACCOUNT_ACTOR, {"actor_type": "run", "data": run}],
        }
        target = self.target(act.object_type, act.object_id)
        self.put_action(action, target, dict(act.payload), planned_act.at, apply)

    def put_action(
        self, action: Json, target: actions.Object, payload: Json, at: int, apply: bool = True
    ) -> Json:
        """Keep an action (given `id`, `type`, `note`, `actors`) with its effects, and what it changed."""
        told, changed = actions.effects(action["type"], action["id"], target, payload)
        body: Json = {
            "id": action["id"],
            "type": action["type"],
            "object_type": actions.OBJECT_TYPES[target.type],
            "object_id": target.id,
            "created_at": iso(at),
            "note": action["note"],
            "metadata": {},
            "effects": told,
            "actors": action["actors"],
        }
        row = {"id": action["id"], "object_type": target.type, "object_id": target.id, "created": at}
        self.store.add("actions", **row, body=json.dumps(body))
        for field, value in changed.items() if apply else ():
            self.store.add("changes", object_id=target.id, at=at, field=field, value=value)
        return body

    def actions_on(self, object_type: str, object_id: str) -> list[Json]:
        """Actions on an object up to now, newest first; 400 if the type is unknown."""
        actions.known_object(object_type, object_id)
        sql = "SELECT body FROM actions WHERE object_type = ? AND object_id = ? AND created <= ?"
        now = self.clock.now()
        rows = self.store.rows(f"{sql} ORDER BY created DESC, n DESC", object_type, object_id, now)
        return [json.loads(row["body"]) for row in rows]


def _document(row: Row) -> Json:
    return document_json(row["id"], row["type"], row["filename"], iso(row["created"]))
