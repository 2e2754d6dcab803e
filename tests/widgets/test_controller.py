"""A form's machine against a real server: every way from the click to the verdict."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any

import pytest

from runkit import answers
from runkit.client import Client
from runkit.widgets.controller import READ_ONLY, AnswerController, State
from support import step
from tests.client.conftest import Answer, Server
from tests.widgets.answering import NO, NOTE, WHO, YES, answer, deliveries, scripted, submit, told
from tests.widgets.asking import Asking, finish, until

PAUSE = step("pause", end=None, type="interrupt", run_id="run-1")

# ----------------------------------------------------------------------------------------- what a person does


def test_what_does_not_validate_is_not_sent(asking: Asking) -> None:
    """OPEN to INVALID with the errors beside their fields, which go as they are mended; nothing was sent."""
    controller = asking.controller()
    invalid = answer(controller, {"0": {"decision": "approve"}})
    assert (invalid.state, list(invalid.errors["0"])) == (State.INVALID, ["note"])
    assert invalid.message == "Not sent. Fix the field marked below."
    controller.edit(YES)
    mended = controller.snapshot
    assert (mended.state, mended.errors) == (State.OPEN, {})
    assert asking.wire.posts == 0


def test_an_error_that_is_not_mended_stays(asking: Asking) -> None:
    """Typing elsewhere leaves the error and its message where they are."""
    controller = asking.controller()
    answer(controller, {})
    controller.edit({"0": {"note": "hm"}})
    assert controller.snapshot.state is State.INVALID
    assert controller.snapshot.errors == {"0": {"decision": "choose an answer"}}


def test_an_answer_arrives(asking: Asking) -> None:
    """OPEN to SENDING to SETTLED: one POST, a receipt, an entry in the log, and the draft is gone."""
    controller = asking.controller(who=WHO)
    states: list[State] = []
    controller.subscribe(lambda snapshot: states.append(snapshot.state))
    settled = answer(controller)
    assert states == [State.SENDING, State.SETTLED]
    assert settled.is_final
    assert settled.message.startswith("Hit dismissed, ")
    assert settled.message.endswith(f" UTC · signed {WHO}")
    assert not asking.is_open(controller.question)
    assert asking.wire.posts == 1
    [entry] = answers.entries()
    assert (entry.delivery, entry.answered_by, entry.kind) == ("confirmed", WHO, "dismissal")
    assert (entry.interrupt_id, entry.step_id) == (
        controller.question.interrupt_id,
        controller.question.step_id,
    )
    assert entry.answer == '{"decision":"approve","note":"born in 1951, ours in 1984"}'
    assert settled.receipt is not None
    assert settled.receipt.reason == NOTE


def test_fifty_clicks_at_once(asking: Asking) -> None:
    """Fifty threads that submit one form at once send one answer."""
    controller = asking.controller("address_gap")
    controller.edit(NO)
    gate = threading.Barrier(50)

    def click() -> None:
        gate.wait()
        controller.submit()

    threads = [threading.Thread(target=click) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    finish()
    assert (controller.snapshot.state, asking.wire.posts) == (State.SETTLED, 1)


@pytest.mark.parametrize("sent", ['{"decision": " "}', '{"proposals": []}'])
def test_an_answer_without_a_decision(
    server: Server, client: Client, run_json: Any, question: Any, sent: str
) -> None:
    """A receipt of JSON that decides nothing says so in words, not in none."""
    riddle = {**question, "value": {"type": "riddle"}}
    pending = Answer(run_json(status="interrupted", interrupts=[riddle], steps=[]))
    server.script = lambda asked: Answer(run_json(steps=[])) if asked.method == "POST" else pending
    controller = scripted(client)
    answer(controller, {"0": {"decision": "raw", "raw": sent}})
    assert told(controller).startswith("JSON sent, ")


def test_inert_while_it_sends(asking: Asking) -> None:
    """Clicks of any kind do nothing from the click to the verdict, and typing belongs to no answer."""
    controller = asking.controller("address_gap")
    asking.box.fault("slow", seconds=0.3)
    controller.edit(NO)
    controller.submit()
    assert controller.snapshot.state is State.SENDING
    for click in (controller.submit, controller.check):
        click()
    controller.edit(YES)
    assert controller.snapshot.state is State.SENDING
    finish()
    assert (controller.snapshot.state, asking.wire.posts) == (State.SETTLED, 1)
    assert [entry.answer for entry in answers.entries()] == ['{"decision":"reject"}']
    for click in (controller.submit, controller.check):
        click()
    assert (controller.snapshot.state, asking.wire.posts) == (State.SETTLED, 1)


# ------------------------------------------------------------------------------------------- nothing was sent


@pytest.mark.parametrize(("status", "times"), [(401, 1), (403, 1), (429, 9)])
def test_surely_not_delivered(asking: Asking, status: int, times: int) -> None:
    """A wrong key and a limit are FAILED; what was typed stays, and the second try arrives."""
    controller = asking.controller()
    asking.box.fault("refuse", status=status, times=times)
    failed = answer(controller)
    assert (failed.state, controller.entries) == (State.FAILED, YES)
    assert failed.message.startswith("Not delivered. ")
    assert str(status) in failed.message
    assert asking.is_open(controller.question)
    asking.box.clear_faults()
    assert submit(controller).state is State.SETTLED
    assert deliveries() == ["failed", "confirmed"]


def test_no_connection(asking: Asking) -> None:
    """When the run cannot even be read, nothing is sent, and the try after that arrives."""
    controller = asking.controller()
    asking.box.fault("drop", on="GET /runs", times=99)
    failed = answer(controller)
    assert (failed.state, asking.wire.posts) == (State.FAILED, 0)
    asking.box.clear_faults()
    assert submit(controller).state is State.SETTLED


def test_read_only(asking: Asking) -> None:
    """A client that may not write shows the question and says at once that it cannot answer."""
    controller = AnswerController(asking.another(read_only=True), asking.question())
    assert controller.snapshot.message == READ_ONLY
    failed = answer(controller)
    assert (failed.state, failed.message) == (State.FAILED, READ_ONLY)
    assert deliveries() == []


def test_a_refusal_stands_at_its_field(asking: Asking) -> None:
    """What the API says of a field of the second proposal is beside that field, until it is typed into."""
    question = asking.question("combined_proposal")
    stranger = asking.client.runs.get(question.run.id)  # its business is not known, so the id is typed
    question = replace(question, run=stranger)
    agents = [proposal["agent"] for proposal in question.proposals]
    number = str(agents.index("tin_verification"))
    controller = AnswerController(asking.client, question)
    entries = {key: {"decision": "approve", "note": NOTE} for key in "01"}
    entries[number]["document_id"] = "document-of-somebody-else"
    refused = answer(controller, entries)
    assert refused.state is State.FAILED
    assert refused.errors == {number: {"document_id": "document_id must name a document of this business"}}
    assert deliveries() == ["refused"]
    del entries[number]["document_id"]
    controller.edit(entries)
    assert (controller.snapshot.state, controller.snapshot.errors) == (State.OPEN, {})
    assert submit(controller).state is State.SETTLED


def test_a_refused_field_that_is_still_wrong(
    server: Server, client: Client, run_json: Any, question: Any
) -> None:
    """Typed wrongly again it is INVALID, and still said why nothing was taken."""
    pending = Answer(run_json(status="interrupted", interrupts=[question], steps=[]))
    no = Answer({"errors": [{"message": "no", "parameter": "input.note"}]}, status=422)
    server.script = lambda asked: no if asked.method == "POST" else pending
    controller = scripted(client)
    answer(controller)
    controller.edit({"0": {"decision": "approve", "note": "x" * 5_001}})
    assert controller.snapshot.state is State.INVALID
    assert controller.snapshot.errors == {"0": {"note": "must have at most 5,000 characters"}}
    assert controller.snapshot.message.startswith("The API refused the answer. ")


@pytest.mark.parametrize(
    ("parameter", "errors"),
    [
        ("input.note", {"0": {"note": "no"}}),
        ("input.actions[0].payload.note", {"0": {"note": "no"}}),
        ("input.secret", {}),
        ("interrupt_id", {}),
        (None, {}),
    ],
)
def test_where_a_refusal_stands(
    server: Server, client: Client, run_json: Any, question: Any, parameter: str | None, errors: Any
) -> None:
    """A refusal that names no field of the form is said in the message."""
    pending = Answer(run_json(status="interrupted", interrupts=[question], steps=[]))
    no = Answer({"errors": [{"message": "no", "parameter": parameter}]}, status=422)
    server.script = lambda asked: no if asked.method == "POST" else pending
    refused = answer(scripted(client))
    assert (refused.state, refused.errors) == (State.FAILED, errors)
    assert refused.message.startswith("The API refused the answer. ")


# ----------------------------------------------------------------------------------------- somebody was first


def test_answered_elsewhere_before_the_click(asking: Asking) -> None:
    """The run is read before anything is sent: the receipt is nobody's here and says who was first."""
    controller = asking.controller()
    asking.answer_elsewhere(controller.question)
    assert (answer(controller).state, asking.wire.posts) == (State.CONFLICT, 0)
    assert told(controller).startswith("Already answered by Ole, ")
    assert "by Ole" in told(controller)
    assert deliveries() == []


