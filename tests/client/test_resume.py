"""An answer is sent once, and what became of it is found out."""

import logging

import pytest

import runkit
import support
from runkit.api.models import Run
from runkit.errors import (
    AuthError,
    Conflict,
    Invalid,
    MaybeSent,
    RateLimited,
    UsageError,
)
from runkit.local import answer_log
from tests.client.conftest import DROP, Answer

YES = {"decision": "approve"}
DOUBTFUL = [
    DROP,
    Answer({}, cut=1),
    Answer(status=500),
    Answer(b"<html>", status=200),
    Answer({"id": 1}),
]


def posts(server):
    return sum(request.method == "POST" for request in server.requests)


def test_an_answer_that_arrives_returns_the_run(server, client, run_json):
    """The answer goes out whole under the interrupt's id, and the run comes back with steps."""
    server.say(Answer(run_json(status="running", steps=[])))
    run = client.runs.resume("run-1", "int-1", YES)
    assert (run.status, run.steps, run.read_at is not None) == ("running", (), True)
    assert server.lines == ["POST /runs/run-1/resume"]
    assert server.requests[0].body == {"interrupt_id": "int-1", "input": YES}
    assert server.requests[0].query == {"include": "steps"}


@pytest.mark.parametrize("trouble", DOUBTFUL, ids=["drop", "cut", "500", "no json", "no run"])
def test_a_lost_reply_to_a_closed_question_is_unconfirmed(
    server,
    client,
    run_json,
    fake_time,
    caplog,
    trouble,
):
    """Gone means closed; the run is returned, and that delivery is unconfirmed is in the log."""
    server.say(trouble, Answer(run_json(status="running")))
    with caplog.at_level(logging.WARNING, "runkit"):
        run = client.runs.resume("run-1", "int-1", YES)
    assert run.status == "running"
    assert server.lines == ["POST /runs/run-1/resume", "GET /runs/run-1"]
    assert fake_time.slept == [1]
    assert "could not be confirmed" in caplog.text


@pytest.mark.parametrize("trouble", DOUBTFUL, ids=["drop", "cut", "500", "no json", "no run"])
def test_a_lost_reply_to_an_open_question_is_maybe_sent(
    server, client, pending, fake_time, trouble
):
    """After looks at 1, 3 and 10 seconds the doubt is handed on; nothing was sent again."""
    server.script = lambda request: trouble if request.method == "POST" else pending
    with pytest.raises(
        MaybeSent, match=r"10 s later, the question 'int-1' is still open.*may still arrive"
    ):
        client.runs.resume("run-1", "int-1", YES)
    assert server.lines == ["POST /runs/run-1/resume"] + ["GET /runs/run-1"] * 3
    assert fake_time.slept == [1, 2, 7]


def test_an_older_state_of_the_run_confirms_no_answer(server, client, run_json, question):
    """A replica that lags behind shows the run before it asked; that is no answered question."""
    before = "2026-02-03T10:00:01Z"
    known = run_json(status="interrupted", interrupts=[question])
    server.script = lambda request: Answer(
        run_json(status="running", interrupts=[], updated_at=before)
    )
    delivery = client.runs.deliver(Run.from_json(known), "int-1", YES | {"note": "another person"})
    assert (delivery.outcome, delivery.run) == ("unknown", None)


@pytest.mark.parametrize("status", [400, 404, 409, 422])
def test_refusal_of_a_closed_question_is_a_conflict(server, client, run_json, status):
    """Refused and no longer open: somebody was first."""
    logged = Answer({"errors": [{"message": "not interrupted"}]}, status=status)
    server.script = lambda request: logged if request.method == "POST" else Answer(run_json())
    with pytest.raises(Conflict, match=r"not open.*not interrupted") as caught:
        client.runs.resume("run-1", "int-1", YES)
    assert (caught.value.status, caught.value.messages) == (status, ("not interrupted",))
    assert posts(server) == 1


