"""Access to the sandbox, the bodies of requests, and the format of refusals.

Bodies are the tables of the contract as pydantic models. Unknown fields are ignored.
"""

from __future__ import annotations

import asyncio
import hmac
import re
import time
from collections import deque
from collections.abc import Iterable
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import (
    AfterValidator,
    AliasChoices,
    BaseModel,
    Field,
    StringConstraints,
    WithJsonSchema,
)
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from runkit.api.contract import MAX_COMMENT
from runkit.local.secret import Secret
from runkit.server._accounts import Json
from runkit.server._clock import Clock

MAX_BODY = 1_000_000  # bytes; a resume with a long note has a few thousand
HOSTS = ("127.0.0.1", "localhost", "[::1]")  # any port, as it may be a tunnel's
_ORIGIN = re.compile(
    rf"https?://({'|'.join(map(re.escape, HOSTS))})(:[0-9]{{1,5}})?", re.IGNORECASE
)
CHALLENGE = {"WWW-Authenticate": "Bearer"}


class RequestError(HTTPException):
    """An HTTP error with a message, perhaps about one parameter."""

    def __init__(self, status: int, message: str, parameter: str = "") -> None:
        super().__init__(status, message, CHALLENGE if status == 401 else None)
        self.parameter = parameter


def error_response(
    status: int, message: str, parameter: str = "", headers: Any = None
) -> JSONResponse:
    """Build an error response: `{"errors": [{"message", "parameter"?}]}` ([A] 21)."""
    error = {"message": message}
    if parameter:
        error["parameter"] = parameter
    return JSONResponse({"errors": [error]}, status, headers)


def path_of(parts: Iterable[str | int]) -> str:
    """Return the path of a value in a body, such as `actions[0].payload`."""
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in parts)
    return path.removeprefix(".")


def or_list(words: Iterable[str]) -> str:
    """Return words, joined with "or"."""
    return " or ".join(sorted(words))


class AccessMiddleware:
    """ASGI middleware that checks origin and key, limits bodies and dates each response.

    The date is in virtual time. The key goes no further.
    """

    def __init__(self, app: ASGIApp, clock: Clock, key: Secret) -> None:
        self.app, self.clock, self.key = app, clock, key

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        headers = Headers(raw=[*scope["headers"]])
        # The list itself is changed, because uvicorn has it, too, and errors may be logged with it.
        scope["headers"][:] = [
            header for header in scope["headers"] if header[0] != b"authorization"
        ]
        size = 0

        async def receive_limited() -> Message:
            nonlocal size
            message = await receive()
            size += len(message.get("body", b""))
            check_size(size)
            return message

        async def send_dated(message: Message) -> None:
            if message["type"] == "http.response.start":
                moment = datetime.fromtimestamp(self.clock.now() / 1000, UTC)
                MutableHeaders(scope=message)["date"] = format_datetime(moment, usegmt=True)
            await send(message)

        try:
            check_origin(headers.get("host", ""), headers.getlist("origin"))
            check_size(int(headers.get("content-length", "0")))
            check_key(headers.get("authorization", ""), self.key.get_secret_value())
            await self.app(scope, receive_limited, send_dated)
        except RequestError as error:
            refusal = error_response(error.status_code, error.detail, headers=error.headers)
            await refusal(scope, receive, send_dated)


class PaceMiddleware:
    """ASGI middleware that answers late, and refuses more than `limit` requests in a second."""

    def __init__(self, app: ASGIApp, latency: float, limit: int | None) -> None:
        self.app, self.latency, self.limit = app, latency, limit
        self.passed: deque[float] = deque(maxlen=limit or 0)  # when the latest requests came

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""

        async def send_late(message: Message) -> None:
            if message["type"] == "http.response.start":
                await asyncio.sleep(self.latency)
            await send(message)

        if not scope["path"].startswith("/v1/"):  # the sandbox's own
            await self.app(scope, receive, send)
            return

        now = time.monotonic()
        is_over = bool(self.limit) and len(self.passed) == self.limit and self.passed[0] > now - 1
        if is_over:
            message = f"more than {self.limit} requests per second"
            refusal = error_response(429, message, headers={"Retry-After": "1"})
            await refusal(scope, receive, send_late)
        else:
            self.passed.append(now)
            await self.app(scope, receive, send_late)


