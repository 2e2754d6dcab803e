"""The API: those of Middesk's endpoints that runkit's client uses, and the server of them.

Handlers do not wait for anything, so requests are served one at a time, in order.
"""

from __future__ import annotations

import asyncio
import secrets
import threading
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Annotated, Any, TypeVar

import orjson
import uvicorn
from fastapi import APIRouter, Depends, FastAPI, Path, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import StreamingResponse
from pydantic import Field
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.types import ASGIApp

from runkit.api.contract import Json
from runkit.arguments import Secret, checked
from runkit.errors import UsageError
from runkit.server import _web
from runkit.server._recordings import ACCOUNT, iso
from runkit.server._replay import (
    PlacedRun,
    cut,
    pending,
    status_at,
    updated,
)
from runkit.server._store import Store, actions_on, business_now, get_or_404
from runkit.server._web import AccessMiddleware, RequestError, error_response

Item = TypeVar("Item")
MAX_SNAPSHOTS = 500  # of a replayed stream: those of the latest changes
POLL_S = 0.05  # real seconds after which a live stream looks again


# -- arguments of handlers


async def _store(request: Request) -> Store:
    store: Store = request.app.state.store
    return store


Db = Annotated[Store, Depends(_store)]
Id = Annotated[str, Path(alias="id")]
PageNumber = Annotated[int, Query(ge=1)]  # [A] 18: from 1, 25 a page, at most 100
PerPage = Annotated[int, Query(ge=1, le=100)]

router = APIRouter(prefix="/v1")


async def refused(request: Request, error: Any) -> Response:
    """Return the message of an error in the API's format."""
    parameter = getattr(error, "parameter", "")
    return error_response(error.status_code, error.detail, parameter, error.headers)


async def invalid(request: Request, error: Any) -> Response:
    """Return 400 for a query, else 422."""
    first = error.errors()[0]
    parameter = ".".join(map(str, first["loc"][1:]))
    return error_response(400 if request.method == "GET" else 422, first["msg"], parameter)


def paged(items: Sequence[Item], page: int, per_page: int, to_json: Callable[[Item], Json]) -> Json:
    """Build a page of a list; `to_json` is called for its items only."""
    first = (page - 1) * per_page
    data = [to_json(item) for item in items[first : first + per_page]]
    has_more = page * per_page < len(items)
    return {"object": "list", "has_more": has_more, "data": data, "total_count": len(items)}


# -- agents and threads


@router.get("/agents")
async def list_agents(store: Db) -> Json:
    """List the agents. [A] 29: without `object`."""
    return {"data": [*store.agents.values()]}


@router.get("/threads")
async def list_agent_threads(
    store: Db, page: PageNumber = 1, per_page: PerPage = 25, business_id: str = ""
) -> Json:
    """List threads, newest first, of one business or of all."""
    rows = reversed(store.threads.items())
    ids = [key for key, row in rows if business_id in ("", row["business_id"])]
    return paged(ids, page, per_page, store.thread)


# -- runs


@router.get("/runs")
async def list_agent_runs(store: Db, page: PageNumber = 1, per_page: PerPage = 25) -> Json:
    """List runs, newest first, without steps."""
    return paged(list(store.runs)[::-1], page, per_page, store.run)


@router.post("/runs", status_code=201)
async def create_agent_run(store: Db, body: _web.NewRun) -> Json:
    """Start a run.

    Refused with 400 without thread and business, 404 for an unknown agent type, thread or business.
    [A] 20: the business may have any status.
    """
    if body.type not in store.agents:
        raise RequestError(404, f"agent type not found: {body.type[:80]!r}", "type")
    business_id = body.business_id
    if body.thread_id:
        thread = get_or_404(store.threads, "thread", body.thread_id)
        business_id = business_id or thread["business_id"]
    if not business_id:
        raise RequestError(400, "business_id or thread_id is required", "business_id")
    now = store.clock.now()
    run_id = store.add_run(body.type, business_id, body.thread_id, now, prompt=body.prompt)
    return store.run(run_id)


