"""`RunMonitor`: a live run in the notebook, with its question above the chart when it pauses.

JupyterLab's plotly renderer draws an output once and ignores its updates. So the chart of a running run is in
the card, in an Output widget whose content is replaced. While the run waits, and after it has ended, the
chart is an output of its own, which the saved notebook keeps. It is drawn when the card has loaded: anywidget
gives a card two seconds, and loading plotly.js can take as long.
"""

from __future__ import annotations

import threading
from typing import Any, Literal

import ipywidgets as w

from runkit import style
from runkit.charts.gantt import gantt
from runkit.client import Client
from runkit.errors import UsageError, WaitTimeout
from runkit.models import Run
from runkit.tables.frames import Frames, frames, summarize_run
from runkit.text import Markup, duration, visible
from runkit.widgets import display, frontend
from runkit.widgets.card import Card
from runkit.widgets.controller import AnswerController, Snapshot
from runkit.widgets.display import Bundle, Reasons
from runkit.widgets.fields import Json
from runkit.widgets.question import question_of
from runkit.widgets.run_watcher import RunWatcher, WatchState

ALTERNATIVE = (
    "wait with client.runs.wait(run), answer with client.runs.resume(run, interrupt_id, answer) instead"
)


class RunMonitor:
    """Watches a run: its status, its question when it pauses, a growing Gantt chart, and its findings.

    The last line of a cell shows it. While it is displayed it polls the run, every 1 to 10 seconds. `close()`
    ends it, and so does showing the same run again. The cell gets three outputs: status and findings, the
    card with the questions, and the chart. Status and chart stay readable without a kernel. Without a screen
    it shows the current state; use `client.runs.wait` there, and `client.runs.stream` for events.

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
    RunkitError
        Whatever `client.runs.get` raises.
    """

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
        self._client = client
        self._options: dict[str, Any] = {
            "who": who,
            "use_drafts": drafts,
            "has_reasons": receipts == "full",
        }
        self._reasons = reasons or {}
        self._lock = threading.RLock()  # not held during requests and drawing, because `close()` takes it
        run = client.runs.get(run)
        self._watcher = RunWatcher(client, run, on_change=self._show)
        self._state = self._watcher.state
        self._frames = frames(run)
        self._html = ""
        self._chart: dict[str, Any] = {}
        self._zoom: list[Any] | None = None  # of the time axis, as the person has set it
        self._is_chart_fixed = False  # in its own output, and not in the card
        self._is_drawn = False
        self._outputs: list[Any] = []  # the display handles: status, card, chart
        self._box: w.VBox | None = None
        self._live: w.Output | None = None
        self._status: Card | None = None
        self._questions: dict[str, AnswerController] = {}  # by id; the card shows the first one
        self._receipts: list[str] = []
        self._condition = frontend.CellCondition()

    @property
    def run(self) -> Run:
        """The newest known state of the run."""
        return self._watcher.state.run

    def __repr__(self) -> str:
        return f"RunMonitor({self.run.label}, {style.status(self.run.status).word}, {self._client.mode})"

    @property
    def widget(self) -> w.VBox | None:
        """The card as an ipywidget; None while it is not displayed, and after the run has ended."""
        return self._box

    def _ipython_display_(self) -> None:
        frontend.replace_card((self._client.host, self.run.id), self)
        with self._lock:
            self._end("Moved to another cell.")
        state, run = self._watcher.state, self.run
        has_card = not run.is_finished and not frontend.is_headless()
        controllers = self._new_controllers(run) if has_card else []
        f = frames(run)
        chart = self._chart_bundle(f)
        with self._lock:
            self._state, self._frames, self._outputs = state, f, []
            self._html = str(self._status_html(is_open=True))
            middle = display.EMPTY if run.is_finished else frontend.headless_bundle(ALTERNATIVE)
            if has_card:
                self._status = Card(self._describe, self._handle, self._on_views)
                self._live = w.Output()
                self._box = w.VBox([self._status, self._live])
                self._chart, self._is_chart_fixed, self._is_drawn = chart, True, False
                self._add(controllers)
                middle = frontend.widget_bundle(self._box)
            bundles = [self._bundle(), middle, display.EMPTY if has_card else chart]
            self._outputs = [frontend.output(one) for one in bundles]
        if self._box is not None and frontend.is_interactive():
            self._watcher.start()  # before it is displayed, since the next cell may keep the kernel busy

    def _on_views(self, n_views: int) -> None:
        """Watch the run only while a page displays the card."""
        if n_views:
            self._draw_first()
            self._watcher.start()
            self._condition.set_displayed()
        else:
            self._watcher.pause()

    def _draw_first(self) -> None:
        with self._lock:
            if self._box is not None and not self._is_drawn:
                self._draw(self._chart, is_fixed=self._state.run.status != "running")

    def _describe(self) -> Json:
        run = self.run
        for controller in tuple(self._questions.values()):
            return {**display.describe_form(controller, self._reasons), "zoom": True}
        status = str(style.status(run.status))
        title = visible(f"{run.label} · {status}")
        text = visible(self._watcher.state.message)
        return {"kind": "status", "empty": {"title": title, "text": text}, "spoken": title, "zoom": True}

    def _handle(self, content: Json) -> None:
        zoom = content.get("zoom")
        for controller in tuple(self._questions.values())[:1]:
            controller.receive(content)
        if "zoom" in content:
            pair = zoom if isinstance(zoom, list) and len(zoom) == 2 else []
            is_plain = all(isinstance(one, str | int | float) for one in pair)
            self._zoom = pair if pair and is_plain else None

    def _show(self, state: WatchState) -> None:
        """Redraw what changed."""
        run = state.run
        if self._box is None:
            return
        self._draw_first()
        for controller in tuple(self._questions.values()):
            controller.update_run(run)  # first, because it may give a receipt
        f, is_fixed = frames(run), run.status != "running"
        is_same = f.steps.equals(self._frames.steps) and is_fixed == self._is_chart_fixed
        chart = None if is_same else self._chart_bundle(f)
        controllers = self._new_controllers(run)
        with self._lock:
            if self._box is None:
                return
            self._state, self._frames = state, f
            self._condition.notify_all()  # first, because a cell may wait, and the display may fail
            self._add(controllers)
            self._update_status()
            if chart is not None:
                self._draw(chart, is_fixed=is_fixed)
            if state.is_over:
                self._end_if_done()

    def _status_html(self, *, is_open: bool = False) -> Markup:
        """Show the run's status, its questions, the receipts, and its findings."""
        run, sentence = self.run, summarize_run(self._frames.runs.iloc[0])
        parts = [display.line(display.run_heading(self._client, run)), display.line(self._state.message)]
        parts += [display.line(title) for title in self._receipts]
        for item in run.interrupts if not run.is_finished else ():
            question = question_of(run, item.id)
            if question is not None:
                parts.append(display.question_html(question, self._client))
        if run.output is not None:
            parts.append(display.evidence(run.output.to_dict()))
        is_open = is_open or run.is_finished
        return display.folding(sentence, Markup("").join(parts), is_open=is_open)

    def _update_status(self) -> None:
        html = str(self._status_html())
        if html != self._html:
            self._html = html
            self._update(0, self._bundle())
        if self._status is not None:
            self._status.show()

    def _bundle(self) -> Bundle:
        return {"text/html": self._html, "text/plain": visible(summarize_run(self._frames.runs.iloc[0]))}

    def _chart_bundle(self, f: Frames) -> dict[str, Any]:
        """Make a chart as plotly's JSON, with its alt text for pages that cannot draw it."""
        import plotly.io

        figure = gantt(f)
        if self._zoom is not None:
            figure.update_xaxes(range=self._zoom, autorange=False)
        bundle: dict[str, Any] = plotly.io.renderers["plotly_mimetype"].to_mimebundle(figure.to_dict())
        return {**bundle, **display.note(str(figure.layout.meta["alt"]))}

    def _draw(self, chart: dict[str, Any], *, is_fixed: bool) -> None:
        """Draw a chart in its own output, or in the card."""
        assert self._live is not None  # noqa: S101 - there is a card
        self._is_drawn = True
        was_fixed, self._is_chart_fixed, self._chart = self._is_chart_fixed, is_fixed, chart
        if is_fixed:
            if was_fixed:
                self._update(2, display.EMPTY)  # another mime type, so that the next chart is drawn anew
            self._update(2, chart)
            self._live.outputs = ()  # last, so that there always is a chart
        else:
            self._live.outputs = ({"output_type": "display_data", "metadata": {}, "data": chart},)
            if was_fixed:
                self._update(2, display.EMPTY)

    def _new_controllers(self, run: Run) -> list[AnswerController]:
        """Make a controller for each pending question without a card; some of them list documents."""
        waiting = () if run.is_finished else run.interrupts
        questions = [question_of(run, item.id) for item in waiting if item.id not in self._questions]
        return [
            AnswerController(self._client, question, **self._options)
            for question in questions
            if question is not None
        ]

    def _add(self, controllers: list[AnswerController]) -> None:
        for controller in controllers:
            if controller.question.interrupt_id not in self._questions:
                self._questions[controller.question.interrupt_id] = controller
                controller.subscribe(self._on_answer)

    def _on_answer(self, snapshot: Snapshot) -> None:
        """Show what became of an answer; a receipt takes the place of its question, also after the end."""
        if snapshot.receipt is None:
            if self.run.is_finished:  # an answer that was being sent did not arrive
                for controller in tuple(self._questions.values()):
                    controller.update_run(self.run)
            if self._status is not None:
                self._status.show()
            return
        with self._lock:
            self._receipts.append(snapshot.receipt.title)
            for key, controller in tuple(self._questions.items()):
                if controller.snapshot.is_final:
                    del self._questions[key]
            self._update_status()
            self._end_if_done()
        self._watcher.poll_now()

    def _update(self, number: int, bundle: Bundle | dict[str, Any]) -> None:
        if number < len(self._outputs) and self._outputs[number] is not None:
            self._outputs[number].update(bundle, raw=True)

    def _end_if_done(self) -> None:
        """End after the last state, but keep a question that is being answered or holds entries."""
        if self._state.is_over and not self._questions:
            self._end("Run finished. Live updates off." if self.run.is_finished else self._state.message)

    def _end(self, text: str) -> None:
        """Replace the card by a text and close its widgets."""
        box, self._box, live, self._live = self._box, None, self._live, None
        status, self._status = self._status, None
        if box is None or live is None or status is None:
            return
        self._condition.notify_all()
        if not (self._is_chart_fixed and self._is_drawn):
            self._update(2, self._chart)
        self._update(1, display.note(text))
        self._questions = {}
        for widget in (box.layout, live.layout, box, live, status):
            widget.close()

    async def ended(self, timeout: float | None = None) -> Run:
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
        if self.run.is_finished:
            return self.run
        if self._box is None and frontend.is_interactive():
            self._ipython_display_()
        if not await self._condition.wait_for(lambda: self._box is None or self._state.is_over, timeout):
            raise WaitTimeout(
                f"the run did not end within {duration(timeout)}; the monitor is still watching it", self.run
            )
        if not self.run.is_finished:
            raise UsageError(
                f"the run has not ended, and the monitor was closed; display it again to watch the run "
                f"({self._watcher.state.message})"
            )
        return self.run

    def close(self) -> None:
        """End the thread and the connection, and remove the forms. Their entries remain as drafts."""
        self._watcher.close()
        with self._lock:
            self._end("Live updates off. Rerun the cell to watch the run.")
