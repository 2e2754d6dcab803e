"""The states of an answer as one table: what happens on the network, and what the card and the log say.

Orders of events are in `tests/fuzz`; this is one press each.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import pytest

from runkit import answers
from runkit.client import Client
from runkit.models import Run
from runkit.widgets import drafts
from runkit.widgets.controller import READ_ONLY, AnswerController
from runkit.widgets.question import State
from support import step
from tests.client.conftest import DROP, Answer, Server
from tests.widgets.answering import NO, NOTE, WHO, YES, answer, deliveries, saved, scripted, submit, told
from tests.widgets.asking import Asking, finish

DOUBT = "Closed. We couldn't confirm that your answer of "
STILL = "The question is still open. Your answer was sent once and may still arrive."
UNKNOWN = "We couldn't confirm it arrived. "
PAUSE = step("pause", end=None, type="interrupt", run_id="run-1")
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
    asking.end(controller.question)


def another_notebook(asking: Asking, controller: AnswerController) -> None:
    answer(AnswerController(asking.another(), controller.question, who="Bob"), NO)


def gremlin(asking: Asking, _: AnswerController) -> None:
    asking.wire.broken = ZeroDivisionError()


LOST = fault("drop")
BLIND = while_looking(fault("drop", on="GET /runs", times=99))


class Case(NamedTuple):
    """What happens at a press; then the state, the POSTs, the log, and how the message or receipt begins."""

    happens: Before
    state: State
    posts: int
    log: list[str]
    words: str


PRESSES = {
    "accepted": Case(lambda *_: None, State.SETTLED, 1, ["confirmed"], "Hit dismissed, "),
    "401": Case(fault("refuse", status=401), State.FAILED, 1, ["failed"], "Not delivered. "),
    "403": Case(fault("refuse", status=403), State.FAILED, 1, ["failed"], "Not delivered. "),
    "429": Case(fault("refuse", status=429, times=9), State.FAILED, 1, ["failed"], "Not delivered. "),
    "cannot be read": Case(fault("drop", on="GET /runs", times=99), State.FAILED, 0, [], "Not delivered. "),
    "502": Case(fault("refuse", status=502), State.OPEN, 1, ["unknown"], STILL),
    "dropped": Case(LOST, State.OPEN, 1, ["unknown"], STILL),
    "lost reply": Case(fault("lose_reply"), State.SETTLED, 1, ["unconfirmed"], DOUBT),
    "dropped, then answered elsewhere": Case(
        both(LOST, while_looking(elsewhere)), State.SETTLED, 1, ["unconfirmed"], DOUBT
    ),
    "dropped, then ended": Case(
        both(LOST, while_looking(end)), State.EXPIRED, 1, ["unconfirmed"], "Expired: the run ended first"
    ),
    "dropped, and nobody can look": Case(both(LOST, BLIND), State.UNKNOWN, 1, ["unknown"], UNKNOWN),
    "answered elsewhere before": Case(elsewhere, State.CONFLICT, 0, [], "Already answered by Priya Raman, "),
    "ended before": Case(end, State.EXPIRED, 0, [], "Expired: the run ended first"),
    "another notebook before": Case(
        another_notebook,
        State.CONFLICT,
        0,
        ["confirmed"],
        "Answered from another notebook on this machine: Hit kept",
    ),
    "an error in the client": Case(gremlin, State.UNKNOWN, 1, ["sending"], UNKNOWN),
}


@pytest.mark.parametrize("name", PRESSES)
def test_a_press(asking: Asking, name: str) -> None:
    """One press is at most one answer, and the card claims what is known; without a receipt all is kept."""
    case, controller = PRESSES[name], asking.controller(who=WHO)
    states: list[State] = []
    controller.subscribe(lambda snapshot: states.append(snapshot.state))
    case.happens(asking, controller)
    pressed = answer(controller)
    receipt = pressed.receipt
    assert (pressed.state, deliveries()) == (case.state, case.log)
    assert asking.wire.posts == case.posts
    assert pressed.message.startswith(case.words)
    assert pressed.is_final is bool(receipt)
    assert saved(controller) == (None if receipt else YES)
    if receipt is not None:
        assert receipt.title == pressed.message
        is_ours = name == "accepted"
        assert (receipt.reason, dict(receipt.facts).get("delivery") == "confirmed") == (
            (NOTE, True) if is_ours else ("", name == "another notebook before")
        )
        controller.edit(NO)  # typed right before the receipt came
        assert saved(controller) is None
    elif pressed.state is State.FAILED:
        asking.box.clear_faults()
        assert submit(controller).state is State.SETTLED
        assert deliveries() == [*case.log, "confirmed"]


LOOKS = {
    "open": (lambda *_: None, State.OPEN, STILL),
    "answered elsewhere": (elsewhere, State.SETTLED, DOUBT),
    "ended": (end, State.EXPIRED, "Expired: the run ended first"),
}


@pytest.mark.parametrize("name", LOOKS)
def test_an_answer_that_nobody_knows_of(asking: Asking, name: str) -> None:
    """Pressed again nothing is sent; a check finds out what became of it, one at a time."""
    happens, state, words = LOOKS[name]
    controller = asking.controller()
    both(LOST, BLIND)(asking, controller)
    assert answer(controller).state is submit(controller).state is State.UNKNOWN
    controller.check()
    finish()
    assert (controller.snapshot.state, asking.wire.posts) == (State.UNKNOWN, 1)
    asking.box.clear_faults()
    happens(asking, controller)
    asking.box.fault("slow", on="GET /runs", seconds=0.1)
    for _ in range(5):
        controller.check()
    assert sum(one.name == "runkit-check" for one in threading.enumerate()) == 1
    finish()
    assert (controller.snapshot.state, asking.wire.posts) == (state, 1)
    assert controller.snapshot.message.startswith(words)


@pytest.mark.parametrize("is_typed", [True, False])
@pytest.mark.parametrize("happens", [elsewhere, end, another_notebook])
def test_what_a_look_finds(asking: Asking, happens: Before, is_typed: bool) -> None:
    """Without a press the card closes as well; whoever had typed is told that nothing was sent."""
    controller = asking.controller()
    before = controller.snapshot
    controller.refresh()
    assert controller.snapshot is before
    if is_typed:
        controller.edit(YES)
    happens(asking, controller)
    controller.refresh()
    assert controller.snapshot.state is (State.EXPIRED if happens is end else State.CONFLICT)
    assert controller.snapshot.message.endswith("not sent.") is (is_typed and happens is elsewhere)
    assert (submit(controller).is_final, asking.wire.posts) == (True, 0)


# ---------------------------------------------------------------------------- a server that follows a script


class Api(NamedTuple):
    """What the API answers to each read in turn, the last one again and again, and to an answer."""

    reads: tuple[dict[str, Any], ...]
    reply: Answer
    state: State
    words: str
    errors: dict[str, dict[str, str]]


def refused(parameter: str | None) -> Answer:
    return Answer({"errors": [{"message": "no", "parameter": parameter}]}, status=422)


NO_READ: dict[str, Any] = {"status": 401}
OPEN, CHANGED = ({"status": "interrupted", "label": label} for label in ("Dismiss?", "Dismiss everything?"))
OLDER = {"status": "running", "updated_at": "2026-02-03T10:00:01Z"}
NOT_TAKEN, AT_NOTE = "The API refused the answer. ", {"0": {"note": "no"}}
ODD = {
    "changed": Api((OPEN, CHANGED), DROP, State.CONFLICT, "Not sent. The question has changed.", {}),
    "changed when looked for": Api((OPEN, OPEN, CHANGED), DROP, State.CONFLICT, "We couldn't confirm", {}),
    "still shown": Api((OPEN,), Answer({}), State.OPEN, STILL, {}),
    "an older state": Api((OPEN, OLDER), DROP, State.FAILED, "Not delivered. The API shows an older", {}),
    "another run": Api((OPEN, {"id": "run-2"}), DROP, State.FAILED, "Not delivered. ", {}),
    "refused": Api((OPEN,), refused("input.note"), State.FAILED, NOT_TAKEN, AT_NOTE),
    "refused within a payload": Api(
        (OPEN,), refused("input.actions[0].payload.note"), State.FAILED, NOT_TAKEN, AT_NOTE
    ),
    "refused for no field": Api((OPEN,), refused("input.secret"), State.FAILED, NOT_TAKEN, {}),
    "refused for nothing": Api((OPEN,), refused(None), State.FAILED, NOT_TAKEN, {}),
    "refused, then ended": Api(
        (OPEN, OPEN, {"status": "error"}, NO_READ), refused(None), State.EXPIRED, "Expired", {}
    ),
    "refused, then older": Api((OPEN, OPEN, OLDER), refused(None), State.FAILED, NOT_TAKEN, {}),
}


@pytest.mark.parametrize("name", ODD)
def test_an_odd_api(server: Server, client: Client, run_json: Any, question: Any, name: str) -> None:
    """Only the question that was displayed is answered, once; no odd reply is taken for a receipt."""
    case = ODD[name]

    def read(changes: dict[str, Any]) -> Answer:
        if changes is NO_READ:
            return Answer(status=401)
        fields = {"updated_at": "2026-02-03T10:00:40Z", **changes}
        if label := fields.pop("label", None):
            fields["interrupts"] = [{**question, "value": {**question["value"], "label": label}}]
        return Answer(run_json(steps=[PAUSE], **fields))

    left = list(case.reads)
    reply = read(OPEN) if name == "still shown" else case.reply
    server.script = lambda asked: (
        reply if asked.method == "POST" else read(left.pop(0) if len(left) > 1 else left[0])
    )
    controller = scripted(client)
    pressed = answer(controller)
    assert (pressed.state, pressed.errors) == (case.state, case.errors)
    assert pressed.message.startswith(case.words)
    n_posts = sum(asked.method == "POST" for asked in server.asked)
    assert n_posts == (0 if name in ("changed", "an older state", "another run") else 1)
    controller.edit(NO)
    assert controller.snapshot.errors == {}


def test_a_look_in_between(server: Server, client: Client, run_json: Any, question: Any) -> None:
    """A look that finds our own answer before its reply comes is not mistaken for somebody else's."""
    pending = Answer(run_json(status="interrupted", interrupts=[question], steps=[]))
    was_sent: list[object] = []

    def script(asked: Any) -> Answer:
        if asked.method == "POST":
            was_sent.append(asked)
            controller.update_run(Run.from_json(run_json(steps=[])))
        return Answer(run_json(steps=[])) if was_sent else pending

    server.script = script
    controller = scripted(client)
    assert answer(controller).state is State.SETTLED
    assert told(controller).startswith("Hit dismissed")


