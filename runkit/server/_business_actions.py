"""The status of a business, and the actions of its runs on it.

What actions change is assumed: `[A] n` is an assumption in `runkit/api/contract.md`.
"""

from __future__ import annotations

from runkit.api.contract import Json
from runkit.api.validation import objects
from runkit.server._accounts import ACCOUNT, id_in, iso
from runkit.server._recordings import SeededBusiness
from runkit.server._replay import RunSpec
from runkit.server._store import Store

# [A] 13, 30: what these change; [A] 14: the shape of `diff`
CHANGES: dict[str, Json] = {
    "verify_tin": {"verified_by": {"before": None, "after": "document"}},
    "dismissal": {"status": {"before": "open", "after": "dismissed"}},
}
TARGETS = {"verify_tin": "tin", "dismissal": "watchlist_result", "decision": "business"}


def business_now(store: Store, business: SeededBusiness) -> Json:
    """Return the JSON of a business."""
    return business.body | {"status": status_and_actions(store, business)[0]}


def status_and_actions(store: Store, business: SeededBusiness) -> tuple[str, list[Json]]:
    """Return the status of a business now, and the actions on it and its hit, in order."""
    status = str(business.body["status"])
    now = store.clock.now()
    runs = [store.placed(run_id) for run_id in store.runs_of[business.id]]
    recorded = [(action, run.spec) for run in runs for action in run.actions(now)]
    actions = []
    for action, spec in sorted(recorded, key=lambda item: item[0]["at"]):
        changes = CHANGES.get(action["type"], {})
        if action["type"] == "decision":
            after = action["payload"]["status"]
            changes = {"status": {"before": status, "after": after}}
            status = after if action["at"] > spec.history_until else status
        actions.append(_action_json(action, spec, business, changes))
    return status, actions


def _action_json(action: Json, spec: RunSpec, business: SeededBusiness, changes: Json) -> Json:
    """Return an action as the API shows it, with what it changes or else each item it creates."""
    is_hit = action["type"] == "dismissal"
    object_id = business.hit_id if is_hit else business.id
    n_created = sum(len(objects(items)) for items in action["payload"].values())
    effects: list[Json] = [{"operation": "created", "diff": None, "target": None}] * n_created
    if changes:
        target = {"object": TARGETS[action["type"]], "id": object_id}
        effects = [{"operation": "updated", "diff": changes, "target": target}]
    account = {"id": ACCOUNT["id"], "name": ACCOUNT["name"]}
    run = {"id": spec.id, "thread_id": spec.thread_id, "agent": spec.agent, "status": "running"}
    return {
        "id": id_in(spec.id, action["id"]),
        "type": action["type"],
        "object_type": "Watchlist::Result" if is_hit else "Business",
        "object_id": object_id,
        "created_at": iso(action["at"]),
        "note": action["note"],
        "metadata": {},
        "effects": effects,
        "actors": [
            {"actor_type": "account", "data": account},
            {"actor_type": "run", "data": run},
        ],
    }
