"""What Middesk's OpenAPI says of the objects that the sandbox serves: what is required, and how it looks."""

import re
from collections.abc import Iterator

REQUIRED = {  # by the name of an object, or of the field that holds it
    "business": "object id name status created_at updated_at",
    "addresses": "object id full_address submitted created_at updated_at business_id sources rating",
    "rating": "risk_rating",
    "tin": "business_id tin",
    "watchlist": "object id hit_count agencies lists people",
    "agencies": "abbr name org",
    "lists": "object agency agency_abbr organization title abbr results",
    "results": "object id status entity_name entity_aliases agency_information_url agency_list_url",
    "document": "object id document_type filename content_type size download_url created_at",
    "action": "id type object_type object_id created_at effects actors",
    "actors": "actor_type",
    "agent": "object id type created_at updated_at",
    "thread": "object id created_at updated_at status",
    "run": "object id created_at updated_at status",
    "requester": "id name",
    "interrupts": "id value",
    "steps": "id run_id type name label status started_at",
    "artifacts": "title type",
}
RUN_WORDS = "running completed error interrupted"
WORDS = {
    "business.status": "open pending in_audit in_review approved rejected",
    "rating.risk_rating": "low moderate high not_available",
    "results.object": "watchlist_result",
    "action.type": "add_sources add_attributes verify_tin decision dismissal",
    "action.object_type": "Business Watchlist::Result",
    "actors.actor_type": "account user run",
    "thread.status": RUN_WORDS,
    "run.status": RUN_WORDS,
    "steps.type": "activity output interrupt error",
    "steps.status": "running completed error",
}
UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z"
LINK = r"https?://.+"
PATTERNS = {
    **dict.fromkeys(("business_id", "thread_id", "run_id", "parent_step_id", "object_id"), UUID),
    **dict.fromkeys(("created_at", "updated_at", "started_at", "ended_at", "completed_at"), TIME),
    **dict.fromkeys(("url", "download_url"), LINK),
    "state": "[A-Z]{2}",
}


def faults(name: str, value: object) -> Iterator[str]:
    """Where a value is not as published: a field that lacks, an unknown word, or another form."""
    if isinstance(value, list):
        for item in value:
            yield from faults(name, item)
    if not isinstance(value, dict):
        return
    for field in REQUIRED.get(name, "").split():
        if value.get(field) is None:
            yield f"{name}.{field} lacks"
    for field, inner in value.items():
        words = WORDS.get(f"{name}.{field}")
        if words and inner not in words.split():
            yield f"{name}.{field} is {inner!r}"
        if field == "id" and name != "interrupts" and not re.fullmatch(UUID, inner):
            yield f"{name}.id is {inner!r}"
        if isinstance(inner, str) and not re.fullmatch(PATTERNS.get(field, ".*"), inner, re.DOTALL):
            yield f"{name}.{field} is {inner!r}"
        yield from faults(field, inner)
