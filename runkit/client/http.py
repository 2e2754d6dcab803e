"""Requests to one host: the key, the rate limit, what is repeated, and limits of time and size.

    GET     changes nothing: repeated after a temporary failure (no connection, a timeout, a lost or truncated
            response, 429, 5xx), by default for up to `OUTAGE_TIMEOUT` seconds
    POST    the API has no idempotency key: sent once, over a connection of its own. Without a clear response
            it is `MaybeSent`, or the error of its status.

Times are in seconds.
"""

from __future__ import annotations

import math
import ssl
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit
from urllib.request import getproxies, proxy_bypass

import httpx

from runkit import jsontext
from runkit.client.hosts import Target
from runkit.client.replies import Reply, lost, read_reply, retry_after, unusable
from runkit.client.transport import Timeout, Transport
from runkit.errors import ApiError, ContractError, RateLimited, ReadOnlyError, Unavailable, UsageError
from runkit.logs import log
from runkit.text import brief, shorten

Verify = bool | str | ssl.SSLContext
Cert = str | tuple[str, str] | tuple[str, str, str]
Connections = tuple[httpx.Client, httpx.Client]  # for reads, and for writes
Query = Mapping[str, str | int | None]
Until = Callable[[], float]

# from the begin of a request to the last byte of its response, or the client's `timeout` if that is longer
REQUEST_TIMEOUT = 30.0
# without a usable response: a host that restarts or deploys is back by then
OUTAGE_TIMEOUT = 60.0
# the same for a host that has never responded: the address may be wrong
FIRST_ANSWER_TIMEOUT = 5.0
# before the second repetition; the first goes at once: a kept connection was closed
BACKOFF_FIRST = 0.25
BACKOFF_MAX = 2.0  # the longest delay after a host is back
MAX_ATTEMPTS = 5  # with 500: the server fails on this request, and other requests may succeed
# a longer wait is the caller's decision, not a notebook that seems to hang
RETRY_AFTER_MAX = 60.0
LIMIT_WINDOW = 1.0  # of a 429 without Retry-After: the limit counts requests a second
# requests are spaced this fraction wider than the rate: they may arrive closer together
MARGIN = 0.025
# bytes, also after decompression; a run of 100,000 steps has about 50 million
MAX_RESPONSE = 256 * 2**20
MIN_TIMEOUT = 0.05  # of an attempt
# for the workers of a large fetch
READS = httpx.Limits(max_connections=100, max_keepalive_connections=64)
# a kept connection may be closing
WRITES = httpx.Limits(max_connections=100, max_keepalive_connections=0)

_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)
_HEADERS = {"Accept": "application/json", "Accept-Encoding": "gzip", "User-Agent": "runkit"}


def never() -> float:
    """Give the `until` of a request without an end."""
    return math.inf


def backoff(attempt: int, first: float = BACKOFF_FIRST, longest: float = BACKOFF_MAX) -> float:
    """Give the seconds to wait after a number of attempts: `first`, then twice as long each time."""
    return min(longest, first * 2.0 ** min(attempt - 1, 60))


def path_to(*parts: str) -> str:
    """Build `/runs/ID/resume`; each part is quoted, so that no id changes the path. Raises `UsageError`."""
    for part in parts:
        if not isinstance(part, str):
            raise UsageError(f"an id must be a str; got {type(part).__name__}")
        if not part.strip() or part in (".", "..") or not jsontext.is_unicode(part):
            raise UsageError(f"{brief(part)} is not an id; expected one of the API")
    return "".join(f"/{quote(part, safe='')}" for part in parts)


