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


class _Allowance(threading.local):
    """When the request of this thread is given up, in seconds of `time.monotonic`; None where none waits.

    `most` is how far ahead that may be, `room` how many bytes may still come.
    """

    until: float | None = None
    most = 0.0
    room = 0
    is_of_body = False


_allowance = _Allowance()


@contextmanager
def patience(seconds: float, size: int) -> Iterator[None]:
    """Give the answer that this thread reads so many seconds, and what its size adds, and so many bytes."""
    _allowance.until, _allowance.most = time.monotonic() + seconds, seconds
    _allowance.room, _allowance.is_of_body = size, False
    try:
        yield
    finally:
        _allowance.until = None


def body_begins() -> None:
    """From here on, what comes earns time."""
    _allowance.is_of_body = True


def patient(transport: httpx.HTTPTransport) -> httpx.HTTPTransport:
    """Make a transport keep to `patience`.

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
        if _allowance.until is None:
            return self._inner.read(max_bytes, timeout)
        left = _allowance.until - time.monotonic()
        if left <= 0 or _allowance.room < 0:
            raise httpcore.ReadTimeout("the answer did not end")
        data = self._inner.read(max_bytes, left if timeout is None else min(timeout, left))
        _allowance.room -= len(data)
        if _allowance.is_of_body:
            earned = _allowance.until + len(data) / SLOWEST
            _allowance.until = min(earned, time.monotonic() + _allowance.most)
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
