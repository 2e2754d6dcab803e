"""What Middesk's public documentation says, as tables, and as JSON Schema made of them.

A field is written as `name: type`, with `*` if it is required and `?` if it may be null; `[X]` is a
list. What the sandbox adds stands apart, in ADDED.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from jsonschema import Draft202012Validator

Json = dict[str, Any]
STAMPED = "object*: string, id*: uuid, created_at*: date-time, updated_at*: date-time"
PAGE = "object*: string, has_more*: boolean, total_count: integer, data: "
RUN_STATUS = "completed|error|interrupted|running"
OBJECTS = {
    "Agent": f"{STAMPED}, type*: string, name: string, description: string",
    "Thread": f"{STAMPED}, status*: {RUN_STATUS}, metadata: object?, requester: object?, steps: [Step]",
    "Run": f"{STAMPED}, status*: {RUN_STATUS}, thread_id: uuid, agent: string, requester: Requester?, "
    "started_at: date-time?, ended_at: date-time?, output: Output?, interrupts: [Interrupt], steps: [Step]",
    # the form of the object page; questions are free-form
    "PageRun": f"{STAMPED}, status*: {RUN_STATUS}, started_at*: date-time?, ended_at*: date-time?, "
    "interrupts*: [object], steps*: [Step]",
    "Requester": "id*: uuid, name*: string, email: email?",
    "Output": "artifacts*: [Artifact]",
    "Step": "id*: uuid, run_id*: uuid, agent: string, type*: activity|error|interrupt|output, name*: string, "
    "label*: string, parent_step_id: uuid?, status*: completed|error|running, started_at*: date-time, "
    "completed_at: date-time?, steps: [Step], result: Result, artifacts: [Artifact]",
    "Result": "resolution: auto_approve|skip",
    "Artifact": "title*: string, type*: string, confidence: string?, summary: string?, sources: [Source]",
    "Source": "url*: uri, source_name: string, source_tier: string, source_type: string",
    "Interrupt": "id*: string, value*: object, agent: string?",
    "Feedback": "object*: string, id*: uuid, run_id*: uuid, rating*: NEGATIVE|POSITIVE, artifact_id*: uuid, "
    "comment*: string?, reviewer*: Reviewer, superseded_prior*: boolean, created_at*: date-time",
    "Reviewer": "type*: Account|User, id*: uuid",
    "Action": "id*: uuid, object_type*: Business|Watchlist::Result, object_id*: uuid, "
    "created_at*: date-time, note: string?, "
    "type*: add_attributes|add_sources|decision|dismissal|update_address_risk|verify_tin, "
    "metadata: object, effects*: [Effect], actors*: [Actor]",
    "Effect": "operation*: created|linked|updated, diff*: object?, target*: Target?",
    "Target": "object*: string, id*: uuid",
    "Actor": "actor_type*: account|run|user, data: object",
    "Agents": "data*: [Agent]",
    "Threads": f"{PAGE}[Thread]",
    "Runs": f"{PAGE}[Run]",
}
ADDED = {  # the prompt of the object page; the id that feedback needs; lists that all look alike
    "Run": "prompt: string?",
    "Artifact": "id: uuid",
    "Agents": "object*: string, url: string",
}


def fields(text: str) -> dict[str, str]:
    return dict(field.split(": ", 1) for field in text.split(", ") if field)


def as_schema(word: str) -> Json:
    """A type of the tables as JSON Schema, with its format as a pattern so that it is checked."""
    patterns = {
        "uuid": r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$",
        "date-time": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$",
        "uri": r"^https?://[^\s/]+\.[^\s]+$",
        "email": r"^[^@\s]+@[^@\s]+$",
    }
    if word.endswith("?"):
        return {"anyOf": [as_schema(word[:-1]), {"type": "null"}]}
    if word.startswith("["):
        return {"type": "array", "items": as_schema(word[1:-1])}
    if word in OBJECTS:
        return {"$ref": f"#/$defs/{word}"}
    if "|" in word:
        return {"enum": word.split("|")}
    return {"type": "string", "pattern": patterns[word]} if word in patterns else {"type": word}


def definitions() -> Json:
    """All objects of the contract as JSON Schema. A field that is not in the tables is an error."""
    found: Json = {}
    for name, text in OBJECTS.items():
        both = fields(text) | fields(ADDED.get(name, ""))
        found[name] = {
            "type": "object",
            "properties": {field.rstrip("*"): as_schema(word) for field, word in both.items()},
            "required": [field[:-1] for field in both if field.endswith("*")],
            "additionalProperties": name == "Result",  # what the agent says besides
        }
    return found


@cache
def validator(word: str) -> Draft202012Validator:
    return Draft202012Validator({**as_schema(word), "$defs": definitions()})


def check(word: str, answer: Any) -> None:
    """Hold an answer to the contract."""
    wrong = [
        f"{error.json_path}: {error.message[:200]}" for error in validator(word).iter_errors(answer)
    ]
    assert not wrong, wrong
