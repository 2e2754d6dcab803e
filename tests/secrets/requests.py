"""Requests as no HTTP library would send them, written to the sandbox's socket."""

from __future__ import annotations

import socket
from collections.abc import Sequence
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
    "/",
    "/no",
)


def ask(
    running: SandboxServer, line: str, headers: Sequence[str], *, key: str | None = CANARY
) -> tuple[int, dict[str, str], bytes]:
    """Send a request and read all that comes back: status, headers, body."""
    head = [f"{line} HTTP/1.1", *headers, "Connection: close"]
    head += [f"Authorization: Bearer {key}"] if key is not None else []
    with socket.create_connection(("127.0.0.1", running.port), timeout=10) as connection:
        came = b""
        with suppress(ConnectionError):  # the server may have answered and gone already
            connection.sendall("\r\n".join([*head, "", ""]).encode())
            while more := connection.recv(65536):
                came += more
    top, _, content = came.partition(b"\r\n\r\n")
    status, *lines = top.decode("latin-1").split("\r\n")
    told = dict(one.lower().split(": ", 1) for one in lines)
    return int(status.split()[1]), told, content
