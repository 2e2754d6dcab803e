"""The client against runkit's own sandbox, from the creation of a run to its rating."""

import pickle
from collections.abc import Iterator
from datetime import timedelta

import pytest

import runkit
from runkit.client import Client
from runkit.client.codec import interrupt_kind, proposals_of
from runkit.errors import AuthError, Conflict, Invalid, NotFound
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
        client.runs.resume(paused, question.id, {"decision": "approve"})

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
        client.runs.resume(run, run.interrupts[0].id, {"decision": "perhaps"})
    assert client.runs.get(run).status == "interrupted"


def test_combined_proposals(box: Sandbox, client: Client) -> None:
    """A combined question holds several proposals and is of several kinds."""
    run = client.runs.wait(client.runs.create("cip_orchestrator", box.business("combined_proposal")))
    value = run.interrupts[0].value
    assert len(proposals_of(value)) > 1
    assert interrupt_kind(value) == "mixed"


def test_past_runs_are_listed_whole() -> None:
    """A list of several pages is read to its end and knows that it is whole; a limit cuts it."""
    with sandbox(history=230) as past, past.client(rate=None) as client:
        runs = client.runs.list()
        assert (len(runs), runs.is_complete) == (runs.total_count, True)
        assert len(runs) >= 230
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
