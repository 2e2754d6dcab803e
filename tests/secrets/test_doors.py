"""The sandbox lets nobody in who has no key, comes by another name, or sends without end."""

from __future__ import annotations

import inspect
import json
import logging
import pickle
import socket
import time
from collections.abc import Iterator
from typing import Any

import psutil
import pytest

from runkit.client import Client
from runkit.errors import UsageError
from runkit.server import Sandbox, sandbox, serve
from runkit.server.faults import parse_faults
from runkit.server.launch import MAX_CONNECTIONS, SandboxServer
from runkit.server.scenarios import second_key
from tests.secrets.canary import CANARY, ODD, found_in
from tests.secrets.doors import PATHS, ask, connect

NEW_RUN = b'{"type": "cip_orchestrator", "context": {"business_id": "x"}}'


@pytest.fixture(scope="module")
def running() -> Iterator[SandboxServer]:
    """One server for all."""
    started = SandboxServer(key=CANARY)
    yield started
    started.close()


def test_it_listens_on_loopback_only(running: SandboxServer) -> None:
    """Its one socket is bound to 127.0.0.1, and every other address of this machine refuses."""
    listening = [
        one.laddr
        for one in psutil.Process().net_connections("tcp")
        if one.status == psutil.CONN_LISTEN and one.laddr.port == running.port
    ]
    assert [address.ip for address in listening] == ["127.0.0.1"]
    others = {one.address for found in psutil.net_if_addrs().values() for one in found if one.family == 2}
    for address in {*others, "127.0.0.2"} - {"127.0.0.1"}:
        with pytest.raises(OSError, match="refused"):
            socket.create_connection((address, running.port), timeout=5)


@pytest.mark.parametrize(
    "host",
    [
        *("evil.example.com", "evil.example.com:{port}", "127.0.0.1.evil.example.com", "localhost.evil.com"),
        *(
            "127.0.0.1.",
            "localhost.",
            "LOCALHOST.",
            "localhost.localdomain",
            "127.0.0.1.nip.io",
            "a.localhost",
        ),
        *("2130706433", "0x7f000001", "0x7f.1", "017700000001", "127.1", "127.0.1", "127.000.000.001", "0"),
        *("127.0.0.2", "0.0.0.0:80", "[::]", "[::ffff:127.0.0.1]", "[0:0:0:0:0:0:0:1]", "::1", "[::1%25lo]"),
        *("evil.com@127.0.0.1", "127.0.0.1@evil.com", "127.0.0.1/evil.com", "127.0.0.1#.evil.com"),
        *("127.0.0.1:80:80", "127.0.0.1:", "localhost:x", "127.0.0.1, evil.com"),
        *("127.0.0.1\\.evil.com", "127.0.0.1 evil.com", "ⓛocalhost", "１２７.0.0.1", ""),
    ],
)
def test_no_other_name_is_answered(running: SandboxServer, host: str) -> None:
    """DNS rebinding: a page under another name that leads here gets nothing on any path, key or not."""
    for path in PATHS:
        for key in (CANARY, None):
            status, _, content = ask(
                running, f"GET {path}", [f"Host: {host.format(port=running.port)}"], key=key
            )
            assert status == 400, (path, content)
            assert b"run" not in content


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.0.0.1:{port}", "LOCALHOST:{port}", "LocalHost", "[::1]:80"]
)
def test_its_own_names_are(running: SandboxServer, host: str) -> None:
    """With any port, which may be that of a tunnel, and however it is written."""
    given = [f"Host: {host.format(port=running.port)}"]
    assert ask(running, "GET /v1/agents", given)[0] == 200
    assert ask(running, "GET /v1/agents", given, key=None)[0] == 401


@pytest.mark.parametrize(
    ("hosts", "version", "status"),
    [
        ([], "1.1", 400),
        ([], "1.0", 400),
        (["Host: 127.0.0.1", "Host: 127.0.0.1"], "1.1", 400),
        (["Host: 127.0.0.1", "Host: evil.com"], "1.1", 400),
        (["Host: 127.0.0.1", "host: evil.com"], "1.0", 400),
        (["Host: evil.com", "X-Forwarded-Host: 127.0.0.1"], "1.1", 400),
        (["Host: evil.com", "Forwarded: host=127.0.0.1"], "1.1", 400),
        (["Host: 127.0.0.1", " evil.com"], "1.1", 400),
    ],
)
def test_no_host_or_two_are_refused(
    running: SandboxServer, hosts: list[str], version: str, status: int
) -> None:
    """Whoever names none, or two, or says it in another header, is not let in."""
    assert ask(running, "GET /v1/agents", hosts, version=version)[0] == status


