"""`RunMonitor`: a live run in the notebook, with the form in place when it pauses.

JupyterLab's plotly renderer draws an output once and ignores its updates. So while the run works its chart is
in the card, in an Output widget whose content is replaced at once, without a frame in between; while it waits
and when it has ended the chart is an output of its own, which the saved notebook keeps.
"""

from __future__ import annotations

import threading
from typing import Any

import ipywidgets as w

from runkit.charts.gantt import gantt
from runkit.client import Client
from runkit.errors import UsageError, WaitTimeout
from runkit.models import Run
from runkit.tables.frames import Frames, frames, sentence
from runkit.text import Markup, duration, short_id, visible
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
    """Follows a run: where it stands, a growing Gantt chart, the form when it pauses, what it found.

    `run` is a run or its id; `who` and `drafts` as for `InterruptForm`. The last line of a cell shows it; it
    follows the run's stream while it is shown, and looks from time to time where there is no stream, which it
    says. It redraws at most twice a second. `close()` ends it, and so does showing the same run again.

    Three outputs: where the run stands and what it asks, the chart, and the form. The first two stay readable
    without a kernel. Without a screen it shows the run as it is; `client.runs.wait` is its twin there.

    Raises what `client.runs.get` raises.
    """

    def __init__(
        self, client: Client, run: str | Run, *, who: str | None = None, drafts: bool = True
    ) -> None:
        self._client = client
        self._who = who
        self._drafts = drafts
        self._lock = threading.RLock()  # never held while something is asked or drawn: `close()` waits for it
        run = client.runs.get(run)
        self._watcher = RunWatcher(client, run, on_change=self._show)
        self._state = self._watcher.state
        self._frames = frames(run)
        self._html = ""
        self._chart: dict[str, Any] = {}
        self._is_chart_fixed = False  # in its own output, not in the card
        self._outputs: list[Any] = []  # the display handles: words, chart, card
        self._guard: Guard | None = None
        self._box: w.VBox | None = None
        self._live: w.Output | None = None
        self._forms: dict[str, FormView] = {}
        self._receipts: list[str] = []
        self._condition = frontend.CellCondition()

    @property
    def run(self) -> Run:
        """The run as it was last seen."""
        run = self._watcher.state.run
        assert run is not None  # noqa: S101 - it was read before the watch began
        return run

    def __repr__(self) -> str:
        return f"RunMonitor(run {short_id(self.run.id)}, {self.run.status}, {self._client.mode})"

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
            shown: list[dict[str, Any]] = [self._bundle(), chart if is_chart_fixed else _CHART_BELOW]
            if has_card:
                self._guard, self._box, self._live = Guard(), w.VBox(), w.Output()
                self._box.add_class("runkit-card")
                self._guard.on_view(self._seen)
                self._draw(chart, is_fixed=is_chart_fixed)
                self._add(controllers)
                shown.append(frontend.widget_bundle(self._box))
            elif not run.is_finished:
                shown.append(frontend.headless_bundle(ALTERNATIVE))
            self._outputs = [frontend.output(one) for one in shown]
        if self._box is not None and frontend.is_interactive():
            self._watcher.start()  # and not only when it is drawn: the next cell may keep the kernel busy

    def _seen(self, n_views: int) -> None:
        """Follow only while somebody looks."""
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
            view.controller.update_run(run)  # first: a receipt may come of it
        f, is_fixed = frames(run), run.status != "running"
        is_same = f.steps.equals(self._frames.steps) and is_fixed == self._is_chart_fixed
        chart = None if is_same else _chart_bundle(f)
        controllers = self._new_controllers(run)
        with self._lock:
            if self._box is None:
                return
            self._state, self._frames = state, f
            self._condition.notify_all()  # first: a cell may wait, whatever the display says to what follows
            self._add(controllers)
            self._update_status()
            if chart is not None:
                self._draw(chart, is_fixed=is_fixed)
            if state.is_over:
                self._announce(state.message)
                self._end_if_done()

    def _status_html(self) -> Markup:
        """Say where the run stands, what it asks or has found, and what was answered here."""
        run = self.run
        how = Markup("{}<br>{}").format(display.run_heading(self._client, run), self._state.message)
        parts = [display.title(sentence(self._frames.runs.iloc[0])), display.line(how)]
        parts += [display.line(title) for title in self._receipts]
        for item in run.interrupts if not run.is_finished else ():
            question = question_of(run, item.id)
            if question is not None:
                parts.append(display.header(question, self._client))
        if run.output is not None:
            parts.append(display.evidence(run.output.to_dict()))
        return display.static(*parts)

    def _update_status(self) -> None:
        words = str(self._status_html())
        if words != self._html:
            self._html = words
            self._update(0, self._bundle())

    def _bundle(self) -> Bundle:
        return {"text/html": self._html, "text/plain": visible(sentence(self._frames.runs.iloc[0]))}

    def _draw(self, chart: dict[str, Any], *, is_fixed: bool) -> None:
        """Put a chart into its own output, or into the card."""
        assert self._live is not None  # noqa: S101 - there is a card
        was_fixed, self._is_chart_fixed, self._chart = self._is_chart_fixed, is_fixed, chart
        if is_fixed:
            if was_fixed:
                self._update(1, _CHART_BELOW)  # of another type, so that what follows is drawn anew
            self._update(1, chart)
            self._live.outputs = ()  # last, so that a chart is always there
        else:
            self._live.outputs = ({"output_type": "display_data", "metadata": {}, "data": chart},)
            if was_fixed:
                self._update(1, _CHART_BELOW)

    def _new_controllers(self, run: Run) -> list[AnswerController]:
        """Make the machine of each question that waits and has no form; some ask for documents."""
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
                self._announce(f"The run asks: {question.label}")
        self._arrange()

    def _arrange(self) -> None:
        if self._box is not None and self._guard is not None:
            self._box.children = (self._guard, self._live, *(view.box for view in self._forms.values()))

    def _on_answer(self, snapshot: Snapshot) -> None:
        """Put a receipt in the place of a form that is done, also when nothing is followed any more."""
        if snapshot.receipt is None:
            if self.run.is_finished:  # an answer that was on its way did not arrive
                for view in tuple(self._forms.values()):
                    view.controller.update_run(self.run)
            return
        with self._lock:
            self._receipts.append(snapshot.receipt.title)
            over = [key for key, view in self._forms.items() if view.controller.snapshot.is_final]
            views = [self._forms.pop(key) for key in over]
            for view in views:
                view.render(view.controller.snapshot)  # what it says outlives it
            self._arrange()
            for view in views:
                view.close()
            self._update_status()
            self._end_if_done()
        self._watcher.poll_now()

    def _announce(self, words: str) -> None:
        if self._guard is not None:
            self._guard.announcement = words

    def _update(self, number: int, bundle: Bundle | dict[str, Any]) -> None:
        if number < len(self._outputs) and self._outputs[number] is not None:
            self._outputs[number].update(bundle, raw=True)

    def _end_if_done(self) -> None:
        """End when nothing is followed any more, but not before the verdict, and not with what was typed."""
        if self._state.is_over and not self._forms:
            self._end("Nothing is followed any more.")

    def _end(self, words: str) -> None:
        """Replace the card by words and close its widgets."""
        box, self._box, self._guard, self._live = self._box, None, None, None
        if box is None:
            return
        self._condition.notify_all()
        if not self._is_chart_fixed:
            self._update(1, self._chart)
        self._update(2, display.bundle(display.static(display.line(words)), words))
        for view in self._forms.values():
            view.close()
        self._forms = {}
        close_tree(box)

    async def ended(self, timeout: float | None = None) -> Run:
        """Wait until the run has ended, with all its questions answered; a cell may `await` it.

        `timeout` is in seconds, None waits as long as it takes. Raises `WaitTimeout`; `UsageError` as
        `InterruptForm.answered`, and when the monitor was closed.
        """
        if self.run.is_finished:
            return self.run
        if self._box is None and frontend.is_interactive():
            self._ipython_display_()
        if not await self._condition.wait_for(lambda: self._box is None or self._state.is_over, timeout):
            raise WaitTimeout(
                f"the run had not ended after {duration(timeout)}; it is still followed", self.run
            )
        if not self.run.is_finished:
            raise UsageError(
                f"the run has not ended; show it again to follow it ({self._watcher.state.message})"
            )
        return self.run

    def close(self) -> None:
        """Stop following: thread and connection end, the form goes, and what was typed is still a draft."""
        self._watcher.close()
        with self._lock:
            self._end("This run is no longer followed. Run the cell again to follow it.")


_CHART_BELOW: dict[str, Any] = display.bundle(
    display.static(display.line("The chart below grows while the run works.")), ""
)


def _chart_bundle(f: Frames) -> dict[str, Any]:
    """Draw a chart as plotly's JSON, with its sentence for pages that cannot draw it."""
    import plotly.io

    figure = gantt(f)
    words = str(figure.layout.meta["alt"])
    bundle: dict[str, Any] = plotly.io.renderers["plotly_mimetype"].to_mimebundle(figure.to_dict())
    return {**bundle, **display.bundle(display.static(display.line(words)), words)}
