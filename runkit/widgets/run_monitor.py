"""`RunMonitor`: a live run in the notebook, with its question above the chart when it pauses.

The chart of an open run is a picture in an Output widget below the card; at the end it takes the
place of both, and the saved notebook keeps it. An older state of the run, as a lagging replica may
show, never replaces a newer one. Times are in seconds.
"""

from __future__ import annotations

from functools import partial
from typing import Literal

import ipywidgets as w

from runkit.api.models import Run
from runkit.api.words import RUN_STATUSES
from runkit.arguments import check_kind, checked
from runkit.charts.gantt import draw
from runkit.charts.svg import image
from runkit.client import Client
from runkit.client.resume import is_stale
from runkit.display.text import duration, shorten, visible
from runkit.errors import RateLimited, Unavailable
from runkit.tables.read_frames import frames
from runkit.tables.run_rules import outputs_of
from runkit.widgets import _card, _static_form
from runkit.widgets._answer_states import Forms, Reasons
from runkit.widgets._card import CellOutput
from runkit.widgets._case import describe_findings
from runkit.widgets._event_queue import EventQueue, error_message
from runkit.widgets._page_messages import FromPage, ToPage
from runkit.widgets._question import UNIDENTIFIED, questions_of
from runkit.widgets._static_form import Bundle

# Seconds between two polls, which grow while nothing changes, and more after errors.
FIRST, MAXIMUM, GROWTH, RETRY_MAXIMUM = 1.0, 10.0, 1.5, 30.0
EVERY = f"checking every {FIRST:g}\N{EN DASH}{MAXIMUM:g} s"


