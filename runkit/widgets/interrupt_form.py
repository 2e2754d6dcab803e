"""`InterruptForm`: the questions of a run, answered inside the notebook."""

from __future__ import annotations

from collections.abc import Callable

import ipywidgets as w

from runkit.api.models import Run
from runkit.api.words import RUN_STATUSES
from runkit.arguments import check_kind, checked
from runkit.client import Client
from runkit.client.resume import is_stale
from runkit.display.text import Markup, block
from runkit.widgets._answer_form import AnswerForm, Receipt
from runkit.widgets._question import note_html, saved_html, waiting_questions
from runkit.widgets._work import SavedBox, Work, close_tree


class RunForms:
    """The forms of the questions of a run, one after the other, and their receipts, in `box`.

    `on_change` is called when a question was closed.
    """

    def __init__(
        self,
        client: Client,
        run: Run,
        work: Work,
        who: str | None,
        on_change: Callable[[], object],
    ) -> None:
        self.client = client
        self.run = run
        self.receipts: list[Receipt] = []
        self.form: AnswerForm | None = None
        self.box = w.VBox()
        self._kept: list[AnswerForm] = []  # closed, with what was typed
        self._log = w.HTML()
        self._work = work
        self._who = who
        self._on_change = on_change
        self._open_next()

    def take(self, run: Run) -> None:
        """Take a newer state of the run; an older one, as a lagging replica shows, is left out."""
        if is_stale(run, self.run):
            return
        self.run = run
        if self.form is not None:
            self.form.take(run)
        if self.form is None:
            self._open_next()

    def _open_next(self) -> None:
        """Show the form of the question that has waited longest, and the receipts."""
        questions = waiting_questions([self.run])
        self.form = None
        if questions:
            self.form = AnswerForm(
                self.client, questions[0], self._work, self._note_closed, self._who
            )
        self._log.value = block(self.receipts_html)
        forms = [*self._kept, *([self.form] if self.form else [])]
        self.box.children = [*(form.box for form in forms), self._log]

    def _note_closed(self, form: AnswerForm) -> None:
        if form.receipt is not None:
            self.receipts.append(form.receipt)
        if form.is_kept:
            self._kept.append(form)
        if not is_stale(form.run, self.run):
            self.run = form.run
        self._open_next()
        if not form.is_kept:
            close_tree(form.box)
        self._on_change()

    @property
    def receipts_html(self) -> Markup:
        """The receipts."""
        return Markup("").join(receipt.html for receipt in self.receipts)

    @property
    def html(self) -> Markup:
        """The receipts and the open question, for a page without a kernel."""
        question = saved_html(self.form.question, self.client) if self.form else Markup()
        return self.receipts_html + question


class InterruptForm(SavedBox):
    """A form for the questions of a run, one after the other; the last line of a cell shows it.

    Choose an answer, then press Send. The receipt says only what the API has confirmed, and quotes
    the answer; until then what was typed stays in the form, but a restart of the kernel loses it.
    Clicks wait while a cell runs. A saved notebook keeps the question and the receipts as HTML. The
    form is an ipywidgets `VBox`. `client.runs.resume(run, interrupt_id, answer)` does the same
    without a screen.

    Parameters
    ----------
    client : Client
        Reads the run and sends the answers.
    run : str or Run
        A run, its id, or a unique prefix of its id of at least 8 characters.
    who : str, optional
        Name of the person who answers, self-declared; by default the login.

    Raises
    ------
    RunkitError
        Whatever `client.runs.get` raises.
    """

    @checked
    def __init__(self, client: Client, run: str | Run, *, who: str | None = None) -> None:
        check_kind("client", client, Client)
        super().__init__()
        read = client.runs.get(run)
        self.forms = RunForms(client, read, self.work, who, self._save_forms)
        parts: list[w.Widget] = [self.forms.box]
        if self.forms.form is None:
            parts.append(w.HTML(block(self._nothing_html())))
        self.show(*parts)
        self._save_forms()

    @property
    def run(self) -> Run:
        """The newest known state of the run."""
        return self.forms.run

    @property
    def receipts(self) -> list[Receipt]:
        """How its questions ended here: each with its `question`, `delivery` and `text`."""
        return self.forms.receipts

    def __repr__(self) -> str:
        state = "open" if self.forms.form else "closed"
        return f"InterruptForm({self.run.label}, {state}, {self.forms.client.mode})"

    def _save_forms(self) -> None:
        self.save(self.forms.html or self._nothing_html())

    def _nothing_html(self) -> Markup:
        """Write that there is nothing to answer."""
        status = RUN_STATUSES.find(self.run.status).label.lower()
        return note_html(f"{self.run.label}: no question is open, the run is {status}.")
