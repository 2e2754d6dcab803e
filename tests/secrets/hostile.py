"""A server that repeats what it was sent wherever it can: bodies, headers, reasons, events, redirects."""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

from tests.support import run

HEADS = (
    "Set-Cookie: k={auth}",
    "X-Echo: {auth}",
    "WWW-Authenticate: Bearer {auth}",
    "Date: {auth}",
    "ETag: {auth}",
)


class Echo:
    """What a request held, and the ways to say it again."""

    def __init__(self, auth: str) -> None:
        self.auth = auth
        self.key = auth.partition(" ")[2]
        self.words = json.dumps(f"{auth} | {self.key}")[1:-1]  # inside of a JSON string
        self.line = f"{auth} {self.key}"  # inside of a header

    def answer(self, status: str, body: str | bytes, *heads: str, is_cut: bool = False) -> bytes:
        """An answer with the key in reason and headers, besides the body."""
        content = body if isinstance(body, bytes) else body.encode()
        given = [head.format(auth=self.line) for head in (*HEADS, *heads)]
        given += [f"Content-Length: {len(content) + is_cut}", "Connection: close"]
        head = "\r\n".join([f"HTTP/1.1 {status} {self.line}", *given, "", ""])
        return head.encode() + content

    def errors(self, status: int, *heads: str) -> bytes:
        """An error of the API."""
        told = f'{{"errors": [{{"message": "{self.words}", "parameter": "{self.words}"}}]}}'
        return self.answer(str(status), told, *heads)

    def run(self) -> bytes:
        """A run that tells the key in every text of it."""
        text = json.dumps(
            run(run_id="KEY", end=None, agent="KEY", KEY="KEY", prompt="KEY", output={"a": "KEY"})
        )
        return self.answer("200", text.replace("KEY", self.words))

    def events(self, *events: str, end: str = "") -> bytes:
        """A stream."""
        head = self.answer("200", "", "Content-Type: text/event-stream; x={auth}").replace(
            b"Content-Length: 0\r\n", b""
        )
        return head + ("".join(one.replace("KEY", self.words) for one in events) + end).encode()


SNAPSHOT = (
    'event: STATE_SNAPSHOT\ndata: {"type": "STATE_SNAPSHOT", "run_id": "KEY", "snapshot": {"a": "KEY"}}\n\n'
)
WAYS: dict[str, Callable[[Echo], bytes]] = {
    **{
        str(status): (lambda echo, status=status: echo.errors(status))
        for status in (400, 401, 403, 404, 409, 410)
    },
    **{
        str(status): (lambda echo, status=status: echo.errors(status))
        for status in (413, 418, 422, 500, 502, 503)
    },
    "429": lambda echo: echo.errors(429, "Retry-After: {auth}"),
    "429 long": lambda echo: echo.errors(429, "Retry-After: 9999"),
    "error as HTML": lambda echo: echo.answer("404", f"<p>{echo.key}", "Content-Type: text/html; {auth}"),
    "redirect": lambda echo: echo.answer(
        "302", "", f"Location: http://127.0.0.1:9/{quote(echo.key)}?k={{auth}}"
    ),
    "bad redirect": lambda echo: echo.answer("302", "", "Location: http://[{auth}"),
    "HTML": lambda echo: echo.answer("200", f"<p>{echo.line}", "Content-Type: text/html; {auth}"),
    "text": lambda echo: echo.answer("200", json.dumps(echo.line), "Content-Type: {auth}"),
    "list": lambda echo: echo.answer("200", json.dumps([echo.line])),
    "run": lambda echo: echo.run(),
    "no run": lambda echo: echo.answer("200", f'{{"id": "{echo.words}", "{echo.words}": "{echo.words}"}}'),
    "page": lambda echo: echo.answer(
        "200", f'{{"object": "list", "has_more": "{echo.words}", "data": ["{echo.words}"]}}'
    ),
    "encoding": lambda echo: echo.answer("200", "{}", "Content-Encoding: {auth}"),
    "bad gzip": lambda echo: echo.answer("200", echo.line, "Content-Encoding: gzip"),
    "cut": lambda echo: echo.answer("200", json.dumps(echo.line), is_cut=True),
    "bad length": lambda echo: echo.answer("200", "{}", "Content-Length: {auth}"),
    "bad header": lambda echo: f"HTTP/1.1 200 OK\r\n{echo.line}\r\n{echo.line}\x01: x\r\n\r\n".encode(),
    "bad status": lambda echo: f"{echo.line} 200 OK\r\n\r\n".encode(),
    "bad chunk": lambda echo: (
        f"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{echo.line}\r\n".encode()
    ),
    "transfer": lambda echo: f"HTTP/1.1 200 OK\r\nTransfer-Encoding: {echo.line}\r\n\r\n{{}}".encode(),
    "nothing": lambda echo: b"",
    "events": lambda echo: echo.events(
        SNAPSHOT, 'event: RUN_STARTED\ndata: {"type": "RUN_STARTED", "run_id": "KEY"}\n\n'
    ),
    "bad events": lambda echo: echo.events("event: KEY\ndata: KEY\n\n", "event: KEY\ndata: {}\n\n", SNAPSHOT),
    "cut events": lambda echo: echo.events(SNAPSHOT, end="event: STATE_SNAPSHOT\ndata: {"),
}


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False
    way: str | dict[str, str] = "400"
    seen: set[str]
    url: str

    def handle_error(self, *_: Any) -> None:
        """One who hangs up is no error of the server."""


class _Handler(socketserver.StreamRequestHandler):
    server: _Server

    def handle(self) -> None:
        lines = list(iter(lambda: self.rfile.readline().decode().rstrip(), ""))
        heads = dict(one.split(": ", 1) for one in lines[1:] if ": " in one)
        found = {name.lower(): value for name, value in heads.items()}
        self.rfile.read(int(found.get("content-length", 0)))
        auth = found.get("proxy-authorization") or found.get("authorization", "")
        self.server.seen.add(auth)
        self.wfile.write(
            WAYS[self.server.way if isinstance(self.server.way, str) else self._way(lines[0])](Echo(auth))
        )

    def _way(self, line: str) -> str:
        assert isinstance(self.server.way, dict)
        return next(way for piece, way in self.server.way.items() if piece in line)


@contextmanager
def hostile() -> Iterator[_Server]:
    """Start it; its `way` is how it answers (one of `WAYS`), or that for each piece of a request's line."""
    with _Server(("127.0.0.1", 0), _Handler) as server:
        server.seen, server.url = set(), f"http://127.0.0.1:{server.server_address[1]}/v1"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
