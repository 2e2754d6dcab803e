"""The agents and seeded businesses of `scenarios.toml`, and their JSON in the API (contract 3, 15)."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

Json = dict[str, Any]
TABLES: Json = tomllib.loads(Path(__file__).with_name("scenarios.toml").read_text("utf-8"))
SPACE = str(uuid5(NAMESPACE_URL, "https://runkit.example.com/sandbox"))  # namespace of all ids made here
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


def user_of(person: str | None) -> Json:
    """Return the requester of a run: the account, or the user of that name."""
    return {"id": id_in(SPACE, f"user/{person}"), "name": person, "email": None} if person else ACCOUNT


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
        """Documents on file from the start."""
        files = TABLES["on_file"].get(self.scenario, ())
        return [
            document_json(id_in(self.id, name), kind, name, SEEDED_AT["created_at"]) for kind, name in files
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
_UNKNOWN_BUSINESS = (
    "clean_pass",
    "This business",
    "not in this sandbox",
    "its officers",
    "The stated address",
    "Local",
    "--",
)


def business_of(business_id: str) -> Business:
    """Return the business of an id; an unknown one is a clean pass without details."""
    unknown = Business(business_id, *_UNKNOWN_BUSINESS, "its state", "the date on file", "00-0000000")
    return BY_ID.get(business_id, unknown)


_BUSINESS = json.loads("""{
  "object": "business", "id": "{id}", "name": "{name}", "created_at": "{created_at}",
  "updated_at": "{updated_at}", "addresses": [{"full_address": "{address}"}],
  "people": [{"name": "{officer}", "titles": ["Owner"]}],
  "tin": {"tin": "{digits}", "business_id": "{id}", "name": "{name}", "updated_at": "{updated_at}"},
  "watchlist": {"object": "watchlist", "id": "{watchlist_id}", "lists": [{
    "object": "watchlist", "agency": "Sanctions Office", "agency_abbr": "SO", "abbr": "FSL",
    "organization": "Example Treasury", "title": "Federal sanctions list", "results": [{
      "object": "watchlist_result", "id": "{hit_id}", "entity_name": "{hit}", "entity_aliases": [],
      "score": 0.91, "agency_information_url": "https://sanctions.example.gov/",
      "agency_list_url": "https://sanctions.example.gov/search"}]}]}}""")
_DOCUMENT = {"object": "document", "content_type": "application/pdf", "size": 48_213, "download_url": None}


def business_json(business: Business, fields: Json, hit: Json) -> Json:
    """Return the JSON of a business; `fields` and `hit` are the values that actions change."""
    body: Json = {**fill(_BUSINESS, business.facts()), "status": fields["status"]}
    mismatch = business.scenario in TABLES["on_file"]
    body["tin"] |= {"mismatch": mismatch, "verified_by": fields["verified_by"]}
    listing = body["watchlist"]["lists"][0]
    listing["results"] = [{**one, **hit} for one in listing["results"] if business.hit]
    body["watchlist"]["hit_count"] = len(listing["results"])
    return body


def document_json(document_id: str, kind: str, filename: str, created_at: str) -> Json:
    """Return the JSON of a document. The sandbox stores no content, so there is no download."""
    fields = {"id": document_id, "document_type": kind, "filename": filename, "created_at": created_at}
    return {**_DOCUMENT, **fields}