class RateLimiter:
    """Lets at most `rate` requests go in any second plus `MARGIN`, evenly spaced over all threads.

    Even spacing keeps every one-second window under the limit, wherever the server starts its windows; a
    token bucket would allow bursts. With `rate=None` only pauses apply.
    """

    def __init__(self, rate: float | None, clock: Until, sleep: Callable[[float], object]) -> None:
        self.paused_until = -math.inf
        self._gap = (1 + MARGIN) / rate if rate else 0.0
        self._next = -math.inf
        self.clock, self.sleep = clock, sleep
        self._lock = threading.Lock()

    def wait(self, until: Until = never) -> bool:
        """Sleep until the next free slot; gives False, and takes none, if none is free before `until`."""
        while True:
            with self._lock:
                now = self.clock()
                slot = max(now, self._next, self.paused_until)
                if slot >= until():
                    return False
                self._next = slot + self._gap
            if slot > now:
                self.sleep(slot - now)
            if self.paused_until <= max(slot, self.clock()):
                return slot < until()

    def pause(self, seconds: float) -> None:
        """Stop all requests for `seconds`: a wait that the server asks of one thread applies to the key."""
        self.paused_until = max(self.paused_until, self.clock() + seconds)


def connect(
    target: Target,
    verify: Verify,
    cert: Cert | None,
    proxy: str | None,
    transport: httpx.BaseTransport | None,
) -> Connections:
    """Make the connections of a client. Raises `UsageError` for options that cannot be used."""
    if proxy is not None and target.is_loopback:
        raise UsageError(f"proxy= with {target.host}: loopback does not use a proxy; leave it out")
    if verify is False and not target.is_loopback:
        raise UsageError(f"verify=False with {target.host}: others could read the key; pass a CA file")
    if proxy is not None and transport is not None:
        raise UsageError("proxy= with transport=: a transport replaces the proxy; leave one of them out")

    def authorize(request: httpx.Request) -> httpx.Request:
        # Only when it is sent, so that no attribute of a client shows the key.
        request.headers["Authorization"] = f"Bearer {target.secret.reveal()}"
        return request

    def client(limits: httpx.Limits) -> httpx.Client:
        network = transport or Transport(limits, tls, proxy_url)
        return httpx.Client(auth=authorize, headers=_HEADERS, transport=network)

    try:
        # Without TLS none is prepared: loading the CAs takes longer than a request.
        is_secure = target.url.startswith("https:") and transport is None
        tls = _tls(verify, cert) if is_secure else None
        proxy_url = proxy or (None if target.is_loopback else _environment_proxy(target.host))
        return client(READS), client(WRITES)
    except (OSError, TypeError, ValueError, httpx.InvalidURL, ImportError) as error:
        kind = type(error).__name__
    # Not in the handler: the first error may repeat the login of the proxy.
    raise UsageError(f"proxy=, verify= or cert= cannot be used ({kind}); check the URL and the files")


