"""`FeedbackForm`: rate the findings of a run, with plain ipywidgets.

The API doesn't list ratings, so the form shows only those that it sent.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import ipywidgets as w

from runkit.arguments import checked
from runkit.client import Client
from runkit.errors import AuthError, MaybeSent
from runkit.models import Artifact, Run
from runkit.style import MISSING
from runkit.text import Markup, block, esc, html_table, moment, shorten
from runkit.widgets import card, display, jobs
from runkit.widgets.card import CellOutput, update

MAX_ARTIFACTS = 20  # each has three controls
TITLE, SUMMARY = 80, 300  # characters
SETTLE_S = 0.3  # a busy page may deliver a click before the comment that was typed before it
THUMBS = (("Helpful", "positive"), ("Not helpful", "negative"))
NO_ID = "Can't be rated: the API gave it no ID."
READ_ONLY = "Read-only: this client can show findings but not rate them."
ALTERNATIVE = "rate with client.runs.feedback(run, artifact_id, rating, comment) instead"
HEAD = Markup('<b><bdi>{}</bdi></b> <span class="rk-pill">{}</span><div><bdi>{}</bdi></div>')


class FeedbackForm(CellOutput[None]):
    """A form to rate the findings of a run; the last line of a cell shows it.

    It shows up to 20 artifacts, the output's first. "Helpful" and "Not helpful" send a rating at once, with
    the comment of up to 5,000 characters if there is one; "Send comment" sends a comment that was typed
    later. A rating replaces the earlier one of the same account or user.

    The cell gets two outputs: the artifacts with the ratings sent from here, readable without a kernel, and
    the form. `.widget` is the form as an ipywidget, to be shown inside another one, and
    `client.runs.feedback(run, artifact_id, rating, comment)` does the same without a screen.

    Parameters
    ----------
    client : Client
        Reads the run and sends ratings.
    run : str or Run
        A run, its id, or a unique prefix of its id of at least 8 characters.

    Raises
    ------
    RunkitError
        Whatever `client.runs.get` raises; later failures are shown beside their artifact.
    """

    _alternative = ALTERNATIVE
    _end_text = "Form closed. Rerun the cell to rate."

    @checked
    def __init__(self, client: Client, run: str | Run) -> None:
        super().__init__()
        self._client, self._run = client, client.runs.get(client.runs.full_id(run))
        artifacts = artifacts_of(self._run)
        self._n_left_out = len(artifacts[MAX_ARTIFACTS:])
        self._rows = [_Row(client, self._run, item, self._show) for item in artifacts[:MAX_ARTIFACTS]]

    def __repr__(self) -> str:
        return f"FeedbackForm({self._run.label}, {self._n_rated}, {self._client.mode})"

    @property
    def widget(self) -> w.VBox:
        """The form as an ipywidget."""
        if self._card is None:
            self._count = w.Label(self._n_rated)
            self._card = w.VBox([self._count, *(row.build() for row in self._rows)])
        return self._card

    @property
    def _n_rated(self) -> str:
        n_rated = sum(row.rating is not None for row in self._rows)
        return f"{n_rated} of {len(self._rows)} rated"

    def _key(self) -> object:
        return "feedback", self._client.host, self._run.id, self._run.created_at

    def _show(self) -> None:
        self._count.value = self._n_rated
        update(self._head, self._static())

    def _static(self) -> display.Bundle:
        """Build the part for pages without widgets, folded where the form is below it."""
        head = display.run_heading(self._client, self._run)
        rows = [(*row.cells, row.message) for row in self._rows]
        lines = [f"Findings of this run: {self._n_rated}."]
        if self._n_left_out:
            lines.append(f"{self._n_left_out:,} more not shown; client.runs.feedback rates any.")
        table = html_table(("Finding", "Confidence", "Summary", "Rating"), rows)
        text = "\n".join([head, *lines, *(f"{title}: {message}" for title, _, _, message in rows)])
        return display.twin(head, text, lines=lines, table=table, is_open=not card.is_interactive())


class _Row:
    """One artifact with its controls, and the rating that the API accepted."""

    def __init__(self, client: Client, run: Run, artifact: Artifact, on_change: Callable[[], None]) -> None:
        self._client, self._run, self._id, self._on_change = client, run, artifact.id, on_change
        confidence = artifact.confidence or MISSING
        summary = shorten(artifact.summary or "", SUMMARY)
        self.cells = shorten(artifact.title, TITLE), shorten(confidence.capitalize(), 40), summary
        self.message = READ_ONLY if client.read_only else "" if artifact.id else NO_ID
        self.rating: str | None = None

    def build(self) -> w.VBox:
        """Build the widgets of the row; it has no controls if it cannot be rated."""
        # sent once, when it loses the focus: edits are throttled, and a click could overtake them
        self._comment = w.Textarea(placeholder="Comment", rows=2, continuous_update=False)
        self._thumbs = w.ToggleButtons(options=THUMBS, value=self.rating)
        self._button = w.Button(description="Send comment")
        self._status = w.HTML(block(esc(self.message)))
        self._thumbs.observe(self._on_thumb, "value")
        self._button.on_click(self._on_click)
        controls = [self._thumbs, self._comment, self._button]
        line = w.HBox(controls if self._id and not self._client.read_only else [])
        return w.VBox([w.HTML(block(HEAD.format(*self.cells))), line, self._status])

    def _on_thumb(self, change: dict[str, Any]) -> None:
        if change["new"] not in (None, self.rating):
            self._send(change["new"])

    def _on_click(self, _button: w.Button) -> None:
        if self.rating is None:
            self._show("Not sent. Choose Helpful or Not helpful first.")
        else:
            self._send(self.rating)

    def _send(self, rating: str) -> None:
        """Send a rating and the comment as a job, unless one is being sent."""
        if self._button.disabled:
            return
        self._button.disabled = self._thumbs.disabled = True
        self._show("Sending…")
        if problem := jobs.start(lambda: self._post(rating), "feedback"):
            self._finish(f"Not sent. {problem}")

    def _post(self, rating: str) -> None:
        time.sleep(SETTLE_S)
        try:
            feedback = self._client.runs.feedback(self._run, self._id, rating, self._comment.value)
        except Exception as error:
            self._finish(_refusal(error))
            return
        self.rating = rating
        replaced = " Replaced an earlier rating." if feedback.superseded_prior else ""
        self._finish(f"Rated {rating}, {moment(feedback.created_at)}.{replaced}")

    def _finish(self, message: str) -> None:
        self._thumbs.value = self.rating
        self._show(message)
        self._button.disabled = self._thumbs.disabled = False

    def _show(self, message: str) -> None:
        self.message = message
        self._status.value = block(esc(message))
        self._on_change()


def artifacts_of(run: Run) -> list[Artifact]:
    """Return the artifacts of a run, the output's first, each once by its id."""
    output = run.output.artifacts if run.output else ()
    unique: dict[object, Artifact] = {}
    for number, artifact in enumerate([*output, *(item for step in run.walk() for item in step.artifacts)]):
        unique.setdefault(artifact.id or number, artifact)
    return list(unique.values())


def _refusal(error: Exception) -> str:
    message = jobs.error_message(error)
    if isinstance(error, MaybeSent):
        return f"We couldn't confirm it arrived. Sending it again replaces it. {message}"
    if isinstance(error, AuthError) and error.status == 403:
        return f"Not rated. Feedback may not be enabled for this account. {message}"
    return f"Not rated. {message}"
