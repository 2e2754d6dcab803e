"""Information that is taken away from runs, one kind at a time."""

from __future__ import annotations

import copy
from collections.abc import Callable

from strangers.build import Stranger, records
from support import Json, flat


def _all(raw: Json, part: str) -> list[Json]:
    """All runs, steps, questions, artifacts or sources of a run."""
    steps = flat(raw["steps"])
    found = [found for each in steps for found in each.get("artifacts") or []]
    return {
        "run": [raw],
        "steps": steps,
        "questions": [each for each in steps if each["type"] == "interrupt"],
        "items": raw.get("interrupts") or [],
        "values": [each["value"] for each in raw.get("interrupts") or []],
        "artifacts": found,
        "sources": [source for each in found for source in each.get("sources") or []],
    }[part]


def _without(part: str, name: str) -> Callable[[Json], None]:
    """Leave a field out of all such parts of a run."""

    def remove(raw: Json) -> None:
        for each in _all(raw, part):
            each.pop(name, None)

    return remove


def _null(part: str, name: str) -> Callable[[Json], None]:
    """Set a field of all such parts of a run to null."""

    def clear(raw: Json) -> None:
        for each in _all(raw, part):
            each[name] = None

    return clear


REMOVALS: dict[str, Callable[[Json], None]] = {
    "updated_at": _without("run", "updated_at"),
    "steps": _without("run", "steps"),
    "ended_at": _without("run", "ended_at"),
    "started_at": _without("run", "started_at"),
    "agent": _without("run", "agent"),
    "interrupts": _without("run", "interrupts"),
    "steps null": _null("run", "steps"),
    "interrupts null": _null("run", "interrupts"),
    "labels null": _null("steps", "label"),
    "labels": _without("steps", "label"),
    "names": _without("steps", "name"),
    "types": _without("steps", "type"),
    "step statuses": _without("steps", "status"),
    "step starts": _without("steps", "started_at"),
    "step ends": _without("steps", "completed_at"),
    "step agents": _without("steps", "agent"),
    "results": _without("questions", "result"),
    "no artifacts": _without("steps", "artifacts"),
    "confidences": _without("artifacts", "confidence"),
    "no sources": _without("artifacts", "sources"),
    "tiers": _without("sources", "source_tier"),
    "addresses": _without("sources", "url"),
    "item ids": _without("items", "id"),
    "item labels": _without("values", "label"),
}


def reduced(strangers: list[Stranger], name: str) -> list[Json]:
    """The records of some runs; every second has lost one kind of information."""
    raws = copy.deepcopy(records(strangers))
    for raw in raws[::2]:
        REMOVALS[name](raw)
    return raws
