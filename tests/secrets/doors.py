"""Requests as no HTTP library would send them, written to the sandbox's socket."""

from __future__ import annotations

import socket
from collections.abc import Iterable, Sequence
from contextlib import suppress

from runkit.server.launch import SandboxServer
from tests.secrets.canary import CANARY

PATHS = (
    "/v1/agents",
    "/v1/runs/x",
    "/openapi.json",
    "/docs",
    "/redoc",
    "/sandbox",
    "/sandbox/faults",
    "/",
    "/no",
)


def connect(running: SandboxServer) -> socket.socket:
    """Open a connection."""
    return socket.create_connection(("127.0.0.1", running.port), timeout=10)


def head_of(line: str, headers: Sequence[str], key: str | None = CANARY, version: str = "1.1") -> bytes:
    """The head of a request; an empty line ends it."""
    head = [f"{line} HTTP/{version}", *headers]
    head += [f"Authorization: Bearer {key}"] if key is not None else []
    return "\r\n".join([*head, "", ""]).encode()


def ask(
    running: SandboxServer,
    line: str,
    headers: Sequence[str],
    *,
    key: str | None = CANARY,
    version: str = "1.1",
    body: bytes = b"",
    pieces: Iterable[bytes] = (),
    unended: Iterable[bytes] = (),
) -> tuple[int, dict[str, str], bytes]:
    """Send a request and read all that comes back: status, headers, body.

    `pieces` are sent after the body, `unended` instead of the end of the head.
    """
    head = head_of(line, [*headers, "Connection: close"], key, version)
    with connect(running) as connection:
        with suppress(ConnectionError):  # it may have answered and gone already
            connection.sendall(head + body if not unended else head.removesuffix(b"\r\n"))
            for piece in (*pieces, *unended):
                connection.sendall(piece)
        came = b""
        with suppress(ConnectionResetError):
            while more := connection.recv(65536):
                came += more
    top, _, content = came.partition(b"\r\n\r\n")
    status, *lines = top.decode("latin-1").split("\r\n")
    told = dict(one.lower().split(": ", 1) for one in lines)
    return int(status.split()[1]), told, content
