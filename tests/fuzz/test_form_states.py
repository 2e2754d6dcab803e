"""Forms of one question in any order of events: one request for each press, and no false receipt.

The server, the client, the threads and the answer log are real. `Api` knows what the forms can only infer.
"""

from __future__ import annotations

import logging
import tempfile
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from fuzz.made import fuzz
from runkit import answers
from runkit.client import Client
from runkit.errors import RunkitError
from runkit.models import Run
from runkit.widgets import drafts
from runkit.widgets.controller import EDITABLE, AnswerController, Snapshot, State
from runkit.widgets.question import question_of
from support import at, run, step
from tests.client.conftest import DROP, Answer, Asked, Server, Time
from tests.widgets.asking import finish

Json = dict[str, Any]
RUN, QUESTION = "run-1", "int-1"
READS = st.sampled_from(["ok"] * 12 + ["503", "401", "not JSON", "older"])
REPLIES = st.sampled_from(
    ["accepted"] * 3
    + ["lost", "502 accepted", "not JSON", "still open"]  # the API takes the answer and the form cannot know
    + ["dropped", "502"]  # the API does not take it, and the form cannot know either
    + ["403", "422", "429"]
)
TAKEN = {"accepted", "lost", "502 accepted", "not JSON", "still open"}
IN_DOUBT = TAKEN - {"accepted"} | {"dropped", "502"}
NOTES = ["born in 1951"] * 3 + [" another person ", "", " ", "x" * 5_001]
MAY_ARRIVE = "may still arrive"


class Event(NamedTuple):
    """What happens next: most fields are those of a press."""

    name: str
    form: int
    decision: str
    note: str
    reply: str
    read: str  # what the server answers to reads
    read_after_post: str
    meanwhile: str  # the name of what happens while an answer is on its way
    age: int


EVENTS = st.builds(
    Event,
    name=st.sampled_from(
        ["press"] * 10
        + ["type", "check", "check", "refresh", "update", "press for another question"]
        + ["open", "open", "open", "answer", "end", "change"]
    ),
    form=st.integers(0, 2),
    decision=st.sampled_from(["approve", "reject"]),
    note=st.sampled_from(NOTES),
    reply=REPLIES,
    read=READS,
    read_after_post=READS,
    meanwhile=st.sampled_from(["nothing"] * 3 + ["press again", "type", "refresh", "update", "answer"]),
    age=st.integers(0, 9),
)


@dataclass
class Post:
    """An answer that reached the API."""

    form: int
    body: Json
    value: Json  # the question when it arrived
    is_open: bool
    n_logged: int
    reply: str


@dataclass
class Api:
    """A run with one question, as it is and as it was, and what the server answers."""

    value: Json = field(default_factory=lambda: {"type": "dismissal", "n": 0})
    status: str = "interrupted"
    closed_by: Post | str | None = None
    states: list[Json] = field(default_factory=list)
    posts: list[Post] = field(default_factory=list)
    read: str = "ok"
    read_after_post: str = "ok"
    reply: str = "accepted"
    meanwhile: Callable[[], object] | None = None  # called while an answer is on its way

    @property
    def is_open(self) -> bool:
        """Whether the question is open."""
        return self.status == "interrupted"

    def keep_state(self) -> None:
        """Keep the run as a new state."""
        seconds = len(self.states)
        pause = step("pause", end=None if self.closed_by is None else seconds, type="interrupt", run_id=RUN)
        state = {
            "updated_at": at(seconds),
            "status": self.status,
            "ended_at": at(seconds) if self.status == "error" else None,
            "interrupts": [{"id": QUESTION, "value": self.value}] if self.is_open else [],
        }
        self.states.append(run(pause, run_id=RUN, end=None) | state)

    def close(self, by: Post | str) -> None:
        """Close the question, if it is open."""
        if self.is_open:
            self.closed_by, self.status = by, "running"
            self.keep_state()

    def respond(self, request: Asked) -> Answer:
        """Answer a request as the rule that is running says."""
        if request.method == "POST":
            return self._take(request)
        if self.read in ("503", "401"):
            return Answer(status=int(self.read))
        if self.read == "not JSON":
            return Answer(b"<html>")
        return Answer(self.states[0 if self.read == "older" else -1])

    def _take(self, request: Asked) -> Answer:
        """Take or refuse an answer, and reply."""
        form = int(request.headers["authorization"].rpartition("_")[2])
        n_logged = len(answers.entries([RUN]))
        post = Post(form, request.body, self.value, self.is_open, n_logged, self.reply)
        self.posts.append(post)
        act, self.meanwhile = self.meanwhile, None
        if act is not None:
            act()
        self.read, before = self.read_after_post, self.states[-1]
        if post.reply in TAKEN and not self.is_open:
            post.reply = "422"
        if post.reply in TAKEN:
            self.close(post)
        if post.reply in ("lost", "dropped"):
            return DROP
        if post.reply in ("accepted", "still open"):
            return Answer(before if post.reply == "still open" else self.states[-1])
        if post.reply == "not JSON":
            return Answer(b"<html>")
        return Answer({"errors": [{"message": "no"}]}, status=int(post.reply[:3]))


