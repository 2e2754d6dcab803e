"""The agents, the seeded businesses, and what an agent finds at each: the tables of `scenarios.toml`."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple
from uuid import NAMESPACE_URL, UUID, uuid5

Json = dict[str, Any]
TABLES: Json = tomllib.loads(Path(__file__).with_name("scenarios.toml").read_text("utf-8"))
# namespace of all ids made here
SPACE = str(uuid5(NAMESPACE_URL, "https://runkit.example.com/sandbox"))
SEEDED_AT = {"created_at": "2026-05-04T09:00:00.000Z", "updated_at": "2026-05-04T09:00:00.000Z"}
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def id_in(space: str, name: str) -> str:
    """Make an id from a name in a namespace; equal names give equal ids."""
    return str(uuid5(UUID(space), name))


def iso(ms: int) -> str:
    """Format a virtual time, in milliseconds since 1970, as the API does: with milliseconds and `Z`."""
    return (EPOCH + timedelta(milliseconds=ms)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def fill(template: Any, facts: Mapping[str, str]) -> Any:
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
    return {"id": id_in(SPACE, f"user/{person}"), "name": person, "email": None} if person else ACCOUNT


def actors(person: str | None, run: Mapping[str, Any] | None) -> list[Json]:
    """Return the actors of an action: the user or the account, and the run that it is for."""
    user = user_of(person)
    data = {"id": user["id"], "name": user["name"]}
    both: list[Json] = [{"actor_type": "user" if person else "account", "data": data}]
    if run:
        data = {key: run[key] for key in ("id", "thread_id", "status", "agent")}
        both.append({"actor_type": "run", "data": data})
    return both


ORCHESTRATOR = "cip_orchestrator"
LETTER = "irs_letter"
AGENTS: dict[str, Json] = {
    kind: {"object": "agent", "id": id_in(SPACE, f"agent/{kind}"), "type": kind, "name": name}
    | {"description": description, **SEEDED_AT}
    for kind, (name, description) in TABLES["agents"].items()
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
        created_at = SEEDED_AT["created_at"]
        return [
            {"object": "document", "content_type": "application/pdf", "size": 48_213, "download_url": None}
            | {"id": id_in(self.id, name), "document_type": kind, "filename": name, "created_at": created_at}
            for kind, name in TABLES["on_file"].get(self.scenario, ())
        ]

    def facts(self) -> dict[str, str]:
        """Return the variables of text templates: the fields, and values derived from them."""
        return {
            **asdict(self),
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
            "letter": next((one["id"] for one in self.documents if one["document_type"] == LETTER), ""),
        }


BUSINESSES = tuple(
    Business(f"b1500000-0000-4000-8000-{number:012d}", scenario, *row)
    for number, (scenario, row) in enumerate(TABLES["businesses"].items(), 1)
)
BY_ID = {business.id: business for business in BUSINESSES}
BY_HIT = {business.hit_id: business for business in BUSINESSES if business.hit}


def business_of(business_id: str) -> Business:
    """Return the business of an id; an unknown one is a clean pass without details."""
    [(scenario, row)] = TABLES["unknown"].items()
    return BY_ID.get(business_id) or Business(business_id, scenario, *row)


def business_json(business: Business, fields: Json, hit: Json) -> Json:
    """Return the JSON of a business; `fields` and `hit` are the values that actions change."""
    body: Json = {**fill(TABLES["business_json"], business.facts()), "status": fields["status"]}
    mismatch = business.scenario in TABLES["on_file"]
    body["tin"] |= {"mismatch": mismatch, "verified_by": fields["verified_by"]}
    listing = body["watchlist"]["lists"][0]
    listing["results"] = [{**one, **hit} for one in listing["results"] if business.hit]
    body["watchlist"]["hit_count"] = len(listing["results"])
    return body


# -- tasks, findings and questions

QUESTIONS: dict[str, Json] = TABLES["questions"]
OUTCOMES: dict[str, dict[str, Any]] = TABLES["outcomes"]
"""By type of question, then by verdict: `approve`, `reject` for a proposal; `supports`, `unrelated`, `none`
for a document; `approved`, `rejected`, `in_review` for a decision."""


class Task(NamedTuple):
    """One task, a leaf unless it has `subtasks`; with a `cause` it fails with that message."""

    name: str
    label: str
    seconds: tuple[float, float] = (0, 0)
    finding: Json | None = None
    alongside: bool = False  # starts while the task before it is running
    subtasks: tuple[Any, ...] = ()  # of tasks
    cause: str = ""


class Specialist(NamedTuple):
    """A specialist's part of a review: its tasks, the type of its question, its sentence in the summary."""

    agent: str
    tasks: tuple[Task, ...]
    question: str
    summary: str


