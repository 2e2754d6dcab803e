"""`InterruptInbox`: everything that is waiting for a reviewer, over all runs, answered in one place."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Literal

import pandas as pd

from runkit.arguments import NonBlank, checked
from runkit.client import Client
from runkit.contract import Json
from runkit.html_tables import df_to_html, with_labels
from runkit.style import MISSING, OUTCOMES
from runkit.text import duration, plural, run_label, short_id, shorten
from runkit.widgets import display, jobs
from runkit.widgets.card import CellOutput
from runkit.widgets.controller import READ_ONLY, Reasons, answer_options
from runkit.widgets.inbox_controller import Closed, InboxController, Key, Row, Snapshot, key_of
from runkit.widgets.questionnaire import NO_LABEL

MAX_LABEL = 80  # characters of a question in a line
MAX_ROWS = 200  # of the list
MAX_TABLE = 20  # rows of the static table, as of every table
LATE = 4 * 3600  # seconds, after which an age is in the color of attention
CAUGHT_UP = "You're all caught up"
EXPIRED = f"{OUTCOMES['lapsed']}. This doesn't count as a rejection."


class InterruptInbox(CellOutput[InboxController]):
    """Everything that is waiting for a reviewer; the last line of a cell shows it.

    Dismissals come first, then decisions and the other kinds, of each kind the oldest first.

    The constructor reads all runs of the last 30 days. While it is displayed, the inbox checks the known runs
    and the first 100 of the list every 15 seconds, or less often if many are waiting. The button ↻ (Refresh
    all) reads everything again. The first question is open, and after an answer the next one that the list
    shows; a list of more than 20 can be filtered. `rows` are the waiting questions and `expired` those whose
    run has ended; `pandas.DataFrame(inbox.rows)` makes a frame of either.

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
        who: NonBlank | None = None,
        drafts: bool = True,
        reasons: Reasons | None = None,
        receipts: Literal["full", "short"] = "full",
    ) -> None:
        super().__init__()
        options = answer_options(who, drafts=drafts, reasons=reasons, receipts=receipts)
        self._client = client
        self.controller = InboxController(client, **options)
        self.controller.read(full=True)
        self._ticker = jobs.Ticker(self.controller.tick, "inbox")
        self.controller.subscribe(self._changed)

    @property
    def rows(self) -> tuple[Row, ...]:
        """The waiting questions, by kind and then the oldest first, as of the last check."""
        return self.controller.snapshot.waiting

    @property
    def expired(self) -> tuple[Row, ...]:
        """The questions whose run ended first, which doesn't count as a rejection."""
        return self.controller.snapshot.expired

    def __repr__(self) -> str:
        return f"InterruptInbox({summary(self.controller.snapshot)}, {self._client.mode})"

    # -- in a notebook

    def _key(self) -> object:
        return "inbox", self._client.host

    def _static(self, *, is_open: bool = True) -> display.Bundle:
        return static(self.controller.snapshot, self._client, is_open=is_open)

    def _on_views(self, n_views: int) -> None:
        super()._on_views(n_views)
        if n_views:
            self.controller.open_first()

    def _receive(self, content: Json) -> None:
        controller, form = self.controller, self.controller.snapshot.form
        keys = {page_key(key_of(row)): key_of(row) for row in controller.rows()}
        controller.following = keys.get(str(content.get("next")))
        if content.get("refresh"):
            controller.refresh_all()
        controller.open(keys.get(str(content.get("open"))))
        if (key := keys.get(str(content.get("later")))) is not None:
            controller.put_off(key)
        if isinstance(content.get("who"), str):
            controller.sign(content["who"])
        elif form is not None:
            form.receive(content)

    def _describe(self) -> Json:
        snapshot = self.controller.snapshot
        form, rows = snapshot.form, self.controller.rows()
        message = "" if snapshot.is_opening else snapshot.message
        top = {
            "title": summary(snapshot),
            "mode": self._client.mode,
            "oldest": oldest(snapshot.waiting),
            "error": f"{snapshot.error} {message}".strip(),
        }
        title = "No question is open." if rows else top["title"]
        empty = ("Opening the question…", "") if snapshot.is_opening else (title, snapshot.coverage)
        card = (
            display.describe_form(form)
            if form
            else {"empty": dict(zip(("title", "text"), empty, strict=True))}
        )
        question = form.question if form else None
        return {
            **card,
            "kind": "inbox",
            "top": top,
            "age": (datetime.now(UTC) - snapshot.read_at).total_seconds(),
            "rows": self._list(snapshot, rows),
            "open": page_key(question.row_key) if question else None,
            "is_opening": snapshot.is_opening,
            "spoken": announcement(snapshot),
        }

    def _list(self, snapshot: Snapshot, rows: Sequence[Row]) -> list[Json]:
        """Describe the list: the waiting questions, the closed ones, and the expired ones."""
        items = [
            *_some(_waiting_items(rows), "inbox.rows has all"),
            *_some([*map(_closed_item, snapshot.closed[::-1])], "runkit.answer_log() has your answers"),
            *([{"head": EXPIRED}] if snapshot.expired else []),
            *_some([_waiting_item(row, is_fixed=True) for row in snapshot.expired], "inbox.expired has all"),
        ]
        return [*items, {"head": snapshot.coverage}] if items else []


