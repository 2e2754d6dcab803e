"""The client against runkit's own sandbox."""

import pytest

from runkit.errors import Conflict, NotFound, UsageError
from runkit.local import answer_log
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


@pytest.fixture
def asking():
    """Return a sandbox, a client and a run that asks to dismiss a hit, read with its steps."""
    with sandbox(speed=2000) as box, box.client(rate=None) as client:
        run = client.runs.create("cip_orchestrator", box.business("watchlist_hit"))
        yield box, client, client.runs.wait(run)


NOTE = {"decision": "approve", "note": "Another date of birth"}


@pytest.mark.parametrize(
    ("interrupt_id", "answer", "words"),
    [
        ("int-9", NOTE, "interrupt_id='int-9' is not among"),
        (None, NOTE, "without an id"),
        ("{id}", {"decision": "approve"}, "needs a reason"),
    ],
)
def test_an_answer_to_nothing_is_refused_before_it_is_sent(asking, interrupt_id, answer, words):
    box, client, run = asking
    [item] = run.interrupts
    arrived = box.answers()
    with pytest.raises(UsageError, match=words):
        client.runs.resume(run, interrupt_id and interrupt_id.format(id=item.id), answer)
    assert (arrived(), answer_log.entries(run.id)) == (0, [])


def test_an_answer_that_the_api_refuses_is_logged_as_refused(asking):
    """The second one is late: its question is closed."""
    _, client, run = asking
    client.runs.resume(run, run.interrupts[0].id, NOTE)
    with pytest.raises(Conflict) as caught:
        client.runs.resume(run, run.interrupts[0].id, NOTE)
    assert caught.value.run.id == run.id
    logged = [entry.delivery for entry in answer_log.entries(run.id)]
    assert logged == ["confirmed", "refused"]
