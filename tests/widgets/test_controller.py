"""The states of an answer as one table: a press, what the network does, card and log.

This is one press each.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import pytest

from runkit.local import answer_log
from runkit.widgets._answer_states import READ_ONLY, AnswerController
from runkit.widgets._event_queue import EventQueue
from runkit.widgets._question import State, question_of
from tests.client.conftest import Answer
from tests.widgets.answering import NO, NOTE, WHO, YES, answer, deliveries, saved, submit
from tests.widgets.asking import Asking, finish

DOUBT = "Closed. We couldn't confirm that your answer of "
STILL = "The question is still open. Your answer was sent once and may still arrive."
UNKNOWN = "We couldn't confirm it arrived. "
Before = Callable[[Asking, AnswerController], object]


def fault(kind: str, **options: Any) -> Before:
    return lambda asking, _: asking.box.fault(kind, **options)


def both(*acts: Before) -> Before:
    return lambda asking, controller: [act(asking, controller) for act in acts]


def while_looking(act: Before) -> Before:
    """Do something before the first check of a doubtful answer."""
    return lambda asking, controller: asking.pauses.append(lambda: act(asking, controller))


def elsewhere(asking: Asking, controller: AnswerController) -> None:
    asking.answer_elsewhere(controller.question)


def end(asking: Asking, controller: AnswerController) -> None:
    asking.box.end_run(controller.question.run.id)


def another_notebook(asking: Asking, controller: AnswerController) -> None:
    run = controller.question.run
    interrupt_id = controller.question.interrupt_id
    asking.another().runs.resume(run, interrupt_id, {"decision": "reject"}, who="Bob")


def dead_kernel(asking: Asking, controller: AnswerController) -> None:
    """Leave the entry of a kernel that died while it sent an answer."""
    run = controller.question.run
    interrupt_id = controller.question.interrupt_id
    known = {"host": asking.client.host, "run_id": run.id, "interrupt_id": interrupt_id}
    answer_log.claim({"decision": "reject"}, "Bob", known)


def client_error(asking: Asking, _: AnswerController) -> None:
    asking.wire.broken = ZeroDivisionError()


LOST = fault("drop")
BLIND = while_looking(fault("drop", on="GET /runs", times=99))


class Case(NamedTuple):
    """What happens; then the state, the POSTs, the log, and the start of the message."""

    happens: Before
    state: State
    posts: int
    log: list[str]
    words: str


PRESSES = {
    "accepted": Case(lambda *_: None, State.SETTLED, 1, ["confirmed"], "Hit dismissed, "),
    "429": Case(
        fault("refuse", status=429, times=9), State.FAILED, 1, ["failed"], "Not delivered. "
    ),
    "cannot be read": Case(
        fault("drop", on="GET /runs", times=99), State.FAILED, 0, [], "Not delivered. "
    ),
    "dropped": Case(LOST, State.OPEN, 1, ["unknown"], STILL),
    "lost reply": Case(fault("lose_reply"), State.SETTLED, 1, ["unconfirmed"], DOUBT),
    "dropped, then another notebook": Case(
        both(LOST, while_looking(another_notebook)),
        State.CONFLICT,
        1,
        ["unconfirmed", "confirmed"],
        "Answered from another notebook on this machine: Hit kept",
    ),
    "dropped, then ended": Case(
        both(LOST, while_looking(end)),
        State.EXPIRED,
        1,
        ["unconfirmed"],
        "Expired: the run ended first",
    ),
    "dropped, and nobody can look": Case(both(LOST, BLIND), State.UNKNOWN, 1, ["unknown"], UNKNOWN),
    "answered elsewhere before": Case(
        elsewhere, State.CONFLICT, 0, [], "Already answered by Priya Raman, "
    ),
    "ended before": Case(end, State.EXPIRED, 0, [], "Expired: the run ended first"),
    "another notebook before": Case(
        another_notebook,
        State.CONFLICT,
        0,
        ["confirmed"],
        "Answered from another notebook on this machine: Hit kept",
    ),
    "another kernel died, then answered elsewhere": Case(
        both(dead_kernel, elsewhere),
        State.CONFLICT,
        0,
        ["sending"],
        "Already answered by Priya Raman, ",
    ),
    "an error in the client": Case(client_error, State.UNKNOWN, 1, ["sending"], UNKNOWN),
}


@pytest.mark.parametrize("name", PRESSES)
def test_a_press_sends_at_most_one_answer(asking, name):
    """The card claims what is known; without a receipt what was typed is kept."""
    case = PRESSES[name]
    controller = asking.controller(who=WHO)
    case.happens(asking, controller)
    pressed = answer(controller)
    receipt = pressed.receipt
    assert (pressed.state, deliveries()) == (case.state, case.log)
    assert asking.wire.posts == case.posts
    assert pressed.message.startswith(case.words)
    assert saved(controller) == (None if receipt else YES)
    if receipt is not None:
        assert receipt.title == pressed.message
        is_ours = name == "accepted"
        assert (receipt.reason, dict(receipt.facts).get("delivery") == "confirmed") == (
            (NOTE, True) if is_ours else ("", "another notebook" in name)
        )
        is_unsent = case.posts == 0 and case.state is State.CONFLICT
        assert pressed.message.endswith("Your answer was not sent.") is is_unsent
        controller.edit(NO)  # typed right before the receipt came
        assert saved(controller) is None
    elif pressed.state is State.FAILED:
        asking.box.clear_faults()
        assert submit(controller).state is State.SETTLED
        assert deliveries() == [*case.log, "confirmed"]


def refresh(controller: AnswerController) -> None:
    """Check whether the question is still open, as a displayed form does."""
    controller.queue.call(controller.check)
    finish(controller)


LOOKS = {
    "open": (lambda *_: None, State.OPEN, STILL),
    "answered elsewhere": (elsewhere, State.SETTLED, DOUBT),
}


@pytest.mark.parametrize("name", LOOKS)
def test_an_unknown_answer_is_resolved_by_a_refresh(asking, name):
    """Pressed again nothing is sent; the next look finds out what became of it."""
    happens, state, words = LOOKS[name]
    controller = asking.controller()
    both(LOST, BLIND)(asking, controller)
    assert answer(controller).state is submit(controller).state is State.UNKNOWN
    refresh(controller)
    assert (controller.snapshot.state, asking.wire.posts) == (State.UNKNOWN, 1)
    asking.box.clear_faults()
    happens(asking, controller)
    refresh(controller)
    assert (controller.snapshot.state, asking.wire.posts) == (state, 1)
    assert controller.snapshot.message.startswith(words)


@pytest.mark.parametrize("happens", [elsewhere, end, another_notebook])
def test_a_refresh_closes_a_question_closed_elsewhere(asking, happens):
    """Without a press the card closes as well; whoever had typed is told that nothing was sent."""
    controller = asking.controller()
    before = controller.snapshot
    refresh(controller)
    assert controller.snapshot is before
    controller.edit(YES)
    happens(asking, controller)
    refresh(controller)
    assert controller.snapshot.state is (State.EXPIRED if happens is end else State.CONFLICT)
    assert controller.snapshot.message.endswith("not sent.") is (happens is not end)
    assert (submit(controller).receipt is None, asking.wire.posts) == (False, 0)


def test_a_refusal_stands_beside_the_json(server, scripted_client, run_json):
    """The API's refusal stands beside the JSON that was sent."""
    item = {"id": "int-1", "value": {"type": "survey", "label": "Which?"}}
    run = run_json(status="interrupted", interrupts=[item], steps=[])
    refusal = Answer({"errors": [{"message": "risk is missing"}]}, status=422)
    server.script = lambda request: refusal if request.method == "POST" else Answer(run)
    question = question_of(scripted_client.runs.get("run-1"))
    assert question is not None
    controller = AnswerController(scripted_client, question, EventQueue("form"))
    refused = answer(controller, {"0": {"decision": "raw", "raw": "{}", "note": ""}})
    assert "risk is missing" in refused.errors["0"]["raw"]


