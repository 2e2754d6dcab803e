"""The client sends a write once, keeps its key to itself, and never calls a part the whole."""

from __future__ import annotations

import gc
import json
import logging
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import runkit
from runkit.errors import MaybeSent, RunkitError, Unavailable, UsageError, WaitTimeout
from tests.client.conftest import DROP, KEY, Answer, Received, Server, Time

Compose = Callable[..., dict[str, Any]]
Client = runkit.Client
REJECT = {"decision": "reject"}
REQUESTS: dict[str, Callable[[Client], Any]] = {
    "get": lambda client: client.runs.get("run-1"),
    "list": lambda client: client.runs.list(),
    "create": lambda client: client.runs.create("cip_orchestrator", business_id="b-1"),
    "stream": lambda client: list(client.runs.stream("run-1")),
}


def n_posts(server: Server) -> int:
    return sum(line.startswith("POST") for line in server.lines)


def serve(server: Server, read: object, written: Answer | None = None) -> None:
    """Answer every read with one body, and every write with another answer."""
    server.script = lambda request: (
        written if written and request.method == "POST" else Answer(read)
    )


# ---------------------------------------------------------------------------------- an answer, once


@pytest.fixture
def waiting(run_json: Compose, question: dict[str, Any]) -> dict[str, Any]:
    """The run `run-1` while its question `int-1` waits."""
    return run_json(status="interrupted", interrupts=[question], steps=[])


def test_an_answer_whose_reply_is_lost_is_sent_once_and_claimed_by_nobody(
    server: Server, client: Client, run_json: Compose
) -> None:
    serve(server, run_json(), written=DROP)
    assert client.runs.resume("run-1", "int-1", REJECT).status == "completed"
    assert n_posts(server) == 1
    assert runkit.answer_log()["delivery"].tolist() == ["unconfirmed"]


def test_a_run_whose_creation_is_in_doubt_is_created_once(server: Server, client: Client) -> None:
    """A server error after the request may come after the work."""
    server.script = lambda request: Answer(status=502)
    with pytest.raises(MaybeSent):
        REQUESTS["create"](client)
    assert n_posts(server) == 1


def test_an_answer_to_a_question_that_still_waits_is_not_confirmed(
    server: Server, client: Client, waiting: dict[str, Any]
) -> None:
    serve(server, waiting)
    with pytest.raises(MaybeSent):
        client.runs.resume("run-1", "int-1", REJECT)
    assert n_posts(server) == 1
    assert runkit.answer_log()["delivery"].tolist() == ["unknown"]


@pytest.mark.parametrize(
    "answer", [{"decision": "approve"}, {"decision": "yes", "note": "not him"}]
)
def test_a_dismissal_without_its_note_or_word_is_not_sent(
    server: Server, client: Client, waiting: dict[str, Any], answer: dict[str, Any]
) -> None:
    serve(server, waiting)
    with pytest.raises(UsageError):
        client.runs.resume(runkit.Run.from_json(waiting), "int-1", answer)
    assert n_posts(server) == 0


def test_an_answer_is_in_the_log_before_it_leaves(
    server: Server, client: Client, run_json: Compose, state_dir: Path
) -> None:
    """The log is for its owner only."""
    assert len(runkit.answer_log()) == 0  # imports pandas, which may outlast the client's timeout
    at_arrival: list[Any] = []

    def script(request: Received) -> Answer:
        at_arrival.extend(
            runkit.answer_log()[["run_id", "interrupt_id", "delivery"]].values.tolist()
        )
        return Answer(run_json())

    server.script = script
    client.runs.resume("run-1", "int-1", REJECT)
    assert at_arrival == [["run-1", "int-1", "sending"]]
    assert runkit.answer_log()["delivery"].tolist() == ["confirmed"]
    modes = {stat.S_IMODE(path.stat().st_mode) for path in (state_dir, *state_dir.iterdir())}
    assert modes == {0o700, 0o600}


