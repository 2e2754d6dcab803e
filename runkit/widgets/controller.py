"""The states of an answer and their transitions, without widgets.

    OPEN -> INVALID -> OPEN      the entries do not validate; nothing is sent
    OPEN -> ARMED -> SENDING     the first press arms, the second sends; the browser measures both (card.js)
    SENDING -> SETTLED           the API accepted it, or it is closed and nobody knows by whose answer
    SENDING -> CONFLICT          answered elsewhere, or the question changed; nothing is overwritten
    SENDING -> FAILED            not delivered; the entries are kept
    SENDING -> UNKNOWN           it may have arrived; checked, then SETTLED, OPEN, CONFLICT or EXPIRED
    OPEN -> CONFLICT, EXPIRED    somebody else closed it, or its run ended

`question.VERDICTS` has the end states and their receipts.

From the second press to the result the controller is inert: another answer finds SENDING and does nothing.
One lock guards the state. Listeners are called without the lock, since they may need a lock whose owner waits
for this one; so a snapshot may arrive late, and views ask for the newest one.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

from runkit import answers
from runkit.answers import CONFIRMED, Display, declared_name
from runkit.client import Client
from runkit.client.resume import is_stale
from runkit.contract import BUSINESS_FIELDS, Json
from runkit.errors import Conflict, Invalid, RunkitError, Unavailable
from runkit.logs import log
from runkit.models import Run
from runkit.text import moment
from runkit.widgets import case, drafts, jobs
from runkit.widgets.question import ACCEPTED, Outcome, Question, Receipt, Sent, State, sent_of, verdict
from runkit.widgets.questionnaire import Entries, Questionnaire

MAY_ARRIVE = "may still arrive. If you answer again, the first one to arrive counts."
UNCONFIRMED = "We couldn't confirm it arrived."
OFFLINE = "Offline. What you typed is kept. Answering works again when the server is reachable."
READ_ONLY = "Read-only. This client can read runs but not answer."
NO_NAME = "Type your name first."
NO_ID = "This question has no id; answer it in Middesk."
MAX_NAME = 80  # characters of a person's name
SHARED_LOGINS = {"root", "jovyan", "unknown"}  # of containers: no person's name
EDITABLE = frozenset({State.OPEN, State.INVALID, State.FAILED})
Reasons = Mapping[str, Sequence[str]]
Errors = Mapping[str, Mapping[str, str]]
S = TypeVar("S")


class Controller(Generic[S]):
    """State and rules of a widget, without a screen. Every method may be called from any thread."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._listeners: list[Callable[[S], object]] = []
        self._snapshot: S

    @property
    def snapshot(self) -> S:
        """The current state."""
        with self._lock:
            return self._snapshot

    def subscribe(self, listener: Callable[[S], object]) -> None:
        """Call `listener` with each new snapshot, on the thread that made the change."""
        with self._lock:
            self._listeners.append(listener)

    def _notify(self) -> None:
        with self._lock:
            snapshot, listeners = self._snapshot, list(self._listeners)
        for listener in listeners:
            try:
                listener(snapshot)
            except Exception:  # a view that fails must not stop the controller
                log.exception("a card could not be updated")


@dataclass(frozen=True)
class Snapshot:
    """Everything that a view shows.

    `message` is the status, `errors` are by section and field. `is_checking` is true while the run is read to
    find out whether an answer arrived, `is_offline` while the server of an open question is out of reach.
    `receipt` is set at the end.
    """

    state: State
    message: str = ""
    errors: Errors = field(default_factory=dict)
    is_checking: bool = False
    receipt: Receipt | None = None
    is_offline: bool = False

    @property
    def is_final(self) -> bool:
        """Whether this is an end state."""
        return self.receipt is not None


def answer_options(
    who: str | None, *, drafts: bool, reasons: Reasons | None, receipts: str
) -> dict[str, Any]:
    """Make the options of an `AnswerController` from those of a form."""
    return {"who": who, "use_drafts": drafts, "reasons": reasons, "has_reason": receipts == "full"}


