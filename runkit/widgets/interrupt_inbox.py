"""`InterruptInbox`: everything that waits for a reviewer, over all runs, answered in one place."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

import ipywidgets as w

from runkit.api.models import Run
from runkit.api.words import RUN_STATUSES
from runkit.arguments import Hours, Seconds, check_kind, checked
from runkit.client import Client, RunList
from runkit.client.resume import is_stale
from runkit.display.counts import HOUR, lasted
from runkit.display.templates import html_table
from runkit.display.text import Markup, block, day, live_moment, one_line, plural, shorten
from runkit.errors import RunkitError
from runkit.widgets._answer_form import AnswerForm, Receipt
from runkit.widgets._evidence import UNIDENTIFIED, note_html
from runkit.widgets._question import OpenQuestion, open_questions
from runkit.widgets._work import Panel

MAX_LISTED = 200  # lines of the list
MAX_LINES = 6  # of the list that are in view
MAX_RECEIPTS = 5  # shown below the form; all of them are in `receipts`
Key = tuple[str, str | None, str | None, str]


class InterruptInbox(Panel):
    """Everything that waits for a reviewer, longest wait first; the last line of a cell shows it.

    A list, and below it the form of the chosen question, as in `InterruptForm`; after a receipt the
    next one opens. What was typed stays while the inbox exists, whatever is chosen or refreshed; a
    restart of the kernel loses it. Clicks wait while a cell runs. A saved notebook keeps the list as
    a table, and the receipts. The inbox is an ipywidgets `VBox`.

    Parameters
    ----------
    client : Client
        Reads runs and sends answers.
    who : str, optional
        Name of the person who answers, self-declared; by default the login.
    since : str, datetime or date, optional
        Looks at runs created since then, as `client.runs.list`; None looks at every run.
    refresh_every : float, optional
        Seconds between two refreshes while the kernel is idle; without it only the button refreshes.
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
        since: str | None = "30d",
        refresh_every: Seconds | None = None,
        sla_h: Hours | None = None,
    ) -> None:
        check_kind("client", client, Client)
        super().__init__()
        self.client = client
        self.who = who
        self.since = since
        self.late_s = None if sla_h is None else sla_h * HOUR
        self.receipts: list[Receipt] = []
        self.questions: list[OpenQuestion] = []
        self.answer_forms: dict[Key, AnswerForm] = {}
        self.runs_read: dict[str, Run] = {}
        self.head = w.HTML()
        self.log = w.HTML()
        self.choice = w.Select(rows=MAX_LINES, layout=w.Layout(width="100%"))
        self.choice.observe(lambda _: self.work.call(self._show_form), "value")
        self.refresh_button = w.Button(description="Refresh", icon="refresh")
        self.refresh_button.on_click(lambda _: self.work.start(self.refresh()))
        self.refresh_button.layout.flex = "0 0 auto"
        self.slot = w.VBox()
        bar = w.HBox([self.head, self.refresh_button])
        bar.layout.justify_content = "space-between"
        bar.layout.align_items = "center"
        self.show(bar, self.choice, self.slot, self.log)
        self._take(*self._read())
        self.work.start(self._identify())
        if refresh_every is not None:
            self.work.repeat(("inbox", client.host), self._repeat(refresh_every))

    def __repr__(self) -> str:
        return f"InterruptInbox({self._count}, {self.client.mode})"

    # -- reading

    def _read(self) -> tuple[RunList, RunList]:
        """Read which runs there are, and with their steps those that may wait; on any thread."""
        runs = self.client.runs
        listed = runs.list(since=self.since, progress=False)
        candidates = [run for run in listed if _may_wait(run)]
        ids = {run.id for run in candidates}
        shown = [*(form.run for form in self.answer_forms.values()), *self._waiting_runs()]
        others = {run.id for run in shown} - ids
        known = RunList(tuple(self.runs_read.values()), with_steps=True)
        fetched = runs.fetch([*candidates, *sorted(others)], progress=False, known=known)
        return listed, fetched

    def _waiting_runs(self) -> list[Run]:
        return [question.run for question in self.questions]

    async def refresh(self) -> None:
        """Read again what waits."""
        self.refresh_button.disabled = True
        try:
            self._take(*await asyncio.to_thread(self._read))
            await self._identify()
        except RunkitError as error:
            text = f"Refresh failed, this is as of the last one. {error}"
            self.head.value = block(note_html(self._state, "attention"), note_html(text, "fail"))
        finally:
            self.refresh_button.disabled = False

    async def _repeat(self, seconds: float) -> None:
        while True:
            await asyncio.sleep(seconds)
            await self.refresh()

    async def _identify(self) -> None:
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
        since = listed.query.get("since", "")
        first = min((run.created_at for run in listed), default=None)
        created = f" created since {day(first)}" if since and first else ""
        read = f", read {live_moment(listed.read_at)}" if listed.read_at else ""
        self.coverage = f"in {plural(len(listed), 'run')}{created}{read}.{gap}"
        self._take_runs(fetched)
        self._fill()

    def _take_runs(self, runs: Iterable[Run]) -> None:
        newer = [run for run in runs if not is_stale(run, self.runs_read.get(run.id))]
        self.runs_read |= {run.id: run for run in newer}
        self.questions = open_questions(self.runs_read.values())
        for form in [*self.answer_forms.values()]:
            if form.run.id in self.runs_read:
                form.take(self.runs_read[form.run.id])

    # -- the list and the form

    @property
    def _count(self) -> str:
        return plural(len(self.questions), "question waiting", "questions waiting")

    @property
    def _state(self) -> str:
        n_late = sum(map(self._is_late, self.questions))
        late = f", {n_late:,} late" if self.late_s is not None else ""
        return f"{self._count}{late} {self.coverage}"

    def _is_late(self, question: OpenQuestion) -> bool:
        return self.late_s is not None and (question.wait_s or 0) > self.late_s

    @property
    def _closed_forms(self) -> list[AnswerForm]:
        """The forms that are closed and keep what was typed."""
        return [form for form in self.answer_forms.values() if form.receipt is not None]

    def _fill(self) -> None:
        """Fill the list, and keep the chosen question, or choose the first."""
        chosen = self.choice.value
        listed = self.questions[:MAX_LISTED]
        options = [(self._line(question), question.key) for question in listed]
        options += [
            (f"closed  ·  {_name(form.question)}", form.question.key) for form in self._closed_forms
        ]
        keys = [key for _, key in options]
        n_more = len(self.questions) - len(listed)
        more = f" The {MAX_LISTED:,} that wait longest are listed." if n_more else ""
        self.head.value = block(note_html(self._state + more))
        self.choice.layout.display = None if options else "none"
        self.choice.options = options
        self.choice.value = chosen if chosen in keys else next(iter(keys), None)
        self._show_form()
        self.save(self._summary())

    def _line(self, question: OpenQuestion) -> str:
        late = "  ·  late" if self._is_late(question) else ""
        return f"{lasted(question.wait_s)}{late}  ·  {_name(question)}"

    def _show_form(self) -> None:
        """Show the form of the chosen question, made once."""
        key = self.choice.value
        form = self.answer_forms.get(key)
        question = next((item for item in self.questions if item.key == key), None)
        if form is None and question is not None:
            form = AnswerForm(self.client, question, self.work, self._note_closed, self.who)
            self.answer_forms[key] = form
        self.slot.children = [form.box] if form else []

    def _note_closed(self, form: AnswerForm) -> None:
        """Add the receipt, and open the question that follows, unless what was typed stays."""
        key = form.question.key
        at = next((n for n, item in enumerate(self.questions) if item.key == key), 0)
        if form.receipt is not None:
            self.receipts.append(form.receipt)
        newest = reversed(self.receipts[-MAX_RECEIPTS:])
        self.log.value = block(*(receipt.html for receipt in newest))
        if not is_stale(form.run, self.runs_read.get(form.run.id)):
            self.runs_read[form.run.id] = form.run
        self.questions = open_questions(self.runs_read.values())
        was_shown = self.choice.value == key
        if not form.is_kept:
            del self.answer_forms[key]
        self._fill()
        if was_shown and not form.is_kept and self.questions:
            following = self.questions[min(at, len(self.questions) - 1)]
            self.choice.value = following.key
            self.choice.focus()  # the page scrolls to it, and the form is below

    def _summary(self) -> Markup:
        """Write the list as a table, and the receipts, for a page without a kernel."""
        rows = [
            (lasted(item.wait_s), item.run.business_name or UNIDENTIFIED, shorten(item.label, 200))
            for item in self.questions[:MAX_LISTED]
        ]
        table = html_table(["waits", "business", "question"], rows) if rows else Markup()
        done = Markup("").join(receipt.html for receipt in self.receipts)
        return note_html(self._state) + table + done


def _may_wait(run: Run) -> bool:
    """Return whether a run of a list may have an open question; of an unknown status, its steps say."""
    return run.is_waiting or (run.status not in RUN_STATUSES and run.ended_at is None)


def _name(question: OpenQuestion) -> str:
    business = shorten(question.run.business_name or UNIDENTIFIED, 60)
    return f"{business}  ·  {shorten(question.label, 120)}"
