"""What a press sends, and what is said of it, on a real sandbox: at most one answer, no false receipt."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import NamedTuple

import pytest

import runkit
from runkit.api.models import Run
from runkit.local import answer_log
from tests.widgets.asking import NOTE, Asking, deliveries, on_a_loop, until

Before = Callable[[Asking, Run], object]


def fault(kind: str, **options: object) -> Before:
    return lambda asking, _: asking.box.fault(kind, **options)


def elsewhere(asking: Asking, run: Run) -> None:
    asking.answer_elsewhere(run)


def end(asking: Asking, run: Run) -> None:
    asking.box.end_run(run.id)


def dead_kernel(asking: Asking, run: Run) -> None:
    """Leave the entry of a kernel that died while it sent an answer."""
    known = {"host": asking.client.host, "run_id": run.id, "interrupt_id": run.interrupts[0].id}
    answer_log.claim({"decision": "reject"}, "Bob", known)


def drop_and_go_blind(asking: Asking, run: Run) -> None:
    """Drop the answer, and each read of the run after it."""
    asking.box.fault("drop")
    asking.pauses.append(lambda: asking.box.fault("drop", on="GET /runs", times=99))


class Case(NamedTuple):
    """What happens; then the result, the answers that arrive, the log, and a part of the sentence."""

    happens: Before
    result: str
    posts: int
    log: list[str]
    words: str


PRESSES = {
    "accepted": Case(lambda *_: None, "confirmed", 1, ["confirmed"], "signed Ana Ortiz."),
    "cannot be read": Case(fault("drop", on="GET /runs", times=99), "open", 0, [], "was not sent"),
    "lost reply": Case(fault("lose_reply"), "unconfirmed", 1, ["unconfirmed"], "not confirmed"),
    "dropped, and nobody can look": Case(
        drop_and_go_blind, "open", 1, ["unknown"], "may still arrive"
    ),
    "answered elsewhere before": Case(elsewhere, "closed", 1, [], "by Priya Raman"),
    "ended before": Case(end, "closed", 0, [], "doesn&#39;t count as a rejection"),
    "another kernel died": Case(dead_kernel, "open", 0, ["sending"], "signed Bob"),
}


@pytest.mark.parametrize("name", PRESSES)
@on_a_loop
async def test_five_presses_send_at_most_one_answer(asking, name):
    """What was typed stays unless the API has confirmed it, and nothing is said to be confirmed else."""
    case = PRESSES[name]
    run = asking.run()
    person = asking.form(run)
    arrived = asking.box.answers()
    case.happens(asking, run)
    person.choose()
    await person.press(times=5)
    assert (person.result, deliveries(), arrived()) == (case.result, case.log, case.posts)
    assert case.words in person.sentence
    assert ("Confirmed by the API" in person.sentence) is (name == "accepted")
    assert person.note == NOTE
    is_visible = person.form.box in person.widget.forms.box.children
    assert is_visible is (name != "accepted")


@on_a_loop
async def test_a_second_press_sends_nothing_while_an_answer_is_on_its_way(asking):
    person = asking.form(asking.run())
    arrived = asking.box.answers()
    asking.box.fault("hold")
    person.choose()
    person.form.send_button.click()
    await until(arrived)
    try:
        await person.form.send()
        assert (arrived(), person.result) == (1, "sending")
    finally:
        asking.box.clear_faults()
    await person.idle()
    assert person.result == "confirmed"


@on_a_loop
async def test_sending_after_a_doubt_is_a_new_decision(asking):
    """The choice is taken back, so that a press alone sends nothing; the reason stays."""
    person = asking.form(asking.run())
    arrived = asking.box.answers()
    asking.box.fault("drop")
    person.choose()
    await person.press()
    assert (person.form.inputs.button_words, person.form.send_button.disabled) == ("", True)
    await person.press()
    assert arrived() == 1
    person.choose()
    await person.press()
    assert (person.result, arrived()) == ("confirmed", 2)


@pytest.mark.parametrize("is_typed", [True, False])
@on_a_loop
async def test_an_answer_from_elsewhere_closes_the_form(asking, is_typed):
    """Whoever had typed is told that it was not sent, and can still read it."""
    run = asking.run()
    person = asking.form(run)
    if is_typed:
        person.choose()
    asking.answer_elsewhere(run)
    person.widget.forms.take(asking.client.runs.get(run))
    assert person.result == "closed"
    assert ("not sent" in person.sentence) is is_typed
    assert (person.form.box in person.widget.forms.box.children) is is_typed


@on_a_loop
async def test_text_that_arrives_right_after_the_press_is_sent(asking):
    """A busy page delivers the press before the text that was typed before it."""
    person = asking.form(asking.run())
    person.choose("approve", "")
    person.form.send_button.click()
    await asyncio.sleep(0.05)
    person.form.inputs.proposals[0].texts["note"].value = NOTE
    await person.idle()
    assert person.result == "confirmed"
    assert NOTE in answer_log.entries()[0].answer


@on_a_loop
async def test_a_read_only_client_sends_nothing(asking):
    person = asking.form(asking.run(), asking.another(read_only=True))
    arrived = asking.box.answers()
    person.choose()
    await person.press()
    assert (person.form.send_button.disabled, arrived(), deliveries()) == (True, 0, [])
    assert person.form.send_button.description.startswith("Read-only")


@on_a_loop
async def test_a_receipt_has_the_time_of_the_server():
    with (
        runkit.sandbox(speed=3000, now="2020-03-01T10:00:00Z") as box,
        box.client(rate=None) as client,
    ):
        made = client.runs.create("cip_orchestrator", box.business("decision"))
        form = runkit.InterruptForm(client, client.runs.wait(made)).forms.form
        form.inputs.proposals[0].choice.value = "approved"
        form.send_button.click()
        await until(lambda: form.receipt)
    assert "Mar 1, 2020" in form.receipt.text
