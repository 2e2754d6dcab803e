"""Answers that never end, drip, or swell: each is given up in its time, whatever part of it is slow."""

import gzip
import itertools
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress

import pytest

from runkit.client import Client, http
from runkit.errors import ContractError, MaybeSent
from tests.client.conftest import KEY, Answer, Server

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
Bytes = Callable[[], Iterable[bytes]]


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


def drip() -> Iterator[bytes]:
    return itertools.chain([HEAD, b"Content-Length: 9000\r\n\r\n"], drops(b" "))


@pytest.mark.usefixtures("soon")
def test_a_write_with_a_dripping_response_may_have_arrived(speak: Callable[[Bytes], str]) -> None:
    started = time.monotonic()
    with Once(KEY, speak(drip), timeout=0.9) as client, pytest.raises(MaybeSent):
        client.runs.create("cip_orchestrator", "business-1")
    assert time.monotonic() - started < 10


@pytest.mark.parametrize("is_packed", [False, True])
def test_an_answer_too_large_is_refused(
    server: Server, client: Client, monkeypatch: pytest.MonkeyPatch, is_packed: bool
) -> None:
    """What does not fit is said to be too large, once, also when it only swells while it is unpacked."""
    monkeypatch.setattr(http, "MAX_RESPONSE", 2**20)
    body = b" " * 2**21
    packed = Answer(gzip.compress(body), headers={"Content-Encoding": "gzip"})
    server.script = lambda request: packed if is_packed else Answer(body)
    with pytest.raises(ContractError, match="larger than the limit of 1 MB"):
        client.runs.get("run-1")
    assert len(server.requests) == 1
