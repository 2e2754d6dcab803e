"""`InterruptForm`: one question of a run, answered inside the notebook."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import Literal

from runkit import style
from runkit.client import Client
from runkit.client.resume import is_pending
from runkit.errors import NotFound, RunkitError, UsageError, WaitTimeout
from runkit.models import Interrupt, Run
from runkit.text import duration, shorten
from runkit.widgets import card, display, drafts, jobs
from runkit.widgets.card import CellOutput
from runkit.widgets.controller import AnswerController, Snapshot, answer_options
from runkit.widgets.display import Bundle, Reasons
from runkit.widgets.fields import Json
from runkit.widgets.question import (
    ACCEPTED,
    Question,
    Receipt,
    Sent,
    State,
    logged_answers,
    outcome_of,
    question_of,
    run_facts,
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
        options = answer_options(who, drafts=drafts, receipts=receipts)
        self._client = client
        self._reasons = display.checked_reasons(reasons)
        self._run = client.runs.get(run)
        interrupt_id = interrupt.id if isinstance(interrupt, Interrupt) else interrupt
        question = question_of(self._run, interrupt_id)
        self._condition = card.CellCondition()
        self._ticker = jobs.Ticker(self._tick, "form", first=CHECK_INTERVAL)
        self.controller = None
        if question is None:
            self._closed = _closed(client, self._run, interrupt_id)
            return
        self.controller = AnswerController(client, question, **options)
        self.controller.subscribe(self._changed)

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

    def _static(self, *, is_open: bool = True) -> Bundle:
        if self.receipt is not None:
            question = self.controller.question if self.controller else None
            return display.receipt(self.receipt, self._client, question)
        return display.twin(self._controller.question, self._client)

    def _describe(self) -> Json:
        return display.describe_form(self._controller, self._reasons)

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
            self._condition.set_displayed()

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

    def _changed(self, snapshot: Snapshot) -> None:
        if snapshot.receipt is None:
            return
        self._set_ticking(False)
        try:
            if self._card is not None and self._handle is not None:
                self._card.show()  # first, for its announcement and focus
                if snapshot.state is State.CONFLICT and self._controller.typed:
                    self._head.update(self._static(), raw=True)  # the card offers to copy what was typed
                else:
                    self._head.update(display.EMPTY, raw=True)
                    self._handle.update(self._static(), raw=True)  # the card stays for reloaded pages
                self._handle = None  # from now on the receipt stays
        finally:
            self._condition.notify_all()  # even after an error, since a cell may wait

    def close(self) -> None:
        """Remove the form and end its threads. The entries remain as a draft."""
        super().close()
        self._condition.notify_all()

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
        if self.receipt is not None:
            return self.run
        if self._card is None and card.is_interactive():
            self._ipython_display_()
        is_over = await self._condition.wait_for(lambda: bool(self.receipt) or self._card is None, timeout)
        if not is_over:
            raise WaitTimeout(f"nobody answered within {duration(timeout)}; the form stays open", self.run)
        if self.receipt is None:
            raise UsageError("the form was closed before anybody answered; display it again to answer")
        return self.run


def _closed(client: Client, run: Run, interrupt_id: str | None) -> Receipt:
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
        outcome, sent = outcome_of(question, run), Sent.from_entry(entry, question)
        word = ACCEPTED if sent.is_confirmed else "expired" if outcome.word == "expired" else "closed"
        return verdict(question, client, replace(outcome, word=word), sent)[1]
    which = f"question {interrupt_id!r} isn't" if interrupt_id else "no question of this run is"
    return Receipt(f"Nothing to answer: {which} waiting.", facts)
