"""`RunMonitor`: a live run in the notebook, with the form in place when it pauses.

JupyterLab's plotly renderer draws an output once and ignores its updates. So while the run works its chart is
in the card, in an Output widget whose content is replaced at once, without a frame in between; while it waits
and when it has ended the chart is an output of its own, which the saved notebook keeps.
"""

from __future__ import annotations

import threading
from typing import Any

import ipywidgets as w
from markupsafe import Markup

from runkit.charts.timeline import gantt
from runkit.client import Client
from runkit.errors import UsageError, WaitTimeout
from runkit.models import Run
from runkit.tables.linked import Frames, frames, sentence
from runkit.text import duration, short_id
from runkit.widgets import cards, presence
from runkit.widgets.cards import Bundle
from runkit.widgets.fields import close_tree
from runkit.widgets.focus import Guard
from runkit.widgets.machine import FormMachine, Snapshot
from runkit.widgets.question import question_of
from runkit.widgets.view import FormView
from runkit.widgets.watching import Seen, Watch


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
        self._lock = threading.RLock()
        self._watch = Watch(client, client.runs.get(run), on_change=self._show)
        self._frames: Frames | None = None
        self._words = ""
        self._is_chart_fixed = False  # in its own output, not in the card
        self._outputs: list[Any] = []  # the display handles: words, chart, card
        self._guard: Guard | None = None
        self._box: w.VBox | None = None
        self._live: w.Output | None = None
        self._forms: dict[str, FormView] = {}
        self._receipts: list[str] = []
        self._bell = presence.Bell()

    @property
    def run(self) -> Run:
        """The run as it was last seen."""
        run = self._watch.seen.run
        assert run is not None  # noqa: S101 - it was read before the watch began
        return run

    def __repr__(self) -> str:
        return f"RunMonitor(run {short_id(self.run.id)}, {self.run.status}, {self._client.mode})"

    def _ipython_display_(self) -> None:
        from IPython.display import display

        presence.take_place((self._client.host, self.run.id), self)
        seen = self._watch.seen
        with self._lock:
            self._frames = frames(self.run)
            self._words = str(self._standing(seen))
            shown: list[Bundle | dict[str, Any]] = [self._bundle(), self._chart_bundle()]
            if not self.run.is_finished:
                self._guard, self._box, self._live = Guard(), w.VBox(), w.Output()
                self._box.add_class("runkit-card")
                self._guard.on_view(self._seen)
                self._draw()
                self._fill_card(seen)
                shown.append(presence.live(self._box))
            self._outputs = [display(one, raw=True, display_id=True) for one in shown]  # type: ignore[no-untyped-call]
        if self._box is not None and presence.is_attended():
            self._watch.start()  # and not only when it is drawn: the next cell may keep the kernel busy

    def _seen(self, n_views: int) -> None:
        """Follow only while somebody looks."""
        if n_views:
            self._watch.start()
            self._bell.drawn()
        else:
            self._watch.pause()

    def _show(self, seen: Seen) -> None:
        """Redraw what changed."""
        with self._lock:
            if self._box is None or seen.run is None:
                return
            before, is_running = self._frames, seen.run.status == "running"
            self._frames = frames(seen.run)
            self._fill_card(seen)  # first: a receipt may come of it
            words = str(self._standing(seen))
            if words != self._words:
                self._words = words
                self._update(0, self._bundle())
            if (
                before is None
                or not before.steps.equals(self._frames.steps)
                or self._is_chart_fixed == is_running
            ):
                self._draw()
            if seen.is_over:
                self._guard_says(f"The run has ended: {seen.run.status}.")
                self._end("Nothing is followed any more.")

    def _standing(self, seen: Seen) -> Markup:
        """Say where the run stands, what it asks or has found, and what was answered here."""
        run = self.run
        assert self._frames is not None  # noqa: S101 - set before each call
        how = Markup("{}<br>{}").format(cards.place(self._client, run.business_id), seen.message)
        parts = [cards.title(sentence(self._frames.runs.iloc[0])), cards.line(how)]
        parts += [cards.line(told) for told in self._receipts]
        for item in run.interrupts if not run.is_finished else ():
            question = question_of(run, item.id)
            if question is not None:
                parts.append(cards.header(question, self._client))
        if run.output is not None:
            parts.append(cards.evidence(run.output.to_dict()))
        return cards.static(*parts)

    def _bundle(self) -> Bundle:
        assert self._frames is not None  # noqa: S101 - set before each call
        return {"text/html": self._words, "text/plain": sentence(self._frames.runs.iloc[0])}

    def _chart_bundle(self) -> Bundle | dict[str, Any]:
        """Give the chart as plotly's JSON, or a line that says where it is while the run works."""
        assert self._frames is not None  # noqa: S101 - set before each call
        self._is_chart_fixed = self.run.status != "running"
        return _drawn(self._frames) if self._is_chart_fixed else _ELSEWHERE

    def _draw(self) -> None:
        """Draw the chart where it belongs now."""
        assert self._frames is not None and self._live is not None  # noqa: S101, PT018 - there is a card
        was_fixed, bundle = self._is_chart_fixed, self._chart_bundle()
        if self._is_chart_fixed and was_fixed:
            self._update(1, _ELSEWHERE)  # of another type, so that what follows is drawn anew
        if not self._is_chart_fixed:
            data = {"output_type": "display_data", "metadata": {}, "data": _drawn(self._frames)}
            self._live.outputs = (data,)
        if self._is_chart_fixed or was_fixed:
            self._update(1, bundle)
        if self._is_chart_fixed:
            self._live.outputs = ()  # last, so that a chart is always there

    def _fill_card(self, seen: Seen) -> None:
        """Put the form of each question that waits into the card, and take away what was settled."""
        run = self.run
        assert self._box is not None and self._guard is not None  # noqa: S101, PT018 - there is a card
        for view in tuple(self._forms.values()):
            view.machine.saw(run)
        for item in run.interrupts if not run.is_finished else ():
            question = None if item.id in self._forms else question_of(run, item.id)
            if question is None:
                continue
            machine = FormMachine(self._client, question, who=self._who, use_drafts=self._drafts)
            view = self._forms[item.id] = FormView(machine)
            machine.listen(self._settled)
            self._guard_says(f"The run asks: {question.label}")
        self._arrange()

    def _arrange(self) -> None:
        if self._box is not None and self._guard is not None:
            self._box.children = (self._guard, self._live, *(view.box for view in self._forms.values()))

    def _settled(self, snapshot: Snapshot) -> None:
        if snapshot.receipt is None:
            return
        with self._lock:
            self._receipts.append(snapshot.receipt.title)
            over = [key for key, view in self._forms.items() if view.machine.snapshot.is_final]
            views = [self._forms.pop(key) for key in over]
            for view in views:
                view.render(view.machine.snapshot)  # what it says outlives it
            self._arrange()
            for view in views:
                view.close()
        self._watch.answered()

    def _guard_says(self, words: str) -> None:
        if self._guard is not None:
            self._guard.said = words

    def _update(self, number: int, bundle: Bundle | dict[str, Any]) -> None:
        if number < len(self._outputs) and self._outputs[number] is not None:
            self._outputs[number].update(bundle, raw=True)

    def _end(self, words: str) -> None:
        """Replace the card by words and close its widgets."""
        box, self._box, self._guard, self._live = self._box, None, None, None
        self._update(2, cards.bundle(cards.static(cards.line(words)), words))
        for view in self._forms.values():
            view.close()
        self._forms = {}
        if box is not None:
            close_tree(box)
        self._bell.ring()

    async def ended(self, timeout: float | None = None) -> Run:
        """Wait until the run has ended, with all its questions answered; a cell may `await` it.

        `timeout` is in seconds, None waits as long as it takes. Raises `WaitTimeout`; `UsageError` as
        `InterruptForm.answered`, and when the monitor was closed.
        """
        if self.run.is_finished:
            return self.run
        if self._box is None and presence.is_attended():
            self._ipython_display_()
        if not await self._bell.until(lambda: self._box is None, timeout):
            raise WaitTimeout(
                f"the run had not ended after {duration(timeout)}; it is still followed", self.run
            )
        if not self.run.is_finished:
            raise UsageError(
                f"the run is no longer followed ({self._watch.seen.message}); show it again to follow it"
            )
        return self.run

    def close(self) -> None:
        """Stop following: thread and connection end, the form goes, and what was typed is still a draft."""
        self._watch.close()
        with self._lock:
            if self._box is not None and self._frames is not None:
                self._update(1, _drawn(self._frames))
                self._end("This run is no longer followed. Run the cell again to follow it.")


_ELSEWHERE = cards.bundle(cards.static(cards.line("The chart below grows while the run works.")), "")


def _drawn(f: Frames) -> dict[str, Any]:
    """Draw a chart as plotly's JSON, with its sentence for pages that cannot draw it."""
    import plotly.io

    figure = gantt(f)
    words = str(figure.layout.meta["alt"])
    drawn: dict[str, Any] = plotly.io.renderers["plotly_mimetype"].to_mimebundle(figure.to_dict())
    return {**drawn, "text/html": str(cards.static(cards.line(words))), "text/plain": words}
