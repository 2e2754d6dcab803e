"""Information that is taken away from runs, one kind at a time."""

from __future__ import annotations

import copy

from strangers.build import Stranger, records
from support import Json, flat

FIELDS = {  # of the parts of a run
    "runs": "updated_at steps ended_at started_at agent interrupts",
    "steps": "label name type status started_at completed_at agent artifacts",
    "questions": "result",
    "items": "id",
    "values": "label",
    "artifacts": "confidence sources",
    "sources": "url source_tier source_type",
}
REMOVALS = [f"{name} of {part}" for part, names in FIELDS.items() for name in names.split()]


def parts_of(raw: Json) -> dict[str, list[Json]]:
    """Return the parts of a run by their kinds."""
    steps = flat(raw["steps"])
    artifacts = [found for step in steps for found in step["artifacts"]]
    return {
        "runs": [raw],
        "steps": steps,
        "questions": [step for step in steps if step["type"] == "interrupt"],
        "items": raw["interrupts"],
        "values": [item["value"] for item in raw["interrupts"]],
        "artifacts": artifacts,
        "sources": [source for found in artifacts for source in found["sources"]],
    }


def reduced(strangers: list[Stranger], removal: str) -> list[Json]:
    """Return the records of some runs; a third lack a kind of information, in a third it is null."""
    name, _, kind = removal.partition(" of ")
    raws = copy.deepcopy(records(strangers))
    for number, raw in enumerate(raws):
        for part in parts_of(raw)[kind]:
            if number % 3 == 1:
                part.pop(name, None)
            if number % 3 == 2:
                part[name] = None
    return raws
