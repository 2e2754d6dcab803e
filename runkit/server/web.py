"""What every request passes and every answer shares: the gate, how bodies are read, the shape of errors.

The gate asks for the key, lets in only callers of this machine that are not somebody else's web page, and
bounds the body. It is plain ASGI, so that streams flow through, and outermost: nothing is looked at before.
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
# A name that another machine's owner can choose is none of these, however it is written. Any port will do:
# it may be that of a tunnel.
_HERE = re.compile(r"(127\.0\.0\.1|localhost|\[::1\])(:[0-9]{1,5})?", re.IGNORECASE)
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


def errors(*found: tuple[str, str | None], status: int, headers: dict[str, str] | None = None) -> Response:
    """Write the body of every error (contract section 13): `{"errors": [{"message", "parameter"?}]}`."""
    told = [{"message": message, **({"parameter": name} if name else {})} for message, name in found]
    return reply({"errors": told}, status, CHALLENGE if status == 401 else headers)


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
    """ASGI middleware around everything else. Behind it the request no longer holds the key."""

    def __init__(self, app: ASGIApp, key: Secret, now: Callable[[], int]) -> None:
        self.app, self.key, self.now = app, key, now

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or answer it with the refusal."""
        headers = Headers(scope=scope)
        try:
            check_caller(headers)
            scope["person"] = check_key(headers.get("authorization", ""), self.key.reveal())
            check_size(int(headers.get("content-length", "0")))  # uvicorn refuses what is no number
            # in place, because uvicorn holds the list too; and what fails further in may be logged with it
            scope["headers"][:] = [one for one in scope["headers"] if one[0] != b"authorization"]
            await self.app(scope, _bounded(receive), send)
        except Refusal as refusal:
            answer = errors((refusal.detail, None), status=refusal.status_code)
            await Dated(answer, self.now)(scope, receive, send)


class Dated:
    """ASGI middleware that writes the `Date` header in virtual time."""

    def __init__(self, app: ASGIApp, now: Callable[[], int]) -> None:
        self.app, self.now = app, now

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and the answer back with its date."""

        async def send_dated(message: Message) -> None:
            if message["type"] == "http.response.start":
                moment = datetime.fromtimestamp(self.now() / 1000, UTC)
                MutableHeaders(scope=message)["date"] = format_datetime(moment, usegmt=True)
            await send(message)

        await self.app(scope, receive, send_dated)


def check_caller(headers: Headers) -> None:
    """Refuse (403) a foreign `Host` (DNS rebinding) and a foreign `Origin` (another web page)."""
    host = headers.get("host", "")
    if not _HERE.fullmatch(host):
        raise Refusal(403, f"the sandbox answers on this machine only; Host {host[:80]!r} is refused")
    for origin in headers.getlist("origin"):
        if not _HERE.fullmatch(re.sub("^https?://", "", origin, count=1)) or "://" not in origin:
            raise Refusal(403, f"requests of other web pages are refused; Origin {origin[:80]!r}")


def key_of(key: str, person: str) -> str:
    """Derive the key of a person: what comes in through it is hers. Raises `UsageError` for no name."""
    check_person(person)
    return f"{key}.{quote(person, safe='')}"


def check_person(person: str) -> None:
    """Raise `UsageError` for what is no name of a person."""
    if not (0 < len(person) <= MAX_PERSON and person.isprintable() and person == person.strip()):
        raise UsageError(f"person={person[:80]!r} is no name; give 1 to {MAX_PERSON} printable characters")


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


# -- what handlers ask for


class StrictRequest(Request):
    """A request whose body is JSON and nothing near it: no `NaN`, no half of a surrogate pair."""

    async def json(self) -> Any:
        """Read the body, or refuse it: also one that is nested deeper than it could be written again."""
        try:
            value = orjson.loads(await self.body())
            orjson.dumps(value)
        except (ValueError, TypeError) as error:
            raise Refusal(422, f"the body is not usable as JSON: {error}") from error
        return value


class StrictRoute(APIRoute):
    """A route of such requests."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Wrap what FastAPI makes of the endpoint."""
        handle = super().get_route_handler()

        async def strictly(request: Request) -> Response:
            return await handle(StrictRequest(request.scope, request.receive))

        return strictly


async def _person(request: Request) -> str | None:
    person: str | None = request.scope["person"]
    return person


Person = Annotated[str | None, Depends(_person)]  # whose key it was; None is the account's
Id = Annotated[str, Path(alias="id"), AfterValidator(str.lower)]  # UUIDs are equal in either case
PageNo = Annotated[int, AfterValidator(lambda number: max(number, 1))]
PerPage = Annotated[int, AfterValidator(lambda number: min(max(number, 1), 100))]
"""[A] 18: no list documents an error, so what lies outside 1 to 100 is read as the nearest number that will
do. 25 where it is not given."""
