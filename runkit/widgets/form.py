"""`InterruptForm`: one question of a run, answered inside the notebook."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from runkit import answers
from runkit.client import Client
from runkit.client.resume import is_pending
from runkit.errors import NotFound, RunkitError, UsageError, WaitTimeout
from runkit.models import Interrupt, Run
from runkit.text import duration, short_id
from runkit.widgets import display, drafts, frontend, jobs, receipts
from runkit.widgets.answer_controller import AnswerController, Snapshot
from runkit.widgets.question import Question, logged_answers, outcome_of, question_of
from runkit.widgets.receipts import Receipt, Sent
from runkit.widgets.view import FormView

LOOK_EVERY = 10.0  # seconds between two looks whether somebody else has answered


class InterruptForm:
    """A form for one question of a run; the last line of a cell shows it.

    `run` is a run or its id; `interrupt` a pending question or its id, needed only when several wait. `who`
    answers is self-declared (the login if not given): the API records only the account. With `drafts` what
    was typed is kept on this machine until it is settled, seven days at most, under `RUNKIT_STATE_DIR`.

    Two outputs: what is asked and on which evidence, readable without a kernel; and the form, which becomes a
    receipt. Nothing is sent before somebody clicks. Running the cell again shows the form, or what became
    of the question. The form looks every 10 seconds whether somebody else was first, while it is shown.

    `client.runs.resume(run, interrupt_id, answer)` is the same without a screen.

    Raises `UsageError` when several questions wait and none was named, and what `client.runs.get` raises.
    """

    def __init__(
        self,
        client: Client,
        run: str | Run,
        interrupt: str | Interrupt | None = None,
        *,
        who: str | None = None,
        drafts: bool = True,
    ) -> None:
        self._client = client
        self._run = client.runs.get(run)
        interrupt_id = interrupt.id if isinstance(interrupt, Interrupt) else interrupt
        question = question_of(self._run, interrupt_id)
        self._head: Any = None
        self._handle: Any = None
        self._view: FormView | None = None
        self._condition = frontend.CellCondition()
        self._is_closed = False
        self._ticker = jobs.Ticker(self._tick, "form", first=LOOK_EVERY)
        if question is None:
            self.controller: AnswerController | None = None
            self._closed = _closed(client, self._run, interrupt_id)
            return
        self.controller = AnswerController(client, question, who=who, use_drafts=drafts)
        self.controller.subscribe(self._changed)

    @property
    def state(self) -> str:
        """Where the answer stands, as one of `controller.State`; `closed` if nothing waited from the start."""
        return str(self.controller.snapshot.state) if self.controller else "closed"

    @property
    def receipt(self) -> Receipt | None:
        """What became of the question, None while it is open."""
        return self.controller.snapshot.receipt if self.controller else self._closed

    @property
    def run(self) -> Run:
        """The run as it was last read."""
        return self.controller.run if self.controller else self._run

    def __repr__(self) -> str:
        return f"InterruptForm(run {short_id(self._run.id)}, {self.state}, {self._client.mode})"

    # -- in a notebook

    def _ipython_display_(self) -> None:
        if self.controller is not None and self.receipt is None:
            with suppress(RunkitError):  # it may be long since it was made; sending says what is wrong
                self.controller.refresh()
        if self.controller is None or self.receipt is not None:
            told = self.receipt or self._closed
            frontend.output(display.bundle(display.receipt(told), told.title))
            return
        question = self.controller.question
        frontend.replace_card(question.key(self._client.host), self)
        if self._view is not None:  # shown in another cell
            self.close()
        head = display.bundle(
            display.header(question, self._client), display.question_text(question, self._client)
        )
        self._head = frontend.output(head)
        if frontend.is_headless():
            frontend.output(frontend.headless_bundle())
            return
        self._is_closed = False
        view = self._view = FormView(self.controller)
        view.guard.on_view(self._seen)
        self._handle = frontend.output(frontend.widget_bundle(view.box))

    def _seen(self, n_views: int) -> None:
        """Look for other people's answers only while somebody looks at the form."""
        if n_views and not self._is_closed:
            self._ticker.start()
            self._condition.set_displayed()
        else:
            self._ticker.stop()

    def _tick(self) -> float | None:
        controller = self.controller
        if controller is None or controller.snapshot.is_final:
            return None
        try:
            controller.refresh()
        except NotFound:
            return None  # sending says so too
        except RunkitError:
            pass  # the next look may work, and sending says by itself what is wrong
        return LOOK_EVERY

    def _changed(self, snapshot: Snapshot) -> None:
        if snapshot.receipt is None:
            return
        self._ticker.stop()
        view, handle = self._view, self._handle
        try:
            if view is not None and handle is not None:
                view.render(snapshot)  # first: what it says and where it puts the focus outlives it
                told = snapshot.receipt
                handle.update(display.bundle(display.receipt(told), told.title), raw=True)
                if self.controller is not None and self._head is not None:
                    asked = display.header(self.controller.question, self._client, is_open=False)
                    self._head.update(display.bundle(asked, told.title), raw=True)
        finally:
            self._condition.notify_all()  # even if it cannot be shown: a cell may wait for it

    def close(self) -> None:
        """Take the form away; its threads end. What was typed is still a draft."""
        self._is_closed = True
        self._ticker.stop()
        view, self._view = self._view, None
        if view is not None:
            view.close()
            if self.receipt is None and self._handle is not None:
                words = "This form was closed. Run the cell again to answer."
                self._handle.update(display.bundle(display.static(display.line(words)), words), raw=True)
        self._condition.notify_all()

    async def answered(self, timeout: float | None = None) -> Run:
        """Wait until the question is closed, by whomever, and give the run; a cell may `await` it.

        The kernel goes on meanwhile. `timeout` is in seconds, None waits as long as it takes.

        Raises `WaitTimeout`, and `UsageError` at once where no click can arrive: without a notebook, in one
        that is run without a screen, and on ipykernel 6, which hears no click while a cell waits. Then
        `client.runs.resume` answers instead.
        """
        if self.receipt is not None or self.controller is None:
            return self.run
        if self._view is None and frontend.is_interactive():
            self._ipython_display_()
        is_over = await self._condition.wait_for(lambda: self.receipt is not None or self._is_closed, timeout)
        if not is_over:
            raise WaitTimeout(f"nobody answered within {duration(timeout)}; the form stays open", self.run)
        if self.receipt is None:
            raise UsageError("the form was closed before anybody answered; show it again to answer")
        return self.run


