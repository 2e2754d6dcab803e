"""The client against runkit's own sandbox, from the creation of a run to its rating."""

import pickle
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import httpx
import pytest

import runkit
from runkit.client import Client
from runkit.errors import AuthError, Conflict, Invalid, NotFound
from runkit.models import Run
from runkit.questions import interrupt_kind, proposals_of
from runkit.server import Sandbox, sandbox


@pytest.fixture
def box() -> Iterator[Sandbox]:
    """Start a fast sandbox."""
    with sandbox(speed=2000) as running:
        yield running


@pytest.fixture
def client(box: Sandbox) -> Iterator[Client]:
    """Give a client of it that is not slowed down."""
    with box.client(rate=None) as made:
        yield made


def test_from_creation_to_rating(box: Sandbox, client: Client) -> None:
    """Create, follow, answer, wait, rate, list and fetch: the whole way of an analyst."""
    business = box.business("watchlist_hit")
    run = client.runs.create("cip_orchestrator", business_id=business)
    told = [event.type for event in client.runs.stream(run)]
    assert told[0] == "RUN_STARTED"
    assert told[-2:] == ["RUN_FINISHED", "RUN_READ"]

    paused = client.runs.wait(run)
    assert (paused.status, paused.business_id) == ("interrupted", business)
    question = paused.interrupts[0]
    assert interrupt_kind(question.value) == "dismissal"
    client.runs.resume(paused, question.id, {"decision": "approve", "note": "another person"})
    with pytest.raises(Conflict):
        client.runs.resume(paused, question.id, {"decision": "approve", "note": "another person"})

    ended = client.runs.wait(run)
    assert ended.status == "completed"
    assert ended.output is not None
    artifact = ended.output.artifacts[0]
    assert not client.runs.feedback(ended, artifact.id, "positive").superseded_prior
    assert client.runs.feedback(ended, artifact.id, "negative", comment="no").superseded_prior

    assert client.runs.list(business_id=business).ids == (run.id,)
    assert client.runs.fetch(client.runs.list())[0].steps == ended.steps


def test_refused_answer_leaves_the_question_open(box: Sandbox, client: Client) -> None:
    """An answer that the server does not understand is invalid, and the question still waits."""
    run = client.runs.wait(client.runs.create("cip_orchestrator", box.business("watchlist_hit")))
    with pytest.raises(Invalid, match="still open"):
        client.runs.resume(run.id, run.interrupts[0].id, {"decision": "perhaps"})
    assert client.runs.get(run).status == "interrupted"


@pytest.mark.parametrize(
    ("answer", "parameter"),
    [
        ({"decision": "approve"}, "input.note"),
        ({"decision": "yes", "note": "another person"}, "input.decision"),
        ({"decision": "APPROVE", "note": "another person"}, "input.decision"),
    ],
)
def test_the_sandbox_enforces_words_and_notes(
    box: Sandbox, client: Client, answer: dict[str, str], parameter: str
) -> None:
    """It dismisses no hit without them, says which parameter is wrong, and goes on asking."""
    run = client.runs.wait(client.runs.create("cip_orchestrator", box.business("watchlist_hit")))
    with pytest.raises(Invalid) as caught:
        client.runs.resume(run.id, run.interrupts[0].id, answer)
    assert (caught.value.status, caught.value.parameter) == (422, parameter)
    assert client.runs.get(run).interrupts[0].id == run.interrupts[0].id


def test_an_id_in_capitals_is_the_same_run(box: Sandbox, client: Client) -> None:
    """The sandbox takes a UUID in either case, and the client knows the run again."""
    run = client.runs.create("cip_orchestrator", box.business("clean_pass"))
    assert client.runs.wait(run.id.upper()).id == run.id
    assert client.runs.fetch([run.id.upper(), run]).ids == (run.id,)


