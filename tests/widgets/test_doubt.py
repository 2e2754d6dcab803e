"""A form's machine where nobody can say what became of an answer, and where this machine is at fault."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from runkit.client import Client
from runkit.models import Run
from runkit.widgets import drafts
from runkit.widgets.controller import AnswerController, State
from tests.client.conftest import DROP, Answer, Asked, Server
from tests.widgets.answering import WHO, YES, answer, deliveries, draft, posts, saved, scripted, submit, told
from tests.widgets.asking import JOBS, Asking, finish

# --------------------------------------------------------------------------------------------------- in doubt


def test_the_reply_is_lost(asking: Asking) -> None:
    """The work was done and the answer to it lost: one POST, and the receipt claims no more than is known."""
    controller = asking.controller(who=WHO)
    asking.box.fault("lose_reply")
    states: list[tuple[State, bool]] = []
    controller.subscribe(lambda snapshot: states.append((snapshot.state, snapshot.is_checking)))
    assert (answer(controller).state, asking.wire.posts) == (State.SETTLED, 1)
    assert states[-2:] == [(State.UNKNOWN, True), (State.SETTLED, False)]
    assert "your answer of" in told(controller)
    assert "couldn't confirm" in told(controller)
    assert deliveries() == ["unconfirmed"]


@pytest.mark.parametrize("status", [500, 502, 503])
def test_a_server_in_trouble(asking: Asking, status: int) -> None:
    """Still open after the looks: open again with a warning and all that was typed; the next try arrives."""
    controller = asking.controller()
    asking.box.fault("refuse", status=status)
    reopened = answer(controller)
    assert (reopened.state, asking.wire.posts, controller.entries) == (State.OPEN, 1, YES)
    assert "was sent once and may still arrive" in reopened.message
    assert deliveries() == ["unknown"]
    assert (submit(controller).state, asking.wire.posts) == (State.SETTLED, 2)
    assert deliveries() == ["unknown", "confirmed"]


def test_the_first_answer_arrives_late(asking: Asking) -> None:
    """After a doubtful one the question closes: the receipt is of an answer that could not be confirmed."""
    controller = asking.controller()
    asking.box.fault("drop")
    answer(controller)
    asking.answer_elsewhere(controller.question)
    controller.refresh()
    assert controller.snapshot.state is State.SETTLED
    assert "couldn't confirm" in told(controller)


def cut_off(asking: Asking) -> None:
    """Lose the answer, and all that is read from the first look on."""
    asking.box.fault("drop")
    asking.pauses.append(lambda: asking.box.fault("drop", on="GET /runs", times=99))


@pytest.mark.parametrize("is_closed", [True, False])
def test_nobody_can_look(asking: Asking, is_closed: bool) -> None:
    """Unknown until somebody looks again: a click sends nothing, the next look finds out."""
    controller = asking.controller()
    cut_off(asking)
    unknown = answer(controller)
    assert (unknown.state, unknown.is_checking) == (State.UNKNOWN, False)
    assert submit(controller).state is State.UNKNOWN
    controller.check()
    finish()
    assert (controller.snapshot.state, asking.wire.posts) == (State.UNKNOWN, 1)
    asking.box.clear_faults()
    if is_closed:
        asking.answer_elsewhere(controller.question)
    controller.check()
    finish()
    assert (controller.snapshot.state, asking.wire.posts) == (State.SETTLED if is_closed else State.OPEN, 1)


def test_one_look_at_a_time(asking: Asking) -> None:
    """Whoever clicks again while it is looked for starts no second look."""
    controller = asking.controller()
    cut_off(asking)
    answer(controller)
    asking.box.clear_faults()
    asking.box.fault("slow", on="GET /runs", seconds=0.2)
    for _ in range(5):
        controller.check()
    assert [one.name for one in threading.enumerate() if one.name in JOBS] == ["runkit-check"]
    finish()
    assert controller.snapshot.state is State.OPEN


def test_no_thread_to_look(asking: Asking, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the machine has no thread to give, it is still unknown, and one may look again."""
    controller = asking.controller()
    cut_off(asking)
    answer(controller)
    asking.box.clear_faults()
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", no_thread)
        controller.check()
    assert (controller.snapshot.state, controller.snapshot.is_checking) == (State.UNKNOWN, False)
    assert "can't start new thread" in controller.snapshot.message
    controller.check()
    finish()
    assert controller.snapshot.state is State.OPEN


def no_thread(_thread: threading.Thread) -> None:
    """What Python says where the system has no thread left."""
    raise RuntimeError("can't start new thread")


