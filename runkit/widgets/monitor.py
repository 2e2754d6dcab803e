"""`RunMonitor`: a live run in the notebook, with the form in place when it pauses.

JupyterLab's plotly renderer draws an output once and ignores its updates. So the chart of a running run is in
the card, in an Output widget whose content is replaced without flicker. While the run waits, and after it has
ended, the chart is an output of its own, which the saved notebook keeps.
"""

from __future__ import annotations

import threading
from typing import Any

import ipywidgets as w

from runkit import style
from runkit.charts.gantt import gantt
from runkit.client import Client
from runkit.errors import UsageError, WaitTimeout
from runkit.models import Run
from runkit.tables.frames import Frames, frames, summarize_run
from runkit.text import Markup, duration, visible
from runkit.widgets import display, frontend
from runkit.widgets.answer_controller import AnswerController, Snapshot
from runkit.widgets.display import Bundle
from runkit.widgets.fields import close_tree
from runkit.widgets.focus import Guard
from runkit.widgets.question import question_of
from runkit.widgets.run_watcher import RunWatcher, WatchState
from runkit.widgets.view import FormView

ALTERNATIVE = (
    "wait with client.runs.wait(run), answer with client.runs.resume(run, interrupt_id, answer) instead"
)


class RunMonitor:
    """Watches a run: its status, a growing Gantt chart, the form when it pauses, and its findings.

    The last line of a cell shows it. While it is displayed it follows the run's stream, or polls the run if
    there is no stream. It redraws at most twice a second. `close()` ends it, and so does showing the same run
    again. The cell gets three outputs: status and question, the chart, and the form. The first two stay
    readable without a kernel. Without a screen it shows the current state; use `client.runs.wait` there.

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

    Raises
    ------
    RunkitError
        Whatever `client.runs.get` raises.
    """

    def __init__(
        self, client: Client, run: str | Run, *, who: str | None = None, drafts: bool = True
    ) -> None:
        self._client = client
        self._who = who
        self._drafts = drafts
        self._lock = threading.RLock()  # not held during requests and drawing, because `close()` takes it
        run = client.runs.get(run)
        self._watcher = RunWatcher(client, run, on_change=self._show)
        self._state = self._watcher.state
        self._frames = frames(run)
        self._html = ""
        self._chart: dict[str, Any] = {}
        self._is_chart_fixed = False  # in its own output, and not in the card
        self._outputs: list[Any] = []  # the display handles: status, chart, card
        self._guard: Guard | None = None
        self._box: w.VBox | None = None
        self._live: w.Output | None = None
        self._forms: dict[str, FormView] = {}
        self._receipts: list[str] = []
        self._condition = frontend.CellCondition()

    @property
    def run(self) -> Run:
        """The newest known state of the run."""
        run = self._watcher.state.run
        assert run is not None  # noqa: S101 - it was read before the watcher began
        return run

    def __repr__(self) -> str:
        return f"RunMonitor({self.run.label}, {style.status(self.run.status).word}, {self._client.mode})"

    def _ipython_display_(self) -> None:
        frontend.replace_card((self._client.host, self.run.id), self)
        state, run = self._watcher.state, self.run
        has_card = not run.is_finished and not frontend.is_headless()
        is_chart_fixed = not has_card or run.status != "running"
        controllers = self._new_controllers(run) if has_card else []
        f = frames(run)
        chart = _chart_bundle(f)
        with self._lock:
            self._state, self._frames, self._outputs = state, f, []
            self._html = str(self._status_html())
            bundles: list[dict[str, Any]] = [self._bundle(), chart if is_chart_fixed else _CHART_BELOW]
            if has_card:
                self._guard, self._box, self._live = Guard(), w.VBox(), w.Output()
                self._box.add_class("runkit-card")
                self._guard.on_view(self._on_views)
                self._draw(chart, is_fixed=is_chart_fixed)
                self._add(controllers)
                bundles.append(frontend.widget_bundle(self._box))
            elif not run.is_finished:
                bundles.append(frontend.headless_bundle(ALTERNATIVE))
            self._outputs = [frontend.output(one) for one in bundles]
        if self._box is not None and frontend.is_interactive():
            self._watcher.start()  # before it is displayed, since the next cell may keep the kernel busy

    def _on_views(self, n_views: int) -> None:
        """Watch the run only while a page displays the card."""
        if n_views:
            self._watcher.start()
            self._condition.set_displayed()
        else:
            self._watcher.pause()

    def _show(self, state: WatchState) -> None:
        """Redraw what changed."""
        run = state.run
        if self._box is None or run is None:
            return
        for view in tuple(self._forms.values()):
            view.controller.update_run(run)  # first, because it may give a receipt
        f, is_fixed = frames(run), run.status != "running"
        is_same = f.steps.equals(self._frames.steps) and is_fixed == self._is_chart_fixed
        chart = None if is_same else _chart_bundle(f)
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
                self._announce(state.message)
                self._end_if_done()

    def _status_html(self) -> Markup:
        """Show the run's status, its questions, the receipts, and its findings."""
        run = self.run
        heading = Markup("{}<br>{}").format(display.run_heading(self._client, run), self._state.message)
        parts = [display.line(heading), display.title(summarize_run(self._frames.runs.iloc[0]))]
        parts += [display.line(title) for title in self._receipts]
        for item in run.interrupts if not run.is_finished else ():
            question = question_of(run, item.id)
            if question is not None:
                parts.append(display.header(question, self._client))
        if run.output is not None:
            parts.append(display.evidence(run.output.to_dict()))
        return display.static(*parts)

    def _update_status(self) -> None:
        html = str(self._status_html())
        if html != self._html:
            self._html = html
            self._update(0, self._bundle())

    def _bundle(self) -> Bundle:
        return {"text/html": self._html, "text/plain": visible(summarize_run(self._frames.runs.iloc[0]))}

    def _draw(self, chart: dict[str, Any], *, is_fixed: bool) -> None:
        """Draw a chart in its own output, or in the card."""
        assert self._live is not None  # noqa: S101 - there is a card
        was_fixed, self._is_chart_fixed, self._chart = self._is_chart_fixed, is_fixed, chart
        if is_fixed:
            if was_fixed:
                self._update(1, _CHART_BELOW)  # another mime type, so that the next chart is drawn anew
            self._update(1, chart)
            self._live.outputs = ()  # last, so that there always is a chart
        else:
            self._live.outputs = ({"output_type": "display_data", "metadata": {}, "data": chart},)
            if was_fixed:
                self._update(1, _CHART_BELOW)

    def _new_controllers(self, run: Run) -> list[AnswerController]:
        """Make a controller for each pending question without a form; some of them list documents."""
        waiting = () if run.is_finished else run.interrupts
        questions = [question_of(run, item.id) for item in waiting if item.id not in self._forms]
        return [
            AnswerController(self._client, question, who=self._who, use_drafts=self._drafts)
            for question in questions
            if question is not None
        ]

    def _add(self, controllers: list[AnswerController]) -> None:
        for controller in controllers:
            question = controller.question
            if question.interrupt_id not in self._forms:
                self._forms[question.interrupt_id] = FormView(controller)
                controller.subscribe(self._on_answer)
                self._announce(f"The agent asks: {question.label}")
        self._arrange()

    def _arrange(self) -> None:
        if self._box is not None and self._guard is not None:
            self._box.children = (self._guard, self._live, *(view.box for view in self._forms.values()))

    def _on_answer(self, snapshot: Snapshot) -> None:
        """Replace a finished form by its receipt, also after the run has ended."""
        if snapshot.receipt is None:
            if self.run.is_finished:  # an answer that was being sent did not arrive
                for view in tuple(self._forms.values()):
                    view.controller.update_run(self.run)
            return
        with self._lock:
            self._receipts.append(snapshot.receipt.title)
            over = [key for key, view in self._forms.items() if view.controller.snapshot.is_final]
            views = [self._forms.pop(key) for key in over]
            for view in views:
                view.render(view.controller.snapshot)  # for its announcement
            self._arrange()
            for view in views:
                view.close()
            self._update_status()
            self._end_if_done()
        self._watcher.poll_now()

    def _announce(self, text: str) -> None:
        if self._guard is not None:
            self._guard.announcement = text

    def _update(self, number: int, bundle: Bundle | dict[str, Any]) -> None:
        if number < len(self._outputs) and self._outputs[number] is not None:
            self._outputs[number].update(bundle, raw=True)

    def _end_if_done(self) -> None:
        """End after the last state, but keep forms that are sending or hold entries."""
        if self._state.is_over and not self._forms:
            self._end("Run finished. Live updates off." if self.run.is_finished else "Live updates off.")

    def _end(self, text: str) -> None:
        """Replace the card by a text and close its widgets."""
        box, self._box, self._guard, self._live = self._box, None, None, None
        if box is None:
            return
        self._condition.notify_all()
        if not self._is_chart_fixed:
            self._update(1, self._chart)
        self._update(2, display.note(text))
        for view in self._forms.values():
            view.close()
        self._forms = {}
        close_tree(box)

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


_CHART_BELOW: dict[str, Any] = display.bundle(
    display.static(display.line("The chart below grows while agents work.")), ""
)


def _chart_bundle(f: Frames) -> dict[str, Any]:
    """Make a chart as plotly's JSON, with its alt text for pages that cannot draw it."""
    import plotly.io

    figure = gantt(f)
    bundle: dict[str, Any] = plotly.io.renderers["plotly_mimetype"].to_mimebundle(figure.to_dict())
    return {**bundle, **display.note(str(figure.layout.meta["alt"]))}
