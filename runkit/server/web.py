"""Shared parts of all requests and responses: access checks, parsing of bodies, the format of errors.

`AccessMiddleware` checks the key, accepts only callers on this machine that are not a foreign web page, and
limits the size of the body. It is the outermost layer, and plain ASGI so that streams pass through.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import re
from collections.abc import Callable, Coroutine, Iterable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Annotated, Any, TypeVar
from urllib.parse import quote, unquote

import orjson
from fastapi import Depends, Path, Request
from fastapi.routing import APIRoute
from pydantic import AfterValidator
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from runkit.errors import UsageError
from runkit.secret import Secret
from runkit.server.businesses import Json

MAX_BODY = 1_000_000  # bytes; a resume with a long note has a few thousand
MAX_PERSON = 100  # characters of a person's name
# Hosts of this machine only, so that a name under foreign control does not match. Any port is accepted, as it
# may be that of a tunnel.
_LOOPBACK = re.compile(r"(127\.0\.0\.1|localhost|\[::1\])(:[0-9]{1,5})?", re.IGNORECASE)
CHALLENGE = {"WWW-Authenticate": 'Bearer, Basic realm="runkit sandbox"'}  # [A] 21: both schemes of section 1
Item = TypeVar("Item")


class RequestError(HTTPException):
    """An HTTP error with a message, perhaps about one parameter."""

    def __init__(self, status: int, message: str, parameter: str | None = None) -> None:
        super().__init__(status, message)
        self.parameter = parameter


def reply(content: object, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Make a JSON response with orjson, which takes a few milliseconds for a run of 5,000 steps."""
    return Response(orjson.dumps(content), status, headers, "application/json")


def errors(*items: tuple[str, str | None], status: int, headers: dict[str, str] | None = None) -> Response:
    """Make an error response (contract section 13): `{"errors": [{"message", "parameter"?}]}`."""
    body = [{"message": message, **({"parameter": name} if name else {})} for message, name in items]
    return reply({"errors": body}, status, CHALLENGE if status == 401 else headers)


def make_page(items: Sequence[Item], page: int, per_page: int, show: Callable[[Item], Any]) -> dict[str, Any]:
    """Make a page of a list (contract section 12); `show` is called for its items only."""
    data = [show(item) for item in items[(page - 1) * per_page : page * per_page]]
    has_more = page * per_page < len(items)
    return {"object": "list", "has_more": has_more, "data": data, "total_count": len(items)}


def object_list(value: Json, key: str, where: str = "payload") -> list[Json]:
    """Return the list of objects under a key, empty if there is none; 422 for any other value."""
    items = value.get(key) or []
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise RequestError(422, f"{key} must be a list of objects", f"{where}.{key}")
    return items


def or_list(words: Iterable[str]) -> str:
    """Join words with "or"."""
    return " or ".join(sorted(words))


# -- middleware


class AccessMiddleware:
    """The outermost ASGI middleware. It removes the key from the request."""

    def __init__(self, app: ASGIApp, key: Secret, now: Callable[[], int]) -> None:
        self.app, self.key, self.now = app, key, now

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it with an error."""
        headers = Headers(scope=scope)
        try:
            check_origin(headers)
            scope["person"] = check_key(headers.get("authorization", ""), self.key.reveal())
            check_size(
                int(headers.get("content-length", "0"))
            )  # uvicorn rejects a length that is not a number
            # in place, because uvicorn has the list too, and errors may be logged with it
            scope["headers"][:] = [one for one in scope["headers"] if one[0] != b"authorization"]
            await self.app(scope, _limit_size(receive), send)
        except RequestError as rejection:
            answer = errors((rejection.detail, None), status=rejection.status_code)
            await DateMiddleware(answer, self.now)(scope, receive, send)


class DateMiddleware:
    """ASGI middleware that writes the `Date` header in virtual time."""

    def __init__(self, app: ASGIApp, now: Callable[[], int]) -> None:
        self.app, self.now = app, now

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and add the date to the response."""

        async def send_dated(message: Message) -> None:
            if message["type"] == "http.response.start":
                moment = datetime.fromtimestamp(self.now() / 1000, UTC)
                MutableHeaders(scope=message)["date"] = format_datetime(moment, usegmt=True)
            await send(message)

        await self.app(scope, receive, send_dated)