# ------------------------------------------------------------------------------------------ the key


@pytest.mark.parametrize("name", REQUESTS)
def test_no_redirect_takes_the_key_along(server: Server, client: Client, name: str) -> None:
    server.script = lambda request: Answer(status=307, headers={"Location": "/v1/elsewhere"})
    with pytest.raises(RunkitError):
        REQUESTS[name](client)
    assert len(server.lines) == 1


@pytest.mark.parametrize("key", [KEY, "of-another-form-7c1e9a04"])
def test_the_key_is_in_no_log_and_no_error(
    server: Server, caplog: pytest.LogCaptureFixture, key: str
) -> None:
    """Logs of all libraries at every level, and the words of a server that repeats the key."""
    caplog.set_level(logging.DEBUG)
    body = {"errors": [{"message": f"the key {key} may not do this", "parameter": key}]}
    server.script = lambda request: Answer(body, status=401)
    with Client(key, server.url, rate=None) as client, pytest.raises(PermissionError) as caught:
        client.agents.list()
    assert "may not do this" in str(caught.value)
    assert key not in f"{caught.value} {caught.value!r} {client!r}"
    assert caplog.records
    assert key not in caplog.text


@pytest.mark.parametrize("key", ["completed", "run"])
def test_the_key_changes_no_answer(key: str) -> None:
    """A run is read as it came, whatever the key is."""
    with runkit.sandbox(key=key, history=5) as box, box.client() as client:
        runs = client.runs.fetch(client.runs.list(progress=False), progress=False)
    assert {run.to_dict()["object"] for run in runs} == {"run"}
    assert {run.status for run in runs} <= {"completed", "error", "interrupted"}
    del runs, box, client
    gc.collect()  # else the word is hidden in messages of later tests


@pytest.mark.parametrize(
    ("key", "url"),
    [
        ("mk_live_0123456789abcdef", "https://elsewhere.example/v1"),
        ("mk_live_0123456789abcdef", "http://127.0.0.1:9/v1"),
        ("mk_live_0123456789abcdef", "https://api-sandbox.middesk.com/v1"),
        ("another_0123456789abcdef", "https://elsewhere.example/v1"),
        ("another_0123456789abcdef", "http://127.0.0.1:9/v1"),
    ],
)
def test_the_environment_sends_no_live_key_elsewhere(
    monkeypatch: pytest.MonkeyPatch, key: str, url: str
) -> None:
    """Only code can send a key that may be live to a host that is not Middesk's own for it."""
    monkeypatch.setenv("MIDDESK_API_KEY", key)
    monkeypatch.setenv("MIDDESK_BASE_URL", url)
    with pytest.raises(UsageError):
        Client()


# ------------------------------------------------------------------------ what was asked for, whole


def test_a_response_with_another_run_is_an_error(
    server: Server, client: Client, run_json: Compose
) -> None:
    """A cache or proxy that mixes up answers must not mix up customers."""
    serve(server, run_json("run-of-another-customer"))
    with pytest.raises(RunkitError):
        client.runs.get("run-1")


def test_a_stream_of_another_run_is_an_error(
    server: Server, client: Client, run_json: Compose
) -> None:
    data = json.dumps({"snapshot": run_json("run-of-another-customer", steps=[])})
    stream = Answer(chunks=[f"event: STATE_SNAPSHOT\ndata: {data}\n\n".encode()])
    server.script = lambda request: (
        stream if request.path.endswith("/stream") else Answer(run_json("run-1"))
    )
    with pytest.raises(RunkitError):
        list(client.runs.stream("run-1"))


