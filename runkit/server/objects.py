"""Agents, businesses and documents as the API shows them (contract sections 3 and 15)."""

from collections.abc import Mapping
from uuid import NAMESPACE_URL, UUID, uuid5

from runkit.server.businesses import AGENTS, BUSINESSES, Business
from runkit.server.plan import Json

SPACE = uuid5(NAMESPACE_URL, "https://runkit.example.com/sandbox")
"""The namespace of all ids that are made here."""
BORN = "2026-05-04T09:00:00.000Z"
"""When seeded agents, businesses and documents were created: the same everywhere."""
ACCOUNT: Json = {"id": str(uuid5(SPACE, "account")), "name": "Sandbox Bank", "email": None}
"""The account behind the key: the requester, reviewer and actor of everything that comes in through it."""

AGENT_OBJECTS: dict[str, Json] = {
    kind: {
        "object": "agent",
        "id": str(uuid5(SPACE, f"agent/{kind}")),
        "type": kind,
        "name": name,
        "description": description,
        "created_at": BORN,
        "updated_at": BORN,
    }
    for kind, (name, description) in AGENTS.items()
}


def business_json(
    business: Business, fields: Mapping[str, str | None], hit: Mapping[str, str | None]
) -> Json:
    """A business with its TIN, its address and its watchlist results, as far as an analyst needs them."""
    return {
        "object": "business",
        "id": business.id,
        "name": business.name,
        "status": fields["status"],
        "created_at": BORN,
        "updated_at": BORN,
        "tin": {
            "tin": business.ein.replace("-", ""),
            "business_id": business.id,
            "name": business.name,
            "mismatch": business.scenario in ("tin_mismatch", "combined_proposal"),
            "verified_by": fields["verified_by"],
            "updated_at": BORN,
        },
        "addresses": [{"full_address": business.address}],
        "people": [{"name": business.officer, "titles": ["Owner"]}],
        "watchlist": _watchlist(business, hit),
    }


def _watchlist(business: Business, hit: Mapping[str, str | None]) -> Json:
    result: Json = {
        "object": "watchlist_result",
        "id": business.hit_id,
        "status": hit["status"],
        "entity_name": business.hit,
        "entity_aliases": [],
        "score": 0.91,
        "agency_information_url": "https://sanctions.example.gov/",
        "agency_list_url": "https://sanctions.example.gov/search",
    }
    listing = {
        "object": "watchlist",
        "agency": "Sanctions Office",
        "agency_abbr": "SO",
        "organization": "Example Treasury",
        "title": "Federal sanctions list",
        "abbr": "FSL",
        "results": [result] if business.hit else [],
    }
    return {
        "object": "watchlist",
        "id": str(uuid5(UUID(business.id), "watchlist")),
        "hit_count": len(listing["results"]),
        "lists": [listing],
    }


def document_json(document_id: str, kind: str, filename: str, created_at: str) -> Json:
    """A document. The sandbox keeps no content, so there is nothing to download."""
    return {
        "object": "document",
        "id": document_id,
        "document_type": kind,
        "filename": filename,
        "content_type": "application/pdf",
        "size": 48_213,
        "download_url": None,
        "created_at": created_at,
    }


SEEDED_DOCUMENTS: dict[str, tuple[str, Json]] = {
    document_id: (business.id, document_json(document_id, kind, filename, BORN))
    for business in BUSINESSES
    for document_id, kind, filename in business.documents
}
