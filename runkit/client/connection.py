"""One client's requests: paths, JSON in and out, no writes through a read-only client."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import httpx

from runkit import jsontext
from runkit.client.deadline import enforce_deadline
from runkit.client.hosts import Target
from runkit.client.replies import Reply, read_reply, refusal
from runkit.client.transport import DEADLINE, SEND_ONCE_IF, STREAM, Transport, path_of, writes
from runkit.errors import ContractError, ReadOnlyError, UsageError

Cert = str | tuple[str, str] | tuple[str, str, str]
POOL = httpx.Limits(max_connections=100, max_keepalive_connections=64)
"""A connection for each worker of the largest fetch. httpx keeps 20 and closes the others after each request,
with which 32 workers took 1.5 times as long."""
ONCE = httpx.Limits(max_connections=100, max_keepalive_connections=0)
MAX_ID = 500  # characters; ids are opaque, but a longer one is a mistake


class Connection:
    """What the resources share. Safe to use from several threads at once."""

    def __init__(self, target: Target, transport: Transport, *, read_only: bool, timeout: float) -> None:
        self.target = target
        self.read_only = read_only
        self.timeout = timeout
        self.has_answered = False  # whether the host has ever given a usable response
        self._transport = transport
        self._http = httpx.Client(
            transport=transport,
            timeout=timeout,
            trust_env=False,  # the transport has the proxy; a netrc file must not replace the key
            headers={
                "Accept": "application/json",
                "Accept-Encoding": "gzip, deflate",
                "User-Agent": "runkit",
            },
        )

    def close(self) -> None:
        """Close the connections to the host."""
        self._http.close()

    def get(
        self,
        path: str,
        send_once_if: Callable[[], bool] | None = None,
        deadline: float | None = None,
        /,
        **query: str | int | None,
    ) -> Reply:
        """Read JSON. `query` values that are None are left out.

        With `send_once_if` it is sent at most once, if the function gives True when the rate limit allows it:
        the caller retries. With `deadline`, a time of the client's clock, it is given up by then. A success
        that is not JSON is requested once more: a proxy may have failed in the middle of it.
        """
        options = {SEND_ONCE_IF: send_once_if, DEADLINE: deadline}
        extensions = {name: value for name, value in options.items() if value is not None}
        try:
            return self._send("GET", path, query, None, extensions)
        except ContractError as error:
            if error.status is None or error.status >= 300:
                raise
        return self._send("GET", path, query, None, extensions)

    def post(self, path: str, body: Mapping[str, Any], **query: str | int | None) -> Reply:
        """Send JSON. Raises `ReadOnlyError` before anything is sent if the client may not write."""
        if self.read_only:
            raise ReadOnlyError.of("POST", path)
        try:
            content = jsontext.dumps(dict(body)).encode()
        except (TypeError, ValueError) as error:
            raise UsageError(f"POST {path}: the body is not JSON ({error}); nothing was sent") from None
        return self._send("POST", path, query, content)

    @contextmanager
    def stream(self, path: str) -> Iterator[httpx.Response]:
        """Open a response whose body the caller reads; leaving closes the connection.

        The connection is not reused, so shutting down its socket cannot affect another request.
        """
        headers = {
            "Accept": "text/event-stream",
            "Accept-Encoding": "identity",
            "Cache-Control": "no-store",
            "Connection": "close",
        }
        with self._http.stream(
            "GET", self._url(path), headers=headers, extensions={STREAM: True}
        ) as response:
            if not response.is_success:
                response.read()
                request_line = self.target.secret.redact(f"GET {path_of(response.request)}")
                raise refusal(response, self.target, request_line)
            yield response

    def _send(
        self,
        method: str,
        path: str,
        query: Mapping[str, str | int | None],
        content: bytes | None,
        extensions: dict[str, Any] | None = None,
    ) -> Reply:
        request = self._request(method, path, query, content, extensions or {})
        response = self._transport.handle_request(request)
        response.request = request
        reply = read_reply(response, self.target)
        self.has_answered = True
        return reply

    def _request(
        self,
        method: str,
        path: str,
        query: Mapping[str, str | int | None],
        content: bytes | None,
        extensions: dict[str, Any],
    ) -> httpx.Request:
        """Build a request as `httpx.Client` would, without merging options that these requests do not have.

        Cookies, redirects, authentication and two more parses of the URL are a quarter of a GET's work.
        """
        query_text = urlencode(
            {name: value for name, value in query.items() if value is not None}, quote_via=quote
        )
        headers = self._http.headers.copy()
        if content is not None:
            headers["Content-Type"] = "application/json"
        return httpx.Request(
            method,
            self._url(path) + (f"?{query_text}" if query_text else ""),
            headers=headers,
            content=content,
            extensions={"timeout": self._http.timeout.as_dict(), **extensions},
        )

    def _url(self, path: str) -> str:
        if self._http.is_closed:
            raise UsageError(f"{path}: not sent, this client has been closed; create a new one")
        return self.target.url + path


def path_to(*parts: str) -> str:
    """Build `/runs/ID/resume`; each part is quoted, so that no id changes the path. Raises `UsageError`."""
    for part in parts:
        if not isinstance(part, str):
            raise UsageError(f"an id must be a str; got {type(part).__name__}")
        if not part.strip() or part in (".", "..") or len(part) > MAX_ID:
            raise UsageError(
                f"{part[:40]!r} ({len(part)} characters) is not an id; expected one from the API"
            )
    try:
        return "".join(f"/{quote(part, safe='')}" for part in parts)
    except UnicodeEncodeError:
        raise UsageError("an id contains a lone surrogate, which no id of the API does") from None


def network(
    target: Target, *, proxy: str | None, verify: bool | str | ssl.SSLContext, cert: Cert | None
) -> httpx.BaseTransport:
    """Build the transport that talks to the network. Raises `UsageError` for files that cannot be used."""
    if proxy is not None and target.is_loopback:
        raise UsageError(f"proxy= with {target.host}: loopback does not use a proxy; leave it out")
    if target.url.startswith("http:"):
        verify, cert = False, None  # http uses neither, and loading the CAs takes longer than a request
    try:
        tls = _tls(verify, cert)
        shared, alone = (
            enforce_deadline(httpx.HTTPTransport(verify=tls, proxy=proxy, trust_env=False, limits=limits))
            for limits in (POOL, ONCE)
        )
        return _Network(shared, alone)
    except (OSError, TypeError, ValueError, httpx.InvalidURL, ImportError) as error:
        kind = type(error).__name__
    raise UsageError(f"proxy=, verify= or cert= cannot be used ({kind}); check the URL and the files")


class _Network(httpx.BaseTransport):
    """Reads share kept-alive connections; each write has a new one.

    The server may be closing an idle connection at that moment. A read lost this way is sent again; of a
    write, nobody could say whether it was carried out.
    """

    def __init__(self, shared: httpx.BaseTransport, alone: httpx.BaseTransport) -> None:
        self._shared = shared
        self._alone = alone

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send it."""
        return (self._alone if writes(request) else self._shared).handle_request(request)

    def close(self) -> None:
        """Close all connections."""
        self._shared.close()
        self._alone.close()


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
