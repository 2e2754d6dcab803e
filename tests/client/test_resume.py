"""An answer is sent once, and what became of it is found out."""

from contextlib import nullcontext
from math import nan

import pytest

import runkit
from runkit.api.models import Run
from runkit.errors import (
    AuthError,
    Conflict,
    Invalid,
    MaybeSent,
    NotFound,
    RateLimited,
    UsageError,
)
from runkit.local import answer_log
from tests.client.conftest import DROP, Answer

YES = {"decision": "approve", "note": "tax number 12-3456789"}
ERRORS = {"errors": [{"message": "note is missing", "parameter": "note"}]}
OPEN = {"id": "int-1", "value": {"type": "dismissal", "label": "Dismiss?"}}
DOUBTFUL = {"drop": DROP, "408": Answer(status=408), "html": Answer(b"<html>")}
REFUSALS = {
    409: (Conflict, "refused"),
    422: (Invalid, "refused"),
    404: (NotFound, "refused"),
    401: (AuthError, "failed"),
    429: (RateLimited, "failed"),
}


@pytest.fixture
def pending(run_json):
    """Return the run while its question waits."""
    return Answer(run_json(status="interrupted", interrupts=[OPEN]))


@pytest.fixture
def resume(client, pending):
    """Return what answers the question of the run, which is at hand."""
    run = Run.from_json(pending.body)
    return lambda: client.runs.resume(run, "int-1", YES)


@pytest.mark.parametrize(("is_open", "delivery"), [(False, "confirmed"), (True, "unknown")])
def test_an_accepted_answer_is_confirmed_once_the_question_is_closed(
    server, resume, run_json, pending, is_open, delivery
):
    """The answer goes out whole under the interrupt's id; the log has it, and what became of it."""
    after = pending if is_open else Answer(run_json(status="running", steps=[]))
    server.script = lambda request: after
    with pytest.raises(MaybeSent) if is_open else nullcontext():
        run = resume()
        assert (run.status, run.steps, run.read_at is not None) == ("running", (), True)
    assert server.lines == ["POST /runs/run-1/resume"] + ["GET /runs/run-1"] * 3 * is_open
    assert server.requests[0].body == {"interrupt_id": "int-1", "input": YES}
    assert server.requests[0].query == {"include": "steps"}
    [entry] = answer_log.entries()
    assert (entry.delivery, entry.run_id, entry.interrupt_id) == (delivery, "run-1", "int-1")
    assert entry.answer == '{"decision":"approve","note":"tax number 12-3456789"}'
    assert entry.answered_by == answer_log.declared_name()


@pytest.mark.parametrize("is_open", [False, True])
@pytest.mark.parametrize("trouble", DOUBTFUL)
def test_after_a_doubtful_reply_the_run_is_read(
    server, resume, run_json, pending, fake_time, caplog, trouble, is_open
):
    """A closed question is unconfirmed; one that is open at 1, 3 and 10 seconds may be sent."""
    after = pending if is_open else Answer(run_json(status="running"))
    server.script = lambda request: DOUBTFUL[trouble] if request.method == "POST" else after
    still_open = r"the question 'int-1' is still open.*may still arrive"
    with pytest.raises(MaybeSent, match=still_open) if is_open else nullcontext():
        assert resume().status == "running"
        assert "could not be confirmed" in caplog.text
    assert len(server.posts) == 1
    assert fake_time.slept == ([1, 2, 7] if is_open else [1])
    [entry] = answer_log.entries()
    assert entry.delivery == ("unknown" if is_open else "unconfirmed")


@pytest.mark.parametrize(
    ("interrupt_id", "words"),
    [("int-2", r"'int-2' is not among .*\['int-1'\]"), (None, "without an id")],
)
def test_an_unknown_question_is_not_answered(server, client, pending, interrupt_id, words):
    """A run that is given by its id is read first."""
    server.script = lambda request: pending
    with pytest.raises(UsageError, match=words):
        client.runs.resume("run-1", interrupt_id, YES)
    assert (server.lines, answer_log.entries()) == (["GET /runs/run-1"], [])


@pytest.mark.parametrize("status", REFUSALS)
def test_after_a_refusal_the_run_is_read(server, resume, run_json, pending, status):
    """A refusal is one, unless the question is closed: somebody was first."""
    refusal = Answer(ERRORS, status=status)
    outcomes = [(pending, *REFUSALS[status]), (Answer(run_json()), Conflict, "refused")]
    for after, error, delivery in outcomes:
        server.script = lambda request, after=after: refusal if request.method == "POST" else after
        server.requests.clear()
        with pytest.raises(error, match="note is missing") as caught:
            resume()
        assert (caught.value.status, caught.value.parameter) == (status, "note")
        assert (getattr(caught.value, "run", None) is None) is (after is pending)
        assert server.lines == ["POST /runs/run-1/resume", "GET /runs/run-1"]
        assert answer_log.entries()[-1].delivery == delivery


def asks(kind, **more):
    return {"type": kind, "agent": f"{kind}_agent", "label": "?", **more}


COMBINED = {"type": "combined_proposal", "proposals": [asks("verify_tin"), asks("dismissal")]}
YES_TO_TIN = {"agent": "verify_tin_agent", "decision": "approve"}


@pytest.mark.parametrize(
    ("value", "answer", "words"),
    [
        (asks("dismissal"), {"decision": "approve"}, 'note: "Dismiss the hit" needs a reason'),
        (asks("decision"), {"decision": "rejected"}, 'note: "Reject" needs a reason'),
        (asks("decision"), {"decision": "approve"}, "must be approved or in_review or rejected"),
        (asks("document"), {"decision": "approve"}, '"Provide the document" needs a document'),
        (
            asks("document"),
            {"decision": "reject", "notes": "-"},
            "notes: is not one of decision, note",
        ),
        (asks("other"), {"score": nan}, "the answer is not JSON"),
        (
            COMBINED,
            {"proposals": [YES_TO_TIN, {"agent": []}]},
            "to 'dismissal_agent', decision: decision must be",
        ),
    ],
)
def test_an_answer_that_cannot_be_one_is_not_sent(
    server,
    client,
    run_json,
    caplog,
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
    assert (server.requests, len(runkit.answer_log()), caplog.messages) == ([], 0, [])
