"""A loopback server that answers by a script, and a client with a time of its own."""

import json
import socket
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from runkit.client import Client
from support import Json, step

KEY = "mk_test_canary_5f1c9a7e"


@dataclass(frozen=True)
class Received:
    """One request as the server saw it."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any


@dataclass(frozen=True)
class Answer:
    """What to answer.

    `cut` sends only so many bytes of the body, `chunks` stream it without a length, `parts` are sent
    as they are, without a head.
    """

    body: Any = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    cut: int | None = None
    chunks: Iterable[bytes] | None = None
    parts: Iterable[bytes] | None = None


DROP = Answer(status=0)  # close the connection without an answer
Script = Callable[[Received], Answer]


class Server(ThreadingHTTPServer):
    """Answers by its `script`, keeps every request."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 100  # a connection more waits for a second or longer

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.requests: list[Received] = []
        self.script: Script = lambda call: Answer(status=404)

    @property
    def url(self) -> str:
        """The base URL."""
        return f"http://127.0.0.1:{self.server_port}/v1"

    @property
    def lines(self) -> list[str]:
        """The requests as `GET /runs`."""
        return [f"{call.method} {call.path}" for call in self.requests]

    @property
    def posts(self) -> list[Received]:
        """The requests that write."""
        return [call for call in self.requests if call.method == "POST"]

    def say(self, *answers: Answer) -> None:
        """Return these answers one after the other; one request more is a 404."""
        left = iter(answers)
        self.script = lambda call: next(left, Answer(status=404))

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that goes away is no error of the server."""


class Handler(BaseHTTPRequestHandler):
    """Keeps the request and sends what the script says."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else every answer waits 40 ms for an acknowledgement
    server: Server

    def handle_any(self) -> None:
        """Answer one request."""
        parts = urlsplit(self.path)
        size = int(self.headers.get("Content-Length", 0))
        call = Received(
            self.command,
            parts.path.removeprefix("/v1"),
            {name: values[0] for name, values in parse_qs(parts.query).items()},
            {name.lower(): value for name, value in self.headers.items()},
            json.loads(self.rfile.read(size)) if size else None,
        )
        self.server.requests.append(call)
        self._send(self.server.script(call))

    do_GET = do_POST = do_CONNECT = handle_any  # noqa: N815

    def _send(self, answer: Answer) -> None:
        if answer.parts is not None:
            self.wfile.writelines(answer.parts)
        if answer.status <= 0 or answer.parts is not None:
            self._hang_up()
            return
        body = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
        self.send_response_only(answer.status)
        defaults = {"Content-Type": "application/json", "Date": "Tue, 03 Feb 2026 10:40:12 GMT"}
        if answer.chunks is None:
            defaults["Content-Length"] = str(len(body))
        else:
            defaults |= {"Content-Type": "text/event-stream", "Connection": "close"}
        for name, value in {**defaults, **answer.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        for chunk in [body[: answer.cut]] if answer.chunks is None else answer.chunks:
            self.wfile.write(chunk)
            self.wfile.flush()
        if answer.cut is not None or answer.chunks is not None:
            self._hang_up()

    def _hang_up(self) -> None:
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, *args: object) -> None:
        """Stay silent."""


@pytest.fixture
def server():
    """Start a scriptable server on a free port."""
    running = Server()
    thread = threading.Thread(target=running.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield running
    running.shutdown()
    running.server_close()
    thread.join()


class Time:
    """A clock that only sleeping moves; `slept` keeps every sleep."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []
        self._lock = threading.Lock()

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        with self._lock:
            self.now += seconds
            self.slept.append(seconds)

    def clock(self) -> float:
        """Return the time in seconds."""
        return self.now


class Account:
    """Runs, businesses and threads as an API lists and returns them."""

    def __init__(self, server: Server) -> None:
        self.runs: dict[str, Json] = {}  # by id, in the order of the list
        self.businesses: dict[str, str] = {}  # statuses by id; each has a thread
        self.refused: dict[str, int] = {}  # statuses of responses by id
        self.unlisted: set[str] = set()
        self.page_size = 100
        self.before_page: dict[int, Callable[[], object]] = {}  # once, before a page is read
        server.script = self.answer

    def add(self, *runs: Json) -> None:
        """Add runs at the end of the list."""
        self.runs |= {raw["id"]: raw for raw in runs}

    def change(self, run_id: str, **fields: Any) -> None:
        """Change a run a little later."""
        self.runs[run_id] = self.runs[run_id] | {"updated_at": "2026-02-03T10:00:41Z", **fields}

    def answer(self, request: Received) -> Answer:
        """Answer one request."""
        kind, _, item_id = unquote(request.path[1:]).partition("/")
        item_id = item_id or request.query.get("business_id", "")
        if item_id in self.refused:
            return Answer(status=self.refused[item_id])
        if request.path == "/runs":
            return self._page(int(request.query["page"]))
        if kind == "runs":
            run = self.runs.get(item_id)
            return Answer(
                run and {**run, "steps": run.get("steps") or [step("a")]},
                status=200 if run else 404,
            )
        if request.path.startswith("/businesses/"):
            is_known = item_id in self.businesses
            return Answer(self._business(item_id), status=200 if is_known else 404)
        items = [self._business(name) for name in self.businesses if item_id in (name, "")]
        if kind == "threads":
            items = [item | {"object": "thread", "id": f"thread-{item['id']}"} for item in items]
        return Answer({"data": items, "has_more": False})

    def _page(self, number: int) -> Answer:
        self.before_page.pop(number, lambda: None)()
        listed = [raw for run_id, raw in self.runs.items() if run_id not in self.unlisted]
        start = (number - 1) * self.page_size
        end = number * self.page_size
        counts = {"has_more": end < len(listed), "total_count": len(listed)}
        return Answer({"object": "list", "data": listed[start:end], **counts})

    def _business(self, business_id: str) -> Json:
        times = dict.fromkeys(["created_at", "updated_at"], "2026-02-03T10:00:00Z")
        status = self.businesses.get(business_id)
        return {
            "object": "business",
            "id": business_id,
            "name": business_id,
            "status": status,
        } | times


@pytest.fixture
def account(server):
    """Return an empty account that the server serves."""
    return Account(server)


@pytest.fixture
def fake_time():
    """Return a time that passes by sleeping only."""
    return Time()


@pytest.fixture
def make_client(server, fake_time):
    """Build clients of the server that never really sleep, and close them."""
    made = []

    class QuickClient(Client):
        _sleep = staticmethod(fake_time.sleep)
        _clock = staticmethod(fake_time.clock)

    def make(**options):
        client = QuickClient(KEY, server.url, **{"rate": None, "timeout": 5, **options})
        made.append(client)
        return client

    yield make
    for thread in threading.enumerate():  # a fetch that was stopped leaves what was on its way
        if thread.name.startswith("runkit-fetch"):
            thread.join(20)
    for client in made:
        client.close()


@pytest.fixture
def client(make_client):
    """Return a client of the server."""
    return make_client()


@pytest.fixture
def run_json():
    """Return what composes a run."""

    def compose(run_id="run-1", status="completed", **fields):
        return {
            "object": "run",
            "id": run_id,
            "created_at": "2026-02-03T10:00:00Z",
            "updated_at": "2026-02-03T10:00:40Z",
            "status": status,
            "thread_id": "thread-1",
            "agent": "cip_orchestrator",
            "interrupts": [],
            **fields,
        }

    return compose
