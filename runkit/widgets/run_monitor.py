"""`RunMonitor`: a live run in the notebook, with its question above the chart when it pauses.

JupyterLab's plotly renderer draws an output once and ignores its updates. So the chart of an open
run is in an Output widget below the card, whose content is replaced; at the end the chart takes the
place of both, and the saved notebook keeps it. An older state of the run, as a lagging replica may
show, never replaces a newer one. Times are in seconds.
"""

from __future__ import annotations

from typing import Any, Literal

import ipywidgets as w

from runkit.api.contract import LOCAL, Json
from runkit.api.models import Run
from runkit.arguments import NonBlank, checked
from runkit.charts.figure import PLOTLY, plotly_bundle
from runkit.charts.gantt import gantt
from runkit.charts.svg import svg
from runkit.client import Client
from runkit.client.resume import is_stale
from runkit.display import status_words
from runkit.display.text import duration, shorten, visible
from runkit.errors import RateLimited, Unavailable
from runkit.tables.read_frames import frames
from runkit.tables.run_rules import outputs_of
from runkit.widgets import _card, _static_form, _threads
from runkit.widgets._answer_states import Forms, Reasons
from runkit.widgets._card import CellOutput
from runkit.widgets._case import findings
from runkit.widgets._question import UNIDENTIFIED, questions_of

