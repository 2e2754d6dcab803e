"""Requests to one host: the key, the rate limit, what is repeated, and limits of time and size.

    GET     changes nothing: repeated after a temporary failure (no connection, a timeout, a lost or truncated
            response, 429, 500, 502, 503, 504) for up to `OUTAGE_TIMEOUT` seconds
    POST    the API has no idempotency key: sent once, over a connection of its own, and repeated only if no
            connection was made. Without a clear response it is `MaybeSent`, or the error of its status.

Times are in seconds.
"""

from __future__ import annotations

import math
import ssl
import threading
import time
import zlib
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from http.cookiejar import CookieJar, DefaultCookiePolicy
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import httpx

from runkit import jsontext
from runkit.client.hosts import Target
from runkit.client.replies import Reply, lost, read_reply, retry_after, unusable
from runkit.errors import ApiError, ContractError, RateLimited, ReadOnlyError, Unavailable, UsageError
from runkit.logs import log
from runkit.secret import Secret
from runkit.text import shorten

Cert = str | tuple[str, str] | tuple[str, str, str]
Query = Mapping[str, str | int | None]
Wanted = Callable[[], bool]

OUTAGE_TIMEOUT = 60.0  # without a usable response: a host that restarts or deploys is back by then
ONE_RUN_TIMEOUT = 10.0  # the same for reading one run: a person waits for it, often in front of a widget
FIRST_ANSWER_TIMEOUT = 5.0  # the same for a host that has never responded: the address may be wrong
BACKOFF_FIRST = 0.25  # before the second repetition; the first goes at once
BACKOFF_MAX = 2.0  # the longest delay after a host is back
MAX_ATTEMPTS = 5  # with 500: the server fails on this request, and other requests may succeed
MAX_LOSSES = 8  # while other requests succeed: if one in five is lost, 1 in 400,000 fails
RETRY_STATUSES = frozenset({429, 500, 502, 503, 504})
RETRY_AFTER_MAX = 60.0  # a longer wait is the caller's decision, not a notebook that seems to hang
LIMIT_WINDOW = 1.0  # of a 429 without Retry-After: the limit counts requests a second
MARGIN = 0.025  # requests are spaced this fraction wider than the rate: they may arrive closer together
MAX_RESPONSE = 256 * 2**20  # bytes, also after decompression; a run of 100,000 steps has about 50 million
SLOWEST = 10_000  # bytes a second that extend the timeout of a response; a weak phone signal does better
MIN_TIMEOUT = 0.05  # of an attempt
MAX_ID = 500  # characters; ids are opaque, but a longer one is a mistake
READS = httpx.Limits(max_connections=100, max_keepalive_connections=64)  # for the workers of a large fetch
WRITES = httpx.Limits(max_connections=100, max_keepalive_connections=0)  # a kept connection may be closing

_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)
_HEADERS = {"Accept": "application/json", "Accept-Encoding": "gzip", "User-Agent": "runkit"}


def backoff(attempt: int, first: float = BACKOFF_FIRST, longest: float = BACKOFF_MAX) -> float:
    """Give the seconds to wait after a number of attempts: `first`, then twice as long each time."""
    return min(longest, first * 2.0 ** min(attempt - 1, 60))


def path_to(*parts: str) -> str:
    """Build `/runs/ID/resume`; each part is quoted, so that no id changes the path. Raises `UsageError`."""
    for part in parts:
        if not isinstance(part, str):
            raise UsageError(f"an id must be a str; got {type(part).__name__}")
        if not part.strip() or part in (".", "..") or len(part) > MAX_ID or not jsontext.is_unicode(part):
            raise UsageError(f"{part[:40]!r} ({len(part)} characters) is not an id; expected one of the API")
    return "".join(f"/{quote(part, safe='')}" for part in parts)


class RateLimiter:
    """Lets at most `rate` requests go in any second plus `MARGIN`, evenly spaced over all threads.

    Even spacing keeps every one-second window under the limit, wherever the server starts its windows; a
    token bucket would allow bursts. With `rate=None` only pauses apply.
    """

    def __init__(
        self, rate: float | None, clock: Callable[[], float], sleep: Callable[[float], object]
    ) -> None:
        self.paused_until = -math.inf
        self._gap = (1 + MARGIN) / rate if rate else 0.0
        self._next = -math.inf
        self._clock, self._sleep = clock, sleep
        self._lock = threading.Lock()

    def wait(self, until: float = math.inf) -> bool:
        """Sleep until the next free slot; gives False, and takes none, if none is free before `until`."""
        while True:
            with self._lock:
                now = self._clock()
                slot = max(now, self._next, self.paused_until)
                if slot > now and slot >= until:
                    return False
                self._next = slot + self._gap
            if slot > now:
                self._sleep(slot - now)
            if self.paused_until <= max(slot, self._clock()):
                return True

    def pause(self, seconds: float) -> None:
        """Stop all requests for `seconds`: a wait that the server asks of one thread applies to the key."""
        self.paused_until = max(self.paused_until, self._clock() + seconds)


