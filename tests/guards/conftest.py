"""What the guards share: a server that follows a script, a sandbox, and clients of both.

The guards are small tests of what a user must be able to rely on, through public names only, so that they
outlive the modules behind them. `tests/defects` says which change of the code each of them must notice.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

import runkit
from tests.client.conftest import (
    KEY,
    Answer,
    Asked,
    Server,
    fake_time,
    make_client,
    question,
    run_json,
    server,
)

__all__ = ["fake_time", "make_client", "question", "run_json", "server"]
NAMES = (
    "MIDDESK_API_KEY",
    "MIDDESK_BASE_URL",
    "RUNKIT_SANDBOX_URL",
    "RUNKIT_SANDBOX_KEY",
    "RUNKIT_REPORT_DATA",
)


@pytest.fixture(autouse=True)
def no_account(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test sees an account or a sandbox of whoever runs it."""
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session")
def box() -> Iterator[Any]:
    """A sandbox in which agents work a few milliseconds."""
    with pytest.MonkeyPatch.context() as patch:
        for name in NAMES:
            patch.delenv(name, raising=False)
        running = runkit.sandbox(speed=3000)
    with running:
        yield running


@pytest.fixture
def client(server: Server) -> Iterator[runkit.Client]:
    """A client of the server that follows a script."""
    with runkit.Client(KEY, server.url, rate=None, timeout=5) as made:
        yield made


@contextmanager
def running(server: Server) -> Iterator[Server]:
    """Let a server that follows a script serve."""
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def waiting(run_json: Callable[..., dict[str, Any]], question: dict[str, Any]) -> dict[str, Any]:
    """The run `run-1` while its question `int-1` waits."""
    return run_json(status="interrupted", interrupts=[question], steps=[])


def posts(server: Server) -> list[Asked]:
    """The writes that have reached a server."""
    return [asked for asked in server.asked if asked.method == "POST"]


def serving(*, read: object, written: Answer | None = None) -> Callable[[Asked], Answer]:
    """A script that answers every read with one body, and every write with another answer."""
    return lambda asked: (written or Answer(read)) if asked.method == "POST" else Answer(read)
