"""Requests to one host: the key, the rate limit, what is repeated, and limits of time and size.

    GET     changes nothing: repeated after a temporary failure (no connection, a timeout, a lost
            or truncated response, 429, 5xx) for the client's `call_timeout`; without a response,
            or after a 500, at most five times
    POST    the API has no idempotency key: sent once, over a connection of its own. Without a
            clear response it is `MaybeSent`, or the error of its status.

Times are in seconds. An attempt has the client's `timeout` for each step of its connection, and
until the end of its body, which is looked at when a part of it arrives. So a server that sends the
head byte by byte, which httpx reads, is not given up, nor is a stream that goes on.
"""

from __future__ import annotations

import math
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from itertools import chain, repeat
from typing import Any
from urllib.parse import quote, urlsplit

import httpx
from httpx_sse import EventSource, ServerSentEvent

from runkit.api import jsontext
from runkit.api.contract import without_none
from runkit.arguments import check_kind
from runkit.client._replies import (
    Reply,
    error_of_response,
    error_without_response,
    raise_alone,
    read_reply,
    retry_after,
    warning,
)
from runkit.client.hosts import Target
from runkit.display.hide_keys import redact
from runkit.display.messages import log
from runkit.display.text import brief
from runkit.errors import (
    ApiError,
    ContractError,
    RateLimited,
    ReadOnlyError,
    Unavailable,
    UsageError,
)

Connections = tuple[httpx.Client, httpx.Client]  # kept ones, and those for a single request
Query = Mapping[str, str | int | None]

# Seconds before each attempt, the last number for all that follow. The first repetition goes at
# once, because a kept connection may have been closed.
PAUSES = (0.0, 0.0, 0.25, 0.5, 1.0, 2.0)
FEW_ATTEMPTS = 5  # where the server answers with 500, or not at all: more will not help
# seconds; a longer wait is the caller's decision, not a notebook that seems to hang
RETRY_AFTER_MAX = 60.0
LIMIT_WINDOW = 1.0  # seconds after a 429 without Retry-After: the limit is per second
# requests are spaced this fraction wider than the rate: they may arrive closer together
MARGIN = 0.025
# bytes of a response, after decompression, and of one event of a stream; a run of 100,000 steps has
# about 50 million
MAX_RESPONSE = 256 * 2**20
MIN_TIMEOUT = 0.05  # seconds of an attempt
MAX_ID = 300  # characters; those of the API have 36
# Reads use kept connections, enough for the workers of a large fetch.
KEPT = httpx.Limits(max_connections=100, max_keepalive_connections=64)
# A write has a connection of its own, because a kept one may be closing; so has a stream, which
# ends with it.
SINGLE_USE = httpx.Limits(max_connections=100, max_keepalive_connections=0)
# Where no TLS is used: without a context, httpx loads the CAs, which takes longer than a request.
NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)

_HEADERS = {"Accept": "application/json", "Accept-Encoding": "gzip", "User-Agent": "runkit"}
_STREAM_HEADERS = {
    "Accept": "text/event-stream",
    "Accept-Encoding": "identity",
    "Cache-Control": "no-store",
    "Connection": "close",  # also where the client was closed while this one opened
}
# OpenAPI names another content type, which httpx-sse would refuse, so a stream gets this one.
_EVENT_HEADERS = {"Content-Type": "text/event-stream; charset=utf-8-sig"}


def path_to(*parts: str) -> str:
    """Build `/runs/ID/resume`; each part is quoted, so that no id changes the path.

    Raises `UsageError`.
    """
    for part in parts:
        check_kind("id", part, str)  # the items of an iterable are not checked before
        text = part.strip()
        if text.startswith("mk_"):
            raise UsageError("an API key (not shown) is in the place of an id; give it as api_key=")
        if text in ("", ".", "..") or len(part) > MAX_ID or not jsontext.is_unicode(part):
            raise UsageError(f"{brief(part)} is not an id; expected one of the API")
    return "/" + "/".join(quote(part, safe="") for part in parts)


