"""`FeedbackForm`: rate the findings of a run.

The API doesn't list ratings, so the form shows only those that it sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import ipywidgets as w

from runkit.client import Client
from runkit.errors import AuthError, MaybeSent
from runkit.models import Artifact, Run
from runkit.style import MISSING
from runkit.text import Markup, html_table, moment, plural, shorten
from runkit.widgets import display, frontend, jobs
from runkit.widgets.controller import Controller
from runkit.widgets.fields import escape_mathjax, path_class
from runkit.widgets.focus import Guard
from runkit.widgets.view import View, button

MAX_ARTIFACTS = 20  # each has three controls
TITLE, SUMMARY = 80, 300  # characters
CHOICES = (("choose…", ""), ("positive", "positive"), ("negative", "negative"))
FRAME = {"border": "1px solid var(--jp-border-color1)", "padding": "8px", "margin": "4px 0"}
NO_ID = "Can't be rated: the API gave it no ID."
READ_ONLY = "Read-only: this client can show findings but not rate them."
ALTERNATIVE = "rate with client.runs.feedback(run, artifact_id, rating, comment) instead"
_NOTE = Markup('<div id="{}"><b>{}</b></div>')


@dataclass(frozen=True)
class Rating:
    """The state of one artifact's rating.

    `receipt` describes the last rating that the API accepted, `sent` is its rating and comment, and `problem`
    is what went wrong since.
    """

    receipt: str = ""
    problem: str = ""
    is_sending: bool = False
    sent: tuple[str, str] | None = None

    @property
    def text(self) -> str:
        """The state as text."""
        parts = (self.receipt, self.problem, "Sending…" if self.is_sending else "")
        return " ".join(filter(None, parts))


@dataclass(frozen=True)
class Snapshot:
    """The ratings by artifact id, and the id of the one that changed last. The higher `version` is newer."""

    version: int = 0
    ratings: Mapping[str, Rating] = field(default_factory=dict)
    changed: str | None = None


class FeedbackController(Controller[Snapshot]):
    """The ratings of one run's artifacts. Every method may be called from any thread."""

    def __init__(self, client: Client, run: Run) -> None:
        super().__init__()
        self.client, self.run = client, run
        artifacts = artifacts_of(run)
        self.artifacts = artifacts[:MAX_ARTIFACTS]
        self.n_left_out = len(artifacts) - len(self.artifacts)
        self.rateable = {one.id: one for one in self.artifacts if one.id}
        self._snapshot = Snapshot(ratings=dict.fromkeys(self.rateable, Rating()))

    def send(self, artifact_id: str, rating: str, comment: str) -> None:
        """Send a rating as a job, unless one is being sent or it equals the last accepted one."""
        with self._lock:
            current = self._snapshot.ratings[artifact_id]
            if current.is_sending or current.sent == (rating, comment):
                return
            if rating:
                self._change(artifact_id, problem="", is_sending=True, sent=None)
            else:
                self._change(artifact_id, problem="Not sent. Choose a rating.")
        self._notify()
        if rating:
            jobs.start(lambda: self._send(artifact_id, rating, comment), "feedback")

    def _send(self, artifact_id: str, rating: str, comment: str) -> None:
        try:
            feedback = self.client.runs.feedback(self.run, artifact_id, rating, comment)
        except Exception as error:
            changes: dict[str, Any] = {"problem": _refusal(error)}
        else:
            replaced = " Replaced an earlier rating." if feedback.superseded_prior else ""
            receipt = f"Rated {rating}, {moment(feedback.created_at)}.{replaced}"
            changes = {"receipt": receipt, "sent": (rating, comment)}
        with self._lock:
            self._change(artifact_id, is_sending=False, **changes)
        self._notify()

    def _change(self, artifact_id: str, **changes: Any) -> None:
        last = self._snapshot
        state = replace(last.ratings[artifact_id], **changes)
        self._snapshot = Snapshot(last.version + 1, {**last.ratings, artifact_id: state}, artifact_id)