class _UnusableBodyError(Exception):
    """A body that cannot be used, and why."""


class Attempt(NamedTuple):
    """What came of sending a request once, and how many attempts it is worth while this is the result."""

    result: Reply | ApiError
    max_attempts: float = 1

    def reply(self) -> Reply:
        """Give the reply. Raises the error if there is none."""
        if isinstance(self.result, ApiError):
            raise self.result
        return self.result


class Network(NamedTuple):
    """How the host is reached: the arguments of `Client` of the same names."""

    proxy: str | None = None
    verify: bool | str | ssl.SSLContext = True
    cert: Cert | None = None
    transport: httpx.BaseTransport | None = None

    def client(self, target: Target, limits: httpx.Limits, tls: ssl.SSLContext | bool) -> httpx.Client:
        """Build a client of httpx, without cookies, redirects, a netrc file and the environment's proxies."""
        return httpx.Client(
            auth=_Bearer(target.secret),
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
            headers=_HEADERS,
            trust_env=False,
            proxy=self.proxy,
            verify=tls,
            limits=limits,
            transport=self.transport,
        )

    def clients(self, target: Target) -> tuple[httpx.Client, httpx.Client]:
        """Build the client of reads and that of writes. Raises `UsageError` for what cannot be used."""
        if self.proxy is not None and target.is_loopback:
            raise UsageError(f"proxy= with {target.host}: loopback does not use a proxy; leave it out")
        is_secure = target.url.startswith("https:") and self.transport is None
        try:
            # Without TLS none is prepared: loading the CAs takes longer than a request.
            tls = _tls(self.verify, self.cert) if is_secure else False
            return self.client(target, READS, tls), self.client(target, WRITES, tls)
        except (OSError, TypeError, ValueError, httpx.InvalidURL, ImportError) as error:
            kind = type(error).__name__
        raise UsageError(f"proxy=, verify= or cert= cannot be used ({kind}); check the URL and the files")


class Times(NamedTuple):
    """The rate and the timeout of `Client`, and the clock that they use."""

    rate: float | None
    timeout: float
    clock: Callable[[], float]
    sleep: Callable[[float], object]


