"""The sandbox says and does what Middesk's public documentation says (`api/contract.py`)."""

import json
import re

import pytest

from tests.server.conftest import BUSINESS
from tests.server.contract import check


@pytest.fixture
def server(shared):
    """One for all these tests."""
    return shared


OTHERS = ("in_audit", "object_page", "object_page_form")


@pytest.mark.parametrize("scenario", [name for name in BUSINESS if name not in OTHERS])
def test_a_run_follows_the_contract_at_every_stage(server, scenario):
    """From its creation over each question to its end.

    The run, in full and in the list, and its thread.
    """
    given = {"decision": "approve", "note": "checked"}
    for document in BUSINESS[scenario].documents:
        given["document_id"] = document["id"]
    run_id, answered = server.start(scenario), False
    while not answered:
        run = server.run(run_id)
        check("Run", run)
        answered = run["status"] in ("completed", "error")
        if run["interrupts"]:
            pending = run["interrupts"][0]
            given["decision"] = "approved" if pending["value"]["type"] == "decision" else "approve"
            check("Run", server.resume(run, **given))
        server.time.seconds += 60
    check("Runs", server.get("/runs"))
    check("Threads", server.get("/threads"))


def test_a_run_in_the_form_of_the_object_page_follows_the_contract(serve):
    server = serve()
    body = {"type": "cip_orchestrator", "business_id": BUSINESS["object_page"].id}
    waiting = server.settle(server.post("/runs", body)["id"])
    done = server.answer(waiting, decision="approve", note="another date of birth")
    assert done["status"] == "completed"
    events = server.http.get(f"/runs/{done['id']}/stream").text
    snapshots = re.findall(r'^data: .*"snapshot":(.*)}$', events, re.MULTILINE)
    assert len(snapshots) > 20
    listed = server.get("/runs")["data"]
    for run in (waiting, done, *listed, *map(json.loads, snapshots)):
        check("PageRun", run)


def test_agents_feedback_and_actions_follow_the_contract(server):
    check("Agents", server.get("/agents"))
    run = server.answer(server.reach("watchlist_hit"), decision="approve", note="another person")
    body = {"rating": "POSITIVE", "artifact_id": run["output"]["artifacts"][0]["id"]}
    check("Feedback", server.post(f"/runs/{run['id']}/feedback", body | {"comment": None}))
    server.answer(server.reach("address_gap"), decision="approve")
    for scenario in ("watchlist_hit", "address_gap"):
        check("Action", server.actions(scenario)[0])


def test_the_snapshots_of_a_stream_are_runs(server):
    """Each is the whole run of the contract; every event names its run."""
    run = server.reach("combined_proposal")
    text = server.http.get(f"/runs/{run['id']}/stream").text
    events = [json.loads(line) for line in re.findall(r"^data: (.*)$", text, re.MULTILINE)]
    assert {event["run_id"] for event in events} == {run["id"]}
    for event in events[1:-1]:
        check("Run", event["snapshot"])
