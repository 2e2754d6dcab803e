"""`InterruptInbox`: everything that waits for a person, over all runs, answered in one place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import ipywidgets as w

from runkit.client import Client
from runkit.text import Markup, duration, html_table, moment, plural, run_label, shorten
from runkit.widgets import display, frontend, jobs
from runkit.widgets.fields import close_tree, path_class
from runkit.widgets.focus import Guard
from runkit.widgets.inbox_controller import MAX_LABEL, InboxController, Key, Row, Snapshot
from runkit.widgets.view import FormView, View, button

SHOWN = 50  # rows of a table and choices: what can be looked over; the oldest come first
HEADERS = ("run", "waiting", "asked", "agent", "question", "kind", "proposals")
CAUGHT_UP = "nothing waits for a person"


class InterruptInbox:
    """Everything that waits for a person, oldest first; the last line of a cell shows it.

    The constructor looks through all runs of the last 30 days. While somebody looks at the inbox it looks
    again every 15 seconds, less often when much waits: at the runs it knows and the first 100 of the list; a
    button looks through everything. `rows` is what waits, `expired` what nobody can answer any more; either
    makes a frame with `pandas.DataFrame(inbox.rows)`. `controller` is where it stands.

    Two outputs: a table that stays readable without a kernel, and a card to open a question and answer it as
    in `InterruptForm`, with `who` and `drafts` as there. Showing an inbox of the same host again closes the
    earlier one. A `read_only` client lists and shows questions, and answers none.

    Raises what `client.runs.list` raises; later failures are said on the card.
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
        """The questions that wait, oldest first, as of the last look."""
        return self.controller.snapshot.waiting

    @property
    def expired(self) -> tuple[Row, ...]:
        """The questions whose run ended while they waited; they were not rejected."""
        return self.controller.snapshot.expired

    def __repr__(self) -> str:
        return f"InterruptInbox({summary(self.controller.snapshot)}, {self._client.mode})"

    def _ipython_display_(self) -> None:
        self.close()  # where it was shown before
        frontend.replace_card(("inbox", self._client.host), self)
        snapshot = self.controller.snapshot
        self._table = frontend.output(static(snapshot, self._client))
        if frontend.is_headless():
            frontend.output(frontend.headless_bundle())
            return
        view = self._view = _View(self.controller)
        view.guard.on_view(self._seen)
        self._card = frontend.output(frontend.widget_bundle(view.box))

    def _seen(self, n_views: int) -> None:
        if n_views and self._view is not None:
            self._ticker.start()
        else:
            self._ticker.stop()

    def _changed(self, snapshot: Snapshot) -> None:
        if self._table is not None:
            self._table.update(static(snapshot, self._client), raw=True)

    def close(self) -> None:
        """Take the card away; its threads end. The table stays, and what was typed is still a draft."""
        self._ticker.stop()
        view, self._view = self._view, None
        if view is not None:
            view.close()
            if self._card is not None:
                words = "This inbox was closed. Run the cell again to use it."
                self._card.update(display.bundle(display.static(display.line(words)), words), raw=True)


class _View(View[Snapshot]):
    """The inbox as widgets."""

    def __init__(self, controller: InboxController) -> None:
        super().__init__()
        self.guard = Guard()
        self._form: FormView | None = None
        self._choice = w.Dropdown(description="Question to answer", style={"description_width": "initial"})
        self._choice.layout.width = "auto"
        self._choice.add_class(path_class("inbox-", "choice"))
        self._status = w.HTML().add_class("mathjax_ignore")
        self._form_box = w.VBox()
        buttons = w.HBox(
            [
                button("Open", lambda: controller.open(self._choice.value), "primary"),
                button("Look through everything again", controller.refresh_all),
            ]
        )
        self.box = w.VBox([self.guard, self._choice, buttons, self._status, self._form_box])
        self.box.add_class("runkit-card")
        self.follow(controller)

    def _show(self, snapshot: Snapshot) -> None:
        self._update_choices(snapshot.waiting[:SHOWN])
        self._status.value = str(Markup("").join(display.line(words) for words in status_lines(snapshot)))
        self._show_form(snapshot)
        self.guard.announcement = announcement(
            snapshot
        )  # is the same, and so is not said again, while nothing changes

    def _update_choices(self, rows: Sequence[Row]) -> None:
        """Offer what can be answered; what was chosen stays chosen."""
        options: list[tuple[str, Key | None]] = [
            (f"{age(row)} · {row_label(row)}", (row.run_id, row.interrupt_id))
            for row in rows
            if row.interrupt_id
        ]
        options = options or [(CAUGHT_UP.capitalize(), None)]
        chosen = self._choice.value
        if options != list(self._choice.options):
            with self._choice.hold_sync():  # an update without the choice would show the first one meanwhile
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
    """Say how much waits."""
    n, n_expired = len(snapshot.waiting), len(snapshot.expired)
    wait = f"{plural(n, 'question')} {'waits' if n == 1 else 'wait'}" if n else CAUGHT_UP
    return f"{wait}, {n_expired:,} lapsed" if n_expired else wait