class Http:
    """One client's requests over the connections of `connect`; safe to share between threads."""

    def __init__(
        self, target: Target, connections: Connections, limiter: RateLimiter, timeout: float, read_only: bool
    ) -> None:
        self.target, self.read_only, self.timeout = target, read_only, timeout
        self._reads, self._writes = connections
        self.limiter, self.clock, self.sleep = limiter, limiter.clock, limiter.sleep
        self._warned_at = -math.inf
        # with a response that shows that the host works and knows the key
        self.has_answered = False

    def close(self) -> None:
        """Close the connections to the host."""
        self._reads.close()
        self._writes.close()

    def get(
        self, path: str, query: Query | None = None, until: Until = never, retry_for: float = OUTAGE_TIMEOUT
    ) -> Reply:
        """Read JSON, repeated for up to `retry_for` seconds, and at least once.

        Nothing is sent after `until`, a time of the client's clock. Raises the last attempt's `ApiError`.
        """
        started, n_attempts = self.clock(), 0
        while True:
            try:
                return self._send("GET", path, query, until=until)
            except (ContractError, RateLimited, Unavailable) as error:
                n_attempts += 1
                now = self.clock()
                wait = backoff(n_attempts - 1) if n_attempts > 1 else 0.0
                timeout = retry_for if self.has_answered else min(retry_for, FIRST_ANSWER_TIMEOUT)
                is_over = n_attempts > 1 and now - started >= timeout
                is_too_late = max(now + wait, self.limiter.paused_until) >= until()
                if is_over or is_too_late or n_attempts >= _max_attempts(error):
                    raise
                if n_attempts == 2 and now >= self._warned_at + timeout:
                    self._warned_at = now  # once for all threads
                    log.warning("trying again for up to %.0f s: %s", timeout, error)
            if wait:
                self.sleep(wait)

    def post(self, path: str, body: Mapping[str, Any], query: Query | None = None) -> Reply:
        """Send JSON once. Raises `ReadOnlyError` before anything is sent if the client may not write."""
        if self.read_only:
            raise ReadOnlyError.of("POST", path)
        try:
            content = jsontext.dumps(dict(body)).encode()
        except ValueError as error:
            raise UsageError(f"POST {path}: the body is not JSON ({error}); nothing was sent") from None
        return self._send("POST", path, query, content)

    @contextmanager
    def stream(self, path: str, timeout: Timeout) -> Iterator[httpx.Response]:
        """Open a response whose body the caller reads; leaving closes the connection, which is not reused.

        `timeout` bounds the body, too, and may be restarted. Raises httpx's `TransportError` if it is lost,
        and the `ApiError` of a refusal.
        """
        line = self._turn("GET", path)
        timeout.restart()  # it has not been sent before
        headers = {"Accept": "text/event-stream", "Accept-Encoding": "identity", "Cache-Control": "no-store"}
        url = self.target.url + path
        with self._writes.stream("GET", url, headers=headers, timeout=timeout) as response:
            log.debug("%s: %s", line, response.status_code)
            if not response.is_success:
                self._receive(line, response)
            self._check_encoding(line, response)
            yield response

    def _turn(self, method: str, path: str, until: Until = never) -> str:
        """Wait for the rate limit, and name the request in messages, without its query.

        The name is without the key, which somebody may have passed as an id.
        """
        line = self.target.secret.redact(f"{method} {urlsplit(self.target.url).path}{path}")
        if self._reads.is_closed:
            raise UsageError(f"{line}: not sent, this client has been closed; create a new one")
        if not self.limiter.wait(until):
            raise RateLimited(f"{line}: not sent: the rate limit left no slot before the timeout.")
        return line

    def _send(
        self, method: str, path: str, query: Query | None, content: bytes | None = None, until: Until = never
    ) -> Reply:
        """Send once, when the rate limit allows it, and read the whole response."""
        line = self._turn(method, path, until)
        client = self._reads if method == "GET" else self._writes
        left = max(MIN_TIMEOUT, until() - self.clock())
        timeout = Timeout(self.timeout, min(left, max(REQUEST_TIMEOUT, self.timeout)))
        request = client.build_request(
            method,
            self.target.url + path,
            params={name: value for name, value in (query or {}).items() if value is not None},
            headers={} if content is None else {"Content-Type": "application/json"},
            content=content,
            timeout=timeout,
        )
        started, outcome = time.monotonic(), "refused"
        try:
            with closing(client.send(request, stream=True)) as response:
                outcome = str(response.status_code)
                return self._receive(line, response)
        except httpx.TransportError as error:
            outcome = self.target.secret.redact(_reason(error, timeout))
            was_sent = not isinstance(error, _NOT_SENT)
        finally:
            log.debug("%s: %s, %.0f ms", line, outcome, (time.monotonic() - started) * 1000)
        raise lost(line, outcome, self.target, was_sent=was_sent)

    def _receive(self, line: str, response: httpx.Response) -> Reply:
        """Read a response to its end. Raises the `ApiError` of one that is not a success."""
        self._check_encoding(line, response)
        body = _read_body(response)
        if body is None:
            raise unusable(line, "the response cannot be decompressed", self.target)
        if len(body) > MAX_RESPONSE:
            problem = f"the response is larger than the limit of {MAX_RESPONSE // 2**20} MB"
            raise unusable(line, problem, self.target)
        status, pause = response.status_code, retry_after(response.headers)
        if status < 500 and status not in (401, 403):
            self.has_answered = True
        if status == 429 and pause is None:
            pause = LIMIT_WINDOW
        if status in (429, 503) and pause is not None and pause <= RETRY_AFTER_MAX:
            self.limiter.pause(pause)
        return read_reply(line, response, body, self.target)

    def _check_encoding(self, line: str, response: httpx.Response) -> None:
        encoding = _encoding(response)
        # others can expand a few bytes to 100 GB in one step
        if encoding not in ("", "identity", "gzip"):
            problem = f"the response is compressed as {encoding!r}, which was not requested"
            raise unusable(line, problem, self.target)


