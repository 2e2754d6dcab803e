"""One run with its truth, and the parts from which the forms build it."""

from __future__ import annotations

import copy
import random
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from support import Json, artifact, at, flat, run

HOUR, DAY = 3_600, 86_400  # seconds
TIME_NAMES = ("created_at", "updated_at", "started_at", "ended_at", "completed_at")
CONFIDENCES = ("high", "medium", "low")
TIERS = ("government", "primary", "secondary")


@dataclass(frozen=True)
class Stranger:
    """One run as it came, in one record or in several states, and what is true of it.

    `truth` is cells of its row in `runs`; `rows` is cells of its rows in the other frames, in
    their order. A run with `truth` None is refused.
    """

    records: list[Any]
    truth: Json | None
    rows: dict[str, list[Json]] = field(default_factory=dict)

    @property
    def raw(self) -> Json:
        """The newest state of the run."""
        states: list[Json] = [
            record["data"]["object"] if record.get("object") == "event" else record
            for record in reversed(self.records)
        ]
        return max(states, key=lambda state: str(state.get("updated_at")))

    @property
    def run_id(self) -> str:
        """The id of the run."""
        return str(self.raw.get("id"))


def records(strangers: list[Stranger]) -> list[Any]:
    """All records of some runs, as a file would hold them."""
    return [record for stranger in strangers for record in stranger.records]


def new_id(rng: random.Random) -> str:
    """An id whose first eight characters tell it from others."""
    return f"{rng.getrandbits(32):08x}-0000-4000-8000-{rng.getrandbits(48):012x}"


def moved(time: str, by: float) -> str:
    """A time that is so many seconds later."""
    later = datetime.fromisoformat(time) + timedelta(seconds=by)
    return later.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def shift(value: Any, by: float) -> None:
    """Move all times of a record."""
    if isinstance(value, list):
        for item in value:
            shift(item, by)
    if isinstance(value, dict):
        for name, inner in value.items():
            if name in TIME_NAMES and isinstance(inner, str):
                value[name] = moved(inner, by)
            else:
                shift(inner, by)


def build(rng: random.Random, *steps: Json, **more: Any) -> Json:
    """A run at some time of twenty days; its steps have ids of their own."""
    if more.get("status") in ("interrupted", "running", "pending"):
        more = {"end": None, "updated_at": at(more.pop("changed", 300))} | more
    raw = run(*copy.deepcopy(steps), run_id=new_id(rng), **more)
    for item in flat(raw["steps"]):
        item["id"] = f"{raw['id'][:8]}-{item['id']}"
        item["run_id"] = raw["id"]
        for child in item["steps"]:
            child["parent_step_id"] = item["id"]
    shift(raw, rng.randrange(20 * DAY))
    return raw


def sources(*tiers: str | None) -> list[Json]:
    """A source for each tier; None has no tier."""
    return [
        {"url": f"https://register{n}.example/entry", "source_name": "Register"}
        | ({} if tier is None else {"source_tier": tier, "source_type": "registry"})
        for n, tier in enumerate(tiers)
    ]


def finding(title: str, confidence: Any = "high", *tiers: str | None) -> Json:
    """A finding with a source for each tier."""
    return artifact(title, type="registration", confidence=confidence, sources=sources(*tiers))


def item(item_id: str | None, **value: Any) -> Json:
    """An open item of `interrupts`."""
    return ({} if item_id is None else {"id": item_id}) | {"value": value}


def waiting(rng: random.Random, *steps: Json, items: Any, **more: Any) -> Json:
    """A run that waits with these items."""
    return build(rng, *steps, status="interrupted", interrupts=items, **more)
