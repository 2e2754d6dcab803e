"""Requests to one host: the key, the rate limit, what is repeated, and limits of time and size.

    GET     changes nothing: repeated after a temporary failure (no connection, a timeout, a lost
            or truncated response, 429, 5xx) for the client's `call_timeout`; without a response,
            or after a 500, at most five times
    POST    the API has no idempotency key: sent once. Without a clear response it is `MaybeSent`,
            or the error of its status.

Times are in seconds. An attempt has the client's `timeout` for each step of its connection, and
until the end of its body, which is looked at when a part of it arrives. So a server that sends the
head byte by byte, which httpx reads, is not given up, nor is a stream that goes on.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import chain, repeat
from typing import Any, Literal, NamedTuple
from urllib.parse import quote

import httpx
from httpx_sse import EventSource, ServerSentEvent

from runkit.api import contract
from runkit.api.contract import Json
from runkit.arguments import Secret
from runkit.client._replies import (
    Call,
    Reply,
    error_of_response,
    error_without_response,
    raise_alone,
    read_reply,
    retry_after,
)
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

Query = Mapping[str, str | int]
Mode = Literal["LIVE", "TEST", "SANDBOX"]

# Seconds before each repetition, the last number for all that follow. The first goes at once,
# because a kept connection may have been closed.
PAUSES = (
    0.0,
    0.25,
    0.5,
    1.0,
    2.0,
)
# requests are spaced this fraction wider than the rate: they may arrive closer together
MARGIN = 0.025
# bytes of a response, after decompression, and of one event of a stream; a run of 100,000 steps has
# about 50 million
MAX_RESPONSE = 256 * 2**20
MIN_TIMEOUT = 0.05  # seconds of an attempt
# Many servers close an idle connection after 5 seconds; this client does so before, because a write
# on one that closes would be lost.
KEPT_CONNECTIONS = httpx.Limits(keepalive_expiry=2.0)

_HEADERS = {"Accept": "application/json", "Accept-Encoding": "gzip", "User-Agent": "runkit"}
_STREAM_HEADERS = {"Accept": "text/event-stream"}
# OpenAPI names another content type, which httpx-sse would refuse, so a stream gets this one.
_EVENT_HEADERS = {"Content-Type": "text/event-stream; charset=utf-8-sig"}


class Target(NamedTuple):
    """Where a client sends its requests.

    `url` ends without a slash; `host` includes a given port.
    """

    url: str
    host: str
    mode: Mode
    secret: Secret


def path_to(*parts: str) -> str:
    """Build `/runs/ID/resume`; each part is quoted, so that no id changes the path.

    Raises `UsageError`.
    """
    for part in parts:
        text = part.strip()
        if text.startswith("mk_"):
            raise UsageError("an API key (not shown) is in the place of an id; pass it as api_key=")
        if text in ("", ".", "..") or contract.as_unicode(part) != part:
            raise UsageError(f"{brief(part)} is not an id; pass one as the API returned it.")
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
            pause = slot - self.clock()
            if pause > 0:
                self.sleep(pause)
            if self._paused_until <= max(slot, self.clock()):
                return True

    def pause(self, seconds: float) -> None:
        """Stop all requests for `seconds`: the server asks the key to wait, not one thread."""
        with self._lock:
            self._paused_until = max(self._paused_until, self.clock() + seconds)


def connect(target: Target, transport: httpx.BaseTransport | None) -> httpx.Client:
    """Build the connections of a client. Raises `UsageError` for a proxy that cannot be used."""

    def authorize(request: httpx.Request) -> httpx.Request:
        # The header is set when a request is sent, so that no attribute of a client shows the key.
        request.headers["Authorization"] = f"Bearer {target.secret.get_secret_value()}"
        return request

    try:
        return httpx.Client(
            auth=authorize,
            headers=_HEADERS,
            verify=target.url.startswith("https:"),  # else the CAs need not be loaded
            trust_env=target.mode != "SANDBOX",  # the proxy
            limits=KEPT_CONNECTIONS,
            transport=transport,
        )
    except (OSError, ValueError, httpx.InvalidURL, ImportError) as error:
        raise_alone(  # the first error may repeat the login of the proxy
            UsageError(
                "the proxy or CA file of the environment cannot be used "
                f"({type(error).__name__}); check HTTPS_PROXY and SSL_CERT_FILE"
            )
        )


class Http:
    """One client's requests over the connections of `connect`; safe to share between threads."""

    def __init__(
        self,
        target: Target,
        transport: httpx.BaseTransport | None,
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
        self._connections = connect(target, transport)
        self._n_stops = 0

    def stop_retries(self) -> None:
        """End each read that is under way with its present attempt."""
        self._n_stops += 1

    def close(self) -> None:
        """Close the connections to the host."""
        self._connections.close()

    def get(
        self,
        path: str,
        query: Query | None = None,
        call_timeout: float = math.inf,
    ) -> Reply:
        """Read JSON, repeated for `call_timeout` seconds, and at most for the client's own.

        Raises the last attempt's `ApiError`.
        """
        call = self._call("GET", path)
        seconds = min(call_timeout, self._call_timeout)
        end = self.clock() + seconds
        n_stops = self._n_stops
        failure: ApiError = RateLimited(
            f"{call}: not sent; the rate limit, or a pause that the API asked for, goes on for "
            f"more than {seconds:g} s. Try again later, or set a longer call_timeout=."
        )
        for n_sent, pause in enumerate(chain(PAUSES, repeat(PAUSES[-1])), start=1):
            if not self._limiter.wait(end):
                raise failure
            try:
                return self._send(call, end, params=query)
            except (RateLimited, Unavailable) as error:
                failure = error
            # Where the server answers with 500, or not at all, more attempts will not help.
            is_hopeless = failure.status in (None, 500) and n_sent == len(PAUSES)
            if is_hopeless or self._n_stops > n_stops or self.clock() + pause >= end:
                raise failure
            log.info("trying again in %g s: %s", pause, failure)
            if pause:
                self.sleep(pause)
        raise failure

    def post(self, path: str, body: Json, query: Query | None = None) -> Reply:
        """Send JSON once.

        Raises `ReadOnlyError` before anything is sent if the client may not write.
        """
        if self.read_only:
            raise ReadOnlyError.of("POST", path)
        call = self._call("POST", path)
        try:
            content = contract.dumps(body).encode()
        except ValueError as error:
            raise UsageError(f"{call}: the body is not JSON ({error}); not sent") from None
        self._limiter.wait()
        headers = {"Content-Type": "application/json"}
        return self._send(call, params=query, content=content, headers=headers)

    def events(self, path: str) -> Iterator[ServerSentEvent]:
        """Follow a stream.

        Raises `Unavailable` if the stream is lost, and the `ApiError` of a refusal.
        """
        call = self._call("GET", path)
        self._limiter.wait()
        with self._open(call, self.timeout, headers=_STREAM_HEADERS) as response:
            if not response.is_success:
                body = self._read_body(call, response, self.clock() + self.timeout)
                raise error_of_response(call, response, body)
            n_bytes = 0  # since the last event

            def parts() -> Iterator[bytes]:
                nonlocal n_bytes
                for part in response.iter_bytes():
                    n_bytes += len(part)
                    check_size(call, n_bytes)
                    yield part

            stream = httpx.Response(200, headers=_EVENT_HEADERS, content=parts())
            for event in EventSource(stream).iter_sse():
                n_bytes = 0
                yield event

    def _call(self, method: str, path: str) -> Call:
        return Call(method, self.target.url + path)

    @contextmanager
    def _open(self, call: Call, timeout: float, **content: Any) -> Iterator[httpx.Response]:
        """Send once, and yield the response, whose body is not read yet.

        Raises the `ApiError` of a request without a complete response.
        """
        client = self._connections
        if client.is_closed:
            raise UsageError(f"{call}: not sent, this client has been closed; create a new one")
        started = self.clock()
        try:
            with client.stream(call.method, call.url, timeout=timeout, **content) as response:
                yield response
                connection = response.extensions.get("network_stream")
                if client.is_closed and connection:  # meanwhile, so that nothing else closes it
                    connection.close()
        except httpx.RequestError as error:
            raise_alone(error_without_response(call, error, self.clock() - started))

    def _send(self, call: Call, end: float = math.inf, **content: Any) -> Reply:
        """Send once, and read the whole response, until the time `end`."""
        timeout = min(self.timeout, max(MIN_TIMEOUT, end - self.clock()))
        end = self.clock() + timeout
        with self._open(call, timeout, **content) as response:
            body = self._read_body(call, response, end)
        status = response.status_code
        if status in (429, 503):
            self._limiter.pause(retry_after(response))
        return read_reply(call, response, body)

    def _read_body(self, call: Call, response: httpx.Response, end: float) -> bytes:
        """Read a response. Raises `ContractError` if it is too large, `ReadTimeout` after `end`."""
        body = bytearray()
        for chunk in response.iter_bytes():
            body += chunk
            check_size(call, len(body))
            if self.clock() > end:
                raise httpx.ReadTimeout("")
        return bytes(body)


def check_size(call: Call, n_bytes: int) -> None:
    """Raise `ContractError` for a response, or an event of a stream, that is too large."""
    if n_bytes > MAX_RESPONSE:
        limit = MAX_RESPONSE // 2**20
        raise ContractError(
            f"{call}: the response is larger than {limit} MB, the most that runkit reads."
            f"{call.warning} If this persists, please report it."
        )
