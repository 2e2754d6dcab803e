"""What the sandbox does to connections and answers on demand, byte for byte, and that it can be repeated."""

import json
import socket
import time
from collections.abc import Iterator
from datetime import timedelta
from email.utils import parsedate_to_datetime
from itertools import pairwise
from typing import Any

import httpx
import pytest

from runkit.client import Client
from runkit.errors import UsageError
from runkit.server import Sandbox, sandbox
from tests.sandbox.conftest import KEY, Serve, Server


@pytest.fixture
def server(shared: Server) -> Iterator[Server]:
    """One for all these tests, without faults of an earlier one."""
    yield shared
    shared.running.faults.clear()


HEAD = f"Host: 127.0.0.1\r\nAuthorization: Bearer {KEY}\r\n\r\n"


@pytest.fixture
def box(server: Server) -> Sandbox:
    """The server as one who joins it sees it."""
    return Sandbox(server.running.url, KEY, 1, None)


def ask(server: Server, path: str = "/agents") -> tuple[bytes, bytes, str]:
    """GET by hand: the head, the body, and how the connection ended."""
    with socket.create_connection(("127.0.0.1", server.running.port), timeout=5) as caller:
        caller.sendall(f"GET /v1{path} HTTP/1.1\r\nConnection: close\r\n{HEAD}".encode())
        came, end = b"", "closed"
        try:
            while piece := caller.recv(65_536):
                came += piece
        except ConnectionResetError:
            end = "reset"
    head, _, body = came.partition(b"\r\n\r\n")
    return head, body, end


def length(head: bytes) -> int:
    """What the head promises."""
    return int(
        httpx.Response(200, headers=[line.split(b": ", 1) for line in head.split(b"\r\n")[1:]]).headers[
            "content-length"
        ]
    )


@pytest.mark.parametrize(("kind", "end"), [("drop", "closed"), ("reset", "reset")])
def test_a_connection_is_closed_or_reset(server: Server, box: Sandbox, kind: str, end: str) -> None:
    """One ends as a server that shuts down does, the other as a machine that was switched off."""
    box.fault(kind, "GET /agents")
    assert ask(server) == (b"", b"", end)


@pytest.mark.parametrize("at", [0, 1, 50])
def test_a_body_is_cut(server: Server, box: Sandbox, at: int) -> None:
    """The head promises all of it, so many bytes come, and the connection is closed."""
    _, whole, _ = ask(server)
    box.fault("cut", "GET /agents", at=at)
    head, body, end = ask(server)
    assert (length(head), body, end) == (len(whole), whole[:at], "closed")


