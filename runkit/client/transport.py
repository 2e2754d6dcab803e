"""The network below httpx, where a request has an end.

httpx's timeouts count from one byte to the next. A server that sends a byte now and then, or one
`100 Continue` after another, would hold a request forever. Here each connection, read and write gets at most
the time that its request has left.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any, Self

import httpcore
import httpx

# bytes of one write: a socket takes them at once, so that each write ends in time
WRITE_SIZE = 16_384

_ERRORS = (
    httpcore.NetworkError,
    httpcore.ProtocolError,
    httpcore.ProxyError,
    httpcore.TimeoutException,
    httpcore.UnsupportedProtocol,
)


class Timeout(float):
    """Seconds for one read or write, as httpx takes them, of a request that ends after `total` seconds."""

    total: float
    _end: float

    def __new__(cls, seconds: float, total: float) -> Self:
        """Start the time of a request."""
        timeout = super().__new__(cls, min(seconds, total))
        timeout.total = total
        timeout.restart()
        return timeout

    def restart(self) -> None:
        """Let the request end `total` seconds from now."""
        self._end = time.monotonic() + self.total

    @property
    def left(self) -> float:
        """The seconds until the request ends."""
        return self._end - time.monotonic()


class Transport(httpx.BaseTransport):
    """Sends requests whose timeout is a `Timeout` over a pool of connections."""

    def __init__(self, limits: httpx.Limits, tls: ssl.SSLContext | None, proxy_url: str | None) -> None:
        self._pool = httpcore.ConnectionPool(
            ssl_context=tls,
            proxy=_proxy(proxy_url) if proxy_url else None,
            max_connections=limits.max_connections,
            max_keepalive_connections=limits.max_keepalive_connections,
            keepalive_expiry=limits.keepalive_expiry,
            network_backend=_Network(),
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request."""
        url = request.url
        target = httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path)
        with _as_httpx_errors():
            response = self._pool.handle_request(
                httpcore.Request(
                    request.method,
                    target,
                    headers=request.headers.raw,
                    content=request.stream,
                    extensions=request.extensions,
                )
            )
        return httpx.Response(
            response.status,
            headers=response.headers,
            stream=_Body(response),
            extensions=response.extensions,
        )

    def close(self) -> None:
        """Close all connections."""
        self._pool.close()


class _Body(httpx.SyncByteStream):
    def __init__(self, response: httpcore.Response) -> None:
        self._response = response

    def __iter__(self) -> Iterator[bytes]:
        with _as_httpx_errors():
            yield from self._response.iter_stream()

    def close(self) -> None:
        self._response.close()


class _Network(httpcore.SyncBackend):
    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        left = _left(timeout, httpcore.ConnectTimeout)
        return _Stream(super().connect_tcp(host, port, left, local_address, socket_options))


class _Stream(httpcore.NetworkStream):
    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, _left(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        for start in range(0, len(buffer), WRITE_SIZE):
            left = _left(timeout, httpcore.WriteTimeout)
            self._stream.write(buffer[start : start + WRITE_SIZE], left)

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        left = _left(timeout, httpcore.ConnectTimeout)
        return _Stream(self._stream.start_tls(ssl_context, server_hostname, left))

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)

    def close(self) -> None:
        self._stream.close()


def _proxy(url: str) -> httpcore.Proxy:
    """Read the URL of a proxy. Raises ValueError, and ImportError for one that needs another package."""
    proxy = httpx.Proxy(url)
    if proxy.url.scheme.startswith("socks") and find_spec("socksio") is None:
        raise ImportError("a SOCKS proxy needs the package socksio")
    return httpcore.Proxy(str(proxy.url), proxy.raw_auth)


def _left(timeout: float | None, error: type[httpcore.TimeoutException]) -> float | None:
    """Return the seconds that one step of a request may take. Raises `error` after the request's end."""
    if not isinstance(timeout, Timeout):
        return timeout
    left = timeout.left
    if left <= 0:
        raise error("the request did not end in time")
    return min(timeout, left)


@contextmanager
def _as_httpx_errors() -> Iterator[None]:
    """Raise httpcore's errors as httpx's, which have the same names."""
    try:
        yield
    except _ERRORS as error:
        raise getattr(httpx, type(error).__name__)(str(error)) from error
