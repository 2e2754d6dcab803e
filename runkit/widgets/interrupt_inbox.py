"""`InterruptInbox`: what waits for a reviewer, over many runs, answered in one place."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from datetime import UTC, datetime

import ipywidgets as w

from runkit.api.models import Run
from runkit.arguments import Hours, Moment, Seconds, check_kind, checked, read_moment
from runkit.client import Client, RunList
from runkit.client.resume import is_stale
from runkit.display.text import (
    MISSING,
    Markup,
    block,
    day,
    lasted,
    live_moment,
    one_line,
    plural,
    short_id,
    shorten,
)
from runkit.errors import RunkitError
from runkit.widgets._answer_form import AnswerForm, Receipt
from runkit.widgets._question import OpenQuestion, note_html, waiting_questions
from runkit.widgets._work import SavedBox, Work, close_tree

HEADS: tuple[str, ...] = ("Waiting", "Since", "Business", "Question", "Run", "")  # of the list
LINES_IN_VIEW = 12  # of the list
MAX_RECEIPTS = 5  # shown below the form; all of them are in `receipts`
Key = tuple[str, str | None, str | None, str]
_LINES = Markup('<p class="rk-lines">{}</p>')


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
        Hours within which a question should be answered; what waits longer says "over 4 h".

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
        self.on_change: Callable[[], object] = lambda: None
        self.choice = w.Select(rows=2)
        self.choice.add_class("rk-list")
        self.choice.observe(lambda _: work.call(self._show_form), "value")
        self.refresh_button = w.Button(description="Refresh", icon="refresh")
        self.refresh_button.on_click(lambda _: work.start(self.refresh()))
        self._work = work
        self._who = who
        self._since = since
        self._sla_h = sla_h
        self._runs: dict[str, Run] = {}  # by id, as they were read last
        self._head = w.HTML()
        self._columns = w.HTML()
        self._log = w.HTML()
        self._slot = w.VBox()
        bar = w.HBox([self._head, self.refresh_button])
        bar.add_class("rk-bar")
        self.parts = [bar, self._columns, self.choice, self._slot, self._log]
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
        n_over = sum(each.is_late for each in self.questions)
        late = f" ({n_over:,} over {self._sla_h:g} h)" if self._sla_h is not None else ""
        return f"{self.count}{late} {self.coverage}"

    # -- reading

    def _read(self) -> tuple[RunList, RunList]:
        """Read which runs there are, and with their steps those that may wait; on any thread."""
        runs = self.client.runs
        listed = runs.list(since=self._since, progress=False)
        candidates = [run for run in listed if run.may_wait]
        ids = {run.id for run in candidates}
        known = RunList(tuple(self._runs.values()))
        others = [run.id for run in known if run.may_wait and run.id not in ids]
        return listed, runs.fetch([*candidates, *others], progress=False, known=known)

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
        unnamed = [each.run for each in self.questions if each.run.business_id is None]
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
        self._read_at = listed.read_at
        self._take_runs(fetched)
        self._fill()

    def _take_runs(self, runs: Iterable[Run]) -> None:
        newer = [run for run in runs if not is_stale(run, self._runs.get(run.id))]
        self._runs |= {run.id: run for run in newer}
        for form in [*self.forms.values()]:
            if form.run.id in self._runs:
                form.take(self._runs[form.run.id])

    # -- the list and the form

    def _fill(self) -> None:
        """Fill the list, and keep the chosen question, or choose the first."""
        self.questions = waiting_questions(self._runs.values(), self._read_at, self._sla_h)
        chosen = self.choice.value
        closed = [form.question for form in self.forms.values() if form.receipt is not None]
        listed = [*self.questions, *closed]
        cells = [HEADS] if listed else []
        cells += [self._cells(question, lasted(question.wait_s)) for question in self.questions]
        cells += [self._cells(question, "closed") for question in closed]
        all_lines = _in_columns(cells)
        heads = all_lines[:1]
        lines = all_lines[1:]
        keys = [question.key for question in listed]
        self._table = _LINES.format("\n".join(all_lines))
        self._head.value = block(note_html(self.sentence))
        self._columns.value = block(_LINES.format("".join(heads)))
        self.choice.layout.display = None if listed else "none"
        self.choice.rows = max(2, min(len(listed), LINES_IN_VIEW))  # of one row it would drop down
        self.choice.options = [*zip(lines, keys, strict=True)]
        self.choice.value = chosen if chosen in keys else next(iter(keys), None)
        self._show_form()
        self.on_change()

    def _cells(self, question: OpenQuestion, wait: str) -> tuple[str, ...]:
        """Write the cells of a question; its form has the whole text."""
        return (
            wait,
            day(question.asked_at) if question.asked_at else MISSING,
            shorten(question.about, 40),
            shorten(question.label, 44),
            short_id(question.run.id),
            f"over {self._sla_h:g} h" if question.is_late else "",
        )

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
        at = self.choice.index or 0
        if form.receipt is not None:
            self.receipts.append(form.receipt)
        newest = reversed(self.receipts[-MAX_RECEIPTS:])
        self._log.value = block(*(receipt.html for receipt in newest))
        self._take_runs([form.run])
        was_shown = self.choice.value == key
        if not form.is_kept:
            del self.forms[key]
        self._fill()
        if form.is_kept:
            return
        close_tree(form.box)
        if was_shown and self.questions:
            following = self.questions[min(at, len(self.questions) - 1)]
            self.choice.value = following.key
            self.choice.focus()  # the page scrolls to it, and the form is below

    @property
    def html(self) -> Markup:
        """Write the list and the receipts, for a page without a kernel."""
        done = Markup("").join(receipt.html for receipt in self.receipts)
        return note_html(self.sentence) + self._table + done


def _in_columns(rows: list[tuple[str, ...]]) -> list[str]:
    """Write rows with cells of one width in each column, the first to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for first, *others in rows:
        padded = map(str.ljust, others, widths[1:])
        lines.append("  ".join([first.rjust(widths[0]), *padded]).rstrip())
    return lines