class FeedbackForm:
    """A form to rate the findings of a run; the last line of a cell shows it.

    It shows up to 20 artifacts, the output's first. Each takes positive or negative, and a comment of up to
    5,000 characters. A rating replaces the earlier one of the same account or user.

    The cell gets two outputs: the artifacts with the ratings sent from here, readable without a kernel, and
    the form. `client.runs.feedback(run, artifact_id, rating, comment)` does the same without a screen.

    Parameters
    ----------
    client : Client
        Reads the run and sends ratings.
    run : str or Run
        A run, its id, or a unique prefix of its id of at least 8 characters.

    Attributes
    ----------
    controller
        The state behind the screen: the ratings and what was sent.

    Raises
    ------
    RunkitError
        Whatever `client.runs.get` raises; later failures are shown beside their artifact.
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
        rated = f"{n_rated} of {len(controller.artifacts)} rated"
        return f"FeedbackForm({controller.run.label}, {rated}, {controller.client.mode})"

    def _ipython_display_(self) -> None:
        run = self.controller.run
        self.close()  # in an earlier cell
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
        """Remove the form. Ratings stay in the table, and comments that were not sent are lost."""
        view, self._view = self._view, None
        if view is not None:
            view.close()
            if self._card is not None:
                self._card.update(display.note("Form closed. Rerun the cell to rate."), raw=True)


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
        send = button("Send rating", lambda: self._controller.send(artifact_id, rating.value, comment.value))
        return w.VBox([rating, comment, self._notes[artifact_id], send], layout=FRAME)

    def _show(self, snapshot: Snapshot) -> None:
        errors = {}
        for artifact_id, state in snapshot.ratings.items():
            css_class = path_class("rating-", artifact_id)
            note = _NOTE.format(f"{css_class}-error", state.text) if state.text else ""
            self._notes[artifact_id].value = str(note)
            if state.problem:
                errors[css_class] = state.problem
        self.guard.errors = errors
        if snapshot.changed is not None:
            title = shorten(self._controller.rateable[snapshot.changed].title, TITLE)
            state = snapshot.ratings[snapshot.changed]
            self.guard.announcement = f"{title}: {state.text}"
            if state.problem:
                self.guard.focus(path_class("rating-", snapshot.changed))


def artifacts_of(run: Run) -> list[Artifact]:
    """Give the artifacts of a run, the output's first, each once by its id."""
    output = run.output.artifacts if run.output else ()
    unique: dict[object, Artifact] = {}
    for number, artifact in enumerate([*output, *(one for step in run.walk() for one in step.artifacts)]):
        unique.setdefault(artifact.id or number, artifact)
    return list(unique.values())


def static(controller: FeedbackController) -> display.Bundle:
    """Make the part for pages without widgets: the run, its artifacts, and the ratings sent from here."""
    ratings, run, client = controller.snapshot.ratings, controller.run, controller.client
    rows = [
        (
            shorten(one.title, TITLE),
            one.confidence or MISSING,
            shorten(one.summary or "", SUMMARY),
            (ratings[one.id].text or "Not rated from here") if one.id else NO_ID,
        )
        for one in controller.artifacts
    ]
    left_out = f"{plural(controller.n_left_out, 'more artifact')} not shown; client.runs.feedback rates any."
    lines = [
        "Rate the findings of this run.",
        *([READ_ONLY] if client.read_only else []),
        *([left_out] if controller.n_left_out else []),
        *([] if rows else ["This run has no findings."]),
    ]
    head = display.run_heading(client, run)
    table = html_table(("Finding", "Confidence", "Summary", "Rating"), rows) if rows else Markup("")
    text = "\n".join([head, *lines, *(f"{row[0]}: {row[-1]}" for row in rows)])
    return display.bundle(display.static(display.title(head), *map(display.line, lines), table), text)


def _refusal(error: Exception) -> str:
    message = jobs.error_message(error)
    if isinstance(error, MaybeSent):
        return f"We couldn't confirm it arrived. Sending it again replaces it. {message}"
    if isinstance(error, AuthError) and error.status == 403:
        return f"Not rated. Feedback may not be enabled for this account. {message}"
    return f"Not rated. {message}"