def _finding(kind: str, confidence: str, sources: list[str], title: str, summary: str) -> Json:
    names = ("source_type", "source_name", "source_tier", "url")
    evidence = [dict(zip(names, TABLES["sources"][key], strict=True)) for key in sources]
    return {"title": title, "type": kind, "confidence": confidence, "summary": summary, "sources": evidence}


FINDINGS = {key: _finding(*row) for key, row in TABLES["findings"].items()}


def parse_tasks(*words: str) -> tuple[Task, ...]:
    """Parse words such as `name`, `+name` (starts alongside) and `name=finding`."""
    tasks = []
    for word in words:
        name, _, finding = word.lstrip("+").partition("=")
        label, *rest = TABLES["tasks"][name]
        task = Task(name, label, finding=FINDINGS.get(finding), alongside=word[0] == "+")
        if isinstance(rest[0], str):
            tasks.append(task._replace(subtasks=parse_tasks(*rest)))
        else:
            tasks.append(task._replace(seconds=(rest[0], rest[1]), cause="".join(rest[2:])))
    return tuple(tasks)


@cache
def specialists_in(scenario: str) -> tuple[Specialist, ...]:
    """Return the specialists of a scenario. With `steps`, the run has exactly that many, on three levels."""
    row = TABLES["scenarios"][scenario]
    rows = [TABLES["parts"][key] for key in row["parts"]]
    parts = tuple(
        Specialist(agent, parse_tasks(*words), question, summary) for agent, words, question, summary in rows
    )
    if "steps" not in row:
        return parts
    share, rest = divmod(row["steps"] - 7, len(parts))  # seven are the orchestrator's own
    shares = zip(parts, ("Entity", "Site", "Person"), (share + rest, share, share), strict=True)
    return tuple(part._replace(tasks=_bulk_tasks(noun, count)) for part, noun, count in shares)


def results_in(scenario: str) -> Json:
    """Return the results of a scenario's tasks, by the name of the task."""
    results: Json = {**TABLES["results"]}
    for part in TABLES["scenarios"][scenario]["parts"]:
        results |= TABLES["part_results"].get(part, {})
    return results


def _bulk_tasks(noun: str, count: int) -> tuple[Task, ...]:
    """Make tasks with `count` steps: single leaves, then groups of four leaves."""
    groups, rest = divmod(count, 5)
    tasks = [Task("spot_check", f"Spot check {number}", (1, 5)) for number in range(1, rest + 1)]
    for number in range(1, groups + 1):
        thing, confidence = f"{noun} {number}", "high" if number % 7 else "medium"
        summary = f"{thing} matches the record."
        record = _finding("record_check", confidence, ["register"], f"{thing} matches", summary)
        leaves = (
            Task("look_up", f"{thing}: looking up", (1, 6)),
            Task("read_source", f"{thing}: reading the record", (1, 6), alongside=True),
            Task("compare", f"{thing}: comparing", (1, 4)),
            Task("conclude", f"{thing}: concluding", (0.5, 2), record),
        )
        tasks.append(Task(f"check_{noun.lower()}", thing, subtasks=leaves, alongside=number % 3 == 0))
    return tuple(tasks)