# Seconds between two polls, which grow while nothing changes, and more after errors.
FIRST, MAXIMUM, GROWTH, RETRY_MAXIMUM = 1.0, 10.0, 1.5, 30.0
EVERY = f"checking every {FIRST:g}\N{EN DASH}{MAXIMUM:g} s"
STATES = {"running": "Running", "interrupted": "Waiting for a reviewer"}


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
    _ticker: _threads.Ticker

    @checked
    def __init__(
        self,
        client: Client,
        run: str | Run,
        *,
        who: NonBlank | None = None,
        drafts: bool = True,
        reasons: Reasons | None = None,
        receipts: Literal["full", "short"] = "full",
    ) -> None:
        self._client = client
        self._forms = Forms(client, who=who, drafts=drafts, reasons=reasons, receipts=receipts)
        self._forms.subscribe(self._on_answer)
        self._run = client.runs.get(client.runs.full_id(run))
        self._message = ""  # how the state is known, what is wrong, or why it ended
        self._is_over = self._run.is_finished  # no more states will come
        self._pause, self._n_closed = FIRST, 0
        self._zoom: list[Any] | None = None  # the range of the time axis that a person has chosen
        self._box: w.VBox | None = None  # the card, and below it the live chart
        self._ticker = _threads.Ticker(self._tick, "watch", first=FIRST)

    @property
    def run(self) -> Run:
        """The newest known state of the run."""
        return self._run

    def __repr__(self) -> str:
        status = status_words.status(self.run.status).word
        return f"RunMonitor({self.run.label}, {status}, {self._client.mode})"

    @property
    def widget(self) -> w.VBox:
        """The card with its chart as an ipywidget, to be shown inside another one."""
        if self._box is None or self._card is None:
            self._live = w.Output()
            self._box = w.VBox([super().widget, self._live])
            self._ask()
            self._draw()
        return self._box

    def _key(self) -> object:
        return self._client.host, self.run.id

    def _ipython_display_(self) -> None:
        self.close()
        _card.replace_card(self._key(), self)
        self._is_over = self.run.is_finished
        self._message = "Live updates off."
        bundle = self._chart()
        if not self.run.is_finished:
            picture = str(svg(bundle[PLOTLY]))  # for pages that cannot show a widget
            static = {"image/svg+xml": picture, "text/plain": bundle["text/plain"]}
            bundle = _card.widget_view(self.widget) | static
        self._head, self._handle = _card.output(self._static()), _card.output(bundle)

    def _on_views(self, n_views: int) -> None:
        """Watch the run only while a page displays the card."""
        super()._on_views(0 if self._is_over else n_views)

    def _describe(self) -> Json:
        run, f = self.run, frames(self.run)
        state = f"{run.label}: {status_words.status(run.status)}"
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
            "findings": findings(f, outputs_of(f)) if run.output else None,
            "empty": {"title": visible(title), "text": visible(self._message)},
            "spoken": visible(title),
            "zoom": True,
        }

    def _receive(self, content: Json) -> None:
        for form in [*self._forms.forms.values()][:1]:  # the card shows the first
            form.receive(content)
        if "zoom" in content:
            is_reset = content["zoom"] is None and self._zoom is not None
            self._zoom = content["zoom"]
            if is_reset:  # plotly resets a chart that was drawn with a zoom to this zoom
                self._draw()

    def _chart(self) -> dict[str, Any]:
        """Build the chart as plotly's JSON, with its alt text for pages that cannot draw it."""
        figure = gantt(frames(self.run))
        if self._zoom is not None:
            figure.update_xaxes(range=self._zoom, autorange=False)
        return {**plotly_bundle(figure), **_static_form.note(str(figure.layout.meta["alt"]))}

    def _draw(self) -> None:
        self._live.outputs = (
            {"output_type": "display_data", "metadata": {}, "data": self._chart()},
        )

    # -- watching

    def _tick(self) -> float | None:
        """Read the run and show what is new; return the pause to the next time, None at the end."""
        try:
            run = self._client.runs.get(self._run)
        except Exception as error:
            return self._failed(error)
        run = self._run if is_stale(run, self._run) else run
        is_new = _as_sent(run) != _as_sent(self._run)
        self._pause = FIRST if is_new else min(MAXIMUM, self._pause * GROWTH)
        state = STATES.get(run.status) or f"Run status: {shorten(run.status)}"
        message = f"{state}, {EVERY}."
        if run.is_finished:
            message = f"{status_words.status(run.status)}. Live updates off."
        self._is_over = run.is_finished
        self._show(run, message, is_new=is_new)
        return None if self._is_over else self._pause

    def _failed(self, error: Exception) -> float | None:
        """Try again after an error that may pass."""
        message = _threads.error_message(error)
        self._is_over = not isinstance(error, Unavailable | RateLimited)
        if self._is_over:
            self._show(self._run, f"Live updates stopped: {message}")
            return None
        pause = max(self._pause, getattr(error, "retry_after", None) or 0)
        self._show(self._run, f"{message} Trying again in {duration(pause)}.")
        self._pause = min(RETRY_MAXIMUM, pause * GROWTH)
        return pause

    def _show(self, run: Run, message: str, *, is_new: bool = False) -> None:
        """Redraw what changed."""
        is_same, self._message = message == self._message, message
        if self._card is None or (is_same and not is_new):
            return
        self._forms.update_forms([run])  # first, because it may give a receipt
        self._run = run
        if is_new:
            self._ask()
            self._draw()
        self._changed()
        self._end_if_done()

    def _ask(self) -> None:
        """Build a form for each pending question; some of them list documents."""
        for question in questions_of([self.run]):
            if question.key not in self._forms.forms:
                self._forms.form_of(question)

    def _on_answer(self) -> None:
        """Show what became of an answer; a receipt takes the place of its question."""
        if self.run.is_finished:  # an answer that was being sent did not arrive
            self._forms.update_forms([self.run])
        self._changed()
        n_closed = len(self._forms.closed)
        has_receipt, self._n_closed = n_closed > self._n_closed, n_closed
        if has_receipt:
            self._pause = FIRST
            self._end_if_done()
            if self._ticker.stop() and self._card is not None:
                self._ticker.start()  # again, from the first pause

    def _end_if_done(self) -> None:
        """End after the last state, but keep a question that is being answered or holds entries."""
        if self._is_over and not self._forms.forms:
            if self.run.is_finished:
                self._message = "Run finished. Live updates off."
            if self._handle is None:
                self._changed()  # inside another widget, where it stays
            else:
                self._end(self._chart())

    def close(self) -> None:
        """Remove the card and end its threads; the chart remains. Entries remain as drafts."""
        if self._card is not None:
            self._message = self._end_text
            self._end(self._chart())

    def _end(self, bundle: Any) -> None:
        super()._end(bundle)
        self._forms.forms.clear()
        _card.update(self._head, self._static())
        if self._box is not None:
            for widget in (self._box.layout, self._live.layout, self._box, self._live):
                widget.close()


def _as_sent(run: Run) -> Json:
    """Return the API's JSON of a run, without the time of reading that runkit adds."""
    return {**run.to_dict(), LOCAL: None}
