"""`InterruptForm`: one question of a run, answered inside the notebook."""

from __future__ import annotations

from contextlib import suppress
from typing import Literal

from runkit import style
from runkit.client import Client
from runkit.client.resume import is_pending
from runkit.errors import NotFound, RunkitError, UsageError
from runkit.models import Interrupt, Run
from runkit.text import shorten
from runkit.widgets import card, display, drafts, jobs
from runkit.widgets.card import CellOutput
from runkit.widgets.controller import AnswerController, Reasons, Snapshot, answer_options
from runkit.widgets.fields import Json
from runkit.widgets.question import (
    ACCEPTED,
    Question,
    Receipt,
    State,
    logged_answers,
    outcome_of,
    question_of,
    run_facts,
    sent_of,
    verdict,
)

CHECK_INTERVAL = 10.0  # seconds between two checks whether somebody else has answered


class InterruptForm(CellOutput[AnswerController | None]):
    """A form for one question of a run; the last line of a cell shows it.

    The cell gets two outputs: the question with its evidence, readable without a kernel, and the form, which
    becomes a receipt. Nothing is sent before somebody presses a button twice. Rerunning the cell shows the
    form again, or the outcome of the question. While it is displayed, the form checks every 10 seconds
    whether somebody else has answered. `client.runs.resume(run, interrupt_id, answer)` does the same without
    a screen, and `.widget` is the form as an ipywidget.

    Parameters
    ----------
    client : Client
        Reads the run and sends the answer.
    run : str or Run
        A run, its id, or a unique prefix of its id of at least 8 characters.
    interrupt : str or Interrupt, optional
        A pending question or its id; needed only if several are pending.
    who : str, optional
        Name of the person who answers, self-declared, by default the login. The API records only the account.
    drafts : bool
        Whether to keep what was typed on this machine, in `RUNKIT_STATE_DIR`, until the question is closed,
        for up to seven days.
    reasons : dict of str to list of str, optional
        Reasons that the form offers, by kind of question: `{"dismissal": ["Different date of birth"]}`.
    receipts : {"full", "short"}
        Whether the receipt, which the saved notebook keeps, shows the typed reason.

    Attributes
    ----------
    controller
        The state behind the screen; None once the question is closed.

    Raises
    ------
    UsageError
        If several questions are pending and `interrupt` is missing, or if an option is not known.
    RunkitError
        Whatever `client.runs.get` raises.
    """

    _end_text = "Form closed. Rerun the cell to answer."

    def __init__(
        self,
        client: Client,
        run: str | Run,
        interrupt: str | Interrupt | None = None,
        *,
        who: str | None = None,
        drafts: bool = True,
        reasons: Reasons | None = None,
        receipts: Literal["full", "short"] = "full",
    ) -> None:
        super().__init__()
        options = answer_options(who, drafts=drafts, reasons=reasons, receipts=receipts)
        self._client = client
        self._run = client.runs.get(run)
        interrupt_id = interrupt.id if isinstance(interrupt, Interrupt) else interrupt
        question = question_of(self._run, interrupt_id)
        self._ticker = jobs.Ticker(self._tick, "form", first=CHECK_INTERVAL)
        self.controller = None
        if question is None:
            self._closed = _closed(client, self._run, interrupt_id, has_reason=options["has_reason"])
            return
        self.controller = AnswerController(client, question, **options)
        self.controller.subscribe(self._on_change)

    @property
    def state(self) -> str:
        """The state of the answer, such as `open` or `settled`; `closed` if no question was pending."""
        return str(self.controller.snapshot.state) if self.controller else "closed"

    @property
    def receipt(self) -> Receipt | None:
        """The outcome of the question, None while it is open."""
        return self.controller.snapshot.receipt if self.controller else self._closed

    @property
    def run(self) -> Run:
        """The newest known state of the run."""
        return self.controller.run if self.controller else self._run

    def __repr__(self) -> str:
        return f"InterruptForm({self.run.label}, {self.state}, {self._client.mode})"

    # -- in a notebook

    def _key(self) -> object:
        return self._controller.question.key(self._client.host)

    def _static(self, *, is_open: bool = True) -> display.Bundle:
        if self.receipt is not None:
            question = self.controller.question if self.controller else None
            return display.receipt_bundle(self.receipt, self._client, question)
        return display.question_twin(self._controller.question, self._client)

    def _describe(self) -> Json:
        return display.describe_form(self._controller)

    def _receive(self, content: Json) -> None:
        self._controller.receive(content)

    @property
    def _controller(self) -> AnswerController:
        assert self.controller is not None  # noqa: S101 - only an open question has a card
        return self.controller

    def _ipython_display_(self) -> None:
        if self.receipt is None:
            with suppress(RunkitError):  # sending reports what is wrong
                self._controller.refresh()
        if self.receipt is not None:
            card.output(self._static())
        else:
            super()._ipython_display_()

    def _on_views(self, n_views: int) -> None:
        """Check for other people's answers only while a page displays the form."""
        super()._on_views(n_views)
        if n_views:
            self._controller.note_display()

    def _tick(self) -> float | None:
        if self.receipt is not None:
            return None
        try:
            self._controller.refresh()
        except NotFound:
            return None  # sending reports it, too
        except RunkitError:
            pass  # the next check may work, and sending reports what is wrong
        return CHECK_INTERVAL

    def _on_change(self, snapshot: Snapshot) -> None:
        if self._card is not None:
            self._card.show()  # first, for its announcement and focus
        if snapshot.receipt is None:
            return
        self._set_ticking(False)
        try:
            if self._card is not None and self._handle is not None:
                handle, self._handle = self._handle, None  # from now on the receipt stays
                if snapshot.state is State.CONFLICT and self._controller.typed:
                    card.update(self._head, self._static())  # the card offers to copy what was typed
                else:
                    card.update(self._head, display.EMPTY)
                    card.update(handle, self._static())  # the card stays for reloaded pages
        finally:
            self._condition.notify_all()  # even after an error, since a cell may wait

    async def answered(self, timeout: float | None = None) -> Run:
        """Wait until somebody closes the question; a cell can `await` it while the kernel keeps working.

        Parameters
        ----------
        timeout : float, optional
            Seconds to wait; None waits without a limit.

        Returns
        -------
        Run
            The run after the answer.

        Raises
        ------
        WaitTimeout
            If nobody answered in time; the form stays open.
        UsageError
            At once where no click can arrive: outside a notebook, in a headless one, and on ipykernel 6,
            which delivers no click while a cell waits. Use `client.runs.resume` there.
        """
        if self.receipt is None:
            message = "nobody answered within {}; the form stays open"
            await self._wait(lambda: self.receipt is not None, timeout, message, self.run)
        if self.receipt is None:
            raise UsageError("the form was closed before anybody answered; display it again to answer")
        return self.run


