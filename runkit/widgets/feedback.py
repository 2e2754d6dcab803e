"""`FeedbackForm`: thumbs and a comment for what a run found.

The API tells nobody which ratings there are, so what is shown is what was rated from here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import ipywidgets as w

from runkit.client import Client
from runkit.errors import AuthError, MaybeSent
from runkit.models import Artifact, Run
from runkit.text import Markup, html_table, moment, plural, short_id, shorten
from runkit.widgets import display, frontend, jobs
from runkit.widgets.controller import Controller
from runkit.widgets.fields import escape_mathjax, path_class
from runkit.widgets.focus import Guard
from runkit.widgets.view import View, button

SHOWN = 20  # artifacts: each takes three controls
TITLE, SUMMARY = 80, 300  # characters
CHOICES = (("choose…", ""), ("positive", "positive"), ("negative", "negative"))
FRAME = {"border": "1px solid var(--jp-border-color1)", "padding": "8px", "margin": "4px 0"}
NO_ID = "The API cannot take a rating of it: it gave it no id."
READ_ONLY = "This client is read_only: it shows the artifacts and cannot rate them."
ALTERNATIVE = "rate with client.runs.feedback(run, artifact_id, rating, comment) instead"
_NOTE = Markup('<div id="{}"><b>{}</b></div>')


@dataclass(frozen=True)
class Rating:
    """Where the rating of one artifact stands.

    `receipt` is what was taken last, `sent` its rating and comment; `problem` is what is wrong since.
    """

    receipt: str = ""
    problem: str = ""
    is_sending: bool = False
    sent: tuple[str, str] | None = None

    @property
    def words(self) -> str:
        """All of it."""
        said = (self.receipt, self.problem, "Sending the rating." if self.is_sending else "")
        return " ".join(one for one in said if one)


@dataclass(frozen=True)
class Snapshot:
    """The standings by artifact id, and whose changed last. The higher `version` is the newer."""

    version: int = 0
    ratings: Mapping[str, Rating] = field(default_factory=dict)
    changed: str | None = None


class FeedbackController(Controller[Snapshot]):
    """The ratings of one run's artifacts. Every method may be called from any thread."""

    def __init__(self, client: Client, run: Run) -> None:
        super().__init__()
        self.client, self.run = client, run
        found = artifacts_of(run)
        self.artifacts, self.n_left_out = found[:SHOWN], max(0, len(found) - SHOWN)
        self.rateable = {one.id: one for one in self.artifacts if one.id}
        self._snapshot = Snapshot(ratings=dict.fromkeys(self.rateable, Rating()))

    def send(self, artifact_id: str, rating: str, comment: str) -> None:
        """Send a rating, as a job. Does nothing while one is on its way, or if it was the last one taken."""
        with self._lock:
            was = self._snapshot.ratings[artifact_id]
            if was.is_sending or was.sent == (rating, comment):
                return
            if rating:
                self._change(artifact_id, problem="", is_sending=True, sent=None)
            else:
                self._change(artifact_id, problem="Nothing was sent. Choose a rating.")
        self._notify()
        if rating:
            jobs.start(lambda: self._send(artifact_id, rating, comment), "feedback")

    def _send(self, artifact_id: str, rating: str, comment: str) -> None:
        try:
            taken = self.client.runs.feedback(self.run, artifact_id, rating, comment)
        except Exception as error:
            changes: dict[str, Any] = {"problem": _refusal(error)}
        else:
            replaced = "; it replaced an earlier rating" if taken.superseded_prior else ""
            receipt = f"Rated {rating} at {moment(taken.created_at)}{replaced}."
            changes = {"receipt": receipt, "sent": (rating, comment)}
        with self._lock:
            self._change(artifact_id, is_sending=False, **changes)
        self._notify()

    def _change(self, artifact_id: str, **changes: Any) -> None:
        was = self._snapshot
        state = replace(was.ratings[artifact_id], **changes)
        self._snapshot = Snapshot(was.version + 1, {**was.ratings, artifact_id: state}, artifact_id)


