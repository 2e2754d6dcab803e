"""How long an answer may take as a whole, which the timeouts of httpx do not say: they bound each read.

A server that sends a byte now and then would hold a request for ever. So a request has an allowance of
time: its timeout for the head, and for the body a second more for each `SLOWEST` bytes that came, saved up to
no more than the timeout. And it has one of bytes: of what follows a compressed body nothing is ever unpacked.
Of a stream both cover the head only.
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
    """When the request of this thread is given up, in seconds of `time.monotonic`; None where none waits.

    `longest` is how far ahead that may be, `bytes_left` how many bytes may still come.
    """

    until: float | None = None
    longest = 0.0
    bytes_left = 0
    is_of_body = False


_current = _Deadline()


@contextmanager
def deadline(seconds: float, size: int) -> Iterator[None]:
    """Give the answer that this thread reads so many seconds, and what its size adds, and so many bytes."""
    _current.until, _current.longest = time.monotonic() + seconds, seconds
    _current.bytes_left, _current.is_of_body = size, False
    try:
        yield
    finally:
        _current.until = None


def start_body() -> None:
    """From here on, what comes earns time."""
    _current.is_of_body = True


def enforce_deadline(transport: httpx.HTTPTransport) -> httpx.HTTPTransport:
    """Make a transport keep to `deadline`.

    httpx has no way to hand its pool the backend that httpcore takes.
    """
    pool = transport._pool
    pool._network_backend = _Backend(pool._network_backend)
    return transport


class _Backend(httpcore.NetworkBackend):
    """Connects as another backend does, to streams that know the allowance."""

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
    """Reads as another stream does, while the allowance lasts."""

    def __init__(self, inner: httpcore.NetworkStream) -> None:
        self._inner = inner

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        if _current.until is None:
            return self._inner.read(max_bytes, timeout)
        left = _current.until - time.monotonic()
        if left <= 0 or _current.bytes_left < 0:
            raise httpcore.ReadTimeout("the answer did not end")
        data = self._inner.read(max_bytes, left if timeout is None else min(timeout, left))
        _current.bytes_left -= len(data)
        if _current.is_of_body:
            earned = _current.until + len(data) / SLOWEST
            _current.until = min(earned, time.monotonic() + _current.longest)
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
