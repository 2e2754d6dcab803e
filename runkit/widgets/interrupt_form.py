"""`InterruptForm`: one question of a run, answered inside the notebook."""

from __future__ import annotations

from typing import Literal

from runkit.api.models import Interrupt, Run
from runkit.arguments import check_kind, checked
from runkit.client import Client
from runkit.errors import UsageError
from runkit.widgets import _card, _static_form
from runkit.widgets._answer_states import AnswerController, Reasons
from runkit.widgets._card import CellOutput
from runkit.widgets._event_queue import EventQueue
from runkit.widgets._page_messages import FromPage, ToPage
from runkit.widgets._question import Receipt, closed_receipt, question_of

CHECK_INTERVAL = 10.0  # seconds between two checks whether somebody else has answered


class InterruptForm(CellOutput):
    """A form for one question of a run; the last line of a cell shows it.

    The cell gets two outputs: the question with its evidence, readable without a kernel, and the
    form, which becomes a receipt. Nothing is sent before somebody presses a button twice. Rerunning
    the cell shows the form again, or the outcome of the question. While it is displayed, the form
    checks every 10 seconds whether somebody else has answered. `client.runs.resume(run,
    interrupt_id, answer)` does the same without a screen. `.widget` is the form as an ipywidget,
    for a VBox or a Tab, and for marimo.

    Parameters
    ----------
    client : Client
        Reads the run and sends the answer.
    run : str or Run
        A run, its id, or a unique prefix of its id of at least 8 characters.
    interrupt : str or Interrupt, optional
        A pending question or its id; needed only if several are pending.
    who : str, optional
        Name of the person who answers, self-declared; by default the one typed last into a form of
        this kernel, else the login. The API records only the account.
    drafts : bool
        Whether to keep what was typed on this machine, in `RUNKIT_STATE_DIR`, until the question is
        closed, for up to seven days.
    reasons : dict of str to list of str, optional
        Reasons that the form offers, by kind of question: `{"dismissal": ["Different date of
        birth"]}`.
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

    @checked
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
        check_kind("client", client, Client)
        self._client = client
        self._run = client.runs.get(client.runs.full_id(run))
        interrupt_id = interrupt.id or "" if isinstance(interrupt, Interrupt) else interrupt
        self._queue = EventQueue("form", self._draw, self._tick)
        self.controller: AnswerController | None = None
        question = question_of(self._run, interrupt_id)
        if question is None:
            self._closed = closed_receipt(
                client, self._run, interrupt_id, has_reason=receipts == "full"
            )
            return
        self.controller = AnswerController(
            client,
            question,
            self._queue,
            who=who,
            drafts=drafts,
            reasons=reasons,
            receipts=receipts,
        )

    @property
    def state(self) -> str:
        """The state of the answer, such as `open`; `closed` if no question was pending."""
        return str(self.controller.snapshot.state) if self.controller else "closed"

    @property
    def receipt(self) -> Receipt | None:
        """The outcome of the question, None while it is open."""
        return self.controller.snapshot.receipt if self.controller else self._closed

    @property
    def run(self) -> Run:
        """The newest known state of the run."""
        return self.controller.run if self.controller else self._run

    @property
    def widget(self) -> _card.Card:
        """The card as an ipywidget, to be shown inside another one."""
        if self.controller is None:
            raise UsageError("this question is closed, so there is no card; see .receipt")
        return super().widget

    def __repr__(self) -> str:
        return f"InterruptForm({self.run.label}, {self.state}, {self._client.mode})"

    # -- in a notebook

    def _key(self) -> object:
        return self._client.host, self.run.id, self._open.question.shown_digest

    def _describe(self) -> ToPage:
        if self.controller is None:
            return {
                "kind": "form",
                "receipt": _static_form.describe_receipt(self._closed, self._client),
            }
        return _static_form.describe_form(self.controller)

    def _receive(self, message: FromPage) -> None:
        self._open.receive(message)

    @property
    def _open(self) -> AnswerController:
        assert self.controller is not None  # noqa: S101 - only an open question has a card
        return self.controller

    def _ipython_display_(self) -> None:
        if self.receipt is None:
            super()._ipython_display_()
        else:
            _card.output(self._static())

    def _on_views(self, n_views: int) -> None:
        super()._on_views(n_views)
        if n_views:
            self._open.note_display()

    def _tick(self) -> float | None:
        if self.receipt is not None:
            return None
        self._open.check()
        return CHECK_INTERVAL

    def _draw(self) -> None:
        super()._draw()  # first, for the card's announcement and focus
        if self.receipt is not None and not self._open.offered:  # else the card offers a copy
            _card.update(self._head, _static_form.EMPTY)
            # the card itself stays for reloaded pages
            _card.update(self._handle, self._static())
            self._handle = None
