"""A deadline for a whole response; the timeouts of httpx only limit each read.

A server that sends a byte now and then would hold a request forever. So a request has a deadline: its timeout
for the head, and for the body one more second for each `SLOWEST` bytes received, never more than the timeout
ahead. It also has a limit of bytes: what follows a compressed body is never unpacked.
For a stream both apply to the head only.
"""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import httpcore
import httpx

SLOWEST = 10_000  # bytes a second; a phone at the edge of its network does better


class _Deadline(threading.local):
    """The deadline of this thread's request, in seconds of `time.monotonic`; None without a request.

    `longest` is how far ahead it may be, `bytes_left` how many bytes may still come.
    """

    until: float | None = None
    longest = 0.0
    bytes_left = 0
    is_in_body = False


_current = _Deadline()


@contextmanager
def deadline(seconds: float, max_bytes: int) -> Iterator[None]:
    """Limit the time and the bytes of the response that this thread reads."""
    _current.until, _current.longest = time.monotonic() + seconds, seconds
    _current.bytes_left, _current.is_in_body = max_bytes, False
    try:
        yield
    finally:
        _current.until = None


def start_body() -> None:
    """From here on, received bytes extend the deadline."""
    _current.is_in_body = True


def enforce_deadline(transport: httpx.HTTPTransport) -> httpx.HTTPTransport:
    """Make a transport keep to `deadline`.

    httpx has no way to pass its pool the backend that httpcore takes.
    """
    pool = transport._pool
    pool._network_backend = _Backend(pool._network_backend)
    return transport


class _Backend(httpcore.NetworkBackend):
    """Connects as another backend does; its streams keep to the deadline."""

    def __init__(self, inner: httpcore.NetworkBackend) -> None:
        self._inner = inner

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        return _Stream(self._inner.connect_tcp(host, port, timeout, local_address, socket_options))

    def sleep(self, seconds: float) -> None:
        self._inner.sleep(seconds)


class _Stream(httpcore.NetworkStream):
    """Reads from another stream until the deadline."""

    def __init__(self, inner: httpcore.NetworkStream) -> None:
        self._inner = inner

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        if _current.until is None:
            return self._inner.read(max_bytes, timeout)
        left = _current.until - time.monotonic()
        if left <= 0 or _current.bytes_left < 0:
            raise httpcore.ReadTimeout("the response did not end")
        data = self._inner.read(max_bytes, left if timeout is None else min(timeout, left))
        _current.bytes_left -= len(data)
        if _current.is_in_body:
            extended = _current.until + len(data) / SLOWEST
            _current.until = min(extended, time.monotonic() + _current.longest)
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, timeout)

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        return _Stream(self._inner.start_tls(ssl_context, server_hostname, timeout))

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)
