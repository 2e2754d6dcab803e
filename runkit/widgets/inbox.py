"""`InterruptInbox`: everything that is waiting for a reviewer, over all runs, answered in one place."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Literal

from runkit.client import Client
from runkit.style import MISSING, OUTCOMES
from runkit.text import Markup, duration, html_table, moment, plural, run_label, short_id, shorten, visible
from runkit.widgets import display, frontend, jobs
from runkit.widgets.card import Card, texts
from runkit.widgets.controller import READ_ONLY
from runkit.widgets.display import Reasons
from runkit.widgets.fields import Json
from runkit.widgets.inbox_controller import MAX_LABEL, Closed, InboxController, Key, Row, Snapshot, key_of
from runkit.widgets.questions import NO_LABEL

MAX_ROWS = 200  # of the list; the oldest come first
MAX_TABLE = 50  # rows of the static table
FILTER_FROM = 20  # questions, from which on the list can be filtered
LATE = 4 * 3600  # seconds, after which an age is in the color of attention
HEADERS = ("Run", "Waiting", "Asked", "Agent", "Question", "Kind", "Proposals")
CAUGHT_UP = "You're all caught up"


class InterruptInbox:
    """Everything that is waiting for a reviewer, oldest first; the last line of a cell shows it.

    The constructor reads all runs of the last 30 days. While it is displayed, the inbox checks the known runs
    and the first 100 of the list every 15 seconds, or less often if many are waiting. The button ↻ (Refresh
    all) reads everything again. The first question is open, and after an answer the next one. `rows` are the
    waiting questions and `expired` those whose run has ended; `pandas.DataFrame(inbox.rows)` makes a frame of
    either.

    The cell gets two outputs: a table that stays readable without a kernel, and the inbox: a list beside the
    card of one question, as in `InterruptForm`. Showing an inbox of the same host again closes the earlier
    one. A read-only client shows questions and answers none.

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
    RunkitError
        Whatever `client.runs.list` raises; later failures are shown on the card.
    """

    def __init__(
        self,
        client: Client,
        *,
        who: str | None = None,
        drafts: bool = True,
        reasons: Reasons | None = None,
        receipts: Literal["full", "short"] = "full",
    ) -> None:
        has_reasons = receipts == "full"
        self.controller = InboxController(client, who=who, use_drafts=drafts, has_reasons=has_reasons)
        self.controller.read(full=True)
        self._client = client
        self._reasons = reasons or {}
        self._filter = ""
        self._table: Any = None
        self._handle: Any = None
        self._card: Card | None = None
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
        self._handle = frontend.output(frontend.widget_bundle(self.widget))

    @property
    def widget(self) -> Card:
        """The inbox as an ipywidget, to be shown inside another one."""
        if self._card is None:
            self._card = Card(self._describe, self._handle_message, self._on_views)
            self.controller.subscribe(self._card.show)
        return self._card

    def _on_views(self, n_views: int) -> None:
        if n_views and self._card is not None:
            self._ticker.start()
            if self.controller.snapshot.form is None:
                self.controller.open_next()
        else:
            self._ticker.stop()

    def _changed(self, snapshot: Snapshot) -> None:
        if self._table is not None:
            is_open = self._card is None or not self._card.n_views
            self._table.update(static(snapshot, self._client, is_open=is_open), raw=True)

    def close(self) -> None:
        """Remove the card and end its threads. The table stays, and entries remain as drafts."""
        self._ticker.stop()
        card, self._card = self._card, None
        if card is not None:
            self.controller.unsubscribe(card.show)
            card.close()
            if self._handle is not None:
                self._handle.update(display.note("Inbox closed. Rerun the cell to use it."), raw=True)

    def _handle_message(self, content: Json) -> None:
        controller, form = self.controller, self.controller.snapshot.form
        keys = {_text_of(key_of(row)): key_of(row) for row in controller.rows()}
        if "filter" in content:
            self._filter = texts(content, "filter").casefold()
        if content.get("refresh"):
            controller.refresh_all()
        if (key := keys.get(texts(content, "open"))) is not None:
            controller.open(key)
        if (key := keys.get(texts(content, "later"))) is not None:
            controller.put_off(key)
        if name := texts(content, "who"):
            controller.sign(name)
        elif form is not None:
            form.receive(content)

    def _describe(self) -> Json:
        snapshot, form = self.controller.snapshot, self.controller.snapshot.form
        rows, mode = self.controller.rows(), self._client.mode
        shown = [row for row in rows if self._filter in row_label(row).casefold()]
        is_open = (form.question.run.id, form.question.interrupt_id) if form else None
        listed = [_item(row, is_open=key_of(row) == is_open) for row in shown[:MAX_ROWS]]
        if (n_more := len(shown) - MAX_ROWS) > 0:
            listed.append({"head": f"{n_more:,} more not shown; inbox.rows has all"})
        listed += [_closed_item(one) for one in snapshot.closed[: -MAX_ROWS - 1 : -1]]
        if snapshot.expired:
            listed.append({"head": f"{OUTCOMES['lapsed']}. This doesn't count as a rejection."})
            listed += [{**_item(row), "is_fixed": True, "tone": ""} for row in snapshot.expired[:MAX_ROWS]]
        listed.append({"head": snapshot.coverage})
        waited = [row.wait_s for row in rows if row.wait_s is not None]
        age = (datetime.now(UTC) - snapshot.read_at).total_seconds() if snapshot.read_at else 0
        message = snapshot.message if not snapshot.is_opening else ""
        top = {
            "title": summary(snapshot),
            "mode": mode,
            "oldest": duration(max(waited)) if waited else "",
            "age": age,
            "who": visible(self.controller.who),
            "filter": len(rows) > FILTER_FROM,
            "error": " ".join(filter(None, (snapshot.error, message))),
        }
        state: Json = {"kind": "inbox", "top": top, "rows": listed, "spoken": announcement(snapshot)}
        if form is not None:
            question = display.describe_question(form, self._reasons)
            return state | {"question": question} | display.describe_answer(form)
        empty = {"title": "Opening the question…", "text": ""}
        if not snapshot.is_opening:
            empty = {"title": summary(snapshot), "text": snapshot.coverage}
        return state | {"empty": empty}


def _item(row: Row, *, is_open: bool = False) -> Json:
    """Describe a waiting question to the page."""
    is_late = row.wait_s is not None and row.wait_s > LATE
    return {
        "key": _text_of(key_of(row)),
        "business": shorten(row.business_name or "", 100),
        "run": short_id(row.run_id),
        "age": age(row),
        "tone": "attention" if is_late else "",
        "question": shorten(row.label or NO_LABEL, MAX_LABEL),
        "is_open": is_open,
    }


def _closed_item(closed: Closed) -> Json:
    """Describe to the page a question that was answered here, or is closed otherwise."""
    is_ok = closed.receipt.tone == "ok"
    return {
        "key": f"closed {closed.run.id}",
        "business": shorten(closed.run.business_name or "", 100),
        "run": short_id(closed.run.id),
        "age": "✓ Answered" if is_ok else "Closed",
        "tone": "ok" if is_ok else "",
        "question": shorten(closed.receipt.title, 200),
        "is_fixed": True,
        "is_done": True,
    }


def _text_of(key: Key) -> str:
    return " ".join(key)


def summary(snapshot: Snapshot) -> str:
    """Give the number of questions."""
    n, n_expired = len(snapshot.waiting), len(snapshot.expired)
    waiting = f"{plural(n, 'question')} waiting" if n else CAUGHT_UP
    return f"{waiting}, {n_expired:,} expired" if n_expired else waiting


def announcement(snapshot: Snapshot) -> str:
    """Give the text for a screen reader, without times and ages, which change all the time."""
    newest = f"Newest: {row_label(snapshot.waiting[-1])}." if snapshot.waiting else ""
    failed = "Update failed." if snapshot.error else ""
    last = [one.receipt.title for one in snapshot.closed[-1:]]
    parts = (*last, snapshot.message, f"{summary(snapshot)}.", newest, failed)
    return " ".join(filter(None, parts))


def row_label(row: Row) -> str:
    """Give a question in one line, without its age."""
    label = shorten(row.label or NO_LABEL, MAX_LABEL)
    return f"{run_label(row.run_id, row.business_name, row.agent_name)} · {label}"


def age(row: Row) -> str:
    """Give a question's waiting time in one unit, so that the list is not redrawn all the time."""
    if row.wait_s is None:
        return MISSING
    return "under 1 min" if row.wait_s < 60 else " ".join(duration(row.wait_s).split()[:2])


