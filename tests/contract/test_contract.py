"""The sandbox says and does what Middesk's public documentation says; the tables below are that contract.

A field is written as `name: type`, with `*` if it is required and `?` if it may be null; `[X]` is a list.
What the sandbox adds stands apart, in ADDED and CHECKED.
"""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest
from jsonschema import Draft202012Validator

from tests.sandbox.conftest import BUSINESS, Server

Json = dict[str, Any]
PAGED = {"page": "integer", "per_page": "integer"}
ON = {"object_type*": "businesses|watchlist_result", "object_id*": "string"}

OPERATIONS = {  # method and path, query, body, status and body of success, errors
    "list-agents": ("GET /v1/agents", {}, None, 200, "Agents", set()),
    "get-agent": ("GET /v1/agents/{id}", {}, None, 200, "Agent", {404}),
    "list-agent-threads": (
        "GET /v1/threads",
        {**PAGED, "business_id": "string"},
        None,
        200,
        "Threads",
        set(),
    ),
    "create-agent-thread": ("POST /v1/threads", {}, "NewThread", 201, "Thread", {404}),
    "get-agent-thread": ("GET /v1/threads/{id}", {}, None, 200, "Thread", {404}),
    "list-agent-runs": ("GET /v1/runs", PAGED, None, 200, "Runs", set()),
    "create-agent-run": ("POST /v1/runs", {}, "NewRun", 201, "Run", {400, 404, 422}),
    "get-agent-run": ("GET /v1/runs/{id}", {"include": "string"}, None, 200, "Run", {404}),
    "resume-agent-run": (
        "POST /v1/runs/{id}/resume",
        {"include": "string"},
        "object",
        200,
        "Run",
        {404, 422},
    ),
    "submit-agent-run-feedback": (
        *("POST /v1/runs/{id}/feedback", {}, "NewFeedback", 201, "Feedback"),
        {403, 404, 422},
    ),
    "stream-agent-run-events": ("GET /v1/runs/{id}/stream", {}, None, 200, "text/event-stream", {404}),
    "list-actions": ("GET /v1/actions", ON, None, 200, "Actions", {400}),
    "create-action": ("POST /v1/actions", {}, "NewAction", 201, "Action", {400, 404, 422}),
    "get-action": ("GET /v1/actions/{id}", ON, None, 200, "Action", {404}),
}
STAMPED = "object*: string, id*: uuid, created_at*: date-time, updated_at*: date-time"
PAGE = "object*: string, has_more*: boolean, total_count: integer, data: "
NEW = "type*: string, business_id: uuid, context_type: string, context_id: uuid"
RUN_STATUS = "completed|error|interrupted|running"
OBJECTS = {
    "Agent": f"{STAMPED}, type*: string, name: string, description: string",
    "Thread": f"{STAMPED}, status*: {RUN_STATUS}, metadata: object?, requester: object?, steps: [Step]",
    "Run": f"{STAMPED}, status*: {RUN_STATUS}, thread_id: uuid, agent: string, requester: Requester?, "
    "started_at: date-time?, ended_at: date-time?, output: Output?, interrupts: [Interrupt], steps: [Step]",
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
    "Actions": "object*: string, data*: [Action], url: string",
    "ApiErrors": "errors*: [ApiError]",
    "ApiError": "message*: string, parameter: string",
    "NewThread": NEW,
    "NewRun": f"{NEW}, thread_id: uuid",
    "NewFeedback": "rating*: NEGATIVE|POSITIVE, artifact_id*: uuid, comment: string?",
    "NewAction": "object_type*: businesses|watchlist_result, object_id*: uuid, payload*: object, "
    "note: string, thread_id: uuid, run_id: uuid, "
    "type*: add_attributes|add_sources|decision|dismissal|verify_tin",
}
NAMES = {"All_Agent_": "Agents", "Page_Thread_": "Threads", "Page_Run_": "Runs", "All_Action_": "Actions"}
ADDED = {  # the prompt of the object page; the id that feedback needs; lists that all look alike
    "Run": "prompt: string?",
    "NewRun": "prompt: string?",
    "Artifact": "id: uuid",
    "Agents": "object*: string, url: string",
    "stream-agent-run-events": "dialect: agui|middesk",
}
CHECKED = {"list-agent-threads": {422}, "list-agent-runs": {422}, "stream-agent-run-events": {422}}
"""A query can be nonsense; besides, every POST can be too large (413) or nonsense (422)."""