class Http:
    """One client's requests; safe to share between threads."""

    def __init__(self, target: Target, network: Network, times: Times, read_only: bool) -> None:
        self.target, self.read_only = target, read_only
        self.timeout, self.clock, self.sleep = times.timeout, times.clock, times.sleep
        self.limiter = RateLimiter(times.rate, times.clock, times.sleep)
        self.n_answers = 0  # responses that show that the host works and the key is right
        self._retrying = threading.Lock()  # held by the one thread that asks a host that is down
        self._given_up_at = -math.inf  # by that thread; those that wait for it ask once more only
        self._base_path = httpx.URL(target.url).raw_path.decode("ascii")
        self._reads, self._writes = network.clients(target)

    def close(self) -> None:
        """Close the connections to the host."""
        self._reads.close()
        self._writes.close()

    def get(
        self,
        path: str,
        query: Query | None = None,
        *,
        until: float = math.inf,
        is_wanted: Wanted | None = None,
        retry_for: float = OUTAGE_TIMEOUT,
    ) -> Reply:
        """Read JSON; repeated for up to `retry_for` seconds.

        It is given up at `until`, a time of the client's clock, and not sent (again) once `is_wanted` says
        no. Raises the `ApiError` of the last attempt.
        """
        send = partial(self._send, "GET", path, query, None, until, is_wanted)
        return self._retry(send, send(), until, retry_for).reply()

    def post(self, path: str, body: Mapping[str, Any], query: Query | None = None) -> Reply:
        """Send JSON once. Raises `ReadOnlyError` before anything is sent if the client may not write."""
        if self.read_only:
            raise ReadOnlyError.of("POST", path)
        try:
            content = jsontext.dumps(dict(body)).encode()
        except (TypeError, ValueError) as error:
            raise UsageError(f"POST {path}: the body is not JSON ({error}); nothing was sent") from None
        send = partial(self._send, "POST", path, query, content)
        return self._retry(send, send(), math.inf, FIRST_ANSWER_TIMEOUT).reply()

    @contextmanager
    def stream(self, path: str) -> Iterator[httpx.Response]:
        """Open a response whose body the caller reads; leaving closes the connection, which is not reused.

        Raises httpx's `TransportError` if it is lost, and the `ApiError` of a refusal.
        """
        self._check_is_open(path)
        self.limiter.wait()
        line = self._line("GET", path)
        headers = {"Accept": "text/event-stream", "Accept-Encoding": "identity", "Cache-Control": "no-store"}
        url = self.target.url + path
        with self._writes.stream("GET", url, headers=headers, timeout=self.timeout) as response:
            log.debug("%s: %s", line, response.status_code)
            if not response.is_success:
                self._read(line, response, self.timeout).reply()
            if _encoding(response).lower() not in ("", "identity"):
                raise unusable(line, self.target.secret.redact(_compressed(response)), self.target)
            yield response

    def _check_is_open(self, path: str) -> None:
        if self._reads.is_closed:
            raise UsageError(f"{path}: not sent, this client has been closed; create a new one")

    def _line(self, method: str, path: str) -> str:
        """Name a request in messages, without its query; an id that somebody passed may be the key."""
        return self.target.secret.redact(f"{method} {self._base_path}{path}")

    def _send(
        self,
        method: str,
        path: str,
        query: Query | None,
        content: bytes | None = None,
        until: float = math.inf,
        is_wanted: Wanted | None = None,
    ) -> Attempt:
        """Send once, when the rate limit allows it, and read the whole response."""
        self._check_is_open(path)
        line = self._line(method, path)
        if not self.limiter.wait(until):
            return Attempt(RateLimited(f"{line}: not sent: the rate limit left no slot before the timeout."))
        if is_wanted is not None and not is_wanted():
            return Attempt(Unavailable(f"{line}: not sent, because it is no longer needed"))
        client = self._reads if method == "GET" else self._writes
        timeout = min(self.timeout, max(MIN_TIMEOUT, until - self.clock()))
        options: dict[str, Any] = {
            "params": {name: value for name, value in (query or {}).items() if value is not None},
            "headers": {} if content is None else {"Content-Type": "application/json"},
            "timeout": timeout,
        }
        started = time.monotonic()
        try:
            with client.stream(method, self.target.url + path, content=content, **options) as response:
                attempt, outcome = self._read(line, response, timeout), str(response.status_code)
        except httpx.TransportError as error:
            reason = outcome = self.target.secret.redact(_reason(error, timeout))
            was_sent = not isinstance(error, _NOT_SENT)
            is_final = _is_untrusted(error) or (was_sent and method != "GET")
            result = lost(line, reason, self.target, was_sent=was_sent)
            attempt = Attempt(result, 1 if is_final else math.inf)
        log.debug("%s: %s, %.0f ms", line, outcome, (time.monotonic() - started) * 1000)
        return attempt

    def _read(self, line: str, response: httpx.Response, timeout: float) -> Attempt:
        """Read a response and judge it."""
        try:
            body = _read_body(response, timeout)
        except _UnusableBodyError as error:
            return Attempt(unusable(line, shorten(self.target.secret.redact(str(error)), 100), self.target))
        status, is_read = response.status_code, line.startswith("GET ")
        result = read_reply(line, status, response.headers, body, self.target)
        if status < 500 and status not in (401, 403, 429):
            self.n_answers += 1
            self._given_up_at = -math.inf
        if not is_read:
            return Attempt(result)
        if isinstance(result, ContractError) and response.is_success:
            return Attempt(result, 2)  # a proxy may have failed in the middle of it
        if status not in RETRY_STATUSES:
            return Attempt(result)
        pause = retry_after(response.headers) or (LIMIT_WINDOW if status == 429 else 0.0)
        if pause > RETRY_AFTER_MAX:
            return Attempt(result)
        self.limiter.pause(pause)
        return Attempt(result, MAX_ATTEMPTS if status == 500 else math.inf)

    def _retry(
        self, send: Callable[[], Attempt], attempt: Attempt, until: float, retry_for: float
    ) -> Attempt:
        """Repeat a request while it is worth it; of all threads, one asks a host that is down."""
        started, waited, n_attempts, n_losses = self.clock(), 0.0, 1, 0
        if attempt.max_attempts == 1:
            return attempt
        if not self._retrying.acquire(timeout=max(0.0, min(until - started, threading.TIMEOUT_MAX))):
            return attempt
        try:
            while attempt.max_attempts > n_attempts and n_losses < MAX_LOSSES:
                n_answers = self.n_answers
                is_known = n_answers > 0 or isinstance(attempt.result, RateLimited)
                timeout = retry_for if is_known else min(retry_for, FIRST_ANSWER_TIMEOUT)
                wait = backoff(n_attempts - 1) if n_attempts > 1 else 0.0
                now = self.clock()
                is_over = max(waited, now - started) >= timeout or self._given_up_at >= started
                if n_attempts > 1 and is_over:
                    self._given_up_at = now
                    break
                if max(now + wait, self.limiter.paused_until) >= until:
                    break
                if n_attempts == 2:
                    log.warning("trying again for up to %.0f s: %s", timeout, attempt.result)
                if wait:
                    self.sleep(wait)
                    waited += wait
                attempt = send()
                n_attempts += 1
                n_losses += self.n_answers > n_answers and not isinstance(attempt.result, RateLimited)
            return attempt
        finally:
            self._retrying.release()


