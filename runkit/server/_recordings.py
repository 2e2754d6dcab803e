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
settled ([A] 24) has none. `weight` is how often history has the business, 0 never, which leaves
equal seeds their pasts. Of those with `is_form`, whose runs have forms that other accounts send,
one in turn is every seventh run of history. [A] 15: of the agents, `tin_verification` is invented.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache, lru_cache
from pathlib import Path
from typing import NamedTuple
from uuid import NAMESPACE_URL, UUID, uuid5

import orjson

from runkit.api.contract import LOCAL, Json, parse_time
from runkit.api.models import Run
from runkit.api.reading import agent_of, objects, policy_of, result_of
from runkit.api.words import RUN_STATUSES
from runkit.display.messages import log
from runkit.display.text import agent_title, first_text, plural
from runkit.errors import UsageError

ORCHESTRATOR = "cip_orchestrator"
FOLDER = Path(__file__).with_name("recordings")
SEEDED_AT = {"created_at": "2026-05-04T09:00:00.000Z", "updated_at": "2026-05-04T09:00:00.000Z"}

# -- the account, ids and times

# namespace of all ids made here
SPACE = str(uuid5(NAMESPACE_URL, "https://runkit.example.com/sandbox"))
START_OF_1970 = datetime(1970, 1, 1, tzinfo=UTC)


def id_in(space: str, name: str) -> str:
    """Return an id for a name in a namespace; equal names have equal ids."""
    return str(uuid5(UUID(space), name))


def iso(ms: int) -> str:
    """Write a virtual time, in milliseconds since 1970, as the API does."""
    return moment_of(ms).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def moment_of(ms: int) -> datetime:
    """Return a virtual time, in milliseconds since 1970, as a datetime in UTC."""
    return START_OF_1970 + timedelta(milliseconds=ms)


@lru_cache(100_000)
def ms_of(text: str) -> int:
    """Read a time of the API as virtual milliseconds. Raises `ValueError`."""
    return round((parse_time(text) - START_OF_1970) / timedelta(milliseconds=1))


ACCOUNT: Json = {"id": id_in(SPACE, "account"), "name": "Sandbox Bank", "email": None}
"""The account of the key: requester, reviewer and actor of all its requests."""


# -- recordings


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


# -- a user's file of finished runs


def read_recordings(path: str | Path) -> list[SeededBusiness]:
    """Return a business for each finished run of a file or folder.

    The log says what is left out. Raises `UsageError` if nothing is left.
    """
    from runkit.tables.sources import records_of  # loads pandas

    left_out: Counter[str] = Counter()
    copies: dict[str, list[Json]] = defaultdict(list)
    for record in records_of(path):
        run, notes = record.run()
        if run:
            copies[run["id"]].append(run)
        else:
            left_out[notes[0].problem] += 1
    businesses = []
    for rows in copies.values():
        rows.sort(key=lambda row: str(row["updated_at"]))
        final = [row for row in rows if _can_be_played(row)]
        if final:
            businesses.append(_played_business(final[-1], rows))
        else:
            left_out["not ended"] += len(rows)
    reasons = ", ".join(f"{reason} {count}" for reason, count in left_out.items())
    if not businesses:
        raise UsageError(
            f"replay={str(path)!r} has no run that can be played ({reasons or 'no record'}); "
            "expected finished runs, such as those that runkit fetch writes."
        )
    if left_out:
        n_left_out = plural(left_out.total(), "record")
        n_runs = plural(len(businesses), "run")
        log.warning("replay plays %s and leaves out %s: %s", n_runs, n_left_out, reasons)
    return businesses


def _can_be_played(run: Json) -> bool:
    """Return whether a run has ended, and each of its steps has a start."""
    steps = walk(run.get("steps"))
    has_starts = all(step.get("started_at") and step.get("type") for step in steps)
    return has_starts and RUN_STATUSES.is_a(run["status"], "over")


def _played_business(newest: Json, copies: list[Json]) -> SeededBusiness:
    """Return a business of its own for a run, from copies of it in the order of their times."""
    run_id = newest["id"]
    run = {key: value for key, value in newest.items() if key != LOCAL}
    _add_questions(run, copies)
    business_id = id_in(SPACE, f"replay/{run_id}")
    body = {
        "object": "business",
        "id": business_id,
        "name": Run(newest).label,
        "status": "in_review",
        "created_at": run["created_at"],
        "updated_at": run["created_at"],
    }
    shows = f"a recorded run: {run['status']}"
    recording = Recording(run, {}, [])
    return SeededBusiness(business_id, body["name"], run_id, shows, body, [], [recording])


def _add_questions(run: Json, copies: list[Json]) -> None:
    """Add to each step of a question what was asked.

    Copies of a run that waited have it; else the step itself says it.
    """
    found = (item for row in copies for item in objects(row.get("interrupts")))
    items = {item["id"]: item for item in found if first_text(item.get("id"))}
    for step in walk(run.get("steps")):
        if step.get("type") == "interrupt" and policy_of(step) is None:
            item_id = first_text(result_of(step).get("interrupt_id"), next(iter(items), None))
            value = {key: step[key] for key in ("agent", "label", "artifacts") if step.get(key)}
            # an id that is asked again is another question
            item = items.pop(item_id, {"value": value})
            step["asked"] = item | {"id": f"{item_id}/{step['id']}"}
