"""Answers that never end, drip, or swell.

Each is given up in its time, whatever part of it is slow.
"""

import gzip
import itertools
import threading
import time

import httpx
import pytest

from runkit.client import Client, _http, _reader
from runkit.errors import ContractError, MaybeSent, Unavailable, WaitTimeout
from tests.client.conftest import KEY, Answer

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"
EVENTS = CHUNKED + b"Content-Type: text/event-stream\r\n\r\n"
KEEPALIVE = b"d\r\n: keepalive\n\n\r\n"
EMPTY_BLOCK = b"\x00\x00\x00\xff\xff"  # of deflate, after which more may follow
# what a server sends: the first part at once, the second again and again
DRIPS = {
    "bytes of a header": (b"HTTP/1.1 200 OK\r\nX-Slow: ", b"x"),
    "header lines": (b"HTTP/1.1 200 OK\r\n", b"X-Slow: x\r\n"),
    "informational responses": (b"", b"HTTP/1.1 102 Processing\r\n\r\n"),
    "bytes of the body": (b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n", b" "),
    "an extension of a chunk": (CHUNKED + b"\r\n1;x=", b"x"),
    "trailers": (CHUNKED + b"\r\n2\r\n{}\r\n0\r\n", b"X-Slow: x\r\n"),
    "empty blocks of gzip": (
        CHUNKED + b"Content-Encoding: gzip\r\n\r\na\r\n" + gzip.compress(b"")[:10] + b"\r\n",
        b"5\r\n" + EMPTY_BLOCK + b"\r\n",
    ),
}
ENDLESS = DRIPS["informational responses"]
PAUSE = 0.03  # seconds between two drips
LIMIT = 0.3  # seconds of a request in these tests
LESS_THAN_A_DRIP = 40  # seconds; a drip ends after a minute
pytestmark = pytest.mark.timeout(LESS_THAN_A_DRIP)


def drip(first, again):
    """Answer with the first part at once and the other one again and again, for a minute."""

    def parts():
        yield first
        for _ in range(int(60 / PAUSE)):
            time.sleep(PAUSE)
            yield again

    return Answer(parts=parts())


@pytest.fixture
def slow_client(server, monkeypatch):
    """Return a client whose requests take `LIMIT` at most, and are not repeated."""
    monkeypatch.setattr(_http, "REQUEST_TIMEOUT", LIMIT)
    monkeypatch.setattr(_http, "FIRST_ANSWER_TIMEOUT", LIMIT)
    with Client(KEY, server.url, rate=None, timeout=LIMIT) as client:
        yield client


@pytest.mark.parametrize("name", DRIPS)
def test_a_read_ends_although_its_response_does_not(server, slow_client, name):
    server.script = lambda request: drip(*DRIPS[name])
    with pytest.raises(Unavailable):
        slow_client.runs.get("run-1")


def test_a_kept_connection_is_closed_in_time(server, slow_client, run_json):
    """The second request on it gets no complete response, and the third uses another one."""
    server.say(Answer(run_json()), drip(*ENDLESS), Answer(run_json()))
    assert [slow_client.runs.get("run-1").id for _ in range(2)] == ["run-1", "run-1"]
    assert len(server.requests) == 3


@pytest.mark.usefixtures("slow_client")
def test_wait_ends_although_a_response_does_not(server):
    """Its own timeout counts, also when that of the client is long."""
    server.script = lambda request: drip(*ENDLESS)
    client = Client(KEY, server.url, timeout=60)
    with client, pytest.raises((Unavailable, WaitTimeout)):
        client.runs.wait("run-1", timeout=LIMIT)


def test_a_write_without_a_complete_response_may_have_arrived(server, slow_client):
    server.script = lambda request: drip(*ENDLESS)
    with pytest.raises(MaybeSent):
        slow_client.runs.create("cip_orchestrator", thread_id="t-1")
    assert len(server.requests) == 1


def test_a_fetch_ends_although_no_response_does(server, slow_client):
    server.script = lambda request: drip(*ENDLESS)
    with pytest.raises(Unavailable):
        slow_client.runs.fetch(["run-1", "run-2"], progress=False)


def test_an_answer_without_a_complete_response_is_looked_up(server, slow_client, run_json):
    server.say(drip(*ENDLESS), Answer(run_json()))
    run_afterwards = slow_client.runs.resume("run-1", "int-1", {"decision": "approve"})
    assert run_afterwards.status == "completed"
    assert [request.method for request in server.requests] == ["POST", "GET"]


@pytest.mark.usefixtures("slow_client")
def test_a_proxy_that_does_not_connect_is_given_up(server):
    server.script = lambda request: drip(*ENDLESS)
    proxy = server.url.removesuffix("/v1")
    client = Client(KEY, "https://host.example/v1", proxy=proxy, timeout=LIMIT)
    with client, pytest.raises(Unavailable):
        client.runs.get("run-1")
    assert server.requests[0].method == "CONNECT"


# ----------------------------------------------------------------------------------------- streams


NOT_FOUND = b"HTTP/1.1 404 Not Found\r\nContent-Length: 9999\r\n\r\n"


@pytest.mark.parametrize(
    ("first", "again"),
    [ENDLESS, (NOT_FOUND, b" "), (EVENTS + b"1;x=", b"x"), (EVENTS, KEEPALIVE)],
    ids=["no response", "an error's body", "an extension of a chunk", "keepalives"],
)
def test_a_stream_that_does_not_end_ends_with_the_run(
    server, slow_client, run_json, monkeypatch, first, again
):
    """The run is completed, and its stream brings no events."""
    monkeypatch.setattr(_reader, "QUIET_TIME", LIMIT)
    server.script = lambda request: (
        drip(first, again) if request.path.endswith("/stream") else Answer(run_json())
    )
    events = [(event.type, event.run) for event in slow_client.runs.stream("run-1")]
    assert [(kind, run and run.status) for kind, run in events] == [("RUN_READ", "completed")]


def test_a_stream_with_keepalives_goes_on_while_the_run_is_running(
    server, slow_client, run_json, monkeypatch
):
    monkeypatch.setattr(_reader, "QUIET_TIME", LIMIT)

    def parts():
        for part in drip(EVENTS, KEEPALIVE).parts:
            yield part
            if len(server.requests) > 2:  # the run has been read twice
                break
        event = b'event: RUN_FINISHED\ndata: {"run_id": "run-1"}\n\n'
        yield b"%x\r\n%s\r\n0\r\n\r\n" % (len(event), event)

    server.script = lambda request: (
        Answer(parts=parts())
        if request.path.endswith("/stream")
        else Answer(run_json(status="running"))
    )
    kinds = [event.type for event in slow_client.runs.stream("run-1")]
    assert kinds == ["RUN_FINISHED", "RUN_READ"]


def test_a_stream_is_read_to_its_end_by_a_slow_reader(server, client, run_json, fake_time):
    """Time that the reader takes is not time without an event."""
    taken = threading.Semaphore()

    def events():
        for _ in range(3):
            taken.acquire(timeout=LESS_THAN_A_DRIP)
            yield b'event: RUN_STARTED\ndata: {"run_id": "run-1"}\n\n'

    server.script = lambda request: (
        Answer(chunks=events()) if request.path.endswith("/stream") else Answer(run_json())
    )
    kinds = []
    for event in client.runs.stream("run-1"):
        kinds.append(event.type)
        fake_time.sleep(10 * _reader.QUIET_TIME)
        taken.release()
    assert kinds == ["RUN_STARTED"] * 3 + ["RUN_READ"]


# -------------------------------------------------------------------------------------------- size


@pytest.mark.parametrize("is_packed", [False, True])
def test_an_answer_too_large_is_refused(server, client, monkeypatch, is_packed):
    """Also when it only swells while it is unpacked."""
    monkeypatch.setattr(_http, "MAX_RESPONSE", 2**20)
    body = b" " * 2**21
    packed = Answer(gzip.compress(body), headers={"Content-Encoding": "gzip"})
    server.script = lambda request: packed if is_packed else Answer(body)
    with pytest.raises(ContractError, match="larger than 1 MB"):
        client.runs.get("run-1")
    assert len(server.requests) == 1


def test_an_error_of_a_stream_that_is_too_large_is_refused(server, client, monkeypatch):
    monkeypatch.setattr(_http, "MAX_RESPONSE", 2**20)
    endless = itertools.repeat(b" " * 2**16)
    server.script = lambda request: Answer(status=404, chunks=endless)
    with pytest.raises(ContractError, match="larger than 1 MB"):
        list(client.runs.stream("run-1"))


# ------------------------------------------------------------------------------------------- words


@pytest.mark.parametrize(("seconds", "text"), [(202.4, "202 s"), (2.04, "2.0 s")])
def test_the_error_names_the_seconds(fake_time, seconds, text):
    def respond(request):
        fake_time.sleep(seconds)
        raise httpx.ReadTimeout("")

    class TimedClient(Client):
        _sleep, _clock = staticmethod(fake_time.sleep), staticmethod(fake_time.clock)

    client = TimedClient(KEY, timeout=300, transport=httpx.MockTransport(respond))
    with client, pytest.raises(MaybeSent, match=rf"no complete response within {text}\."):
        client.runs.create("cip_orchestrator", thread_id="t-1")
