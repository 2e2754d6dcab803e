"""What no client of ours sends: the app answers it in the shape of every error, and never hangs.

Written to the socket, because no HTTP library would send most of it.
"""

from __future__ import annotations

import base64
import json
import socket
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from runkit.server.launch import SandboxServer
from tests.sandbox.conftest import BUSINESS, KEY, Serve, Server

NEW_RUN = json.dumps({"type": "cip_orchestrator", "business_id": BUSINESS["clean_pass"].id}).encode()
JSON = "Content-Type: application/json"
LENGTH = f"Content-Length: {len(NEW_RUN)}"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """One for all these tests."""
    running = SandboxServer(key=KEY)
    with httpx.Client(
        base_url=running.url, headers={"Authorization": f"Bearer {KEY}"}, trust_env=False
    ) as http:
        yield Server(running, http)
    running.close()


def connect(server: Server) -> socket.socket:
    url = server.http.base_url
    return socket.create_connection((url.host, url.port or 0), timeout=10)


def write(
    connection: socket.socket, line: str | bytes, *headers: str, body: bytes = b"", key: str | None = KEY
) -> None:
    """Send one request; `headers` are those besides Host and the key."""
    line = line if isinstance(line, bytes) else line.encode()
    head = ["Host: 127.0.0.1", "Connection: close", *headers]
    head += [f"Authorization: Bearer {key}"] if key else []
    connection.sendall(line + b" HTTP/1.1\r\n" + "\r\n".join(head).encode() + b"\r\n\r\n" + body)


def ask(
    server: Server, line: str | bytes, *headers: str, body: bytes = b"", key: str | None = KEY
) -> tuple[int, dict[str, str], bytes]:
    """Send it, read all that comes back: status, headers, body."""
    with connect(server) as connection:
        write(connection, line, *headers, body=body, key=key)
        came = b"".join(iter(lambda: connection.recv(65536), b""))
    head, _, content = came.partition(b"\r\n\r\n")
    status, *lines = head.decode("latin-1").split("\r\n")
    told = dict(one.lower().split(": ", 1) for one in lines)
    return int(status.split()[1]), told, content


def errors_in(content: bytes) -> list[dict[str, Any]]:
    """The errors of an answer, which has nothing else."""
    told = json.loads(content)
    assert list(told) == ["errors"]
    assert told["errors"]
    assert all(error["message"] and set(error) <= {"message", "parameter"} for error in told["errors"])
    return list(told["errors"])


def operations(server: Server) -> list[tuple[str, str]]:
    """Method and path of every operation, with an id of nobody."""
    told = server.http.get(str(server.http.base_url).removesuffix("/v1/") + "/openapi.json").json()["paths"]
    return [
        (method.upper(), path.replace("{id}", "x").replace("{business_id}", "x"))
        for path, methods in told.items()
        for method in methods
    ]


def test_every_operation_asks_for_the_key(server: Server) -> None:
    """Without it or with another one: 401, and nothing is done. Bearer and Basic are both taken."""
    found, before = operations(server), len(server.running.store.runs)
    assert len(found) == 22
    for method, path in found:
        line = f"{method} {path}"
        for headers in ([], ["Authorization: Bearer nobody"], ["Authorization: Basic bm9ib2R5Og=="]):
            status, told, content = ask(server, line, *headers, key=None)
            assert (status, told["content-type"]) == (401, "application/json"), line
            assert told["www-authenticate"].startswith("bearer, basic")
            assert errors_in(content)
        basic = base64.b64encode(f"{KEY}:".encode()).decode()
        assert ask(server, line)[0] == ask(server, line, f"Authorization: Basic {basic}", key=None)[0] != 401
    assert len(server.running.store.runs) == before


def test_a_method_that_is_not_there(server: Server) -> None:
    """405, and `Allow` names those that are."""
    allowed: dict[str, set[str]] = {}
    for method, path in operations(server):
        allowed.setdefault(path, set()).add(method)
    for path, methods in allowed.items():
        for method in {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "FOO"} - methods:
            status, told, content = ask(server, f"{method} {path}")
            assert status == 405, (method, path)
            assert set(told["allow"].upper().split(", ")) == methods, (method, path)
            assert content == b"" if method == "HEAD" else errors_in(content)


