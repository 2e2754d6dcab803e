"""A form's machine against a real server: every way from the click to the verdict."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any

import pytest

from runkit import answers
from runkit.client import Client
from runkit.widgets.controller import FormMachine, State
from support import step
from tests.client.conftest import Answer, Server
from tests.widgets.answering import NO, NOTE, WHO, YES, answer, deliveries, scripted, submit, told
from tests.widgets.asking import Asking, finish, until

PAUSE = step("pause", end=None, type="interrupt", run_id="run-1")

# ----------------------------------------------------------------------------------------- what a person does


def test_what_does_not_validate_is_not_sent(asking: Asking) -> None:
    """OPEN to INVALID with the errors beside their fields, which go as they are mended; nothing was sent."""
    machine = asking.machine()
    invalid = answer(machine, {"0": {"decision": "approve"}})
    assert (invalid.state, list(invalid.errors["0"])) == (State.INVALID, ["note"])
    assert invalid.message == "Nothing was sent. One answer needs a look."
    machine.edit(YES)
    mended = machine.snapshot
    assert (mended.state, mended.errors, mended.caption) == (State.OPEN, {}, "Dismiss the hit and resume")
    assert asking.wire.posts == 0


def test_an_error_that_is_not_mended_stays(asking: Asking) -> None:
    """Typing elsewhere leaves the error and its message where they are."""
    machine = asking.machine()
    answer(machine, {})
    machine.edit({"0": {"note": "hm"}})
    assert machine.snapshot.state is State.INVALID
    assert machine.snapshot.errors == {"0": {"decision": "must be given"}}


def test_a_final_answer_is_asked_once_more(asking: Asking) -> None:
    """A second click of the same button is no confirmation; going back or typing on sends nothing."""
    machine = asking.machine()
    machine.edit(YES)
    machine.submit()
    machine.submit()
    assert machine.snapshot.state is State.CONFIRM
    run_id = machine.run.id[:8]
    assert machine.snapshot.message == (
        f"Namesake Imports LLC · {run_id} · Dismiss the hit: this cannot be taken back. Send it?"
    )
    machine.back()
    assert machine.snapshot.state is State.OPEN
    machine.submit()
    machine.edit(NO)
    machine.confirm()
    assert machine.snapshot.state is State.OPEN
    assert asking.wire.posts == 0


def test_an_answer_arrives(asking: Asking) -> None:
    """CONFIRM to SENDING to SETTLED: one POST, a receipt, an entry in the log, and the draft is gone."""
    machine = asking.machine(who=WHO)
    states: list[State] = []
    machine.listen(lambda snapshot: states.append(snapshot.state))
    settled = answer(machine)
    assert states == [State.OPEN, State.CONFIRM, State.SENDING, State.SETTLED]
    assert settled.is_final
    assert told(machine).startswith(f"Answered by {WHO} at ")
    assert not asking.is_open(machine.question)
    assert asking.wire.posts == 1
    [entry] = answers.entries()
    assert (entry.delivery, entry.answered_by, entry.kind) == ("confirmed", WHO, "dismissal")
    assert (entry.interrupt_id, entry.step_id) == (machine.question.interrupt_id, machine.question.step_id)
    assert entry.answer == '{"decision":"approve","note":"born in 1951, ours in 1984"}'
    assert NOTE not in told(machine) + repr(machine) + repr(settled)


def test_fifty_clicks_at_once(asking: Asking) -> None:
    """Fifty threads that submit one form at once send one answer."""
    machine = asking.machine("address_gap")
    machine.edit(NO)
    gate = threading.Barrier(50)

    def click() -> None:
        gate.wait()
        machine.submit()

    threads = [threading.Thread(target=click) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    finish()
    assert (machine.snapshot.state, asking.wire.posts) == (State.SETTLED, 1)


@pytest.mark.parametrize("sent", ['{"decision": " "}', '{"proposals": []}'])
def test_an_answer_without_a_decision(
    server: Server, client: Client, run_json: Any, question: Any, sent: str
) -> None:
    """A receipt of JSON that decides nothing says so in words, not in none."""
    riddle = {**question, "value": {"type": "riddle"}}
    pending = Answer(run_json(status="interrupted", interrupts=[riddle], steps=[]))
    server.script = lambda asked: Answer(run_json(steps=[])) if asked.method == "POST" else pending
    machine = scripted(client)
    answer(machine, {"0": {"raw": sent}})
    assert told(machine).startswith("Answered by ")
    assert ": an answer of 1 field." in told(machine)


def test_inert_while_it_sends(asking: Asking) -> None:
    """Clicks of any kind do nothing from the click to the verdict, and typing belongs to no answer."""
    machine = asking.machine("address_gap")
    asking.box.fault("slow", seconds=0.3)
    machine.edit(NO)
    machine.submit()
    assert machine.snapshot.state is State.SENDING
    for click in (machine.submit, machine.confirm, machine.back, machine.look):
        click()
    machine.edit(YES)
    assert machine.snapshot.state is State.SENDING
    finish()
    assert (machine.snapshot.state, asking.wire.posts) == (State.SETTLED, 1)
    assert [entry.answer for entry in answers.entries()] == ['{"decision":"reject"}']
    for click in (machine.submit, machine.confirm, machine.back, machine.look):
        click()
    assert (machine.snapshot.state, asking.wire.posts) == (State.SETTLED, 1)


# ------------------------------------------------------------------------------------------- nothing was sent


@pytest.mark.parametrize(("status", "times"), [(401, 1), (403, 1), (429, 9)])
def test_surely_not_delivered(asking: Asking, status: int, times: int) -> None:
    """A wrong key and a limit are FAILED; what was typed stays, and the second try arrives."""
    machine = asking.machine()
    asking.box.fault("refuse", status=status, times=times)
    failed = answer(machine)
    assert (failed.state, machine.typed) == (State.FAILED, YES)
    assert failed.message.startswith("The answer was not delivered. ")
    assert str(status) in failed.message
    assert asking.is_open(machine.question)
    asking.box.clear_faults()
    assert submit(machine).state is State.SETTLED
    assert deliveries() == ["failed", "confirmed"]


def test_no_connection(asking: Asking) -> None:
    """When the run cannot even be read, nothing is sent, and the try after that arrives."""
    machine = asking.machine()
    asking.box.fault("drop", on="GET /runs", times=99)
    failed = answer(machine)
    assert (failed.state, asking.wire.posts) == (State.FAILED, 0)
    asking.box.clear_faults()
    assert submit(machine).state is State.SETTLED


def test_read_only(asking: Asking) -> None:
    """A client that may not write shows the question and says at once that it cannot answer."""
    machine = FormMachine(asking.another(read_only=True), asking.question())
    assert "read_only" in machine.snapshot.message
    failed = answer(machine)
    assert (failed.state, failed.message) == (State.FAILED, "Nothing was sent: this client is read_only.")
    assert deliveries() == []


def test_a_refusal_stands_at_its_field(asking: Asking) -> None:
    """What the API says of a field of the second proposal is beside that field, until it is typed into."""
    question = asking.question("combined_proposal")
    stranger = asking.client.runs.get(question.run.id)  # its business is not known, so the id is typed
    question = replace(question, run=stranger)
    agents = [proposal["agent"] for proposal in question.proposals]
    number = str(agents.index("tin_verification"))
    machine = FormMachine(asking.client, question)
    typed = {key: {"decision": "approve", "note": NOTE} for key in "01"}
    typed[number]["document_id"] = "document-of-somebody-else"
    refused = answer(machine, typed)
    assert refused.state is State.FAILED
    assert refused.errors == {number: {"document_id": "document_id must name a document of this business"}}
    assert deliveries() == ["refused"]
    del typed[number]["document_id"]
    machine.edit(typed)
    assert (machine.snapshot.state, machine.snapshot.errors) == (State.OPEN, {})
    assert submit(machine).state is State.SETTLED


def test_a_refused_field_that_is_still_wrong(
    server: Server, client: Client, run_json: Any, question: Any
) -> None:
    """Typed wrongly again it is INVALID, and still said why nothing was taken."""
    pending = Answer(run_json(status="interrupted", interrupts=[question], steps=[]))
    no = Answer({"errors": [{"message": "no", "parameter": "input.note"}]}, status=422)
    server.script = lambda asked: no if asked.method == "POST" else pending
    machine = scripted(client)
    answer(machine)
    machine.edit({"0": {"decision": "approve", "note": "x" * 5_001}})
    assert machine.snapshot.state is State.INVALID
    assert machine.snapshot.errors == {"0": {"note": "must have at most 5000 characters"}}
    assert machine.snapshot.message.startswith("The API refused the answer. ")


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
    machine = asking.machine()
    asking.answer_elsewhere(machine.question)
    assert (answer(machine).state, asking.wire.posts) == (State.CONFLICT, 0)
    assert told(machine).startswith("Not answered from here: the question was closed at ")
    assert "by Ole (says the API)" in told(machine)
    assert deliveries() == []


def test_answered_elsewhere_during_the_click(asking: Asking) -> None:
    """Somebody's answer between the look and ours: refused, and nothing is claimed."""
    machine = asking.machine()
    asking.box.fault("slow", seconds=0.5)
    machine.edit(NO)
    machine.submit()
    machine.confirm()
    until(lambda: asking.wire.posts == 1)
    asking.answer_elsewhere(machine.question)
    finish()
    assert machine.snapshot.state is State.CONFLICT
    assert "by Ole (says the API)" in told(machine)
    assert deliveries() == ["refused"]