class Form:
    """One form of the question, and what its reviewer has seen and typed."""

    def __init__(self, number: int, api: Api, controller: AnswerController) -> None:
        self.number = number
        self.controller = controller
        self.value = controller.question.value
        self.note = controller.entries["0"]["note"]
        self.final: Snapshot | None = None
        self.n_warned = 0  # answers that the reviewer knows may still arrive
        self._api = api
        self.listen(controller.snapshot)
        controller.subscribe(self.listen)

    def listen(self, snapshot: Snapshot) -> None:
        """Note which answers the form has warned of."""
        if MAY_ARRIVE in snapshot.message:
            self.n_warned = len(self._api.posts)

    @property
    def state(self) -> State:
        """The state of the answer."""
        return self.controller.snapshot.state

    def send(self, decision: str, note: str, verb: str | None = None, digest: str | None = None) -> None:
        """Send what a page sends: what was typed, or with a verb an answer."""
        digest = digest or self.controller.question.shown_digest(self.controller.client.host)
        message: Json = {"values": {"0": {"decision": decision, "note": note}}, "digest": digest}
        self.controller.receive(message if verb is None else {**message, "verb": verb})


class ErrorLog(logging.Handler):
    """Exceptions that only the log has seen."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep an exception."""
        if record.exc_info:
            self.records.append(logging.Formatter().format(record))