class AnswerController(Controller[Snapshot]):
    """One question, the entries for its answer, and the outcome. Every method may be called from any thread.

    Parameters
    ----------
    client : Client
        Sends the answer.
    question : Question
        The question as it was displayed.
    who : str, optional
        Name of the person who answers, self-declared; by default the one typed last, else the login.
    use_drafts : bool
        Whether to keep the entries on this machine until the question is closed, for up to seven days.
    reasons : mapping of str to sequence of str, optional
        Reasons that are offered, by kind of question.
    has_reason : bool
        Whether the receipt shows the typed reason.
    listed : callable, optional
        Returns runs that are known, of which those of the business are the case; by default they are listed.
    """

    def __init__(
        self,
        client: Client,
        question: Question,
        *,
        who: str | None = None,
        use_drafts: bool = True,
        reasons: Reasons | None = None,
        has_reason: bool = True,
        listed: Callable[[], Iterable[Run]] | None = None,
    ) -> None:
        super().__init__()
        self.client = client
        self.question = question
        self.who = who or declared_name()
        self.is_login = not (who or answers.typed_name)  # nobody has given a name
        self.reasons = reasons or {}
        self.form = Questionnaire(question.value, question.documents(client))
        self.run = question.run  # its newest known state
        self.entries: Entries = self.form.start()
        self._has_reason = has_reason
        self._use_drafts = use_drafts
        self._draft_key = drafts.draft_key(question, client.host)
        self._sent: Sent | None = None  # being sent
        # sent from here; may have arrived, or may still arrive
        self._doubtful: Sent | None = None
        self._warned_ids: set[int] = set()  # log entries that the person was warned of
        self._shown_at: datetime | None = None
        self.case_lines: list[Json] = []  # what other runs of the business tell, once they are read
        self._listed = listed
        self._n_opened = 0  # sources of the question that were opened before the answer
        self.refusal = NO_ID if question.interrupt_id is None else READ_ONLY if client.read_only else ""
        message = f"{self._restore_draft()} {self._warning()}".strip()
        self._snapshot = Snapshot(State.OPEN, self.refusal or message)

    # -- actions of the person

    def note_display(self) -> None:
        """Note when the question was first shown on this machine, for the answer log."""
        self._shown_at = self._shown_at or datetime.now(UTC)

    def read_case(self) -> None:
        """Read the other runs of the business as a job; without them, the card shows this run's findings."""
        jobs.start(self._read_case, "case")

    def _read_case(self) -> None:
        try:
            others = case.read_others(self.client, self.question.run, self._listed)
            lines = case.lines_about_others(self.question, others, self.client.host)
        except Exception as error:
            lines = case.failure(jobs.error_message(error))
        with self._lock:
            self.case_lines = lines
        self._notify()

    def receive(self, message: Mapping[str, Any]) -> None:
        """Take a message of the page: a name, what was typed, or an answer (a verb, pressed twice)."""
        if isinstance(message.get("who"), str):
            self.sign(message["who"])
        if message.get("check"):
            self.check()
        values, digest = message.get("values"), message.get("digest")
        if not isinstance(values, dict):
            return
        if digest != self.question.shown_digest(self.client.host):
            log.warning("a card sent a message about another question; nothing was done")
            return
        entries, verb = self.form.received(values), message.get("verb")
        if isinstance(message.get("opened"), int):
            self._n_opened = message["opened"]
        if verb is None:
            self.edit(entries)
            return
        if not self.form.is_combined:
            entries["0"]["decision"] = str(verb)
        self.submit(entries)

    def sign(self, name: str) -> None:
        """Take the name of the person who answers, here and in the forms that follow."""
        with self._lock:
            if name.strip() and self._snapshot.state in EDITABLE:
                self.who = answers.typed_name = name.strip()[:MAX_NAME]
                self.is_login = False
        self._notify()

    def edit(self, entries: Entries) -> None:
        """Take the entries of the inputs. Errors of the previous entries disappear."""
        with self._lock:
            state = self._snapshot.state
            if self._snapshot.is_final or entries == self.entries:
                return
            # also while an answer is sent, of which these entries are no part
            self._take(entries)
            if state not in EDITABLE or state is State.OPEN:
                return
            self._change(State.OPEN)
        self._notify()

    def submit(self, entries: Entries | None = None) -> None:
        """Send the answer, unless it is invalid; a second answer on its way finds SENDING and is ignored."""
        with self._lock:
            state = self._snapshot.state
            # kept while another answer is sent, too
            if entries is not None and not self._snapshot.is_final:
                self._take(entries)
            if state not in EDITABLE:
                return
            answer, errors = self.form.answer(self.entries)
            if self.refusal:
                self._change(State.FAILED, self.refusal)
            elif answer is None:
                self._change(State.INVALID, self._undone(_first_error(errors)), errors=errors)
            elif self.needs_name:
                self._change(State.INVALID, self._undone(NO_NAME))
            else:
                self._start_sending(answer)
        self._notify()

    def check(self) -> None:
        """Check whether an unconfirmed answer arrived."""
        with self._lock:
            if self._snapshot.state is not State.UNKNOWN or self._snapshot.is_checking:
                return
            self._change(State.UNKNOWN, "Checking whether your answer arrived…", is_checking=True)
            if problem := jobs.start(lambda: self._run_job(lambda: self._resolve(self._read())), "check"):
                self._change(State.UNKNOWN, f"{UNCONFIRMED} {problem}")
        self._notify()

    # -- what others find out

    def refresh(self) -> None:
        """Read whether the question is still open, without the run's steps while it is.

        Raises what `client.runs.get` raises. Of an error only `is_offline` remains.
        """
        try:
            run = self.client.runs.get(self.question.run, steps=False)
        except Unavailable:
            self._set_offline(True)
            raise
        self._set_offline(False)
        if self.question.outcome(run).word != "open":
            self.update_run(self.client.runs.get(self.question.run))

    def _set_offline(self, is_offline: bool) -> None:
        with self._lock:
            previous = self._snapshot
            if previous.state is not State.OPEN or is_offline == previous.is_offline:
                return
            self._snapshot = replace(previous, is_offline=is_offline)
        self._notify()

    def identify(self, run: Run) -> None:
        """Take the business of the run, which may be found out while the question is displayed."""
        with self._lock:
            known = self.question.run
            if known.business_id is not None or run.business_id is None:
                return
            business = {name: getattr(run, name) for name in BUSINESS_FIELDS}
            self.question = replace(self.question, run=known.with_local_fields(**business))
        self.read_case()
        self._notify()

    def update_run(self, run: Run) -> None:
        """Take a newer state of the run, with its steps, from another reader."""
        self.identify(run)
        with self._lock:
            if self._snapshot.is_final or self._snapshot.state is State.SENDING or self._snapshot.is_checking:
                return  # the running job decides
            outcome = self.question.outcome(run)
            if outcome.word == "open" or is_stale(run, self.run):
                return
            self._close(run, outcome, "Your answer was not sent." if self.is_edited else "")
        self._notify()

    # -- jobs

    def _start_sending(self, answer: Json) -> None:
        self._sent, who = None, self.who
        self._change(State.SENDING, "Sending your answer…")
        if problem := jobs.start(lambda: self._run_job(lambda: self._send(answer, who)), "answer"):
            self._change(State.FAILED, self._undone(problem))

    def _send(self, answer: Json, who: str) -> None:
        """Check that the same question is still open, answer it once, and find the outcome."""
        question = self.question
        run = self._read()
        outcome = question.outcome(run)
        if outcome.word != "open":
            self._close(run, outcome, "Your answer was not sent.")
            return
        if warning := self._warning():  # sent from another card or notebook in the meantime
            self._change(State.OPEN, f"Not sent{' this time' if self._doubtful else ''}. {warning}")
            return
        # on the server's clock, as all times of a receipt
        sent_at = run.read_at or datetime.now(UTC)
        self._sent = Sent(sent_at, who, answer)
        try:
            delivery = self.client.runs.deliver(
                run,
                question.interrupt_id,
                answer,
                who=who,
                step_id=question.step_id,
                display=Display(self._shown_at, self._n_opened) if self._shown_at else None,
                on_checking=self._on_unconfirmed,
            )
        except RunkitError as error:
            self._sent = None
            if isinstance(error, Conflict):
                run = error.run or run  # it is closed; when and by whom may be unknown
                outcome = question.outcome(run)
                outcome = Outcome("closed") if outcome.word == "open" else outcome
                self._close(run, outcome, "Your answer was not accepted.")
            elif isinstance(error, Invalid):
                errors = _field_errors(error, self.form, self.entries)
                self._change(State.FAILED, f"The API refused the answer. {error}", errors=errors)
            else:
                raise
        else:
            if delivery.run is None:
                self._change(State.UNKNOWN, f"{UNCONFIRMED} {delivery.message}")
            elif delivery.outcome == CONFIRMED:
                outcome = question.outcome(delivery.run)._replace(word=ACCEPTED)
                sent = self._sent._replace(is_confirmed=True)
                self._end(delivery.run, outcome, sent, is_logged=delivery.is_logged)
            else:
                self._resolve(delivery.run)

    def _read(self) -> Run:
        run = self.client.runs.get(self.question.run)
        if is_stale(run, self.run):
            raise Unavailable("The API shows an older state of the run than before. Try again in a moment.")
        return run

    def _resolve(self, run: Run) -> None:
        """Take the outcome of an unconfirmed answer."""
        outcome = self.question.outcome(run)
        if outcome.word != "open":
            self._close(run, outcome)
            return
        with self._lock:
            self.run = run
            self._warning()  # so that the log does not warn of the same answer again
            message = f"The question is still open. Your answer was sent once and {MAY_ARRIVE}"
            self._change(State.OPEN, message)

    def _on_unconfirmed(self, reason: str) -> None:
        self._doubtful = self._sent
        checking = "Sent, not yet confirmed. Checking whether your answer arrived… It won't be sent again."
        self._change(State.UNKNOWN, f"{checking} ({reason})", is_checking=True)
        self._notify()

    def _run_job(self, work: Callable[[], object]) -> None:
        """Do a job; any error in it becomes a message on the card."""
        try:
            work()
        except Exception as error:
            message = jobs.error_message(error)
            with self._lock:
                if self._snapshot.is_final:
                    pass  # the outcome is known
                elif self._sent is not None or self._snapshot.state is State.UNKNOWN:
                    self._doubtful = self._sent or self._doubtful
                    self._change(State.UNKNOWN, f"{UNCONFIRMED} {message}")
                else:
                    self._change(State.FAILED, self._undone(message, "delivered"))
        self._notify()

    # -- state changes

    def _close(self, run: Run, outcome: Outcome, unsent: str = "") -> None:
        """End a question that is closed, unless this form's own answer is known to have closed it."""
        logged = self.question.logged_answers(self.client.host)
        last = sent_of(logged[-1]) if logged else None
        if last is None or not last.is_confirmed:
            last = self._doubtful or last
        elif outcome.word != "closed":  # it was confirmed, so it was about an earlier question
            last = self._doubtful
        self._end(run, outcome, last, unsent=unsent)

    def _end(self, run: Run, outcome: Outcome, sent: Sent | None, **more: Any) -> None:
        more |= {"has_reason": self._has_reason}
        state, receipt = verdict(self.question, self.client, outcome, sent, **more)
        with self._lock:
            self.run = run
            self._change(state, receipt.title, receipt=receipt)
        drafts.drop(self._draft_key)
        drafts.drop_closed(run, self.client.host)

    def _change(self, state: State, message: str = "", **more: Any) -> None:
        with self._lock:
            self._snapshot = Snapshot(state, message, **more)

    def _warning(self) -> str:
        """Warn once of each answer in the log that may still arrive."""
        sent = self.question.logged_answers(self.client.host)
        new = [entry for entry in sent if entry.answer_id not in self._warned_ids]
        self._warned_ids.update(entry.answer_id for entry in new)
        return f"An answer sent from here at {moment(new[-1].sent_at)} {MAY_ARRIVE}" if new else ""

    def _undone(self, reason: str, what: str = "sent") -> str:
        """Describe why an answer was not sent, and that an earlier one may have been."""
        if self._doubtful is None:
            return f"Not {what}. {reason}"
        return f"Not {what} this time. {reason} Your answer of {moment(self._doubtful.at)} may still arrive."

    # -- entries and drafts

    @property
    def needs_name(self) -> bool:
        """Whether a person must give a name before the first answer: the login is no person's."""
        return self.is_login and self.who in SHARED_LOGINS

    @property
    def is_edited(self) -> bool:
        """Whether a person has changed anything."""
        return self.entries != self.form.start()

    @property
    def typed(self) -> str:
        """The notes, which a person may want to copy after a conflict."""
        return "\n".join(filter(None, (one.get("note", "") for one in self.entries.values())))

    def _take(self, entries: Entries) -> None:
        """Take entries, and keep them as a draft, which takes 2 ms."""
        if self._use_drafts and entries != self.entries:
            drafts.save(self._draft_key, entries)
        self.entries = entries

    def _restore_draft(self) -> str:
        """Restore the entries of an earlier form or kernel for the same question."""
        drafts.drop_closed(self.question.run, self.client.host)
        draft = drafts.load(self._draft_key) if self._use_drafts else None
        if draft is not None:
            self.entries = self.form.received(draft)
            if not self.form.is_combined:
                self.entries["0"]["decision"] = ""
        return "Draft restored." if self.is_edited else ""


def _first_error(errors: Errors) -> str:
    return next(text for by_path in errors.values() for text in by_path.values())


def _field_errors(error: Invalid, form: Questionnaire, entries: Entries) -> dict[str, dict[str, str]]:
    """Put the API's message beside the JSON that was sent, or the field that it names, if the form has it."""
    pattern = r"input\.(?:proposals\[(\d+)\]\.)?(?:actions\[\d+\]\.payload\.)?(.+)"
    match = re.fullmatch(pattern, error.parameter or "")
    if match is None:
        return {}
    key, path = match[1] or "0", re.sub(r"\[(\d+)\]", r".\1", match[2])
    if entries.get(key, {}).get("decision") == "raw":
        path = "raw"
    names = {one.name for section in form.sections if section.key == key for one in section.fields}
    return {key: {path: "; ".join(error.messages) or str(error)}} if path.partition(".")[0] in names else {}
