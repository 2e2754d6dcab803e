"""Replies of a server that lies, stays silent or refuses: one answer, and never a false receipt."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest

import runkit
import strangers
import support
from runkit.errors import ApiError, NotFound, UsageError
from tests.client.conftest import DROP, KEY, Answer
from tests.widgets.asking import NOTE, Person, deliveries, on_a_loop, quick_client

Json = dict[str, Any]
ITEM = {"id": "int-1", "value": {"type": "dismissal", "label": "Dismiss?"}}
ASKED = support.question("s1", 1, None)
OPEN = support.run(ASKED, run_id="run-1", end=None, status="interrupted", interrupts=[ITEM])


def closed(**result: Any) -> Json:
    """The run when its question has been answered, with what its step says of the answer."""
    step = support.question("s1", 1, 30, result=result)
    return support.run(step, run_id="run-1", end=60)


CLOSED = closed()
OLD = OPEN | {"updated_at": "2026-02-03T09:00:00Z"}
GOES_ON = CLOSED | {"status": "running", "ended_at": None}
OTHER_RUN = CLOSED | {"id": "run-2"}
REFUSALS = (400, 404, 409, 410, 422)
BROKEN = (500, 502, 503, 504)
NOT_CONFIRMED = ("unconfirmed", "unconfirmed")


class Lie(NamedTuple):
    """What the POST returns, the run that is read then, and how it ends: in the form, in the log."""

    reply: Answer
    run: Json
    result: str
    log: str


def lies() -> dict[str, Lie]:
    ok = {
        "closed": (Answer(CLOSED), CLOSED, "confirmed", "confirmed"),
        "goes on": (Answer(GOES_ON), GOES_ON, "confirmed", "confirmed"),
        "the same decision": (
            Answer(closed(decision="Approve")),
            CLOSED,
            "confirmed",
            "confirmed",
        ),
        "another person": (
            Answer(closed(decision="approve", answered_by="Acme Bank")),
            CLOSED,
            "confirmed",
            "confirmed",
        ),
        "another decision": (Answer(closed(decision="reject")), CLOSED, *NOT_CONFIRMED),
        "another decision and person": (
            Answer(closed(outcome="escalate", answered_by="Priya Raman")),
            CLOSED,
            *NOT_CONFIRMED,
        ),
        "still open": (Answer(OPEN), OPEN, "open", "unknown"),
        "still open, then closed": (Answer(OPEN), CLOSED, *NOT_CONFIRMED),
        "an older state": (Answer(OLD), OLD, "open", "unknown"),
        "a closed older state": (
            Answer(CLOSED | {"updated_at": "2026-02-03T09:00:00Z"}),
            OPEN,
            "open",
            "unknown",
        ),
        "another run": (Answer(OTHER_RUN), OPEN, "open", "unknown"),
        "another run, then closed": (Answer(OTHER_RUN), CLOSED, *NOT_CONFIRMED),
        "nothing": (Answer(b""), OPEN, "open", "unknown"),
        "no JSON": (Answer(b"<html>ok</html>"), CLOSED, *NOT_CONFIRMED),
        "a list": (Answer([]), OPEN, "open", "unknown"),
        "null": (Answer(None), OPEN, "open", "unknown"),
        "an empty object": (Answer({}), CLOSED, *NOT_CONFIRMED),
        "half of it": (Answer(CLOSED, cut=40), CLOSED, *NOT_CONFIRMED),
        "no reply": (DROP, OPEN, "open", "unknown"),
        "no reply, then closed": (DROP, CLOSED, *NOT_CONFIRMED),
        "202": (Answer(OPEN, status=202), OPEN, "open", "unknown"),
        "302": (Answer(CLOSED, status=302), OPEN, "open", "unknown"),
        "408": (Answer(status=408), OPEN, "open", "unknown"),
        "408, then closed": (Answer(status=408), CLOSED, *NOT_CONFIRMED),
        "401": (Answer(status=401), OPEN, "open", "failed"),
        "403": (Answer(status=403), OPEN, "open", "failed"),
        "429": (Answer(status=429), OPEN, "open", "failed"),
    }
    for status in REFUSALS:
        ok[f"{status}"] = (Answer(status=status), OPEN, "open", "refused")
        ok[f"{status}, then closed"] = (Answer(status=status), CLOSED, *NOT_CONFIRMED)
    for status in BROKEN:
        ok[f"{status}"] = (Answer(status=status), OPEN, "open", "unknown")
        ok[f"{status}, then closed"] = (Answer(status=status), CLOSED, *NOT_CONFIRMED)
    return {name: Lie(*lie) for name, lie in ok.items()}


LIES = lies()


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
    assert (person.result, deliveries()) == (lie.result, [lie.log])
    assert len(server.posts) == 1
    assert ("Confirmed" in person.sentence) is (lie.result == "confirmed")
    assert ("refused" in person.sentence) is (lie.log == "refused")
    assert "Nothing was changed" not in person.sentence or lie.log == "failed"
    assert ("answer was not sent" in person.sentence) is (lie.log == "failed")
    assert person.note == NOTE
    assert (person.form.box in person.widget.forms.box.children) is (lie.result != "confirmed")


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


@pytest.mark.parametrize(
    "answered", [closed(decision="reject", answered_by="Priya Raman")], ids=["by Priya"]
)
@on_a_loop
async def test_an_answer_that_is_not_ours_is_shown(server, client, answered):
    """Where the API shows another decision, whose it is and which stand in the sentence."""
    server.script = lambda request: Answer(OPEN)
    person = Person(runkit.InterruptForm(client, "run-1", who="Ana"))
    server.script = lambda request: Answer(answered if server.posts else OPEN)
    person.choose()
    await person.press()
    assert "“reject” by Priya Raman" in person.sentence


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
        (CLOSED | {"steps": [ASKED], "status": "error"}, "closed"),
    ],
    ids=["changed", "asked again", "older", "answered", "expired"],
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
async def test_a_question_that_is_asked_again_gets_a_form_of_its_own(server, client):
    server.script = lambda request: Answer(OPEN)
    person = Person(runkit.InterruptForm(client, "run-1"))
    again = OPEN | {"steps": [support.question("s1", 1, 2), support.question("s2", 3, None)]}
    server.script = lambda request: Answer(again)
    person.choose()
    await person.press()
    following = person.widget.forms.form
    assert following is not None
    assert following.question.step_id == "s2"
    assert not following.inputs.is_touched


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
async def test_all_open_questions_of_other_accounts_are_asked(server, client):
    """Whatever form they have: two without labels, one that only a step shows, another status."""
    for name in ("two_open",):
        [made] = strangers.several(name, 1)
        server.script = lambda request, made=made: Answer(made.raw)
        person = Person(runkit.InterruptForm(client, made.run_id))
        labels = [row["label"] for row in made.rows["interrupts"]]
        assert person.form.question.label in labels


@pytest.mark.parametrize("value", ["only a step", "unknown status", "not in the data"])
@on_a_loop
async def test_whatever_waits_is_shown(server, client, value):
    run = {
        "only a step": OPEN | {"interrupts": []},
        "unknown status": OPEN | {"status": "awaiting_human"},
        "not in the data": OPEN | {"interrupts": [], "steps": []},
    }[value]
    server.script = lambda request: Answer(run)
    widget = runkit.InterruptForm(client, "run-1")
    assert widget.forms.form is not None
    widget.forms.take(client.runs.get("run-1"))
    assert widget.forms.form.state == "open"


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
    with pytest.raises(UsageError, match="client"):
        kind("mk", "run-1")
    client.close()
    with pytest.raises(UsageError, match="closed"):
        kind(client, "run-1")


@pytest.mark.parametrize(
    "wrong", [{"who": ""}, {"since": "soon"}, {"refresh_every": 0}, {"sla_h": -1}, {"sla": 4}]
)
def test_wrong_arguments_of_an_inbox_are_one_error(client, server, wrong):
    with pytest.raises(UsageError):
        runkit.InterruptInbox(client, **wrong)


def test_an_inbox_that_cannot_read_raises(server, client):
    server.script = lambda request: Answer(status=401)
    with pytest.raises(ApiError):
        runkit.InterruptInbox(client)