class RunMonitor(CellOutput):
    """Watches a run: its status, its question when it pauses, its Gantt chart and findings.

    The last line of a cell shows it. While it is displayed it polls the run, every 1 to 10 seconds.
    `close()` ends it, and so does showing the same run again. The cell gets two outputs: status and
    findings, and the card with the question above the chart, of which the chart remains. Both are
    then readable without a kernel. Without a screen it shows the current state; use
    `client.runs.wait` there, and `client.runs.stream` for events. `.widget` is the card with its
    chart, for a VBox or a Tab.

    Parameters
    ----------
    client : Client
        Reads the run and sends answers.
    run : str or Run
        A run, its id, or a unique prefix of its id of at least 8 characters.
    who : str, optional
        Name of the person who answers, as for `InterruptForm`.
    drafts : bool
        Whether to keep what was typed on this machine, as for `InterruptForm`.
    reasons, receipts
        As for `InterruptForm`.

    Raises
    ------
    UsageError
        If an option is not known.
    RunkitError
        Whatever `client.runs.get` raises.
    """

    _end_text = "Live updates off. Rerun the cell to watch the run."

    @checked
    def __init__(
        self,
        client: Client,
        run: str | Run,
        *,
        who: str | None = None,
        drafts: bool = True,
        reasons: Reasons | None = None,
        receipts: Literal["full", "short"] = "full",
    ) -> None:
        check_kind("client", client, Client)
        self._client = client
        self._queue = EventQueue("watch", self._draw, self._tick)
        self._forms = Forms(
            client, self._queue, who=who, drafts=drafts, reasons=reasons, receipts=receipts
        )
        self._run = client.runs.get(client.runs.full_id(run))
        self._message = ""  # how the state is known, what is wrong, or why it ended
        self._is_over = self._run.is_finished  # no more states will come
        self._pause = FIRST
        self._is_reading = False
        self._box: w.VBox | None = None  # the card, and below it the live chart
        self._drawn: Run | None = None  # in the live chart
        self._wait_s = self._drawn_wait_s = 0.0  # of the open question, now and in the live chart

    @property
    def run(self) -> Run:
        """The newest known state of the run."""
        return self._run

    def __repr__(self) -> str:
        status = RUN_STATUSES.find(self.run.status).label
        return f"RunMonitor({self.run.label}, {status}, {self._client.mode})"

    @property
    def widget(self) -> w.VBox:
        """The card with its chart as an ipywidget, to be shown inside another one."""
        if self._box is None or self._card is None:
            self._live = w.Output()
            self._box = w.VBox([super().widget, self._live])
            self._queue.call(self._ask)
            self._draw_chart()
        return self._box

    def _key(self) -> object:
        return self._client.host, self.run.id

    def _bundle(self) -> Bundle:
        self._is_over = self.run.is_finished
        self._message = "Live updates off."
        chart = self._chart()
        if self._is_over:
            return chart
        return _card.widget_view(self.widget) | chart  # for pages that cannot show a widget

    def _describe(self) -> ToPage:
        run = self.run
        f = frames(run)
        state = f"{run.label}: {RUN_STATUSES.find(run.status)}"
        title = " · ".join([state, *f.runs["outcome"].dropna()])
        where = run.label if run.business_id else f"{run.label} · {UNIDENTIFIED}"
        receipts = [form.snapshot.message for form in self._forms.closed]
        form = next(iter(self._forms.forms.values()), None)
        lines = [f"{where} · {self._client.mode} {self._client.host}", self._message, *receipts]
        return {
            "kind": "status",
            **(_static_form.describe_form(form) if form else {}),
            "title": title,
            "lines": lines,
            "findings": describe_findings(f, outputs_of(f)) if run.output else None,
            "empty": {"title": visible(title), "text": visible(self._message)},
            "spoken": visible(title),
        }

    def _receive(self, message: FromPage) -> None:
        for form in [*self._forms.forms.values()][:1]:  # the card shows the first
            form.receive(message)

    def _chart(self) -> Bundle:
        """Build the chart as a picture, with its alt text."""
        chart = draw(frames(self.run))
        return _static_form.bundle(image(chart), chart.alt)

    def _draw_chart(self) -> None:
        self._drawn = self._run
        self._drawn_wait_s = self._wait_s
        self._live.outputs = (
            {"output_type": "display_data", "metadata": {}, "data": self._chart()},
        )

    # -- watching

    def _tick(self) -> float | None:
        """Read the run; the pause to the next time grows while nothing changes."""
        if self._is_over:
            return None
        if not self._is_reading:
            read = partial(self._client.runs.get, self._run)
            self._queue.start("read", read, self._take, self._failed)
            self._is_reading = True
        return self._pause

    def _take(self, run: Run) -> None:
        self._is_reading = False
        if is_stale(run, self._run):
            run = self._run
        is_new = run != self._run
        self._pause = FIRST if is_new else min(MAXIMUM, self._pause * GROWTH)
        state = RUN_STATUSES.find(shorten(run.status)).label
        questions = frames(run).interrupts
        self._wait_s = questions.loc[questions["outcome"].eq("pending"), "wait_s"].max()
        wait = f", {duration(self._wait_s)} so far" if self._wait_s >= 0 else ""
        self._message = f"{state}{wait}, {EVERY}."
        if run.is_finished:
            self._message = "Run finished. Live updates off."
            self._is_over = True
        self._forms.update_forms([run])  # first, because it may give a receipt
        self._run = run
        self._ask()

    def _failed(self, error: Exception) -> None:
        """Try again after an error that may pass."""
        message = error_message(error)
        self._is_reading = False
        self._is_over = not isinstance(error, Unavailable | RateLimited)
        if self._is_over:
            self._message = f"Live updates stopped: {message}"
        else:
            self._message = f"{message} Trying again."
            self._pause = min(RETRY_MAXIMUM, self._pause * GROWTH)

    def _ask(self) -> None:
        """Build a form for each new question."""
        for question in questions_of([self._run]):
            self._forms.form_of(question)

    def _draw(self) -> None:
        """Show what is new; a receipt takes the place of its question, a chart that of the card."""
        if self._card is None:
            return
        if self._run.is_finished:  # an answer that was being sent did not arrive
            self._forms.update_forms([self._run])
        for form in self._forms.move_closed():
            self._run = self._run if is_stale(form.run, self._run) else form.run
            self._pause = FIRST
            if self._queue.stop():
                self._queue.watch(FIRST)
        is_done = self._is_over and not self._forms.forms  # none is answered or holds entries
        # while a question waits, seldom enough that a reader is not disturbed
        if self._run != self._drawn or self._wait_s > GROWTH * self._drawn_wait_s:
            self._draw_chart()
        super()._draw()
        if is_done and self._handle is not None:  # inside another widget it stays
            self._end(self._chart())

    def close(self) -> None:
        """Remove the card and end its threads; the chart remains. Entries remain as drafts."""
        if self._card is not None:
            self._message = self._end_text
            self._end(self._chart())

    def _end(self, bundle: Bundle) -> None:
        super()._end(bundle)
        self._forms.forms.clear()
        _card.update(self._head, self._static())
        if self._box is not None:
            for widget in (self._box.layout, self._live.layout, self._box, self._live):
                widget.close()