# ----------------------------------------------------------------------------------------------- this machine


def test_what_does_not_validate_is_not_sent(asking: Asking) -> None:
    """The errors stand beside their fields until something is typed."""
    controller = asking.controller()
    invalid = answer(controller, {"0": {"decision": "approve", "note": ""}})
    assert (invalid.state, invalid.errors) == (State.INVALID, {"0": {"note": "is required"}})
    assert invalid.message == "Not sent. Fix the field marked below."
    controller.edit(YES)
    assert (controller.snapshot.state, controller.snapshot.errors) == (State.OPEN, {})
    assert asking.wire.posts == 0


def test_fifty_presses_at_once(asking: Asking) -> None:
    """Fifty threads that submit one form send one answer; what is typed meanwhile belongs to none."""
    controller = asking.controller("address_gap")
    asking.box.fault("slow", seconds=0.3)
    no = {"0": {**controller.entries["0"], "decision": "reject"}}
    controller.edit(no)
    gate = threading.Barrier(50)

    def press() -> None:
        gate.wait()
        controller.submit()

    threads = [threading.Thread(target=press) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    controller.edit({"0": {**no["0"], "note": "too late"}})
    controller.check()
    assert controller.snapshot.state is State.SENDING
    finish()
    assert (controller.snapshot.state, asking.wire.posts) == (State.SETTLED, 1)
    assert [entry.answer for entry in answers.entries()] == ['{"decision":"reject"}']


def test_read_only(asking: Asking) -> None:
    """A client that may not write says at once that it cannot answer."""
    controller = AnswerController(asking.another(read_only=True), asking.question())
    assert controller.snapshot.message == READ_ONLY
    assert (answer(controller).message, deliveries()) == (READ_ONLY, [])


def test_a_refusal_stands_at_its_field(asking: Asking) -> None:
    """What the API says of a field of the second proposal is beside that field."""
    question = asking.question("combined_proposal")
    stranger = asking.client.runs.get(question.run.id)  # its business is not known, so the id is typed
    controller = AnswerController(asking.client, replace(question, run=stranger))
    agents = [proposal["agent"] for proposal in question.proposals]
    number = str(agents.index("tin_verification"))
    entries = {key: {**one, "decision": "approve", "note": NOTE} for key, one in controller.entries.items()}
    entries[number]["document_id"] = "document-of-somebody-else"
    refused = answer(controller, entries)
    assert refused.errors == {number: {"document_id": "document_id must name a document of this business"}}
    entries[number] = {**entries[number], "document_id": ""}
    assert answer(controller, entries).state is State.SETTLED


def test_a_refusal_of_json_is_shown_beside_the_json(
    server: Server, client: Client, run_json: Any, question: Any
) -> None:
    question["value"]["response_schema"] = {"type": "object"}
    pending = Answer(run_json(status="interrupted", interrupts=[question], steps=[PAUSE]))
    server.script = lambda request: refused("input.risk") if request.method == "POST" else pending
    controller = scripted(client)
    snapshot = answer(controller, {"0": {"decision": "raw", "note": "", "raw": '{"risk": 9}'}})
    assert (snapshot.state, snapshot.errors) == (State.FAILED, {"0": {"raw": "no"}})


def no_thread(*_: object) -> None:
    raise RuntimeError("can't start new thread")


def test_no_thread(asking: Asking, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without a thread to give sends nothing, says so, and can be asked again."""
    controller = asking.controller()
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", no_thread)
        failed = answer(controller)
    assert (failed.state, failed.message) == (State.FAILED, "Not sent. can't start new thread. Try again.")
    assert submit(controller).state is State.SETTLED


def test_errors_around_the_verdict(
    asking: Asking, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A listener that raises, and drafts that cannot be dropped, cost the answer nothing."""
    controller = asking.controller()
    heard: list[State] = []
    controller.subscribe(lambda snapshot: 1 / 0)
    controller.subscribe(lambda snapshot: heard.append(snapshot.state))
    monkeypatch.setattr(drafts, "drop", lambda _key: 1 / 0)
    assert answer(controller).state is heard[-1] is State.SETTLED
    assert "ZeroDivisionError" in caplog.text


@pytest.mark.parametrize("kind", [None, "lose_reply"])
def test_a_folder_that_cannot_be_written(
    asking: Asking, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, kind: str | None
) -> None:
    """Without a log and drafts an answer is sent all the same, and its receipt says what is missing."""
    monkeypatch.setenv("RUNKIT_STATE_DIR", "/dev/null/state")
    controller = asking.controller()
    if kind:
        asking.box.fault(kind)
    assert (answer(controller).state, asking.wire.posts) == (State.SETTLED, 1)
    assert ("couldn't confirm" in told(controller)) is bool(kind)
    assert ("NOT saved" in told(controller)) is not bool(kind)
    assert "the answer log was not written" in caplog.text


def test_two_forms_of_one_question(asking: Asking) -> None:
    """A form does not send beside an answer that may still arrive: it warns first, each form once."""
    first = asking.controller()
    second = AnswerController(asking.client, first.question)
    asking.box.fault("drop", times=2)
    answer(first)
    warned = answer(second)
    assert (warned.state, asking.wire.posts) == (State.OPEN, 1)
    assert warned.message.startswith("Not sent. An answer sent from here at ")
    submit(second)
    warned = submit(first)
    assert (warned.state, asking.wire.posts) == (State.OPEN, 2)
    assert warned.message.startswith("Not sent this time. An answer sent from here at ")
    third = AnswerController(asking.client, first.question)
    assert "may still arrive" in third.snapshot.message


# ----------------------------------------------------------------------------------------------------- drafts


def test_drafts(asking: Asking) -> None:
    """Another form of the question begins with what was typed; once the question is closed it is gone."""
    first = asking.controller()
    first.edit({"0": {"note": "half a pair \ud83d", "decision": ""}})
    second = AnswerController(asking.client, first.question)
    assert (second.entries, second.snapshot.message) == (first.entries, "Draft restored.")
    unkept = AnswerController(asking.client, first.question, use_drafts=False)
    assert unkept.entries == unkept.form.start()
    asking.answer_elsewhere(first.question)
    second.refresh()
    assert saved(first) is None


def test_drafts_of_a_question_that_changed(
    server: Server, client: Client, run_json: Any, question: Any
) -> None:
    """It begins empty; the form that is behind leaves what the new one keeps, and an answer drops both."""
    old, new = (
        Answer(run_json(status="interrupted", interrupts=[{**question, "value": value}], steps=[]))
        for value in ({"type": "dismissal", "n": 1}, {"type": "dismissal", "n": 2})
    )
    server.script = lambda asked: old
    behind, left = scripted(client), scripted(client)
    behind.edit(NO)
    server.script = lambda asked: new
    ahead = scripted(client)
    assert ahead.entries == ahead.form.start()
    ahead.edit(YES)
    behind.refresh()
    assert (saved(behind), saved(ahead)) == (None, YES)
    left.edit(NO)
    server.script = lambda asked: Answer(run_json(steps=[])) if asked.method == "POST" else new
    assert submit(ahead).state is State.SETTLED
    assert (saved(left), saved(ahead)) == (None, None)
