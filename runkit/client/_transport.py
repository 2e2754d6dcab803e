"""The network of a client: connections that give a request only the time it has left.

The timeouts of httpx count from one part of a response to the next, so a server that sends a byte
now and then (of a header, of a chunk's extension, of an empty block of gzip) never exceeds them.
Here each read of a socket ends at the `time_limit` of its request.
"""

from __future__ import annotations

import math
import ssl
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from importlib.util import find_spec
from urllib.request import getproxies, proxy_bypass
from weakref import WeakSet

import httpcore
import httpx

from runkit.display.hide_keys import HiddenText

# bytes that are sent within one timeout; httpcore starts it again for each part the system takes
SEND_SIZE = 2**16

_deadline: ContextVar[float] = ContextVar("deadline", default=math.inf)


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """End the requests of this block after `seconds`, with an `httpx.TimeoutException`."""
    token = _deadline.set(time.monotonic() + seconds)
    try:
        yield
    finally:
        _deadline.reset(token)


def _time_left(timeout: float | None, error: type[httpcore.TimeoutException]) -> float | None:
    """Return a timeout that ends with the time limit. Raises `error` if that is over."""
    left = _deadline.get() - time.monotonic()
    if left <= 0:
        raise error
    seconds = min(left, math.inf if timeout is None else timeout)
    return None if seconds == math.inf else seconds


class _Stream(httpcore.NetworkStream):
    """A connection whose waits end with the time limit of the request that waits."""

    def __init__(self, stream: httpcore.NetworkStream, opened: WeakSet[_Stream]) -> None:
        self._stream, self._opened = stream, opened
        opened.add(self)

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, _time_left(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        for start in range(0, len(buffer), SEND_SIZE):
            left = _time_left(timeout, httpcore.WriteTimeout)
            self._stream.write(buffer[start : start + SEND_SIZE], left)

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        left = _time_left(timeout, httpcore.ConnectTimeout)
        return _Stream(self._stream.start_tls(ssl_context, server_hostname, left), self._opened)

    def close(self) -> None:
        self._stream.close()

    def get_extra_info(self, info: str) -> object:
        return self._stream.get_extra_info(info)


class _Backend(httpcore.SyncBackend):
    """Opens connections with a time limit, and closes those that it opened."""

    def __init__(self) -> None:
        self._is_closed = False
        self._opened: WeakSet[_Stream] = WeakSet()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        left = _time_left(timeout, httpcore.ConnectTimeout)
        opened = super().connect_tcp(host, port, left, local_address, socket_options)
        stream = _Stream(opened, self._opened)
        if self._is_closed:
            self.close()
            raise httpcore.ConnectError("the client is closed")
        return stream

    def close(self) -> None:
        """Close the connections, also those of a pool that was closed while they opened."""
        self._is_closed = True
        for stream in [*self._opened]:
            stream.close()


@contextmanager
def _httpx_errors() -> Iterator[None]:
    """Raise the errors of httpcore as those of httpx, which have the same names."""
    try:
        yield
    except (
        httpcore.TimeoutException,
        httpcore.NetworkError,
        httpcore.ProtocolError,
        httpcore.ProxyError,
        httpcore.UnsupportedProtocol,
    ) as error:
        kind: type[httpx.TransportError] = getattr(httpx, type(error).__name__)
        raise kind(str(error)) from error


class _Body(httpx.SyncByteStream):
    """The body of a response, read from its connection."""

    def __init__(self, response: httpcore.Response) -> None:
        self._response = response

    def __iter__(self) -> Iterator[bytes]:
        with _httpx_errors():
            yield from self._response.iter_stream()

    def close(self) -> None:
        self._response.close()


class Transport(httpx.BaseTransport):
    """What `httpx.HTTPTransport` is, over connections with a time limit.

    Raises `ValueError` or `ImportError` for a proxy that cannot be used.
    """

    def __init__(
        self, context: ssl.SSLContext | None, proxy: str | None, limits: httpx.Limits
    ) -> None:
        self._backend = _Backend()
        self._pool = httpcore.ConnectionPool(
            ssl_context=context,
            proxy=None if proxy is None else _proxy(httpx.Proxy(proxy)),
            max_connections=limits.max_connections,
            max_keepalive_connections=limits.max_keepalive_connections,
            keepalive_expiry=limits.keepalive_expiry,
            network_backend=self._backend,
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request, and return its response once the headers are there."""
        content = httpcore.Request(
            request.method,
            _url(request.url),
            headers=request.headers.raw,
            content=request.read(),
            extensions=request.extensions,
        )
        with _httpx_errors():
            response = self._pool.handle_request(content)
        return httpx.Response(
            response.status,
            headers=response.headers,
            stream=_Body(response),
            extensions=response.extensions,
        )

    def close(self) -> None:
        """Close the connections."""
        self._pool.close()
        self._backend.close()


def _url(url: httpx.URL) -> httpcore.URL:
    return httpcore.URL(
        scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path
    )


def _proxy(proxy: httpx.Proxy) -> httpcore.Proxy:
    if proxy.url.scheme.startswith("socks") and find_spec("socksio") is None:
        raise ImportError("a SOCKS proxy needs the package socksio")
    return httpcore.Proxy(
        _url(proxy.url), proxy.raw_auth, proxy.headers.raw, ssl_context=proxy.ssl_context
    )


def proxy_of_environment(url: str) -> str | None:
    """Return the proxy that the environment names for the host of a URL, or None."""
    target = httpx.URL(url)
    proxies = getproxies()
    proxy = proxies.get(target.scheme) or proxies.get("all")
    if not proxy or proxy_bypass(target.netloc.decode()):
        return None
    return HiddenText(proxy if "://" in proxy else f"http://{proxy}")  # it may hold a login
