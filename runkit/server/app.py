"""The routes: the contract's endpoint table (section 2), and a few of the sandbox's own under `/sandbox`.

Handlers run on one event loop and do not wait in between, so that requests are served one at a time and in
order.
"""

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, FastAPI, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import StreamingResponse

from runkit.server.bodies import ApiErrors, JsonObject, NewAction, NewDocument, NewFeedback, NewRun, NewThread
from runkit.server.events import DIALECTS, stream
from runkit.server.gate import Gate, json_response, refusal_response
from runkit.server.objects import AGENT_OBJECTS
from runkit.server.plan import iso
from runkit.server.refusal import Refusal, errors_body
from runkit.server.world import World, page_of

DEFAULT_PER_PAGE = 25  # [A] 18: nothing public says it
MAX_PER_PAGE = 100  # [A] 18
HOUR = 3600.0

Page = Annotated[int, Query(ge=1, le=1_000_000)]
PerPage = Annotated[int, Query(ge=1, le=MAX_PER_PAGE)]


def create_app(
    world: World, key: str, *, stopping: asyncio.Event | None = None, stream_retention: float = HOUR
) -> FastAPI:
    """Make the ASGI app.

    `stopping` ends open streams when set; `stream_retention` is how long after its end a run can still be
    streamed, in virtual seconds ([A] 9).
    """
    title = "runkit sandbox: Middesk's Agents API, served from scenarios"
    app = FastAPI(title=title, docs_url=None, redoc_url=None, redirect_slashes=False)
    app.include_router(_agents())
    app.include_router(_threads(world))
    app.include_router(_runs(world, stopping or asyncio.Event(), stream_retention))
    app.include_router(_actions(world))
    app.include_router(_surroundings(world))
    app.add_middleware(Gate, key=key, now=world.clock.now)
    _speak_the_error_shape(app)
    return app


