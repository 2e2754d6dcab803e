"""Send requests: the key, the rate limit, the retries, and whether a lost request may have been carried out.

What is retried, and why:

    GET     changes nothing: retried after every temporary failure (no connection, a timeout, a dropped or
            truncated response, 429, 500, 502, 503, 504)
    POST    the API has no idempotency key: retried only if no connection was made. Anything else may have
            been carried out and is `MaybeSent`, or the error of its status.

Times are in seconds.
"""

from __future__ import annotations

import random
import re
import ssl
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import NamedTuple

import httpx

from runkit.client.deadline import deadline, start_body
from runkit.client.hosts import Target
from runkit.client.rate_limiter import RateLimiter
from runkit.errors import ApiError, ContractError, MaybeSent, RateLimited, Unavailable
from runkit.logs import log
from runkit.text import shorten

MAX_ATTEMPTS = 5  # with the waits below, a dead host is given up after 4 s on average, 7.5 s at most
BACKOFF_FIRST = 0.5  # seconds; doubles each time. Full jitter spreads threads that failed together
BACKOFF_MAX = 8.0
_JITTER = random.SystemRandom().random  # not the global generator: its seed belongs to the analyst
RETRY_AFTER_MAX = 60.0  # a longer wait is the caller's decision, not a notebook that seems to hang
RETRY_STATUSES = frozenset({429, 500, 502, 503, 504})
STREAM = "runkit.stream"  # request extension: the body is left to the caller
SEND_ONCE_IF = "runkit.send_once_if"  # request extension: no retries, and only if this function still says so
DEADLINE = "runkit.deadline"  # request extension: give up at this time of the client's clock
ENCODINGS = ("", "identity", "gzip", "deflate")  # others can expand a few bytes to 100 GB in one step
MAX_HEAD = 2**20  # bytes of a response before and around its body
MAX_RESPONSE = 256 * 2**20  # bytes after decompression; a run of 100,000 steps has about 50 million
LIMIT_WINDOW = 1.0  # seconds; the limit counts requests a second, so this clears any window
MIN_TIMEOUT = 0.05  # seconds of an attempt
_HEADERS = (b"content-type", b"date", b"retry-after")
_STREAM_HEADERS = (b"content-type", b"content-encoding")

_NOT_SENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
)


class Failure(NamedTuple):
    """Why an attempt got no usable response."""

    reason: str
    was_maybe_sent: bool
    is_permanent: bool = False  # a retry cannot help
    is_unusable: bool = False  # a response came that cannot be used


class _UnusableResponse(Exception):
    """A response that cannot be used, and why."""


