"""The API: Middesk's endpoints, and the sandbox's own under `/sandbox`.

Handlers do not wait for anything, so requests are served one at a time, in order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Annotated, Any, TypeVar

import orjson
from fastapi import APIRouter, Depends, FastAPI, Path, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import StreamingResponse
from fastapi.routing import APIRoute
from fastapi.security import HTTPBearer
from pydantic import AfterValidator
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.routing import Match

from runkit.local.secret import Secret
from runkit.server import _web
from runkit.server._accounts import ACCOUNT, Json, actors, iso
from runkit.server._answer_effects import read_answer
from runkit.server._business_actions import (
    actions_on,
    business_now,
    check_action,
)
from runkit.server._replay import pending, status_at, visible_artifacts
from runkit.server._store import Store, get_or_404
from runkit.server._stream import stream
from runkit.server._web import (
    AccessMiddleware,
    PaceMiddleware,
    RequestError,
    error_response,
    or_list,
    path_of,
)

# The documentation has no schema for errors and events.
ERRORS = {"application/json": {"schema": {"type": "object", "required": ["errors"]}}}
EVENTS = {"text/event-stream": {"itemSchema": {"type": "object", "required": ["event", "data"]}}}
# [A] 9: a run can be streamed for this many virtual milliseconds after its end
STREAM_KEPT = 3_600_000
Item = TypeVar("Item")


# -- arguments of handlers


async def _store(request: Request) -> Store:
    """Return the store; refuse a body with JSON that orjson cannot read, such as `NaN`."""
    if request.method == "POST" and (body := await request.body()):
        try:
            orjson.dumps(orjson.loads(body))
        except (ValueError, TypeError) as error:
            raise RequestError(422, f"the body is not valid JSON: {error}") from error
    store: Store = request.app.state.store
    return store


Db = Annotated[Store, Depends(_store)]
_lower = AfterValidator(str.lower)  # UUIDs are equal in either case
Id = Annotated[str, Path(alias="id"), _lower]
BusinessId = Annotated[str, _lower]
ObjectId = Annotated[str, Query(), _lower]
PageNumber = Annotated[int, Query(ge=1)]  # [A] 18: from 1, 25 a page, at most 100
PerPage = Annotated[int, Query(ge=1, le=100)]

router = APIRouter(
    # Operation ids are those of the API's document.
    generate_unique_id_function=lambda route: route.name.replace("_", "-"),
    # The middleware has checked the key; this describes it in the OpenAPI document.
    dependencies=[Depends(HTTPBearer(auto_error=False)), Depends(_store)],
    responses={"4XX": {"description": "Refused; nothing was changed.", "content": ERRORS}},
)


def create_app(store: Store, key: Secret, latency: float = 0, limit: int | None = None) -> FastAPI:
    """Build the app of a sandbox. `limit` is requests per second, `latency` seconds for each."""
    access = Middleware(AccessMiddleware, clock=store.clock, key=key)
    app = FastAPI(
        title="runkit sandbox: Middesk's Agents API, served from recordings",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        middleware=[access, Middleware(PaceMiddleware, latency=latency, limit=limit)],
        exception_handlers={HTTPException: refused, RequestValidationError: invalid},
    )
    app.state.store = store
    app.router.routes += router.routes
    return app


async def refused(request: Request, error: Any) -> Response:
    """Return the message of an error in the API's format."""
    status, headers = error.status_code, error.headers
    if status == 400 and not isinstance(error, RequestError):
        status = 422  # FastAPI says 400 of a body that is not UTF-8, or too deep
    if status == 405:
        routes = (route for route in router.routes if isinstance(route, APIRoute))
        found = [route for route in routes if route.matches(request.scope)[0] != Match.NONE]
        methods = {method for route in found for method in route.methods or ()}
        headers = {"Allow": ", ".join(sorted(methods))}
    return error_response(status, error.detail, getattr(error, "parameter", ""), headers)


async def invalid(request: Request, error: Any) -> Response:
    """Return 400 for a query or an unknown type of action, else 422."""
    first = error.errors()[0]
    parameter = path_of(first["loc"][1:])
    is_unknown_type = first["type"] == "literal_error" and parameter in ("type", "object_type")
    status = 400 if request.method == "GET" or is_unknown_type else 422
    message = first["msg"] if parameter else "the body must be an object, sent as application/json"
    return error_response(status, message, parameter)


def paged(items: Sequence[Item], page: int, per_page: int, to_json: Callable[[Item], Json]) -> Json:
    """Build a page of a list; `to_json` is called for its items only."""
    first = (page - 1) * per_page
    data = [to_json(item) for item in items[first : first + per_page]]
    has_more = page * per_page < len(items)
    return {"object": "list", "has_more": has_more, "data": data, "total_count": len(items)}