def test_answered_elsewhere_during_the_click(asking: Asking) -> None:
    """Somebody's answer between the look and ours: refused, and nothing is claimed."""
    controller = asking.controller()
    asking.box.fault("slow", seconds=0.5)
    controller.edit(NO)
    controller.submit()
    until(lambda: asking.wire.posts == 1)
    asking.answer_elsewhere(controller.question)
    finish()
    assert controller.snapshot.state is State.CONFLICT
    assert "by Ole" in told(controller)
    assert deliveries() == ["refused"]


def test_answered_elsewhere_while_it_is_looked_for(asking: Asking) -> None:
    """Our answer was lost and somebody else closes the question: the receipt does not claim ours did."""
    controller = asking.controller()
    asking.box.fault("drop")
    asking.pauses.append(lambda: asking.answer_elsewhere(controller.question))
    assert (answer(controller).state, asking.wire.posts) == (State.SETTLED, 1)
    assert "couldn't confirm" in told(controller)
    assert "by Ole" in told(controller)
    assert controller.snapshot.message.startswith("Closed. ")
    assert deliveries() == ["unconfirmed"]


def test_answered_from_another_notebook(asking: Asking) -> None:
    """What this machine's log knows of the one who was first is in the receipt."""
    question = asking.question()
    first, second = (AnswerController(asking.client, question, who=who) for who in ("Ada", "Bob"))
    answer(first)
    assert answer(second).state is State.CONFLICT
    assert told(second).startswith("Answered from another notebook on this machine: Hit dismissed, ")