def test_answered_elsewhere_while_it_is_looked_for(asking: Asking) -> None:
    """Our answer was lost and somebody else closes the question: the receipt does not claim ours did."""
    machine = asking.machine()
    asking.box.fault("drop")
    asking.pauses.append(lambda: asking.answer_elsewhere(machine.question))
    assert (answer(machine).state, asking.wire.posts) == (State.SETTLED, 1)
    assert "could not be confirmed" in told(machine)
    assert "by Ole (says the API)" in told(machine)
    assert "Answered by" not in told(machine)
    assert deliveries() == ["unconfirmed"]


def test_answered_from_another_notebook(asking: Asking) -> None:
    """What this machine's log knows of the one who was first is in the receipt."""
    question = asking.question()
    first, second = (FormMachine(asking.client, question, who=who) for who in ("Ada", "Bob"))
    answer(first)
    assert answer(second).state is State.CONFLICT
    assert told(second).startswith("Answered from another notebook of this machine. Answered by Ada")


def test_noticed_without_a_click(asking: Asking) -> None:
    """A look that finds the question closed says so, also while it is asked once more."""
    machine = asking.machine()
    machine.watch()
    assert machine.snapshot.version == 0
    machine.edit(YES)
    machine.submit()
    asking.answer_elsewhere(machine.question)
    machine.watch()
    machine.confirm()
    finish()
    assert (machine.snapshot.state, asking.wire.posts) == (State.CONFLICT, 0)


