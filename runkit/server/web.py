"""What every request passes and every answer shares: the gate, the bodies taken, the shape of errors.

The gate asks for the key, lets in only callers of this machine that are not somebody else's web page, bounds
the body, and writes the `Date` header in virtual time. It is plain ASGI, so that streams flow through.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Annotated, Any, Generic, Literal, TypeVar
from urllib.parse import quote, unquote, urlsplit
from uuid import UUID

import orjson
from fastapi import Depends, Path, Query, Request
from pydantic import AfterValidator, BaseModel, BeforeValidator, Field
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from runkit.errors import UsageError
from runkit.server.businesses import Json

MAX_BODY = 1_000_000  # bytes; a resume with a long note has a few thousand
MAX_PERSON = 100  # characters of a person's name
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
CHALLENGE = {"WWW-Authenticate": 'Bearer, Basic realm="runkit sandbox"'}  # [A] 21: both schemes of section 1
Item = TypeVar("Item")


class Refusal(HTTPException):
    """An HTTP error with a message, perhaps about one parameter."""

    def __init__(self, status: int, message: str, parameter: str | None = None) -> None:
        super().__init__(status, message)
        self.parameter = parameter


def reply(content: object, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Write JSON with orjson: a run of 5,000 steps takes it a few milliseconds."""
    return Response(orjson.dumps(content), status, headers, "application/json")


def errors(*found: tuple[str, str | None], status: int) -> Response:
    """Write the body of every error (contract section 13): `{"errors": [{"message", "parameter"?}]}`."""
    told = [{"message": message, **({"parameter": name} if name else {})} for message, name in found]
    return reply({"errors": told}, status, CHALLENGE if status == 401 else None)


def page_of(items: Sequence[Item], page: int, per_page: int, show: Callable[[Item], Any]) -> dict[str, Any]:
    """Give a page of a list as the API does (contract section 12); only the items on it are shown."""
    shown = [show(item) for item in items[(page - 1) * per_page : page * per_page]]
    has_more = page * per_page < len(items)
    return {"object": "list", "has_more": has_more, "data": shown, "total_count": len(items)}


def objects(given: Json, key: str, where: str = "payload") -> list[Json]:
    """Give a list of objects under a key, empty if there is none; 422 if it is something else."""
    items = given.get(key) or []
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise Refusal(422, f"{key} must be a list of objects", f"{where}.{key}")
    return items


def either(words: Iterable[str]) -> str:
    """Name the words that would do."""
    return " or ".join(sorted(words))


# -- what every request passes


