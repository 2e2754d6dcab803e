"""What Middesk's OpenAPI says of the objects that the sandbox serves, as JSON Schema."""

from collections.abc import Iterator
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker

Schema = dict[str, Any]


def one_of(*words: str) -> Schema:
    """A closed list of words."""
    return {"enum": list(words)}


def or_null(schema: Schema) -> Schema:
    """A value that may be null."""
    return {"anyOf": [schema, {"type": "null"}]}


def list_of(items: Schema) -> Schema:
    """A list of items of one kind."""
    return {"type": "array", "items": items}


def thing(required: str = "", **properties: Schema) -> Schema:
    """An object; what is not named may be anything."""
    return {"type": "object", "required": required.split(), "properties": properties}


def named(name: str) -> Schema:
    """An object of `OBJECTS`."""
    return {"$ref": f"#/$defs/{name}"}


TEXT: Schema = {"type": "string"}
FLAG: Schema = {"type": "boolean"}
COUNT: Schema = {"type": "integer"}
UUID: Schema = {"type": "string", "format": "uuid"}
TIME: Schema = {"type": "string", "format": "date-time"}
LINK: Schema = {"type": "string", "format": "uri", "minLength": 1}
OBJECT: Schema = {"type": "object"}
STATUS = one_of("running", "completed", "error", "interrupted")
TIMES = {"created_at": TIME, "updated_at": TIME}

OBJECTS: Schema = {
    "business": thing(
        "object id name status created_at updated_at",
        object=one_of("business"),
        id=UUID,
        name=TEXT,
        status=one_of("open", "pending", "in_audit", "in_review", "approved", "rejected"),
        addresses=list_of(named("address")),
        people=list_of(named("person")),
        tin=or_null(named("tin")),
        watchlist=or_null(named("watchlist")),
        **TIMES,
    ),
    "address": thing(
        "object id full_address submitted created_at updated_at business_id sources rating",
        id=UUID,
        business_id=UUID,
        full_address=TEXT,
        address_line1=or_null(TEXT),
        city=or_null(TEXT),
        state=or_null({"type": "string", "pattern": "^[A-Z]{2}$"}),
        submitted=FLAG,
        sources=list_of(OBJECT),
        rating=thing("risk_rating", risk_rating=one_of("low", "moderate", "high", "not_available")),
        **TIMES,
    ),
    "person": thing(
        object=one_of("person"),
        id=UUID,
        business_id=UUID,
        name=TEXT,
        submitted=FLAG,
        titles=list_of(thing(object=one_of("person_title"), title=TEXT)),
        sources=list_of(OBJECT),
    ),
    "tin": thing(
        "business_id tin",
        business_id=UUID,
        tin=TEXT,
        name=or_null(TEXT),
        mismatch=FLAG,
        verified_by=or_null(TEXT),
        updated_at=TIME,
    ),
    "watchlist": thing(
        "object id hit_count agencies lists people",
        id=UUID,
        hit_count=COUNT,
        agencies=list_of(thing("abbr name org", abbr=TEXT, name=TEXT, org=TEXT)),
        lists=list_of(
            thing(
                "object agency agency_abbr organization title abbr results",
                results=list_of(named("hit")),
            )
        ),
        people=list_of(OBJECT),
    ),
    "hit": thing(
        "object id status entity_name entity_aliases agency_information_url agency_list_url score",
        object=one_of("watchlist_result"),
        id=UUID,
        status=TEXT,
        entity_name=TEXT,
        entity_aliases=list_of(TEXT),
        agency_information_url=TEXT,
        agency_list_url=TEXT,
        score=or_null({"type": "number"}),
    ),
    "document": thing(
        "object id document_type filename content_type size download_url created_at",
        object=one_of("document"),
        id=UUID,
        document_type=TEXT,
        filename=TEXT,
        content_type=TEXT,
        size=COUNT,
        download_url=LINK,
        created_at=TIME,
    ),
    "action": thing(
        "id type object_type object_id created_at effects actors",
        id=UUID,
        type=one_of("add_sources", "add_attributes", "verify_tin", "decision", "dismissal"),
        object_type=one_of("Business", "Watchlist::Result"),
        object_id=UUID,
        created_at=TIME,
        note=or_null(TEXT),
        metadata=OBJECT,
        effects=list_of(OBJECT),
        actors=list_of(
            thing("actor_type", actor_type=one_of("account", "user", "run"), data=OBJECT)
        ),
    ),
    "agent": thing("object id type created_at updated_at", id=UUID, type=TEXT, name=TEXT, **TIMES),
    "thread": thing(
        "object id created_at updated_at status",
        object=one_of("thread"),
        id=UUID,
        status=STATUS,
        metadata=or_null(OBJECT),
        requester=or_null(OBJECT),
        **TIMES,
    ),
    "run": thing(
        "object id created_at updated_at status",
        object=one_of("run"),
        id=UUID,
        status=STATUS,
        thread_id=UUID,
        agent=TEXT,
        requester=or_null(thing("id name email", id=UUID, name=TEXT, email=or_null(TEXT))),
        started_at=or_null(TIME),
        ended_at=or_null(TIME),
        output=or_null(thing("artifacts", artifacts=list_of(named("artifact")))),
        interrupts=list_of(thing("id value", id=TEXT, value=OBJECT, agent=or_null(TEXT))),
        steps=list_of(named("step")),
        **TIMES,
    ),
    "step": thing(
        "id run_id type name label status started_at",
        id=UUID,
        run_id=UUID,
        agent=TEXT,
        type=one_of("activity", "output", "interrupt", "error"),
        name=TEXT,
        label=TEXT,
        parent_step_id=or_null(UUID),
        status=one_of("running", "completed", "error"),
        started_at=TIME,
        completed_at=or_null(TIME),
        steps=list_of(named("step")),
        result=OBJECT,
        artifacts=list_of(named("artifact")),
    ),
    "artifact": thing(
        "title type",
        title=TEXT,
        type=TEXT,
        confidence=or_null(TEXT),
        summary=or_null(TEXT),
        sources=list_of(
            thing("url", url=LINK, source_name=TEXT, source_tier=TEXT, source_type=TEXT)
        ),
    ),
}


def faults(name: str, value: object) -> Iterator[str]:
    """Where a value is not as published, and how."""
    validator = Draft202012Validator(
        named(name) | {"$defs": OBJECTS}, format_checker=FormatChecker()
    )
    for error in validator.iter_errors(value):
        yield f"{error.json_path}: {error.message[:200]}"