def check_size(size: int) -> None:
    """Check that a body has not too many bytes (else 413)."""
    if size > MAX_BODY:
        raise RequestError(413, f"the body has more than {MAX_BODY:,} bytes")


def check_origin(host: str, origins: list[str]) -> None:
    """Check that a request is to this host (else 400), and from no other web page (else 403)."""
    if not _ORIGIN.fullmatch(f"http://{host}"):
        raise RequestError(400, f"requests to other hosts are not served; Host {host[:80]!r}")
    for origin in origins:
        if not _ORIGIN.fullmatch(origin):
            raise RequestError(
                403, f"requests from other web pages are not allowed; Origin {origin[:80]!r}"
            )


def check_key(authorization: str, key: str) -> None:
    """Check the key (else 401), in constant time."""
    scheme, _, value = authorization.partition(" ")
    if scheme.lower() != "bearer" or not hmac.compare_digest(value.encode(), key.encode()):
        raise RequestError(
            401, "the API key is missing or not valid here; send it as Authorization: Bearer KEY"
        )


# -- bodies

ActionType = Literal["add_sources", "add_attributes", "verify_tin", "decision", "dismissal"]
ObjectType = Literal["businesses", "watchlist_result"]
Uuid = Annotated[
    str, AfterValidator(lambda text: str(UUID(text))), Field(json_schema_extra={"format": "uuid"})
]
Comment = Annotated[str, StringConstraints(strip_whitespace=True, max_length=MAX_COMMENT)]


class NewThread(BaseModel):
    """Body of create-agent-thread."""

    type: str
    business_id: Uuid = ""
    context_type: str = ""
    context_id: Uuid = ""

    @property
    def business(self) -> str | None:
        """The id of the business: `business_id`, or the id of a context."""
        return self.business_id or (self.context_type and self.context_id) or None


class NewRun(NewThread):
    """Body of create-agent-run, and the prompt of the object page."""

    thread_id: Uuid = ""
    prompt: str | None = Field(None, max_length=20_000)


class Selected(BaseModel):
    """[A] 2: an action to execute, perhaps with an edited payload."""

    type: str
    payload: Json | None = None


class Fields(BaseModel, extra="allow"):
    """[A] 2: what answers one question. `actions` is the subset to execute; without it, all are."""

    decision: Any = None
    note: Comment | None = None
    document_id: str | None = None
    actions: list[Selected] | None = None


class AgentFields(Fields):
    """[A] 5: what answers the proposal of one agent."""

    agent: str


class Input(Fields):
    """[A] 5: `proposals` override the shared fields, each for one agent.

    [A] 32: `answered_by` is the person that the step names from then on; by default it names none.
    """

    proposals: list[AgentFields] = []
    answered_by: str | None = None


class NewAnswer(BaseModel):
    """Body of resume.

    [A] 1: it is not documented, so the fields may have any of their likely names.
    """

    interrupt_id: str = Field(min_length=1, validation_alias=AliasChoices("interrupt_id", "id"))
    input: Annotated[Input, WithJsonSchema({"type": "object"})] = Field(
        validation_alias=AliasChoices("input", "value", "response", "payload", "resume"),
        description='Such as `{"decision": "approve"}`',
    )


class NewFeedback(BaseModel):
    """Body of submit-agent-run-feedback."""

    rating: Literal["POSITIVE", "NEGATIVE"]
    artifact_id: Uuid
    comment: Comment | None = None


class NewAction(BaseModel):
    """Body of create-action."""

    object_type: ObjectType
    object_id: Uuid
    type: ActionType
    payload: Json
    note: str = Field("", max_length=MAX_COMMENT)
    thread_id: Uuid = ""
    run_id: Uuid = ""


# -- payloads of actions

Word = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]


class NewSource(BaseModel):
    """A source that is added to a business."""

    source_type: Word
    source_name: Word
    tier: Word
    url: Word
    addresses: list[Json] = []
    people: list[Json] = []


class Sources(BaseModel):
    """Payload of add_sources."""

    sources: list[NewSource] = Field(min_length=1)


class Attributes(BaseModel):
    """Payload of add_attributes."""

    addresses: list[Json] = []
    people: list[Json] = []


class Verification(BaseModel):
    """[A] 11: payload of verify_tin."""

    document_id: str


class Decision(BaseModel):
    """[A] 12: payload of decision."""

    status: str


class Dismissal(BaseModel):
    """[A] 13: payload of dismissal, of which nothing is read."""
