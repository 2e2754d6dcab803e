"""The states of an answer and their transitions, without widgets.

    OPEN -> INVALID -> OPEN      the entries do not validate; nothing is sent
    OPEN -> ARMED -> SENDING     the first press arms, the second sends; the browser measures both (card.js)
    SENDING -> SETTLED           the API accepted it, or it is closed and nobody knows by whose answer
    SENDING -> CONFLICT          answered elsewhere, or the question changed; nothing is overwritten
    SENDING -> FAILED            not delivered; the entries are kept
    SENDING -> UNKNOWN           it may have arrived; checked, then SETTLED, OPEN, CONFLICT or EXPIRED
    OPEN -> CONFLICT, EXPIRED    somebody else closed it, or its run ended

From the second press to the result the controller is inert: another answer finds SENDING and does nothing.
One lock guards the state. Listeners are called without the lock, since they may need a lock whose owner waits
for this one; so a snapshot may arrive late, and views ignore one older than the one they show.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Generic, Protocol, TypeVar
from weakref import WeakSet

from runkit.answers import CONFIRMED, IN_DOUBT, Display, declared_name
from runkit.client import Client
from runkit.client.resume import is_stale
from runkit.contract import BUSINESS_FIELDS
from runkit.errors import Conflict, Invalid, RunkitError, Unavailable, UsageError
from runkit.logs import log
from runkit.models import Run
from runkit.text import moment
from runkit.widgets import drafts, jobs, receipts
from runkit.widgets.fields import Json, to_entries
from runkit.widgets.question import Outcome, Question, documents_for, logged_answers, outcome_of
from runkit.widgets.questions import Entries, Questionnaire
from runkit.widgets.receipts import Receipt, Sent

DRAFT_AFTER = 0.4  # seconds after the first keystroke, so that one write covers many of them
MAY_ARRIVE = "may still arrive. If you answer again, the first one to arrive counts."
UNCONFIRMED = "We couldn't confirm it arrived."
OFFLINE = "Offline. Your draft is saved. Answering works again when the server is reachable."
READ_ONLY = "Read-only. This client can read runs but not answer."
MAX_NAME = 80  # characters of a person's name
SHARED_LOGINS = {"root", "jovyan", "unknown"}  # of containers: no person's name
Errors = Mapping[str, Mapping[str, str]]


class Versioned(Protocol):
    """A snapshot; the higher version is the newer one."""

    @property
    def version(self) -> int:
        """The number of the snapshot."""


S = TypeVar("S", bound=Versioned)


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

    def unsubscribe(self, listener: Callable[[S], object]) -> None:
        """Stop calling a listener."""
        with self._lock:
            self._listeners = [one for one in self._listeners if one != listener]

    def _notify(self) -> None:
        with self._lock:
            snapshot, listeners = self._snapshot, list(self._listeners)
        for listener in listeners:
            try:
                listener(snapshot)
            except Exception:  # a view that fails must not stop the controller
                log.exception("a card could not be updated")


class State(StrEnum):
    """The state of an answer."""

    OPEN = "open"
    INVALID = "invalid"
    SENDING = "sending"
    UNKNOWN = "unknown"
    FAILED = "failed"
    SETTLED = "settled"
    CONFLICT = "conflict"
    EXPIRED = "expired"


EDITABLE = frozenset({State.OPEN, State.INVALID, State.FAILED})
FINAL = frozenset({State.SETTLED, State.CONFLICT, State.EXPIRED})


@dataclass(frozen=True)
class Snapshot:
    """Everything that a view shows. The higher `version` is the newer one.

    `message` is the status, `errors` are by section and field. `is_checking` is true while the run is read to
    find out whether an answer arrived. `receipt` is set at the end.
    """

    version: int
    state: State
    message: str = ""
    errors: Errors = field(default_factory=dict)
    is_checking: bool = False
    receipt: Receipt | None = None

    @property
    def is_final(self) -> bool:
        """Whether this is an end state."""
        return self.state in FINAL


class AnswerController(Controller[Snapshot]):
    """One question, the entries for its answer, and the outcome. Every method may be called from any thread.

    Parameters
    ----------
    client : Client
        Sends the answer.
    question : Question
        The question as it was displayed.
    who : str, optional
        Name of the person who answers, self-declared; by default the login.
    use_drafts : bool
        Whether to keep the entries on this machine until the question is closed, for up to seven days.
    has_reasons : bool
        Whether receipts show the typed reason.
    """

    def __init__(
        self,
        client: Client,
        question: Question,
        *,
        who: str | None = None,
        use_drafts: bool = True,
        has_reasons: bool = True,
    ) -> None:
        super().__init__()
        self.client = client
        self.question = question
        self.who = who or declared_name()
        self.is_login = not who  # nobody has given a name
        self.has_reasons = has_reasons
        self.form = Questionnaire(question.value, documents_for(question, client))
        self.run = question.run  # its newest known state
        self._draft_key = drafts.draft_key(question, client.host)
        self._use_drafts = use_drafts
        self._draft_timer: threading.Timer | None = None
        self._sent_answer: Sent | None = None  # being sent
        self._unconfirmed_answer: Sent | None = None  # may have arrived, or may still arrive
        self._warned_ids: set[int] = set()  # log entries that the person was warned of
        self.entries: Entries = self.form.start()
        message = " ".join(filter(None, (self._restore_draft(), self._warning())))
        self._shown_at: datetime | None = None
        self._n_opened = 0  # sources of the question that were opened before the answer
        _open_controllers.add(self)
        if client.read_only:
            message = READ_ONLY
        self._snapshot = Snapshot(0, State.OPEN, message)

    # -- actions of the person

    def note_display(self) -> None:
        """Note when the question was first shown on this machine, for the answer log."""
        self._shown_at = self._shown_at or datetime.now(UTC)

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
        entries = {one.key: one.received(values.get(one.key)) for one in self.form.sections}
        verb, opened = message.get("verb"), message.get("opened")
        if isinstance(opened, int):
            self._n_opened = opened
        if verb is None:
            self.edit(entries)
            return
        if not self.form.is_combined:
            entries["0"]["decision"] = str(verb)
        self.submit(entries)

    def sign(self, name: str) -> None:
        """Take the name of the person who answers."""
        with self._lock:
            if name.strip() and self._snapshot.state in EDITABLE:
                self.who, self.is_login = name.strip()[:MAX_NAME], False
                self._change(self._snapshot.state, self._snapshot.message, errors=self._snapshot.errors)
        self._notify()

    def edit(self, entries: Entries) -> None:
        """Take the entries of the inputs. Displayed errors disappear when they are fixed."""
        with self._lock:
            state, previous = self._snapshot.state, self._snapshot
            if state in FINAL:
                return
            self._take(entries)
            if state not in EDITABLE:
                return  # an answer is being sent, and these entries are not part of it
            errors = _remaining_errors(previous.errors, self.form.answer(entries)[1])
            new = State.INVALID if errors else State.OPEN
            if (new, errors) == (state, previous.errors):
                return
            self._change(new, previous.message if errors or new == state else "", errors=errors)
        self._notify()

    def submit(self, entries: Entries | None = None) -> None:
        """Send the answer, unless it is invalid; a second answer on its way finds SENDING and is ignored."""
        with self._lock:
            state = self._snapshot.state
            if entries is not None and state not in FINAL:  # kept while another answer is sent, too
                self._take(entries)
            if state not in EDITABLE:
                return
            answer, errors = self.form.answer(self.entries)
            if self.client.read_only:
                self._change(State.FAILED, READ_ONLY)
            elif answer is None:
                n = sum(map(len, errors.values()))
                hint = "Fix the field marked below." if n == 1 else f"Fix the {n} fields marked below."
                self._change(State.INVALID, self._not_sent(hint), errors=errors)
            else:
                self._start_sending(answer)
        self._notify()

    def check(self) -> None:
        """Check whether an unconfirmed answer arrived."""
        with self._lock:
            if self._snapshot.state is not State.UNKNOWN or self._snapshot.is_checking:
                return
            self._change(State.UNKNOWN, "Checking whether your answer arrived…", is_checking=True)
            try:
                jobs.start(lambda: self._run_job(self._check), "check")
            except RuntimeError as error:  # no thread could be started
                self._change(State.UNKNOWN, f"{UNCONFIRMED} {error}.")
        self._notify()

    def refresh(self) -> None:
        """Read whether the question is still open, without the run's steps while it is.

        Raises what `client.runs.get` raises, and changes nothing in that case.
        """
        try:
            run = self.client.runs.get(self.question.run, steps=False)
        except Unavailable:
            self._set_offline(True)
            raise
        self._set_offline(False)
        if outcome_of(self.question, run).word != "open":
            self.update_run(self.client.runs.get(self.question.run))

    def _set_offline(self, is_offline: bool) -> None:
        with self._lock:
            previous = self._snapshot
            if previous.state is not State.OPEN or is_offline == (previous.message == OFFLINE):
                return
            self._change(State.OPEN, OFFLINE if is_offline else "")
        self._notify()

    def identify(self, run: Run) -> None:
        """Take the business of the run, which may be found out while the question is displayed."""
        with self._lock:
            known = self.question.run
            if known.business_id is not None or run.business_id is None:
                return
            business = {name: getattr(run, name) for name in BUSINESS_FIELDS}
            self.question = replace(self.question, run=known.with_local_fields(**business))
            previous = self._snapshot
            self._change(
                previous.state,
                previous.message,
                errors=previous.errors,
                is_checking=previous.is_checking,
                receipt=previous.receipt,
            )
        self._notify()

    def update_run(self, run: Run) -> None:
        """Take a newer state of the run, with its steps, from another reader."""
        with self._lock:
            if self._snapshot.is_final or self._snapshot.state is State.SENDING or self._snapshot.is_checking:
                return  # the running job decides
            outcome = outcome_of(self.question, run)
            if outcome.word == "open" or is_stale(run, self.run):
                return
            self._close(run, outcome)
        self._notify()

    # -- jobs

    def _start_sending(self, answer: Json) -> None:
        self._sent_answer = None
        self._change(State.SENDING, "Sending your answer…")
        try:
            words, who = self.form.receipt(self.entries), self.who
            jobs.start(lambda: self._run_job(lambda: self._send(answer, words, who)), "answer")
        except RuntimeError as error:  # no thread could be started
            self._change(State.FAILED, self._not_sent(f"{error}."))

    def _send(self, answer: Json, words: str, who: str) -> None:
        """Check that the same question is still open, answer it once, and find the outcome."""
        question = self.question
        run = self._read()
        outcome = outcome_of(question, run)
        if outcome.word != "open":
            self._close(run, outcome, is_attempt=True)
            return
        if warning := self._warning():  # sent from another card or notebook in the meantime
            self._change(State.OPEN, f"Not sent{' this time' if self._unconfirmed_answer else ''}. {warning}")
            return
        sent_at = run.read_at or datetime.now(UTC)  # on the server's clock, as all times of a receipt
        self._sent_answer = Sent.from_answer(answer, who, sent_at, words)
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
        except Conflict as error:
            self._sent_answer = None
            run = error.run or run  # it is closed; when and by whom may be unknown
            outcome = outcome_of(question, run)
            self._close(run, outcome if outcome.word != "open" else Outcome("closed"), is_refused=True)
            return
        except Invalid as error:
            self._sent_answer = None
            with self._lock:
                errors = _field_errors(error, self.form)
                self._change(State.FAILED, f"The API refused the answer. {error}", errors=errors)
            return
        except RunkitError:
            self._sent_answer = None
            raise
        if delivery.run is None:
            with self._lock:
                self._change(State.UNKNOWN, f"{UNCONFIRMED} {delivery.message}")
        elif delivery.outcome == CONFIRMED:
            run, outcome = delivery.run, outcome_of(question, delivery.run)
            earlier, is_logged = self._unconfirmed_answer, delivery.is_logged
            receipt = receipts.answered(
                question,
                self.client,
                self._sent_answer,
                outcome,
                earlier=earlier,
                is_logged=is_logged,
                has_reason=self.has_reasons,
            )
            self._end(State.SETTLED, run, receipt)
        else:
            self._resolve(delivery.run)

    def _read(self) -> Run:
        run = self.client.runs.get(self.question.run)
        if is_stale(run, self.run):
            raise Unavailable("The API shows an older state of the run than before. Try again in a moment.")
        return run

    def _check(self) -> None:
        self._resolve(self._read())

    def _resolve(self, run: Run) -> None:
        """Take the outcome of an unconfirmed answer."""
        outcome = outcome_of(self.question, run)
        if outcome.word != "open":
            self._close(run, outcome)
            return
        with self._lock:
            self.run = run
            self._warning()  # so that the log does not warn of the same answer again
            self._change(
                State.OPEN, f"The question is still open. Your answer was sent once and {MAY_ARRIVE}"
            )

    def _on_unconfirmed(self, reason: str) -> None:
        with self._lock:
            self._unconfirmed_answer = self._sent_answer
            message = (
                "Sent, not yet confirmed. Checking whether your answer arrived… It won't be sent again. "
                f"({reason})"
            )
            self._change(State.UNKNOWN, message, is_checking=True)
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
                elif self._sent_answer is not None or self._snapshot.state is State.UNKNOWN:
                    self._unconfirmed_answer = self._sent_answer or self._unconfirmed_answer
                    self._change(State.UNKNOWN, f"{UNCONFIRMED} {message}")
                else:
                    self._change(State.FAILED, f"Not delivered. {message}{self._may_arrive()}")
        self._notify()

    # -- state changes

    def _close(
        self, run: Run, outcome: Outcome, *, is_refused: bool = False, is_attempt: bool = False
    ) -> None:
        """End a question that is closed, unless this form's own answer is known to have closed it."""
        question, client = self.question, self.client
        sent = logged_answers(run, client.host, question)
        last = sent[-1] if sent else None
        is_known = last is not None and last.delivery == CONFIRMED  # sent by another notebook
        earlier = self._unconfirmed_answer or (
            Sent.from_entry(last, question) if last and last.delivery in IN_DOUBT else None
        )
        if outcome.word == "expired":
            self._end(State.EXPIRED, run, receipts.expired(question, client, outcome, earlier))
        elif outcome.word == "changed":
            receipt = receipts.changed(question, client, outcome, earlier)
            self._end(State.CONFLICT, run, receipt, has_changed=True)
        elif last is not None and is_known:
            receipt = receipts.from_another_notebook(
                question, client, Sent.from_entry(last, question), outcome
            )
            self._end(State.CONFLICT, run, receipt)
        elif earlier is not None:
            self._end(State.SETTLED, run, receipts.unconfirmed(question, client, earlier, outcome))
        else:
            unsent = "Your answer was not accepted." if is_refused else "Your answer was not sent."
            has_tried = is_refused or is_attempt or self.has_text
            receipt = receipts.answered_elsewhere(question, client, outcome, unsent if has_tried else "")
            self._end(State.CONFLICT, run, receipt)

    def _end(self, state: State, run: Run, receipt: Receipt, *, has_changed: bool = False) -> None:
        with self._lock:
            self.run = run
            self._change(state, receipt.title, receipt=receipt)
        delete = drafts.drop if has_changed else drafts.drop_all  # keep drafts of the new question
        self._try_draft(lambda: delete(self._draft_key))

    def _change(
        self,
        state: State,
        message: str,
        *,
        errors: Errors | None = None,
        is_checking: bool = False,
        receipt: Receipt | None = None,
    ) -> None:
        version = self._snapshot.version + 1
        self._snapshot = Snapshot(version, state, message, errors or {}, is_checking, receipt)

    def _warning(self) -> str:
        """Warn once of each answer in the log that may still arrive."""
        sent = logged_answers(self.question.run, self.client.host, self.question)
        new = [entry for entry in sent if entry.answer_id not in self._warned_ids]
        self._warned_ids.update(entry.answer_id for entry in new)
        return f"An answer sent from here at {moment(new[-1].sent_at)} {MAY_ARRIVE}" if new else ""

    def _not_sent(self, reason: str = "") -> str:
        not_sent = "Not sent this time." if self._unconfirmed_answer else "Not sent."
        return " ".join(filter(None, (not_sent, reason))) + self._may_arrive()

    def _may_arrive(self) -> str:
        earlier = self._unconfirmed_answer
        return f" Your answer of {moment(earlier.at)} may still arrive." if earlier else ""

    # -- drafts

    def _restore_draft(self) -> str:
        """Restore the entries of an earlier form or kernel for the same question."""
        for other in tuple(_open_controllers):
            if other is not self and other._draft_key == self._draft_key:
                other.flush()
        self._try_draft(lambda: drafts.drop_closed(self.question.run, self.client.host))
        draft = self._try_draft(lambda: drafts.load(self._draft_key)) if self._use_drafts else None
        if not isinstance(draft, dict) or not draft:
            return ""
        for section in self.form.sections:
            entries = draft.get(section.key)
            if isinstance(entries, dict):
                decision = {"decision": entries.get("decision", "")} if self.form.is_combined else {}
                self.entries[section.key] = to_entries(section.fields, entries) | decision
        return "Draft restored." if self.has_text else ""

    @property
    def has_text(self) -> bool:
        """Whether a person has changed anything."""
        start = self.form.start()
        return any(
            value != start[key].get(name)
            for key, entries in self.entries.items()
            for name, value in entries.items()
            if value or start[key].get(name)
        )

    def _take(self, entries: Entries) -> None:
        previous, self.entries = self.entries, entries
        is_same = all(
            value == previous.get(key, {}).get(name, "")
            for key, section in entries.items()
            for name, value in section.items()
        )  # a draft that nobody changed would replace the one of another card
        if self._use_drafts and self._draft_timer is None and not is_same:
            self._draft_timer = threading.Timer(DRAFT_AFTER, self.flush)
            self._draft_timer.daemon = True
            self._draft_timer.start()

    def flush(self) -> None:
        """Write the draft now, if the entries changed."""
        with self._lock:
            timer, self._draft_timer, entries = self._draft_timer, None, self.entries
            if timer is None or self._snapshot.is_final:
                return
        timer.cancel()
        self._try_draft(lambda: drafts.save(self._draft_key, entries))
        if self.snapshot.is_final:  # the question was closed and its draft deleted in the meantime
            self._try_draft(lambda: drafts.drop(self._draft_key))

    @staticmethod
    def _try_draft(use: Callable[[], Any]) -> Any:
        """Use the draft store; log a failure, and go on without drafts."""
        try:
            return use()
        except UsageError as error:
            log.warning("drafts are not kept: %s", error)
            return None


_open_controllers: WeakSet[AnswerController] = WeakSet()


def _remaining_errors(displayed: Errors, current: Errors) -> dict[str, dict[str, str]]:
    """Give the displayed errors that still apply."""
    remaining = {
        key: {path: current[key][path] for path in errors if path in current.get(key, {})}
        for key, errors in displayed.items()
    }
    return {key: errors for key, errors in remaining.items() if errors}


def _field_errors(error: Invalid, form: Questionnaire) -> dict[str, dict[str, str]]:
    """Put the API's message beside the field that it names, if the form has it."""
    match = re.fullmatch(
        r"input\.(?:proposals\[(\d+)\]\.)?(?:actions\[\d+\]\.payload\.)?(.+)", error.parameter or ""
    )
    if match is None:
        return {}
    key, path = match[1] or "0", re.sub(r"\[(\d+)\]", r".\1", match[2])
    fields = {s.key: {one.name for one in s.fields} for s in form.sections}
    message = "; ".join(error.messages) or str(error)
    return {key: {path: message}} if path.partition(".")[0] in fields.get(key, set()) else {}