def announcement(snapshot: Snapshot) -> str:
    """Say what a screen reader should hear: no times and ages, which change while nothing happens."""
    newest = [f"The newest is {row_label(snapshot.waiting[-1])}."] if snapshot.waiting else []
    failed = ["The last look failed."] if snapshot.error else []
    announcement = [
        *snapshot.receipts[-1:],
        snapshot.message,
        f"{summary(snapshot).capitalize()}.",
        *newest,
        *failed,
    ]
    return " ".join(words for words in announcement if words)


def status_lines(snapshot: Snapshot) -> list[str]:
    """Say what became of the last click, and what was looked at when."""
    next_look = f" Next look at {snapshot.next_at:%H:%M:%S} UTC." if snapshot.next_at else ""
    coverage = f"{summary(snapshot).capitalize()}. {snapshot.coverage}{next_look}"
    announcement = (*snapshot.receipts[-1:], snapshot.message, snapshot.error, coverage)
    return [words for words in announcement if words]


def row_label(row: Row) -> str:
    """Say a question in one line, without its age."""
    label = shorten(row.label or "A question without words", MAX_LABEL)
    return f"{run_label(row.run_id, row.business_name, row.agent_name)} · {label}"


def age(row: Row) -> str:
    """Say how long a question has waited, in one unit: a list whose words change is drawn anew."""
    if row.wait_s is None:
        return "age unknown"
    return "under 1 min" if row.wait_s < 60 else " ".join(duration(row.wait_s).split()[:2])


def static(snapshot: Snapshot, client: Client) -> display.Bundle:
    """Make what a page without widgets shows: what waits, what lapsed, and what was answered here."""
    head = f"{summary(snapshot).capitalize()}."
    parts = [display.title(head), display.line(f"{client.mode} {client.host} · {snapshot.coverage}")]
    parts += [display.line(words) for words in (snapshot.error,) if words]
    if client.read_only:
        parts.append(display.line("This client is read_only: it lists and shows questions and answers none."))
    parts += _table(snapshot.waiting)
    if snapshot.expired:
        parts.append(
            display.title("Lapsed: their run ended before anybody answered. These are no rejections.")
        )
        parts += _table(snapshot.expired)
    if snapshot.receipts:
        parts.append(display.title("Closed since this inbox was opened"))
        parts += [display.line(words) for words in snapshot.receipts[-SHOWN:]]
        parts += _left_out(len(snapshot.receipts), "runkit.answer_log() has what was sent from this machine")
    lines = [head, snapshot.coverage, *(f"{age(row)} · {row_label(row)}" for row in snapshot.waiting[:SHOWN])]
    return display.bundle(display.static(*parts), "\n".join(lines))


def _table(rows: Sequence[Row]) -> list[Markup]:
    cells = [
        (
            run_label(row.run_id, row.business_name, row.agent_name),
            age(row),
            moment(row.asked_at),
            shorten(row.agent or "unknown", MAX_LABEL),
            shorten(row.label or "", 3 * MAX_LABEL),
            row.kind,
            row.n_proposals,
        )
        for row in rows[:SHOWN]
    ]
    table = [html_table(HEADERS, cells)] if cells else []
    return table + _left_out(len(rows), "inbox.rows and inbox.lapsed hold all")


def _left_out(count: int, where: str) -> list[Markup]:
    """Say what is not shown."""
    return [display.line(f"{count - SHOWN:,} more are not shown; {where}.")] if count > SHOWN else []