# ------------------------------------------------------------------------------------- this machine


def test_what_is_typed_while_an_answer_is_sent_is_no_part_of_it(asking):
    controller = asking.controller("address_gap")
    asking.box.fault("hold")
    no = {"0": {**controller.entries["0"], "decision": "reject"}}
    controller.edit(no)
    for _ in range(2):
        controller.queue.call(controller.submit)
    controller.edit({"0": {**no["0"], "note": "too late"}})
    assert controller.snapshot.state is State.SENDING
    asking.box.clear_faults()
    finish(controller)
    assert (controller.snapshot.state, asking.wire.posts) == (State.SETTLED, 1)
    assert [entry.answer for entry in answer_log.entries()] == ['{"decision":"reject"}']


def test_two_forms_pressed_at_once_send_one_answer(asking):
    """Whoever was second learns that the answer was not sent, and whose was."""
    for _ in range(2):
        question = asking.question()
        posts = asking.wire.posts
        forms = [asking.form(question, who=who) for who in ("Ana", "Bob")]
        for form in forms:
            form.edit(NO)
        gate = threading.Barrier(2)
        with ThreadPoolExecutor(2) as pool:
            for form in forms:
                pool.submit(lambda form=form, gate=gate: (gate.wait(), form.submit()))
        finish(*forms)
        assert asking.wire.posts == posts + 1
        sender, other = sorted(forms, key=lambda form: form.snapshot.state is not State.SETTLED)
        assert sender.snapshot.state is State.SETTLED
        assert "our answer was not sent" in other.snapshot.message
        assert f"signed {sender.who}" in other.snapshot.message


def test_a_read_only_client_cannot_answer(asking):
    """A client that may not write says at once that it cannot answer."""
    controller = asking.form(asking.question(), asking.another(read_only=True))
    assert controller.snapshot.message == READ_ONLY
    assert (answer(controller).message, deliveries()) == (READ_ONLY, [])


def test_a_second_form_warns_of_an_answer_that_may_arrive(asking):
    """Each form warns once before it sends beside such an answer."""
    first = asking.controller()
    second = asking.form(first.question)
    asking.box.fault("drop", times=2)
    answer(first)
    warned = answer(second)
    assert (warned.state, asking.wire.posts) == (State.OPEN, 1)
    assert warned.message.startswith("Your answer was not sent. An answer signed ")
    submit(second)
    warned = submit(first)
    assert (warned.state, asking.wire.posts) == (State.OPEN, 2)
    assert warned.message.startswith("Your answer was not sent this time. An answer signed ")
    third = asking.form(first.question)
    assert "may still arrive" in third.snapshot.message


# ------------------------------------------------------------------------------------------- drafts


def test_another_form_restores_the_draft(asking):
    """It begins with what was typed; once the question is closed the draft is gone."""
    first = asking.controller()
    first.edit({"0": {"note": "half a pair \ud83d", "decision": ""}})
    second = asking.form(first.question)
    assert (second.entries, second.snapshot.message) == (first.entries, "Draft restored.")
    unkept = asking.form(first.question, drafts=False)
    assert unkept.entries == unkept.form.received({})
    asking.answer_elsewhere(first.question)
    refresh(second)
    assert saved(first) is None