@router.get("/runs/{id}")
async def get_agent_run(store: Db, run_id: Id, include: str = "") -> Json:
    """Get a run, with its steps if asked for."""
    return store.run(run_id, "steps" in include)


# Not in the published reference: only descriptions of fields mention it.
@router.post("/runs/{id}/resume")
async def resume_agent_run(store: Db, run_id: Id, body: _web.NewAnswer, include: str = "") -> Json:
    """Answer a question. [A] 3, 6: the same run continues.

    Refused with 404 for an unknown run; 422 if this question is not open or the answer is invalid.
    """
    run = store.placed(run_id)
    now = store.clock.now()
    waiting = {interrupt.item["id"]: interrupt for interrupt in pending(run, now)}
    if body.interrupt_id not in waiting:
        message = f"{body.interrupt_id[:80]!r} is not an open question of this run"
        raise RequestError(422, message, "interrupt_id")

    documents = store.by_id[run.spec.business_id].documents
    answer = _web.read_answer(waiting[body.interrupt_id], body.input, documents, now)
    store.add_answer(run_id, answer)
    return store.run(run_id, "steps" in include)


@router.post("/runs/{id}/feedback", status_code=201)
async def submit_agent_run_feedback(store: Db, run_id: Id, body: _web.NewFeedback) -> Json:
    """Rate an artifact of a run."""
    rating = (store.placed(run_id).spec.id, body.artifact_id)
    row = {
        "object": "run_feedback",
        "id": store.new_id("feedback"),
        "run_id": run_id,
        "rating": body.rating,
        "artifact_id": body.artifact_id,
        "comment": body.comment or None,
        "reviewer": {"type": "Account", "id": ACCOUNT["id"]},
        "superseded_prior": rating in store.rated,
        "created_at": iso(store.clock.now()),
    }
    store.rated.add(rating)
    return row


@router.get("/runs/{id}/stream")
async def stream_agent_run_events(store: Db, run_id: Id) -> Response:
    """Stream a run's events from its start."""
    return StreamingResponse(_events(store, store.placed(run_id)), media_type="text/event-stream")


async def _events(store: Store, run: PlacedRun) -> AsyncIterator[bytes]:
    """Yield a run's events from its start, then live until it waits or ends.

    [A] 7, 8, 10. Each iteration looks at the run again, so that a new answer takes effect.
    """
    sent = run.spec.created
    yield _message(run, "RUN_STARTED", sent)
    while not store.is_closing:
        run = store.placed(run.spec.id)
        now = store.clock.now()
        changes = [at for at in run.changes if sent < at <= now]
        for at in changes[-MAX_SNAPSHOTS:]:
            yield _message(run, "STATE_SNAPSHOT", at, snapshot=cut(run, at))
            await asyncio.sleep(0)  # notice a disconnected client between snapshots
        sent = max(sent, now)
        if status_at(run, now) != "running":
            yield _last_message(run, now)
            return
        await asyncio.sleep(POLL_S)


def _last_message(run: PlacedRun, now: int) -> bytes:
    """Return the last event of the stream of a run that waits or has ended."""
    at = updated(run, now)
    if status_at(run, now) == "error":
        return _message(run, "RUN_ERROR", at, message="the run failed")
    interrupts = [interrupt.item for interrupt in pending(run, now)]
    outcome = {"type": "interrupt", "interrupts": interrupts} if interrupts else {"type": "success"}
    return _message(run, "RUN_FINISHED", at, outcome=outcome)


def _message(run: PlacedRun, kind: str, at: int, **more: Any) -> bytes:
    """Return the text of an event."""
    ids = {"run_id": run.spec.id, "thread_id": run.spec.thread_id}
    event = {"type": kind, **ids, "timestamp": at, **more}
    return b"event: %b\ndata: %b\n\n" % (kind.encode(), orjson.dumps(event))


# -- actions, businesses and documents


