"""The client against runkit's own sandbox, from the creation of a run to its rating."""

import pickle
from collections.abc import Iterator
from datetime import timedelta

import pytest

import runkit
from runkit.client import Client
from runkit.errors import Conflict
from runkit.questions import interrupt_kind
from runkit.server import Sandbox, sandbox


@pytest.fixture
def box() -> Iterator[Sandbox]:
    """Start a fast sandbox."""
    with sandbox(speed=2000) as running:
        yield running


@pytest.fixture
def client(box: Sandbox) -> Iterator[Client]:
    """Return a client of it that is not slowed down."""
    with box.client(rate=None) as made:
        yield made


def test_from_creation_to_rating(box: Sandbox, client: Client) -> None:
    """Create, follow, answer, wait, rate, list and fetch: the whole way of an analyst."""
    business = box.business("watchlist_hit")
    run = client.runs.create("cip_orchestrator", business_id=business)
    messages = [event.type for event in client.runs.stream(run)]
    assert messages[0] == "RUN_STARTED"
    assert messages[-2:] == ["RUN_FINISHED", "RUN_READ"]

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


def test_a_list_knows_the_servers_time(box: Sandbox, client: Client) -> None:
    """`as_of="now"` measures an open run by the sandbox's virtual clock, not this machine's."""
    run = client.runs.create("cip_orchestrator", box.business("long_5000"))
    runs = client.runs.fetch([run])
    before = box.now()
    as_of = runkit.frames(runs, as_of="now").runs["as_of"].iloc[0].to_pydatetime()
    assert before - timedelta(seconds=1) <= as_of <= box.now()
    assert pickle.loads(pickle.dumps(runs)).ids == runs.ids
