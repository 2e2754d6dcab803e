"""The tables of `scenarios.toml`: agents, seeded businesses, and what an agent finds there."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

from pydantic import BaseModel

Json = dict[str, Any]
# namespace of all ids made here
SPACE = str(uuid5(NAMESPACE_URL, "https://runkit.example.com/sandbox"))
SEEDED_AT = {"created_at": "2026-05-04T09:00:00.000Z", "updated_at": "2026-05-04T09:00:00.000Z"}
LETTER = "irs_letter"
ORCHESTRATOR = "cip_orchestrator"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def id_in(space: str, name: str) -> str:
    """Return an id for a name in a namespace; equal names have equal ids."""
    return str(uuid5(UUID(space), name))


def iso(ms: int) -> str:
    """Write a virtual time, in milliseconds since 1970, as the API does."""
    when = EPOCH + timedelta(milliseconds=ms)
    return when.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def fill(template: Any, facts: Mapping[str, Any]) -> Any:
    """Fill facts into every string of a JSON value."""
    if isinstance(template, dict):
        return {key: fill(value, facts) for key, value in template.items()}
    if isinstance(template, list):
        return [fill(value, facts) for value in template]
    return template.format_map(facts) if isinstance(template, str) else template


ACCOUNT: Json = {"id": id_in(SPACE, "account"), "name": "Sandbox Bank", "email": None}
"""The account of the key: requester, reviewer and actor of all its requests."""
SECOND_REVIEWER = "Priya Raman"


def second_key(key: str) -> str:
    """Derive the second reviewer's key from the account's."""
    return f"{key}.second"


def user_of(person: str | None) -> Json:
    """Return the requester of a run: the account, or the user of that name."""
    if person is None:
        return ACCOUNT
    return {"id": id_in(SPACE, f"user/{person}"), "name": person, "email": None}


def actors(person: str | None, run: Mapping[str, Any] | None) -> list[Json]:
    """Return the actors of an action: the user or the account, and the run that it is for."""
    user = {key: user_of(person)[key] for key in ("id", "name")}
    actors: list[Json] = [{"actor_type": "user" if person else "account", "data": user}]
    if run:
        data = {key: run[key] for key in ("id", "thread_id", "status", "agent")}
        actors.append({"actor_type": "run", "data": data})
    return actors


# -- the tables


class Row(BaseModel, extra="forbid"):
    """A row of a table."""


class Finding(Row):
    """An artifact; `sources` are keys of the table of sources."""

    title: str
    type: str
    confidence: str
    summary: str
    sources: list[str] = []


class Task(Row):
    """One task, a leaf unless it has `subtasks`; with an `error` it fails with that message."""

    name: str
    label: str
    seconds: tuple[float, float] = (0, 0)
    finding: str | Finding = ""  # or its key
    alongside: bool = False  # starts while the task before it is running
    subtasks: list[Task] = []
    error: str = ""
    result: Json = {}


class Part(Row):
    """A specialist's part of a review: its tasks, the type of its question, and its sentence."""

    agent: str
    tasks: list[Task]
    question: str = ""
    summary: str


class Scenario(Row):
    """What an agent finds at a business.

    With `steps`, the run has exactly that many, on three levels.
    """

    parts: list[str]
    question: str = ""  # the orchestrator's
    policy: dict[str, str] = {}
    together: bool = True
    object_page: bool = False
    steps: int = 0


class Outcome(Row):
    """What follows a verdict."""

    tasks: list[Task]
    confidence: str
    summary: str
    still_open: str = ""
    recommendation: str = ""


class Question(Row):
    """A type of question. With a `payload` it leads to an action.

    Verdicts are `approve`, `reject` for a proposal; `supports`, `unrelated`, `none` for a document;
    `approved`, `rejected`, `in_review` for a decision.
    """

    auto_approve: str
    skip: str
    label: str
    proposal: Finding
    outcomes: dict[str, Outcome]
    payload: Json | None = None
    extra: Json = {}


class Tables(Row):
    """All tables."""

    agents: dict[str, dict[str, str]]
    businesses: dict[str, dict[str, str]]
    on_file: dict[str, list[dict[str, str]]]
    unknown: dict[str, str]
    scenarios: dict[str, Scenario]
    sources: dict[str, dict[str, str]]
    tasks: dict[str, Task]
    findings: dict[str, Finding]
    parts: dict[str, Part]
    questions: dict[str, Question]
    spot_check: Json
    leaves: list[Json]
    business_json: Json


_TEXT = Path(__file__).with_name("scenarios.toml").read_text("utf-8")
TABLES = Tables.model_validate(tomllib.loads(_TEXT))
QUESTIONS = TABLES.questions