@router.get("/actions")
async def list_actions(store: Db, object_type: _web.ObjectType, object_id: str) -> Json:
    """List the actions on an object, newest first; none on an unknown one."""
    actions = [action for item in store.businesses for action in actions_on(store, item)]
    data = [action for action in actions[::-1] if action["object_id"] == object_id]
    return {"object": "list", "data": data, "url": "/v1/actions"}


@router.get("/businesses")
async def list_businesses(store: Db, page: PageNumber = 1, per_page: PerPage = 25) -> Json:
    """List the seeded businesses."""
    return paged(store.businesses, page, per_page, partial(business_now, store))


@router.get("/businesses/{id}")
async def get_business(store: Db, business_id: Id) -> Json:
    """Get a seeded business."""
    return business_now(store, get_or_404(store.by_id, "business", business_id))


@router.get("/businesses/{id}/documents")
async def list_documents(store: Db, business_id: Id) -> Json:
    """List all documents of a business, in one page. [A] 25: they are on file from the start."""
    documents = get_or_404(store.by_id, "business", business_id).documents
    return {"object": "list", "has_more": False, "data": documents, "total_count": len(documents)}


# -- the server

LOOPBACK = "127.0.0.1"
# of a request's Host, on any port: a web page with a name of its own gets no answer
HOSTS = [LOOPBACK, "localhost"]
MAX_CONNECTIONS = 500  # beyond, uvicorn answers 503; a process may open 1,024 files by default
# between requests; longer than clients keep a connection, so that they close it first
KEEP_SECONDS = 30


class SandboxServer:
    """A server on a thread with its own event loop, so that it works in Jupyter.

    Raises `UsageError` for an option of another type or out of range.
    """

    @checked
    def __init__(
        self,
        *,
        port: Annotated[int, Field(ge=0, le=65_535)] = 0,
        key: str | None = None,
        latency: Annotated[float, Field(ge=0, le=600)] = 0,
        limit: Annotated[int, Field(ge=1)] | None = None,
        **store_options: Any,
    ) -> None:
        self.key = Secret(key or f"mk_test_sandbox_{secrets.token_urlsafe(24)}")
        self.store = Store(**store_options)
        config = uvicorn.Config(
            self.make_app(latency, limit),
            host=LOOPBACK,
            port=port,
            http="h11",
            ws="none",
            lifespan="off",
            date_header=False,  # the date is in virtual time
            log_config=None,  # the notebook's own logging stays as it is
            log_level="warning",
            limit_concurrency=MAX_CONNECTIONS,
            timeout_keep_alive=KEEP_SECONDS,
            timeout_graceful_shutdown=2,
        )
        self.server = uvicorn.Server(config)
        self.thread = threading.Thread(target=self._serve, name="runkit-sandbox", daemon=True)
        self.thread.start()
        while not self.server.started:
            if not self.thread.is_alive():
                raise UsageError(
                    f"port={port} of {LOOPBACK} cannot be used; give another, or 0 for any free one"
                )
            time.sleep(0.002)
        [listening] = self.server.servers[0].sockets
        self.url = f"http://{LOOPBACK}:{listening.getsockname()[1]}/v1"

    def make_app(self, latency: float, limit: int | None) -> ASGIApp:
        """Build the app: `limit` is requests per second, `latency` seconds for each."""
        hosts = Middleware(TrustedHostMiddleware, allowed_hosts=HOSTS, www_redirect=False)
        access = Middleware(
            AccessMiddleware,
            now=self.store.clock.now,
            key=self.key,
            latency=latency,
            limit=limit,
        )
        app = FastAPI(
            openapi_url=None,
            redirect_slashes=False,
            middleware=[hosts, access],
            exception_handlers={HTTPException: refused, RequestValidationError: invalid},
        )
        app.state.store = self.store
        app.include_router(router)
        return app

    def _serve(self) -> None:
        with suppress(SystemExit):  # of a port in use
            self.server.run()

    def close(self) -> None:
        """Stop the server and wait for open requests."""
        self.store.is_closing = True
        self.server.should_exit = True
        self.thread.join(60)  # it stops within seconds, unless the machine is very busy
