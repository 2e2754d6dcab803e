"""A key that must show up nowhere, and a server that repeats what it was sent wherever it can."""

from __future__ import annotations

import json
import pickle
import re
import socketserver
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.support import run

CANARY = "mk_test_c4n4ry/Zq7+w5~x"  # no character that JSON, HTML or `repr` would escape
LOGIN = "pr0xy-Passw0rd~canary"  # of a proxy, an address and a certificate


def found_in(text: str | bytes, *secrets: str) -> list[str]:
    """Return what stands before a secret in a text."""
    text = text if isinstance(text, str) else text.decode("latin-1")
    return [
        text[max(0, text.index(key) - 80) :][:80]
        for key in secrets or (CANARY, LOGIN)
        if key in text
    ]


def everything_of(error: BaseException) -> str:
    """Return an error's text, traceback, arguments, attributes and pickle, and those of its causes."""
    parts, causes = [repr(pickle.dumps(error)), *traceback.format_exception(error)], [error]
    for cause in causes:
        parts.append(f"{cause} {cause!r} {cause.args!r} {vars(cause)!r}")
        more = (cause.__cause__, cause.__context__, *getattr(cause, "exceptions", ()))
        causes += [item for item in more if item is not None and item not in causes]
    return "".join(parts)


def shown_by(error: BaseException) -> str:
    """Return what a traceback with local variables shows, without the frames of tests."""
    parts, errors = [everything_of(error)], [error]
    for item in errors:
        for frame, _ in traceback.walk_tb(item.__traceback__):
            if "/tests/" not in frame.f_code.co_filename:
                parts += [f"{name}={value!r}" for name, value in frame.f_locals.items()]
        more = (item.__cause__, item.__context__)
        errors += [other for other in more if other is not None and other not in errors]
    return "\n".join(parts)


# HTTP responses, in which KEY becomes the header that was sent, and the key in it.
HEADS = "Set-Cookie: k=KEY\nX-Echo: KEY\nWWW-Authenticate: Bearer KEY\nDate: KEY\nETag: KEY"
ERROR = json.dumps({"errors": [{"message": "KEY", "parameter": "KEY"}]})
RUN = json.dumps(
    run(run_id="KEY", end=None, agent="KEY", KEY="KEY", prompt="KEY", output={"a": "KEY"})
)
EVENT = 'event: {0}\ndata: {{"type": "{0}", "run_id": "KEY", "snapshot": {{"a": "KEY"}}}}\n\n'
EVENTS = f"200 KEY\n{HEADS}\nContent-Type: text/event-stream; x=KEY\n\n" + EVENT.format(
    "STATE_SNAPSHOT"
)
WAYS = {
    **{
        str(status): f"{status} KEY\n{HEADS}\n\n{ERROR}"
        for status in (401, 404, 409, 422, 500, 503)
    },
    "429": f"429 KEY\n{HEADS}\nRetry-After: KEY\n\n{ERROR}",
    "429 long": f"429 KEY\n{HEADS}\nRetry-After: 9999\n\n{ERROR}",
    "error as HTML": f"404 KEY\n{HEADS}\nContent-Type: text/html; KEY\n\n<p>KEY",
    "redirect": f"302 KEY\n{HEADS}\nLocation: http://127.0.0.1:9/?k=KEY\n\n",
    "bad redirect": f"302 KEY\n{HEADS}\nLocation: http://[KEY\n\n",
    "HTML": f"200 KEY\n{HEADS}\nContent-Type: text/html; KEY\n\n<p>KEY",
    "list": f'200 KEY\n{HEADS}\n\n["KEY"]',
    "run": f"200 KEY\n{HEADS}\n\n{RUN}",
    "no run": f'200 KEY\n{HEADS}\n\n{{"id": "KEY", "KEY": "KEY"}}',
    "page": f'200 KEY\n{HEADS}\n\n{{"object": "list", "has_more": "KEY", "data": ["KEY"]}}',
    "bad gzip": f"200 KEY\n{HEADS}\nContent-Encoding: gzip\n\nKEY",
    "cut": f'200 KEY\n{HEADS}\nContent-Length: 9999\n\n"KEY"',
    "bad header": "200 OK\nKEY\nKEY\x01: x\n\n",
    "bad status": "KEY 200 OK\n\n",
    "bad chunk": "200 OK\nTransfer-Encoding: chunked\n\nKEY\n",
    "nothing": "",
    "events": EVENTS + EVENT.format("RUN_STARTED"),
    "bad events": EVENTS + "event: KEY\ndata: KEY\n\nevent: STATE_SNAPSHOT\ndata: {",
}


class Server(socketserver.ThreadingTCPServer):
    """Responds in one of `WAYS`."""

    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False
    way = "401"
    seen: set[str]

    @property
    def url(self) -> str:
        """The base URL."""
        return f"http://127.0.0.1:{self.server_address[1]}/v1"

    def handle_error(self, *_: Any) -> None:
        """A client that hangs up is no error of the server."""


class _Handler(socketserver.StreamRequestHandler):
    server: Server

    def handle(self) -> None:
        _, *lines = iter(lambda: self.rfile.readline().decode().rstrip(), "")
        heads = {name.lower(): value for name, _, value in (head.partition(": ") for head in lines)}
        self.rfile.read(int(heads.get("content-length", 0)))
        auth = heads.get("proxy-authorization") or heads.get("authorization", "")
        self.server.seen.add(auth)
        text = WAYS[self.server.way].replace("KEY", f"{auth} {auth.partition(' ')[2]}")
        head, _, body = text.partition("\n\n")
        if not re.search("Content-Length|chunked|event-stream", head):
            head += f"\nContent-Length: {len(body)}\nConnection: close"
        if text:
            self.wfile.write(f"HTTP/1.1 {head}\n\n".replace("\n", "\r\n").encode() + body.encode())


@contextmanager
def echo() -> Iterator[Server]:
    """Start a server that repeats keys."""
    with Server(("127.0.0.1", 0), _Handler) as server:
        server.seen = set()
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
