"""The tested heart of a form: what may happen to an answer, in plain Python.

    OPEN -> INVALID -> OPEN      what was typed does not validate; nothing is sent
    OPEN -> CONFIRM -> SENDING   an answer that cannot be taken back is asked once more
    SENDING -> SETTLED           the API took it, or it is closed and whose answer closed it is unknown
    SENDING -> CONFLICT          answered elsewhere, or the question has changed; nothing is overwritten
    SENDING -> FAILED            surely not delivered; what was typed is kept
    SENDING -> UNKNOWN           it may have arrived: looked for, then SETTLED, OPEN, CONFLICT or LAPSED
    OPEN -> CONFLICT, LAPSED     closed by somebody else, or its run has ended

From the click to the verdict the machine is inert: a second click finds it in SENDING and does nothing. One
lock guards all state, listeners are called without it, and a job runs on a thread of its own.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any
from weakref import WeakSet

from runkit.answers import CONFIRMED, IN_DOUBT, declared_name
from runkit.client import Client
from runkit.client.resume import is_stale
from runkit.errors import Conflict, Invalid, RunkitError, Unavailable, UsageError
from runkit.logs import log
from runkit.models import Run
from runkit.text import moment
from runkit.widgets import drafts, jobs, receipts
from runkit.widgets.controller import Controller
from runkit.widgets.question import (
    UNIDENTIFIED,
    Outcome,
    Question,
    documents_for,
    logged_answers,
    outcome_of,
)
from runkit.widgets.questionnaire import FormResult, Questionnaire
from runkit.widgets.receipts import Receipt, Sent

DRAFT_AFTER = 0.4  # seconds after a keystroke: a write per keystroke would be a write per letter
MAY_ARRIVE = "may still arrive; if you answer again, whichever comes first counts."
Entries = dict[str, dict[str, Any]]


class State(StrEnum):
    """Where an answer stands."""

    OPEN = "open"
    INVALID = "invalid"
    CONFIRM = "confirm"
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
    """All that a view shows. Of two, the one with the higher `version` is the newer.

    `caption` is what the button says it will do, `message` the status in words, `errors` by section and
    field; `is_checking` while an answer of unknown fate is being looked for; `receipt` at the end.
    """

    version: int
    state: State
    caption: str
    message: str = ""
    errors: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    is_checking: bool = False
    receipt: Receipt | None = None

    @property
    def is_final(self) -> bool:
        """Whether nothing can happen any more."""
        return self.state in FINAL


class AnswerController(Controller[Snapshot]):
    """One question, what was typed, and what becomes of it. Every method may be called from any thread.

    `who` answers is self-declared; the login if not given. With `use_drafts` what was typed is kept on this
    machine until it is settled, for seven days at most.
    """

    def __init__(
        self,
        client: Client,
        question: Question,
        *,
        who: str | None = None,
        use_drafts: bool = True,
    ) -> None:
        super().__init__()
        self.client = client
        self.question = question
        self.who = who or declared_name()
        self.form = Questionnaire(question.value, documents_for(question, client))
        self.run = question.run  # as it was last read
        self._draft_key = drafts.draft_key(question, client.host)
        self._use_drafts = use_drafts
        self._draft_timer: threading.Timer | None = None
        self._result: FormResult
        self._sent_answer: Sent | None = None  # an answer that is on its way
        self._unconfirmed_answer: Sent | None = None  # one that may have arrived, or may still
        self._warned_ids: set[int] = set()  # entries of the log that the person was told of
        self.entries: Entries = self.form.start()
        message = " ".join(filter(None, (self._restore_draft(), self._warning())))
        _open_controllers.add(self)
        if client.read_only:
            message = "This client is read_only: it shows the question and cannot answer it."
        self._result = self.form.validate(self.entries)
        self._snapshot = Snapshot(0, State.OPEN, self._result.caption, message)

    # -- what a person does

    def edit(self, entries: Entries) -> None:
        """Take what stands in the inputs. Errors that were shown go as they are mended."""
        with self._lock:
            self.entries = entries
            state = self._snapshot.state
            if state in FINAL:
                return
            self._keep_draft()
            if state not in EDITABLE and state is not State.CONFIRM:
                return  # on its way: what is typed now belongs to no answer yet
            self._result = self.form.validate(entries)
            left = _remaining_errors(self._snapshot.errors, self._result.errors)
            was = self._snapshot
            new = State.INVALID if left else State.OPEN
            if (new, left, self._result.caption) == (state, was.errors, was.caption):
                return
            self._change(new, was.message if left or new == state else "", errors=left)
        self._notify()

    def submit(self) -> None:
        """Send what was typed, unless it does not validate or must be confirmed first."""
        with self._lock:
            if self._snapshot.state not in EDITABLE:
                return
            self._result = result = self.form.validate(self.entries)
            if self.client.read_only:
                self._change(State.FAILED, "Nothing was sent: this client is read_only.")
            elif result.input is None:
                n = sum(map(len, result.errors.values()))
                told = "One answer needs a look." if n == 1 else f"{n} answers need a look."
                self._change(State.INVALID, self._not_sent(told), errors=result.errors)
            elif result.is_irreversible:
                what = result.caption.removesuffix(" and resume")
                about = self.run.label if self.run.business_id else UNIDENTIFIED
                message = f"{about} · {what}: this cannot be taken back. Send it?{self._may_arrive()}"
                self._change(State.CONFIRM, message)
            else:
                self._start_sending(result)
        self._notify()

    def confirm(self) -> None:
        """Send the answer that was asked about once more."""
        with self._lock:
            if self._snapshot.state is not State.CONFIRM:
                return
            self._start_sending(self._result)
        self._notify()

    def cancel(self) -> None:
        """Do not send it after all."""
        with self._lock:
            if self._snapshot.state is not State.CONFIRM:
                return
            self._change(State.OPEN, self._not_sent())
        self._notify()

    def check(self) -> None:
        """Look what became of an answer whose fate is unknown."""
        with self._lock:
            if self._snapshot.state is not State.UNKNOWN or self._snapshot.is_checking:
                return
            self._change(State.UNKNOWN, "Looking what became of the answer.", is_checking=True)
            try:
                jobs.start(lambda: self._run_job(self._check), "look")
            except RuntimeError as error:  # the machine has no thread left to give
                self._change(State.UNKNOWN, f"It is unknown whether the answer arrived. {error}.")
        self._notify()

    def refresh(self) -> None:
        """Look whether the question still waits, without its steps while it does.

        Raises what `client.runs.get` raises; the form stays as it is then.
        """
        run = self.client.runs.get(self.question.run, steps=False)
        if outcome_of(self.question, run).word != "open":
            self.update_run(self.client.runs.get(self.question.run))

    def update_run(self, run: Run) -> None:
        """Take a newer state of the run, with its steps, that somebody else has read."""
        with self._lock:
            if self._snapshot.is_final or self._snapshot.state is State.SENDING or self._snapshot.is_checking:
                return  # the job that is under way decides
            outcome = outcome_of(self.question, run)
            if outcome.word == "open" or is_stale(run, self.run):
                return
            self._close(run, outcome)
        self._notify()

    # -- jobs

    def _start_sending(self, result: FormResult) -> None:
        self._sent_answer = None
        self._change(State.SENDING, "Sending the answer.")
        try:
            jobs.start(lambda: self._run_job(lambda: self._send(result)), "answer")
        except RuntimeError as error:  # the machine has no thread left to give
            self._change(State.FAILED, self._not_sent(f"{error}."))

    def _send(self, result: FormResult) -> None:
        """Look whether the same question still waits, answer it once, and find the verdict."""
        question = self.question
        run = self._read()
        outcome = outcome_of(question, run)
        if outcome.word != "open":
            self._close(run, outcome)
            return
        if warning := self._warning():  # sent meanwhile from another card or notebook
            nothing = "this time" if self._unconfirmed_answer else "from this form yet"
            self._change(State.OPEN, f"Nothing was sent {nothing}. {warning}")
            return
        answer = result.input or {}
        self._sent_answer = Sent.of(answer, self.who, datetime.now(UTC))
        try:
            delivery = self.client.runs.deliver(
                run,
                question.interrupt_id,
                answer,
                who=self.who,
                step_id=question.step_id,
                on_doubt=self._on_unconfirmed,
            )
        except Conflict as error:
            self._sent_answer = None
            run = error.run or run  # that it is closed is known; when and by whom may not be
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
                told = f"It is unknown whether the answer arrived. {delivery.message}"
                self._change(State.UNKNOWN, told)
        elif delivery.fate == CONFIRMED:
            run, outcome = delivery.run, outcome_of(question, delivery.run)
            earlier, is_logged = self._unconfirmed_answer, delivery.is_noted
            receipt = receipts.answered(
                question, self.client, self._sent_answer, outcome, earlier=earlier, is_logged=is_logged
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
        """Take what became of an answer of unknown fate."""
        outcome = outcome_of(self.question, run)
        if outcome.word != "open":
            self._close(run, outcome)
            return
        with self._lock:
            self.run = run
            self._warning()  # this one is said here
            told = f"The question is still open. Your answer was sent once and {MAY_ARRIVE}"
            self._change(State.OPEN, told)

    def _on_unconfirmed(self, why: str) -> None:
        with self._lock:
            self._unconfirmed_answer = self._sent_answer
            told = f"The answer may have arrived. {why} Looking, for 10 seconds."
            self._change(State.UNKNOWN, told, is_checking=True)
        self._notify()

    def _run_job(self, work: Callable[[], object]) -> None:
        """Do a job; whatever goes wrong in it ends as words on the card."""
        try:
            work()
        except Exception as error:
            told = jobs.error_message(error)
            with self._lock:
                if self._snapshot.is_final:
                    pass  # the verdict stands
                elif self._sent_answer is not None or self._snapshot.state is State.UNKNOWN:
                    self._unconfirmed_answer = self._sent_answer or self._unconfirmed_answer
                    self._change(State.UNKNOWN, f"It is unknown whether the answer arrived. {told}")
                else:
                    self._change(State.FAILED, f"The answer was not delivered. {told}{self._may_arrive()}")
        self._notify()

    # -- changes of state

    def _close(self, run: Run, outcome: Outcome, *, is_refused: bool = False) -> None:
        """End a question that no longer waits, and not by an answer that is known to be this form's."""
        question, client = self.question, self.client
        sent = logged_answers(run, client.host, question)
        last = sent[-1] if sent else None
        is_known = last is not None and last.delivery == CONFIRMED  # then another notebook was first
        earlier = self._unconfirmed_answer or (
            Sent.logged(last) if last and last.delivery in IN_DOUBT else None
        )
        if outcome.word == "expired":
            self._end(State.EXPIRED, run, receipts.expired(question, client, outcome, earlier))
        elif outcome.word == "changed":
            receipt = receipts.changed(question, client, outcome, earlier)
            self._end(State.CONFLICT, run, receipt, is_asked_anew=True)
        elif last is not None and is_known:
            receipt = receipts.from_another_notebook(question, client, Sent.logged(last), outcome)
            self._end(State.CONFLICT, run, receipt)
        elif earlier is not None:
            self._end(State.SETTLED, run, receipts.unconfirmed(question, client, earlier, outcome))
        else:
            receipt = receipts.answered_elsewhere(question, client, outcome, is_refused=is_refused)
            self._end(State.CONFLICT, run, receipt)

    def _end(self, state: State, run: Run, receipt: Receipt, *, is_asked_anew: bool = False) -> None:
        with self._lock:
            self.run = run
            self._change(state, receipt.title, receipt=receipt)
        delete = drafts.drop if is_asked_anew else drafts.drop_all  # another form may keep the new one's
        self._try_draft(lambda: delete(self._draft_key))

    def _change(
        self,
        state: State,
        message: str,
        *,
        errors: Mapping[str, Mapping[str, str]] | None = None,
        is_checking: bool = False,
        receipt: Receipt | None = None,
    ) -> None:
        version = self._snapshot.version + 1
        if state in EDITABLE:  # something else may have been typed while an answer was on its way
            self._result = self.form.validate(self.entries)
        self._snapshot = Snapshot(
            version, state, self._result.caption, message, errors or {}, is_checking, receipt
        )

    def _warning(self) -> str:
        """Warn of answers in the log that this person was not told of yet, and remember that she was."""
        sent = logged_answers(self.question.run, self.client.host, self.question)
        new = [entry for entry in sent if entry.answer_id not in self._warned_ids]
        self._warned_ids.update(entry.answer_id for entry in new)
        return f"An answer was sent from here at {moment(new[-1].sent_at)} and {MAY_ARRIVE}" if new else ""

    def _not_sent(self, told: str = "") -> str:
        nothing = "Nothing was sent this time." if self._unconfirmed_answer else "Nothing was sent."
        return " ".join(filter(None, (nothing, told))) + self._may_arrive()

    def _may_arrive(self) -> str:
        return (
            f" Your answer of {moment(self._unconfirmed_answer.at)} may still arrive."
            if self._unconfirmed_answer
            else ""
        )

    # -- drafts

    def _restore_draft(self) -> str:
        """Take up what was typed into this question before, in another form or another kernel."""
        for other in tuple(_open_controllers):
            if other is not self and other._draft_key == self._draft_key:
                other.flush()
        self._try_draft(lambda: drafts.drop_closed(self.question.run, self.client.host))
        kept = self._try_draft(lambda: drafts.load(self._draft_key)) if self._use_drafts else None
        if not isinstance(kept, dict) or not kept:
            return ""
        known = {section.key for section in self.form.sections}
        self.entries |= {
            key: value for key, value in kept.items() if key in known and isinstance(value, dict)
        }
        return "What you typed before is here again."

    def _keep_draft(self) -> None:
        if self._use_drafts and self._draft_timer is None:
            self._draft_timer = threading.Timer(DRAFT_AFTER, self.flush)
            self._draft_timer.daemon = True
            self._draft_timer.start()

    def flush(self) -> None:
        """Write the draft now, if something was typed since."""
        with self._lock:
            timer, self._draft_timer, entries = self._draft_timer, None, self.entries
            if timer is None or self._snapshot.is_final:
                return
        timer.cancel()
        self._try_draft(lambda: drafts.save(self._draft_key, entries))
        if self.snapshot.is_final:  # it was settled, and its draft dropped, meanwhile
            self._try_draft(lambda: drafts.drop(self._draft_key))

    @staticmethod
    def _try_draft(use: Callable[[], Any]) -> Any:
        """Use the draft; where that cannot be done it is logged, and typing goes on without."""
        try:
            return use()
        except UsageError as error:
            log.warning("drafts are not kept: %s", error)
            return None


_open_controllers: WeakSet[AnswerController] = WeakSet()


def _remaining_errors(
    shown: Mapping[str, Mapping[str, str]], current: Mapping[str, Mapping[str, str]]
) -> dict[str, dict[str, str]]:
    """Of the errors that are shown, those that are still there."""
    left = {
        key: {path: current[key][path] for path in errors if path in current.get(key, {})}
        for key, errors in shown.items()
    }
    return {key: errors for key, errors in left.items() if errors}


def _field_errors(error: Invalid, form: Questionnaire) -> dict[str, dict[str, str]]:
    """Put the API's complaint beside the field that it names, if it names one of ours."""
    match = re.fullmatch(
        r"input\.(?:proposals\[(\d+)\]\.)?(?:actions\[\d+\]\.payload\.)?(.+)", error.parameter or ""
    )
    if match is None:
        return {}
    key, path = match[1] or "0", re.sub(r"\[(\d+)\]", r".\1", match[2])
    fields = {s.key: {one.name for one in s.fields} for s in form.sections}
    told = "; ".join(error.messages) or str(error)
    return {key: {path: told}} if path.partition(".")[0] in fields.get(key, set()) else {}
