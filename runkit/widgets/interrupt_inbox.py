"""`InterruptInbox`: everything that waits for a reviewer, over all runs, answered in one place."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from typing import Any, Literal, cast

from runkit.api.words import OUTCOMES
from runkit.arguments import check_kind, checked
from runkit.client import Client
from runkit.display.counts import lasted
from runkit.display.text import plural, shorten
from runkit.widgets import _static_form
from runkit.widgets._answer_states import AnswerController, Reasons
from runkit.widgets._card import CellOutput
from runkit.widgets._event_queue import EventQueue
from runkit.widgets._inbox_state import MAX_ROWS, InboxController, texts_of
from runkit.widgets._page_messages import FromPage, Line, ToPage
from runkit.widgets._question import Question, Row, State

FILTER_FROM = 20  # questions; a longer list gets a filter
MAY_BE_MISSING = "questions may be missing"
EXPIRED = f"{OUTCOMES.find('expired').label}. This doesn't count as a rejection."


class InterruptInbox(CellOutput):
    """Everything that is waiting for a reviewer; the last line of a cell shows it.

    Dismissals come first, then decisions and the other kinds, of each kind the oldest first.

    The constructor reads all runs of the last 30 days. While it is displayed, the inbox checks the
    known runs and the first 100 of the list every 15 seconds, or less often if many are waiting.
    The button ↻ (Refresh all) reads everything again. The first question is open, and after an
    answer the next one that the list shows; a list of more than 20 can be filtered. `rows` are the
    waiting questions and `expired` those whose run has ended; `pandas.DataFrame(inbox.rows)` makes
    a frame of either.

    The cell gets two outputs: a table that stays readable without a kernel, and the inbox: a list
    beside the card of one question, as in `InterruptForm`. Showing an inbox of the same host again
    closes the earlier one. A read-only client shows questions and answers none. `.widget` is the
    inbox as an ipywidget, for a VBox or a Tab, and for marimo.

    Parameters
    ----------
    client : Client
        Reads runs and sends answers.
    who : str, optional
        Name of the person who answers, as for `InterruptForm`.
    drafts : bool
        Whether to keep what was typed on this machine, as for `InterruptForm`.
    reasons, receipts
        As for `InterruptForm`.

    Attributes
    ----------
    controller
        The state behind the screen: which questions are waiting, which form is open.

    Raises
    ------
    UsageError
        If an option is not known.
    RunkitError
        Whatever `client.runs.list` raises; later failures are shown on the card.
    """

    _end_text = "Inbox closed. Rerun the cell to use it."

    @checked
    def __init__(
        self,
        client: Client,
        *,
        who: str | None = None,
        drafts: bool = True,
        reasons: Reasons | None = None,
        receipts: Literal["full", "short"] = "full",
    ) -> None:
        check_kind("client", client, Client)
        self._client = client
        self._queue = EventQueue("inbox", self._draw, lambda: self.controller.tick())
        self.controller = InboxController(
            client, self._queue, who=who, drafts=drafts, reasons=reasons, receipts=receipts
        )
        take = self.controller.read(full=True, known=())
        take()

    @property
    def rows(self) -> tuple[Row, ...]:
        """The waiting questions, by kind and then the oldest first, as of the last check."""
        return tuple(question.row for question in self.controller.waiting)

    @property
    def expired(self) -> tuple[Row, ...]:
        """The questions whose run ended first, which doesn't count as a rejection."""
        return tuple(question.row for question in self.controller.expired)

    def __repr__(self) -> str:
        return f"InterruptInbox({summary(self.controller)}, {self._client.mode})"

    # -- in a notebook

    def _key(self) -> object:
        return "inbox", self._client.host

    def _on_views(self, n_views: int) -> None:
        super()._on_views(n_views)
        self.controller.is_shown = n_views > 0

    def _receive(self, message: FromPage) -> None:
        self.controller.receive(message)

    def _draw(self) -> None:
        self.controller.settle()
        super()._draw()

    def _describe(self) -> ToPage:
        controller = self.controller
        form = controller.form
        title = summary(controller)
        failure = "Update failed." if controller.error else ""
        empty = {
            "title": "No question is open." if controller.waiting else title,
            "text": controller.coverage,
        }
        last = [closed.snapshot.message for closed in controller.closed[-1:]]
        where = f"{self._client.mode} {self._client.host}"
        return {
            **(_static_form.describe_form(form) if form else {"empty": empty}),
            "kind": "inbox",
            "title": title,
            "lines": [f"{where} · {controller.coverage}", controller.error],
            "mode": self._client.mode,
            "oldest": oldest(controller.waiting),
            "error": f"{controller.error} {controller.message}".strip(),
            "age": time.monotonic() - controller.read_s,
            "rows": inbox_lines(controller),
            "open": form.question.key if form else None,
            "has_filter": bool(controller.filter) or len(controller.waiting) > FILTER_FROM,
            # what is spoken has no times and ages, which change all the time
            "spoken": " ".join(filter(None, (*last, controller.message, f"{title}.", failure))),
        }


def summary(controller: InboxController) -> str:
    """Return the number of questions, and what may be missing."""
    n = len(controller.waiting)
    words = plural(n, "question waiting", "questions waiting")
    return words if n or not controller.missing else f"{words}; {MAY_BE_MISSING}"


def oldest(questions: Sequence[Question]) -> str:
    """Return how long the oldest question waits: `oldest 12 d 3 h`."""
    waits = [question.wait_s for question in questions if question.wait_s is not None]
    return f"oldest {lasted(max(waits))}" if waits else ""


def inbox_lines(controller: InboxController) -> list[Line]:
    """Describe the list: the waiting questions, the closed ones, and the expired ones."""
    # Runs of unknown businesses are not counted together, because they may be of several.
    n_open = Counter(item.run.business_id or item.key for item in controller.waiting)
    waiting = [
        _line(item, n_open=n_open[item.run.business_id or item.key]) for item in controller.listed
    ]
    closed = [_closed_line(form) for form in reversed(controller.closed)]
    lines = [*_first(waiting), *_first(closed)]
    if controller.expired:
        expired = [_line(question, is_fixed=True) for question in controller.expired]
        lines += [{"head": EXPIRED}, *_first(expired)]
    return [*lines, {"head": controller.coverage}] if lines else []


def _first(rows: list[Line]) -> list[Line]:
    """Return at most `MAX_ROWS` lines of the list, and a line about the number left out."""
    if len(rows) <= MAX_ROWS:
        return rows
    return [*rows[:MAX_ROWS], {"head": f"{MAX_ROWS:,} of {len(rows):,} listed"}]


def _line(question: Question, /, **more: Any) -> Line:
    """Describe a line of the list."""
    waited = lasted(question.wait_s)
    line = {"key": question.key, "age": waited, "tone": "", **texts_of(question), **more}
    return cast(Line, line)


def _closed_line(form: AnswerController) -> Line:
    """Describe a question that was answered here, or is closed otherwise."""
    is_settled = form.snapshot.state is State.SETTLED
    return _line(
        form.question,
        question=shorten(form.snapshot.message, 200),
        age="✓ Answered" if is_settled else "Closed",
        tone="ok" if is_settled else "",
        is_done=True,
    )
