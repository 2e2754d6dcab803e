"""`RunMonitor`: a live run in the notebook, with its question above the chart when it pauses.

JupyterLab's plotly renderer draws an output once and ignores its updates. So the chart of an open run is in
an Output widget below the card, whose content is replaced; at the end the chart takes the place of both, and
the saved notebook keeps it. An older state of the run, as a lagging replica may show, never replaces a newer
one. Times are in seconds.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any, Literal

import ipywidgets as w

from runkit import style
from runkit.arguments import NonBlank, Seconds, checked
from runkit.charts.gantt import gantt
from runkit.client import Client
from runkit.client.resume import is_stale
from runkit.contract import LOCAL, Json
from runkit.errors import AuthError, NotFound, RateLimited, Unavailable, UsageError
from runkit.models import Run
from runkit.tables.facts import outputs_of
from runkit.tables.frames import Frames, frames
from runkit.text import duration, shorten, visible
from runkit.widgets import card, display, jobs
from runkit.widgets.card import CellOutput, update
from runkit.widgets.case import findings
from runkit.widgets.controller import AnswerController, Reasons, Snapshot, answer_options
from runkit.widgets.question import questions_of

ALTERNATIVE = (
    "wait with client.runs.wait(run), answer with client.runs.resume(run, interrupt_id, answer) instead"
)
HEADLESS = f"This notebook ran headless: {ALTERNATIVE}."
# pauses between two polls, which grow while nothing changes
FIRST, MAXIMUM, GROWTH = 1.0, 10.0, 1.5
RETRY_MAXIMUM = 30.0  # pause after an error, in addition to the client's own retries
REFUSALS = 5  # a single 401, 403 or 404 may be an accident
EVERY = f"checking every {FIRST:g}\N{EN DASH}{MAXIMUM:g} s"
WORDS = {"running": "Running", "interrupted": "Waiting for a reviewer"}


class RunMonitor(CellOutput[None]):
    """Watches a run: its status, its question when it pauses, a growing Gantt chart, and its findings.

    The last line of a cell shows it. While it is displayed it polls the run, every 1 to 10 seconds. `close()`
    ends it, and so does showing the same run again. The cell gets two outputs: status and findings, and the
    card with the question above the chart, of which the chart remains. Both are then readable without a
    kernel. Without a screen it shows the current state; use `client.runs.wait` there, and
    `client.runs.stream` for events.

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

    _alternative = ALTERNATIVE
    _end_text = "Live updates off. Rerun the cell to watch the run."
    _ticker: jobs.Ticker

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
        super().__init__()
        self._client = client
        self._options = answer_options(who, drafts=drafts, reasons=reasons, receipts=receipts)
        # not held during requests and drawing, because `close()` takes it
        self._lock = threading.RLock()
        self._run = client.runs.get(client.runs.full_id(run))
        # how the state is known, what is wrong, or why it ended
        self._message = "Live updates off."
        self._is_over = self._run.is_finished  # no more states will come
        self._ticker = jobs.Ticker(self._tick, "watch", first=FIRST)
        self._pause, self._n_refusals = FIRST, 0
        self._frames = frames(self._run)
        self._zoom: list[Any] | None = None  # of the time axis, as the person has set it
        self._box: w.VBox | None = None  # the card, and below it the live chart
        self._live: Any = None  # the Output widget
        self._questions: dict[tuple[str, str], AnswerController] = {}  # the card shows the first one
        self._receipts: list[str] = []

    @property
    def run(self) -> Run:
        """The newest known state of the run."""
        return self._run

    def __repr__(self) -> str:
        return f"RunMonitor({self.run.label}, {style.status(self.run.status).word}, {self._client.mode})"

    @property
    def widget(self) -> w.VBox | None:  # type: ignore[override]
        """The card as an ipywidget; None while it is not displayed, and after the run has ended."""
        return self._box

    def _key(self) -> object:
        return self._client.host, self.run.id

    def _ipython_display_(self) -> None:
        self.close()
        run, is_headless = self.run, card.is_headless()
        if not is_headless:
            self._ask(run)
        self._frames = frames(run)
        with self._lock:
            self._is_over, self._n_refusals = run.is_finished, 0
            self._message = f"Live updates off. {HEADLESS if is_headless else ''}".strip()
            super()._ipython_display_()
        if self._box is not None and card.is_interactive():
            # before it is displayed, since the next cell may keep the kernel busy
            self._ticker.start()

    def _card_bundle(self) -> Mapping[str, Any]:
        chart = self._chart_bundle(self._frames)
        if self.run.is_finished or card.is_headless():
            return chart
        self._card = card.Card(self._describe, self._receive, self._on_views)
        self._live = w.Output(outputs=_output(chart))
        self._box = w.VBox([self._card, self._live])
        return card.widget_bundle(self._box)

    def _on_views(self, n_views: int) -> None:
        """Watch the run only while a page displays the card."""
        super()._on_views(0 if self._is_over else n_views)

    def _describe(self) -> Json:
        controller = next(iter(self._questions.values()), None)
        if controller is not None:
            return {**display.describe_form(controller), "zoom": True}
        title = visible(f"{self.run.label} · {style.status(self.run.status)}")
        empty = {"title": title, "text": visible(self._message)}
        return {"kind": "status", "empty": empty, "spoken": title, "zoom": True}

    def _receive(self, content: Json) -> None:
        controller = next(iter(self._questions.values()), None)
        if controller is not None:
            controller.receive(content)
        if "zoom" not in content:
            return
        is_reset = content["zoom"] is None and self._zoom is not None
        self._zoom = content["zoom"]
        if is_reset:  # plotly resets a chart that was drawn with a zoom to this zoom
            chart = self._chart_bundle(self._frames)
            with self._lock:
                if self._box is not None:
                    self._live.outputs = _output(chart)

    # -- watching

    def _tick(self) -> float | None:
        """Read the run and show what is new; give the pause until the next time, None at the end."""
        known = self._run
        try:
            run = self._client.runs.get(known)
        except Exception as error:
            return self._failed(error)
        self._n_refusals = 0
        run = known if is_stale(run, known) else run
        is_new = _as_sent(run) != _as_sent(known)
        self._pause = FIRST if is_new else min(MAXIMUM, self._pause * GROWTH)
        if run.is_finished:
            return self._show(run, f"{style.status(run.status)}. Live updates off.", is_over=True)
        message = f"{WORDS.get(run.status) or f'Run status: {shorten(run.status)}'}, {EVERY}."
        return self._show(run, message) if is_new or message != self._message else self._pause

    def _failed(self, error: Exception) -> float | None:
        """Try again after an error that may pass."""
        is_refusal, message = isinstance(error, AuthError | NotFound), jobs.error_message(error)
        self._n_refusals += is_refusal
        may_pass = is_refusal or isinstance(error, Unavailable | RateLimited)
        if not may_pass or self._n_refusals >= REFUSALS:
            return self._show(self._run, f"Live updates stopped: {message}", is_over=True)
        self._pause = max(self._pause, getattr(error, "retry_after", None) or 0)
        self._show(self._run, f"{message} Trying again in {duration(self._pause)}.")
        pause, self._pause = self._pause, min(RETRY_MAXIMUM, self._pause * GROWTH)
        return pause

    def _show(self, run: Run, message: str, *, is_over: bool = False) -> float | None:
        """Redraw what changed; give the pause until the next poll, None after the last one."""
        if self._box is None:
            return None
        for controller in tuple(self._questions.values()):
            controller.update_run(run)  # first, because it may give a receipt
        f = frames(run)
        is_same = f.steps.equals(self._frames.steps) and run.status == self._run.status
        chart = None if is_same else self._chart_bundle(f)
        self._ask(run)
        with self._lock:
            if self._box is None:
                return None
            self._run, self._message, self._is_over, self._frames = run, message, is_over, f
            self._wake()  # first, because a cell may wait, and the display may fail
            self._changed()
            if chart is not None:
                self._live.outputs = _output(chart)
            self._end_if_done()
        return None if is_over else self._pause

    def _static(self, *, is_open: bool = True) -> display.Bundle:
        """Show the run's status, its questions, the receipts, and its findings."""
        run, outcome = self.run, self._frames.runs["outcome"].dropna()
        sentence = " · ".join([f"{run.label}: {style.status(run.status)}", *outcome])
        return display.twin(
            sentence,
            f"{sentence}\n{self._message}",
            lines=[display.run_heading(self._client, run), self._message, *self._receipts],
            questions=[display.describe_question(one, self._client) for one in questions_of(run)],
            evidence=findings(self._frames, outputs_of(self._frames)) if run.output else None,
            is_open=is_open or run.is_finished,
        )

    def _chart_bundle(self, f: Frames) -> dict[str, Any]:
        """Make a chart as plotly's JSON, with its alt text for pages that cannot draw it."""
        from runkit.charts.figure import plotly_bundle

        figure = gantt(f)
        if self._zoom is not None:
            figure.update_xaxes(range=self._zoom, autorange=False)
        return {**plotly_bundle(figure), **display.note(str(figure.layout.meta["alt"]))}

    def _ask(self, run: Run) -> None:
        """Make a controller for each pending question without one; some of them list documents."""
        for question in questions_of(run):
            if question.row_key not in self._questions:
                controller = AnswerController(self._client, question, **self._options)
                if self._questions.setdefault(question.row_key, controller) is controller:
                    controller.note_display()
                    controller.read_case()
                    controller.subscribe(self._on_answer)

    def _on_answer(self, snapshot: Snapshot) -> None:
        """Show what became of an answer; a receipt takes the place of its question, also after the end."""
        if snapshot.receipt is None:
            if self.run.is_finished:  # an answer that was being sent did not arrive
                for controller in tuple(self._questions.values()):
                    controller.update_run(self.run)
            if self._card is not None:
                self._card.show()
            return
        with self._lock:
            self._receipts.append(snapshot.receipt.title)
            still_open = {key: one for key, one in self._questions.items() if not one.snapshot.is_final}
            self._questions = still_open
            self._changed()
            self._end_if_done()
        self._pause = FIRST
        if self._ticker.stop() and self._box is not None:
            self._ticker.start()  # again, from the first pause

    def _end_if_done(self) -> None:
        """End after the last state, but keep a question that is being answered or holds entries."""
        if self._is_over and not self._questions:
            self._end("Run finished. Live updates off." if self.run.is_finished else self._message)

    def _end_bundle(self, text: str) -> Mapping[str, Any]:
        return self._chart_bundle(self._frames)

    def _end(self, text: str) -> None:
        with self._lock:
            box, self._box = self._box, None
            if box is None:
                return
            self._message, self._questions = text, {}
            super()._end(text)
            update(self._head, self._static())
            for widget in (box.layout, self._live.layout, box, self._live):
                widget.close()

    @checked
    async def ended(self, timeout: Seconds | None = None) -> Run:
        """Wait until the run has ended, with all its questions answered; a cell can `await` it.

        Parameters
        ----------
        timeout : float, optional
            Seconds to wait; None waits without a limit.

        Returns
        -------
        Run
            The run that has ended.

        Raises
        ------
        WaitTimeout
            If the run did not end in time.
        UsageError
            Where no click can arrive, as for `InterruptForm.answered`, and if the monitor was closed.
        """
        if not self.run.is_finished:
            message = "the run did not end within {}; the monitor is still watching it"
            await self._wait(lambda: self._is_over, timeout, message, self.run)
        if not self.run.is_finished:
            raise UsageError(f"the run has not ended, and nothing watches it: {self._message}")
        return self.run


def _output(bundle: dict[str, Any]) -> tuple[dict[str, Any], ...]:
    return ({"output_type": "display_data", "metadata": {}, "data": bundle},)


def _as_sent(run: Run) -> Json:
    """Return the API's JSON of a run, without the time of reading that runkit adds."""
    return {**run.to_dict(), LOCAL: None}
