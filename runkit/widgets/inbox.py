"""`InterruptInbox`: everything that is waiting for a reviewer, over all runs, answered in one place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import ipywidgets as w

from runkit.client import Client
from runkit.style import MISSING, OUTCOMES
from runkit.text import Markup, duration, html_table, moment, plural, run_label, shorten
from runkit.widgets import display, frontend, jobs
from runkit.widgets.fields import close_tree, path_class
from runkit.widgets.focus import Guard
from runkit.widgets.inbox_controller import MAX_LABEL, InboxController, Key, Row, Snapshot
from runkit.widgets.question import NO_LABEL
from runkit.widgets.view import FormView, View, button

MAX_ROWS = 50  # of a table and of the choices; the oldest come first
HEADERS = ("Run", "Waiting", "Asked", "Agent", "Question", "Kind", "Proposals")
CAUGHT_UP = "You're all caught up"


class InterruptInbox:
    """Everything that is waiting for a reviewer, oldest first; the last line of a cell shows it.

    The constructor reads all runs of the last 30 days. While it is displayed, the inbox checks the known runs
    and the first 100 of the list every 15 seconds, or less often if many are waiting. The button "Refresh
    all" reads everything again. `rows` are the waiting questions and `expired` those whose run has ended;
    `pandas.DataFrame(inbox.rows)` makes a frame of either.

    The cell gets two outputs: a table that stays readable without a kernel, and a card to open and answer a
    question as in `InterruptForm`. Showing an inbox of the same host again closes the earlier one. A
    read-only client shows questions and answers none.

    Parameters
    ----------
    client : Client
        Reads runs and sends answers.
    who : str, optional
        Name of the person who answers, as for `InterruptForm`.
    drafts : bool
        Whether to keep what was typed on this machine, as for `InterruptForm`.

    Attributes
    ----------
    controller
        The state behind the screen: which questions are waiting, which form is open.

    Raises
    ------
    RunkitError
        Whatever `client.runs.list` raises; later failures are shown on the card.
    """

    def __init__(self, client: Client, *, who: str | None = None, drafts: bool = True) -> None:
        self.controller = InboxController(client, who=who, use_drafts=drafts)
        self.controller.read(full=True)
        self._client = client
        self._table: Any = None
        self._card: Any = None
        self._view: _View | None = None
        self._ticker = jobs.Ticker(self.controller.tick, "inbox")
        self.controller.subscribe(self._changed)

    @property
    def rows(self) -> tuple[Row, ...]:
        """The waiting questions, oldest first, as of the last check."""
        return self.controller.snapshot.waiting

    @property
    def expired(self) -> tuple[Row, ...]:
        """The questions whose run ended first, which doesn't count as a rejection."""
        return self.controller.snapshot.expired

    def __repr__(self) -> str:
        return f"InterruptInbox({summary(self.controller.snapshot)}, {self._client.mode})"

    def _ipython_display_(self) -> None:
        self.close()  # in an earlier cell
        frontend.replace_card(("inbox", self._client.host), self)
        snapshot = self.controller.snapshot
        self._table = frontend.output(static(snapshot, self._client))
        if frontend.is_headless():
            frontend.output(frontend.headless_bundle())
            return
        view = self._view = _View(self.controller)
        view.guard.on_view(self._on_views)
        self._card = frontend.output(frontend.widget_bundle(view.box))

    def _on_views(self, n_views: int) -> None:
        if n_views and self._view is not None:
            self._ticker.start()
        else:
            self._ticker.stop()

    def _changed(self, snapshot: Snapshot) -> None:
        if self._table is not None:
            self._table.update(static(snapshot, self._client), raw=True)

    def close(self) -> None:
        """Remove the card and end its threads. The table stays, and entries remain as drafts."""
        self._ticker.stop()
        view, self._view = self._view, None
        if view is not None:
            view.close()
            if self._card is not None:
                self._card.update(display.note("Inbox closed. Rerun the cell to use it."), raw=True)


