"""The routes: the contract's endpoint table (section 2), and a few of the sandbox's own under `/sandbox`.

Handlers run on one event loop and do not wait in between, so that requests are served one at a time and in
order.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from fastapi import Depends, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import StreamingResponse
from fastapi.security import HTTPBearer
from starlette.exceptions import HTTPException

from runkit import models, objects
from runkit.server.businesses import AGENTS, Json, iso
from runkit.server.faults import Fault, Faults
from runkit.server.runs import Runs
from runkit.server.state import DIALECTS, stream
from runkit.server.store import find
from runkit.server.web import ApiErrors, Gate, Id, Listed, Refusal, errors, reply

STREAM_KEPT = 3_600_000  # [A] 9: virtual milliseconds after its end for which a run can be streamed


def create_app(runs: Runs, key: str, ended: Callable[[], bool], restart: Callable[[float], object]) -> Faults:
    """Make the ASGI app; streams and what else waits stop when the server has `ended`.

    `restart` is what a fault does to the server: end, and come back after some seconds.
    """
    store, registry = runs.store, runs.registry
    app = FastAPI(
        title="runkit sandbox: Middesk's Agents API, served from scenarios",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        dependencies=[Depends(HTTPBearer(auto_error=False))],  # the gate asks for it; this tells the OpenAPI
        exception_handlers={
            HTTPException: _refused,
            RequestValidationError: _invalid,
            Exception: _broken,
        },
    )
    app.add_middleware(Gate, key=key, now=store.clock.now)
    faults = Faults(app, store.seed, ended, restart)

    def list_agents() -> Json:
        return {"object": "list", "data": list(AGENTS.values())}  # [A] 29

    def get_agent(agent_id: Id) -> Json:
        return find({agent["id"]: agent for agent in AGENTS.values()}, "agent", agent_id)

    def stream_run(run_id: Id, dialect: str = "middesk") -> Response:
        if dialect not in DIALECTS:
            raise Refusal(422, f"dialect must be {' or '.join(DIALECTS)}", "dialect")
        planned = store.plan_of(run_id)
        if planned.ended is not None and store.clock.now() > planned.ended + STREAM_KEPT:
            raise Refusal(404, "the stream of this run is no longer kept; read the run instead")
        events = stream(lambda: store.plan_of(run_id), store.clock, ended, dialect)
        return StreamingResponse(events, 200, {"cache-control": "no-cache"}, "text/event-stream")

    def clock() -> Json:
        return {"now": iso(store.clock.now()), "speed": store.clock.course.speed, "seed": store.seed}

    def route(path: str, operation: str, answer: Callable[..., Any], shown: Any, *statuses: int) -> None:
        """Serve one line of the table; `statuses` are that of success, then the errors besides 401."""
        method, path = path.split()
        success, *failures = statuses
        told: dict[int | str, Json] = {status: {"model": ApiErrors} for status in (401, *failures)}
        told[success] = {"model": shown}

        @wraps(answer)
        async def handler(**given: Any) -> Response:
            found = answer(**given)
            return found if isinstance(found, Response) else reply(found, success)

        say: Json = {"operation_id": operation, "status_code": success, "responses": told}
        app.add_api_route(path, handler, methods=[method], response_model=None, **say)

    route("GET /v1/agents", "list-agents", list_agents, Listed[objects.Agent], 200)
    route("GET /v1/agents/{id}", "get-agent", get_agent, objects.Agent, 200, 404, 422)
    route("GET /v1/threads", "list-agent-threads", runs.list_threads, Listed[objects.Thread], 200, 422)
    route("POST /v1/threads", "create-agent-thread", runs.create_thread, objects.Thread, 201, 404, 422)
    route("GET /v1/threads/{id}", "get-agent-thread", runs.get_thread, objects.Thread, 200, 404, 422)
    route("GET /v1/runs", "list-agent-runs", runs.list_runs, Listed[models.Run], 200, 422)
    route("POST /v1/runs", "create-agent-run", runs.create_run, models.Run, 201, 400, 404, 422)
    one = "/v1/runs/{id}"
    route(f"GET {one}", "get-agent-run", runs.get_run, models.Run, 200, 404, 422)
    # Not in the published reference: only descriptions of fields mention it.
    route(f"POST {one}/resume", "resume-agent-run", runs.resume_run, models.Run, 200, 404, 422)
    feedback = (runs.submit_feedback, objects.Feedback, 201, 403, 404, 422)
    route(f"POST {one}/feedback", "submit-agent-run-feedback", *feedback)
    route(f"GET {one}/stream", "stream-agent-run-events", stream_run, str, 200, 404, 422)
    route("GET /v1/actions", "list-actions", registry.list_actions, Listed[objects.Action], 200, 400, 422)
    route("POST /v1/actions", "create-action", registry.create_action, objects.Action, 201, 400, 404, 422)
    action = (registry.get_action, objects.Action, 200, 400, 404, 422)
    route("GET /v1/actions/{id}", "get-action", *action)
    route("GET /v1/businesses", "list-businesses", registry.list_businesses, Listed[Json], 200, 422)
    one = "/v1/businesses/{business_id}"
    route(f"GET {one}", "get-business", registry.get_business, Json, 200, 404, 422)
    route(f"GET {one}/documents", "list-documents", registry.list_documents, Listed[Json], 200, 404, 422)
    route("GET /v1/documents/{id}", "get-document", registry.get_document, Json, 200, 404, 422)
    route("GET /sandbox", "sandbox-clock", clock, Json, 200)
    one = "/sandbox/businesses/{business_id}/documents"
    route(f"POST {one}", "sandbox-upload-document", registry.upload_document, Json, 201, 404, 422)
    route("POST /sandbox/runs/{id}/end", "sandbox-end-run", runs.end_run, models.Run, 200, 404, 422)
    route("POST /sandbox/faults", "sandbox-add-fault", faults.add, Fault, 201, 422)
    route("DELETE /sandbox/faults", "sandbox-clear-faults", faults.clear, Listed[Fault], 200)
    return faults


async def _refused(request: Request, error: Any) -> Response:
    if isinstance(error, Refusal):
        return errors((error.detail, error.parameter), status=error.status_code)
    return errors(
        (f"{request.method} {request.url.path[:200]}: {error.detail}", None), status=error.status_code
    )


async def _invalid(request: Request, error: Any) -> Response:
    problems = error.errors()[:20]
    if any(problem["type"] == "json_invalid" for problem in problems):
        return errors(("the body is not valid JSON", None), status=400)
    told = ((problem["msg"], ".".join(map(str, problem["loc"][1:])) or None) for problem in problems)
    return errors(*told, status=422)


async def _broken(request: Request, error: Exception) -> Response:
    return errors((f"the sandbox failed: {type(error).__name__}", None), status=500)
