"""An API with one business, a watchlist result of it and some actions on both."""

from __future__ import annotations

from typing import Any

import httpx

import runkit
from support import at

HIT = "11111111-1111-4111-8111-111111111111"


def action(
    number: int, seconds: float, kind: str = "dismissal", status: str | None = None, **actors: Any
) -> dict[str, Any]:
    """An action as the API returns it: on the watchlist result, or on the business.

    By the run `r`.
    """
    is_hit = kind == "dismissal"
    diff = {"status": {"before": "in_review", "after": status}}
    return {
        "id": f"action-{number}",
        "type": kind,
        "object_type": "Watchlist::Result" if is_hit else "Business",
        "object_id": HIT if is_hit else "b",
        "created_at": at(seconds),
        "effects": [{"operation": "updated", "diff": diff, "target": None}] if status else [],
        "actors": [
            {"actor_type": name, "data": data}
            for name, data in (actors or {"run": {"id": "r"}}).items()
        ],
    }


def client_of(*actions: dict[str, Any], has_hit: bool = True) -> runkit.Client:
    """A client that reads them, of an API whose business has a watchlist result or none."""
    hits = [{"object": "watchlist_result", "id": HIT}] * has_hit
    business = {"object": "business", "id": "b", "name": "B", "status": "in_review"}
    business |= dict.fromkeys(["created_at", "updated_at"], at(0))
    business |= {"watchlist": {"people": [{"results": hits}], "lists": []}}

    def reply(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/businesses/b"):
            return httpx.Response(200, json=business)
        object_id = request.url.params.get("object_id")
        found = [item for item in actions if item["object_id"] == object_id]
        return httpx.Response(200 if object_id else 404, json={"data": found})

    transport = httpx.MockTransport(reply)
    return runkit.Client("mk_test_x", "http://127.0.0.1:1/v1", transport=transport, rate=None)