def test_combined_proposals(box: Sandbox, client: Client) -> None:
    """A combined question holds several proposals and is of several kinds."""
    run = client.runs.wait(client.runs.create("cip_orchestrator", box.business("combined_proposal")))
    value = run.interrupts[0].value
    assert len(proposals_of(value)) > 1
    assert interrupt_kind(value) == "mixed"


def test_past_runs_are_listed_whole() -> None:
    """A list of several pages is read to its end and knows that it is whole; a limit cuts it."""
    with sandbox(history=130) as past, past.client(rate=None) as client:
        runs = client.runs.list()
        assert (len(runs), runs.is_complete) == (runs.total_count, True)
        assert len(runs) >= 130
        assert not client.runs.list(limit=10).is_complete
        completed = client.runs.list(status="completed")
        assert {run.status for run in completed} == {"completed"}
        assert completed.is_complete


def test_refusals(box: Sandbox, client: Client) -> None:
    """A wrong key and an unknown id are what they are."""
    with pytest.raises(NotFound):
        client.runs.get("00000000-0000-4000-8000-000000000000")
    with Client("mk_test_wrong", box.url) as stranger, pytest.raises(AuthError):
        stranger.agents.list()


def test_a_list_knows_the_servers_time(box: Sandbox, client: Client) -> None:
    """`as_of="now"` measures an open run by the sandbox's virtual clock, not this machine's."""
    run = client.runs.create("cip_orchestrator", box.business("long_5000"))
    runs = client.runs.fetch([run])
    before = box.now()
    as_of = runkit.frames(runs, as_of="now").runs["as_of"].iloc[0].to_pydatetime()
    assert before - timedelta(seconds=1) <= as_of <= box.now()
    assert pickle.loads(pickle.dumps(runs)).ids == runs.ids


@contextmanager
def watched(box: Sandbox, **options: Any) -> Iterator[tuple[Client, list[int]]]:
    """A client of a sandbox, and the statuses of all that is answered."""
    statuses: list[int] = []

    class Watched(httpx.HTTPTransport):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            response = super().handle_request(request)
            statuses.append(response.status_code)
            return response

    with Client(box.key, box.url, transport=Watched(), **options) as client:
        yield client, statuses


def test_the_pace_meets_no_limiter() -> None:
    """At its usual rate a client stays under a strict limit of as many requests in any second."""
    with sandbox(history=50, latency=0.02, limit=20) as box, watched(box) as (client, statuses):
        runs = client.runs.fetch(client.runs.list())
        assert (len(runs), runs.is_complete) == (50, True)
    assert statuses.count(429) <= 5  # a busy machine delays some and bunches the next; without a pace: dozens


@pytest.mark.parametrize("retry_after", [True, False])
def test_a_limiter_loses_nothing(retry_after: bool) -> None:
    """A client without a pace is refused, waits, and has every run in the end."""
    with sandbox(history=60) as box, watched(box, rate=None) as (client, statuses):
        ids = client.runs.list().ids
        box.fault("limit", on="GET /", times=None, per_second=30, retry_after=retry_after)
        runs = client.runs.fetch(ids)
        assert (runs.ids, runs.why) == (ids, None)
    assert 429 in statuses


def test_a_restart_loses_nothing() -> None:
    """A server that goes away in the middle and comes back later is waited for; no run comes twice."""
    options: dict[str, Any] = {
        "history": 60,
        "now": "2026-02-03T12:00:00Z",
        "key": "mk_test_restart",
        "latency": 0.02,
    }
    box = sandbox(**options)
    port = int(box.url.removesuffix("/v1").rpartition(":")[2])
    with box.client(rate=None) as client:
        ids = client.runs.list().ids
        before = {one: client.runs.get(one).steps for one in ids}
        came = []
        for run_id, run in client.runs.arriving(ids, workers=4):
            assert isinstance(run, Run)
            assert run.steps == before[run_id]
            came.append(run_id)
            if len(came) == 20:
                box.close()
                back = ThreadPoolExecutor(1).submit(lambda: time.sleep(1) or sandbox(port=port, **options))
    back.result().close()
    assert sorted(came) == sorted(ids)