@pytest.mark.parametrize("is_clicked", [True, False])
def test_lapsed(asking: Asking, is_clicked: bool) -> None:
    """A question whose run ended is lapsed, which is no rejection, and nothing is sent."""
    machine = asking.machine()
    asking.end(machine.question)
    if is_clicked:
        answer(machine)
    else:
        machine.watch()
    assert (machine.snapshot.state, asking.wire.posts) == (State.LAPSED, 0)
    assert "This is no rejection" in told(machine)


def refusing(server: Server, *reads: Answer) -> None:
    """Give the reads one after the other; refuse the answer."""
    no, left = Answer({"errors": [{"message": "no"}]}, status=422), iter(reads)
    server.script = lambda asked: no if asked.method == "POST" else next(left, Answer(status=401))


def test_lapsed_while_it_is_refused(server: Server, client: Client, run_json: Any, question: Any) -> None:
    """The one look that found the run ended is enough to know that nobody closed the question."""
    pending = Answer(run_json(status="interrupted", interrupts=[question], steps=[PAUSE]))
    refusing(server, pending, pending, Answer(run_json(status="error", steps=[PAUSE])))
    assert answer(scripted(client)).state is State.LAPSED


def test_refused_and_an_older_state_is_shown(
    server: Server, client: Client, run_json: Any, question: Any
) -> None:
    """A replica that has not heard of the question yet closes no form."""
    pending = Answer(run_json(status="interrupted", interrupts=[question], steps=[PAUSE]))
    older = Answer(run_json(status="running", steps=[], updated_at="2026-02-03T10:00:01Z"))
    refusing(server, pending, pending, older)
    refused = answer(scripted(client))
    assert (refused.state, refused.receipt) == (State.FAILED, None)


def test_lapsed_while_it_is_looked_for(asking: Asking) -> None:
    """An answer that was lost before its run ended has closed nothing."""
    machine = asking.machine()
    asking.box.fault("drop")
    asking.pauses.append(lambda: asking.end(machine.question))
    assert (answer(machine).state, asking.wire.posts) == (State.LAPSED, 1)


def test_a_question_that_changed(server: Server, client: Client, run_json: Any, question: Any) -> None:
    """A question with the same id and another value is never answered."""

    def run(label: str) -> Answer:
        value = {**question["value"], "label": label}
        return Answer(run_json(status="interrupted", interrupts=[{**question, "value": value}], steps=[]))

    server.script = lambda asked: run("Dismiss?")
    machine = scripted(client)
    server.script = lambda asked: run("Dismiss everything?")
    assert answer(machine).state is State.CONFLICT
    assert "the question has changed" in told(machine)
    assert {asked.method for asked in server.asked} == {"GET"}