def check_agent(store: Store, kind: str) -> None:
    """Check that a type of agent is known (else 404)."""
    if kind not in store.agents:
        message = f"agent type not found: {kind[:80]!r}; expected {or_list(store.agents)}"
        raise RequestError(404, message, "type")


def has_steps(include: str) -> bool:
    """Return whether `steps` is in a list of words; it is the only documented one."""
    return "steps" in map(str.strip, include.split(","))


# -- agents and threads


@router.get("/v1/agents")
async def list_agents(store: Db) -> Json:
    """List the agents. [A] 29: with `object`."""
    return {"object": "list", "data": list(store.agents.values())}


@router.get("/v1/agents/{id}")
async def get_agent(store: Db, agent_id: Id) -> Json:
    """Get an agent."""
    return get_or_404({agent["id"]: agent for agent in store.agents.values()}, "agent", agent_id)


@router.get("/v1/threads")
async def list_agent_threads(
    store: Db, page: PageNumber = 1, per_page: PerPage = 25, business_id: BusinessId = ""
) -> Json:
    """List threads, newest first, of one business or of all."""
    rows = reversed(store.threads.values())
    ids = [row["id"] for row in rows if business_id in ("", row["business_id"])]
    return paged(ids, page, per_page, store.thread)


@router.post("/v1/threads", status_code=201)
async def create_agent_thread(store: Db, body: _web.NewThread) -> Json:
    """Create a thread; 404 for an unknown agent type."""
    check_agent(store, body.type)
    return store.thread(store.add_thread(body.business, store.clock.now()))


@router.get("/v1/threads/{id}")
async def get_agent_thread(store: Db, thread_id: Id) -> Json:
    """Get a thread."""
    return store.thread(thread_id)


# -- runs


@router.get("/v1/runs")
async def list_agent_runs(store: Db, page: PageNumber = 1, per_page: PerPage = 25) -> Json:
    """List runs, newest first, without steps."""
    return paged(list(store.runs)[::-1], page, per_page, store.run)


@router.post("/v1/runs", status_code=201)
async def create_agent_run(store: Db, body: _web.NewRun) -> Json:
    """Start a run.

    Refused with 400 without thread and business, 404 for an unknown agent type or thread, 422 for a
    business in audit; [A] 20: any other status is accepted.
    """
    check_agent(store, body.type)
    business_id = body.business
    if body.thread_id:
        thread = get_or_404(store.threads, "thread", body.thread_id)
        business_id = business_id or thread["business_id"]
    if not business_id:
        message = (
            "business_id, or context_type and context_id, is required unless the thread has one"
        )
        raise RequestError(400, message, "business_id")
    if store.business(business_id).status == "in_audit":
        message = "the business is in audit; an agent cannot work on it"
        raise RequestError(422, message, "business_id")

    now, prompt = store.clock.now(), body.prompt
    return store.run(store.add_run(body.type, business_id, body.thread_id, now, prompt=prompt))


@router.get("/v1/runs/{id}")
async def get_agent_run(store: Db, run_id: Id, include: str = "") -> Json:
    """Get a run, with its steps if asked for."""
    return store.run(run_id, has_steps(include))


# Not in the published reference: only descriptions of fields mention it.
@router.post("/v1/runs/{id}/resume")
async def resume_agent_run(store: Db, run_id: Id, body: _web.NewAnswer, include: str = "") -> Json:
    """Answer a question. [A] 3, 6: the same run continues.

    Refused with 404 for an unknown run; 422 if this question is not open or the answer is invalid.
    """
    run, now = store.placed(run_id), store.clock.now()
    waiting = {interrupt.item["id"]: interrupt for interrupt in pending(run, now)}
    if body.interrupt_id not in waiting:
        state = f"waiting for {' and '.join(waiting)}" if waiting else status_at(run, now)
        message = f"{body.interrupt_id[:80]!r} is not pending: the run is {state}"
        raise RequestError(422, message, "interrupt_id")

    documents = store.business(run.spec.business_id).documents
    answer = read_answer(waiting[body.interrupt_id], body.input, documents, now)
    store.add_answer(run_id, answer)
    return store.run(run_id, has_steps(include))


