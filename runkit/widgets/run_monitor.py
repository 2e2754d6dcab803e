"""`RunMonitor`: a live run in the notebook, with its question above the chart when it pauses."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import ipywidgets as w

from runkit.api.models import Run
from runkit.api.words import RUN_STATUSES
from runkit.arguments import check_kind, checked
from runkit.charts.gantt import draw
from runkit.charts.svg import image
from runkit.client import Client
from runkit.client.resume import is_stale
from runkit.display.text import Markup, block, plural, shorten
from runkit.errors import RateLimited, RunkitError, Unavailable
from runkit.tables.frames import READ
from runkit.tables.read_frames import frames
from runkit.widgets._answer_form import Receipt
from runkit.widgets._question import note_html
from runkit.widgets._work import SavedBox
from runkit.widgets.interrupt_form import RunForms

# Seconds between two reads, which grow while nothing changes.
FIRST, MAXIMUM, GROWTH = 1.0, 10.0, 1.5


def chart_html(run: Run) -> Markup:
    """Draw the Gantt chart of a run as a picture."""
    f = frames(run)
    if run.read_at is not None:  # in whole seconds: a step may be newer by less than one
        f = replace(f, as_of_basis=READ)
    return image(draw(f))


class RunMonitor(SavedBox):
    """Watches a run: what it does now, its question when it pauses, and its Gantt chart.

    The last line of a cell shows it. It reads the run every 1 to 10 seconds until it has ended,
    `close()` is called, or a newer monitor watches the same run. The question is answered as in
    `InterruptForm`. The chart is a picture; `runkit.gantt(run)` is the interactive one, which a
    notebook keeps. Of the monitor it keeps the sentence, the question and the receipts. The monitor
    is an ipywidgets `VBox`.

    Parameters
    ----------
    client : Client
        Reads the run and sends answers.
    run : str or Run
        A run, its id, or a unique prefix of its id of at least 8 characters.
    who : str, optional
        Name of the person who answers, self-declared; by default the login.

    Raises
    ------
    RunkitError
        Whatever `client.runs.get` raises; later failures are shown.
    """

    @checked
    def __init__(self, client: Client, run: str | Run, *, who: str | None = None) -> None:
        check_kind("client", client, Client)
        super().__init__()
        read = client.runs.get(run)
        self.forms = RunForms(client, read, self.work, who, self._draw_state)
        self.sentence = w.HTML()
        self.chart = w.HTML(layout=w.Layout(width="100%"))
        self.show(self.sentence, self.forms.box, self.chart)
        self._draw_state()
        if not read.is_finished:
            self.work.repeat((client.host, read.id), self._watch(client))

    @property
    def run(self) -> Run:
        """The newest known state of the run."""
        return self.forms.run

    @property
    def receipts(self) -> list[Receipt]:
        """How its questions ended here: each with its `question`, `delivery` and `text`."""
        return self.forms.receipts

    def __repr__(self) -> str:
        word = RUN_STATUSES.find(self.run.status).label
        return f"RunMonitor({self.run.label}, {word}, {self.forms.client.mode})"

    async def _watch(self, client: Client) -> None:
        """Read the run until it has ended."""
        pause = FIRST
        while not self.run.is_finished:
            await asyncio.sleep(pause)
            pause = min(MAXIMUM, pause * GROWTH)
            try:
                run = await asyncio.to_thread(client.runs.get, self.run)
            except (Unavailable, RateLimited) as error:
                self._say(f"{error} Trying again.", "attention")
                continue
            except RunkitError as error:
                self._say(f"Live updates stopped. {error}", "fail")
                return
            if run != self.run and not is_stale(run, self.run):
                pause = FIRST
                self.forms.take(run)
            self._draw_state()

    def _say(self, text: str, tone: str) -> None:
        self.sentence.value = block(note_html(text, tone))

    def _draw_state(self) -> None:
        """Show the newest state."""
        run = self.run
        sentence = note_html(state_sentence(run))
        self.sentence.value = block(sentence)
        self.chart.value = block(chart_html(run))
        self.save(sentence + self.forms.html)


def state_sentence(run: Run) -> str:
    """Write what a run does now."""
    steps = [*run.walk()]
    done = sum(step.completed_at is not None for step in steps)
    status = RUN_STATUSES.find(run.status)
    text = f"{run.label}: {shorten(str(status), 60)}"
    if steps:
        text += f", {done:,} of {plural(len(steps), 'step')} done"
    now = [step.label or step.name or step.id for step in steps if step.completed_at is None]
    if now and not run.is_finished:
        text += f", now: {shorten(now[-1], 100)}"
    return text