class FormMachine(RuleBasedStateMachine):
    """Up to three forms of one question on one machine, colleagues, and a network that fails."""

    forms: list[Form]

    def __init__(self) -> None:
        super().__init__()
        self.patch = pytest.MonkeyPatch()
        self.folder = tempfile.TemporaryDirectory()
        self.patch.setenv(answers.DIR_NAME, self.folder.name)
        self.log = ErrorLog()
        logging.getLogger("runkit").addHandler(self.log)
        self.api = Api()
        self.server = Server()
        self.server.script = self.api.respond
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()
        self.forms = []  # of the question that is asked now
        self.clients: list[Client] = []
        self.drafts: dict[int, str] = {}  # notes that were typed, by the question's `n`

    def teardown(self) -> None:
        """Stop the server and restore the environment."""
        for client in self.clients:
            client.close()
        self.server.shutdown()
        self.server.server_close()
        logging.getLogger("runkit").removeHandler(self.log)
        self.patch.undo()
        self.folder.cleanup()

    @initialize()
    def begin(self) -> None:
        """Keep a state before the question, ask it, and open a form."""
        self.api.status = "running"
        self.api.keep_state()
        self.ask()

    def ask(self) -> None:
        """Ask the next question under the same id, and open a form."""
        api = self.api
        api.value, api.status, api.closed_by = {**api.value, "n": api.value["n"] + 1}, "interrupted", None
        api.keep_state()
        self.forms.clear()
        self.open_form()

    @rule(event=EVENTS)
    def happen(self, event: Event) -> None:
        """Let one event happen; a question that is closed in all forms makes room for the next one."""
        if not self.api.is_open and all(form.final for form in self.forms):
            self.ask()
        form = self.forms[event.form % len(self.forms)]
        if event.name == "press":
            self.press(form, event)
            return
        n_posts, before = len(self.api.posts), form.controller.snapshot
        self.api.read = event.read
        self.use(form, event.name, event)
        finish()
        self.api.read = "ok"
        assert len(self.api.posts) == n_posts
        assert event.name != "press for another question" or form.controller.snapshot == before

    def open_form(self) -> None:
        """Open a form, as another notebook or a new kernel does."""

        class QuickClient(Client):
            _time = Time()
            _sleep = staticmethod(_time.sleep)
            _clock = staticmethod(_time.clock)

        self.api.read = "ok"
        number = len(self.clients)
        client = QuickClient(f"mk_test_{number}", self.server.url, rate=None)
        self.clients.append(client)
        question = question_of(client.runs.get(RUN))
        assert question is not None
        form = Form(number, self.api, AnswerController(client, question))
        assert form.note == self.drafts.get(form.value["n"], "")
        self.forms.append(form)

    def send(self, form: Form, event: Event, verb: str | None) -> None:
        """Send what was typed, and note what the form now holds and keeps as a draft."""
        entries = {"0": {"decision": event.decision, "note": event.note}}
        if not form.controller.snapshot.is_final and form.controller.entries != entries:
            form.note = self.drafts[form.value["n"]] = event.note
        form.send(event.decision, event.note, verb)

    def press(self, form: Form, event: Event) -> None:
        """Send an answer, and check what was sent."""
        api, before, n_warned = self.api, form.state, form.n_warned
        n_posts = len(api.posts)
        api.reply, api.read, api.read_after_post = event.reply, event.read, event.read_after_post
        later = event._replace(decision="reject", note="later")
        api.meanwhile = lambda: self.use(form, event.meanwhile, later)
        self.send(form, event, verb=event.decision)
        finish()
        api.read, api.meanwhile = "ok", None
        answer = expected_answer(event.decision, event.note)
        posts = api.posts[n_posts:]
        assert len(posts) <= (before in EDITABLE and answer is not None)
        if before in EDITABLE and answer is None:
            assert form.state is State.INVALID
        for post in posts:
            assert post.body == {"interrupt_id": QUESTION, "input": answer}
            assert (post.form, post.value, post.is_open) == (form.number, form.value, True)
            assert post.n_logged == n_posts + 1  # in the log before it was sent
            for earlier in api.posts[n_warned:n_posts]:
                assert earlier.reply not in IN_DOUBT or earlier.value != form.value
            self.check_outcome(form, post)

    def check_outcome(self, form: Form, post: Post) -> None:
        """Check that the form says of its answer what the reply tells, and no more."""
        if post.reply == "accepted":
            assert (form.state, delivery(form)) == (State.SETTLED, "confirmed")
        elif post.reply in IN_DOUBT:
            assert form.state is not State.FAILED
            assert form.state is not State.OPEN or self.api.is_open
            assert delivery(form) != "confirmed"
        elif self.api.is_open:
            assert form.state is State.FAILED

    def use(self, form: Form, name: str, event: Event) -> None:
        """Do something with a form that sends nothing, or elsewhere."""
        api = self.api
        if name in ("type", "press again"):
            self.send(form, event, verb=None if name == "type" else event.decision)
        elif name == "press for another question":
            form.send(event.decision, event.note, verb=event.decision, digest=f"{event.age:064x}")
        elif name == "check":
            form.controller.receive({"check": True})
        elif name == "refresh":
            with suppress(RunkitError):
                form.controller.refresh()
        elif name == "update":
            form.controller.update_run(Run.from_json(api.states[event.age % len(api.states)]))
        elif name == "open" and api.is_open and len(self.forms) < 3:
            self.open_form()
        elif name == "answer":
            api.close("colleague")
        elif name == "end" and api.is_open:
            api.status = "error"
            api.keep_state()
        elif name == "change" and api.is_open:
            api.value = {**api.value, "n": api.value["n"] + 1}
            api.keep_state()

    @invariant()
    def is_true(self) -> None:
        """Receipts are true and stay, and what was typed is there."""
        assert self.log.records == []
        for form in self.forms:
            snapshot = form.controller.snapshot
            if not snapshot.is_final:
                assert form.controller.entries["0"]["note"] == form.note
            elif form.final is None:
                form.final = snapshot
                self.check_receipt(form)
            assert form.final in (None, snapshot)

    def check_receipt(self, form: Form) -> None:
        """Check that the receipt claims what is known, and that the draft is gone."""
        api, controller = self.api, form.controller
        assert not api.is_open or api.value != form.value
        if form.state is State.EXPIRED:
            assert (api.status, api.closed_by) == ("error", None)
        if form.state is State.SETTLED:
            assert api.closed_by is not None
            posts = [post for post in api.posts if post.value == form.value]
            assert any(post.form == form.number or post.reply in IN_DOUBT for post in posts)
        if delivery(form) == "confirmed":
            assert isinstance(api.closed_by, Post)
            assert api.closed_by.reply == "accepted"
            assert (api.closed_by.form == form.number) == (form.state is State.SETTLED)
        key = drafts.draft_key(controller.question, controller.client.host)
        assert drafts.load(key) is None
        self.drafts.pop(form.value["n"], None)


def delivery(form: Form) -> str | None:
    """Return what the receipt says of the answer's delivery."""
    receipt = form.controller.snapshot.receipt
    return dict(receipt.facts).get("delivery") if receipt else None


def expected_answer(decision: str, note: str) -> Json | None:
    """Return the answer that was typed, None if it may not be sent."""
    if len(note) > 5_000 or (decision == "approve" and not note.strip()):
        return None
    return {"decision": decision, **({"note": note.strip()} if note.strip() else {})}


def test_any_order_of_events() -> None:
    run_state_machine_as_test(FormMachine, settings=settings(fuzz(60), stateful_step_count=20))