def fields(text: str) -> dict[str, str]:
    return dict(field.split(": ", 1) for field in text.split(", ") if field)


def spelled(schema: Json) -> str:
    """A schema in the words of the tables."""
    if "anyOf" in schema:
        [one, null] = schema["anyOf"]
        assert null == {"type": "null"}
        return f"{spelled(one)}?"
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return NAMES.get(name, name)
    if schema["type"] == "array":
        return f"[{spelled(schema['items'])}]"
    if "enum" in schema:
        return "|".join(sorted(schema["enum"]))
    return str(schema.get("format", schema["type"]))


def spelled_fields(schema: Json) -> dict[str, str]:
    required = schema.get("required", ())
    properties = schema["properties"].items()
    return {f"{name}*" if name in required else name: spelled(one) for name, one in properties}


@pytest.fixture
def openapi(server: Server) -> Json:
    origin = str(server.http.base_url).removesuffix("/v1/")
    told: Json = server.http.get(f"{origin}/openapi.json").json()
    return told


def test_the_operations_are_the_contracts(openapi: Json) -> None:
    """Method, path, id, query, body, statuses and what each answers."""
    said = {}
    for path, methods in openapi["paths"].items():
        for method, operation in methods.items():
            said[operation["operationId"]] = (f"{method.upper()} {path}", operation)
    assert {name for name, (path, _) in said.items() if path.split()[1].startswith("/v1/")} - set(
        OPERATIONS
    ) == {
        *("list-businesses", "get-business", "list-documents", "get-document")  # what the agents work on
    }
    for name, (path, query, body, success, shown, failures) in OPERATIONS.items():
        at, operation = said[name]
        assert at == path
        given = [one for one in operation.get("parameters", ()) if one["in"] == "query"]
        spelling = {f"{one['name']}{'*' * one['required']}": spelled(one["schema"]) for one in given}
        assert spelling == query | fields(ADDED.get(name, "")), name
        content = operation.get("requestBody", {}).get("content", {"application/json": {"schema": None}})
        assert list(content) == ["application/json"]
        schema = content["application/json"]["schema"]
        assert (spelled(schema) if schema else None) == body, name
        checked = {413, 422} if body else CHECKED.get(name, set())
        assert set(map(int, operation["responses"])) == {success, 401} | failures | checked, name
        for status, response in operation["responses"].items():
            [(media, told)] = response["content"].items()
            expected = shown if int(status) == success else "ApiErrors"
            assert media == expected if "/" in expected else spelled(told["schema"]) == expected, (
                name,
                status,
            )


def test_the_objects_are_the_contracts(openapi: Json) -> None:
    """Every field with its type, whether it is required and whether it may be null; nothing else."""
    schemas = {NAMES.get(name, name): schema for name, schema in openapi["components"]["schemas"].items()}
    for name, text in OBJECTS.items():
        assert spelled_fields(schemas[name]) == fields(text) | fields(ADDED.get(name, "")), name


def test_a_bearer_key_is_asked_for_everywhere(openapi: Json) -> None:
    """As the published OpenAPI says."""
    [(scheme, bearer)] = openapi["components"]["securitySchemes"].items()
    assert (bearer["type"], bearer["scheme"]) == ("http", "bearer")
    operations = [one for methods in openapi["paths"].values() for one in methods.values()]
    assert all(one["security"] == [{scheme: []}] for one in operations)


# -- what is answered


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


DEFS = {}
for _name, _text in OBJECTS.items():
    _all = fields(_text) | fields(ADDED.get(_name, ""))
    DEFS[_name] = {
        "type": "object",
        "properties": {field.rstrip("*"): as_schema(word) for field, word in _all.items()},
        "required": [field[:-1] for field in _all if field.endswith("*")],
        "additionalProperties": _name == "Result",  # what the agent says besides
    }


