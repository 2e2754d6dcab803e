"""Answers that never end, drip, or swell: each is given up in its time, whatever part of it is slow."""

import gzip
import itertools
import json
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import pytest

from runkit.client import Client, http
from runkit.client.runs import Runs
from runkit.errors import ContractError, MaybeSent, Unavailable, WaitTimeout
from runkit.models import Run
from tests.client.conftest import HANG, KEY, Answer, Asked, Server

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
Bytes = Callable[[], Iterable[bytes]]
Compose = Callable[..., dict[str, Any]]


def drops(piece: bytes) -> Iterator[bytes]:
    """The same piece again and again, well within any timeout of a read."""
    for _ in range(2_000):
        yield piece
        time.sleep(0.02)


@pytest.fixture
def speak() -> Iterator[Callable[[Bytes], str]]:
    """Start servers that answer every request with the bytes of a function; gives the URL."""
    listening: list[socket.socket] = []

    def serve(server: socket.socket, answer: Bytes) -> None:
        with suppress(OSError):
            while True:
                caller = server.accept()[0]
                with suppress(OSError), caller:
                    caller.recv(65_536)
                    for piece in answer():
                        caller.sendall(piece)

    def start(answer: Bytes) -> str:
        server = socket.create_server(("127.0.0.1", 0))
        listening.append(server)
        threading.Thread(target=serve, args=(server, answer), daemon=True).start()
        return f"http://127.0.0.1:{server.getsockname()[1]}/v1"

    yield start
    for server in listening:
        server.shutdown(socket.SHUT_RDWR)
        server.close()


