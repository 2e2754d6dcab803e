"""What the sandbox sends is as published, and as runkit reads it (`api/contract.py`)."""

import pytest

from runkit.api.models import Run
from runkit.api.question_kinds import FREE, KIND_OF_NAME, TABLE, interrupt_kind, questions_in
from runkit.api.reading import interrupt_value
from runkit.api.views import validated
from runkit.server._recordings import walk
from support import example
from tests.server.conftest import BUSINESS
from tests.server.published import faults
from tests.server.test_stream import replay

RECORDED = [name for name, item in BUSINESS.items() if item.recordings and not item.is_form]
RECORDED.remove("long_200")  # a second, for nothing new


def recorded_answers():
    """Yield the kind of each recorded question, and what was decided."""
    for recording in (each for name in RECORDED for each in BUSINESS[name].recordings):
        for item in (step.get("asked") for step in walk(recording.run.get("steps"))):
            for question in questions_in(interrupt_value(item)) if item else ():
                verdicts = recording.answers[item["id"]]
                yield interrupt_kind(question), verdicts[question["agent"]]


def test_each_kind_of_question_is_recorded_with_each_of_its_answers():
    """Of a document that is provided the verdict is whether it supports the claim."""
    words = {(kind.name, choice.word) for kind in TABLE for choice in kind.choices}
    fixed = {(kind, word) for kind, word in words if kind not in (*FREE, "document")}
    documents = {("document", word) for word in ("supports", "unrelated", "none")}
    assert {*recorded_answers()} == fixed | documents


@pytest.mark.parametrize("scenario", RECORDED)
def test_a_run_is_as_documented_at_every_stage(server, scenario):
    """From its creation over each question to its end, in full and in the list."""
    given = {"note": "checked"}
    for document in BUSINESS[scenario].documents:
        given["document_id"] = document["id"]
    run = server.reach(scenario)
    while run["interrupts"]:
        kind = interrupt_kind(interrupt_value(run["interrupts"][0]))
        choice = KIND_OF_NAME[kind].choices[0]
        required = dict.fromkeys(choice.requires, "checked") | given
        run = server.answer(run, decision=choice.word, **required)
    assert run["status"] in ("completed", "error")
    states = [data["snapshot"] for word, data in replay(server, run["id"]) if "snapshot" in data]
    assert len(states) > 10
    for state in (*states, run, server.get("/runs")["data"][0]):
        assert validated(Run, state)[1] == []
    for state in (run, server.get("/runs")["data"][0]):
        assert [*faults("run", state)] == []


@pytest.mark.parametrize("scenario", BUSINESS)
def test_a_business_and_what_belongs_to_it_is_as_published(server, scenario):
    """Its addresses, people, TIN and watchlist, and its documents."""
    path = f"/businesses/{BUSINESS[scenario].id}"
    business = server.get(path)
    assert [*faults("business", business)] == []
    assert business["addresses"]
    for document in server.get(f"{path}/documents")["data"]:
        assert [*faults("document", document)] == []


def test_lists_are_as_published(serve):
    """Agents, threads, and the actions of a history on businesses and on their hits."""
    server = serve(history=40)
    rows = {
        "agent": server.get("/agents")["data"],
        "thread": server.get("/threads", per_page=100)["data"],
        "action": [action for scenario in BUSINESS for action in server.actions(scenario)],
    }
    for name, items in rows.items():
        assert items
        assert [fault for item in items for fault in faults(name, item)] == []


def test_a_run_in_the_form_of_the_object_page_has_its_fields(server):
    waiting = server.reach("object_page")
    done = server.answer(waiting, decision="approve", note="another date of birth")
    listed = next(run for run in server.get("/runs")["data"] if run["id"] == done["id"])
    for run in (waiting, done, listed):
        assert {*run} == {*example("object_page")}