def test_no_thread_to_send_again(asking: Asking, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a doubtful answer it is not said that nothing was sent at all."""
    controller = asking.controller()
    asking.box.fault("drop")
    answer(controller)
    monkeypatch.setattr(threading.Thread, "start", no_thread)
    failed = submit(controller)
    assert failed.state is State.FAILED
    assert failed.message.startswith("Not sent this time. can't start new thread. Your answer of ")


def test_unknown_is_found_out_without_a_click(asking: Asking) -> None:
    """A look from time to time is enough once the question is closed."""
    controller = asking.controller()
    cut_off(asking)
    answer(controller)
    asking.box.clear_faults()
    controller.refresh()
    assert controller.snapshot.state is State.UNKNOWN
    asking.answer_elsewhere(controller.question)
    controller.refresh()
    assert controller.snapshot.state is State.SETTLED


def test_a_look_in_between(server: Server, client: Client, run_json: Any, question: Any) -> None:
    """A look that finds our own answer before we hear of it is not mistaken for somebody else's."""
    pending = Answer(run_json(status="interrupted", interrupts=[question], steps=[]))
    was_sent: list[Asked] = []

    def script(asked: Asked) -> Answer:
        if asked.method == "POST":
            was_sent.append(asked)
            controller.refresh()
        return Answer(run_json(steps=[])) if was_sent else pending

    server.script = script
    controller = scripted(client)
    states: list[State] = []
    controller.subscribe(lambda snapshot: states.append(snapshot.state))
    assert answer(controller).state is State.SETTLED
    assert told(controller).startswith("Hit dismissed")
    assert states.count(State.SETTLED) == 1


def test_a_question_that_is_still_shown(server: Server, client: Client, run_json: Any, question: Any) -> None:
    """A server that takes the answer and still asks gets no receipt out of it, and no second answer."""
    pending = Answer(run_json(status="interrupted", interrupts=[question], steps=[]))
    server.script = lambda asked: pending
    reopened = answer(scripted(client))
    assert (reopened.state, reopened.receipt) == (State.OPEN, None)
    assert "may still arrive" in reopened.message
    assert sum(asked.method == "POST" for asked in server.asked) == 1


def test_a_question_that_changes_while_it_is_looked_for(
    server: Server, client: Client, run_json: Any, question: Any
) -> None:
    """What stands in the form is no answer to the new question."""
    other = {**question, "value": {"type": "dismissal", "label": "Another?"}}
    was_sent: list[Asked] = []

    def script(asked: Asked) -> Answer:
        if asked.method == "POST":
            was_sent.append(asked)
            return DROP
        return Answer(run_json(status="interrupted", interrupts=[other if was_sent else question], steps=[]))

    server.script = script
    assert answer(scripted(client)).state is State.CONFLICT
    assert len(was_sent) == 1


# --------------------------------------------------------------------------------------- what goes wrong here


def test_a_closed_client_sends_no_answer(asking: Asking) -> None:
    """The card says so, and that the answer was not delivered."""
    controller = AnswerController(client := asking.another(), asking.question())
    client.close()
    failed = answer(controller)
    assert (failed.state, "this client has been closed" in failed.message) == (State.FAILED, True)


def test_an_error_before_the_answer_is_sent(
    asking: Asking, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What nobody expected ends as words on the card, and as a traceback in the log."""
    controller = AnswerController(client := asking.another(), asking.question())
    monkeypatch.setattr(client.runs, "get", no_thread)
    failed = answer(controller)
    assert (failed.state, "RuntimeError" in failed.message) == (State.FAILED, True)
    assert failed.message.startswith("Not delivered. ")
    assert "Traceback" in caplog.text


def test_an_error_while_the_answer_is_sent(asking: Asking) -> None:
    """Then it is unknown whether it arrived; the next look finds out."""
    controller = asking.controller()
    asking.wire.broken = ZeroDivisionError()
    unknown = answer(controller)
    assert (unknown.state, "ZeroDivisionError" in unknown.message) == (State.UNKNOWN, True)
    assert deliveries() == ["sending"]
    controller.check()
    finish()
    assert controller.snapshot.state is State.OPEN
    assert "may still arrive" in controller.snapshot.message


def test_a_view_that_fails(asking: Asking, caplog: pytest.LogCaptureFixture) -> None:
    """A listener that raises costs neither the answer its verdict nor the others their news."""
    controller = asking.controller()
    heard: list[State] = []
    controller.subscribe(lambda snapshot: 1 / 0)
    controller.subscribe(lambda snapshot: heard.append(snapshot.state))
    assert answer(controller).state is heard[-1] is State.SETTLED
    assert "ZeroDivisionError" in caplog.text


@pytest.fixture
def no_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    """A state folder that nobody can make."""
    monkeypatch.setenv("RUNKIT_STATE_DIR", "/dev/null/state")


@pytest.mark.usefixtures("no_folder")
@pytest.mark.parametrize("fault", [None, "lose_reply"])
def test_a_folder_that_cannot_be_written(
    asking: Asking, caplog: pytest.LogCaptureFixture, fault: Any
) -> None:
    """Without a log and drafts an answer is sent all the same, and its receipt claims no less and no more."""
    controller = asking.controller()
    if fault:
        asking.box.fault(fault)
    assert (answer(controller).state, asking.wire.posts) == (State.SETTLED, 1)
    assert ("couldn't confirm" in told(controller)) is bool(fault)
    assert "the answer log was not written" in caplog.text


@pytest.mark.usefixtures("no_folder")
def test_a_doubtful_answer_is_known_without_a_log(asking: Asking) -> None:
    """Found closed later, it is not said that nothing was sent from here."""
    controller = asking.controller()
    cut_off(asking)
    answer(controller)
    asking.box.clear_faults()
    asking.answer_elsewhere(controller.question)
    controller.check()
    finish()
    assert "couldn't confirm" in told(controller)


def test_a_replica_that_lags_behind(server: Server, client: Client, run_json: Any, question: Any) -> None:
    """An older state of the run, or another run, closes no form and costs no draft."""
    asked = run_json(status="interrupted", interrupts=[question], steps=[], updated_at="2026-02-03T10:00:40Z")
    before = run_json(status="running", interrupts=[], steps=[], updated_at="2026-02-03T10:00:01Z")
    server.script = lambda asked_for: Answer(asked)
    controller = scripted(client)
    for odd in (before, run_json(id="run-of-another-customer")):
        draft(controller, {"0": {"decision": "reject", "note": str(odd["id"])}})
        server.script = lambda asked_for, odd=odd: Answer(odd)  # type: ignore[misc]
        controller.update_run(Run.from_json(before))
        failed = submit(controller)
        assert (failed.state, saved(controller) is None) == (State.FAILED, False)
    assert {one.method for one in server.asked} == {"GET"}


def test_two_forms_of_one_question(server: Server, client: Client, run_json: Any, question: Any) -> None:
    """A second form does not send beside an answer that may still arrive; it warns first."""
    still = Answer(run_json(status="interrupted", interrupts=[question], steps=[]))
    server.script = lambda asked: DROP if asked.method == "POST" else still
    first, second = scripted(client), scripted(client)
    answer(first)
    warned = answer(second)
    assert (warned.state, posts(server)) == (State.OPEN, 1)
    assert "An answer sent from here" in warned.message
    assert "may still arrive" in warned.message
    submit(second)
    assert posts(server) == 2


def test_a_warning_does_not_deny_the_first_answer(asking: Asking) -> None:
    """A form whose answer may still arrive and that hears of another form's does not say it sent none."""
    first = asking.controller()
    second = AnswerController(asking.client, first.question)
    asking.box.fault("drop", times=2)
    for controller in (first, second):
        answer(controller)  # the second one is only warned
    submit(second)
    warned = submit(first)
    assert (warned.state, asking.wire.posts) == (State.OPEN, 2)
    assert warned.message.startswith("Not sent this time. An answer sent from here at ")


def test_an_error_after_the_verdict(asking: Asking, monkeypatch: pytest.MonkeyPatch) -> None:
    """What goes wrong behind the receipt does not take it back."""
    controller = asking.controller()

    def fail(_name: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(drafts, "drop_all", fail)
    assert answer(controller).state is State.SETTLED
    assert told(controller).startswith("Hit dismissed")


def test_asked_again_under_the_same_id(server: Server, client: Client, run_json: Any, question: Any) -> None:
    """What was answered earlier is no answer to the question that came later under its id."""

    def run(label: str, **more: Any) -> dict[str, Any]:
        value = {**question["value"], "label": label}
        return run_json(steps=[], **({"interrupts": [{**question, "value": value}]} | more))

    server.script = lambda asked: Answer(run("Dismiss?", status="interrupted"))
    first = scripted(client)
    server.script = lambda asked: Answer(
        run("", status="running", interrupts=[]) if asked.method == "POST" else run("Dismiss?")
    )
    answer(first)
    server.script = lambda asked: Answer(run("Dismiss the other?", status="interrupted"))
    second = scripted(client)
    assert second.snapshot.message == ""
    server.script = lambda asked: Answer(run("", status="running", interrupts=[]))
    assert answer(second).state is State.CONFLICT
    assert told(second).startswith("Already answered")