class Once(Client):
    """A client whose waits between attempts pass at once, and its time with them."""

    _passed = 0.0

    def _clock(self) -> float:  # type: ignore[override]
        return time.monotonic() + self._passed

    def _sleep(self, seconds: float) -> None:  # type: ignore[override]
        self._passed += seconds


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a request end a second after it began."""
    monkeypatch.setattr(http, "REQUEST_TIMEOUT", 1.0)


DRIPS: dict[str, Bytes] = {
    "header lines": lambda: itertools.chain([b"HTTP/1.1 200 OK\r\n"], drops(b"X-A: b\r\n")),
    "100 Continue": lambda: drops(b"HTTP/1.1 100 Continue\r\n\r\n"),
    "100 Continue at full speed": lambda: itertools.repeat(b"HTTP/1.1 100 Continue\r\n\r\n" * 50),
    "body": lambda: itertools.chain([HEAD, b"Content-Length: 9000\r\n\r\n"], drops(b" ")),
}


@pytest.mark.usefixtures("soon")
@pytest.mark.parametrize("drip", DRIPS)
def test_a_read_of_a_dripping_response_ends(speak: Callable[[Bytes], str], drip: str) -> None:
    started = time.monotonic()
    with (
        Once(KEY, speak(DRIPS[drip]), timeout=0.9) as client,
        pytest.raises(Unavailable, match=r"within 1 s"),
    ):
        client.runs.get("run-1")
    assert time.monotonic() - started < 10


@pytest.mark.parametrize("drip", DRIPS)
def test_waiting_for_a_dripping_response_ends_at_its_timeout(
    speak: Callable[[Bytes], str], drip: str
) -> None:
    started = time.monotonic()
    with Client(KEY, speak(DRIPS[drip])) as client, pytest.raises((Unavailable, WaitTimeout)):
        client.runs.wait("run-1", timeout=0.4)
    assert 0.4 <= time.monotonic() - started < 10


@pytest.mark.usefixtures("soon")
@pytest.mark.parametrize("drip", DRIPS)
def test_a_write_with_a_dripping_response_may_have_arrived(speak: Callable[[Bytes], str], drip: str) -> None:
    started = time.monotonic()
    with Once(KEY, speak(DRIPS[drip]), timeout=0.9) as client, pytest.raises(MaybeSent):
        client.runs.create("cip_orchestrator", "business-1")
    assert time.monotonic() - started < 10


@pytest.mark.usefixtures("soon")
def test_an_answer_with_a_dripping_response_ends(speak: Callable[[Bytes], str]) -> None:
    started = time.monotonic()
    url = speak(DRIPS["header lines"])
    with Once(KEY, url, timeout=0.9) as client, pytest.raises(MaybeSent):
        client.runs.resume("run-1", "int-1", {"decision": "approve"})
    assert time.monotonic() - started < 20


def test_a_write_that_is_read_slowly_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "REQUEST_TIMEOUT", 2)
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}/v1"
        note = "x" * 20_000_000  # more than the buffers of two sockets hold

        def read_slowly() -> None:
            caller = server.accept()[0]
            with suppress(OSError), caller:
                while caller.recv(20_000):
                    time.sleep(0.02)

        reader = threading.Thread(target=read_slowly, daemon=True)
        reader.start()
        started = time.monotonic()
        with Once(KEY, url, timeout=2) as client, pytest.raises(MaybeSent):
            client.actions.create("businesses", "b-1", "decision", {"note": note})
        assert time.monotonic() - started < 10


def test_a_longer_timeout_of_the_client_is_kept(
    speak: Callable[[Bytes], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "REQUEST_TIMEOUT", 0.1)

    def answer() -> Iterator[bytes]:
        time.sleep(0.5)
        yield HEAD + b"Content-Length: 2\r\n\r\n[]"

    with Client(KEY, speak(answer), timeout=5) as client:
        assert len(client.agents.list()) == 0


@pytest.mark.usefixtures("soon")
@pytest.mark.parametrize(
    "answer",
    [
        lambda: itertools.chain([HEAD, b"Transfer-Encoding: chunked\r\n\r\n"], drops(b"1\r\n \r\n")),
        lambda: itertools.chain([HEAD, b"\r\n"], drops(b" ")),
        lambda: itertools.chain([HEAD, b"\r\n", b" " * 1_000_000], drops(b" ")),
        lambda: itertools.chain([HEAD, b"Content-Encoding: gzip\r\n\r\n", gzip.compress(b"{}")], drops(b" ")),
    ],
    ids=["chunks", "until closed", "big, then slow", "after a compressed body"],
)
def test_a_dripping_answer_is_given_up(speak: Callable[[Bytes], str], answer: Bytes) -> None:
    """A server that says a little all the time is as silent as one that says nothing."""
    with Once(KEY, speak(answer), timeout=0.9) as client, pytest.raises(Unavailable, match=r"within 1 s"):
        client.agents.list()


def test_a_large_answer_may_take_longer_than_the_timeout(speak: Callable[[Bytes], str]) -> None:
    """What keeps coming at a fair pace is no drip."""
    body = json.dumps(
        {"data": [{"object": "agent", "id": "a-1", "type": "x", "name": "n" * 40_000}]}
    ).encode()
    pieces = [body[at : at + 4_000] for at in range(0, len(body), 4_000)]

    def answer() -> Iterator[bytes]:
        yield HEAD + b"Content-Length: %d\r\n\r\n" % len(body)
        for piece in pieces:
            time.sleep(0.15)
            yield piece

    with Once(KEY, speak(answer), timeout=1) as client:
        assert len(client.agents.list()[0].to_dict()["name"]) == 40_000


@pytest.mark.parametrize("is_packed", [False, True])
def test_an_answer_too_large_is_refused(
    server: Server, client: Client, monkeypatch: pytest.MonkeyPatch, is_packed: bool
) -> None:
    """What does not fit is said to be too large, once, also when it only swells while it is unpacked."""
    monkeypatch.setattr(http, "MAX_RESPONSE", 2**20)
    body = b" " * 2**21
    packed = Answer(gzip.compress(body), headers={"Content-Encoding": "gzip"})
    server.script = lambda asked: packed if is_packed else Answer(body)
    with pytest.raises(ContractError, match="larger than the limit of 1 MB"):
        client.runs.get("run-1")
    assert len(server.asked) == 1


def test_what_follows_a_compressed_body_has_a_bound(
    speak: Callable[[Bytes], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing of it is unpacked, so that it would never grow too large."""
    monkeypatch.setattr(http, "MAX_RESPONSE", 2**20)
    packed = gzip.compress(b"{}")
    head = HEAD + b"Content-Encoding: gzip\r\n\r\n"
    url = speak(lambda: itertools.chain([head, packed], itertools.repeat(b" " * 65_536)))
    with Once(KEY, url, timeout=5) as client, pytest.raises(ContractError, match="larger than the limit"):
        client.agents.list()