def _max_attempts(error: ApiError) -> float:
    """Give the number of attempts that a read is worth while this is the result."""
    if isinstance(error, ContractError):
        return 2 if error.status == 200 else 1  # a proxy may have failed in the middle of it
    if isinstance(error, RateLimited):
        return math.inf if error.status and (error.retry_after or 0) <= RETRY_AFTER_MAX else 1
    return MAX_ATTEMPTS if error.status == 500 else math.inf


def _encoding(response: httpx.Response) -> str:
    encoding: str = response.headers.get("Content-Encoding", "")
    return encoding.strip().lower()


def _read_body(response: httpx.Response) -> bytes | None:
    """Read and decompress a body, None if it cannot be. More than `MAX_RESPONSE` is not read."""
    if response.is_stream_consumed:  # by a transport of the caller's own
        return response.content
    raw = bytearray()
    for chunk in response.iter_raw():
        raw += chunk
        if len(raw) > MAX_RESPONSE:
            return bytes(raw)
    if _encoding(response) != "gzip" or not raw:
        return bytes(raw)
    unpack = zlib.decompressobj(16 + zlib.MAX_WBITS)
    try:
        body = unpack.decompress(raw, MAX_RESPONSE + 1)
    except zlib.error:
        return None
    return body if unpack.eof or len(body) > MAX_RESPONSE else None


def _tls(verify: Verify, cert: Cert | None) -> ssl.SSLContext:
    if isinstance(verify, str) and Path(verify).is_dir():
        context = ssl.create_default_context(capath=verify)
    elif isinstance(verify, str):
        context = ssl.create_default_context(cafile=verify)
    else:
        context = httpx.create_ssl_context(verify=verify)
    if cert is not None:
        context.load_cert_chain(*((cert,) if isinstance(cert, str) else cert))
    return context


def _environment_proxy(host: str) -> str | None:
    """Return the proxy of the environment for https to a host."""
    proxies = {} if proxy_bypass(host) else getproxies()
    url = proxies.get("https") or proxies.get("all")
    return f"http://{url}" if url and "://" not in url else url


def _reason(error: httpx.TransportError, timeout: Timeout) -> str:
    text = str(error)
    if "CERTIFICATE_VERIFY_FAILED" in text:
        return "its certificate is not trusted; pass the CA file as verify="
    if isinstance(error, httpx.TimeoutException) and timeout.left <= 0:
        return f"no complete response within {round(timeout.total, 2):g} s"
    if isinstance(error, httpx.TimeoutException):
        is_connected = isinstance(error, httpx.ReadTimeout | httpx.WriteTimeout)
        return f"no {'response' if is_connected else 'connection'} within {timeout:g} s"
    if isinstance(error, httpx.ConnectError):
        return f"no connection ({shorten(text, 100)})"
    if isinstance(error, httpx.ProxyError):  # whose text may repeat the login of the proxy
        return f"the proxy refused the connection{f' ({text[:3]})' if text[:3].isdigit() else ''}"
    return "the connection was lost before the whole response arrived"