@pytest.mark.parametrize(
    "target", ["http://evil.com/v1/agents", "http://127.0.0.1/v1/agents", "//evil.com/v1/agents"]
)
def test_an_address_as_target_leads_nowhere(running: SandboxServer, target: str) -> None:
    """A request as one sends to a proxy is not answered with anybody's data, nor passed on."""
    assert ask(running, f"GET {target}", ["Host: 127.0.0.1"])[0] == 404
    assert ask(running, f"GET {target}", ["Host: evil.com"])[0] == 400
    assert ask(running, "CONNECT evil.com:80", ["Host: evil.com:80"])[0] == 400


@pytest.mark.parametrize(
    "origin",
    [
        *(
            "null",
            "https://evil.example.com",
            "http://127.0.0.1.evil.com",
            "http://localhost.evil.com:80",
            "",
        ),
        *(
            "file://",
            "http://evil.com@localhost",
            "http://localhost@evil.com",
            "127.0.0.1",
            "http://2130706433",
        ),
        *(
            "chrome-extension://abc",
            "http://localhost/x",
            "http://http://localhost",
            "http://localhost evil.com",
        ),
    ],
)
def test_no_other_page_is_answered(running: SandboxServer, origin: str) -> None:
    """A request that a foreign page makes is refused on every path, and nothing allows it to read answers."""
    for path in PATHS:
        for method in ("GET", "POST", "OPTIONS"):
            given = ["Host: 127.0.0.1", f"Origin: {origin}", "Access-Control-Request-Method: POST"]
            status, told, _ = ask(running, f"{method} {path}", given)
            assert status == 403
            assert not [name for name in told if name.startswith("access-control")]
    two = ["Host: 127.0.0.1", "Origin: http://localhost:8888", f"Origin: {origin}"]
    assert ask(running, "GET /v1/agents", two)[0] == 403
    assert ask(running, "GET /v1/agents", two[:2])[0] == 200


def test_nothing_is_looked_at_before_the_key(running: SandboxServer) -> None:
    """Who has none gets a 401 for every path and method, whatever the body; faults do not see him."""
    running.faults.add(parse_faults("refuse times=1", 0, None)[0])
    try:
        for path in PATHS:
            for method in ("GET", "POST", "DELETE", "BREW"):
                status, told, _ = ask(running, f"{method} {path}", ["Host: 127.0.0.1"], key=None)
                assert (status, told["www-authenticate"][:6]) == (401, "bearer")
        long = ["Host: 127.0.0.1", "Content-Type: application/json", "Content-Length: 999"]
        assert ask(running, "POST /v1/runs", long, key="mk_test_of_another", body=b"{")[0] == 401
        assert running.faults.clear()[0]["times"] == 1
    finally:
        running.faults.clear()


@pytest.mark.parametrize(
    "key",
    [
        CANARY[:-1],
        CANARY + "x",
        CANARY.upper(),
        CANARY.swapcase(),
        f" {CANARY[:-2]}",
        "",
        "x" * 60_000,
        "\x7f",
    ],
)
def test_no_other_key_opens(running: SandboxServer, key: str) -> None:
    """Part of it, more than it, in capitals, nothing, or a great deal."""
    assert ask(running, "GET /v1/agents", ["Host: 127.0.0.1"], key=key)[0] in (401, 400)


def test_an_odd_key_opens() -> None:
    """Any that is ASCII without spaces; what a header cannot hold, or is no text, is refused at the start."""
    server = SandboxServer(key=ODD)
    try:
        assert ask(server, "GET /v1/agents", ["Host: 127.0.0.1"], key=ODD)[0] == 200
        with Client(ODD, server.url) as client:
            assert client.agents.list()
    finally:
        server.close()


@pytest.mark.parametrize("key", [5, b"mk_test_x", ["mk_test_x"], "mk test", "mk_test_\n", "mk_tést"])
@pytest.mark.parametrize("start", [sandbox, serve])
def test_a_key_that_is_none(start: Any, key: Any) -> None:
    """The error says what is wrong with it, without the key."""
    with pytest.raises(UsageError, match=r"^key") as caught:
        start(key=key)
    assert str(key) not in str(caught.value)


