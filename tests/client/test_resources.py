"""Agents, threads, documents and actions."""

from __future__ import annotations

import pytest

from runkit.errors import NotFound
from runkit.server import sandbox


def test_what_is_listed_can_be_read_by_its_id():
    with sandbox(speed=2000) as box, box.client() as client:
        business = box.business("tin_mismatch")
        thread = client.threads.create("cip_orchestrator", business_id=business)
        assert thread.business_id == business
        on = ("businesses", business)
        action = client.actions.create(*on, "decision", {"status": "approved"}, note="Seen")
        assert (action.type, action.note) == ("decision", "Seen")
        assert client.actions.get(action.id, *on) == client.actions.list(*on)[0] == action
        assert client.threads.get(thread.id).id == client.threads.list()[0].id == thread.id
        client.threads.create("cip_orchestrator", business_id=business)
        assert (len(client.threads.list()), len(client.threads.list(limit=1))) == (2, 1)
        agent = client.agents.list()[0]
        assert client.agents.get(agent.id) == agent
        documents = client.documents.list(business)
        assert [client.documents.get(item.id) for item in documents] == list(documents)
        assert "irs_letter" in {item.document_type for item in documents}
        assert all(item.size and item.created_at and item.filename for item in documents)
        for read in (client.documents.list, client.documents.get, client.agents.get):
            with pytest.raises(NotFound):
                read("unknown")
