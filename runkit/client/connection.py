"""One client's requests: paths, JSON in and out, no writes where none are wanted."""

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
"""One connection for each of the most workers that a fetch may have. httpx keeps 20 and closes what is beyond
after each request: 32 workers then took 1.5 times as long as they should."""
ONCE = httpx.Limits(max_connections=100, max_keepalive_connections=0)
MAX_ID = 500  # characters; ids are opaque, but a longer one is a mistake


class Connection:
    """What the resources share. Safe to use from several threads at once."""

    def __init__(self, target: Target, transport: Transport, *, read_only: bool, timeout: float) -> None:
        self.target = target
        self.read_only = read_only
        self.timeout = timeout
        self.has_answered = False  # whether the host has ever said something usable
        self._transport = transport
        self._http = httpx.Client(
            transport=transport,
            timeout=timeout,
            trust_env=False,  # the transport has the proxy; a netrc must not replace the key
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
        wanted: Callable[[], bool] | None = None,
        until: float | None = None,
        /,
        **query: str | int | None,
    ) -> Reply:
        """Ask for JSON. `query` values that are None are left out.

        With `wanted` it is sent once, if that is still true when its turn comes: the caller repeats it. With
        `until`, a time of the client's clock, it is given up by then. A success that is no JSON is asked for
        once more: a proxy may have failed in the middle of it.
        """
        extensions = {SEND_ONCE_IF: wanted, DEADLINE: until}
        given = {name: value for name, value in extensions.items() if value is not None}
        try:
            return self._ask("GET", path, query, None, given)
        except ContractError as error:
            if error.status is None or error.status >= 300:
                raise
        return self._ask("GET", path, query, None, given)

    def post(self, path: str, body: Mapping[str, Any], **query: str | int | None) -> Reply:
        """Send JSON. Raises `ReadOnlyError` before anything is sent if the client may not write."""
        if self.read_only:
            raise ReadOnlyError.of("POST", path)
        try:
            content = jsontext.dumps(dict(body)).encode()
        except (TypeError, ValueError) as error:
            raise UsageError(f"POST {path}: what was given is no JSON ({error}); nothing was sent") from None
        return self._ask("POST", path, query, content)

    @contextmanager
    def stream(self, path: str) -> Iterator[httpx.Response]:
        """Open an answer whose body is read by the caller; leaving closes the connection.

        It is never used again, so that shutting its socket down cannot hit another request.
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
                asked = self.target.secret.redact(f"GET {path_of(response.request)}")
                raise refusal(response, self.target, asked)
            yield response

    def _ask(
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
        """Build a request as `httpx.Client` would, without its merging of what these requests do not have.

        Cookies, redirects, authentication and two more parses of the URL are a quarter of a GET's work.
        """
        asked = urlencode(
            {name: value for name, value in query.items() if value is not None}, quote_via=quote
        )
        headers = self._http.headers.copy()
        if content is not None:
            headers["Content-Type"] = "application/json"
        return httpx.Request(
            method,
            self._url(path) + (f"?{asked}" if asked else ""),
            headers=headers,
            content=content,
            extensions={"timeout": self._http.timeout.as_dict(), **extensions},
        )

    def _url(self, path: str) -> str:
        if self._http.is_closed:
            raise UsageError(f"{path}: not sent, this client has been closed; make a new one")
        return self.target.url + path


def path_to(*parts: str) -> str:
    """Build `/runs/ID/resume`; each part is quoted, so that no id leads elsewhere. Raises `UsageError`."""
    for part in parts:
        if not isinstance(part, str):
            raise UsageError(f"an id must be a str; got {type(part).__name__}")
        if not part.strip() or part in (".", "..") or len(part) > MAX_ID:
            raise UsageError(
                f"{part[:40]!r} ({len(part)} characters) is no id; expected one as the API gives it"
            )
    try:
        return "".join(f"/{quote(part, safe='')}" for part in parts)
    except UnicodeEncodeError:
        raise UsageError("an id holds a lone surrogate, which no id of the API does") from None


def network(
    target: Target, *, proxy: str | None, verify: bool | str | ssl.SSLContext, cert: Cert | None
) -> httpx.BaseTransport:
    """Build the transport that talks to the network. Raises `UsageError` for files that cannot be used."""
    if proxy is not None and target.is_loopback:
        raise UsageError(f"proxy= with {target.host}: loopback never goes through a proxy; leave it out")
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
    """Reads share connections that are kept; each write has a new one.

    A kept connection may be one that the server, tired of its silence, is closing just then. A read that is
    lost so is sent again; of a write nobody could say whether it was done.
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