class _View(View[Snapshot]):
    """The inbox as widgets."""

    def __init__(self, controller: InboxController) -> None:
        super().__init__()
        self.guard = Guard()
        self._form: FormView | None = None
        self._choice = w.Dropdown(description="Question", style={"description_width": "initial"})
        self._choice.layout.width = "auto"
        self._choice.add_class(path_class("inbox-", "choice"))
        self._status = w.HTML().add_class("mathjax_ignore")
        self._form_box = w.VBox()
        buttons = w.HBox(
            [
                button("Open", lambda: controller.open(self._choice.value), "primary"),
                button("Refresh all", controller.refresh_all),
            ]
        )
        self.box = w.VBox([self.guard, self._choice, buttons, self._status, self._form_box])
        self.box.add_class("runkit-card")
        self.follow(controller)

    def _show(self, snapshot: Snapshot) -> None:
        self._update_choices(snapshot.waiting[:MAX_ROWS])
        self._status.value = str(Markup("").join(map(display.line, status_lines(snapshot))))
        self._show_form(snapshot)
        self.guard.announcement = announcement(snapshot)  # unchanged ones are not spoken again

    def _update_choices(self, rows: Sequence[Row]) -> None:
        """Offer the questions that can be answered; the choice stays."""
        options: list[tuple[str, Key | None]] = [
            (f"{row_label(row)} · {age(row)}", (row.run_id, row.interrupt_id))
            for row in rows
            if row.interrupt_id
        ]
        options = options or [(CAUGHT_UP, None)]
        chosen = self._choice.value
        if options != list(self._choice.options):
            with self._choice.hold_sync():  # else the first option would show until the choice is set
                self._choice.options = options
                self._choice.index = next((n for n, (_, key) in enumerate(options) if key == chosen), 0)

    def _show_form(self, snapshot: Snapshot) -> None:
        old, controller = self._form, snapshot.form
        if controller is (old.controller if old else None):
            return
        self._form = FormView(controller) if controller else None
        old_children = self._form_box.children
        if controller and self._form:
            header = display.header(controller.question, controller.client)
            self._form_box.children = (w.HTML(str(header)), self._form.box)
            first = controller.form.sections[0]
            self.guard.focus(path_class(f"{first.key}-", first.fields[0].name))
        else:
            self._form_box.children = ()
            self.guard.focus(path_class("inbox-", "choice"))
        if old:
            old.close()
        for child in old_children:
            close_tree(child)


def summary(snapshot: Snapshot) -> str:
    """Give the number of questions."""
    n, n_expired = len(snapshot.waiting), len(snapshot.expired)
    waiting = f"{plural(n, 'question')} waiting" if n else CAUGHT_UP
    return f"{waiting}, {n_expired:,} expired" if n_expired else waiting


def announcement(snapshot: Snapshot) -> str:
    """Give the text for a screen reader, without times and ages, which change all the time."""
    newest = f"Newest: {row_label(snapshot.waiting[-1])}." if snapshot.waiting else ""
    failed = "Update failed." if snapshot.error else ""
    parts = (*snapshot.receipts[-1:], snapshot.message, f"{summary(snapshot)}.", newest, failed)
    return " ".join(filter(None, parts))


def status_lines(snapshot: Snapshot) -> list[str]:
    """Give the result of the last click, and what was checked when."""
    next_check = f" Next check {snapshot.next_at:%H:%M:%S} UTC." if snapshot.next_at else ""
    coverage = f"{summary(snapshot)}. {snapshot.coverage}{next_check}"
    return list(filter(None, (*snapshot.receipts[-1:], snapshot.message, snapshot.error, coverage)))


def row_label(row: Row) -> str:
    """Give a question in one line, without its age."""
    label = shorten(row.label or NO_LABEL, MAX_LABEL)
    return f"{run_label(row.run_id, row.business_name, row.agent_name)} · {label}"


def age(row: Row) -> str:
    """Give a question's waiting time in one unit, so that the list is not redrawn all the time."""
    if row.wait_s is None:
        return MISSING
    return "under 1 min" if row.wait_s < 60 else " ".join(duration(row.wait_s).split()[:2])


def static(snapshot: Snapshot, client: Client) -> display.Bundle:
    """Make the part for pages without widgets: waiting and expired questions, and receipts."""
    head = summary(snapshot)
    parts = [display.title(head), display.line(f"{client.mode} {client.host} · {snapshot.coverage}")]
    if snapshot.error:
        parts.append(display.line(snapshot.error))
    if client.read_only:
        parts.append(display.line("Read-only: this client can show questions but not answer them."))
    parts += _table(snapshot.waiting)
    if snapshot.expired:
        parts.append(display.title(f"{OUTCOMES['lapsed']}. This doesn't count as a rejection."))
        parts += _table(snapshot.expired)
    if snapshot.receipts:
        parts.append(display.title("Closed since this inbox was opened"))
        parts += [display.line(receipt) for receipt in snapshot.receipts[-MAX_ROWS:]]
        parts += _left_out(len(snapshot.receipts), "runkit.answer_log() has all answers of this machine")
    lines = [head, snapshot.coverage]
    lines += [f"{row_label(row)} · {age(row)}" for row in snapshot.waiting[:MAX_ROWS]]
    return display.bundle(display.static(*parts), "\n".join(lines))


def _table(rows: Sequence[Row]) -> list[Markup]:
    cells = [
        (
            run_label(row.run_id, row.business_name, row.agent_name),
            age(row),
            moment(row.asked_at),
            display.agent_label(row.agent),
            shorten(row.label or NO_LABEL, 3 * MAX_LABEL),
            row.kind.replace("_", " "),
            row.n_proposals,
        )
        for row in rows[:MAX_ROWS]
    ]
    table = [html_table(HEADERS, cells)] if cells else []
    return table + _left_out(len(rows), "inbox.rows and inbox.expired have all")


def _left_out(count: int, where: str) -> list[Markup]:
    """Tell how many rows are not shown."""
    return [display.line(f"{count - MAX_ROWS:,} more not shown; {where}.")] if count > MAX_ROWS else []
