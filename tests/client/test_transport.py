"""Retries, pace, and what is known about a request that was lost."""

import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from runkit.client import Client
from runkit.client.rate_limiter import MARGIN, RateLimiter
from runkit.client.transport import MAX_ATTEMPTS, RETRY_AFTER_MAX, retry_after
from runkit.errors import MaybeSent, RateLimited, Unavailable
from tests.client.conftest import DROP, HANG, Answer, Asked, Server, Time

Compose = Callable[..., dict[str, Any]]


@pytest.mark.parametrize(
    "trouble",
    [DROP, Answer(status=429), *(Answer(status=status) for status in (500, 502, 503, 504))],
    ids=lambda answer: str(answer.status),
)
def test_get_is_tried_again(server: Server, client: Client, run_json: Compose, trouble: Answer) -> None:
    """A GET outlives a dropped connection and every status that time may mend."""
    server.say(trouble, trouble, Answer(run_json()))
    assert client.runs.get("run-1").status == "completed"
    assert server.lines == ["GET /runs/run-1"] * 3


def test_get_of_a_cut_body_is_tried_again(server: Server, client: Client, run_json: Compose) -> None:
    """A body that ends before its length is not an answer."""
    server.say(Answer(run_json(), cut=20), Answer(run_json()))
    assert client.runs.get("run-1").id == "run-1"
    assert len(server.asked) == 2


def test_get_after_a_timeout_is_tried_again(
    server: Server, make_client: Callable[..., Client], run_json: Compose
) -> None:
    """Silence is a failure like the others, and the error names host and seconds."""
    server.say(HANG, Answer(run_json()))
    client = make_client(timeout=0.1)
    assert client.runs.get("run-1").id == "run-1"
    server.script = lambda asked: HANG
    with pytest.raises(
        Unavailable, match=rf"{client.host}: no response within 0\.1 s \({MAX_ATTEMPTS} attempts\)"
    ):
        client.runs.get("run-1")


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 410, 418, 422, 501])
def test_get_is_not_tried_again_in_vain(server: Server, client: Client, status: int) -> None:
    """What will not change by itself is asked once."""
    server.script = lambda asked: Answer(status=status)
    with pytest.raises(Exception, match=str(status)):
        client.runs.get("run-1")
    assert len(server.asked) == 1


def test_get_gives_up(server: Server, client: Client, fake_time: Time) -> None:
    """After the last try the error says so, and every wait was within its bound."""
    server.script = lambda asked: Answer(status=503)
    with pytest.raises(Unavailable) as caught:
        client.runs.get("run-1")
    assert caught.value.status == 503
    assert len(server.asked) == MAX_ATTEMPTS
    bounds = [0.5, 1, 2, 4]
    assert all(slept <= bound for slept, bound in zip(fake_time.slept, bounds, strict=True))


@pytest.mark.parametrize(
    "trouble",
    [DROP, HANG, Answer({}, cut=1), *(Answer(status=status) for status in (500, 502, 503, 504))],
    ids=["drop", "hang", "cut", "500", "502", "503", "504"],
)
def test_post_that_was_maybe_done_is_seen_once(
    server: Server, make_client: Callable[..., Client], trouble: Answer
) -> None:
    """A POST whose fate is unknown is never sent again; the error says that it is unknown."""
    server.script = lambda asked: trouble
    with pytest.raises(MaybeSent, match="may have been carried out"):
        make_client(timeout=0.2).runs.create("cip_orchestrator", business_id="b-1")
    assert server.lines == ["POST /runs"]


def test_post_does_not_go_where_the_server_may_be_hanging_up(
    server: Server, client: Client, run_json: Compose
) -> None:
    """Where a kept connection is closed as it is used again, a read is repeated, and no write is lost."""
    used: set[int] = set()

    def script(asked: Asked) -> Answer:
        is_kept = asked.connection in used
        used.add(asked.connection)
        return DROP if is_kept else Answer(run_json())

    server.script = script
    for _ in range(2):
        client.runs.get("run-1")
        client.runs.create("cip_orchestrator", thread_id="t-1")
    once, again = ["GET /runs/run-1", "POST /runs"], ["GET /runs/run-1"]
    assert server.lines == once + again + once


def test_post_refused_by_the_limiter_is_not_sent_again(server: Server, client: Client) -> None:
    """No write goes out twice by itself, whatever was answered; the wait that was asked for is told."""
    server.say(Answer(status=429, headers={"Retry-After": "7"}))
    with pytest.raises(RateLimited) as caught:
        client.runs.create("cip_orchestrator", business_id="b-1")
    assert (len(server.asked), caught.value.retry_after) == (1, 7)