def static(snapshot: Snapshot, client: Client, *, is_open: bool = True) -> display.Bundle:
    """Make the part for pages without widgets: waiting and expired questions, and receipts."""
    head = summary(snapshot)
    parts = [display.title(head), display.line(f"{client.mode} {client.host} · {snapshot.coverage}")]
    if snapshot.error:
        parts.append(display.line(snapshot.error))
    if client.read_only:
        parts.append(display.line(READ_ONLY))
    parts += _table(snapshot.waiting)
    if snapshot.expired:
        parts.append(display.title(f"{OUTCOMES['lapsed']}. This doesn't count as a rejection."))
        parts += _table(snapshot.expired)
    if snapshot.closed:
        parts.append(display.title("Closed since this inbox was opened"))
        parts += [
            display.line(f"{one.run.label}: {one.receipt.title}") for one in snapshot.closed[-MAX_TABLE:]
        ]
        parts += _left_out(len(snapshot.closed), "runkit.answer_log() has all answers of this machine")
    lines = [head, snapshot.coverage]
    lines += [f"{row_label(row)} · {age(row)}" for row in snapshot.waiting[:MAX_TABLE]]
    parts += [display.hint()] if is_open else []
    return display.bundle(display.folding(head, Markup("").join(parts), is_open=is_open), "\n".join(lines))


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
        for row in rows[:MAX_TABLE]
    ]
    table = [html_table(HEADERS, cells)] if cells else []
    return table + _left_out(len(rows), "inbox.rows and inbox.expired have all")


def _left_out(count: int, where: str) -> list[Markup]:
    """Tell how many rows are not shown."""
    return [display.line(f"{count - MAX_TABLE:,} more not shown; {where}.")] if count > MAX_TABLE else []
