"""The way to the wire: the key, the pace, the retries, and whether a lost request may have been done.

What may be tried again, and why:

    GET     changes nothing: after every failure that time may mend (no connection, a timeout, a dropped or
            cut answer, 429, 500, 502, 503, 504)
    POST    there is no idempotency key in the API, so only when it was surely not done: no connection was
            made, or 429, which a limiter says before the work. Anything else is `MaybeSent`.

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

MAX_ATTEMPTS = 5  # with the waits below: about 4 s on average until a dead host is given up, 7.5 s at most
BACKOFF_FIRST = 0.5  # the longest first wait; it doubles. Full jitter: threads that failed together spread
BACKOFF_MAX = 8.0
_JITTER = random.SystemRandom().random  # not the global generator: its seed is the analyst's
RETRY_AFTER_MAX = 60.0  # a longer wait is the caller's decision, not a notebook that seems to hang
RETRY_STATUSES = frozenset({429, 500, 502, 503, 504})
STREAM = "runkit.stream"  # request extension: the body is left to the caller
SEND_ONCE_IF = (
    "runkit.wanted"  # request extension, a function: the caller repeats by itself what it still wants
)
DEADLINE = (
    "runkit.until"  # request extension: when, by the client's clock, nobody waits for the answer any more
)
ENCODINGS = ("", "identity", "gzip", "deflate")  # others can make 100 GB of a few bytes in one step
MAX_HEAD = 2**20  # bytes of an answer before its body, and around it
MAX_ANSWER = 256 * 2**20  # bytes, unpacked; a run of 100,000 steps has about 50 million
LIMIT_WINDOW = 1.0  # the limit is one of requests a second, so a second of silence clears any window

MIN_TIMEOUT = 0.05  # seconds that an attempt is given at least
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
    """Why an attempt brought no answer."""

    reason: str
    was_maybe_sent: bool
    is_permanent: bool = False  # trying again cannot help
    is_unusable: bool = False  # an answer came that cannot be taken


class _UnusableResponse(Exception):
    """An answer that cannot be taken, and why."""


class Transport(httpx.BaseTransport):
    """Wraps the transport that talks to the network, `inner`. Raises runkit's errors, never httpx's."""

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
        """Send, and send again where that is safe. The last answer counts, whatever its status."""
        is_wanted: Callable[[], bool] | None = request.extensions.get(SEND_ONCE_IF)
        until: float = request.extensions.get(DEADLINE, float("inf"))
        attempt = 1
        while True:
            if not self._limiter.wait(until):
                raise RateLimited(
                    f"{self._request_line(request)}: not sent, its turn would have come too late: "
                    "other requests wait, or the API asked to. Give it more time."
                )
            if is_wanted is not None and not is_wanted():
                raise Unavailable(f"{self._request_line(request)}: not sent, nobody waits for it")
            outcome = self._attempt(request, min(self._timeout, max(MIN_TIMEOUT, until - self._clock())))
            self._apply_retry_after(request, outcome)
            wait = None if is_wanted else self._wait_before_retry(request, outcome, attempt)
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
            with deadline(timeout, MAX_ANSWER + MAX_HEAD):
                outcome = self._send(request, timeout)
        except httpx.TransportError as error:
            outcome = Failure(self._target.secret.redact(_reason(error, timeout)), *_classify(error))
        except (_UnusableResponse, httpx.HTTPError) as error:
            unreadable = "the answer is compressed in a way that cannot be read"
            why = str(error) if isinstance(error, _UnusableResponse) else unreadable
            outcome = Failure(why, was_maybe_sent=True, is_permanent=True, is_unusable=True)
        done = outcome.status_code if isinstance(outcome, httpx.Response) else outcome.reason
        milliseconds = (self._clock() - started) * 1000
        log.debug("%s: %s, %.0f ms", self._request_line(request), done, milliseconds)
        return outcome

    def _send(self, request: httpx.Request, timeout: float) -> httpx.Response:
        """Send a copy that carries the key, so that the request which errors and answers know has none."""
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
        """Hang up on an answer that must not be unpacked, a stream too."""
        encoding = response.headers.get("Content-Encoding", "").strip()
        if encoding.lower() not in ENCODINGS:
            response.close()
            shown = shorten(self._target.secret.redact(encoding), 40)
            raise _UnusableResponse(f"the answer is compressed as {shown!r}, which was not asked for")

    def _request_line(self, request: httpx.Request) -> str:
        """Name a request in messages; an id that somebody gave may be the key."""
        return self._target.secret.redact(f"{request.method} {path_of(request)}")

    def _apply_retry_after(self, request: httpx.Request, outcome: httpx.Response | Failure) -> None:
        """Hold all requests as long as the answer to a read asks for."""
        if isinstance(outcome, Failure) or outcome.status_code not in RETRY_STATUSES or writes(request):
            return
        asked = retry_after(outcome.headers)
        if asked is None and outcome.status_code == 429 and SEND_ONCE_IF in request.extensions:
            asked = LIMIT_WINDOW
        if asked is not None and asked <= RETRY_AFTER_MAX:
            self._limiter.pause(asked)

    def _wait_before_retry(
        self, request: httpx.Request, outcome: httpx.Response | Failure, attempt: int
    ) -> float | None:
        """Say how long to wait before the request goes out again; None when this outcome is the last."""
        if attempt == MAX_ATTEMPTS:
            return None
        if isinstance(outcome, Failure):
            is_safe = not (writes(request) and outcome.was_maybe_sent)
            return self._backoff(attempt) if is_safe and not outcome.is_permanent else None
        if outcome.status_code not in RETRY_STATUSES or writes(request):
            return None  # a write that was answered may have been done, whatever the answer says
        asked = retry_after(outcome.headers)
        if asked is None:
            return self._backoff(attempt)
        return 0.0 if asked <= RETRY_AFTER_MAX else None  # all are held meanwhile

    def _backoff(self, attempt: int) -> float:
        longest: float = min(BACKOFF_MAX, BACKOFF_FIRST * 2 ** (attempt - 1))
        return longest * _JITTER()

    def _error(self, request: httpx.Request, failure: Failure, tries: int) -> ApiError:
        asked = f"{self._request_line(request)}: {self._target.host}: {failure.reason}"
        if writes(request) and failure.was_maybe_sent:
            return MaybeSent(
                f"{asked}. The request may have been carried out, so it was not sent again. "
                "Look at the state before you repeat it."
            )
        if failure.is_unusable:
            return ContractError(f"{asked}. Check base_url and the proxy; if this lasts, please report it.")
        tried = f" ({tries} tries)" if tries > 1 else ""
        advice = "Is the sandbox still running?" if self._target.is_loopback else "Check the network."
        return Unavailable(f"{asked}{tried}. Nothing was changed. {advice}")


def _select_headers(response: httpx.Response, names: tuple[bytes, ...]) -> list[tuple[bytes, bytes]]:
    """Take of the headers what is used: httpx would keep cookies, and a body is unpacked by now."""
    return [(name, value) for name, value in response.headers.raw if name.lower() in names]


def _read_body(response: httpx.Response) -> bytes:
    """Read the body, unpacked piece by piece, as long as it can be taken."""
    pieces, size = [], 0
    for piece in response.iter_bytes():
        size += len(piece)
        if size > MAX_ANSWER:
            raise _UnusableResponse(
                f"the answer is larger than {MAX_ANSWER // 2**20} MB, the most that is taken"
            )
        pieces.append(piece)
    return b"".join(pieces)


def path_of(request: httpx.Request) -> str:
    """Give the path as it is sent, quoted and without the query, which may hold somebody's data."""
    return request.url.raw_path.partition(b"?")[0].decode("ascii")


def retry_after(headers: httpx.Headers) -> float | None:
    """Read `Retry-After` as seconds; None if absent or unreadable.

    A date counts from the server's own `Date`, so that a wrong clock on either side, or the sandbox's virtual
    time, does not matter.
    """
    told = headers.get("Retry-After", "").strip()
    if re.fullmatch(r"\d+(\.\d+)?", told):
        return float(told)
    until = http_date(told)
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
    """Say whether the request was maybe sent, and whether the failure will last."""
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
        return "its certificate is not trusted; give the CA file as verify="
    match error:
        case httpx.ConnectTimeout():
            return f"no connection within {timeout:g} s"
        case httpx.PoolTimeout():
            return f"no free connection within {timeout:g} s"
        case httpx.TimeoutException():
            return f"no answer within {timeout:g} s"
        case httpx.ConnectError():
            return f"no connection ({shorten(str(error), 100)})"
        case httpx.ProxyError():
            status = re.match(r"\d{3}\b", str(error))  # its other words may repeat the login that it was sent
            return f"the proxy let nothing through{f' ({status[0]})' if status else ''}"
    return "the connection was lost before the whole answer had come"