def test_noticed_without_a_click(asking: Asking) -> None:
    """A look that finds the question closed says so; an answer after that is not sent."""
    controller = asking.controller()
    controller.refresh()
    assert controller.snapshot.version == 0
    controller.edit(YES)
    asking.answer_elsewhere(controller.question)
    controller.refresh()
    controller.submit()
    finish()
    assert (controller.snapshot.state, asking.wire.posts) == (State.CONFLICT, 0)


@pytest.mark.parametrize("is_clicked", [True, False])
def test_expired(asking: Asking, is_clicked: bool) -> None:
    """A question whose run ended has expired, which is no rejection, and nothing is sent."""
    controller = asking.controller()
    asking.end(controller.question)
    if is_clicked:
        answer(controller)
    else:
        controller.refresh()
    assert (controller.snapshot.state, asking.wire.posts) == (State.EXPIRED, 0)
    assert "doesn't count as a rejection" in told(controller)


def refusing(server: Server, *reads: Answer) -> None:
    """Give the reads one after the other; refuse the answer."""
    no, left = Answer({"errors": [{"message": "no"}]}, status=422), iter(reads)
    server.script = lambda asked: no if asked.method == "POST" else next(left, Answer(status=401))


def test_expired_while_it_is_refused(server: Server, client: Client, run_json: Any, question: Any) -> None:
    """The one look that found the run ended is enough to know that nobody closed the question."""
    pending = Answer(run_json(status="interrupted", interrupts=[question], steps=[PAUSE]))
    refusing(server, pending, pending, Answer(run_json(status="error", steps=[PAUSE])))
    assert answer(scripted(client)).state is State.EXPIRED


def test_refused_and_an_older_state_is_shown(
    server: Server, client: Client, run_json: Any, question: Any
) -> None:
    """A replica that has not heard of the question yet closes no form."""
    pending = Answer(run_json(status="interrupted", interrupts=[question], steps=[PAUSE]))
    older = Answer(run_json(status="running", steps=[], updated_at="2026-02-03T10:00:01Z"))
    refusing(server, pending, pending, older)
    refused = answer(scripted(client))
    assert (refused.state, refused.receipt) == (State.FAILED, None)


def test_expired_while_it_is_looked_for(asking: Asking) -> None:
    """An answer that was lost before its run ended has closed nothing."""
    controller = asking.controller()
    asking.box.fault("drop")
    asking.pauses.append(lambda: asking.end(controller.question))
    assert (answer(controller).state, asking.wire.posts) == (State.EXPIRED, 1)


def test_a_question_that_changed(server: Server, client: Client, run_json: Any, question: Any) -> None:
    """A question with the same id and another value is never answered."""

    def run(label: str) -> Answer:
        value = {**question["value"], "label": label}
        return Answer(run_json(status="interrupted", interrupts=[{**question, "value": value}], steps=[]))

    server.script = lambda asked: run("Dismiss?")
    controller = scripted(client)
    server.script = lambda asked: run("Dismiss everything?")
    assert answer(controller).state is State.CONFLICT
    assert "The question has changed" in told(controller)
    assert {asked.method for asked in server.asked} == {"GET"}
