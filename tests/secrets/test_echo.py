"""A server that repeats the key brings it into no error and no log line; its answers stay as they came."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from runkit import errors
from runkit.client import Client
from runkit.errors import RunkitError
from runkit.server import sandbox
from tests.secrets.canary import CANARY, PLAIN, found_in, told_by
from tests.secrets.hostile import WAYS, hostile

ASKS: dict[str, Callable[[Client], Any]] = {
    "get": lambda client: client.runs.get("r"),
    "list": lambda client: client.agents.list(),
    "post": lambda client: client.runs.create("cip_orchestrator", business_id="b"),
    "resume": lambda client: client.runs.resume("r", "q", {"decision": "approve"}),
    "stream": lambda client: list(client.runs.stream("r")),
    "fetch": lambda client: client.runs.fetch(["r", "s"], progress=False),
}
CASES = [(ask, way) for ask in ASKS for way in WAYS if ask != "list" or way in ("list", "page", "429")]


class QuickClient(Client):
    """A client whose pauses pass at once, and its time with them."""

    _passed = 0.0

    def _clock(self) -> float:  # type: ignore[override]
        return time.monotonic() + self._passed

    def _sleep(self, seconds: float) -> None:  # type: ignore[override]
        self._passed += seconds


@pytest.fixture(scope="module")
def server() -> Iterator[Any]:
    """One hostile server for all."""
    with hostile() as started:
        yield started


@pytest.fixture
def client(server: Any) -> Iterator[Client]:
    """A client of it, with an odd key."""
    with QuickClient(CANARY, server.url, rate=None, timeout=2) as made:
        yield made


@pytest.mark.parametrize(("ask", "way"), CASES)
def test_no_error_or_log_line_holds_what_the_server_repeats(
    server: Any,
    client: Client,
    ask: str,
    way: str,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Errors and what they came from, runkit's log at DEBUG, and the client."""
    caplog.set_level(logging.DEBUG)
    server.way, server.seen = way, set()
    error = None
    try:
        ASKS[ask](client)
    except RunkitError as caught:
        error = caught
    assert server.seen == {f"Bearer {CANARY}"}
    for thread in threading.enumerate():  # what is still on its way is in the pool of connections
        if thread.name.startswith("runkit-fetch"):
            thread.join(10)
    if error is not None:
        assert not found_in(told_by(error))
        assert len(str(error)) < 3000
    ours = [record for record in caplog.records if record.name == "runkit"]
    assert ours
    assert not found_in("".join(f"{vars(record)}" for record in ours))
    assert not found_in(f"{client!r} {vars(client)} {client.runs!r}")


def test_a_key_in_the_place_of_an_id(client: Client, server: Any, caplog: pytest.LogCaptureFixture) -> None:
    """Pasted by mistake, it is in neither the error nor the log."""
    caplog.set_level(logging.DEBUG, "runkit")
    server.way = "404"
    with Client(PLAIN, server.url) as other, pytest.raises(errors.NotFound) as caught:
        other.runs.get(PLAIN)
    assert "GET /v1/runs/***: " in str(caught.value)
    assert not found_in(told_by(caught.value) + caplog.text)


def test_the_http_libraries_log_no_header_of_a_request(
    server: Any, client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    """Not even at DEBUG; an answer's headers are logged by httpcore as they came, and runkit leaves it so."""
    caplog.set_level(logging.DEBUG)
    with sandbox(key=CANARY) as box, box.client() as quiet:
        quiet.agents.list()
        with pytest.raises(errors.NotFound):
            next(quiet.runs.stream("r"))
    assert {"httpcore.http11", "httpcore.connection", "httpx"} <= {one.name for one in caplog.records}
    assert not found_in(caplog.text)