@pytest.mark.parametrize("status", [400, 404, 409, 422])
def test_refusal_of_an_open_question_is_invalid(server, client, pending, status):
    """Refused and still open: the answer is wrong."""
    logged = Answer(
        {"errors": [{"message": "note is missing", "parameter": "note"}]}, status=status
    )
    server.script = lambda request: logged if request.method == "POST" else pending
    with pytest.raises(Invalid, match=r"note is missing.*still open") as caught:
        client.runs.resume("run-1", "int-1", YES)
    assert (caught.value.status, caught.value.parameter) == (status, "note")


@pytest.mark.parametrize(
    ("status", "kind"), [(401, AuthError), (403, AuthError), (429, RateLimited)]
)
def test_after_a_refused_key_or_a_rate_limit_the_run_is_read(
    server,
    client,
    run_json,
    pending,
    status,
    kind,
):
    """The refusal is raised as it is, unless the question is closed by then."""
    refusal = Answer(status=status, headers={"Retry-After": "1"})
    for after, error in ((pending, kind), (Answer(run_json()), Conflict)):
        server.script = lambda request, after=after: refusal if request.method == "POST" else after
        server.requests.clear()
        with pytest.raises(error):
            client.runs.resume("run-1", "int-1", YES)
        assert server.lines == ["POST /runs/run-1/resume", "GET /runs/run-1"]


def test_an_answer_is_confirmed_though_the_same_id_is_asked_again(
    server, client, run_json, question
):
    """The step of the question has ended; another one waits under the same id, beside an open step."""
    first, work = support.question("s1", 1, None), support.step("s0", 0, None)
    waiting = run_json(status="interrupted", interrupts=[question], steps=[work, first])
    again = [work, support.question("s1", 1, 2), support.question("s2", 3, None)]
    server.script = lambda request: Answer(waiting | {"steps": again})
    delivery = client.runs.deliver(Run.from_json(waiting), "int-1", YES | {"note": "not him"})
    assert delivery.outcome == "confirmed"
    assert [entry.step_id for entry in answer_log.entries()] == ["s1"]


@pytest.mark.parametrize(("interrupt_id", "answer"), [("", YES), (None, YES), ("int-1", "approve")])
def test_unusable_answers_are_not_sent(server, client, interrupt_id, answer):
    """An answer is an object, a question has an id."""
    with pytest.raises(UsageError):
        client.runs.resume("run-1", interrupt_id, answer)
    assert server.requests == []


def asks(kind, **more):
    return {"type": kind, "agent": f"{kind}_agent", "label": "?", **more}


COMBINED = {"type": "combined_proposal", "proposals": [asks("verify_tin"), asks("dismissal")]}
YES_TO_TIN = {"agent": "verify_tin_agent", "decision": "approve"}


@pytest.mark.parametrize(
    ("value", "answer", "words"),
    [
        (asks("dismissal"), {"decision": "approve"}, "note: A reason is required to dismiss"),
        (asks("decision"), {"decision": "rejected"}, "note: A reason is required to reject"),
        (asks("verify_tin"), {"decision": "APPROVE"}, "must be approve or reject"),
        (asks("decision"), {"decision": "approve"}, "must be approved or in_review or rejected"),
        (asks("document"), {"decision": "approve"}, "Choose a document"),
        (COMBINED, {"decision": "approve"}, "to dismissal_agent, note: A reason"),
        (COMBINED, {"proposals": [YES_TO_TIN]}, "to dismissal_agent, decision: decision must be"),
    ],
)
def test_an_answer_that_cannot_be_one_is_not_sent(
    server,
    client,
    run_json,
    value,
    answer,
    words,
):
    """The run at hand shows what is asked: fixed words, and a note where one is required."""
    run = Run.from_json(
        run_json(status="interrupted", interrupts=[{"id": "int-1", "value": value}])
    )
    with pytest.raises(UsageError, match=words):
        client.runs.resume(run, "int-1", answer)
    assert (server.requests, len(runkit.answer_log())) == ([], 0)
