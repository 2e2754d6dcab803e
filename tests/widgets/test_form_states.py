"""Forms of one question in any order of events: at most one request a press, and no false receipt.

The server, the client, the threads and the answer log are real. `Api` knows what the forms can only
infer.
"""

from __future__ import annotations

import tempfile
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

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

from runkit import answers
from runkit.client import Client
from runkit.errors import RunkitError
from runkit.widgets.controller import EDITABLE, AnswerController, State
from runkit.widgets.question import question_of
from strategies import fuzz
from support import at, run, step
from tests.client.conftest import DROP, Answer, Received, Server, Time
from tests.widgets.answering import saved
from tests.widgets.asking import finish

Json = dict[str, Any]
RUN, QUESTION = "run-1", "int-1"
TAKEN = {"accepted", "lost", "still open"}  # the API takes the answer
IN_DOUBT = {"lost", "still open", "dropped", "502"}  # the form cannot know whether it did
REFUSED = {"403", "422"}
NUMBERS = st.integers(0, 1)
DECISIONS = st.sampled_from(["approve", "reject"])
NOTES = st.sampled_from(["born in 1951", "born in 1951", " another person ", "", "x" * 5_001])
READS = st.sampled_from(["200", "200", "200", "503", "older"])
REPLIES = st.sampled_from(["accepted", *sorted(TAKEN | IN_DOUBT | REFUSED)])


@dataclass
class Post:
    """An answer that reached the API, and the question when it did."""

    form: int
    body: Json
    value: Json
    is_open: bool
    n_logged: int
    reply: str


@dataclass
class Api:
    """A run with one question, as it is and as it was, and what the server answers."""

    value: Json = field(default_factory=lambda: {"type": "dismissal", "n": 0})
    status: str = "running"
    closed_by: Post | str | None = None
    states: list[Json] = field(default_factory=list)
    posts: list[Post] = field(default_factory=list)
    read: str = "200"
    reply: str = "accepted"

    @property
    def is_open(self) -> bool:
        """Whether the question is open."""
        return self.status == "interrupted"

    def change(self, status: str, closed_by: Post | str | None = None, n: int = 0) -> None:
        """Let the run be in another state; `n` makes it another question."""
        self.status, self.closed_by = status, closed_by
        self.value = {**self.value, "n": self.value["n"] + n}
        seconds = len(self.states)
        pause = step("pause", end=seconds if closed_by else None, type="interrupt", run_id=RUN)
        state = run(pause, run_id=RUN, end=seconds if status == "error" else None, status=status)
        interrupts = [{"id": QUESTION, "value": self.value}] if self.is_open else []
        self.states.append(state | {"updated_at": at(seconds), "interrupts": interrupts})

    def respond(self, request: Received) -> Answer:
        """Answer a request."""
        if request.method == "POST":
            return self._take(request)
        if self.read == "503":
            return Answer(status=503)
        return Answer(self.states[0 if self.read == "older" else -1])

    def _take(self, request: Received) -> Answer:
        """Take or refuse an answer, and reply."""
        form = int(request.headers["authorization"].rpartition("_")[2])
        n_logged = len(answers.entries([RUN]))
        post = Post(form, request.body, self.value, self.is_open, n_logged, self.reply)
        self.posts.append(post)
        before = self.states[-1]
        if post.reply in TAKEN:
            self.change("running", post)
        if post.reply in ("lost", "dropped"):
            return DROP
        if post.reply in TAKEN:
            return Answer(before if post.reply == "still open" else self.states[-1])
        return Answer({"errors": [{"message": "no"}]}, status=int(post.reply))


class Form:
    """One form of the question, and what its reviewer has seen and typed."""

    def __init__(self, number: int, controller: AnswerController) -> None:
        self.number = number
        self.controller = controller
        self.value = controller.question.value
        self.note = controller.entries["0"]["note"]
        self.receipt: object = None

    @property
    def state(self) -> State:
        """The state of the answer."""
        return self.controller.snapshot.state

    @property
    def delivery(self) -> str | None:
        """What the receipt says of the answer's delivery."""
        receipt = self.controller.snapshot.receipt
        return dict(receipt.facts).get("delivery") if receipt else None

    def send(self, decision: str, note: str, **content: Any) -> None:
        """Send what a page sends."""
        if not self.controller.snapshot.receipt:
            self.note = note
        digest = self.controller.question.shown_digest
        values = {"0": {"decision": decision, "note": note}}
        self.controller.receive({"values": values, "digest": digest, **content})
        finish()


