"""What was typed into a form is kept until its question is settled, and no longer."""

from __future__ import annotations

import threading
from typing import Any

from runkit.client import Client
from runkit.widgets.controller import AnswerController, State
from runkit.widgets.form import InterruptForm
from tests.client.conftest import Answer, Server
from tests.widgets.answering import NO, NOTE, YES, answer, draft, saved, scripted, submit
from tests.widgets.asking import Asking, until


def test_a_draft_goes_with_its_question(asking: Asking) -> None:
    """Answered from elsewhere and shown again, or settled by a form that keeps none: no draft is left."""
    for close in (
        lambda controller: asking.answer_elsewhere(controller.question),
        lambda controller: answer(AnswerController(asking.client, controller.question, use_drafts=False)),
    ):
        controller = asking.controller()
        draft(controller)
        close(controller)
        InterruptForm(asking.client, controller.question.run)
        assert saved(controller) is None


def test_the_cell_again_right_after_typing(asking: Asking) -> None:
    """What was typed a moment ago is not waited for: the new form has it."""
    first = asking.controller()
    first.edit(YES)
    assert AnswerController(asking.client, first.question).entries == {"0": {"note": NOTE}}


def test_a_restart_loses_nothing(asking: Asking) -> None:
    """Another form of the same question, as after a restart of the kernel, begins with what was typed."""
    first = asking.controller()
    draft(first, {"0": {"note": "half a pair \ud83d"}})
    second = AnswerController(asking.client, first.question)
    assert second.entries == first.entries
    assert "Draft restored" in second.snapshot.message


def test_a_failed_send_keeps_the_draft(asking: Asking) -> None:
    """What was typed is a draft until the answer is settled, and none after it."""
    controller = asking.controller()
    draft(controller)
    asking.box.fault("refuse", status=403)
    assert submit(controller).state is State.FAILED
    assert saved(controller) == YES
    assert submit(controller).state is State.SETTLED
    assert saved(controller) is None


def test_a_draft_that_comes_too_late(asking: Asking) -> None:
    """Typing right before the click leaves no draft behind the receipt."""
    controller = asking.controller()
    answer(controller)
    controller.edit(NO)
    until(lambda: not any(isinstance(one, threading.Timer) for one in threading.enumerate()))
    assert saved(controller) is None


def test_another_question_gets_no_draft(server: Server, client: Client, run_json: Any, question: Any) -> None:
    """A question that has changed begins empty."""
    runs = [
        Answer(run_json(status="interrupted", interrupts=[{**question, "value": value}], steps=[]))
        for value in ({"type": "dismissal", "n": 1}, {"type": "dismissal", "n": 2})
    ]
    server.say(*runs)
    draft(scripted(client))
    assert scripted(client).entries == {"0": {"note": ""}}


def test_the_old_question_takes_no_draft_of_the_new_one(
    server: Server, client: Client, run_json: Any, question: Any
) -> None:
    """A form that is behind, and learns that its question has changed, leaves what the next one keeps."""
    old, new = (
        Answer(run_json(status="interrupted", interrupts=[{**question, "value": value}], steps=[]))
        for value in ({"type": "dismissal", "n": 1}, {"type": "dismissal", "n": 2})
    )
    server.say(old, new, new, new)
    behind, ahead = scripted(client), scripted(client)
    draft(ahead)
    draft(behind, NO)
    assert saved(ahead) == YES
    behind.refresh()
    assert behind.snapshot.state is State.CONFLICT
    assert (saved(behind), saved(ahead)) == (None, YES)


def test_a_settled_question_leaves_no_draft_of_what_it_asked_before(
    server: Server, client: Client, run_json: Any, question: Any
) -> None:
    """What was typed before the question changed goes with the answer to the new one."""
    old, new = (
        Answer(run_json(status="interrupted", interrupts=[{**question, "value": value}], steps=[]))
        for value in ({"type": "dismissal", "n": 1}, {"type": "dismissal", "n": 2})
    )
    server.say(old, new, new, Answer(run_json(steps=[])))
    before, now = scripted(client), scripted(client)
    draft(before)
    assert answer(now).state is State.SETTLED
    assert saved(before) is None
    until(lambda: not any(isinstance(one, threading.Timer) for one in threading.enumerate()))


def test_without_drafts(asking: Asking, state_dir: Any) -> None:
    """Nothing that was typed is kept where that is not wanted."""
    controller = asking.controller(use_drafts=False)
    controller.edit(YES)
    assert not any(isinstance(one, threading.Timer) for one in threading.enumerate())
    assert not state_dir.exists()


def test_an_answer_that_may_still_arrive_is_told_of(asking: Asking) -> None:
    """A form that begins anew after a doubtful answer warns of it."""
    first = asking.controller()
    asking.box.fault("drop")
    answer(first)
    second = AnswerController(asking.client, first.question)
    assert "An answer sent from here at " in second.snapshot.message
    assert "may still arrive" in second.snapshot.message
