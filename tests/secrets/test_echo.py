"""A server that repeats the key brings it nowhere: no error, log, traceback, event or run holds it."""

from __future__ import annotations

import copy
import inspect
import json
import logging
import pickle
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest

from runkit import errors
from runkit.client import Client
from runkit.errors import ApiError, RunkitError
from tests.secrets.canary import CANARY, chained, found_in, reachable, told_by
from tests.secrets.hostile import WAYS, hostile

RUN = {"id": "r", "status": "running"}
ASKS: dict[str, Callable[[Client], Any]] = {
    "get": lambda client: client.runs.get("r"),
    "list": lambda client: client.agents.list(),
    "post": lambda client: client.runs.create("cip_orchestrator", business_id="b"),
    "resume": lambda client: client.runs.resume("r", "q", {"decision": "approve"}),
    "stream": lambda client: list(client.runs.stream("r")),
    "fetch": lambda client: client.runs.fetch(["r", "s"], progress=False),
}
RAISED: set[type] = set()


class Hasty(Client):
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
    with Hasty(CANARY, server.url, rate=None, timeout=2) as made:
        yield made


def shown(value: Any) -> str:
    """All that a person or a tool sees of a value."""
    with warnings.catch_warnings(action="ignore"):  # members that pydantic deprecates
        told = [f"{value!r} {value} {inspect.getmembers(value)}", *reachable(value)]
    for leave in (pickle.dumps, copy.copy, copy.deepcopy):
        with suppress(TypeError):  # what refuses to leave tells nothing
            told.append(repr(leave(value)))
    told += [value._repr_html_()] if hasattr(value, "_repr_html_") else []
    return "".join(told)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("ask", ASKS)
def test_nothing_holds_what_the_server_repeats(
    server: Any,
    client: Client,
    ask: str,
    way: str,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Errors and what they came from, with locals; logs of all libraries at DEBUG; values; the client."""
    monkeypatch.setattr("runkit.client.stream.pause_before", lambda attempt: 0)
    monkeypatch.setattr("runkit.client.stream.RECONNECTS", 1)
    caplog.set_level(logging.DEBUG)
    server.way, server.seen = way, set()
    value, error = None, None
    try:
        value = ASKS[ask](client)
    except RunkitError as caught:
        error = caught
    assert server.seen == {f"Bearer {CANARY}"}
    for thread in threading.enumerate():  # what is still on its way is in the pool of connections
        if thread.name.startswith("runkit-fetch"):
            thread.join(10)
    if error is not None:
        RAISED.update(type(one) for one in chained(error))
        assert not found_in(told_by(error))
        assert not found_in(shown(error))
        assert len(str(error)) < 3000
    assert not found_in(shown(value))
    assert not found_in(caplog.text)
    assert not found_in("".join("".join(reachable(vars(record))) for record in caplog.records))
    assert not found_in(shown(client))


def test_every_error_of_a_request_was_raised() -> None:
    """The tests above saw each kind of `ApiError`, and nothing that is not runkit's."""
    assert set(ApiError.__subclasses__()) <= RAISED
    assert all(issubclass(one, RunkitError) for one in RAISED)


def test_what_is_blotted_is_said(server: Any, client: Client, caplog: pytest.LogCaptureFixture) -> None:
    """Data from which the key was taken says so in the log, and stars stand where it stood."""
    server.way = "run"
    with pytest.raises(errors.ContractError):  # the id is another one than was asked for
        client.runs.get("r")
    assert "the answer repeated the API key; *** stands in its place" in caplog.text
    server.way = {"/agents": "page"}
    with pytest.raises(errors.ContractError) as caught:
        client.agents.list()
    assert "***" in str(caught.value) or not json.dumps(str(caught.value)).count(CANARY[:8])


class Bomb(BaseException):
    """What no `except Exception` stops."""


@pytest.mark.parametrize("bomb", [Bomb, KeyboardInterrupt, MemoryError, SystemExit, ValueError])
@pytest.mark.parametrize("ask", ["get", "post", "stream"])
def test_what_breaks_in_from_outside_shows_no_headers(
    server: Any, client: Client, bomb: type[BaseException], ask: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C, a timeout of a test's or no memory, deep inside the HTTP libraries: frames are empty."""
    server.way = "events" if ask == "stream" else "run"

    def explode(*_: Any, **__: Any) -> bytes:
        raise bomb

    monkeypatch.setattr("httpcore._sync.http11.HTTP11Connection._receive_event", explode)
    with pytest.raises(bomb) as caught:
        ASKS[ask](client)
    assert not found_in(told_by(caught.value))


@pytest.mark.parametrize("bomb", [Bomb, KeyboardInterrupt])
def test_what_breaks_a_stream_off_shows_no_headers(
    server: Any, client: Client, bomb: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also after the head of the answer has come, while events are read."""
    server.way = "events"

    def explode(*_: Any, **__: Any) -> Iterator[bytes]:
        raise bomb
        yield b""

    monkeypatch.setattr("httpcore._sync.http11.HTTP11Connection._receive_response_body", explode)
    with pytest.raises(bomb) as caught:
        ASKS["stream"](client)
    assert not found_in(told_by(caught.value))