@router.post("/v1/runs/{id}/feedback", status_code=201)
async def submit_agent_run_feedback(store: Db, run_id: Id, body: _web.NewFeedback) -> Json:
    """Rate an artifact of a run; 422 if the run does not show this artifact."""
    now, rating = store.clock.now(), (run_id, body.artifact_id)
    if body.artifact_id not in visible_artifacts(store.placed(run_id), now):
        raise RequestError(422, "artifact_id is not an artifact of this run", "artifact_id")
    row = {
        "object": "run_feedback",
        "id": store.new_id("feedback"),
        "run_id": run_id,
        "rating": body.rating,
        "artifact_id": body.artifact_id,
        "comment": body.comment or None,
        "reviewer": {"type": "Account", "id": ACCOUNT["id"]},
        "superseded_prior": rating in store.rated,
        "created_at": iso(now),
    }
    store.rated.add(rating)
    return row


@router.get(
    "/v1/runs/{id}/stream",
    response_class=StreamingResponse,
    responses={200: {"content": EVENTS}},
)
async def stream_agent_run_events(store: Db, run_id: Id) -> Response:
    """Stream a run's events from its start."""
    if store.clock.now() > store.placed(run_id).ended + STREAM_KEPT:
        message = "the stream of this run is no longer available; get the run instead"
        raise RequestError(404, message)
    events = stream(lambda: store.placed(run_id), store.clock, lambda: store.is_closing)
    return StreamingResponse(events, 200, {"cache-control": "no-cache"}, "text/event-stream")


# -- actions, businesses and documents


@router.get("/v1/actions")
async def list_actions(store: Db, object_type: _web.ObjectType, object_id: ObjectId) -> Json:
    """List the actions on an object, newest first; none on an unknown one."""
    data = list(actions_on(store, object_type, object_id).values())[::-1]
    return {"object": "list", "data": data, "url": "/v1/actions"}


@router.post("/v1/actions", status_code=201)
async def create_action(store: Db, body: _web.NewAction) -> Json:
    """Execute an action for the caller. It does not resume a run that proposed it.

    Refused with 404 for an unknown object, run or thread, 422 by the rules.
    """
    run_id = body.run_id
    business = get_or_404(store.objects[body.object_type], body.object_type, body.object_id)
    check_action(store, business, body)
    if body.thread_id:
        get_or_404(store.threads, "thread", body.thread_id)
        run_id = run_id or next(reversed(store.runs_of[body.thread_id]), "")
    # A run in the object page's form does not name its agent and thread.
    run = store.run(run_id) | store.runs[run_id]._asdict() if run_id else None

    row = body.model_dump(include={"type", "payload"}) | {
        "id": store.new_id("actions"),
        "business_id": business.id,
        "at": store.clock.now(),
        "note": body.note or None,
        "actors": actors(run),
    }
    store.actions[business.id].append(row)
    return actions_on(store, body.object_type, body.object_id)[row["id"]]


@router.get("/v1/actions/{id}")
async def get_action(
    store: Db, action_id: Id, object_type: _web.ObjectType, object_id: ObjectId
) -> Json:
    """Get an action on an object."""
    return get_or_404(actions_on(store, object_type, object_id), "action", action_id)


@router.get("/v1/businesses")
async def list_businesses(store: Db, page: PageNumber = 1, per_page: PerPage = 25) -> Json:
    """List the seeded businesses."""
    return paged(store.businesses, page, per_page, partial(business_now, store))


@router.get("/v1/businesses/{business_id}")
async def get_business(store: Db, business_id: BusinessId) -> Json:
    """Get a seeded business."""
    return business_now(store, get_or_404(store.by_id, "business", business_id))


@router.get("/v1/businesses/{business_id}/documents")
async def list_documents(store: Db, business_id: BusinessId) -> Json:
    """List all documents of a business, in one page. [A] 25: they are on file from the start."""
    documents = get_or_404(store.by_id, "business", business_id).documents
    return paged(documents, 1, len(documents) + 1, lambda document: document)


@router.get("/v1/documents/{id}")
async def get_document(store: Db, document_id: Id) -> Json:
    """Get a document."""
    documents = {item["id"]: item for business in store.businesses for item in business.documents}
    return get_or_404(documents, "document", document_id)


# -- the sandbox's own


@router.get("/sandbox")
async def sandbox_clock(store: Db) -> Json:
    """Get the virtual time."""
    return {"now": iso(store.clock.now())}


@router.post("/sandbox/runs/{id}/end")
async def sandbox_end_run(store: Db, run_id: Id) -> Json:
    """End a run now, in error, so that its question expires; 422 if it has ended."""
    run, now = store.placed(run_id), store.clock.now()
    if run.ended <= now:
        raise RequestError(422, f"the run has already ended: it is {status_at(run, now)}")
    store.end_run(run_id, now)
    return store.run(run_id)
