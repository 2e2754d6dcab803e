"""The states of an answer and their transitions, without widgets.

    OPEN -> INVALID -> OPEN      the entries do not validate; nothing is sent
    OPEN -> ARMED -> SENDING     the first press arms, the second sends; card.js measures both
    SENDING -> SETTLED           the API accepted it, or somebody's answer closed it
    SENDING -> CONFLICT          answered elsewhere, or the question changed; nothing is overwritten
    SENDING -> FAILED            not delivered; the entries are kept
    SENDING -> UNKNOWN           it may have arrived; checked, then SETTLED, OPEN, CONFLICT, EXPIRED
    OPEN -> CONFLICT, EXPIRED    somebody else closed it, or its run ended

`_question.VERDICTS` has the end states and their receipts.

From the second press to the result the controller is inert: another answer finds SENDING and does
nothing. Its methods are called on the thread of the card's queue only, which owns the state; what
takes time is read or sent as work of the queue. A card with several questions has an
`AnswerController` for each on one queue.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

from runkit.api.contract import BUSINESS_FIELDS, Json
from runkit.api.models import Run
from runkit.api.other_models import Document
from runkit.api.reading import interrupt_kind
from runkit.client import Client
from runkit.client.resume import TAKEN, is_stale
from runkit.display.log import log
from runkit.display.text import live_moment, shorten
from runkit.errors import Conflict, Invalid, RunkitError, Unavailable
from runkit.local import answer_log
from runkit.local.answer_log import CONFIRMED, Entry, declared_name
from runkit.widgets import _case, _drafts
from runkit.widgets._case import ListRuns
from runkit.widgets._drafts import draft_key
from runkit.widgets._event_queue import Event, EventQueue, error_message
from runkit.widgets._page_messages import Entries, FromPage, Texts
from runkit.widgets._question import (
    ACCEPTED,
    CLEAR,
    Outcome,
    Question,
    Receipt,
    Sent,
    State,
    logged_answers,
    sent_of,
    verdict,
)
from runkit.widgets._questionnaire import Questionnaire

MAY_ARRIVE = "may still arrive. If you answer again, the first one to arrive counts."
CHECKING = "Sent, not yet confirmed. Checking whether your answer arrived… It won't be sent again."
UNCONFIRMED = "We couldn't confirm it arrived."
OFFLINE = "Offline. What you typed is kept. Answering works again when the server is reachable."
UNSENT = "Your answer was not sent."
READ_ONLY = "Read-only. This client can read runs but not answer."
NO_ID = "This question has no id; answer it in Middesk."
NO_NAME = "Type your name first."
DAYS = 30  # how far back questions and other runs of a business are searched
MAX_NAME = 80  # characters of a person's name
SHARED_LOGINS = {"root", "jovyan", "unknown"}  # logins of containers are no person's name
EDITABLE = frozenset({State.OPEN, State.INVALID, State.FAILED})
Reasons = Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class Snapshot:
    """The state of an answer. `message` is the status, `errors` are by section and field.

    `receipt` is set at the end.
    """

    state: State
    message: str = ""
    errors: Mapping[str, Texts] = field(default_factory=dict)
    receipt: Receipt | None = None


class AnswerController:
    """One question, the entries for its answer, and the outcome.

    Parameters
    ----------
    client : Client
        Sends the answer.
    question : Question
        The question as it was displayed.
    queue : EventQueue
        Of the card, on whose thread every method is called.
    who, drafts, reasons, receipts
        As for `InterruptForm`.
    list_runs : callable, optional
        Returns the runs of which those of the business are the case; by default those of the last
        30 days.
    """

    def __init__(
        self,
        client: Client,
        question: Question,
        queue: EventQueue,
        *,
        who: str | None = None,
        drafts: bool = True,
        reasons: Reasons | None = None,
        receipts: str = "full",
        list_runs: ListRuns | None = None,
    ) -> None:
        self.client = client
        self.question = question
        self.queue = queue
        self.who = who or declared_name()
        self.is_login = not (who or answer_log.typed_name)  # nobody has given a name
        self.reasons = reasons or {}
        self.form = Questionnaire(question.value)
        self.run = question.run  # its newest known state
        self.entries: Entries = self.form.received({})
        self.evidence = _case.evidence_of(question)
        self._findings = _case.other_findings(question)
        # lines about other runs of the business are added once they are read
        self.case_lines = self._findings
        self.refusal = READ_ONLY if client.read_only else ""
        if question.interrupt_id is None:
            self.refusal = NO_ID
        recent = partial(client.runs.list, since=f"{DAYS}d", progress=False)
        self._list_runs: ListRuns = list_runs or recent
        self._has_reason = receipts == "full"
        self._use_drafts = drafts
        self._draft_key = draft_key(
            question.run, client.host, question.interrupt_id or "", question.digest
        )
        self._sent: Sent | None = None  # being sent
        self._doubtful: Sent | None = None  # sent from here; may have arrived, or may still arrive
        self._is_sending = False  # also while it is checked
        self._seen = 0  # the newest entry of the log that the person knows of, one's own included
        self._own = 0  # one's own newest entry
        self._is_shown = False
        message = f"{self._restore_draft()} {self._warning()}".strip()
        self.snapshot = Snapshot(State.OPEN, self.refusal or message)

    # -- actions of the person

    def note_display(self) -> None:
        """Read the case when the question is first shown."""
        if not self._is_shown:
            self._is_shown = True
            self.read_case()

    def read_case(self) -> None:
        """Read the other runs of the business, and its documents if one is to be chosen."""
        question = self.question
        business_id = question.run.business_id
        read = partial(_case.lines_about_others, self.client, question, self._list_runs)
        self.queue.start("case", read, self._show_case, self._case_failed)
        if business_id and "document" in map(interrupt_kind, question.proposals):
            read_documents = partial(self.client.documents.list, business_id)
            self.queue.start("documents", read_documents, self._offer, error_message)

    def _offer(self, documents: Iterable[Document]) -> None:
        self.form = Questionnaire(self.question.value, [*documents])

    def _show_case(self, lines: list[Json]) -> None:
        self.case_lines = [*self._findings, *lines]

    def _case_failed(self, error: Exception) -> None:
        self._show_case([_case.failed_line(error_message(error))])

    def receive(self, message: FromPage) -> None:
        """Take a message of the page: a name, entries, or an answer (a verb, pressed twice)."""
        if "who" in message:
            self.sign(message["who"])
        if "values" not in message:
            return
        if message.get("digest") != self.question.shown_digest:
            log.warning("a card sent a message about another question; nothing was done")
            return
        entries = self.form.received(message["values"])
        verb = message.get("verb")
        if verb is not None and not self.form.is_combined:
            entries["0"]["decision"] = verb
        self.edit(entries)
        if verb is not None:
            self.submit()

    def sign(self, name: str) -> None:
        """Take the name of the person who answers, here and in the forms that follow."""
        if name.strip() and self.snapshot.state in EDITABLE:
            self.who = answer_log.typed_name = name.strip()[:MAX_NAME]
            self.is_login = False

    def edit(self, entries: Entries) -> None:
        """Take the entries of the inputs; while an answer is sent they are no part of it."""
        state = self.snapshot.state
        if self.snapshot.receipt or entries == self.entries:
            return
        if self._use_drafts:
            _drafts.save(self._draft_key, entries)  # takes 2 ms
        self.entries = entries
        if state in EDITABLE and state is not State.OPEN:
            self._change(State.OPEN)

    def submit(self) -> None:
        """Send the answer, unless it is invalid; while one is being sent, another is ignored."""
        if self.snapshot.state not in EDITABLE:
            return
        answer, errors = self.form.answer(self.entries)
        if self.refusal:
            self._change(State.FAILED, self.refusal)
        elif errors:
            first, *_ = (text for texts in errors.values() for text in texts.values())
            self._change(State.INVALID, self._not_sent(first), errors=errors)
        elif self.needs_name:
            self._change(State.INVALID, self._not_sent(NO_NAME))
        else:
            send = partial(self._send, answer, self.who)
            self._sent = None
            self.queue.start("answer", send, self._delivered, self._not_delivered)
            self._is_sending = True
            self._change(State.SENDING, "Sending your answer…")

    # -- newer states of the run

    def check(self) -> None:
        """Read whether the question is still open."""
        read = partial(self.client.runs.get, self.question.run)
        self.queue.start("check", read, self.checked, self.not_checked)

    def checked(self, run: Run) -> None:
        """Take the run that a check has read."""
        if self.snapshot.message == OFFLINE:
            self._change(State.OPEN)
        self.update_run(run)

    def not_checked(self, error: Exception) -> None:
        """Show that the host cannot be reached; sending reports what else is wrong."""
        if isinstance(error, Unavailable) and self.snapshot.state is State.OPEN:
            self._change(State.OPEN, OFFLINE)

    def identify(self, run: Run) -> None:
        """Take the business of the run, which may be found out while the question is displayed."""
        unnamed = self.question.run
        if unnamed.business_id is None and run.business_id is not None:
            business = {name: getattr(run, name) for name in BUSINESS_FIELDS}
            self.question = replace(self.question, run=unnamed.with_local_fields(**business))
            self.read_case()

    def update_run(self, run: Run) -> None:
        """Take a newer state of the run, with its steps, from another reader."""
        self.identify(run)
        state = self.snapshot.state
        # while an answer is sent, its result decides
        if self.snapshot.receipt or self._is_sending or is_stale(run, self.run):
            return
        if state is State.UNKNOWN:
            self._resolve(run)
        elif not self._end_if_closed(run, UNSENT if self.is_edited else ""):
            self.run = run

    # -- sending: on a thread of its own, which returns what its result changes

    def _send(self, answer: Json, who: str) -> Event:
        """Check that the same question is still open, and answer it once."""
        question = self.question
        run = self._read()
        outcome = question.outcome(run)
        if outcome.word != "open":
            return partial(self._close, run, outcome, UNSENT)
        # on the server's clock, as all times of a receipt
        sent = self._sent = Sent(run.read_at or datetime.now(UTC), who, answer)
        try:
            delivery = self.client.runs.deliver(
                run,
                question.interrupt_id,
                answer,
                who=who,
                step_id=question.step_id,
                seen=self._seen,
                on_claimed=self._on_claimed,
                on_checking=lambda reason: self.queue.post(partial(self._checking, sent, reason)),
            )
        except RunkitError as error:
            self._sent = None
            if not isinstance(error, Conflict):
                raise
            run = error.run or run  # it is closed; when and by whom may be unknown
            outcome = question.outcome(run)
            outcome = Outcome("closed") if outcome.word == "open" else outcome
            return partial(self._close, run, outcome, "The API refused your answer.")
        if delivery.outcome == TAKEN:
            self._sent = None
            return partial(self._taken, self._read())
        if delivery.run is None:
            return partial(self._change, State.UNKNOWN, f"{UNCONFIRMED} {delivery.message}")
        if delivery.outcome == CONFIRMED:
            outcome = question.outcome(delivery.run)._replace(word=ACCEPTED)
            sent = sent._replace(certainty=CLEAR)
            return partial(self._end, delivery.run, outcome, sent, is_logged=delivery.is_logged)
        return partial(self._resolve, delivery.run)

    def _read(self) -> Run:
        run = self.client.runs.get(self.question.run)
        if is_stale(run, self.run):
            raise Unavailable(
                "The API shows an older state of the run than before. Try again in a moment."
            )
        return run

    def _on_claimed(self, number: int) -> None:
        self._own = number
        self._seen = max(number, self._seen)

    def _checking(self, sent: Sent, reason: str) -> None:
        self._doubtful = sent
        self._change(State.UNKNOWN, f"{CHECKING} ({reason})")

    def _taken(self, run: Run) -> None:
        """Take the run after another answer from this machine was sent first."""
        if not self._end_if_closed(run, UNSENT):
            self._change(State.OPEN, self._not_sent(self._warning(), "Your answer was not sent"))

    def _delivered(self, take: Event) -> None:
        self._is_sending = False
        take()

    def _not_delivered(self, error: Exception) -> None:
        """Describe an error of sending; what may have left is in doubt."""
        self._is_sending = False
        message = error_message(error)
        if self._sent is not None:
            self._doubtful = self._sent
            self._change(State.UNKNOWN, f"{UNCONFIRMED} {message}")
        elif isinstance(error, Invalid):
            is_json = self.entries["0"]["decision"] == "raw"
            errors = {"0": {"raw": message}} if is_json else {}
            self._change(State.FAILED, f"The API refused the answer. {message}", errors=errors)
        else:
            self._change(State.FAILED, self._not_sent(message, "Not delivered"))

    def _resolve(self, run: Run) -> None:
        """Take the outcome of an unconfirmed answer."""
        if not self._end_if_closed(run):
            self.run = run
            message = f"The question is still open. Your answer was sent once and {MAY_ARRIVE}"
            self._change(State.OPEN, message)

    # -- state changes

    def _end_if_closed(self, run: Run, unsent: str = "") -> bool:
        """End the question if a state of the run shows that it is closed; return whether it is."""
        outcome = self.question.outcome(run)
        is_closed = outcome.word != "open"
        if is_closed:
            self._close(run, outcome, unsent)
        return is_closed

    def _close(self, run: Run, outcome: Outcome, unsent: str) -> None:
        """End a question that is closed; an answer from here may have closed it."""
        logged = self._logged() if outcome.word == "closed" else []
        others = [sent_of(entry) for entry in reversed(logged) if entry.answer_id != self._own]
        confirmed = [sent for sent in others if sent.certainty == CLEAR]
        likely = [*confirmed, *filter(None, [self._doubtful]), *others, None]
        self._end(run, outcome, likely[0], unsent=unsent)

    def _end(self, run: Run, outcome: Outcome, sent: Sent | None, **more: Any) -> None:
        state, receipt = verdict(
            self.question, self.client, outcome, sent, has_reason=self._has_reason, **more
        )
        self.run = run
        self._change(state, receipt.title, receipt=receipt)
        _drafts.drop(self._draft_key)
        _drafts.drop_closed(run, self.client.host)

    def _change(self, state: State, message: str = "", **more: Any) -> None:
        if self.snapshot.receipt is None:  # a receipt is the end
            self.snapshot = Snapshot(state, message, **more)

    def _logged(self) -> list[Entry]:
        """Return the answers from this machine to this asking, oldest first."""
        question = self.question
        return logged_answers(
            question.run,
            self.client.host,
            interrupt_id=question.interrupt_id,
            step_id=question.step_id,
            question_digest=question.digest,
        )

    def _warning(self) -> str:
        """Warn once of each answer in the log that may still arrive."""
        logged = self._logged()
        if not logged or logged[-1].answer_id <= self._seen:
            return ""
        last = logged[-1]
        self._seen = last.answer_id
        signer = shorten(last.answered_by, MAX_NAME)
        sent_at = live_moment(last.sent_at)
        return f"An answer signed {signer}, sent from here at {sent_at}, {MAY_ARRIVE}"

    def _not_sent(self, reason: str, lead: str = "Not sent") -> str:
        """Describe why an answer was not sent, and that an earlier one may have been."""
        if self._doubtful is None:
            return f"{lead}. {reason}"
        earlier = f"Your answer of {live_moment(self._doubtful.at)} may still arrive."
        return f"{lead} this time. {reason} {earlier}"

    # -- entries and drafts

    @property
    def needs_name(self) -> bool:
        """Whether a name must be typed before the first answer: the login is no person's."""
        return self.is_login and self.who in SHARED_LOGINS

    @property
    def is_edited(self) -> bool:
        """Whether a person has changed anything."""
        return self.entries != self.form.received({})

    @property
    def offered(self) -> str:
        """The notes to copy, if the question was closed by another answer."""
        if self.snapshot.state is not State.CONFLICT:
            return ""
        return "\n".join(filter(None, (texts.get("note") for texts in self.entries.values())))

    def _restore_draft(self) -> str:
        """Restore the entries of an earlier form or kernel for the same question."""
        _drafts.drop_closed(self.question.run, self.client.host)
        draft = _drafts.load(self._draft_key) if self._use_drafts else None
        self.entries = self.form.received(draft or {})
        if not self.form.is_combined:
            self.entries["0"]["decision"] = ""
        return "Draft restored." if self.is_edited else ""


class Forms:
    """The forms of several questions on one queue, and those that are closed.

    The options are those of a form.
    """

    def __init__(self, client: Client, queue: EventQueue, **options: Any) -> None:
        self.client = client
        self.queue = queue
        self.options = options
        self.forms: dict[str, AnswerController] = {}  # entries survive opening another question
        self.closed: list[AnswerController] = []

    def form_of(self, question: Question) -> AnswerController:
        """Return the form of a question, made once, however often it is opened."""
        form = self.forms.get(question.key)
        if form is None:
            form = AnswerController(self.client, question, self.queue, **self.options)
            self.forms[question.key] = form
        form.note_display()
        return form

    def update_forms(self, runs: Iterable[Run]) -> None:
        """Pass newer states of their runs to the forms."""
        for run in runs:
            for form in self.forms.values():
                if form.run.id == run.id:
                    form.update_run(run)

    def move_closed(self) -> list[AnswerController]:
        """Move the forms that have ended since the last call to `closed`, and return them."""
        ended = [form for form in self.forms.values() if form.snapshot.receipt]
        for form in ended:
            del self.forms[form.question.key]
        self.closed += ended
        return ended