def test_a_body_is_cut_in_half(server: Server, box: Sandbox) -> None:
    """Where nothing says when."""
    _, whole, _ = ask(server)
    box.fault("cut", "GET /agents")
    assert ask(server)[1] == whole[: len(whole) // 2]


def test_a_cut_behind_the_end_is_none(server: Server, box: Sandbox) -> None:
    """An answer that is shorter comes whole."""
    _, whole, _ = ask(server)
    box.fault("cut", "GET /agents", at=len(whole))
    assert ask(server)[1] == whole


def test_json_is_garbled(server: Server, box: Sandbox) -> None:
    """It seems whole, as its status and its end do; what it holds is no JSON."""
    whole = server.http.get("/agents").content
    box.fault("garble", "GET /agents")
    answer = server.http.get("/agents")
    assert (answer.status_code, answer.content) == (200, whole[: len(whole) // 2])
    with pytest.raises(json.JSONDecodeError):
        answer.json()


def test_a_body_drips(server: Server, box: Sandbox) -> None:
    """It comes whole, a byte at a time."""
    _, whole, _ = ask(server, "/runs")
    box.fault("drip", "GET /runs", seconds=0.005)
    begun = time.monotonic()
    assert ask(server, "/runs")[1] == whole
    assert time.monotonic() - begun >= 0.005 * len(whole)


def test_the_date_is_wrong(server: Server, box: Sandbox) -> None:
    """The clock that stamps the answers is not that of the runs."""
    right = parsedate_to_datetime(server.http.get("/agents").headers["date"])
    box.fault("skew", "GET /agents", by=-86_400)
    wrong = parsedate_to_datetime(server.http.get("/agents").headers["date"])
    assert wrong - right == timedelta(days=-1)


@pytest.mark.parametrize(("seconds", "told"), [(None, None), (2, "2"), (0.1, "1")])
def test_a_refusal_may_say_how_long(server: Server, box: Sandbox, seconds: Any, told: str | None) -> None:
    """`Retry-After` stands there, in whole seconds, if it was asked for."""
    box.fault("refuse", "GET /agents", status=429, seconds=seconds)
    answer = server.http.get("/agents")
    assert (answer.status_code, answer.headers.get("retry-after")) == (429, told)


def test_a_restart(serve: Serve) -> None:
    """All connections are lost, new ones refused for a while; then the same port knows what it knew."""
    server = serve()
    box = Sandbox(server.running.url, KEY, 1, None)
    run_id = server.start()
    box.fault("restart", "GET /agents", seconds=0.5)
    with server.http.stream("GET", f"/runs/{run_id}/stream") as answer:
        pieces = answer.iter_bytes()
        next(pieces)
        begun = time.monotonic()
        assert ask(server)[0] == b""
        with pytest.raises(httpx.RemoteProtocolError):
            list(pieces)
    seen = []
    while not seen or seen[-1] != "200":
        try:
            seen.append(str(server.http.get(f"/runs/{run_id}").status_code))
        except httpx.ConnectError:
            seen.append("refused")
        time.sleep(0.02)
    assert set(seen) == {"refused", "200"}
    assert time.monotonic() - begun >= 0.5


def test_a_client_survives_a_restart(serve: Serve) -> None:
    """A real client, with its real patience, has its answer."""
    server = serve()
    box = Sandbox(server.running.url, KEY, 1, None)
    run_id = server.reach("clean_pass")["id"]
    with Client(KEY, server.running.url) as client:
        client.agents.list()
        box.fault("restart", "GET /runs", seconds=0.6)
        assert client.runs.fetch([run_id] * 3, progress=False).is_complete


def test_a_server_ends_while_it_is_away() -> None:
    """Closing does not wait until a restart is over."""
    with sandbox() as box:
        box.fault("restart", "GET /agents", seconds=60)
        with pytest.raises(httpx.HTTPError):
            httpx.get(f"{box.url}/agents", headers={"Authorization": f"Bearer {box.key}"}, trust_env=False)
        time.sleep(0.3)
        begun = time.monotonic()
    assert time.monotonic() - begun < 5


def events(server: Server, run_id: str) -> list[bytes]:
    """The events of a run that has stopped."""
    answer = server.http.get(f"/runs/{run_id}/stream")
    return [event for event in answer.content.split(b"\n\n") if event]


def test_events_come_twice(server: Server, box: Sandbox) -> None:
    """Each right behind itself; other requests are spared, though their paths match."""
    run_id = server.reach("clean_pass")["id"]
    clean = events(server, run_id)
    box.fault("duplicate", "GET /runs")
    assert server.get(f"/runs/{run_id}")["id"] == run_id
    assert events(server, run_id) == [event for event in clean for _ in range(2)]


def test_events_come_in_disorder(server: Server, box: Sandbox) -> None:
    """All of them, each once, in another order."""
    run_id = server.reach("clean_pass")["id"]
    clean = events(server, run_id)
    box.fault("reorder", "GET /stream")
    shuffled = events(server, run_id)
    assert shuffled != clean
    assert sorted(shuffled) == sorted(clean)


def test_events_are_garbled(server: Server, box: Sandbox) -> None:
    """Each one is cut short, and the stream goes on."""
    run_id = server.reach("clean_pass")["id"]
    clean = events(server, run_id)
    box.fault("garble", "GET /stream")
    garbled = events(server, run_id)
    assert len(garbled) == len(clean)
    assert all(
        whole.startswith(half.strip()) and half != whole for half, whole in zip(garbled, clean, strict=True)
    )


@pytest.mark.parametrize("at", [0, 171, 2_000, None])
def test_a_stream_is_cut_at_any_byte(server: Server, box: Sandbox, at: int | None) -> None:
    """The client opens it again: no event comes twice, none goes back in time, and the last is the truth."""
    run_id = server.start()
    server.time.seconds += 60  # it works, and has something to tell
    box.fault("cut", "GET /stream", times=2, at=at)
    pauses = []

    class Reopening(Client):
        @staticmethod
        def _sleep(seconds: float) -> None:
            pauses.append(seconds)
            if len(pauses) == 2:
                server.time.seconds += 3_000  # it ends

    with Reopening(KEY, server.running.url, rate=None) as client:
        *told, last = client.runs.stream(run_id)
        assert last.run == client.runs.get(run_id)
    assert last.run.status == "completed"
    times = [event.timestamp for event in told]
    assert len(times) > 3
    assert all(one <= other for one, other in pairwise(times))
    said = [(event.type, str(event.snapshot)) for event in told]
    assert len(said) == len(set(said))


def outcomes(serve: Serve, seed: int) -> list[int]:
    """How a server with two faults of chance answers 40 requests."""
    server = serve(seed=seed, faults=["refuse chance=0.3", "refuse GET /agents status=500 chance=0.3"])
    return [server.http.get("/agents").status_code for _ in range(40)]


def test_chance_is_drawn_from_the_seed(serve: Serve) -> None:
    """Equal seeds give equal trouble, others other trouble; and there is as much of it as was asked for."""
    first = outcomes(serve, 1)
    assert outcomes(serve, 1) == first
    assert outcomes(serve, 2) != first
    assert set(first) == {200, 500, 503}
    assert 5 <= first.count(503) <= 20


def test_jitter(server: Server, box: Sandbox) -> None:
    """A delay is at least its seconds, and differs from one request to the next."""
    box.fault("slow", "GET /agents", times=5, seconds=0.05, jitter=0.2)
    took = [server.http.get("/agents").elapsed.total_seconds() for _ in range(5)]
    assert min(took) >= 0.05
    assert max(took) - min(took) > 0.02


@pytest.fixture
def troubled() -> Iterator[Sandbox]:
    """A sandbox that starts with faults, given in all the ways there are."""
    faults = ["refuse GET /runs status=502 times=1", {"kind": "skew", "by": 60}, "refuse /feedback"]
    with sandbox(faults=faults) as box:
        yield box


def test_faults_from_the_start(troubled: Sandbox) -> None:
    """Text or fields; every request unless a path is named, for good unless a number is."""
    headers = {"Authorization": f"Bearer {troubled.key}"}
    with httpx.Client(base_url=troubled.url, headers=headers, trust_env=False) as http:
        assert [http.get("/runs").status_code for _ in range(2)] == [502, 200]
        assert [http.post("/runs/x/feedback", json={}).status_code for _ in range(2)] == [503, 503]
        ahead = parsedate_to_datetime(http.get("/agents").headers["date"]) - troubled.now()
        assert timedelta(seconds=50) < ahead < timedelta(seconds=70)
        troubled.clear_faults()
        assert http.post("/runs/x/feedback", json={}).status_code != 503


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ("", "kind: Input should be 'limit', "),
        ("refuse status=x", "status: Input should be a valid integer"),
        ("refuse FOO /runs", "on: String should match"),
        ("slow second=1", "second: Extra inputs are not permitted"),
        ({"kind": "slow", "chance": 2}, "chance: Input should be less than or equal to 1"),
        (5, "expected text such as 'refuse status=502', or its fields"),
    ],
)
def test_a_fault_that_cannot_be(fault: Any, told: str) -> None:
    """It is named, and what is wrong with it."""
    with pytest.raises(UsageError, match=f"^fault {fault!r}: .*{told}".replace("(", r"\(")):
        sandbox(faults=[fault])
