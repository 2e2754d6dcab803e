"""The client against runkit's own sandbox."""

import pytest

from runkit.errors import Conflict, NotFound
from runkit.server import sandbox


def test_a_run_is_created_followed_answered_and_rated():
    """Create, follow, answer, wait, rate, list and fetch: the whole way of an analyst."""
    with sandbox(speed=2000) as box, box.client(rate=None) as client:
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


def test_the_lists_of_the_api_hold_what_was_made():
    with sandbox(speed=2000) as box, box.client() as client:
        business = box.business("tin_mismatch")
        runs = [client.runs.create("cip_orchestrator", business_id=business) for _ in range(2)]
        threads = client.threads.list(business_id=business)
        assert [thread.business_id for thread in threads] == [business] * 2
        assert {thread.id for thread in threads} == {run.thread_id for run in runs}
        assert (len(client.threads.list()), len(client.threads.list(limit=1))) == (2, 1)
        assert client.actions.list("businesses", business).is_complete
        assert {run.agent for run in runs} <= {agent.type for agent in client.agents.list()}
        documents = client.documents.list(business)
        assert "irs_letter" in {item.document_type for item in documents}
        assert all(item.size and item.created_at and item.filename for item in documents)
        with pytest.raises(NotFound):
            client.documents.list("unknown")