def _closed(client: Client, run: Run, interrupt_id: str | None) -> Receipt:
    """Say what became of a question that no longer waits: the last that this machine answered, if any."""
    with suppress(UsageError):
        drafts.drop_closed(run, client.host)
    sent = [one for one in logged_answers(run, client.host) if interrupt_id in (None, one.interrupt_id)]
    facts = (("run", run.id), ("host", f"{client.host} ({client.mode})"), ("now", run.sentence()))
    if not sent and run.status == "interrupted" and (interrupt_id is None or is_pending(run, interrupt_id)):
        words = f"The run is interrupted, and its question cannot be read; {frontend.ALTERNATIVE}."
        return Receipt(words, facts)
    if not sent:
        which = f"the question {interrupt_id!r} of this run" if interrupt_id else "of this run no question"
        return Receipt(f"Nothing to answer: {which} {'does not wait' if interrupt_id else 'waits'}.", facts)
    entry = sent[-1]
    question = Question(
        run=run,
        interrupt_id=entry.interrupt_id,
        value={},
        agent=entry.agent,
        label=entry.label or "unknown",
        kind=entry.kind or "other",
        step_id=entry.step_id,
        asked_at=None,
    )
    outcome, made = outcome_of(question, run), Sent.logged(entry)
    if entry.delivery == answers.CONFIRMED:
        return receipts.answered(question, client, made, outcome)
    return receipts.unconfirmed(question, client, made, outcome)
