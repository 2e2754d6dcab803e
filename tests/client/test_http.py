"""Retries, pace, and what is known about a request that was lost."""

import socket
from contextlib import suppress

import pytest

from runkit.client import Client
from runkit.errors import RateLimited, RunkitError, Unavailable
from tests.client.conftest import KEY, Answer


@pytest.mark.parametrize("seconds", [None, 10])
def test_reads_are_tried_again_for_the_time_of_a_call(server, make_client, fake_time, seconds):
    """A minute, or what `call_timeout` says."""
    client = make_client(**({"call_timeout": seconds} if seconds else {}))
    server.script = lambda received: Answer(status=502)
    for read in (lambda: client.runs.get("run-1"), client.runs.list):
        started = fake_time.now
        with pytest.raises(Unavailable):
            read()
        assert (seconds or 60) - 3 < fake_time.now - started <= (seconds or 60)


def test_a_host_that_does_not_listen_is_given_up_soon(server, client, fake_time):
    server.socket.close()
    with pytest.raises(Unavailable, match="no connection"):
        client.runs.get("run-1")
    assert 1 < sum(fake_time.slept) <= 5


@pytest.mark.parametrize("status", [429, 503])
def test_a_pause_counts_into_the_time_of_a_call(server, make_client, fake_time, status):
    """A call of 60 seconds outlasts a pause of 40, one of 10 does not."""
    pause = Answer(status=status, headers={"Retry-After": "40"})
    server.say(pause, Answer({"data": []}), pause)
    assert make_client().runs.list().missing == ()
    assert fake_time.slept == [40]
    client = make_client(call_timeout=10)
    for _ in range(2):  # the second time nothing is sent
        with pytest.raises((RateLimited, Unavailable)):
            client.runs.get("run-1")
    assert fake_time.slept == [40]
    assert len(server.requests) == 3


REQUESTS = {
    "get": lambda client: client.runs.get("run-1"),
    "list": lambda client: client.runs.list(),
    "create": lambda client: client.runs.create("cip_orchestrator", thread_id="t-1"),
    "stream": lambda client: list(client.runs.stream("run-1")),
}


@pytest.mark.parametrize("name", REQUESTS)
def test_no_redirect_takes_the_key_along(server, client, name):
    server.script = lambda request: Answer(status=307, headers={"Location": "/v1/elsewhere"})
    with pytest.raises(RunkitError):
        REQUESTS[name](client)
    assert len(server.lines) == 1


@pytest.mark.parametrize("name", REQUESTS)
def test_a_connection_is_closed_whose_client_closes_meanwhile(
    server, client, run_json, monkeypatch, name
):
    """The pool, which is closed first, does not know it."""
    opened = []
    connect = socket.create_connection

    def connect_late(*args, **options):
        opened.append(connect(*args, **options))
        client.close()
        return opened[-1]

    monkeypatch.setattr(socket, "create_connection", connect_late)
    kind = "text/event-stream" if name == "stream" else "application/json"
    server.script = lambda request: Answer(run_json(), headers={"Content-Type": kind})
    with suppress(RunkitError):  # a list or a stream needs more than one request
        REQUESTS[name](client)
    assert [connection.fileno() for connection in opened] == [-1]


def test_requests_keep_the_pace(server, make_client, run_json, fake_time):
    """At 20 a second, 31 requests by eight threads take one and a half seconds at least."""
    server.script = lambda request: Answer(run_json(request.path.removeprefix("/runs/"), steps=[]))
    started = fake_time.now
    make_client(rate=20).runs.fetch([f"run-{number}" for number in range(31)], progress=False)
    assert fake_time.now - started >= 1.5
    assert len(server.lines) == 31


def test_a_pause_holds_back_a_request_that_waits_for_its_turn(server, run_json, fake_time):
    class Waiting(Client):
        _clock = staticmethod(fake_time.clock)

        @staticmethod
        def _sleep(seconds):
            if not fake_time.slept:  # another request is refused in the meantime
                fake_time.slept.append(0.0)
                with pytest.raises(RateLimited):
                    REQUESTS["create"](client)
            fake_time.sleep(seconds)

    refusal = Answer(status=429, headers={"Retry-After": "7"})
    server.script = lambda request: refusal if request.method == "POST" else Answer(run_json())
    with Waiting(KEY, server.url, rate=1) as client:
        client.runs.get("run-1")
        started = fake_time.now
        client.runs.get("run-1")
    assert fake_time.now - started > 2 + 7


@pytest.mark.parametrize(
    ("status", "headers", "pause"),
    [(429, {"Retry-After": "7"}, 7), (503, {"Retry-After": "7"}, 7), (429, {}, 1)],
)
def test_a_host_that_asks_for_a_pause_gets_it(
    server, client, run_json, fake_time, status, headers, pause
):
    """Retry-After, else one second, holds back all others, reads and writes."""
    server.say(Answer(status=status, headers=headers), Answer(run_json()), Answer(run_json()))
    with pytest.raises(RunkitError):
        REQUESTS["create"](client)
    REQUESTS["get"](client)
    client.runs.create("cip_orchestrator", thread_id="t-1")
    assert fake_time.slept == [pause]