def oldest(rows: Sequence[Row]) -> str:
    """Return how old the questions are: `oldest 12 d · all over 4 h`."""
    waits = [row.wait_s for row in rows if row.wait_s is not None]
    if not waits:
        return ""
    n_late = sum(wait > LATE for wait in waits)
    late = f" · {'all' if n_late == len(rows) else f'{n_late:,}'} over {duration(LATE)}" if n_late else ""
    return f"oldest {age_of(max(waits))}{late}"


def _some(items: list[Json], where: str) -> list[Json]:
    """Return at most `MAX_ROWS` lines of the list, and a line about the number left out."""
    is_cut = len(items) > MAX_ROWS
    more = [{"head": f"{MAX_ROWS:,} of {len(items):,} listed; {where}"}] if is_cut else []
    return items[:MAX_ROWS] + more


def _waiting_items(rows: Sequence[Row]) -> list[Json]:
    """Describe the waiting questions, and how many there are of a business with several."""
    counts = Counter(row.business_id or "" for row in rows)
    return [_waiting_item(row, n_open=counts[row.business_id] if row.business_id else 1) for row in rows]


def _item(run_id: str, business: str | None, question: str, age: str, tone: str, **more: Any) -> Json:
    """Describe a line of the list to the page."""
    names = {"business": shorten(business or "", 100), "run": short_id(run_id)}
    return {**names, "question": question, "age": age, "tone": tone, **more}


def _waiting_item(row: Row, **more: Any) -> Json:
    """Describe a question without an answer."""
    tone = "attention" if (row.wait_s or 0) > LATE and row.outcome == "pending" else ""
    question = shorten(row.label or NO_LABEL, MAX_LABEL)
    key = page_key(key_of(row))
    return _item(row.run_id, row.business_name, question, age(row), tone, key=key, **more)


def page_key(key: Key) -> str:
    """Return how the page names a question."""
    return " ".join(key)


def _closed_item(closed: Closed) -> Json:
    """Describe a question that was answered here, or is closed otherwise."""
    run, receipt = closed
    age, tone = ("✓ Answered", "ok") if receipt.tone == "ok" else ("Closed", "")
    title, flags = shorten(receipt.title, 200), {"is_fixed": True, "is_done": True}
    return _item(run.id, run.business_name, title, age, tone, key=f"closed {run.id}", **flags)


def summary(snapshot: Snapshot) -> str:
    """Return the number of questions."""
    n, n_expired = len(snapshot.waiting), len(snapshot.expired)
    waiting = f"{plural(n, 'question')} waiting" if n else CAUGHT_UP
    return f"{waiting}, {n_expired:,} expired" if n_expired else waiting


def announcement(snapshot: Snapshot) -> str:
    """Return the text for a screen reader, without times and ages, which change all the time."""
    failed = "Update failed." if snapshot.error else ""
    last = [one.receipt.title for one in snapshot.closed[-1:]]
    parts = (*last, snapshot.message, f"{summary(snapshot)}.", failed)
    return " ".join(filter(None, parts))


def row_label(row: Row) -> str:
    """Return a question in one line, without its age."""
    label = shorten(row.label or NO_LABEL, MAX_LABEL)
    return f"{run_label(row.run_id, row.business_name, row.agent_name)} · {label}"


def age(row: Row) -> str:
    """Return a question's waiting time in one unit, so that the list is not redrawn all the time."""
    if row.wait_s is None:
        return MISSING
    return age_of(row.wait_s)


def age_of(seconds: float) -> str:
    """Return a waiting time in one unit."""
    return "under 1 min" if seconds < 60 else " ".join(duration(seconds).split()[:2])


def static(snapshot: Snapshot, client: Client, *, is_open: bool = True) -> display.Bundle:
    """Make the part for pages without widgets: waiting and expired questions, and receipts."""
    head, closed = summary(snapshot), snapshot.closed[-MAX_TABLE:]
    n_earlier, unanswered = len(snapshot.closed) - len(closed), [*snapshot.waiting, *snapshot.expired]
    rows = [{**row._asdict(), "label": row.label or NO_LABEL} for row in unanswered[:MAX_TABLE]]
    lines = [f"{row_label(row)} · {age(row)}" for row in snapshot.waiting[:MAX_TABLE]]
    return display.twin(
        head,
        "\n".join([head, snapshot.coverage, *lines]),
        lines=[
            f"{client.mode} {client.host} · {snapshot.coverage}",
            snapshot.error,
            READ_ONLY if client.read_only else "",
        ],
        table=df_to_html(with_labels(pd.DataFrame(rows)), n_rows=len(unanswered)) if rows else "",
        notes=[
            EXPIRED if snapshot.expired else "",
            "Closed since this inbox was opened:" if closed else "",
            *(f"{one.run.label}: {one.receipt.title}" for one in closed),
            f"{n_earlier:,} earlier ones not shown." if n_earlier else "",
        ],
        is_open=is_open,
        has_hint=is_open,
    )
