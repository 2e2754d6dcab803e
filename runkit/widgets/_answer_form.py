"""One question, its inputs and the button that sends: choose an answer, then press Send.

A press is one action: the run is read again, the log lets one of several kernels send, and the
answer is sent once. `SENTENCES` has what is said of each result; it says only what the API has
confirmed. What was typed stays in every state but confirmed.

A text arrives when its input loses the focus, which may be by the press itself. So a missing reason
does not disable Send: the page draws it pale while the input is empty, and a press says what is
missing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, NamedTuple

import ipywidgets as w

from runkit.api.contract import Json
from runkit.api.models import Run
from runkit.client import Client
from runkit.client.resume import deliver, delivery_of, is_stale
from runkit.display.text import Markup, block, moment, shorten
from runkit.errors import MaybeSent, RunkitError
from runkit.local import answer_log
from runkit.local.answer_log import (
    CONFIRMED,
    FAILED,
    REFUSED,
    UNCONFIRMED,
    UNKNOWN,
    NewerAnswer,
)
from runkit.widgets._inputs import QuestionInputs, WrongInput
from runkit.widgets._question import MUTED, OpenQuestion, folded_html, note_html, question_html
from runkit.widgets._work import Work

SETTLE_S = 0.2  # a busy page may deliver the press before the text that was typed before it
FOCUS_S = 0.1  # until the page has drawn what gets the focus
# results of a press that sent nothing
CLOSED = "closed"  # the question was
TAKEN = "taken"  # the log has another answer
MAY_ARRIVE = "may still arrive; the first one to arrive counts"
SENTENCES = {  # by what became of an answer: the tone, and what is said
    CONFIRMED: ("ok", "Confirmed by the API: {sent}, {at}, signed {who}{named}.{why}"),
    UNCONFIRMED: ("attention", "Sent once, not confirmed: {sent}, signed {who}. {closed}"),
    CLOSED: ("attention", "{closed} Your answer was not sent."),
    REFUSED: ("fail", "The API refused your answer. {why}"),
    FAILED: ("fail", "Your answer was not sent. {why}"),
    TAKEN: ("attention", "Your answer was not sent. {why}"),
    UNKNOWN: ("attention", "Not confirmed. {why}"),
}


_RECEIPT = Markup("<b>{}</b> · {}<br>{}")


class State(StrEnum):
    """Whether a form takes a press."""

    OPEN = "open"
    SENDING = "sending"
    CLOSED = "closed"


BUTTON = {State.SENDING: "Sending…", State.CLOSED: "Closed"}  # what it says by the state


class PressResult(NamedTuple):
    """What became of a press; `run` is given if it shows that the question is closed."""

    delivery: str
    run: Run | None = None
    why: str = ""

    @property
    def tone(self) -> str:
        """The tone of its sentence."""
        return SENTENCES[self.delivery][0]

    def text(self, **more: str) -> str:
        """Write its sentence."""
        return SENTENCES[self.delivery][1].format(why=self.why, **more).strip()


class Receipt(NamedTuple):
    """How a question ended.

    `delivery` is confirmed, unconfirmed (an answer was sent from here), or closed (none was).
    """

    question: OpenQuestion
    delivery: str
    text: str

    @property
    def html(self) -> Markup:
        """The question and how it ended."""
        about = self.question.run.label
        text = _RECEIPT.format(about, shorten(self.question.label, 120), self.text)
        return note_html(text, SENTENCES[self.delivery][0])


class AnswerForm:
    """The form of one question, in `box`.

    `on_closed` is called with the form when the question is closed: its `run` is the newest state,
    its `receipt` says how it ended.
    """

    def __init__(
        self,
        client: Client,
        question: OpenQuestion,
        work: Work,
        on_closed: Callable[[AnswerForm], object],
        who: str | None = None,
    ) -> None:
        self.client = client
        self.question = question
        self.run = question.run
        self.state = State.OPEN
        self.receipt: Receipt | None = None
        self._work = work
        self._on_closed = on_closed
        self._who = who or answer_log.declared_name()
        self._seen = 0  # the newest entry of the log that the person knows of
        self._may_have_sent = False
        self._sent = ""  # the newest answer, in quotes
        self._wrong: Any = None  # the input that the status is about
        self.inputs = QuestionInputs(
            question.value, lambda change: work.call(self._note_change, change.owner)
        )
        self.send_button = w.Button(button_style="primary")
        self.send_button.on_click(lambda _: work.start(self.send()))
        self.status = w.HTML()
        self._head = w.HTML()
        self._say(self._warning(), "attention")
        row = w.HBox([self.send_button, self.status])
        row.add_class("rk-send")
        folded = w.HTML(block(folded_html(question)))
        self.box = w.VBox([self._head, self.inputs.box, row, folded])
        self.box.add_class("runkit-form")
        self._draw()
        self._read_documents()

    # -- what the form shows

    def _draw(self) -> None:
        """Draw the head, and the button: it says what it will do, or why it can't."""
        self._head.value = block(question_html(self.question, self.client))
        for item in self.inputs.proposals:
            item.mark_required()
        action = self.inputs.button_words
        words = self._refusal or (f"Send: {action}" if action else "Choose an answer")
        self.send_button.description = BUTTON.get(self.state, words)
        self.send_button.disabled = not self.can_send

    @property
    def _refusal(self) -> str:
        if self.client.read_only:
            return "Read-only client: nothing can be sent"
        return "" if self.question.interrupt_id else "This question has no ID: answer it in Middesk"

    @property
    def can_send(self) -> bool:
        """Whether a press on Send sends."""
        return self.state is State.OPEN and not self._refusal and bool(self.inputs.button_words)

    def _note_change(self, field: Any) -> None:
        """Note that an input has changed; a choice that lacks one moves the focus there."""
        if self.state is not State.OPEN:
            return
        if field is self._wrong:
            self._say("")
        self._draw()
        for item in self.inputs.proposals:
            if item.choice is field and item.missing is not None:
                item.missing.focus()

    def _say(self, text: str, tone: str = MUTED) -> None:
        self.status.value = block(note_html(text, tone))

    def _enable(self, is_enabled: bool) -> None:
        for field in self.inputs.fields:
            field.disabled = not is_enabled

    def _warning(self) -> str:
        """Name the newest answer in the log that may still arrive, once."""
        logged = self.question.logged(self.client.host)
        if not logged or logged[-1].answer_id <= self._seen:
            return ""
        last = logged[-1]
        self._seen = last.answer_id
        signer = shorten(last.answered_by, 80)
        sent_at = moment(last.sent_at)
        return f"An answer signed {signer} was sent from this machine, {sent_at}; it {MAY_ARRIVE}."

    def _read_documents(self) -> None:
        business_id = self.question.run.business_id
        asks = [item for item in self.inputs.proposals if "document_id" in item.kind.inputs]
        if asks and business_id and asks[0].document is None:
            self._work.start(self._offer_documents(business_id))

    async def _offer_documents(self, business_id: str) -> None:
        try:
            documents = await asyncio.to_thread(self.client.documents.list, business_id)
        except RunkitError as error:
            self._say(f"The documents can't be listed; type an ID. {error}", "attention")
        else:
            for item in self.inputs.proposals:
                item.offer([*documents])

    # -- sending, on the loop of the kernel

    async def send(self) -> None:
        """Send the chosen answer, unless one is being sent."""
        if not self.can_send:
            return
        self.state = State.SENDING
        self._wrong = None
        self._draw()
        self._say("Sending your answer…")
        await asyncio.sleep(SETTLE_S)
        try:
            answer = self.inputs.answer()
        except WrongInput as error:
            self._reopen(f"Not sent. {error}", "fail")
            self._wrong = error.field
            await self._focus(error.field)
            return
        self._sent = self.inputs.quoted(answer)
        self._enable(False)
        result = await asyncio.to_thread(self._deliver, answer)
        if result.run is not None:
            self._end(result)
            return
        if result.delivery in (UNKNOWN, TAKEN):
            self.inputs.clear_choice()
        self._reopen(result.text(), result.tone)
        await self._focus(self.send_button if self.can_send else self.inputs.proposals[0].choice)

    async def _focus(self, field: Any) -> None:
        """Move the focus to a field, once the page has enabled it."""
        await asyncio.sleep(FOCUS_S)
        if self.state is State.OPEN:
            field.focus()

    def _reopen(self, text: str, tone: str) -> None:
        self.state = State.OPEN
        self._enable(True)
        self._say(text, tone)
        self._draw()

    def _deliver(self, answer: Json) -> PressResult:
        """Check that the same question is still open, and answer it once; on a thread."""
        try:
            run = self.client.runs.get(self.run)
        except Exception as error:  # nothing has been sent
            return PressResult(FAILED, why=str(error))
        if is_stale(run, self.run):
            why = "The API shows an older state of the run. Try again in a moment."
            return PressResult(FAILED, why=why)
        if self.question.closed_in(run):
            return PressResult(CLOSED, run)
        try:
            answered = deliver(
                self.client.runs.reader,
                run,
                self.question.interrupt_id,
                answer,
                who=self._who,
                step_id=self.question.step_id,
                seen=self._seen,
                on_checking=self._note_check,
            )
        except NewerAnswer:
            return PressResult(TAKEN, why=self._warning())
        except MaybeSent as error:
            self._may_have_sent = True
            self._seen = max(error.answer_id or 0, self._seen)
            return PressResult(UNKNOWN, why=str(error))
        except RunkitError as error:
            closed = getattr(error, "run", None)
            if closed is not None:
                return PressResult(UNCONFIRMED, closed)
            return PressResult(delivery_of(error), why=str(error))
        except Exception as error:  # an answer that has left may arrive whatever fails here
            self._may_have_sent = True
            why = f"{type(error).__name__}: {error}. It {MAY_ARRIVE}."
            return PressResult(UNKNOWN, why=why)
        unlogged = "" if answered.answer_id else " It is NOT in runkit.answer_log()."
        return PressResult(answered.delivery, answered.run, unlogged)

    def _note_check(self, why: str) -> None:
        text = f"Checking whether your answer arrived; it won't be sent again. {why}"
        self._work.call(self._say, text, "attention")

    # -- newer states of the run

    def take(self, run: Run) -> None:
        """Take a newer state of the run, which may name its business or close the question."""
        if self.state is not State.OPEN or is_stale(run, self.run):
            return  # while an answer is sent, its result decides
        is_named = self.run.business_id is None and run.business_id is not None
        self.run = run
        if is_named:
            self.question = replace(self.question, run=run)
            self._draw()
            self._read_documents()
        if self.question.closed_in(run):
            self._end(PressResult(UNCONFIRMED if self._may_have_sent else CLOSED, run))

    def _end(self, result: PressResult) -> None:
        run = result.run or self.run
        closed = self.question.closed_in(run) or "The question is closed."
        step = self.question.step_in(run)
        ended_at = step.completed_at if step else None
        named = self.question.answerer_in(run)
        is_other = named is not None and named != self._who
        text = result.text(
            closed=closed,
            sent=self._sent,
            at=moment(ended_at or run.read_at or datetime.now(UTC)),
            who=shorten(self._who, 80),
            named=f"; the API names {named}" if is_other else "",
        )
        if result.delivery == CLOSED and not self.inputs.is_touched:
            text = closed
        self.run = run
        self.state = State.CLOSED
        self.receipt = Receipt(self.question, result.delivery, text)
        self._enable(False)
        self._say(text, result.tone)
        self._draw()
        self._on_closed(self)

    @property
    def is_kept(self) -> bool:
        """Whether the form is closed and still holds what was typed, because it isn't confirmed."""
        is_unconfirmed = self.receipt is not None and self.receipt.delivery != CONFIRMED
        return is_unconfirmed and self.inputs.is_touched
