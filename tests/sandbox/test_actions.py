"""Actions: those a person posts, and those an agent takes."""

from typing import Any

import pytest

from tests.sandbox.conftest import BUSINESS, Server

PLACE = {"addresses": [{"full_address": "1 Main Street"}]}
SOURCE = {
    "source_type": "sos",
    "source_name": "Register",
    "tier": "government",
    "url": "https://sos.example.gov/1",
}


def action(scenario: str, kind: str, payload: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "object_type": "businesses",
        "object_id": BUSINESS[scenario].id,
        "type": kind,
        "payload": payload,
        **more,
    }


def decide(scenario: str, status: str) -> dict[str, Any]:
    return action(scenario, "decision", {"status": status})


def dismissal(**more: Any) -> dict[str, Any]:
    hit = BUSINESS["watchlist_hit"].hit_id
    return {"object_type": "watchlist_result", "object_id": hit, "type": "dismissal", "payload": {}, **more}


def test_a_decision_changes_the_business(server: Server) -> None:
    """A decision tells what it changed, from what to what, and the business has the new status."""
    made = server.post("/actions", decide("clean_pass", "approved"))
    business_id = BUSINESS["clean_pass"].id
    assert made["object_type"] == "Business"
    assert made["effects"] == [
        {
            "operation": "updated",
            "diff": {"status": {"before": "in_review", "after": "approved"}},
            "target": {"object": "business", "id": business_id},
        }
    ]
    assert [actor["actor_type"] for actor in made["actors"]] == ["account"]
    assert server.get(f"/businesses/{business_id}")["status"] == "approved"
    where = {"object_type": "businesses", "object_id": business_id}
    assert server.get("/actions", **where) == {"object": "list", "data": [made], "url": "/v1/actions"}
    assert server.get(f"/actions/{made['id']}", **where) == made


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        (["approved", "rejected", "in_review", "rejected", "approved", "in_review"], True),
        (["in_review"], False),
        (["approved", "approved"], False),
        (["pending"], False),
    ],
)
def test_the_state_machine_of_a_business(server: Server, path: list[str], allowed: bool) -> None:
    """Review leads to a final status, each final status to the other and back to review, and nothing else."""
    for status in path[:-1]:
        server.post("/actions", decide("clean_pass", status))
    server.post("/actions", decide("clean_pass", path[-1]), status=201 if allowed else 422)


@pytest.mark.parametrize(
    ("kind", "payload"),
    [
        ("add_sources", {"sources": [{**SOURCE, **PLACE}]}),
        ("add_attributes", {"people": [{"name": "A. Person"}]}),
    ],
)
def test_final_status_rule(server: Server, kind: str, payload: dict[str, Any]) -> None:
    """Sources and attributes are added to a business that is approved or rejected, not to one in review."""
    body = action("clean_pass", kind, payload)
    server.post("/actions", body, status=422)
    server.post("/actions", decide("clean_pass", "rejected"))
    made = server.post("/actions", body)
    assert made["effects"][0]["operation"] == "created"
    assert made["effects"][0]["target"]["object"] == {"add_sources": "sos", "add_attributes": "person"}[kind]


def test_verify_tin_needs_a_document_of_the_business(server: Server) -> None:
    """A TIN is verified with a document that the business has on file."""
    scenario = "tin_mismatch"
    server.post("/actions", decide(scenario, "approved"))
    server.post("/actions", action(scenario, "verify_tin", {}), status=422)
    foreign = BUSINESS["combined_proposal"].documents[0]["id"]
    server.post("/actions", action(scenario, "verify_tin", {"document_id": foreign}), status=422)
    own = BUSINESS[scenario].documents[0]["id"]
    server.post("/actions", action(scenario, "verify_tin", {"document_id": own}))
    assert server.get(f"/businesses/{BUSINESS[scenario].id}")["tin"]["verified_by"] == "document"


def test_a_dismissal_needs_a_note(server: Server) -> None:
    """A watchlist result is dismissed with a reason, and not without."""
    server.post("/actions", dismissal(), status=422)
    server.post("/actions", dismissal(note="  "), status=422)
    made = server.post("/actions", dismissal(note="another date of birth"))
    assert made["object_type"] == "Watchlist::Result"
    business = server.get(f"/businesses/{BUSINESS['watchlist_hit'].id}")
    assert business["watchlist"]["lists"][0]["results"][0]["status"] == "dismissed"


REFUSED: list[tuple[dict[str, Any], int]] = [
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


def test_refused_actions(server: Server) -> None:
    """Each documented reason has its documented code, and nothing is changed."""
    server.post("/actions", decide("clean_pass", "approved"))
    for change, status in REFUSED:
        server.post("/actions", {**decide("clean_pass", "rejected"), **change}, status=status)
        assert server.get(f"/businesses/{BUSINESS['clean_pass'].id}")["status"] == "approved", change


def test_lists_need_object_type_and_id(server: Server) -> None:
    """Both parameters are required, and a wrong type is a 400."""
    some = BUSINESS["clean_pass"].id
    server.get("/actions", status=400)
    server.get("/actions", status=400, object_id=some)
    server.get("/actions", status=400, object_type="people", object_id=some)
    server.get("/actions/unknown", status=400, object_type="people", object_id=some)
    server.get("/actions/unknown", status=404, object_type="businesses", object_id=some)


def test_a_run_can_be_named_as_actor(server: Server) -> None:
    """An action of a run or of a thread has two actors; it does not resume the run."""
    run = server.reach("watchlist_hit")
    for where in ({"run_id": run["id"]}, {"thread_id": run["thread_id"]}):
        made = server.post("/actions", dismissal(note="why", **where))
        account, actor = made["actors"]
        assert account["actor_type"] == "account"
        data = {key: run[key] for key in ("id", "thread_id", "status", "agent")}
        assert actor == {"actor_type": "run", "data": data}
    assert server.run(run["id"])["status"] == "interrupted"


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
def test_an_approved_agent_acts(
    server: Server, scenario: str, decision: str, kind: str, object_type: str
) -> None:
    """What a person approves the agent carries out once its step has ended, with the run as an actor."""
    run = server.reach(scenario)
    business = BUSINESS[scenario]
    object_id = business.hit_id if object_type == "watchlist_result" else business.id
    where = {"object_type": object_type, "object_id": object_id}
    body = {"interrupt_id": run["interrupts"][0]["id"], "input": {"decision": decision, "note": "fine"}}
    server.post(f"/runs/{run['id']}/resume", body, status=200)
    assert server.get("/actions", **where)["data"] == []
    server.settle(run["id"])
    [made] = server.get("/actions", **where)["data"]
    assert (made["type"], made["note"]) == (kind, "fine")
    assert made["actors"][1]["data"]["id"] == run["id"]


def test_a_rejected_agent_does_not_act(server: Server) -> None:
    """After a rejection there is no action."""
    server.answer(server.reach("watchlist_hit"), decision="reject")
    where = {"object_type": "watchlist_result", "object_id": BUSINESS["watchlist_hit"].hit_id}
    assert server.get("/actions", **where)["data"] == []
