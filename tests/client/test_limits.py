"""Answers that never end, drip, or swell are given up."""

import gzip
import time

import pytest

from runkit.client import Client, _http
from runkit.errors import ContractError, MaybeSent, Unavailable, WaitTimeout
from tests.client.conftest import KEY, Answer

HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n"
LIMIT = 0.3  # seconds of a request in these tests
LESS_THAN_A_DRIP = 40  # seconds; a drip ends after a minute
pytestmark = pytest.mark.timeout(LESS_THAN_A_DRIP)


def drip():
    """Answer with a head at once and with a part again and again, for a minute."""

    def parts():
        yield HEAD
        for _ in range(2_000):
            time.sleep(0.03)
            yield b" "

    return Answer(parts=parts())


@pytest.fixture
def slow_client(server):
    """Return a client whose requests take `LIMIT` at most, and are not repeated."""
    with Client(KEY, server.url, rate=None, timeout=LIMIT, call_timeout=LIMIT) as client:
        yield client


@pytest.mark.parametrize(
    ("error", "call"),
    [
        (Unavailable, lambda runs: runs.get("run-1")),
        (Unavailable, lambda runs: runs.fetch(["run-1", "run-2"], progress=False)),
        ((Unavailable, WaitTimeout), lambda runs: runs.wait("run-1", timeout=LIMIT / 2)),
        (MaybeSent, lambda runs: runs.create("cip_orchestrator", thread_id="t-1")),
    ],
    ids=["get", "fetch", "wait", "create"],
)
def test_a_request_ends_although_its_response_does_not(server, slow_client, error, call):
    server.script = lambda request: drip()
    with pytest.raises(error):
        call(slow_client.runs)
    assert len(server.posts) == (error is MaybeSent)


def read_a_run(client):
    return client.runs.get("run-1")


def follow_a_run(client):
    return [*client.runs.stream("run-1")]


SPACES = b" " * 2**21
PACKED = {"Content-Encoding": "gzip"}


@pytest.mark.parametrize(
    ("call", "answer"),
    [
        (read_a_run, Answer(SPACES)),
        (read_a_run, Answer(gzip.compress(SPACES), headers=PACKED)),
        (follow_a_run, Answer(chunks=[b"data: ", *[b"x" * 2**16] * 20])),
    ],
    ids=["large", "swells while it is unpacked", "an event without an end"],
)
def test_a_response_too_large_is_refused(server, client, monkeypatch, call, answer):
    monkeypatch.setattr(_http, "MAX_RESPONSE", 2**20)
    server.script = lambda request: answer
    with pytest.raises(ContractError, match="larger than 1 MB"):
        call(client)
    assert len(server.requests) == 1
