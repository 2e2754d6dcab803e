"""Faults: what a client sees of them, and whether the work was done."""

import logging
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import httpx
import pytest

from runkit.errors import UsageError
from runkit.server import Sandbox, sandbox
from support import until
from tests.sandbox.conftest import KEY, Server


@pytest.fixture
def server(shared: Server) -> Iterator[Server]:
    """One for all these tests, without faults of an earlier one."""
    yield shared
    shared.running.faults.clear()


LOST = (httpx.RemoteProtocolError, httpx.ReadError)


@pytest.fixture
def box(server: Server) -> Sandbox:
    """The server as one who joins it sees it."""
    return Sandbox(server.running.url, KEY, 1, None)


def resume(server: Server, run_id: str, timeout: float = 5) -> httpx.Response:
    """Answer the question of a run."""
    interrupt = server.running.store.plan_of(run_id).interrupts[-1].item["id"]
    body = {"interrupt_id": interrupt, "input": {"decision": "reject"}}
    return server.http.post(f"/runs/{run_id}/resume", json=body, timeout=timeout)


def is_asked(server: Server, run_id: str) -> bool:
    return bool(server.run(run_id)["interrupts"])


@pytest.mark.parametrize(
    ("kind", "options", "answer", "done"),
    [
        ("slow", {"seconds": 0.05}, 200, True),
        ("limit", {"per_second": 1}, 200, True),
        ("skew", {}, 200, True),
        ("refuse", {"status": 502}, 502, False),
        ("drop", {}, None, False),
        ("reset", {}, None, False),
        ("restart", {"seconds": 0.1}, None, False),
        ("lose_reply", {}, None, True),
        ("cut", {}, None, True),
        ("garble", {}, 200, True),
        ("drip", {"seconds": 0}, 200, True),
        ("duplicate", {}, 200, True),
        ("reorder", {}, 200, True),
    ],
)
def test_an_answer_meets_each_fault(
    server: Server,
    box: Sandbox,
    caplog: pytest.LogCaptureFixture,
    kind: str,
    options: dict[str, Any],
    answer: int | None,
    done: bool,
) -> None:
    """What a plain client gets, None for a lost connection, and whether the work was done.

    The next one is answered as if there had been no fault, and the server has no complaint.
    """
    run_id = server.reach("watchlist_hit")["id"]
    box.fault(kind, **options)
    came = None
    with caplog.at_level(logging.WARNING, "uvicorn"), suppress(*LOST):
        came = resume(server, run_id).status_code
    assert came == answer
    if kind == "restart":
        until(lambda: server.running.restart_s is None and server.running.server.started)
    box.clear_faults()
    assert is_asked(server, run_id) is not done
    assert resume(server, run_id).status_code == (422 if done else 200)
    assert not caplog.records


def test_slow(server: Server, box: Sandbox) -> None:
    """A slow request waits before it is worked on, and meanwhile others are served."""
    run_id = server.reach("watchlist_hit")["id"]
    box.fault("slow", seconds=0.5)
    with ThreadPoolExecutor(1) as pool:
        begun = time.monotonic()
        waiting = pool.submit(resume, server, run_id)
        time.sleep(0.1)
        assert is_asked(server, run_id)
        assert not waiting.done()
        assert waiting.result().status_code == 200
        assert time.monotonic() - begun >= 0.5


def test_which_requests_are_hit(server: Server, box: Sandbox) -> None:
    """Only the method and path meant are hit, as often as told, one fault after another."""
    box.fault("refuse", on="GET /agents", times=2)
    box.fault("refuse", on="GET /agents", status=500)
    server.get("/runs")
    server.start()
    assert [server.http.get("/agents").status_code for _ in range(4)] == [503, 503, 500, 200]


def test_faults_can_be_cleared(server: Server, box: Sandbox) -> None:
    """A fault that hits every path spares the sandbox's own, so that it can be taken back."""
    box.fault("drop", on="GET /", times=9)
    box.now()
    with pytest.raises(LOST):
        server.http.get("/runs")
    box.clear_faults()
    server.get("/runs")


@pytest.mark.parametrize(
    ("kind", "options", "named"),
    [
        ("explode", {}, "kind"),
        ("drop", {"on": "resume"}, "on"),
        ("drop", {"on": "DELETE /runs"}, "on"),
        ("drop", {"times": 0}, "times"),
        ("limit", {"per_second": 0}, "per_second"),
        ("slow", {"seconds": -1}, "seconds"),
        ("refuse", {"status": 200}, "status"),
    ],
)
def test_a_fault_that_is_none(box: Sandbox, kind: str, options: dict[str, object], named: str) -> None:
    """A fault that cannot be is a UsageError that names the option."""
    with pytest.raises(UsageError, match=f"^{named}: "):
        box.fault(kind, **options)  # type: ignore[arg-type]


def test_a_limit(server: Server, box: Sandbox) -> None:
    """What is beyond so many requests within a second is refused, in the shape of every error."""
    box.fault("limit", on="GET /", times=None, per_second=5)
    answers = [server.http.get("/agents") for _ in range(8)]
    assert [answer.status_code for answer in answers] == [200] * 5 + [429] * 3
    assert (list(answers[-1].json()), answers[-1].headers["Retry-After"]) == (["errors"], "1")
    time.sleep(1.05)
    assert server.http.get("/agents").status_code == 200


def test_a_sandbox_starts_with_latency_and_limit() -> None:
    """Both are faults, so they can be taken back."""
    with sandbox(latency=0.2, limit=1) as box, httpx.Client(trust_env=False) as http:
        headers = {"Authorization": f"Bearer {box.key}"}
        begun = time.monotonic()
        assert http.get(f"{box.url}/agents", headers=headers).status_code == 200
        assert time.monotonic() - begun >= 0.2
        assert http.get(f"{box.url}/agents", headers=headers).status_code == 429
        box.clear_faults()
        assert http.get(f"{box.url}/agents", headers=headers).status_code == 200