class FormMachine(RuleBasedStateMachine):
    """Two forms of one question on one machine, colleagues, and a network that fails."""

    def __init__(self) -> None:
        super().__init__()
        self.patch = pytest.MonkeyPatch()
        self.folder = tempfile.TemporaryDirectory()
        self.patch.setenv(answers.DIR_NAME, self.folder.name)
        self.api = Api()
        self.server = Server()
        self.server.script = self.api.respond
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()
        self.forms: list[Form] = []
        self.clients: list[Client] = []

    def teardown(self) -> None:
        """Stop the server and restore the environment."""
        for client in self.clients:
            client.close()
        self.server.shutdown()
        self.server.server_close()
        self.patch.undo()
        self.folder.cleanup()

    @initialize()
    def begin(self) -> None:
        """Keep a state before the question, then ask it."""
        self.api.change("running")
        self.ask()

    def ask(self) -> None:
        """Ask the next question under the same id, and open two forms of it."""
        self.api.change("interrupted", n=1)
        self.forms = [self.open_form() for _ in range(2)]

    def open_form(self) -> Form:
        """Open a form, as another notebook does."""

        class QuickClient(Client):
            _time = Time()
            _sleep = staticmethod(_time.sleep)
            _clock = staticmethod(_time.clock)

        number = len(self.clients)
        client = QuickClient(f"mk_test_{number}", self.server.url, rate=None)
        self.clients.append(client)
        question = question_of(client.runs.get(RUN))
        assert question is not None
        return Form(number, AnswerController(client, question))

    @rule(number=NUMBERS, decision=DECISIONS, note=NOTES, reply=REPLIES, read=READS)
    def press(self, number: int, decision: str, note: str, reply: str, read: str) -> None:
        """Send an answer: at most one request, and the form says of it what the reply tells."""
        api, form = self.api, self.forms[number]
        before, n_posts = form.state, len(api.posts)
        api.reply, api.read = reply, read
        form.send(decision, note, verb=decision)
        api.read = "200"
        answer = expected_answer(decision, note)
        posts = api.posts[n_posts:]
        assert len(posts) <= (before in EDITABLE and answer is not None)
        for post in posts:
            assert post.body == {"interrupt_id": QUESTION, "input": answer}
            assert (post.form, post.value, post.is_open) == (form.number, form.value, True)
            assert post.n_logged == n_posts + 1  # in the log before it was sent
            if post.reply == "accepted":
                assert (form.state, form.delivery) == (State.SETTLED, "confirmed")
            else:
                assert form.delivery != "confirmed"
            if post.reply in REFUSED and api.is_open:
                assert form.state is State.FAILED

    @rule(number=NUMBERS, decision=DECISIONS, note=NOTES)
    def type(self, number: int, decision: str, note: str) -> None:
        """Type without sending."""
        self.forms[number].send(decision, note)

    @rule(number=NUMBERS, read=READS)
    def look(self, number: int, read: str) -> None:
        """Let a form read the run again."""
        self.api.read = read
        with suppress(RunkitError):
            self.forms[number].controller.refresh()
        self.api.read = "200"

    @rule(what=st.sampled_from(["answer", "end", "change"]))
    def happen_elsewhere(self, what: str) -> None:
        """Close or change the question; one that is closed in all forms makes room for the next."""
        if not self.api.is_open:
            if all(form.receipt for form in self.forms):
                self.ask()
        elif what == "answer":
            self.api.change("running", "colleague")
        elif what == "end":
            self.api.change("error")
        else:
            self.api.change("interrupted", n=1)

    @invariant()
    def receipts_are_true(self) -> None:
        """A receipt stays and claims what is known, and what was typed is there until then."""
        for form in self.forms:
            snapshot = form.controller.snapshot
            if not snapshot.receipt:
                assert form.controller.entries["0"]["note"] == form.note
            elif form.receipt is None:
                form.receipt = snapshot
                self.check_receipt(form)
            assert form.receipt in (None, snapshot)

    def check_receipt(self, form: Form) -> None:
        """Check that a receipt claims what is known, and that the draft is gone."""
        api = self.api
        assert not api.is_open or api.value != form.value
        assert saved(form.controller) is None
        if form.state is State.EXPIRED:
            assert (api.status, api.closed_by) == ("error", None)
        if form.delivery == "confirmed":
            assert isinstance(api.closed_by, Post)
            assert api.closed_by.reply == "accepted"
            assert (api.closed_by.form == form.number) == (form.state is State.SETTLED)


def expected_answer(decision: str, note: str) -> Json | None:
    """Return the answer that was typed, None if it may not be sent."""
    if len(note) > 5_000 or (decision == "approve" and not note.strip()):
        return None
    return {"decision": decision, **({"note": note.strip()} if note.strip() else {})}


def test_any_order_of_events() -> None:
    run_state_machine_as_test(FormMachine, settings=settings(fuzz(60), stateful_step_count=20))
