"""The status of a business, and the actions on it, which are in the plans of its runs."""

from __future__ import annotations

from operator import itemgetter

from runkit.api.contract import Json
from runkit.api.validation import objects
from runkit.server._accounts import ACCOUNT, id_in, iso
from runkit.server._recordings import SeededBusiness
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
    actions = []
    for row in sorted((row for run in runs for row in run.actions(now)), key=itemgetter("at")):
        changes = CHANGES.get(row["type"], {})
        if row["type"] == "decision":
            after = row["payload"]["status"]
            changes = {"status": {"before": status, "after": after}}
            status = status if row["at"] <= row["run"].past_until else after
        actions.append(_action_json(row, business, changes))
    return status, actions


def _action_json(row: Json, business: SeededBusiness, changes: Json) -> Json:
    """Return an action as the API shows it."""
    is_hit = row["type"] == "dismissal"
    object_id = business.hit_id if is_hit else business.id
    added = [item for items in row["payload"].values() for item in objects(items)]
    effects: list[Json] = [{"operation": "created", "diff": None, "target": None} for _ in added]
    if changes:
        target = {"object": TARGETS[row["type"]], "id": object_id}
        effects = [{"operation": "updated", "diff": changes, "target": target}]
    account = {"id": ACCOUNT["id"], "name": ACCOUNT["name"]}
    spec = row["run"]
    run = {"id": spec.id, "thread_id": spec.thread_id, "agent": spec.agent, "status": "running"}
    return {
        "id": id_in(spec.id, row["id"]),
        "type": row["type"],
        "object_type": "Watchlist::Result" if is_hit else "Business",
        "object_id": object_id,
        "created_at": iso(row["at"]),
        "note": row["note"],
        "metadata": {},
        "effects": effects,
        "actors": [
            {"actor_type": "account", "data": account},
            {"actor_type": "run", "data": run},
        ],
    }