class RateLimiter:
    """Lets at most `rate` requests go in any second plus `MARGIN`, evenly spaced over all threads.

    Even spacing keeps every one-second window under the limit, wherever the server starts its
    windows; a token bucket would allow bursts. With `rate=None` only pauses apply.
    """

    def __init__(
        self, rate: float | None, clock: Callable[[], float], sleep: Callable[[float], object]
    ) -> None:
        self.clock = clock
        self.sleep = sleep
        self._paused_until = -math.inf
        self._gap = (1 + MARGIN) / rate if rate else 0.0
        self._next = -math.inf
        self._lock = threading.Lock()

    def wait(self, deadline: float = math.inf) -> bool:
        """Sleep until the next free slot; return False, and take none, if the deadline is first."""
        while True:
            with self._lock:
                slot = max(self.clock(), self._next, self._paused_until)
                if slot >= deadline:
                    return False
                self._next = slot + self._gap
            if slot > self.clock():
                self.sleep(slot - self.clock())
            if self._paused_until <= max(slot, self.clock()):
                return True

    def pause(self, seconds: float) -> None:
        """Stop all requests for `seconds`: the server asks the key to wait, not one thread."""
        with self._lock:
            self._paused_until = max(self._paused_until, self.clock() + seconds)


def connect(target: Target, transport: httpx.BaseTransport | None) -> Connections:
    """Build the connections of a client. Raises `UsageError` for a proxy that cannot be used."""

    def authorize(request: httpx.Request) -> httpx.Request:
        # The header is set when a request is sent, so that no attribute of a client shows the key.
        request.headers["Authorization"] = f"Bearer {target.secret.get_secret_value()}"
        return request

    try:
        context = httpx.create_ssl_context() if target.url.startswith("https:") else NO_TLS
        kept, single_use = (
            httpx.Client(
                auth=authorize,
                headers=_HEADERS,
                verify=context,
                trust_env=not target.is_loopback,  # the proxy
                limits=limits,
                transport=transport,
            )
            for limits in (KEPT, SINGLE_USE)
        )
        return kept, single_use
    except (OSError, ValueError, httpx.InvalidURL, ImportError) as error:
        kind = type(error).__name__
        raise_alone(  # the first error may repeat the login of the proxy
            UsageError(
                "the proxy or CA file of the environment cannot be used "
                f"({kind}); check HTTPS_PROXY and SSL_CERT_FILE"
            )
        )


