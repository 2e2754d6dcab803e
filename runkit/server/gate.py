"""What every request passes before a route sees it. Plain ASGI, so that streams flow through.

The gate asks for the key, lets in only callers of this machine that are not somebody else's web page, bounds
the body, and writes the `Date` header in virtual time. Whatever should happen to traffic as such belongs
around it.
"""

import base64
import binascii
import hmac
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import format_datetime
from urllib.parse import urlsplit

import orjson
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from runkit.server.refusal import Refusal

MAX_BODY = 1_000_000
"""Bytes. A resume with a long note has a few thousand."""
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


def json_response(content: object, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Write JSON with orjson: a run of 5,000 steps takes it a few milliseconds."""
    return Response(orjson.dumps(content), status, headers, "application/json")


def refusal_response(refusal: Refusal) -> Response:
    """Write a refusal."""
    # [A] 21: 401 names both schemes that the contract allows.
    asks = {"WWW-Authenticate": 'Bearer, Basic realm="runkit sandbox"'} if refusal.status == 401 else None
    return json_response(refusal.body(), refusal.status, asks)


class Gate:
    """ASGI middleware around the routes."""

    def __init__(self, app: ASGIApp, key: str, now: Callable[[], int]) -> None:
        self.app = app
        self.key = key
        self.now = now

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or answer it with the refusal."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def send_dated(message: Message) -> None:
            if message["type"] == "http.response.start":
                moment = datetime.fromtimestamp(self.now() / 1000, UTC)
                MutableHeaders(scope=message)["date"] = format_datetime(moment, usegmt=True)
            await send(message)

        try:
            headers = Headers(scope=scope)
            check_caller(headers)
            check_key(headers.get("authorization"), self.key)
            body = await read_body(headers, receive) if scope["method"] not in ("GET", "HEAD") else None
        except Refusal as refusal:
            await refusal_response(refusal)(scope, receive, send_dated)
            return
        await self.app(scope, receive if body is None else _again(body, receive), send_dated)


def check_caller(headers: Headers) -> None:
    """Refuse a foreign `Host` (DNS rebinding) and a foreign `Origin` (another web page).

    Raises:
        Refusal: 403.

    """
    host = _hostname(f"//{headers.get('host', '')}")
    if host not in LOOPBACK:
        raise Refusal(403, f"the sandbox answers on this machine only; Host {str(host)[:80]!r} is refused")
    origin = headers.get("origin")
    if origin is not None and _hostname(origin) not in LOOPBACK:
        raise Refusal(403, f"requests of other web pages are refused; Origin {origin[:80]!r}")


def _hostname(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None


def check_key(authorization: str | None, key: str) -> None:
    """Take `Bearer KEY`, or Basic with the key as user name (contract section 1); compare in constant time.

    Raises:
        Refusal: 401.

    """
    scheme, _, given = (authorization or "").partition(" ")
    if scheme.lower() == "basic":
        try:
            given = base64.b64decode(given, validate=True).decode().partition(":")[0]
        except (binascii.Error, UnicodeDecodeError):
            given = ""
    elif scheme.lower() != "bearer":
        raise Refusal(
            401, "an API key is required: Authorization: Bearer KEY, or Basic with the key as user name"
        )
    if not hmac.compare_digest(given.strip().encode(), key.encode()):
        raise Refusal(401, "the API key is not valid for this server")


async def read_body(headers: Headers, receive: Receive) -> bytes:
    """Read a bounded body.

    Raises:
        Refusal: 413.

    """
    declared = headers.get("content-length", "0")
    size = int(declared) if declared.isdecimal() else 0
    parts: list[bytes] = []
    more = size <= MAX_BODY
    while more:
        message = await receive()
        parts.append(message.get("body", b""))
        size = sum(map(len, parts))
        more = message.get("more_body", False) and size <= MAX_BODY
    if size > MAX_BODY:
        raise Refusal(413, f"the body is larger than {MAX_BODY:,} bytes")
    return b"".join(parts)


def _again(body: bytes, receive: Receive) -> Receive:
    """Hand the body that was read to the app, then whatever the connection says."""
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return waiting.pop() if waiting else await receive()

    return replay
