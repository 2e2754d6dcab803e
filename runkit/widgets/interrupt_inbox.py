"""`InterruptInbox`: what waits for a reviewer, over many runs, answered in one place."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from datetime import UTC, datetime

import ipywidgets as w
import pandas as pd

from runkit.api.models import Run
from runkit.arguments import Hours, Moment, Seconds, check_kind, checked, read_moment
from runkit.client import Client, RunList
from runkit.client.resume import is_stale
from runkit.display.text import (
    HOUR,
    Markup,
    block,
    day,
    lasted,
    live_moment,
    one_line,
    plural,
    shorten,
)
from runkit.errors import RunkitError
from runkit.screens.blocks import Table
from runkit.screens.html import block_html
from runkit.widgets._answer_form import AnswerForm, Receipt
from runkit.widgets._question import UNIDENTIFIED, OpenQuestion, note_html, waiting_questions
from runkit.widgets._work import SavedBox, Work, close_tree

LINES_IN_VIEW = 6  # of the list
MAX_RECEIPTS = 5  # shown below the form; all of them are in `receipts`
Key = tuple[str, str | None, str | None, str]


class InterruptInbox(SavedBox):
    """What waits for a reviewer, longest wait first; the last line of a cell shows it.

    It looks at the runs that were created since `since`, and says so; None looks at every run.

    A list, and below it the form of the chosen question, as in `InterruptForm`; after a receipt the
    next one opens. What was typed stays while the inbox exists, whatever is chosen or refreshed; a
    restart of the kernel loses it. Clicks wait while a cell runs. A saved notebook keeps the list
    and the receipts. The inbox is an ipywidgets `VBox`.

    Parameters
    ----------
    client : Client
        Reads runs and sends answers.
    who : str, optional
        Name of the person who answers, self-declared; by default the login.
    since : str, datetime or date, optional
        Looks at runs created since then, as `client.runs.list`; older ones may wait, too. None
        looks at every run.
    refresh_every : float, optional
        Seconds between two refreshes while the kernel is idle; without it only the button does.
        A newer inbox that refreshes itself takes the place of an older one.
    sla_h : float, optional
        Hours within which a question should be answered; those that wait longer are marked late.

    Raises
    ------
    RunkitError
        Whatever `client.runs.list` raises; later failures are shown.
    """

    @checked
    def __init__(
        self,
        client: Client,
        *,
        who: str | None = None,
        since: Moment | None = "30d",
        refresh_every: Seconds | None = None,
        sla_h: Hours | None = None,
    ) -> None:
        check_kind("client", client, Client)
        super().__init__()
        self.listing = QuestionList(client, self.work, who, since, sla_h)
        self.listing.on_change = self._save_list
        self.show(*self.listing.parts)
        self._save_list()
        self.work.start(self.listing.identify())
        if refresh_every is not None:
            self.work.repeat(("inbox", client.host), self.listing.repeat(refresh_every))

    @property
    def questions(self) -> list[OpenQuestion]:
        """What waits, the longest wait first."""
        return self.listing.questions

    @property
    def receipts(self) -> list[Receipt]:
        """How questions ended here: each with its `question`, `delivery` and `text`."""
        return self.listing.receipts

    def __repr__(self) -> str:
        return f"InterruptInbox({self.listing.count}, {self.listing.client.mode})"

    def _save_list(self) -> None:
        self.save(self.listing.html)


class QuestionList:
    """The list of open questions, the form of the chosen one, and receipts, in `parts`.

    What was typed is kept: there is one form for each question, whatever is chosen or refreshed.
    """

    def __init__(
        self, client: Client, work: Work, who: str | None, since: Moment | None, sla_h: float | None
    ) -> None:
        self.client = client
        self.receipts: list[Receipt] = []
        self.questions: list[OpenQuestion] = []
        self.forms: dict[Key, AnswerForm] = {}
        self.coverage = ""
        self.on_change: Callable[[], object] = lambda: None
        self.choice = w.Select(rows=LINES_IN_VIEW, layout=w.Layout(width="99%"))
        self.choice.observe(lambda _: work.call(self._show_form), "value")
        self.refresh_button = w.Button(description="Refresh", icon="refresh")
        self.refresh_button.on_click(lambda _: work.start(self.refresh()))
        self.refresh_button.layout.flex = "0 0 auto"
        self._work = work
        self._who = who
        self._since = since
        self._late_s = None if sla_h is None else sla_h * HOUR
        self._runs: dict[str, Run] = {}  # by id, as they were read last
        self._head = w.HTML()
        self._log = w.HTML()
        self._slot = w.VBox()
        bar = w.HBox([self._head, self.refresh_button])
        bar.layout.justify_content = "space-between"
        bar.layout.align_items = "center"
        self.parts = [bar, self.choice, self._slot, self._log]
        self._take(*self._read())

    @property
    def form(self) -> AnswerForm | None:
        """The form of the chosen question."""
        return self.forms.get(self.choice.value)

    @property
    def count(self) -> str:
        """How many questions wait."""
        return plural(len(self.questions), "question waiting", "questions waiting")

    @property
    def sentence(self) -> str:
        """How many questions wait, which runs were looked at, when, and what may be missing."""
        n_late = sum(map(self._is_late, self.questions))
        late = f", {n_late:,} late" if self._late_s is not None else ""
        return f"{self.count}{late} {self.coverage}"

    # -- reading

    def _read(self) -> tuple[RunList, RunList]:
        """Read which runs there are, and with their steps those that may wait; on any thread."""
        runs = self.client.runs
        listed = runs.list(since=self._since, progress=False)
        candidates = [run for run in listed if run.may_wait]
        ids = {run.id for run in candidates}
        shown = [*(form.run for form in self.forms.values()), *self._waiting_runs()]
        others = {run.id for run in shown} - ids
        known = RunList(tuple(self._runs.values()))
        fetched = runs.fetch([*candidates, *sorted(others)], progress=False, known=known)
        return listed, fetched

    def _waiting_runs(self) -> list[Run]:
        return [question.run for question in self.questions]

    async def refresh(self) -> None:
        """Read again what waits."""
        self.refresh_button.disabled = True
        try:
            self._take(*await asyncio.to_thread(self._read))
            await self.identify()
        except RunkitError as error:
            text = f"Refresh failed, this is as of the last one. {error}"
            self._head.value = block(note_html(self.sentence, "attention"), note_html(text, "fail"))
        finally:
            self.refresh_button.disabled = False

    async def repeat(self, seconds: float) -> None:
        """Read again and again."""
        while True:
            await asyncio.sleep(seconds)
            await self.refresh()

    async def identify(self) -> None:
        """Find the businesses of the runs that wait."""
        unnamed = [run for run in self._waiting_runs() if run.business_id is None]
        if not unnamed:
            return
        try:
            named = await asyncio.to_thread(
                self.client.businesses.identify, unnamed, progress=False
            )
        except RunkitError:
            return  # the list shows them without a name
        self._take_runs(named)
        self._fill()

    def _take(self, listed: RunList, fetched: RunList) -> None:
        """Take what was read; an older state of a run never replaces a newer one."""
        missing = [*listed.missing, *fetched.missing]
        gap = f" May be missing: {one_line('; '.join(missing))}." if missing else ""
        first = read_moment("since", self._since, lambda: listed.read_at or datetime.now(UTC))
        created = f" created since {day(first)}" if first else ""
        read = f", read {live_moment(listed.read_at)}" if listed.read_at else ""
        self.coverage = f"in {plural(len(listed), 'run')}{created}{read}.{gap}"
        self._take_runs(fetched)
        self._fill()

    def _take_runs(self, runs: Iterable[Run]) -> None:
        newer = [run for run in runs if not is_stale(run, self._runs.get(run.id))]
        self._runs |= {run.id: run for run in newer}
        self.questions = waiting_questions(self._runs.values())
        for form in [*self.forms.values()]:
            if form.run.id in self._runs:
                form.take(self._runs[form.run.id])

    # -- the list and the form

    def _is_late(self, question: OpenQuestion) -> bool:
        return self._late_s is not None and (question.wait_s or 0) > self._late_s

    @property
    def _closed_forms(self) -> list[AnswerForm]:
        """The forms that are closed and keep what was typed."""
        return [form for form in self.forms.values() if form.receipt is not None]

    def _fill(self) -> None:
        """Fill the list, and keep the chosen question, or choose the first."""
        chosen = self.choice.value
        options = [(self._line(question), question.key) for question in self.questions]
        options += [
            (f"closed  ·  {_name(form.question)}", form.question.key) for form in self._closed_forms
        ]
        keys = [key for _, key in options]
        self._head.value = block(note_html(self.sentence))
        self.choice.layout.display = None if options else "none"
        self.choice.options = options
        self.choice.value = chosen if chosen in keys else next(iter(keys), None)
        self._show_form()
        self.on_change()

    def _line(self, question: OpenQuestion) -> str:
        late = "  ·  late" if self._is_late(question) else ""
        return f"{lasted(question.wait_s)}{late}  ·  {_name(question)}"

    def _show_form(self) -> None:
        """Show the form of the chosen question, made once."""
        key = self.choice.value
        form = self.forms.get(key)
        question = next((item for item in self.questions if item.key == key), None)
        if form is None and question is not None:
            form = AnswerForm(self.client, question, self._work, self._note_closed, self._who)
            self.forms[key] = form
        self._slot.children = [form.box] if form else []

    def _note_closed(self, form: AnswerForm) -> None:
        """Add the receipt, and open the question that follows, unless what was typed stays."""
        key = form.question.key
        at = next((n for n, item in enumerate(self.questions) if item.key == key), 0)
        if form.receipt is not None:
            self.receipts.append(form.receipt)
        newest = reversed(self.receipts[-MAX_RECEIPTS:])
        self._log.value = block(*(receipt.html for receipt in newest))
        if not is_stale(form.run, self._runs.get(form.run.id)):
            self._runs[form.run.id] = form.run
        self.questions = waiting_questions(self._runs.values())
        was_shown = self.choice.value == key
        if not form.is_kept:
            del self.forms[key]
        self._fill()
        if not form.is_kept:
            close_tree(form.box)
        if was_shown and not form.is_kept and self.questions:
            following = self.questions[min(at, len(self.questions) - 1)]
            self.choice.value = following.key
            self.choice.focus()  # the page scrolls to it, and the form is below

    @property
    def html(self) -> Markup:
        """Write the list as a table, and the receipts, for a page without a kernel."""
        rows = [
            {
                "business_name": item.run.business_name or UNIDENTIFIED,
                "question": item.label,
                "wait_s": item.wait_s,
            }
            for item in self.questions
        ]
        table = block_html(Table(pd.DataFrame(rows))) if rows else Markup()
        done = Markup("").join(receipt.html for receipt in self.receipts)
        return note_html(self.sentence) + table + done


def _name(question: OpenQuestion) -> str:
    business = shorten(question.run.business_name or UNIDENTIFIED, 60)
    return f"{business}  ·  {shorten(question.label, 120)}"
