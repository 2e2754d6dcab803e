"""The status of a business, and the actions of its runs on it."""

from __future__ import annotations

from runkit.api.contract import Json
from runkit.server._accounts import ACCOUNT, id_in, iso
from runkit.server._recordings import SeededBusiness
from runkit.server._replay import RunSpec
from runkit.server._store import Store


def business_now(store: Store, business: SeededBusiness) -> Json:
    """Return the JSON of a business, with the status of the last decision on it."""
    decisions = [
        action["payload"]["status"]
        for action, spec in _recorded(store, business)
        if action["type"] == "decision" and action["at"] > spec.history_until
    ]
    return business.body | {"status": [business.body["status"], *decisions][-1]}


def actions_on(store: Store, business: SeededBusiness) -> list[Json]:
    """Return the actions on a business and on its hit until now, in order."""
    recorded = _recorded(store, business)
    return [_action_json(action, spec, business) for action, spec in recorded]


def _recorded(store: Store, business: SeededBusiness) -> list[tuple[Json, RunSpec]]:
    """Return what the runs on a business did until now, in order."""
    now = store.clock.now()
    runs = [store.placed(run_id) for run_id in store.runs_of[business.id]]
    actions = [(action, run.spec) for run in runs for action in run.actions(now)]
    return sorted(actions, key=lambda item: item[0]["at"])


def _action_json(action: Json, spec: RunSpec, business: SeededBusiness) -> Json:
    """Return an action as the API shows it; the sandbox does not say what it changed."""
    is_hit = action["type"] == "dismissal"
    account = {"id": ACCOUNT["id"], "name": ACCOUNT["name"]}
    run = {"id": spec.id, "thread_id": spec.thread_id, "agent": spec.agent, "status": "running"}
    return {
        "id": id_in(spec.id, action["id"]),
        "type": action["type"],
        "object_type": "Watchlist::Result" if is_hit else "Business",
        "object_id": business.hit_id if is_hit else business.id,
        "created_at": iso(action["at"]),
        "note": action["note"],
        "metadata": {},
        "effects": [],
        "actors": [
            {"actor_type": "account", "data": account},
            {"actor_type": "run", "data": run},
        ],
    }