def check_origin(headers: Headers) -> None:
    """Reject (403) a foreign `Host` (DNS rebinding) and a foreign `Origin` (another web page)."""
    host = headers.get("host", "")
    if not _LOOPBACK.fullmatch(host):
        raise RequestError(403, f"the sandbox serves this machine only; Host {host[:80]!r} is not allowed")
    for origin in headers.getlist("origin"):
        if not _LOOPBACK.fullmatch(re.sub("^https?://", "", origin, count=1)) or "://" not in origin:
            raise RequestError(403, f"requests from other web pages are not allowed; Origin {origin[:80]!r}")


def person_key(key: str, person: str) -> str:
    """Derive a person's key; requests with it are recorded as theirs. Raises `UsageError` for a bad name."""
    check_person(person)
    return f"{key}.{quote(person, safe='')}"


def check_person(person: str) -> None:
    """Raise `UsageError` for an invalid name of a person."""
    if not (0 < len(person) <= MAX_PERSON and person.isprintable() and person == person.strip()):
        raise UsageError(f"person={person[:80]!r} is not a name; give 1 to {MAX_PERSON} printable characters")


def check_key(authorization: str, key: str) -> str | None:
    """Check `Bearer KEY`, or Basic with the key as user name. Returns the person, None for the account.

    Compares in constant time; rejects (401) anything but the account's key or a person's.
    """
    scheme, _, value = authorization.partition(" ")
    if scheme.lower() not in ("bearer", "basic"):
        raise RequestError(
            401, "an API key is required: Authorization: Bearer KEY, or Basic with it as user name"
        )
    if scheme.lower() == "basic":
        try:
            value = base64.b64decode(value, validate=True).decode().partition(":")[0]
        except (binascii.Error, UnicodeDecodeError):
            value = ""
    value, rest = value.strip()[: len(key)], value.strip()[len(key) :]
    if hmac.compare_digest(value.encode(), key.encode()):
        person = unquote(rest[1:])
        if not rest:
            return None
        with suppress(UsageError):
            if value + rest == person_key(key, person):
                return person
    raise RequestError(401, "the API key is not valid for this server")


def check_size(size: int) -> None:
    """Reject (413) a body that is too large."""
    if size > MAX_BODY:
        raise RequestError(413, f"the body is larger than {MAX_BODY:,} bytes")


def _limit_size(receive: Receive) -> Receive:
    size = 0

    async def limited() -> Message:
        nonlocal size
        message = await receive()
        size += len(message.get("body", b""))
        check_size(size)
        return message

    return limited


# -- parameters of handlers


class StrictRequest(Request):
    """A request with a strict JSON body: no `NaN`, no lone surrogates."""

    async def json(self) -> Any:
        """Parse the body. A body that orjson cannot write again, such as a very deep one, is rejected."""
        try:
            value = orjson.loads(await self.body())
            orjson.dumps(value)
        except (ValueError, TypeError) as error:
            raise RequestError(422, f"the body is not valid JSON: {error}") from error
        return value


class StrictRoute(APIRoute):
    """A route with strict requests."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Wrap FastAPI's handler."""
        handle = super().get_route_handler()

        async def strictly(request: Request) -> Response:
            return await handle(StrictRequest(request.scope, request.receive))

        return strictly


async def _person(request: Request) -> str | None:
    person: str | None = request.scope["person"]
    return person


Person = Annotated[str | None, Depends(_person)]  # whose key it is; None is the account's
Id = Annotated[str, Path(alias="id"), AfterValidator(str.lower)]  # UUIDs are equal in either case
PageNo = Annotated[int, AfterValidator(lambda number: max(number, 1))]
PerPage = Annotated[int, AfterValidator(lambda number: min(max(number, 1), 100))]
"""[A] 18: no list documents an error, so a number outside 1 to 100 is clipped. The default is 25."""
