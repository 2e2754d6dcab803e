"""Actions: those a person posts, and those an agent takes."""

import pytest

from tests.server.conftest import BUSINESS, target


def action(scenario, kind, payload, **more):
    return {**target(scenario), "type": kind, "payload": payload, **more}


def decide(scenario, status):
    return action(scenario, "decision", {"status": status})


def test_a_decision_changes_the_business(server):
    """A decision tells what it changed, from what to what, and the business has the new status."""
    made = server.post("/actions", decide("clean_pass", "approved"))
    business_id = BUSINESS["clean_pass"].id
    [effect] = made["effects"]
    assert effect["diff"] == {"status": {"before": "in_review", "after": "approved"}}
    assert effect["target"] == {"object": "business", "id": business_id}
    assert [actor["actor_type"] for actor in made["actors"]] == ["account"]
    assert server.get(f"/businesses/{business_id}")["status"] == "approved"
    assert server.actions("clean_pass") == [made]
    assert server.get(f"/actions/{made['id']}", **target("clean_pass")) == made


def test_a_dismissal_closes_the_watchlist_hit(server):
    hit_id = BUSINESS["watchlist_hit"].hit_id
    body = action("watchlist_hit", "dismissal", {}, note="born in another year")
    body |= target("watchlist_hit", "watchlist_result")
    [effect] = server.post("/actions", body)["effects"]
    assert effect["target"] == {"object": "watchlist_result", "id": hit_id}
    assert effect["diff"] == {"status": {"before": "open", "after": "dismissed"}}


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        (["approved", "rejected", "in_review", "rejected", "approved", "in_review"], True),
        (["in_review"], False),
        (["approved", "approved"], False),
        (["pending"], False),
    ],
)
def test_a_business_changes_only_to_allowed_statuses(server, path, allowed):
    """Review leads to a final status, and each final status to the other and back."""
    for status in path[:-1]:
        server.post("/actions", decide("clean_pass", status))
    server.post("/actions", decide("clean_pass", path[-1]), status=201 if allowed else 422)


REFUSED = [
    ({"object_type": "people"}, 400),
    ({"type": "update_address_risk"}, 400),
    ({"object_id": "00000000-0000-4000-8000-00000000abcd"}, 404),
    ({"object_id": "nonsense"}, 422),
    ({"payload": None}, 422),
    ({"type": "dismissal", "note": "why"}, 422),
    ({"type": "add_sources", "payload": {"sources": []}}, 422),
    ({"type": "add_sources", "payload": {"sources": [{"url": "x"}]}}, 422),
    ({"type": "add_sources", "payload": {"sources": ["x"]}}, 422),
    ({"type": "verify_tin", "payload": {"document_id": ["x"]}}, 422),
    ({"type": "add_attributes", "payload": {}}, 422),
    ({"run_id": "00000000-0000-4000-8000-00000000abcd"}, 404),
    ({"thread_id": "00000000-0000-4000-8000-00000000abcd"}, 404),
]


def test_actions_are_refused_with_the_documented_status(server):
    """Each documented reason has its documented code, and nothing is changed."""
    server.post("/actions", decide("clean_pass", "approved"))
    for change, status in REFUSED:
        server.post("/actions", {**decide("clean_pass", "rejected"), **change}, status=status)
        assert server.get(f"/businesses/{BUSINESS['clean_pass'].id}")["status"] == "approved", (
            change
        )


@pytest.mark.parametrize(
    ("scenario", "decision", "kind", "object_type"),
    [
        ("watchlist_hit", "approve", "dismissal", "watchlist_result"),
        ("address_gap", "approve", "add_sources", "businesses"),
        ("combined_proposal", "approve", "verify_tin", "businesses"),
        ("add_attributes", "approve", "add_attributes", "businesses"),
        ("decision", "approved", "decision", "businesses"),
    ],
)
def test_an_approved_agent_acts(server, scenario, decision, kind, object_type):
    """What a person approves the agent carries out once its step has ended."""
    run = server.reach(scenario)
    server.resume(run, decision=decision, note="fine")
    assert server.actions(scenario, object_type) == []
    server.settle(run["id"])
    [made] = server.actions(scenario, object_type)
    assert (made["type"], made["note"]) == (kind, "fine")
    assert made["actors"][1]["data"]["id"] == run["id"]