class FeedbackForm:
    """A form to rate what a run found; the last line of a cell shows it.

    `run` is a run or its id. For each artifact, the output's first, 20 at most: positive or negative, and a
    comment of at most 5,000 characters. A rating replaces the earlier one of the same account or user.

    Two outputs: the artifacts with what was rated from here, readable without a kernel; and the form.
    `client.runs.feedback(run, artifact_id, rating, comment)` is the same without a screen; `controller` is where
    the form stands.

    Raises what `client.runs.get` raises; later failures are said beside their artifact.
    """

    def __init__(self, client: Client, run: str | Run) -> None:
        self.controller = FeedbackController(client, client.runs.get(run))
        self.controller.subscribe(self._changed)
        self._head: Any = None
        self._card: Any = None
        self._view: _View | None = None

    def __repr__(self) -> str:
        controller = self.controller
        n_rated = sum(bool(one.receipt) for one in controller.snapshot.ratings.values())
        what = f"{plural(len(controller.artifacts), 'artifact')}, {n_rated} rated"
        return f"FeedbackForm(run {short_id(controller.run.id)}, {what}, {controller.client.mode})"

    def _ipython_display_(self) -> None:
        run = self.controller.run
        self.close()  # where it was shown before
        frontend.replace_card(("feedback", self.controller.client.host, run.id, run.created_at), self)
        self._head = frontend.output(static(self.controller))
        if self.controller.rateable and frontend.is_headless():
            frontend.output(frontend.headless_bundle(ALTERNATIVE))
        elif self.controller.rateable:
            view = self._view = _View(self.controller)
            self._card = frontend.output(frontend.widget_bundle(view.box))

    def _changed(self, _snapshot: Snapshot) -> None:
        if self._head is not None:
            self._head.update(static(self.controller), raw=True)

    def close(self) -> None:
        """Take the form away; what was rated stays in the table, what was typed and not sent is lost."""
        view, self._view = self._view, None
        if view is not None:
            view.close()
            if self._card is not None:
                words = "This form was closed. Run the cell again to rate."
                self._card.update(display.bundle(display.static(display.line(words)), words), raw=True)


class _View(View[Snapshot]):
    """The ratings as widgets."""

    def __init__(self, controller: FeedbackController) -> None:
        super().__init__()
        self.guard = Guard()
        self._controller = controller
        self._notes = {one: w.HTML().add_class("mathjax_ignore") for one in controller.rateable}
        self.box = w.VBox([self.guard, *(self._inputs(*item) for item in controller.rateable.items())])
        self.box.add_class("runkit-card")
        self.follow(controller)

    def _inputs(self, artifact_id: str, artifact: Artifact) -> w.Widget:
        named = {"style": {"description_width": "initial"}}
        title = escape_mathjax(shorten(artifact.title, TITLE))
        rating = w.Dropdown(description=f"Rating of {title}", options=CHOICES, **named)
        rating.add_class(path_class("rating-", artifact_id))
        comment = w.Textarea(description="Comment", rows=2, **named)
        send = button(
            "Send this rating", lambda: self._controller.send(artifact_id, rating.value, comment.value)
        )
        return w.VBox([rating, comment, self._notes[artifact_id], send], layout=FRAME)

    def _show(self, snapshot: Snapshot) -> None:
        errors = {}
        for artifact_id, state in snapshot.ratings.items():
            css_class = path_class("rating-", artifact_id)
            note = _NOTE.format(f"{css_class}-error", state.words) if state.words else ""
            self._notes[artifact_id].value = str(note)
            if state.problem:
                errors[css_class] = state.problem
        self.guard.errors = errors
        if snapshot.changed is not None:
            title = shorten(self._controller.rateable[snapshot.changed].title, TITLE)
            state = snapshot.ratings[snapshot.changed]
            self.guard.said = f"{title}: {state.words}"
            if state.problem:
                self.guard.focus(path_class("rating-", snapshot.changed))


def artifacts_of(run: Run) -> list[Artifact]:
    """Give the artifacts of a run, the output's first, each once by its id."""
    found = [*(run.output.artifacts if run.output else ()), *(one for s in run.walk() for one in s.artifacts)]
    kept: dict[object, Artifact] = {}
    for number, artifact in enumerate(found):
        kept.setdefault(artifact.id or number, artifact)
    return list(kept.values())


def static(controller: FeedbackController) -> display.Bundle:
    """Make what a page without widgets shows: the run, its artifacts, and what was rated from here."""
    ratings, run, client = controller.snapshot.ratings, controller.run, controller.client
    rows = [
        (
            shorten(one.title, TITLE),
            one.confidence or "none given",
            shorten(one.summary or "", SUMMARY),
            (ratings[one.id].words or "not rated here") if one.id else NO_ID,
        )
        for one in controller.artifacts
    ]
    left = f"{plural(controller.n_left_out, 'more artifact')} not shown; client.runs.feedback rates any."
    lines = [
        display.run_heading(client, run),
        *([READ_ONLY] if client.read_only else []),
        *([left] if controller.n_left_out else []),
        *([] if rows else ["The run shows no artifacts."]),
    ]
    head = f"What to rate: {run.sentence()}"
    table = html_table(("artifact", "confidence", "summary", "rating"), rows) if rows else Markup("")
    words = "\n".join([head, *lines, *(f"{row[0]}: {row[-1]}" for row in rows)])
    return display.bundle(display.static(display.title(head), *map(display.line, lines), table), words)


def _refusal(error: Exception) -> str:
    told = jobs.error_message(error)
    if isinstance(error, MaybeSent):
        return f"The rating may have arrived; sending it again replaces it. {told}"
    if isinstance(error, AuthError) and error.status == 403:
        return f"Not rated: the account may lack the feature. {told}"
    return f"Not rated. {told}"