@pytest.mark.parametrize(
    "path",
    [
        *("/v1/runs/", "/v1//runs", "//v1/runs", "/v1/runs/%2F", "/v1/runs/a%2Fb", "/v1/runs/.."),
        *("/v1/runs/%00", "/v1/runs/%ff%fe", "/v1/runs/%ed%a0%80", "/v1/runs/%", "/v1/runs/%zz"),
        *("/v1/runs/x?%ff=%ff", "/v1/runs;x=1", "/v1/runs#x", "http://127.0.0.1/v1/runs", "*"),
        *("/v1/runs/x?include=%00", "/v1/runs/x/stream?x=y", f"/v1/runs/{'x' * 50_000}"),
        *("/v1/runs/not-a-uuid", "/v1/threads/1", "/v1/agents/%F0%9F%92%A9", "/v1/businesses/null"),
    ],
)
def test_what_is_not_there_is_a_404(server: Server, path: str) -> None:
    """Slashes too many, bytes that are no text, ids that are none: not found, and said so briefly."""
    status, told, content = ask(server, f"GET {path}")
    assert (status, told["content-type"]) == (404, "application/json")
    assert len(errors_in(content)[0]["message"]) < 400


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("threads?business_id=%00", 200),
        ("threads?business_id=%ff", 200),
        ("runs?page=1&page=2", 200),
        (f"runs?page={'9' * 400}", 200),
        (f"runs?page={'9' * 5000}", 400),
        ("runs?page=%ff", 400),
        ("runs?page=1e3", 400),
        ("runs?per_page=", 400),
        ("actions?object_type=%ff&object_id=x", 400),
        ("actions?object_type=businesses", 400),
        ("actions?object_type=businesses&object_id=", 200),
        ("actions/x?object_type=people&object_id=x", 400),
        ("actions/x", 400),
    ],
)
def test_odd_queries(server: Server, query: str, status: int) -> None:
    """A query that cannot be read gets the status that its operation documents for that."""
    given, _, content = ask(server, f"GET /v1/{query}")
    assert given == status
    assert status == 200 or errors_in(content)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b'"x"',
        b"{nope",
        NEW_RUN + b"x",
        b"\xef\xbb\xbf" + NEW_RUN,
        NEW_RUN.decode().encode("utf-16"),
        NEW_RUN[:-1] + b', "x": NaN}',
        NEW_RUN[:-1] + b', "x": 1e999}',
        NEW_RUN[:-1] + b', "x": "\\ud800"}',
        NEW_RUN[:-1] + b', "x": "\xff"}',
        NEW_RUN[:-1] + b', "x": "\x00"}',
        NEW_RUN[:-1] + b', "x": ' + b"[" * 300 + b"]" * 300 + b"}",
        NEW_RUN[:-1] + b', "x": ' + b"[" * 10_000 + b"]" * 10_000 + b"}",
        NEW_RUN[:-1] + b', "thread_id": null}',
        NEW_RUN[:-1] + b', "thread_id": "x"}',
        NEW_RUN[:-1] + b', "prompt": 7}',
        b'{"type": true}',
        b'{"TYPE": "cip_orchestrator"}',
    ],
)
def test_a_bad_body_is_refused(server: Server, body: bytes) -> None:
    """Not JSON, nearly JSON, JSON that nobody could write again, or not what is asked for."""
    before = len(server.running.store.runs)
    status, _, content = ask(server, "POST /v1/runs", JSON, f"Content-Length: {len(body)}", body=body)
    assert status in (400, 422), content
    assert errors_in(content)
    assert len(server.running.store.runs) == before


@pytest.mark.parametrize(
    "body",
    [
        NEW_RUN[:-1] + b', "type": "cip_orchestrator"}',
        NEW_RUN[:-1] + b', "x": ' + b"9" * 300 + b"}",
        NEW_RUN[:-1] + b', "prompt": "a\\u0000b"}',
    ],
)
def test_an_unusual_body_is_taken(server: Server, body: bytes) -> None:
    """A key twice (the last holds), a number of any size where none is asked for, a null byte as text."""
    status, _, content = ask(server, "POST /v1/runs", JSON, f"Content-Length: {len(body)}", body=body)
    assert status == 201, content
    run_id = json.loads(content)["id"]
    assert server.get(f"/runs/{run_id}")["id"] == run_id


@pytest.mark.parametrize(
    "header", ["", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "junk;;=", "é"]
)
def test_a_body_of_another_type_is_a_422(server: Server, header: str) -> None:
    """It says which type is wanted."""
    headers = [f"Content-Type: {header}"] if header else []
    status, _, content = ask(server, "POST /v1/runs", LENGTH, *headers, body=NEW_RUN)
    assert status == 422
    assert "application/json" in errors_in(content)[0]["message"]


def test_a_body_in_pieces_is_taken(server: Server) -> None:
    """Without a length, byte by byte."""
    pieces = b"".join(b"1\r\n%c\r\n" % byte for byte in NEW_RUN) + b"0\r\n\r\n"
    assert ask(server, "POST /v1/runs", JSON, "Transfer-Encoding: chunked", body=pieces)[0] == 201


@pytest.mark.parametrize(
    "headers",
    [
        ["Content-Length: -1"],
        ["Content-Length: x"],
        [f"Content-Length: {'9' * 5000}"],
        [LENGTH, "Content-Length: 3"],
        ["Transfer-Encoding: gzip"],
    ],
)
def test_a_length_that_is_none_is_refused(server: Server, headers: list[str]) -> None:
    """Before the app sees it."""
    before = len(server.running.store.runs)
    assert ask(server, "POST /v1/runs", JSON, *headers, body=NEW_RUN)[0] == 400
    assert len(server.running.store.runs) == before


def test_a_body_that_never_comes_holds_nobody_up(serve: Serve) -> None:
    """One who promises more than he sends waits alone; when he leaves nothing was done; closing is quick."""
    server = serve()
    with connect(server) as gone, connect(server) as stays:
        for connection in (gone, stays):
            write(connection, "POST /v1/runs", JSON, "Content-Length: 999", body=NEW_RUN)
        assert server.get("/runs")["total_count"] == 0
        gone.shutdown(socket.SHUT_WR)
        assert gone.recv(1) == b""
        server.running.close()
        assert not server.running.thread.is_alive()
    assert not server.running.store.runs