def check(word: str, told: Any) -> None:
    """Hold an answer to the contract."""
    schema = {**as_schema(word), "$defs": DEFS}
    wrong = [
        f"{error.json_path}: {error.message[:200]}"
        for error in Draft202012Validator(schema).iter_errors(told)
    ]
    assert not wrong, wrong


def test_the_check_of_answers_bites() -> None:
    """A status, a time, an id or a field that the contract does not know is noticed."""
    source = {"url": "https://sos.example.gov/1"}
    check("Source", source)
    check("Effect", {"operation": "created", "diff": None, "target": None})
    for word, wrong in (
        ("Source", {}),
        ("Source", source | {"tier": "x"}),
        ("Source", {"url": "nowhere"}),
        ("Source", source | {"source_name": None}),
        ("Effect", {"operation": "deleted", "diff": None, "target": None}),
        ("Target", {"object": "tin", "id": "7"}),
        ("Agent", {"object": "agent", "id": "7", "type": "x", "created_at": "", "updated_at": ""}),
    ):
        with pytest.raises(AssertionError):
            check(word, wrong)


@pytest.mark.parametrize("scenario", [name for name in BUSINESS if name not in ("in_audit", "long_5000")])
def test_a_run_is_the_contracts_at_every_stage(server: Server, scenario: str) -> None:
    """From its creation over each question to its end: the run, in full and in the list, and its thread."""
    given: Json = {"decision": "approve", "note": "checked"}
    for document in BUSINESS[scenario].documents:
        given["document_id"] = document["id"]
    run_id, answered = server.start(scenario), False
    while not answered:
        run = server.run(run_id)
        check("Run", run)
        check("Thread", server.get(f"/threads/{run['thread_id']}"))
        answered = run["status"] in ("completed", "error")
        if run["interrupts"]:
            asked = run["interrupts"][0]
            given["decision"] = "approved" if asked["value"]["type"] == "decision" else "approve"
            body = {"interrupt_id": asked["id"], "input": given}
            check("Run", server.post(f"/runs/{run_id}/resume?include=steps", body, status=200))
        server.time.seconds += 7
    check("Runs", server.get("/runs"))
    check("Threads", server.get("/threads"))


def test_what_surrounds_a_run_is_the_contracts(server: Server) -> None:
    """Agents, feedback by an account and by a person, actions of a person and of an agent."""
    check("Agents", server.get("/agents"))
    check("Agent", server.get(f"/agents/{server.get('/agents')['data'][0]['id']}"))
    run = server.answer(server.reach("watchlist_hit"), decision="approve", note="another date of birth")
    body = {"rating": "POSITIVE", "artifact_id": run["output"]["artifacts"][0]["id"], "comment": None}
    check("Feedback", server.post(f"/runs/{run['id']}/feedback", body))
    hit = {"object_type": "watchlist_result", "object_id": BUSINESS["watchlist_hit"].hit_id}
    [taken] = server.get("/actions", **hit)["data"]
    check("Action", server.get(f"/actions/{taken['id']}", **hit))
    business = {"object_type": "businesses", "object_id": BUSINESS["clean_pass"].id}
    decision = {**business, "type": "decision", "payload": {"status": "approved"}, "run_id": run["id"]}
    check("Action", server.post("/actions", decision))
    source = {
        "source_type": "sos",
        "source_name": "Register",
        "tier": "government",
        "url": "https://a.example",
    }
    added = {**business, "type": "add_sources", "payload": {"sources": [source | {"addresses": [{}]}]}}
    check("Action", server.post("/actions", added))
    check("Actions", server.get("/actions", **business))


def test_the_snapshots_of_a_stream_are_runs(server: Server) -> None:
    """Each is the whole run of the contract; every event names its run."""
    run = server.reach("combined_proposal")
    text = server.http.get(f"/runs/{run['id']}/stream").text
    events = [
        httpx.Response(200, text=line).json() for line in re.findall(r"^data: (.*)$", text, re.MULTILINE)
    ]
    assert [event["type"] for event in events[:2]] == ["RUN_STARTED", "STATE_SNAPSHOT"]
    assert events[-1]["type"] == "RUN_FINISHED"
    for event in events:
        assert event["run_id"] == run["id"]
        if event["type"] == "STATE_SNAPSHOT":
            check("Run", event["snapshot"])
