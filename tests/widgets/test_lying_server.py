"""Replies of a server that lies, stays silent or refuses: one answer, and never a false receipt."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest

import runkit
import support
from runkit.errors import NotFound, UsageError
from tests.client.conftest import DROP, KEY, Answer
from tests.widgets.asking import NOTE, Person, deliveries, on_a_loop, quick_client

Json = dict[str, Any]
ITEM = {"id": "int-1", "value": {"type": "dismissal", "label": "Dismiss?"}}
QUESTION = support.question("s1", 1, None)
OPEN = support.run(QUESTION, run_id="run-1", end=None, status="interrupted", interrupts=[ITEM])


def closed(**result: Any) -> Json:
    """The run when its question has been answered, with what its step says of the answer."""
    step = support.question("s1", 1, 30, result=result)
    return support.run(step, run_id="run-1", end=60)


CLOSED = closed()
OLD = OPEN | {"updated_at": "2026-02-03T09:00:00Z"}
OTHER_RUN = CLOSED | {"id": "run-2"}


class Lie(NamedTuple):
    """What the POST returns, the run that is read then, and the delivery in the log."""

    reply: Answer
    run: Json
    delivery: str


LIES = {
    "closed": Lie(Answer(CLOSED), CLOSED, "confirmed"),
    "another decision": Lie(Answer(closed(decision="reject")), CLOSED, "unconfirmed"),
    "two words": Lie(Answer(closed(decision="reject; approve")), CLOSED, "unconfirmed"),
    "still open": Lie(Answer(OPEN), OPEN, "unknown"),
    "an older state": Lie(Answer(OLD), OLD, "unknown"),
    "another run": Lie(Answer(OTHER_RUN), OPEN, "unknown"),
    "half of it": Lie(Answer(CLOSED, cut=40), CLOSED, "unconfirmed"),
    "no reply, then closed": Lie(DROP, CLOSED, "unconfirmed"),
    "401": Lie(Answer(status=401), OPEN, "failed"),
    "408": Lie(Answer(status=408), OPEN, "unknown"),
    "422": Lie(Answer(status=422), OPEN, "refused"),
    "422, then closed": Lie(Answer(status=422), CLOSED, "refused"),
}


@pytest.fixture
def client(server):
    with quick_client(KEY, server.url, [], timeout=5) as client:
        yield client


@pytest.mark.parametrize("name", LIES)
@on_a_loop
async def test_no_reply_makes_a_false_receipt(server, client, name):
    """Five presses are one POST; the sentence agrees with the log; what was typed stays."""
    lie = LIES[name]
    server.script = lambda request: Answer(OPEN)
    person = Person(runkit.InterruptForm(client, "run-1", who="Ana"))

    def reply(request):
        if request.method == "POST":
            return lie.reply
        return Answer(lie.run if server.posts else OPEN)

    server.script = reply
    person.choose()
    await person.press(times=5)
    result = "open"
    if lie.run == CLOSED:
        result = "confirmed" if lie.delivery == "confirmed" else "unconfirmed"
    assert (person.result, deliveries()) == (result, [lie.delivery])
    assert len(server.posts) == 1
    assert ("Confirmed" in person.sentence) is (lie.delivery == "confirmed")
    assert ("refused" in person.sentence) is (lie.delivery == "refused" and result == "open")
    assert ("answer was not sent" in person.sentence) is (lie.delivery == "failed")
    assert person.note == NOTE


@on_a_loop
async def test_another_name_is_shown_beside_ours(server, client):
    server.script = lambda request: Answer(OPEN)
    person = Person(runkit.InterruptForm(client, "run-1", who="Ana"))
    answered = closed(decision="approve", answered_by="Acme Bank")
    server.script = lambda request: Answer(answered if server.posts else OPEN)
    person.choose()
    await person.press()
    [receipt] = person.widget.receipts
    assert receipt.text.endswith("signed Ana; the API names Acme Bank.")


# -------------------------------------------------------------------------- what is read before it is sent


@pytest.mark.parametrize(
    ("run", "result"),
    [
        (
            OPEN
            | {"interrupts": [{"id": "int-1", "value": {"type": "dismissal", "label": "All?"}}]},
            "closed",
        ),
        (
            OPEN | {"steps": [support.question("s1", 1, 2), support.question("s2", 3, None)]},
            "closed",
        ),
        (OLD, "open"),
        (CLOSED, "closed"),
    ],
    ids=["changed", "asked again", "older", "answered"],
)
@on_a_loop
async def test_only_the_question_that_was_shown_is_answered(server, client, run, result):
    server.script = lambda request: Answer(OPEN)
    person = Person(runkit.InterruptForm(client, "run-1"))
    server.script = lambda request: Answer(run)
    person.choose()
    await person.press()
    assert (person.result, server.posts, person.note) == (result, [], NOTE)
    assert "not sent" in person.sentence


@on_a_loop
async def test_a_question_without_an_id_is_shown_and_not_answered(server, client):
    item = {
        "agent": "x",
        "label": "Dismiss it?",
        "artifacts": [{"title": "Hit", "type": "dismissal"}],
    }
    server.script = lambda request: Answer(OPEN | {"interrupts": [item]})
    person = Person(runkit.InterruptForm(client, "run-1"))
    assert "Hit" in person.widget.saved_html
    person.choose()
    await person.press()
    assert (person.form.can_send, server.posts) == (False, [])


@on_a_loop
async def test_of_many_findings_of_a_run_the_first_20_are_shown(server, client):
    found = support.step("s0", 0, 1, artifacts=[{"title": f"Finding {n}."} for n in range(57)])
    server.script = lambda request: Answer(OPEN | {"steps": [found, QUESTION]})
    folded = Person(runkit.InterruptForm(client, "run-1")).form.box.children[-1].value
    assert "20 of 57 findings of this run" in folded
    assert folded.count("Finding ") == 20


# ------------------------------------------------------------------------------------------------ bad input


@on_a_loop
async def test_a_run_without_an_open_question_is_a_sentence(server, client):
    server.script = lambda request: Answer(CLOSED)
    widget = runkit.InterruptForm(client, "run-1")
    assert widget.forms.form is None
    assert "no question is open" in widget.saved_html
    assert repr(widget).endswith("closed, SANDBOX)")


@pytest.mark.parametrize("kind", [runkit.InterruptForm, runkit.RunMonitor])
def test_an_unknown_run_and_wrong_arguments_are_one_error(server, client, kind):
    server.script = lambda request: Answer(status=404)
    with pytest.raises(NotFound):
        kind(client, "run-9")
    with pytest.raises(UsageError, match="who"):
        kind(client, "run-1", who=" ")
    client.close()
    with pytest.raises(UsageError, match="closed"):
        kind(client, "run-1")
