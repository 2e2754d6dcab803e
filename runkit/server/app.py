"""The routes: the contract's endpoints (section 2), and the sandbox's own under `/sandbox`.

Handlers run on one event loop without awaiting, so that requests are served one at a time, in order.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Literal

from fastapi import Depends, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, StreamingResponse
from fastapi.security import HTTPBearer
from starlette.exceptions import HTTPException
from starlette.routing import Match

from runkit.server import schemas
from runkit.server.businesses import AGENTS, Json, iso
from runkit.server.faults import Fault, FaultMiddleware
from runkit.server.runs import Runs
from runkit.server.state import stream
from runkit.server.store import get_or_404
from runkit.server.web import DateMiddleware, Id, RequestError, StrictRoute, errors, reply

STREAM_KEPT = 3_600_000  # [A] 9: a run can be streamed for this many virtual milliseconds after its end


def create_app(runs: Runs, ended: Callable[[], bool], restart: Callable[[float], object]) -> FaultMiddleware:
    """Make the ASGI app without access checks; streams and waiting requests stop when the server has `ended`.

    `restart` stops the server and starts it again after some seconds, for a fault.
    """
    store, registry = runs.store, runs.registry
    app = _App(
        title="runkit sandbox: Middesk's Agents API, served from scenarios",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        dependencies=[Depends(HTTPBearer(auto_error=False))],  # for the OpenAPI; AccessMiddleware checks it
        exception_handlers={HTTPException: _rejected, RequestValidationError: _invalid, Exception: _broken},
    )
    app.router.route_class = StrictRoute
    app.add_middleware(DateMiddleware, now=store.clock.now)
    faults = FaultMiddleware(app, store.seed, ended, restart)

    def list_agents() -> Json:
        return {"object": "list", "data": list(AGENTS.values())}  # [A] 29

    def get_agent(agent_id: Id) -> Json:
        return get_or_404({agent["id"]: agent for agent in AGENTS.values()}, "agent", agent_id)

    def stream_run(run_id: Id, dialect: Literal["middesk", "agui"] = "middesk") -> Response:
        run_plan = store.plan_of(run_id)
        if run_plan.ended is not None and store.clock.now() > run_plan.ended + STREAM_KEPT:
            raise RequestError(404, "the stream of this run is no longer available; get the run instead")
        events = stream(lambda: store.plan_of(run_id), store.clock, ended, dialect)
        return StreamingResponse(events, 200, {"cache-control": "no-cache"}, "text/event-stream")

    def clock() -> Json:
        return {"now": iso(store.clock.now()), "speed": store.clock.state.speed, "seed": store.seed}

    def route(path: str, operation: str, endpoint: Callable[..., Any], model: Any, *statuses: int) -> None:
        """Add a route; `statuses` are that of success, then the errors besides 401."""
        method, path = path.split()
        success, *failures = statuses
        responses: dict[int | str, Json] = {code: {"model": schemas.ApiErrors} for code in (401, *failures)}
        responses[success] = model if isinstance(model, dict) else {"model": model}

        @wraps(endpoint)
        async def handler(**arguments: Any) -> Response:
            result = endpoint(**arguments)
            return result if isinstance(result, Response) else reply(result, success)

        options: Json = {"operation_id": operation, "status_code": success, "responses": responses}
        options["response_class"] = StreamingResponse if isinstance(model, dict) else JSONResponse
        app.add_api_route(path, handler, methods=[method], response_model=None, **options)

    # The errors are those of the contract, and 413 and 422 from the checks of bodies and queries.
    route("GET /v1/agents", "list-agents", list_agents, schemas.All[schemas.Agent], 200)
    route("GET /v1/agents/{id}", "get-agent", get_agent, schemas.Agent, 200, 404)
    route("GET /v1/threads", "list-agent-threads", runs.list_threads, schemas.Page[schemas.Thread], 200, 422)
    route("POST /v1/threads", "create-agent-thread", runs.create_thread, schemas.Thread, 201, 404, 413, 422)
    route("GET /v1/threads/{id}", "get-agent-thread", runs.get_thread, schemas.Thread, 200, 404)
    route("GET /v1/runs", "list-agent-runs", runs.list_runs, schemas.Page[schemas.Run], 200, 422)
    route("POST /v1/runs", "create-agent-run", runs.create_run, schemas.Run, 201, 400, 404, 413, 422)
    one = "/v1/runs/{id}"
    route(f"GET {one}", "get-agent-run", runs.get_run, schemas.Run, 200, 404)
    # Not in the published reference: only descriptions of fields mention it.
    route(f"POST {one}/resume", "resume-agent-run", runs.resume_run, schemas.Run, 200, 404, 413, 422)
    feedback = (runs.submit_feedback, schemas.Feedback, 201, 403, 404, 413, 422)
    route(f"POST {one}/feedback", "submit-agent-run-feedback", *feedback)
    events = {"content": {"text/event-stream": schemas.STREAM}}
    route(f"GET {one}/stream", "stream-agent-run-events", stream_run, events, 200, 404, 422)
    route("GET /v1/actions", "list-actions", registry.list_actions, schemas.All[schemas.Action], 200, 400)
    action = (registry.create_action, schemas.Action, 201, 400, 404, 413, 422)
    route("POST /v1/actions", "create-action", *action)
    route("GET /v1/actions/{id}", "get-action", registry.get_action, schemas.Action, 200, 404)
    route("GET /v1/businesses", "list-businesses", registry.list_businesses, schemas.Page[Json], 200, 422)
    one = "/v1/businesses/{business_id}"
    route(f"GET {one}", "get-business", registry.get_business, Json, 200, 404)
    route(f"GET {one}/documents", "list-documents", registry.list_documents, schemas.Page[Json], 200, 404)
    route("GET /v1/documents/{id}", "get-document", registry.get_document, Json, 200, 404)
    route("GET /sandbox", "sandbox-clock", clock, Json, 200)
    one = "/sandbox/businesses/{business_id}/documents"
    route(f"POST {one}", "sandbox-upload-document", registry.upload_document, Json, 201, 404, 413, 422)
    route("POST /sandbox/runs/{id}/end", "sandbox-end-run", runs.end_run, schemas.Run, 200, 404, 422)
    route("POST /sandbox/faults", "sandbox-add-fault", faults.add, Fault, 201, 413, 422)
    route("DELETE /sandbox/faults", "sandbox-clear-faults", faults.clear, schemas.All[Fault], 200)
    return faults


class _App(FastAPI):
    def openapi(self) -> Json:
        """Return the document without the 422 that FastAPI adds to each route with parameters."""
        document = super().openapi()
        for path in document["paths"].values():
            for operation in path.values():
                added = operation["responses"].get("422", {}).get("description") == "Validation Error"
                if added:
                    del operation["responses"]["422"]
        for name in ("HTTPValidationError", "ValidationError"):
            document["components"]["schemas"].pop(name, None)
        return document


async def _rejected(request: Request, error: Any) -> Response:
    status = error.status_code
    if isinstance(error, RequestError):
        return errors((error.detail, error.parameter), status=status)
    item = (f"{request.method} {request.url.path[:200]}: {error.detail}", None)
    if status != 405:
        return errors(item, status=status)
    routes = (route for route in request.app.routes if route.matches(request.scope)[0] is not Match.NONE)
    allowed = {method for route in routes for method in route.methods}
    return errors(item, status=status, headers={"Allow": ", ".join(sorted(allowed))})


async def _invalid(request: Request, error: Any) -> Response:
    """Answer 422, or the status that the operation documents instead."""
    documented = request.scope["route"].responses
    status = next((status for status in (422, 400, 404) if status in documented), 422)
    no_body = ("the body must be a JSON object, sent as Content-Type: application/json", None)
    items = ((one["msg"], ".".join(map(str, one["loc"][1:]))) for one in error.errors()[:20])
    return errors(*(item if item[1] else no_body for item in items), status=status)


async def _broken(request: Request, error: Exception) -> Response:
    return errors((f"the sandbox failed: {type(error).__name__}", None), status=500)