class _Bearer(httpx.Auth):
    """Adds the key when a request is sent, so that no attribute of a client shows it."""

    def __init__(self, secret: Secret) -> None:
        self._secret = secret

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        request.headers["Authorization"] = f"Bearer {self._secret.reveal()}"
        yield request


def _encoding(response: httpx.Response) -> str:
    encoding: str = response.headers.get("Content-Encoding", "")
    return encoding.strip()


def _compressed(response: httpx.Response) -> str:
    return f"the response is compressed as {_encoding(response)!r}, which was not requested"


def _read_body(response: httpx.Response, timeout: float) -> bytes:
    """Read and decompress a body; between two chunks, its size and its time are checked.

    A server that sends a byte now and then would hold a request forever: after the timeout, a response has a
    second for each `SLOWEST` bytes received, never more than the timeout ahead.
    """
    encoding = _encoding(response).lower()
    if encoding not in ("", "identity", "gzip"):  # others can expand a few bytes to 100 GB in one step
        raise _UnusableBodyError(_compressed(response))
    is_read = response.is_stream_consumed  # by a transport of the caller's own
    unpack = zlib.decompressobj(16 + zlib.MAX_WBITS) if encoding == "gzip" and not is_read else None
    chunks, size, received = [], 0, 0
    until = time.monotonic() + timeout
    try:
        for raw in [response.content] if is_read else response.iter_raw():
            now = time.monotonic()
            chunk = unpack.decompress(raw, MAX_RESPONSE - size + 1) if unpack else raw
            received, size = received + len(raw), size + len(chunk)
            chunks.append(chunk)
            if max(received, size) > MAX_RESPONSE:
                raise _UnusableBodyError(
                    f"the response is larger than the limit of {MAX_RESPONSE // 2**20} MB"
                )
            if now > until:
                raise httpx.ReadTimeout("the response did not end")
            until = min(until + len(raw) / SLOWEST, now + timeout)
    except zlib.error:
        is_whole = False
    else:
        is_whole = unpack is None or unpack.eof or not received
    if not is_whole:
        raise _UnusableBodyError("the response cannot be decompressed")
    return b"".join(chunks)


def _tls(verify: bool | str | ssl.SSLContext, cert: Cert | None) -> ssl.SSLContext:
    if isinstance(verify, ssl.SSLContext):
        context = verify
    elif isinstance(verify, str):
        is_folder = Path(verify).is_dir()
        context = ssl.create_default_context(
            capath=verify if is_folder else None, cafile=None if is_folder else verify
        )
    elif isinstance(verify, bool):
        context = httpx.create_ssl_context(verify=verify)
    else:
        raise TypeError
    if cert is not None:
        context.load_cert_chain(*((cert,) if isinstance(cert, str) else cert))
    return context


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
    if isinstance(error, httpx.TimeoutException):
        is_connected = isinstance(error, httpx.ReadTimeout | httpx.WriteTimeout)
        return f"no {'response' if is_connected else 'connection'} within {timeout:g} s"
    if isinstance(error, httpx.ConnectError):
        return f"no connection ({shorten(str(error), 100)})"
    if isinstance(error, httpx.ProxyError):
        status = str(error)[:3]  # the rest may repeat the login of the proxy
        return f"the proxy refused the connection{f' ({status})' if status.isdigit() else ''}"
    return "the connection was lost before the whole response arrived"