class Http:
    """One client's requests over the connections of `connect`; safe to share between threads."""

    def __init__(
        self,
        target: Target,
        connections: Connections,
        limiter: RateLimiter,
        timeout: float,
        call_timeout: float,
        read_only: bool,
    ) -> None:
        self.target = target
        self.read_only = read_only
        self.timeout = timeout
        self.clock = limiter.clock
        self.sleep = limiter.sleep
        self._limiter = limiter
        self._call_timeout = call_timeout
        self._kept, self._single_use = connections

    def close(self) -> None:
        """Close the connections to the host."""
        self._kept.close()
        self._single_use.close()

    def get(
        self,
        path: str,
        query: Query | None = None,
        *,
        deadline: float = math.inf,
        cancelled: threading.Event | None = None,
    ) -> Reply:
        """Read JSON, repeated for the client's `call_timeout`.

        Nothing is sent after `deadline`, a time of the client's clock, or once `cancelled` is set.
        Raises the last attempt's `ApiError`.
        """
        source = self._name("GET", path)
        params = without_none(**(query or {}))
        end = min(deadline, self.clock() + self._call_timeout)
        failure: ApiError = RateLimited(
            f"{source}: not sent; the rate limit, a pause that the API asked for, or the end of a "
            "fetch left no slot in time. Try again later."
        )
        for n_tried, pause in enumerate(chain(PAUSES, repeat(PAUSES[-1]))):
            is_hopeless = failure.status in (None, 500) and n_tried >= FEW_ATTEMPTS
            if is_hopeless or self.clock() + pause >= end:
                raise failure
            if pause:
                log.info("trying again in %g s: %s", pause, failure)
                self.sleep(pause)
            is_cancelled = cancelled is not None and cancelled.is_set()
            if is_cancelled or not self._limiter.wait(end):
                raise failure
            try:
                return self._send(self._kept, "GET", path, end, params=params)
            except (RateLimited, Unavailable) as error:
                failure = error
        raise failure

    def post(self, path: str, body: Mapping[str, Any], query: Query | None = None) -> Reply:
        """Send JSON once.

        Raises `ReadOnlyError` before anything is sent if the client may not write.
        """
        if self.read_only:
            raise ReadOnlyError.of("POST", path)
        try:
            content = jsontext.dumps(dict(body)).encode()
        except ValueError as error:
            raise UsageError(
                f"POST {path}: the body is not JSON ({error}); nothing was sent"
            ) from None
        self._limiter.wait()
        headers = {"Content-Type": "application/json"}
        return self._send(
            self._single_use, "POST", path, params=query, content=content, headers=headers
        )

    def events(self, path: str) -> Iterator[ServerSentEvent]:
        """Follow a stream over a connection of its own, closed at the end.

        Raises httpx's `RequestError` if the stream is lost, and the `ApiError` of a refusal.
        """
        source = self._name("GET", path)
        self._limiter.wait()
        self._check_open(source)
        with self._single_use.stream(
            "GET", self.target.url + path, headers=_STREAM_HEADERS, timeout=self.timeout
        ) as response:
            log.debug("%s: %s", source, response.status_code)
            if not response.is_success:
                body = self._read_body(source, response, self.clock() + self.timeout)
                raise error_of_response(source, response, body)
            n_bytes = 0  # since the last event

            def parts() -> Iterator[bytes]:
                nonlocal n_bytes
                for part in response.iter_bytes():
                    n_bytes += len(part)
                    check_size(source, n_bytes)
                    yield part

            stream = httpx.Response(200, headers=_EVENT_HEADERS, content=parts())
            for event in EventSource(stream).iter_sse():
                n_bytes = 0
                yield event

    def _name(self, method: str, path: str) -> str:
        """Return the name of a request for messages; somebody may pass a key as an id."""
        return redact(f"{method} {urlsplit(self.target.url).path}{path}: {self.target.host}")

    def _check_open(self, source: str) -> None:
        if self._kept.is_closed:
            raise UsageError(f"{source}: not sent, this client has been closed; create a new one")

    def _send(
        self, client: httpx.Client, method: str, path: str, end: float = math.inf, **content: Any
    ) -> Reply:
        """Send once, and read the whole response, until the time `end`."""
        source = self._name(method, path)
        self._check_open(source)
        started = self.clock()
        timeout = min(self.timeout, max(MIN_TIMEOUT, end - started))
        url = self.target.url + path
        try:
            with client.stream(method, url, timeout=timeout, **content) as response:
                body = self._read_body(source, response, started + timeout)
                connection = response.extensions.get("network_stream")
                if client.is_closed and connection:  # meanwhile, so that nothing else closes it
                    connection.close()
        except httpx.RequestError as error:
            failure = error_without_response(source, error, self.clock() - started)
            log.debug("%s", failure)  # errors of runkit hide the key
            raise_alone(failure)
        status = response.status_code
        log.debug("%s: %s, %.0f ms", source, status, (self.clock() - started) * 1000)
        pause = retry_after(response)
        if status == 429 and pause is None:
            pause = LIMIT_WINDOW
        if status in (429, 503) and pause is not None:
            self._limiter.pause(min(pause, RETRY_AFTER_MAX))
        return read_reply(source, response, body)

    def _read_body(self, source: str, response: httpx.Response, end: float) -> bytes:
        """Read a response. Raises `ContractError` if it is too large, `ReadTimeout` after `end`."""
        body = bytearray()
        for chunk in response.iter_bytes():
            body += chunk
            check_size(source, len(body))
            if self.clock() > end:
                raise httpx.ReadTimeout("")
        return bytes(body)


def check_size(source: str, n_bytes: int) -> None:
    """Raise `ContractError` for a response, or an event of a stream, that is too large."""
    if n_bytes > MAX_RESPONSE:
        limit = MAX_RESPONSE // 2**20
        raise ContractError(f"{source}: the response is larger than {limit} MB.{warning(source)}")
