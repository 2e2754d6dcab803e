"""Every answer that leaves is in the log, whoever sends it and whatever becomes of it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
import pytest

import runkit
import support
from runkit import answers
from runkit.client import Client
from runkit.errors import RunkitError
from tests.client.conftest import DROP, Answer, Received, Server

Compose = Callable[..., dict[str, Any]]
YES = {"decision": "approve", "note": "tax number 12-3456789"}
MOMENTS = {"sent_at", "settled_at", "run_created_at", "shown_at"}
ANSWERER = """
import sys
from runkit.client import Client
Client(sys.argv[1], sys.argv[2]).runs.resume("run-1", "int-1", {"decision": "approve"})
"""


@pytest.fixture
def pending(run_json: Compose, question: dict[str, Any]) -> Answer:
    """Return the run while its question waits."""
    return Answer(run_json(status="interrupted", interrupts=[question]))


def resume(client: Client) -> None:
    """Answer, whatever comes of it."""
    with suppress(RunkitError):
        client.runs.resume("run-1", "int-1", YES)


@pytest.mark.parametrize(
    ("verdict", "is_open_after", "delivery", "message"),
    [
        (Answer(), False, "confirmed", "the API accepted the answer"),
        (DROP, False, "unconfirmed", "could not be confirmed"),
        (DROP, True, "unknown", "may still arrive"),
        (Answer(status=500), True, "unknown", "may still arrive"),
        (Answer(status=422), True, "refused", "still open"),
        (Answer(status=422), False, "refused", "closed in the meantime"),
        (Answer(status=401), True, "failed", "401"),
        (Answer(status=307), True, "unknown", "redirect"),
    ],
)
def test_each_verdict(
    server: Server,
    client: Client,
    run_json: Compose,
    pending: Answer,
    verdict: Answer,
    is_open_after: bool,
    delivery: str,
    message: str,
) -> None:
    """One entry for each answer, with what was sent, by whom, to what, and what became of it."""
    after = pending if is_open_after else Answer(run_json())
    done = after if verdict.status == 200 else verdict
    server.script = lambda request: done if request.method == "POST" else after
    resume(client)
    [entry] = answers.entries()
    assert entry.delivery == delivery
    assert message in (entry.message or "")
    assert (entry.host, entry.mode, entry.run_id, entry.interrupt_id) == (
        client.host,
        client.mode,
        "run-1",
        "int-1",
    )
    assert entry.answer == '{"decision":"approve","note":"tax number 12-3456789"}'
    assert entry.answered_by == answers.declared_name()
    assert entry.settled_at is not None
    assert timedelta(0) <= entry.settled_at - entry.sent_at < timedelta(seconds=10)
    assert (entry.run_created_at is not None) is (
        delivery in ("confirmed", "unconfirmed") or delivery == "unknown"
    )


def test_a_kernel_that_is_killed(server: Server, key: str) -> None:
    """A process that ends in mid-send leaves an entry without a verdict: the answer may have arrived."""
    process: list[subprocess.Popen[bytes]] = []

    def script(request: Received) -> Answer:
        process[0].send_signal(signal.SIGKILL)
        return server.hang

    server.script = script
    process.append(subprocess.Popen([sys.executable, "-c", ANSWERER, key, server.url]))
    assert process[0].wait(60) == -signal.SIGKILL
    [entry] = answers.entries()
    assert (entry.delivery, entry.settled_at, entry.message) == ("sending", None, None)
    assert entry.delivery in answers.IN_DOUBT


def test_the_frame(server: Server, client: Client, run_json: Compose, pending: Answer) -> None:
    """One row an answer, oldest first; an empty log has the same columns and types."""
    empty = runkit.answer_log()
    server.say(Answer(run_json()), Answer(status=401), Answer(status=422), pending)
    for _ in range(3):
        resume(client)
    frame = runkit.answer_log()
    assert list(frame["delivery"]) == ["confirmed", "failed", "refused"]
    assert list(frame["answer_id"]) == [1, 2, 3]
    assert set(frame["answered_by_source"]) == {"self-declared"}
    assert frame["sent_at"].max() - pd.Timestamp(datetime.now(UTC)) < pd.Timedelta(0)
    for found in (empty, frame):
        types = {name: str(kind) for name, kind in found.dtypes.items()}
        assert {name for name, kind in types.items() if kind == "datetime64[us, UTC]"} == MOMENTS
        others = MOMENTS | {"answer_id", "n_sources_opened"}
        assert (types["answer_id"], types["n_sources_opened"]) == ("int64", "Int32")
        assert {kind for name, kind in types.items() if name not in others} == {"str"}
    assert list(empty) == list(frame)


def test_a_log_that_cannot_be_written(
    server: Server,
    client: Client,
    run_json: Compose,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It is said in a warning and stops no answer."""
    monkeypatch.setenv("RUNKIT_STATE_DIR", os.devnull + "/state")
    server.say(Answer(run_json()))
    assert client.runs.resume("run-1", "int-1", YES).status == "completed"
    assert "the answer log was not written" in caplog.text
    assert "12-3456789" not in caplog.text


@pytest.mark.parametrize(("hub", "name"), [("ada@hub", "ada@hub"), ("", None)])
def test_who_sits_here(monkeypatch: pytest.MonkeyPatch, hub: str, name: str | None) -> None:
    """JupyterHub's user comes before the login of a container."""
    monkeypatch.setenv("JUPYTERHUB_USER", hub)
    monkeypatch.setenv("LOGNAME", "login")
    assert answers.declared_name() == (name or "login")


@pytest.mark.parametrize(("step_id", "answered_by"), [("s1", ["Ada", None]), (None, [None, None])])
def test_only_its_own_question_was_answered(
    step_id: str | None, answered_by: list[str | None]
) -> None:
    """An answer is not attributed to a question that was asked later under the same id."""
    known = {"run_id": "r", "interrupt_id": "int-1", "step_id": step_id}
    answers.settle(answers.begin(YES, "Ada", known), "confirmed", None, None)
    pauses = [
        support.question(f"s{n}", 10 * n, 10 * n + 5, result={"interrupt_id": "int-1"})
        for n in (1, 2)
    ]
    found = runkit.frames(support.run(*pauses), answers=runkit.answer_log()).interrupts[
        "answered_by"
    ]
    assert found.astype(object).where(found.notna(), None).tolist() == answered_by