def test_post_that_found_no_connection_is_sent_again(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing was sent when no connection was made, so that is `Unavailable`, after all tries."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
    slept: list[float] = []
    monkeypatch.setattr(Client, "_sleep", staticmethod(slept.append))
    with Client(key, url) as client, pytest.raises(Unavailable, match=r"no connection .*\(5 attempts\)"):
        client.runs.create("cip_orchestrator", business_id="b-1")
    assert len([seconds for seconds in slept if seconds > 0]) >= MAX_ATTEMPTS - 1


def test_long_retry_after_is_the_callers(server: Server, client: Client, fake_time: Time) -> None:
    """A wait beyond the bound is not slept through but handed on."""
    server.script = lambda asked: Answer(status=429, headers={"Retry-After": str(int(RETRY_AFTER_MAX) + 1)})
    with pytest.raises(RateLimited) as caught:
        client.runs.get("run-1")
    assert caught.value.retry_after == RETRY_AFTER_MAX + 1
    assert len(server.asked) == 1
    assert fake_time.slept == []


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "3"}, 3),
        ({"Retry-After": " 0.5 "}, 0.5),
        ({"Retry-After": "Tue, 03 Feb 2026 10:00:09 GMT", "Date": "Tue, 03 Feb 2026 10:00:04 GMT"}, 5),
        ({"Retry-After": "Tue, 03 Feb 2026 10:00:04 GMT", "Date": "Tue, 03 Feb 2026 10:00:09 GMT"}, 0),
        ({"Retry-After": "Tue, 03 Feb 2026 10:00:09 GMT"}, 0),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "-1"}, None),
        ({"Retry-After": "nan"}, None),
        ({}, None),
    ],
)
def test_retry_after(headers: dict[str, str], seconds: float | None) -> None:
    """Seconds and dates are read, a date against the server's own clock."""
    assert retry_after(httpx.Headers(headers)) == seconds


def test_wait_of_one_thread_holds_all(fake_time: Time) -> None:
    """Retry-After concerns the key, so it holds every thread of the client."""
    limiter = RateLimiter(None, clock=fake_time.clock, sleep=fake_time.sleep)
    limiter.pause(5)
    limiter.wait()
    limiter.wait()
    assert fake_time.slept == [5]


def test_fifty_threads_keep_one_pace() -> None:
    """However many threads ask, no second holds more than the rate."""
    limiter = RateLimiter(100, clock=time.monotonic, sleep=time.sleep)
    went: list[float] = []
    start = threading.Barrier(50)

    def go() -> None:
        start.wait()
        limiter.wait()
        went.append(time.monotonic())

    with ThreadPoolExecutor(50) as pool:
        for job in [pool.submit(go) for _ in range(50)]:
            job.result()
    assert len(went) == 50
    assert max(went) - min(went) >= 0.48


def test_requests_are_paced(
    server: Server, make_client: Callable[..., Client], run_json: Compose, fake_time: Time
) -> None:
    """Each request of a client takes a slot."""
    server.script = lambda asked: Answer(run_json())
    client = make_client(rate=4)
    for _ in range(5):
        client.runs.get("run-1")
    assert sum(fake_time.slept) == pytest.approx(1 + MARGIN)


def test_answers_may_be_compressed(server: Server, client: Client, run_json: Compose) -> None:
    """A compressed body is read, and the bytes of a broken one are a contract error."""
    import gzip
    import json

    packed = gzip.compress(json.dumps(run_json()).encode())
    server.say(
        Answer(packed, headers={"Content-Encoding": "gzip"}),
        Answer(b"no gzip", headers={"Content-Encoding": "gzip"}),
    )
    assert client.runs.get("run-1").id == "run-1"
    with pytest.raises(ValueError, match="compressed"):
        client.runs.get("run-1")


def test_untrusted_certificate_is_said_at_once(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A certificate that is not trusted will not be trusted at the second try."""
    import ssl

    def handshake(request: httpx.Request) -> httpx.Response:
        try:
            raise ssl.SSLCertVerificationError("self-signed certificate")
        except ssl.SSLCertVerificationError as error:
            raise httpx.ConnectError("[SSL]") from error

    with (
        Client(key, transport=httpx.MockTransport(handshake)) as client,
        pytest.raises(Unavailable, match="certificate is not trusted; pass the CA file as verify="),
    ):
        client.runs.get("run-1")