class Transport(httpx.BaseTransport):
    """Wraps `inner`, the transport that talks to the network. Raises runkit's errors, never httpx's."""

    def __init__(
        self,
        inner: httpx.BaseTransport,
        target: Target,
        *,
        rate: float | None,
        timeout: float,
        clock: Callable[[], float],
        sleep: Callable[[float], object],
    ) -> None:
        self._inner = inner
        self._target = target
        self._timeout = timeout
        self._clock = clock
        self._sleep = sleep
        self._limiter = RateLimiter(rate, clock=clock, sleep=sleep)

    def close(self) -> None:
        """Close the connections."""
        self._inner.close()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send, retry where that is safe, and give the last response, whatever its status."""
        send_once_if: Callable[[], bool] | None = request.extensions.get(SEND_ONCE_IF)
        until: float = request.extensions.get(DEADLINE, float("inf"))
        attempt = 1
        while True:
            if not self._limiter.wait(until):
                raise RateLimited(
                    f"{self._request_line(request)}: not sent, because the rate limit left no slot before "
                    "the timeout. Use a longer timeout."
                )
            if send_once_if is not None and not send_once_if():
                raise Unavailable(f"{self._request_line(request)}: not sent, because it is no longer needed")
            outcome = self._attempt(request, min(self._timeout, max(MIN_TIMEOUT, until - self._clock())))
            self._apply_retry_after(request, outcome)
            wait = None if send_once_if else self._wait_before_retry(request, outcome, attempt)
            if wait is None or max(self._clock() + wait, self._limiter.paused_until) >= until:
                break
            if isinstance(outcome, httpx.Response):
                outcome.close()
            self._sleep(wait)
            attempt += 1
        if isinstance(outcome, Failure):
            raise self._error(request, outcome, attempt)
        return outcome

    def _attempt(self, request: httpx.Request, timeout: float) -> httpx.Response | Failure:
        """Send once."""
        started = self._clock()
        outcome: httpx.Response | Failure
        try:
            with deadline(timeout, MAX_RESPONSE + MAX_HEAD):
                outcome = self._send(request, timeout)
        except httpx.TransportError as error:
            outcome = Failure(self._target.secret.redact(_reason(error, timeout)), *_classify(error))
        except (_UnusableResponse, httpx.HTTPError) as error:
            unreadable = "the response cannot be decompressed"
            why = str(error) if isinstance(error, _UnusableResponse) else unreadable
            outcome = Failure(why, was_maybe_sent=True, is_permanent=True, is_unusable=True)
        result = outcome.status_code if isinstance(outcome, httpx.Response) else outcome.reason
        milliseconds = (self._clock() - started) * 1000
        log.debug("%s: %s, %.0f ms", self._request_line(request), result, milliseconds)
        return outcome

    def _send(self, request: httpx.Request, timeout: float) -> httpx.Response:
        """Send a copy with the key, so that the request in errors and responses has none."""
        headers = httpx.Headers(request.headers)
        headers["Authorization"] = f"Bearer {self._target.secret.reveal()}"
        extensions = {"timeout": httpx.Timeout(timeout).as_dict()}
        response = self._inner.handle_request(
            httpx.Request(
                request.method, request.url, headers=headers, stream=request.stream, extensions=extensions
            )
        )
        self._check_encoding(response)
        if STREAM in request.extensions and response.is_success:
            return httpx.Response(
                response.status_code,
                headers=_select_headers(response, _STREAM_HEADERS),
                stream=response.stream,
                extensions=response.extensions,
            )
        start_body()
        try:
            body = _read_body(response)
        finally:
            response.close()
        return httpx.Response(response.status_code, headers=_select_headers(response, _HEADERS), content=body)

    def _check_encoding(self, response: httpx.Response) -> None:
        """Refuse a response, streams included, that must not be decompressed."""
        encoding = response.headers.get("Content-Encoding", "").strip()
        if encoding.lower() not in ENCODINGS:
            response.close()
            name = shorten(self._target.secret.redact(encoding), 40)
            raise _UnusableResponse(f"the response is compressed as {name!r}, which was not requested")

    def _request_line(self, request: httpx.Request) -> str:
        """Name a request in messages; an id that somebody passed may be the key."""
        return self._target.secret.redact(f"{request.method} {path_of(request)}")

    def _apply_retry_after(self, request: httpx.Request, outcome: httpx.Response | Failure) -> None:
        """Pause all requests for as long as the response to a read asks."""
        if isinstance(outcome, Failure) or outcome.status_code not in RETRY_STATUSES or writes(request):
            return
        seconds = retry_after(outcome.headers)
        if seconds is None and outcome.status_code == 429 and SEND_ONCE_IF in request.extensions:
            seconds = LIMIT_WINDOW
        if seconds is not None and seconds <= RETRY_AFTER_MAX:
            self._limiter.pause(seconds)

    def _wait_before_retry(
        self, request: httpx.Request, outcome: httpx.Response | Failure, attempt: int
    ) -> float | None:
        """Give the seconds to wait before a retry; None if this outcome is the last."""
        if attempt == MAX_ATTEMPTS:
            return None
        if isinstance(outcome, Failure):
            is_safe = not (writes(request) and outcome.was_maybe_sent)
            return self._backoff(attempt) if is_safe and not outcome.is_permanent else None
        if outcome.status_code not in RETRY_STATUSES or writes(request):
            return None  # a write with a response may have been carried out, whatever its status
        seconds = retry_after(outcome.headers)
        if seconds is None:
            return self._backoff(attempt)
        return 0.0 if seconds <= RETRY_AFTER_MAX else None  # the limiter pauses all requests meanwhile

    def _backoff(self, attempt: int) -> float:
        longest: float = min(BACKOFF_MAX, BACKOFF_FIRST * 2 ** (attempt - 1))
        return longest * _JITTER()

    def _error(self, request: httpx.Request, failure: Failure, tries: int) -> ApiError:
        what = f"{self._request_line(request)}: {self._target.host}: {failure.reason}"
        if writes(request) and failure.was_maybe_sent:
            return MaybeSent(
                f"{what}. The request may have been carried out, so it was not sent again. "
                "Check the state before you repeat it."
            )
        if failure.is_unusable:
            return ContractError(f"{what}. Check base_url and the proxy; if this persists, please report it.")
        tried = f" ({tries} attempts)" if tries > 1 else ""
        advice = "Is the sandbox still running?" if self._target.is_loopback else "Check the network."
        return Unavailable(f"{what}{tried}. Nothing was changed. {advice}")


def _select_headers(response: httpx.Response, names: tuple[bytes, ...]) -> list[tuple[bytes, bytes]]:
    """Keep only the headers that are used: httpx would store cookies, and the body is decompressed by now."""
    return [(name, value) for name, value in response.headers.raw if name.lower() in names]


def _read_body(response: httpx.Response) -> bytes:
    """Read and decompress the body piece by piece, up to the limit of bytes."""
    pieces, size = [], 0
    for piece in response.iter_bytes():
        size += len(piece)
        if size > MAX_RESPONSE:
            raise _UnusableResponse(f"the response is larger than the limit of {MAX_RESPONSE // 2**20} MB")
        pieces.append(piece)
    return b"".join(pieces)


def path_of(request: httpx.Request) -> str:
    """Give the quoted path without the query, which may hold personal data."""
    return request.url.raw_path.partition(b"?")[0].decode("ascii")


def retry_after(headers: httpx.Headers) -> float | None:
    """Read `Retry-After` as seconds; None if missing or unreadable.

    A date is relative to the server's own `Date`, so that a wrong clock on either side, or the sandbox's
    simulated time, does not matter.
    """
    value = headers.get("Retry-After", "").strip()
    if re.fullmatch(r"\d+(\.\d+)?", value):
        return float(value)
    until = http_date(value)
    if until is None:
        return None
    now = http_date(headers.get("Date", "")) or datetime.now(UTC)
    return max(0.0, (until - now).total_seconds())


def http_date(text: str) -> datetime | None:
    """Read an HTTP date as aware UTC; None for anything else."""
    try:
        when = parsedate_to_datetime(text)
        return when.replace(tzinfo=UTC) if when.tzinfo is None else when.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def writes(request: httpx.Request) -> bool:
    """Whether the request may change something."""
    return request.method != "GET"


def _classify(error: httpx.TransportError) -> tuple[bool, bool]:
    """Give whether the request may have been sent, and whether the failure is permanent."""
    return not isinstance(error, _NOT_SENT), _is_untrusted(error)


def _is_untrusted(error: BaseException | None) -> bool:
    """Whether the server's certificate is behind a failed connection."""
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return True
        error = error.__cause__ or error.__context__
    return False


def _reason(error: httpx.TransportError, timeout: float) -> str:
    if _is_untrusted(error):
        return "its certificate is not trusted; pass the CA file as verify="
    match error:
        case httpx.ConnectTimeout():
            return f"no connection within {timeout:g} s"
        case httpx.PoolTimeout():
            return f"no free connection within {timeout:g} s"
        case httpx.TimeoutException():
            return f"no response within {timeout:g} s"
        case httpx.ConnectError():
            return f"no connection ({shorten(str(error), 100)})"
        case httpx.ProxyError():
            status = re.match(r"\d{3}\b", str(error))  # the rest may repeat the login of the proxy
            return f"the proxy refused the connection{f' ({status[0]})' if status else ''}"
    return "the connection was lost before the whole response arrived"
