"""What agents do after an answer."""

import pytest

from tests.server.conftest import BUSINESS


@pytest.mark.parametrize(
    ("scenario", "decision", "kinds"),
    [
        ("watchlist_hit", "approve", ["dismissal"]),
        ("combined_proposal", "approve", ["verify_tin", "dismissal"]),
        ("add_attributes", "approve", ["add_attributes"]),
        ("address_gap", "reject", []),
    ],
)
def test_an_approved_agent_acts(server, scenario, decision, kinds):
    """What a person approves the agent carries out once its step has ended."""
    run = server.reach(scenario)
    server.resume(run, decision=decision, note="fine")
    assert server.actions(scenario) == []
    server.settle(run["id"])
    made = server.actions(scenario)
    assert [(action["type"], action["note"]) for action in made] == [
        (kind, "fine") for kind in kinds
    ]
    assert {action["actors"][1]["data"]["id"] for action in made} <= {run["id"]}


def test_a_decision_changes_the_business(server):
    edited = [{"type": "decision", "payload": {"status": "gone"}}]  # has nothing to edit
    server.answer(server.reach("decision"), decision="approved", actions=edited)
    business = server.get(f"/businesses/{BUSINESS['decision'].id}")
    assert business["status"] == "approved"
    assert business in server.get("/businesses", per_page=100)["data"]