@pytest.mark.parametrize("ask", [Runs.get, lambda runs, run_id: next(runs.stream(run_id))])
def test_an_encoding_that_was_not_asked_for_is_refused(
    server: Server, client: Client, ask: Callable[[Runs, str], object]
) -> None:
    """Only what is asked for is unpacked: others, or several on one another, can swell without bound."""
    server.script = lambda asked: Answer(b"x", headers={"Content-Encoding": "gzip, gzip"})
    with pytest.raises(ContractError, match="'gzip, gzip', which was not requested"):
        ask(client.runs, "run-1")
    assert len(server.asked) == 1


def test_what_can_be_unpacked_is_asked_for(server: Server, client: Client) -> None:
    """No encoding but the one that is unpacked within bounds."""
    server.script = lambda asked: Answer({"data": []})
    client.agents.list()
    assert server.asked[0].headers["accept-encoding"] == "gzip"


def test_waiting_ends_in_time_on_a_silent_host(server: Server, run_json: Compose) -> None:
    """The time given to `wait` bounds its reads as well, however long the client's own timeout is."""
    running = iter([Answer(run_json(status="running"))])
    server.script = lambda asked: next(running, HANG)
    begun = time.monotonic()
    with Client(KEY, server.url, timeout=30) as client, pytest.raises(WaitTimeout):
        client.runs.wait("run-1", timeout=0.6)
    assert time.monotonic() - begun < 20  # the client's own timeout and the hold are 30


def test_waiting_does_not_sit_out_a_hold_that_is_too_long(server: Server, run_json: Compose) -> None:
    """`Retry-After` beyond the time given ends the wait with the state that was seen."""
    running = iter([Answer(run_json(status="running"))])
    server.script = lambda asked: next(running, Answer(status=429, headers={"Retry-After": "30"}))
    begun = time.monotonic()
    with Client(KEY, server.url) as client, pytest.raises(WaitTimeout) as caught:
        client.runs.wait("run-1", timeout=0.6)
    assert time.monotonic() - begun < 20  # the client's own timeout and the hold are 30
    assert caught.value.run.status == "running"


@pytest.mark.parametrize("n_looks", [0, 1])
def test_waiting_ends_in_time_while_others_wait_for_a_turn(
    server: Server, run_json: Compose, n_looks: int
) -> None:
    """The time given bounds the wait for the rate limiter, before the first look and before the next."""
    others: list[Future[Run]] = []

    def answer(asked: Asked) -> Answer:
        if asked.path == "/runs/run-2" and not others:
            others.extend(pool.submit(client.runs.get, "run-1") for _ in range(20))
        return Answer(run_json(asked.path[6:], status="running"))

    server.script = answer
    with Client(KEY, server.url, rate=20) as client, ThreadPoolExecutor(20) as pool:
        if not n_looks:
            client.runs.get("run-2")
        with pytest.raises(WaitTimeout) as caught:
            client.runs.wait("run-2", timeout=0.5)
        assert not all(other.done() for other in others)
        assert (caught.value.run is not None) == bool(n_looks)
    assert {other.result().id for other in others} == {"run-1"}
