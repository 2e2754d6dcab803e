"""A form's machine against a real server: every way from the click to the verdict."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any

import pytest

from runkit import answerlog
from runkit.client import Client
from runkit.models import Run
from runkit.widgets import drafts
from runkit.widgets.form import InterruptForm
from runkit.widgets.machine import FormMachine, Snapshot, State
from runkit.widgets.question import question_of
from tests.client.conftest import DROP, Answer, Asked, Server
from tests.widgets.asking import JOBS, Asking, finish, until

WHO = "Ada of tests"
NOTE = "born in 1951, ours in 1984"
YES = {"0": {"decision": "approve", "note": NOTE}}
NO = {"0": {"decision": "reject"}}


def answer(machine: FormMachine, typed: dict[str, dict[str, Any]] = YES) -> Snapshot:
    """Type, submit, confirm if asked, and wait for the verdict."""
    machine.edit(typed)
    return submit(machine)


def submit(machine: FormMachine) -> Snapshot:
    """Submit, confirm if asked, and wait for the verdict."""
    machine.submit()
    machine.confirm()
    finish()
    return machine.snapshot


def told(machine: FormMachine) -> str:
    """All that the receipt says."""
    receipt = machine.snapshot.receipt
    assert receipt is not None
    return f"{receipt.title} {dict(receipt.facts)}"


def posts(server: Server) -> int:
    return sum(asked.method == "POST" for asked in server.asked)


def deliveries() -> list[str]:
    return [entry.delivery for entry in answerlog.entries()]


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
    assert machine.snapshot.message == "Dismiss the hit: this cannot be taken back. Send it?"
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
    [entry] = answerlog.entries()
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
    assert [entry.answer for entry in answerlog.entries()] == ['{"decision":"reject"}']
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


def test_lapsed_while_it_is_looked_for(asking: Asking) -> None:
    """An answer that was lost before its run ended has closed nothing."""
    machine = asking.machine()
    asking.box.fault("drop")
    asking.pauses.append(lambda: asking.end(machine.question))
    assert (answer(machine).state, asking.wire.posts) == (State.LAPSED, 1)


def scripted(client: Client) -> FormMachine:
    """A form of the scriptable server's only question."""
    question = question_of(client.runs.get("run-1"))
    assert question is not None
    return FormMachine(client, question)


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


# --------------------------------------------------------------------------------------------------- in doubt


def test_the_reply_is_lost(asking: Asking) -> None:
    """The work was done and the answer to it lost: one POST, and the receipt claims no more than is known."""
    machine = asking.machine(who=WHO)
    asking.box.fault("lose_reply")
    states: list[tuple[State, bool]] = []
    machine.listen(lambda snapshot: states.append((snapshot.state, snapshot.is_looking)))
    assert (answer(machine).state, asking.wire.posts) == (State.SETTLED, 1)
    assert states[-2:] == [(State.UNKNOWN, True), (State.SETTLED, False)]
    assert "your answer of" in told(machine)
    assert "could not be confirmed" in told(machine)
    assert deliveries() == ["unconfirmed"]


@pytest.mark.parametrize("status", [500, 502, 503])
def test_a_server_in_trouble(asking: Asking, status: int) -> None:
    """Still open after the looks: open again with a warning and all that was typed; the next try arrives."""
    machine = asking.machine()
    asking.box.fault("refuse", status=status)
    reopened = answer(machine)
    assert (reopened.state, asking.wire.posts, machine.typed) == (State.OPEN, 1, YES)
    assert "was sent once and may still arrive" in reopened.message
    assert deliveries() == ["unknown"]
    assert (submit(machine).state, asking.wire.posts) == (State.SETTLED, 2)
    assert deliveries() == ["unknown", "confirmed"]


def test_the_first_answer_arrives_late(asking: Asking) -> None:
    """After a doubtful one the question closes: the receipt is of an answer that could not be confirmed."""
    machine = asking.machine()
    asking.box.fault("drop")
    answer(machine)
    asking.answer_elsewhere(machine.question)
    machine.watch()
    assert machine.snapshot.state is State.SETTLED
    assert "could not be confirmed" in told(machine)


def cut_off(asking: Asking) -> None:
    """Lose the answer, and all that is read from the first look on."""
    asking.box.fault("drop")
    asking.pauses.append(lambda: asking.box.fault("drop", on="GET /runs", times=99))


@pytest.mark.parametrize("is_closed", [True, False])
def test_nobody_can_look(asking: Asking, is_closed: bool) -> None:
    """Unknown until somebody looks again: a click sends nothing, the next look finds out."""
    machine = asking.machine()
    cut_off(asking)
    unknown = answer(machine)
    assert (unknown.state, unknown.is_looking) == (State.UNKNOWN, False)
    assert submit(machine).state is State.UNKNOWN
    machine.look()
    finish()
    assert (machine.snapshot.state, asking.wire.posts) == (State.UNKNOWN, 1)
    asking.box.clear_faults()
    if is_closed:
        asking.answer_elsewhere(machine.question)
    machine.look()
    finish()
    assert (machine.snapshot.state, asking.wire.posts) == (State.SETTLED if is_closed else State.OPEN, 1)