def _closed(client: Client, run: Run, interrupt_id: str | None, *, has_reason: bool) -> Receipt:
    """Make the receipt of a closed question: the one that this machine answered last, if any."""
    facts = (*run_facts(run, client), ("status", str(style.status(shorten(run.status, 40)))))
    if run.status == "interrupted" and (interrupt_id is None or is_pending(run, interrupt_id)):
        return Receipt(f"The run's question can't be read; {card.ALTERNATIVE}.", facts)
    with suppress(UsageError):
        drafts.drop_closed(run, client.host)
    logged = [one for one in logged_answers(run, client.host) if interrupt_id in (None, one.interrupt_id)]
    if logged:
        entry = logged[-1]
        label, kind = entry.label or "unknown", entry.kind or "other"
        question = Question(run, entry.interrupt_id, {}, entry.agent, label, kind, entry.step_id, None)
        outcome, sent = outcome_of(question, run), sent_of(entry)
        word = ACCEPTED if sent.is_confirmed else "expired" if outcome.word == "expired" else "closed"
        return verdict(question, client, outcome._replace(word=word), sent, has_reason=has_reason)[1]
    which = f"question {interrupt_id!r} isn't" if interrupt_id else "no question of this run is"
    return Receipt(f"Nothing to answer: {which} waiting.", facts)