def test_a_list_has_all_runs_or_says_that_it_has_not() -> None:
    """Three pages are read to the end; a limit that cuts is said, one that does not is not."""
    with runkit.sandbox(history=230) as box, box.client(rate=None) as client:
        whole, cut, enough = (client.runs.list(limit=n, progress=False) for n in (None, 7, 230))
    assert (len(whole), len(set(whole.ids)), whole.is_complete) == (230, 230, True)
    assert (len(cut), cut.ids, cut.is_complete) == (7, whole.ids[:7], False)
    assert (len(enough), enough.is_complete) == (230, True)


def test_a_run_that_cannot_be_read_is_missing_by_name(
    server: Server, client: Client, run_json: Compose
) -> None:
    """The others arrive, also after one that this key may not read.

    The list does not claim to be whole.
    """
    refusals = {"run-0": 403, "run-3": 404}

    def script(request: Received) -> Answer:
        run_id = request.path.removeprefix("/runs/")
        return Answer(run_json(run_id, steps=[]), status=refusals.get(run_id, 200))

    server.script = script
    runs = client.runs.fetch([f"run-{number}" for number in range(6)], progress=False)
    assert runs.ids == ("run-1", "run-2", "run-4", "run-5")
    assert not runs.is_complete
    assert {run_id: error.status for run_id, error in runs.errors.items()} == refusals


def test_a_run_whose_answer_is_lost_is_read_again(
    server: Server, client: Client, run_json: Compose
) -> None:
    """A dropped connection in the middle of a fetch costs no run."""
    dropped = {"run-2", "run-5"}

    def script(request: Received) -> Answer:
        run_id = request.path.removeprefix("/runs/")
        if run_id in dropped:
            dropped.remove(run_id)
            return DROP
        return Answer(run_json(run_id, steps=[]))

    server.script = script
    ids = [f"run-{number}" for number in range(8)]
    runs = client.runs.fetch(ids, progress=False)
    assert (list(runs.ids), runs.is_complete, dropped) == (ids, True, set())


@pytest.fixture
def dripping(server: Server) -> str:
    """Answer each request with a byte now and then; return the URL."""

    def drip() -> Iterator[bytes]:
        for _ in range(100):
            yield b" "
            time.sleep(0.1)

    server.script = lambda request: Answer(chunks=drip())
    return server.url


def test_waiting_ends_although_the_response_does_not(dripping: str) -> None:
    started = time.monotonic()
    with Client(KEY, dripping) as client, pytest.raises((Unavailable, WaitTimeout)):
        client.runs.wait("run-1", timeout=0.5)
    assert time.monotonic() - started < 5


def test_a_write_whose_response_does_not_end_may_have_arrived(
    dripping: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runkit.client._http.REQUEST_TIMEOUT", 1)
    started = time.monotonic()
    with Client(KEY, dripping, timeout=0.9) as client, pytest.raises(MaybeSent):
        client.runs.create("cip_orchestrator", thread_id="t-1")
    assert time.monotonic() - started < 5


def test_requests_keep_the_pace(server: Server, run_json: Compose) -> None:
    """At 20 a second, 31 requests by eight threads take one and a half seconds at least."""
    server.script = lambda request: Answer(run_json(request.path.removeprefix("/runs/"), steps=[]))
    with Client(KEY, server.url, rate=20) as client:
        started = time.monotonic()
        client.runs.fetch([f"run-{number}" for number in range(31)], progress=False)
        assert time.monotonic() - started >= 1.5
    assert len(server.lines) == 31


@pytest.mark.parametrize("status", [429, 503])
def test_a_host_that_asks_for_a_pause_gets_it(
    server: Server, client: Client, run_json: Compose, fake_time: Time, status: int
) -> None:
    """Retry-After in the response to one request holds back all others, reads and writes."""
    server.say(
        Answer(status=status, headers={"Retry-After": "7"}), Answer(run_json()), Answer(run_json())
    )
    with pytest.raises(RunkitError):
        REQUESTS["create"](client)
    REQUESTS["get"](client)
    client.runs.create("cip_orchestrator", thread_id="t-1")
    assert fake_time.slept == [7]