def test_one_look_at_a_time(asking: Asking) -> None:
    """Whoever clicks again while it is looked for starts no second look."""
    machine = asking.machine()
    cut_off(asking)
    answer(machine)
    asking.box.clear_faults()
    asking.box.fault("slow", on="GET /runs", seconds=0.2)
    for _ in range(5):
        machine.look()
    assert [one.name for one in threading.enumerate() if one.name in JOBS] == ["runkit-look"]
    finish()
    assert machine.snapshot.state is State.OPEN


def test_unknown_is_found_out_without_a_click(asking: Asking) -> None:
    """A look from time to time is enough once the question is closed."""
    machine = asking.machine()
    cut_off(asking)
    answer(machine)
    asking.box.clear_faults()
    machine.watch()
    assert machine.snapshot.state is State.UNKNOWN
    asking.answer_elsewhere(machine.question)
    machine.watch()
    assert machine.snapshot.state is State.SETTLED


def test_a_look_in_between(server: Server, client: Client, run_json: Any, question: Any) -> None:
    """A look that finds our own answer before we hear of it is not mistaken for somebody else's."""
    pending = Answer(run_json(status="interrupted", interrupts=[question], steps=[]))
    was_sent: list[Asked] = []

    def script(asked: Asked) -> Answer:
        if asked.method == "POST":
            was_sent.append(asked)
            machine.watch()
        return Answer(run_json(steps=[])) if was_sent else pending

    server.script = script
    machine = scripted(client)
    states: list[State] = []
    machine.listen(lambda snapshot: states.append(snapshot.state))
    assert answer(machine).state is State.SETTLED
    assert told(machine).startswith("Answered by")
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


def test_an_error_before_the_answer_is_sent(asking: Asking, caplog: pytest.LogCaptureFixture) -> None:
    """What nobody expected ends as words on the card, and as a traceback in the log."""
    machine = FormMachine(client := asking.another(), asking.question())
    client.close()
    failed = answer(machine)
    assert (failed.state, "RuntimeError" in failed.message) == (State.FAILED, True)
    assert failed.message.startswith("The answer was not delivered. ")
    assert "Traceback" in caplog.text


def test_an_error_while_the_answer_is_sent(asking: Asking) -> None:
    """Then it is unknown whether it arrived; the next look finds out."""
    machine = asking.machine()
    asking.wire.broken = ZeroDivisionError()
    unknown = answer(machine)
    assert (unknown.state, "ZeroDivisionError" in unknown.message) == (State.UNKNOWN, True)
    assert deliveries() == ["sending"]
    machine.look()
    finish()
    assert machine.snapshot.state is State.OPEN
    assert "may still arrive" in machine.snapshot.message


def test_a_view_that_fails(asking: Asking, caplog: pytest.LogCaptureFixture) -> None:
    """A listener that raises costs neither the answer its verdict nor the others their news."""
    machine = asking.machine()
    heard: list[State] = []
    machine.listen(lambda snapshot: 1 / 0)
    machine.listen(lambda snapshot: heard.append(snapshot.state))
    assert answer(machine).state is heard[-1] is State.SETTLED
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
    machine = asking.machine()
    if fault:
        asking.box.fault(fault)
    assert (answer(machine).state, asking.wire.posts) == (State.SETTLED, 1)
    assert ("could not be confirmed" in told(machine)) is bool(fault)
    assert "the answer log was not written" in caplog.text


@pytest.mark.usefixtures("no_folder")
def test_a_doubtful_answer_is_known_without_a_log(asking: Asking) -> None:
    """Found closed later, it is not said that nothing was sent from here."""
    machine = asking.machine()
    cut_off(asking)
    answer(machine)
    asking.box.clear_faults()
    asking.answer_elsewhere(machine.question)
    machine.look()
    finish()
    assert "could not be confirmed" in told(machine)


def test_a_replica_that_lags_behind(server: Server, client: Client, run_json: Any, question: Any) -> None:
    """An older state of the run, or another run, closes no form and costs no draft."""
    asked = run_json(status="interrupted", interrupts=[question], steps=[], updated_at="2026-02-03T10:00:40Z")
    before = run_json(status="running", interrupts=[], steps=[], updated_at="2026-02-03T10:00:01Z")
    server.script = lambda asked_for: Answer(asked)
    machine = scripted(client)
    for odd in (before, run_json(id="run-of-another-customer")):
        draft(machine, {"0": {"decision": "reject", "note": str(odd["id"])}})
        server.script = lambda asked_for, odd=odd: Answer(odd)  # type: ignore[misc]
        machine.saw(Run.from_json(before))
        failed = submit(machine)
        assert (failed.state, saved(machine) is None) == (State.FAILED, False)
    assert {one.method for one in server.asked} == {"GET"}