def _says(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The documented errors of a route, for its OpenAPI."""
    return {status: {"model": ApiErrors} for status in statuses}


def _agents() -> APIRouter:
    router = APIRouter(prefix="/v1/agents", tags=["agents"])

    @router.get("", operation_id="list-agents")
    async def list_agents() -> Response:
        return json_response({"object": "list", "data": list(AGENT_OBJECTS.values())})  # [A] 29

    @router.get("/{agent_id}", operation_id="get-agent", responses=_says(404, 422))
    async def get_agent(agent_id: str) -> Response:
        found = next((agent for agent in AGENT_OBJECTS.values() if agent["id"] == agent_id), None)
        if found is None:
            raise Refusal.not_found("agent", agent_id)
        return json_response(found)

    return router


def _threads(world: World) -> APIRouter:
    router = APIRouter(prefix="/v1/threads", tags=["threads"])

    @router.get("", operation_id="list-agent-threads", responses=_says(422))
    async def list_threads(
        page: Page = 1, per_page: PerPage = DEFAULT_PER_PAGE, business_id: str | None = None
    ) -> Response:
        return json_response(world.threads(page, per_page, business_id))

    @router.post("", operation_id="create-agent-thread", status_code=201, responses=_says(404, 422))
    async def create_thread(body: NewThread) -> Response:
        return json_response(world.create_thread(body.type, body.business()), 201)

    @router.get("/{thread_id}", operation_id="get-agent-thread", responses=_says(404, 422))
    async def get_thread(thread_id: str) -> Response:
        return json_response(world.thread(thread_id))

    return router


def _runs(world: World, stopping: asyncio.Event, retention: float) -> APIRouter:
    router = APIRouter(prefix="/v1/runs", tags=["runs"])

    @router.get("", operation_id="list-agent-runs", responses=_says(422))
    async def list_runs(page: Page = 1, per_page: PerPage = DEFAULT_PER_PAGE) -> Response:
        return json_response(world.runs(page, per_page))

    @router.post("", operation_id="create-agent-run", status_code=201, responses=_says(400, 404, 422))
    async def create_run(body: NewRun) -> Response:
        thread_id = str(body.thread_id) if body.thread_id else None
        return json_response(world.create_run(body.type, body.business(), thread_id, body.prompt), 201)

    @router.get("/{run_id}", operation_id="get-agent-run", responses=_says(404, 422))
    async def get_run(run_id: str, include: str = "") -> Response:
        return json_response(world.run(run_id, _with_steps(include)))

    # Not in the published reference: only descriptions of fields mention it.
    @router.post("/{run_id}/resume", operation_id="resume-agent-run", responses=_says(404, 422))
    async def resume_run(run_id: str, body: JsonObject, include: str = "") -> Response:
        world.resume(run_id, body)
        return json_response(world.run(run_id, _with_steps(include)))

    @router.post(
        "/{run_id}/feedback",
        operation_id="submit-agent-run-feedback",
        status_code=201,
        responses=_says(403, 404, 422),
    )
    async def submit_feedback(run_id: str, body: NewFeedback) -> Response:
        return json_response(
            world.add_feedback(run_id, body.rating, str(body.artifact_id), body.comment), 201
        )

    @router.get("/{run_id}/stream", operation_id="stream-agent-run-events", responses=_says(404, 422))
    async def stream_run(run_id: str, dialect: str = "middesk") -> Response:
        if dialect not in DIALECTS:
            raise Refusal.invalid(f"dialect must be {' or '.join(DIALECTS)}", "dialect")
        planned = world.plan_of(run_id)
        if planned.ended is not None and world.clock.now() > planned.ended + retention * 1000:
            raise Refusal(404, "the stream of this run is no longer kept; read the run instead")  # [A] 9
        events = stream(lambda: world.plan_of(run_id), world.clock, stopping, dialect)
        return StreamingResponse(
            events, media_type="text/event-stream", headers={"cache-control": "no-cache"}
        )

    return router


def _with_steps(include: str) -> bool:
    """`steps` is the only documented word; others are ignored."""
    return "steps" in {word.strip() for word in include.split(",")}


def _actions(world: World) -> APIRouter:
    router = APIRouter(prefix="/v1/actions", tags=["actions"])

    @router.get("", operation_id="list-actions", responses=_says(400, 422))
    async def list_actions(object_type: str = "", object_id: str = "") -> Response:
        data = _on_object(world, object_type, object_id)
        return json_response({"object": "list", "data": data, "url": "/v1/actions"})

    @router.post("", operation_id="create-action", status_code=201, responses=_says(400, 404, 422))
    async def create_action(body: NewAction) -> Response:
        return json_response(world.create_action(body.model_dump(mode="json")), 201)

    @router.get("/{action_id}", operation_id="get-action", responses=_says(400, 404, 422))
    async def get_action(action_id: str, object_type: str = "", object_id: str = "") -> Response:
        found = next(
            (one for one in _on_object(world, object_type, object_id) if one["id"] == action_id), None
        )
        if found is None:
            raise Refusal.not_found("action", action_id)
        return json_response(found)

    return router


def _on_object(world: World, object_type: str, object_id: str) -> list[dict[str, Any]]:
    """The actions on an object; both parameters are required, and 400 is the documented error for them."""
    if not object_id:
        raise Refusal(400, "object_id is required", "object_id")
    return world.registry.actions_on(object_type, object_id)


def _surroundings(world: World) -> APIRouter:
    """Businesses and documents, which Middesk has too, and `/sandbox`, which it has not."""
    router = APIRouter()

    @router.get("/v1/businesses", operation_id="list-businesses", tags=["businesses"], responses=_says(422))
    async def list_businesses(page: Page = 1, per_page: PerPage = DEFAULT_PER_PAGE) -> Response:
        return json_response(page_of(world.registry.businesses(), page, per_page, lambda one: one))

    @router.get(
        "/v1/businesses/{business_id}",
        operation_id="get-business",
        tags=["businesses"],
        responses=_says(404, 422),
    )
    async def get_business(business_id: str) -> Response:
        return json_response(world.registry.business(business_id))

    @router.get(
        "/v1/businesses/{business_id}/documents",
        operation_id="list-documents",
        tags=["businesses"],
        responses=_says(404, 422),
    )
    async def list_documents(business_id: str) -> Response:
        world.registry.business(business_id)
        data = world.registry.documents(business_id)
        return json_response({"object": "list", "has_more": False, "data": data, "total_count": len(data)})

    @router.get(
        "/v1/documents/{document_id}",
        operation_id="get-document",
        tags=["businesses"],
        responses=_says(404, 422),
    )
    async def get_document(document_id: str) -> Response:
        return json_response(world.registry.document(document_id))

    @router.get("/sandbox", operation_id="sandbox-clock", tags=["sandbox"])
    async def clock() -> Response:
        course = world.clock.course
        return json_response({"now": iso(world.clock.now()), "speed": course.speed, "seed": world.seed})

    @router.post(
        "/sandbox/businesses/{business_id}/documents",
        operation_id="sandbox-upload-document",
        tags=["sandbox"],
        status_code=201,
        responses=_says(404, 422),
    )
    async def upload_document(business_id: str, body: NewDocument) -> Response:
        return json_response(world.upload(business_id, body.document_type, body.filename), 201)

    return router


def _speak_the_error_shape(app: FastAPI) -> None:
    """Every error is `{"errors": [...]}`, whoever raised it."""

    @app.exception_handler(Refusal)
    async def refused(request: Request, error: Refusal) -> Response:
        return refusal_response(error)

    @app.exception_handler(HTTPException)
    async def no_route(request: Request, error: HTTPException) -> Response:
        what = f"{request.method} {request.url.path[:200]}"
        return json_response(
            errors_body([(f"{what}: {error.detail}", None)]), error.status_code, dict(error.headers or {})
        )

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        problems = error.errors()
        if any(problem["type"] == "json_invalid" for problem in problems):
            return json_response(errors_body([("the body is not valid JSON", None)]), 400)
        told = [(str(problem["msg"]), _parameter(problem["loc"])) for problem in problems[:20]]
        return json_response(errors_body(told), 422)

    @app.exception_handler(Exception)
    async def broken(request: Request, error: Exception) -> Response:
        return json_response(errors_body([(f"the sandbox failed: {type(error).__name__}", None)]), 500)


def _parameter(location: tuple[int | str, ...]) -> str | None:
    """The name of a parameter without the place it came from (`body`, `query`)."""
    return ".".join(str(part) for part in location[1:]) or None
