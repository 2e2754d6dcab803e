"""The client against runkit's own sandbox."""

import pytest

from runkit.errors import NotFound
from tests.faults import sandbox


def test_the_lists_of_the_api_hold_what_was_made():
    with sandbox(speed=2000) as box, box.client() as client:
        business = box.business("tin_mismatch")
        runs = [client.runs.create("cip_orchestrator", business_id=business) for _ in range(2)]
        threads = client.threads.list(business_id=business)
        assert {thread.id for thread in threads} == {run.thread_id for run in runs}
        assert len(client.threads.list()) == 2
        assert not client.actions.list("businesses", business).missing
        assert {run.agent for run in runs} <= {agent.type for agent in client.agents.list()}
        assert "irs_letter" in {item.document_type for item in client.documents.list(business)}
        with pytest.raises(NotFound):
            client.documents.list("unknown")
