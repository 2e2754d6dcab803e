"""Recordings: finished runs in the API's form, and the businesses that they are about.

Each file in `recordings/` holds a business, its documents, and a recording for each way to answer
its questions, one step a line:

    {"shows": "…", "weight": 2, "business": {…}, "documents": […], "runs": [
     {"answers": {"interrupt/0": {"watchlist_resolution": "approve"}}, "actions": […],
      "begins": [0, 6], "run": {…}, "steps": […]}, …]}

`answers` are the verdicts by interrupt and agent: `approve`, `reject` for a proposal; `approved`,
`rejected`, `in_review` for a decision; `supports`, `unrelated`, `none` for a document. `begins`
takes the first steps, here six, from another recording of the file; recordings that differ by an
answer are equal until then, in ids and times, too. A run may have no `steps`. A step of type
`interrupt` has `asked`, the item of the run's `interrupts` while it waits; one that the policy
settled ([A] 24) has none. `weight` is how often history has the business; of those with `is_form`,
whose runs have forms that other accounts send, one in turn is every seventh run of history.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import NamedTuple

import orjson

from runkit.api.contract import Json
from runkit.api.reading import agent_of, objects
from runkit.display.text import agent_title
from runkit.server._accounts import SPACE, id_in

ORCHESTRATOR = "cip_orchestrator"
FOLDER = Path(__file__).with_name("recordings")
SEEDED_AT = {"created_at": "2026-05-04T09:00:00.000Z", "updated_at": "2026-05-04T09:00:00.000Z"}


def agent_json(kind: str) -> Json:
    """Return the JSON of an agent, by its type."""
    agent_id = id_in(SPACE, f"agent/{kind}")
    named = {"object": "agent", "id": agent_id, "type": kind, "name": agent_title(kind)}
    return named | SEEDED_AT


class Recording(NamedTuple):
    """A finished run, the verdicts by interrupt and agent, and what the agent did."""

    run: Json
    answers: dict[str, dict[str, str]]
    actions: list[Json]

    @property
    def agent(self) -> str:
        """Return the type of the run's agent; the object page's form does not name it."""
        return agent_of(self.run) or ORCHESTRATOR


@dataclass(frozen=True)
class SeededBusiness:
    """A business of the sandbox. `scenario` is what an agent finds there, `shows` describes it."""

    id: str
    name: str
    scenario: str
    shows: str
    body: Json = field(repr=False)
    documents: list[Json] = field(repr=False)
    recordings: list[Recording] = field(repr=False)
    weight: int = field(default=1, repr=False)
    is_form: bool = field(default=False, repr=False)

    @property
    def hit_id(self) -> str:
        """Return the id of its watchlist result, the object of a dismissal; empty without one."""
        lists = self.body.get("watchlist", {}).get("lists", [])
        return next((str(hit["id"]) for row in lists for hit in row["results"]), "")

    def of_agent(self, kind: str) -> list[Recording]:
        """Return the recordings of an agent."""
        return [recording for recording in self.recordings if recording.agent == kind]


def walk(steps: object) -> Iterator[Json]:
    """Yield the steps of a list and all below them."""
    for step in objects(steps):
        yield step
        yield from walk(step.get("steps"))


def business_of(scenario: str, document: Json) -> SeededBusiness:
    """Return the business of a file, with its recordings."""
    runs: list[Json] = document["runs"]
    for row in runs:
        if "steps" in row:
            number, n_steps = row.get("begins", (0, 0))
            row["run"]["steps"] = runs[number]["run"].get("steps", [])[:n_steps] + row["steps"]
    body = document["business"]
    return SeededBusiness(
        body["id"],
        body["name"],
        scenario,
        document["shows"],
        body,
        document["documents"],
        [Recording(row["run"], row["answers"], row.get("actions", [])) for row in runs],
        document["weight"],
        document.get("is_form", False),
    )


@cache
def packaged() -> tuple[SeededBusiness, ...]:
    """Return the businesses of the package, by id."""
    businesses = [
        business_of(path.stem, orjson.loads(path.read_bytes())) for path in FOLDER.glob("*.json")
    ]
    return tuple(sorted(businesses, key=lambda business: business.id))
