"""Access to the sandbox, the bodies of requests, answers in them, and the format of refusals.

Bodies are the tables of the contract as pydantic models. Unknown fields are ignored.
"""

from __future__ import annotations

import asyncio
import hmac
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import format_datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, StringConstraints
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from runkit.api.contract import Json
from runkit.api.question_kinds import answer_errors
from runkit.arguments import Secret
from runkit.server._recordings import moment_of
from runkit.server._replay import Answer, PlacedInterrupt


class RequestError(HTTPException):
    """An HTTP error with a message, perhaps about one parameter."""

    def __init__(self, status: int, message: str, parameter: str = "") -> None:
        super().__init__(status, message)
        self.parameter = parameter


def error_response(
    status: int, message: str, parameter: str = "", headers: Any = None
) -> JSONResponse:
    """Build an error response: `{"errors": [{"message", "parameter"?}]}` ([A] 21)."""
    error = {"message": message}
    if parameter:
        error["parameter"] = parameter
    return JSONResponse({"errors": [error]}, status, headers)


@dataclass
class AccessMiddleware:
    """ASGI middleware that checks the key, limits the rate and dates each response.

    The date is in virtual time. The key goes no further.
    """

    app: ASGIApp
    now: Callable[[], int]
    key: Secret
    latency: float
    limit: int | None

    def __post_init__(self) -> None:
        self.passed: deque[float] = deque(maxlen=self.limit or 0)  # when the latest requests came

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        authorization = Headers(raw=[*scope["headers"]]).get("authorization", "")
        # The list itself is changed, because uvicorn has it, too, and errors may be logged with it.
        scope["headers"][:] = [
            header for header in scope["headers"] if header[0] != b"authorization"
        ]

        async def send_dated(message: Message) -> None:
            if message["type"] == "http.response.start":
                date = format_datetime(moment_of(self.now()), usegmt=True)
                MutableHeaders(scope=message)["date"] = date
            await send(message)

        await asyncio.sleep(self.latency)
        app = self._refusal(authorization) or self.app
        await app(scope, receive, send_dated)

    def _refusal(self, authorization: str) -> ASGIApp | None:
        """Return the response to a request that is refused: 401, 429."""
        scheme, _, value = authorization.partition(" ")
        key = self.key.get_secret_value()
        if scheme.lower() != "bearer" or not hmac.compare_digest(value.encode(), key.encode()):
            message = "the API key is missing or not valid here; send Authorization: Bearer KEY"
            return error_response(401, message)

        now = time.monotonic()
        if self.limit and len(self.passed) == self.limit and self.passed[0] > now - 1:
            message = f"more than {self.limit} requests per second"
            return error_response(429, message, headers={"Retry-After": "1"})
        self.passed.append(now)
        return None


# -- bodies

ObjectType = Literal["businesses", "watchlist_result"]
# the limit on the page of submit-agent-run-feedback
Comment = Annotated[str, StringConstraints(strip_whitespace=True, max_length=5000)]


class NewRun(BaseModel):
    """Body of create-agent-run, and the prompt of the object page."""

    type: str
    business_id: str = ""
    thread_id: str = ""
    prompt: str | None = Field(None, max_length=20_000)


class Selected(BaseModel):
    """[A] 2: an action to execute, perhaps with an edited payload, which the API does not show."""

    type: str


class Fields(BaseModel, extra="allow"):
    """[A] 2: what answers one question, with the other inputs of its kind.

    `actions` are there only if a person changed them.
    """

    decision: Any = None
    note: str | None = None
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
    """Body of resume; [A] 1: it is not documented."""

    interrupt_id: str
    input: Input


class NewFeedback(BaseModel):
    """Body of submit-agent-run-feedback."""

    rating: Literal["POSITIVE", "NEGATIVE"]
    artifact_id: str
    comment: Comment | None = None


# -- answers

LETTER = "irs_letter"  # the type of the document that supports a TIN


def read_answer(interrupt: PlacedInterrupt, value: Input, documents: list[Json], at: int) -> Answer:
    """Read an input as one verdict for each question ([A] 2, 5); 422 if it is no answer.

    `documents` are those of the business.
    """
    kinds = {document["id"]: document["document_type"] for document in documents}
    shared = value.model_dump(exclude={"proposals", "answered_by"})
    parts = {part.agent: part.model_dump(exclude_unset=True) for part in value.proposals}
    verdicts = {}
    notes = {}
    for agent, question in interrupt.questions.items():
        fields = shared | parts.get(agent, {})
        for name, message in answer_errors(question, fields).items():
            raise RequestError(422, f"{agent}: {message}", f"input.{name}")
        verdicts[agent] = _verdict(question, fields, kinds)
        notes[agent] = fields["note"] or ""
    shown = {"answered_by": {"name": value.answered_by}} if value.answered_by else {}
    return Answer(interrupt.recorded_id, at, verdicts, notes, shown)


def _verdict(question: str, fields: Json, kinds: Mapping[str, str]) -> str:
    """Return the verdict of an answer, as recordings have it."""
    decision = str(fields["decision"])
    document_id = fields.get("document_id", "")
    if question != "document":
        return decision
    if decision != "approve":
        return "none"
    if document_id not in kinds:
        message = "document_id is not a document on file; reject to continue without"
        raise RequestError(422, message, "input.document_id")
    return "supports" if kinds[document_id] == LETTER else "unrelated"