class Gate:
    """ASGI middleware around the routes."""

    def __init__(self, app: ASGIApp, key: str, now: Callable[[], int]) -> None:
        self.app, self.key, self.now = app, key, now

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or answer it with the refusal."""

        async def send_dated(message: Message) -> None:
            if message["type"] == "http.response.start":
                moment = datetime.fromtimestamp(self.now() / 1000, UTC)
                MutableHeaders(scope=message)["date"] = format_datetime(moment, usegmt=True)
            await send(message)

        app, headers = self.app, Headers(scope=scope)
        try:
            check_caller(headers)
            scope["person"] = check_key(headers.get("authorization", ""), self.key)
            check_size(int(headers.get("content-length", "0")))  # uvicorn refuses what is no number
        except Refusal as refusal:
            app = errors((refusal.detail, None), status=refusal.status_code)
        await app(scope, _bounded(receive), send_dated)


def check_caller(headers: Headers) -> None:
    """Refuse (403) a foreign `Host` (DNS rebinding) and a foreign `Origin` (another web page)."""
    host, origin = headers.get("host", ""), headers.get("origin")
    if _hostname(f"//{host}") not in LOOPBACK:
        raise Refusal(403, f"the sandbox answers on this machine only; Host {host[:80]!r} is refused")
    if origin is not None and _hostname(origin) not in LOOPBACK:
        raise Refusal(403, f"requests of other web pages are refused; Origin {origin[:80]!r}")


def _hostname(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None


def key_of(key: str, person: str) -> str:
    """Derive the key of a person: what comes in through it is hers. Raises `UsageError` for no name."""
    if not (0 < len(person) <= MAX_PERSON and person.isprintable() and person == person.strip()):
        raise UsageError(f"person={person[:80]!r} is no name; give 1 to {MAX_PERSON} printable characters")
    return f"{key}.{quote(person, safe='')}"


def check_key(authorization: str, key: str) -> str | None:
    """Take `Bearer KEY`, or Basic with the key as user name, and return whose it is; None is the account's.

    Compares in constant time; refused with 401 if it is neither the key nor that of a person.
    """
    scheme, _, given = authorization.partition(" ")
    if scheme.lower() not in ("bearer", "basic"):
        raise Refusal(401, "an API key is required: Authorization: Bearer KEY, or Basic with it as user name")
    if scheme.lower() == "basic":
        try:
            given = base64.b64decode(given, validate=True).decode().partition(":")[0]
        except (binascii.Error, UnicodeDecodeError):
            given = ""
    given, rest = given.strip()[: len(key)], given.strip()[len(key) :]
    if hmac.compare_digest(given.encode(), key.encode()):
        person = unquote(rest[1:])
        if not rest:
            return None
        with suppress(UsageError):
            if given + rest == key_of(key, person):
                return person
    raise Refusal(401, "the API key is not valid for this server")


def check_size(size: int) -> None:
    """Refuse (413) a body that is too large."""
    if size > MAX_BODY:
        raise Refusal(413, f"the body is larger than {MAX_BODY:,} bytes")


def _bounded(receive: Receive) -> Receive:
    size = 0

    async def bounded() -> Message:
        nonlocal size
        message = await receive()
        size += len(message.get("body", b""))
        check_size(size)
        return message

    return bounded


# -- bodies: those that are taken, of which unknown fields are ignored, and what all answers share


def _storable(value: dict[str, Any]) -> dict[str, Any]:
    """Refuse half a surrogate pair, which JSON can spell and no UTF-8 text can hold."""
    try:
        orjson.dumps(value)
    except TypeError as error:
        raise ValueError("holds text that is not valid Unicode") from error
    return value


async def _person(request: Request) -> str | None:
    person: str | None = request.scope["person"]
    return person


Person = Annotated[str | None, Depends(_person)]  # whose key it was; None is the account's
Page = Annotated[int, Query(ge=1, le=1_000_000)]
PerPage = Annotated[int, Query(ge=1, le=100)]  # [A] 18, as the 25 that stand where it is not given
Uuid = Annotated[
    str, AfterValidator(lambda text: str(UUID(text))), Field(json_schema_extra={"format": "uuid"})
]
Id = Annotated[str, Path(alias="id")]
JsonObject = Annotated[dict[str, Any], AfterValidator(_storable)]
Comment = Annotated[
    str | None,
    BeforeValidator(lambda value: value.strip() if isinstance(value, str) else value),
    Field(max_length=5000),
    AfterValidator(lambda text: text or None),
]


class NewThread(BaseModel):
    """Body of create-agent-thread (contract section 4)."""

    type: str
    business_id: Uuid | None = None
    context_type: str | None = None
    context_id: Uuid | None = None

    @property
    def business(self) -> str | None:
        """The id of what the agent works on: `business_id` is short for a context of that type."""
        return self.business_id or (self.context_id if self.context_type else None)


class NewRun(NewThread):
    """Body of create-agent-run (contract section 5), and the prompt of the object reference."""

    thread_id: Uuid | None = None
    prompt: str | None = Field(None, max_length=20_000)


class NewFeedback(BaseModel):
    """Body of submit-agent-run-feedback (contract section 9)."""

    rating: Literal["POSITIVE", "NEGATIVE"]
    artifact_id: Uuid
    comment: Comment = None


class NewAction(BaseModel):
    """Body of create-action (contract section 8). Wrong words in it are a 400, so they are plain texts."""

    object_type: str = Field(json_schema_extra={"enum": ["businesses", "watchlist_result"]})
    object_id: Uuid
    type: str = Field(
        json_schema_extra={"enum": ["add_sources", "add_attributes", "verify_tin", "decision", "dismissal"]}
    )
    payload: JsonObject
    note: str | None = Field(None, max_length=5000)
    thread_id: Uuid | None = None
    run_id: Uuid | None = None


class NewDocument(BaseModel):
    """Body of the sandbox's own upload."""

    document_type: str = Field("irs_letter", min_length=1, max_length=100)
    filename: str = Field("document.pdf", min_length=1, max_length=200)


class Listed(BaseModel, Generic[Item]):
    """A list (contract section 12)."""

    object: str
    has_more: bool = False
    data: list[Item]
    total_count: int = 0


class ApiError(BaseModel):
    """One error."""

    message: str
    parameter: str | None = None


class ApiErrors(BaseModel):
    """The body of every error."""

    errors: list[ApiError]