def test_two_forms_of_one_question(server: Server, client: Client, run_json: Any, question: Any) -> None:
    """A second form does not send beside an answer that may still arrive; it warns first."""
    still = Answer(run_json(status="interrupted", interrupts=[question], steps=[]))
    server.script = lambda asked: DROP if asked.method == "POST" else still
    first, second = scripted(client), scripted(client)
    answer(first)
    warned = answer(second)
    assert (warned.state, posts(server)) == (State.OPEN, 1)
    assert "An answer was sent from here" in warned.message
    assert "may still arrive" in warned.message
    submit(second)
    assert posts(server) == 2


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
    assert told(second).startswith("Not answered from here")


# ----------------------------------------------------------------------------------------------------- drafts


def test_a_draft_goes_with_its_question(asking: Asking) -> None:
    """Answered from elsewhere and shown again, or settled by a form that keeps none: no draft is left."""
    for close in (
        lambda machine: asking.answer_elsewhere(machine.question),
        lambda machine: answer(FormMachine(asking.client, machine.question, use_drafts=False)),
    ):
        machine = asking.machine()
        draft(machine)
        close(machine)
        InterruptForm(asking.client, machine.question.run)
        assert saved(machine) is None


def test_the_cell_again_right_after_typing(asking: Asking) -> None:
    """What was typed a moment ago is not waited for: the new form has it."""
    first = asking.machine()
    first.edit(YES)
    assert FormMachine(asking.client, first.question).typed == YES


def saved(machine: FormMachine) -> Any:
    return drafts.load(drafts.name_of(machine.question, machine.client.host))


def draft(machine: FormMachine, typed: dict[str, dict[str, Any]] = YES) -> None:
    """Type, and wait until it is kept."""
    machine.edit(typed)
    until(lambda: saved(machine) == typed)


def test_a_restart_loses_nothing(asking: Asking) -> None:
    """Another form of the same question, as after a restart of the kernel, begins with what was typed."""
    first = asking.machine()
    draft(first, {"0": {"decision": "approve", "note": "half a pair \ud83d, and 2**70", "n": 2**70}})
    second = FormMachine(asking.client, first.question)
    assert second.typed == first.typed
    assert "is here again" in second.snapshot.message
    assert second.snapshot.caption == "Dismiss the hit and resume"


def test_a_failed_send_keeps_the_draft(asking: Asking) -> None:
    """What was typed is a draft until the answer is settled, and none after it."""
    machine = asking.machine()
    draft(machine)
    asking.box.fault("refuse", status=403)
    assert submit(machine).state is State.FAILED
    assert saved(machine) == YES
    assert submit(machine).state is State.SETTLED
    assert saved(machine) is None


def test_a_draft_that_comes_too_late(asking: Asking) -> None:
    """Typing right before the click leaves no draft behind the receipt."""
    machine = asking.machine()
    answer(machine)
    machine.edit(NO)
    until(lambda: not any(isinstance(one, threading.Timer) for one in threading.enumerate()))
    assert saved(machine) is None


def test_another_question_gets_no_draft(server: Server, client: Client, run_json: Any, question: Any) -> None:
    """A question that has changed begins empty."""
    runs = [
        Answer(run_json(status="interrupted", interrupts=[{**question, "value": value}], steps=[]))
        for value in ({"type": "dismissal", "n": 1}, {"type": "dismissal", "n": 2})
    ]
    server.say(*runs)
    draft(scripted(client))
    assert scripted(client).typed == {"0": {}}


def test_without_drafts(asking: Asking, state_dir: Any) -> None:
    """Nothing that was typed is kept where that is not wanted."""
    machine = asking.machine(use_drafts=False)
    machine.edit(YES)
    assert not any(isinstance(one, threading.Timer) for one in threading.enumerate())
    assert not state_dir.exists()


def test_an_answer_that_may_still_arrive_is_told_of(asking: Asking) -> None:
    """A form that begins anew after a doubtful answer warns of it."""
    first = asking.machine()
    asking.box.fault("drop")
    answer(first)
    second = FormMachine(asking.client, first.question)
    assert "An answer was sent from here at " in second.snapshot.message
    assert "may still arrive" in second.snapshot.message


def test_the_caption_says_what_stands_in_the_form(asking: Asking) -> None:
    """What was typed while an answer was on its way counts when the form is open again."""
    machine = asking.machine()
    asking.box.fault("refuse", status=500)
    asking.pauses.append(lambda: machine.edit(NO))
    assert answer(machine).caption == "Keep the hit and resume"