def test_keys_are_compared_in_constant_time(running: SandboxServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each comparison of a key goes through `hmac.compare_digest`, with both texts whole."""
    import hmac

    seen: list[tuple[bytes, bytes]] = []

    def compare(given: bytes, expected: bytes) -> bool:
        seen.append((given, expected))
        return hmac.compare_digest(given, expected)

    monkeypatch.setattr("runkit.server.web.hmac", type("Hmac", (), {"compare_digest": staticmethod(compare)}))
    assert ask(running, "GET /v1/agents", ["Host: 127.0.0.1"], key="mk_test_c4n4ry")[0] == 401
    assert seen == [(b"mk_test_c4n4ry", key.encode()) for key in (CANARY, second_key(CANARY))]


def test_no_answer_or_document_holds_the_key(
    running: SandboxServer, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither the OpenAPI document nor any error repeats it, however it was sent; nor does a log."""
    caplog.set_level(logging.DEBUG)
    for path in PATHS:
        for key in (CANARY, CANARY + "x"):
            _, told, content = ask(running, f"GET {path}", ["Host: 127.0.0.1"], key=key)
            assert not found_in(content + json.dumps(told).encode())
    assert not found_in(caplog.text)


def test_behind_the_gate_nothing_knows_the_key(
    running: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The application gets no header that holds it."""
    seen: list[Any] = []
    inner = running.faults.app

    async def watch(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope)
        await inner(scope, receive, send)

    monkeypatch.setattr(running.faults, "app", watch)
    assert ask(running, "GET /v1/agents", ["Host: 127.0.0.1"])[0] == 200
    assert not found_in(repr(seen[0]["headers"]))


@pytest.mark.parametrize("is_chunked", [True, False])
@pytest.mark.parametrize("path", ["/v1/runs", "/v1/threads", "/v1/runs/x/resume", "/sandbox/faults"])
def test_bodies_are_bounded(running: SandboxServer, path: str, is_chunked: bool) -> None:
    """More than a million bytes are refused with 413, announced or in pieces, and not kept meanwhile."""
    size = 50_000_000
    given = ["Host: 127.0.0.1", "Content-Type: application/json"]
    if is_chunked:
        piece = b"10000\r\n" + b" " * 65536 + b"\r\n"
        status = ask(
            running,
            f"POST {path}",
            [*given, "Transfer-Encoding: chunked"],
            pieces=(piece for _ in range(100)),
        )[0]
    else:
        status = ask(running, f"POST {path}", [*given, f"Content-Length: {size}"])[0]
    assert status == 413


def test_heads_are_bounded(running: SandboxServer) -> None:
    """A head without an end is refused, long before it is large."""
    lines = (b"x-%d: %s\r\n" % (number, b"y" * 1000) for number in range(10_000))
    assert ask(running, "GET /v1/agents", ["Host: 127.0.0.1"], unended=lines)[0] == 400
    assert ask(running, f"GET /v1/{'x' * 200_000}", ["Host: 127.0.0.1"])[0] == 400


def test_websockets_are_not_spoken(running: SandboxServer) -> None:
    """An upgrade is not taken, whatever is installed: the request is answered as any other."""
    upgrade = [
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: eA==",
    ]
    assert ask(running, "GET /v1/agents", ["Host: 127.0.0.1", *upgrade], key=None)[0] == 401
    assert ask(running, "GET /v1/agents", ["Host: evil.com", *upgrade])[0] == 400


def test_connections_are_bounded_in_number(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond so many one is refused with 503; when others leave there is room again."""
    assert MAX_CONNECTIONS < 1024  # what a process may open, by default, on Linux
    monkeypatch.setattr("runkit.server.launch.MAX_CONNECTIONS", 6)
    server = SandboxServer(key=CANARY)
    try:
        held = [connect(server) for _ in range(5)]
        assert ask(server, "GET /v1/agents", ["Host: 127.0.0.1"])[0] == 503
        for one in held:
            one.close()
        until = time.monotonic() + 5
        while ask(server, "GET /v1/agents", ["Host: 127.0.0.1"])[0] == 503:
            assert time.monotonic() < until
    finally:
        server.close()


def test_no_part_of_a_sandbox_shows_the_key(running: SandboxServer) -> None:
    """Its repr, attributes and members; it is pickled by nobody. `key` itself gives it."""
    joined = Sandbox(running.url, CANARY, 1, None)
    own = Sandbox(running.url, running.key, 1, running)
    for box in (joined, own):
        members = [(name, value) for name, value in inspect.getmembers(box) if name != "key"]
        assert not found_in(f"{box!r} {box} {vars(box)} {members}")
        with pytest.raises(TypeError):
            pickle.dumps(box)
        assert box.key == CANARY
