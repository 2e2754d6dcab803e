"""Each business as an analyst meets it: what is asked, and what an answer leads to."""

import pytest

from runkit.errors import UsageError
from runkit.server import Sandbox
from tests.server.conftest import BUSINESS


def summary(run):
    [artifact] = run["output"]["artifacts"]
    return str(artifact["summary"])


def names(run):
    return [step["name"] for step in run["steps"]]


@pytest.mark.parametrize(
    ("scenario", "kind", "agent"),
    [
        ("tin_mismatch", "document", "tin_verification"),
        ("combined_proposal", "combined_proposal", None),
        ("decision", "decision", "cip_orchestrator"),
    ],
)
def test_a_question_is_an_interrupt_and_an_open_step(server, scenario, kind, agent):
    """A run that waits shows its question twice, and the two are paired by the interrupt's id."""
    run = server.reach(scenario)
    [interrupt] = run["interrupts"]
    value = interrupt["value"]
    assert (run["status"], run["output"], run["ended_at"]) == ("interrupted", None, None)
    assert (value["type"], interrupt["agent"]) == (kind, agent)
    [step] = [step for step in run["steps"] if step["status"] == "running"]
    assert (step["type"], step["label"]) == ("interrupt", value["label"])
    assert step["result"] == {"interrupt_id": interrupt["id"]}
    proposals = value.get("proposals", [value])
    assert step["artifacts"] == [artifact for entry in proposals for artifact in entry["artifacts"]]
    server.time.seconds += 30 * 86_400
    assert server.run(run["id"])["interrupts"] == [interrupt]


@pytest.mark.parametrize(
    ("kind", "decision", "step"),
    [
        ("irs_letter", "approve", "compare_letter"),
        ("utility_bill", "approve", "search_document"),
        ("utility_bill", "reject", "keep_assessment"),
    ],
)
def test_the_document_of_an_answer_is_checked(server, kind, decision, step):
    """A letter settles the TIN; a utility bill does not.

    A rejection lets the first assessment stand.
    """
    documents = server.get(f"/businesses/{BUSINESS['tin_mismatch'].id}/documents")["data"]
    [chosen] = [item["id"] for item in documents if item["document_type"] == kind]
    done = server.answer(server.reach("tin_mismatch"), decision=decision, document_id=chosen)
    assert step in names(done)
    assert ("verify the TIN with the letter" in summary(done)) == (kind == "irs_letter")


@pytest.mark.parametrize(
    ("scenario", "given", "parameter"),
    [
        ("watchlist_hit", {}, "input.decision"),
        ("watchlist_hit", {"decision": "yes"}, "input.decision"),
        ("watchlist_hit", {"decision": "approve"}, "input.note"),
        (
            "watchlist_hit",
            {"decision": "approve", "note": "why", "actions": "all"},
            "input.actions",
        ),
        (
            "combined_proposal",
            {"decision": "approve", "proposals": [{"agent": "watchlist_resolution", "note": " "}]},
            "input.note",
        ),
        (
            "combined_proposal",
            {"proposals": [{"agent": "nobody", "decision": "approve"}]},
            "input.decision",
        ),
        ("tin_mismatch", {"decision": "approve"}, "input.document_id"),
        ("decision", {"decision": "approve"}, "input.decision"),
    ],
)
def test_an_invalid_answer_is_refused(server, scenario, given, parameter):
    """An input that is no answer is a 422 that names the parameter; the question still waits."""
    run = server.reach(scenario)
    [error] = server.resume(run, 422, **given)["errors"]
    assert error["parameter"] == parameter
    assert server.run(run["id"])["interrupts"] == run["interrupts"]


def test_resume_is_refused_where_nothing_waits(server):
    """A run that works, a second answer, another question's id and an unknown run are refused."""
    run_id = server.start("watchlist_hit")
    body = {"interrupt_id": "int-1", "input": {"decision": "reject"}}
    server.post(f"/runs/{run_id}/resume", body, status=422)
    run = server.settle(run_id)
    server.post(f"/runs/{run_id}/resume", body, status=422)
    body["interrupt_id"] = run["interrupts"][0]["id"]
    server.post(f"/runs/{run_id}/resume", body, status=200)
    server.post(f"/runs/{run_id}/resume", body, status=422)
    server.post("/runs/unknown/resume", body, status=404)


def test_a_thread_has_the_status_of_its_runs(server):
    """Interrupted if any is, else running, else that of the last one."""
    box = Sandbox(server.running)
    run = server.reach("watchlist_hit")
    thread = {"thread_id": run["thread_id"]}

    def status():
        threads = server.get("/threads", per_page=100)["data"]
        return next(item["status"] for item in threads if item["id"] == run["thread_id"])

    works = server.start("watchlist_hit", **thread)
    assert status() == "interrupted"
    box.end_run(works)
    server.answer(run, decision="reject")
    assert status() == "error"
    last = server.start("watchlist_hit", **thread)
    assert status() == "running"
    server.answer(server.settle(last), decision="reject")
    assert status() == "completed"


def test_a_question_lapses_with_its_run(server):
    """A run that is ended ends in error, and the step of its question stays open."""
    run = server.reach("combined_proposal")
    box = Sandbox(server.running)
    box.end_run(run["id"])
    ended = server.run(run["id"])
    assert (ended["status"], ended["interrupts"], ended["output"]) == ("error", [], None)
    assert ended["ended_at"]
    assert ended["steps"] == run["steps"]
    server.resume(run, 422, decision="approve")
    for run_id in (run["id"], "unknown"):
        with pytest.raises(UsageError):
            box.end_run(run_id)
