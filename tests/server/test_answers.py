"""Rich answers: a note, a document and edited actions for each proposal."""

import pytest

from tests.server.test_scenarios import names, summary


@pytest.fixture
def server(shared):
    """One for all these tests."""
    return shared


TIN, WATCHLIST = "tin_verification", "watchlist_resolution"
SOURCE = {
    "source_type": "lease",
    "source_name": "Signed lease",
    "tier": "secondary",
    "url": "https://x.test",
}


def action(server, scenario, kind):
    """The newest action of a kind on a business or its watchlist result."""
    object_type = "watchlist_result" if kind == "dismissal" else "businesses"
    return next(item for item in server.actions(scenario, object_type) if item["type"] == kind)


def test_each_proposal_is_answered_with_its_own_note(server):
    """A proposal's own note goes with its action, the common one with the others.

    The summary has both.
    """
    proposals = [{"agent": TIN, "decision": "approve"}]
    proposals += [{"agent": WATCHLIST, "decision": "approve", "note": "born in another year"}]
    run = server.reach("combined_proposal")
    done = server.answer(run, note="checked", proposals=proposals)
    assert action(server, "combined_proposal", "dismissal")["note"] == "born in another year"
    assert action(server, "combined_proposal", "verify_tin")["note"] == "checked"
    assert "\u201cborn in another year\u201d" in summary(done)
    assert "\u201cchecked\u201d" in summary(done)


def test_an_edited_payload_is_carried_out(server):
    """The agent acts with the payload that the person edited."""
    edited = [{"type": "add_sources", "payload": {"sources": [SOURCE, SOURCE]}}]
    done = server.answer(server.reach("address_gap"), decision="approve", actions=edited)
    assert "add_source" in names(done)
    made = action(server, "address_gap", "add_sources")
    assert [entry["target"]["object"] for entry in made["effects"]] == ["lease", "lease"]


def test_a_dismissal_is_selected_with_its_empty_payload(server):
    selected = [{"type": "dismissal", "payload": {}}]
    server.answer(server.reach("watchlist_hit"), decision="approve", note="why", actions=selected)
    assert action(server, "watchlist_hit", "dismissal")["note"] == "why"


@pytest.mark.parametrize(
    ("own", "parameter"),
    [
        ({}, "decision"),
        ({"decision": "approve", "note": "x" * 5001}, "note"),
        ({"decision": "approve", "document_id": "another"}, "document_id"),
        (
            {"decision": "approve", "actions": [{"type": "verify_tin", "payload": 3}]},
            "actions[0].payload",
        ),
        (
            {
                "decision": "approve",
                "actions": [{"type": "dismissal"}, {"type": "verify_tin", "payload": {"x": 1}}],
            },
            "actions[1].payload.document_id",
        ),
    ],
)
def test_a_refusal_names_the_proposal(server, own, parameter):
    """What is wrong with one proposal is said of that proposal, and nothing is answered."""
    run = server.reach("combined_proposal")
    proposals = [{"agent": WATCHLIST, "decision": "approve", "note": "why"}, {"agent": TIN, **own}]
    [error] = server.resume(run, 422, proposals=proposals)["errors"]
    assert error["parameter"] == f"input.proposals[1].{parameter}"
    assert server.run(run["id"]) == run