# -- agents and businesses

AGENTS: dict[str, Json] = {
    kind: {"object": "agent", "id": id_in(SPACE, f"agent/{kind}"), "type": kind, **row, **SEEDED_AT}
    for kind, row in TABLES.agents.items()
}


@dataclass(frozen=True)
class Business:
    """A seeded business. `scenario` is what an agent finds there, `shows` describes it."""

    id: str
    scenario: str
    name: str
    shows: str
    officer: str
    street: str
    city: str
    state: str
    register: str
    """The state of registration, spelled out."""
    formed: str
    ein: str
    hit: str = ""
    """The listed name of its watchlist hit, if any."""
    status: str = "in_review"

    @property
    def hit_id(self) -> str:
        """Id of its watchlist result, the object of a dismissal."""
        return id_in(self.id, "watchlist_result")

    @property
    def documents(self) -> list[Json]:
        """Documents on file. The sandbox stores no content, so there is no download."""
        return [
            {
                "object": "document",
                "id": id_in(self.id, row["filename"]),
                **row,
                "content_type": "application/pdf",
                "size": 48_213,
                "download_url": None,
                "created_at": SEEDED_AT["created_at"],
            }
            for row in TABLES.on_file.get(self.scenario, ())
        ]

    def facts(self) -> dict[str, str]:
        """Return the variables of text templates: the fields, and values derived from them."""
        letters = [item["id"] for item in self.documents if item["document_type"] == LETTER]
        return {
            **vars(self),
            **SEEDED_AT,
            "address": f"{self.street}, {self.city}, {self.state}",
            "st": self.state.lower(),
            "digits": self.ein.replace("-", ""),
            "number": self.ein[3:],
            "last4": self.ein[-4:],
            "irs_last4": f"{self.ein[-4:-1]}{(int(self.ein[-1]) + 4) % 10}",
            "id4": self.id[-4:],
            "site": "-".join(self.name.lower().split()[:2]),
            "hit_id": self.hit_id,
            "watchlist_id": id_in(self.id, "watchlist"),
            "letter": letters[0] if letters else "",
        }


BUSINESSES = tuple(
    Business(f"b1500000-0000-4000-8000-{number:012d}", scenario, **row)
    for number, (scenario, row) in enumerate(TABLES.businesses.items(), 1)
)
BY_ID = {business.id: business for business in BUSINESSES}
BY_HIT = {business.hit_id: business for business in BUSINESSES if business.hit}


def business_of(business_id: str) -> Business:
    """Return the business of an id; an unknown one is a clean pass without details."""
    return BY_ID.get(business_id) or Business(business_id, "clean_pass", **TABLES.unknown)


def business_json(business: Business, fields: Json, hit: Json) -> Json:
    """Return the JSON of a business; `fields` and `hit` are the values that actions change."""
    body: Json = {**fill(TABLES.business_json, business.facts()), "status": fields["status"]}
    body["tin"]["mismatch"] = business.scenario in TABLES.on_file
    body["tin"]["verified_by"] = fields["verified_by"]
    listing = body["watchlist"]["lists"][0]
    listing["results"] = [{**result, **hit} for result in listing["results"] if business.hit]
    body["watchlist"]["hit_count"] = len(listing["results"])
    return body


# -- long runs


@cache
def parts_of(scenario: str) -> list[Part]:
    """Return the specialists' parts of a scenario."""
    row = TABLES.scenarios[scenario]
    parts = [TABLES.parts[key] for key in row.parts]
    if not row.steps:
        return parts
    share, rest = divmod(row.steps - 7, len(parts))  # seven are the orchestrator's
    counts = {"Entity": share + rest, "Site": share, "Person": share}
    return [
        part.model_copy(update={"tasks": _bulk_tasks(noun, count)})
        for part, (noun, count) in zip(parts, counts.items(), strict=True)
    ]


def _bulk_tasks(noun: str, count: int) -> list[Task]:
    """Build tasks with `count` steps: single leaves, then groups of four leaves."""
    groups, rest = divmod(count, 5)
    tasks = [Task(**fill(TABLES.spot_check, {"number": number})) for number in range(1, rest + 1)]
    for number in range(1, groups + 1):
        facts = {"thing": f"{noun} {number}", "confidence": "high" if number % 7 else "medium"}
        group = Task(
            name=f"check_{noun.lower()}",
            label=facts["thing"],
            alongside=number % 3 == 0,
            subtasks=fill(TABLES.leaves, facts),
        )
        tasks.append(group)
    return tasks
