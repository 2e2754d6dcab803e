"""Businesses and their actions. The rules are those of section 8 of the contract.

Actions of agents are not stored, because the plans of their runs contain them.
"""

from __future__ import annotations

from collections.abc import Container

from runkit.server import state
from runkit.server.bodies import NewAction
from runkit.server.scenarios import BY_HIT, BY_ID, Business, Json, business_json, id_in, iso, user_of
from runkit.server.store import Store, get_or_404
from runkit.server.web import RequestError, object_list, or_list

Fields = dict[str, str | None]
OBJECTS = {"businesses": ("Business", BY_ID), "watchlist_result": ("Watchlist::Result", BY_HIT)}
"""Object type in requests: its name in responses (contract 16, no. 12), and the objects by id."""
ACTIONS = dict.fromkeys(("add_sources", "add_attributes", "verify_tin", "decision"), "businesses")
ACTIONS["dismissal"] = "watchlist_result"
FINAL = ("approved", "rejected")
OTHERS = {"approved": ("rejected", "in_review"), "rejected": ("approved", "in_review"), "in_review": FINAL}
"""[A] 12: the statuses that a decision can give to a business."""
TARGETS = {"verify_tin": "tin", "decision": "business", "dismissal": "watchlist_result"}


class Registry:
    """The businesses with what actions changed."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def get_business(self, business_id: str) -> Json:
        """Get a seeded business; 404 if there is none."""
        business = get_or_404(BY_ID, "business", business_id)
        fields = self._fields_of(business)
        return business_json(business, fields["businesses"], fields["watchlist_result"])

    def list_actions(self, object_type: str, object_id: str) -> Json:
        """List the actions on an object, newest first."""
        return {"object": "list", "data": self._actions_on(object_type, object_id), "url": "/v1/actions"}

    def get_action(self, action_id: str, object_type: str, object_id: str) -> Json:
        """Get an action on an object; 404 if there is none."""
        actions = self._actions_on(object_type, object_id)
        return get_or_404({action["id"]: action for action in actions}, "action", action_id)

    def create_action(self, body: NewAction, person: str | None) -> Json:
        """Execute an action; 404 for an unknown object, run or thread, 422 by the rules."""
        store, now = self.store, self.store.clock.now()
        business = get_or_404(OBJECTS[body.object_type][1], body.object_type, body.object_id)
        fields = self._fields_of(business)[body.object_type]
        check_action(body, str(fields["status"]), {one["id"] for one in business.documents})
        run_id = body.run_id
        if body.thread_id:
            get_or_404(store.threads, "thread", body.thread_id)
            run_id = run_id or next(reversed(store.runs_of[body.thread_id]), "")
        run = state.state(store.plan_of(run_id), now, steps=False) if run_id else None
        row: Json = {
            "id": store.new_id("actions"),
            "business_id": business.id,
            "at": now,
            "type": body.type,
            "payload": body.payload,
            "note": body.note or None,
            "actors": _actors(run, person),
        }
        store.save(("actions", row))
        return self.get_action(row["id"], body.object_type, body.object_id)

    def _rows_of(self, business: Business) -> list[Json]:
        """Return the actions of people and agents on a business up to now, as rows, in order.

        Agents work on businesses in review, where the final-status rule would forbid their proposals
        (contract section 16, no. 13). So the rule applies to `POST /v1/actions` only.
        """
        store, now = self.store, self.store.clock.now()
        rows = [*store.actions[business.id]]
        for run_id in store.runs_of[business.id]:
            for number, action in enumerate(store.agent_actions(run_id)):
                is_past = action["at"] <= store.runs[run_id].past
                rows.append({**action, "run_id": run_id, "number": number, "past": is_past})
        return sorted((row for row in rows if row["at"] <= now), key=lambda row: int(row["at"]))

    def _fields_of(self, business: Business) -> dict[str, Fields]:
        """Return the fields that actions have changed, by type of object."""
        fields = initial_fields(business)
        for row in self._rows_of(business):
            if not row.get("past"):
                fields[ACTIONS[row["type"]]] |= changes_of(row)
        return fields

    def _actions_on(self, object_type: str, object_id: str) -> list[Json]:
        """Return the actions on an object, newest first; none on an unknown one."""
        business = OBJECTS[object_type][1].get(object_id)
        if business is None:
            return []
        fields, actions = initial_fields(business)[object_type], []
        for row in self._rows_of(business):
            if ACTIONS[row["type"]] == object_type:
                changed = changes_of(row)
                actions.append(self._action_json(row, object_type, object_id, fields, changed))
                fields |= {} if row.get("past") else changed
        return actions[::-1]

    def _action_json(
        self, row: Json, object_type: str, object_id: str, fields: Fields, changed: dict[str, str]
    ) -> Json:
        own = row
        if "number" in row:  # of an agent
            run = {**self.store.runs[row["run_id"]]._asdict(), "status": "running"}
            own = {"id": id_in(row["run_id"], f"action/{row['number']}"), "actors": _actors(run)}
        return {
            "id": own["id"],
            "type": row["type"],
            "note": row["note"],
            "actors": own["actors"],
            "object_type": OBJECTS[object_type][0],
            "object_id": object_id,
            "created_at": iso(row["at"]),
            "metadata": {},
            "effects": effects({**row, "id": own["id"]}, object_id, fields, changed),
        }


def initial_fields(business: Business) -> dict[str, Fields]:
    """Return the fields that actions can change, before any action. [A] 30."""
    return {
        "businesses": {"status": business.status, "verified_by": None},
        "watchlist_result": {"status": "open"},
    }


def _actors(run: Json | None, person: str | None = None) -> list[Json]:
    user = user_of(person)
    actors = [
        {"actor_type": "user" if person else "account", "data": {"id": user["id"], "name": user["name"]}}
    ]
    if run:
        data = {key: run[key] for key in ("id", "thread_id", "status", "agent")}
        actors.append({"actor_type": "run", "data": data})
    return actors


def check_action(body: NewAction, status: str, documents: Container[str]) -> None:
    """Reject (422) what the status of the business or the rules of the payload do not allow."""
    kind, object_type = body.type, ACTIONS[body.type]
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
        _check_sources(object_list(payload, "sources", where), f"{where}.sources")
    elif kind == "add_attributes":
        if not object_list(payload, "addresses", where) + object_list(payload, "people", where):
            raise RequestError(422, "addresses or people must hold at least one item", where)
    elif kind == "verify_tin" and str(payload.get("document_id")) not in documents:  # [A] 11
        raise RequestError(422, "document_id must name a document of this business", f"{where}.document_id")
    elif kind == "decision" and payload.get("status") not in statuses:
        status = str(payload.get("status"))[:80]
        message = f"status cannot become {status!r}; allowed: {or_list(statuses) or 'none'}"
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
    added = [("created", "address") for _ in payload.get("addresses") or ()]
    added += [("created", "person") for _ in payload.get("people") or ()]
    if kind == "add_sources":  # the target of a new source is named after its source type (section 8)
        sources = payload["sources"]
        added = [("created", source["source_type"]) for source in sources]
        added += [("linked", "address") for source in sources for _ in source.get("addresses") or ()]
    return [
        {"operation": operation, "diff": None, "target": {"object": name, "id": id_in(action["id"], str(n))}}
        for n, (operation, name) in enumerate(added)
    ]
