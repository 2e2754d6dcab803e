"""The client against runkit's own sandbox, from the creation of a run to its rating."""

import pytest

from runkit.errors import Conflict
from runkit.server import sandbox


@pytest.fixture
def box():
    """Start a fast sandbox."""
    with sandbox(speed=2000) as running:
        yield running


@pytest.fixture
def client(box):
    """Return a client of it that is not slowed down."""
    with box.client(rate=None) as made:
        yield made


def test_a_run_is_created_followed_answered_and_rated(box, client):
    """Create, follow, answer, wait, rate, list and fetch: the whole way of an analyst."""
    business = box.business("watchlist_hit")
    run = client.runs.create("cip_orchestrator", business_id=business)
    messages = [event.type for event in client.runs.stream(run)]
    assert (messages[0], *messages[-2:]) == ("RUN_STARTED", "RUN_FINISHED", "RUN_READ")
    paused = client.runs.wait(run)
    assert (paused.status, paused.business_id) == ("interrupted", business)
    answer = {"decision": "approve", "note": "another person"}
    client.runs.resume(paused, paused.interrupts[0].id, answer)
    with pytest.raises(Conflict):
        client.runs.resume(paused, paused.interrupts[0].id, answer)
    ended = client.runs.wait(run)
    assert ended.status == "completed"
    [artifact] = ended.output.artifacts
    assert not client.runs.feedback(ended, artifact.id, "positive").superseded_prior
    assert client.runs.feedback(ended, artifact.id, "negative", comment="no").superseded_prior
    assert client.runs.list(business_id=business).ids == (run.id,)
    assert client.runs.fetch(client.runs.list())[0].steps == ended.steps
