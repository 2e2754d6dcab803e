"""`FeedbackForm`: rate the findings of a run, with plain ipywidgets.

The API doesn't list ratings, so the form shows only those that it sent.
"""

from __future__ import annotations

import time

import ipywidgets as w

from runkit.api.models import Artifact, Run
from runkit.arguments import checked
from runkit.client import Client
from runkit.display.text import block, esc, moment, shorten, truncated
from runkit.widgets import _static_form
from runkit.widgets._card import CellOutput, update
from runkit.widgets._event_queue import EventQueue, error_message
from runkit.widgets._page_messages import ToPage

SETTLE_S = 0.3  # a busy page may deliver a click before the comment that was typed before it
RATINGS = {"Helpful": "positive", "Not helpful": "negative"}
NO_ID = "Can't be rated: the API gave it no ID."
READ_ONLY = "Read-only: this client can show findings but not rate them."


class FeedbackForm(CellOutput):
    """A form to rate the findings of a run; the last line of a cell shows it.

    It shows the artifacts, the output's first. "Helpful" and "Not helpful" send a rating at once,
    with the comment of up to 5,000 characters if there is one. A rating replaces the earlier one of
    the same account or user.

    The cell gets two outputs: the artifacts with the ratings sent from here, readable without a
    kernel, and the form. `.widget` is the form as an ipywidget, to be shown inside another one, and
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

    _end_text = "Form closed. Rerun the cell to rate."

    @checked
    def __init__(self, client: Client, run: str | Run) -> None:
        self._client = client
        self._run = client.runs.get(client.runs.full_id(run))
        self._artifacts = artifacts_of(self._run)
        self._queue = EventQueue("ratings")
        self._rated: set[Artifact] = set()  # the API has accepted these
        self._messages: dict[Artifact, str] = {}

    def __repr__(self) -> str:
        return f"FeedbackForm({self._run.label}, {self._n_rated}, {self._client.mode})"

    @property
    def widget(self) -> w.VBox:
        """The form as an ipywidget."""
        if self._card is None:
            self._count = w.Label(self._n_rated)
            self._card = w.VBox([self._count, *map(self._row, self._artifacts)])
        return self._card

    @property
    def _n_rated(self) -> str:
        return f"{len(self._rated)} of {len(self._artifacts)} rated"

    def _key(self) -> object:
        return "feedback", self._client.host, self._run.id

    def _static(self) -> _static_form.Bundle:
        return _static_form.twin(self._describe(), is_open=False)

    def _describe(self) -> ToPage:
        where = f"{self._run.label} · {self._client.mode} {self._client.host}"
        lines = [f"{_text(item)} {self._message(item)}" for item in self._artifacts]
        return {"kind": "status", "title": f"{where}: {self._n_rated}.", "lines": lines}

    def _message(self, artifact: Artifact) -> str:
        if self._client.read_only:
            return READ_ONLY
        return self._messages.get(artifact, "") if artifact.id else NO_ID

    def _row(self, artifact: Artifact) -> w.VBox:
        """Build the widgets of one artifact; it has no controls if it cannot be rated."""
        # sent once, when it loses the focus: edits are throttled, and a click could overtake them
        comment = w.Textarea(placeholder="Comment", rows=2, continuous_update=False)
        buttons = [w.Button(description=word) for word in RATINGS]
        status = w.HTML(block(esc(self._message(artifact))))

        def show(message: str, *, is_busy: bool = False) -> None:
            self._messages[artifact] = message
            self._count.value = self._n_rated
            status.value = block(esc(message))
            for button in buttons:
                button.disabled = is_busy
            update(self._head, self._static())

        def rate(button: w.Button) -> None:
            if button.disabled:
                return

            def post() -> str:
                time.sleep(SETTLE_S)
                word = button.description
                send = self._client.runs.feedback
                sent = send(self._run, artifact.id, RATINGS[word], comment.value or None)
                replaced = " Replaced an earlier rating." if sent.superseded_prior else ""
                return f"Rated {word.lower()}, {moment(sent.created_at)}.{replaced}"

            def rated(message: str) -> None:
                self._rated.add(artifact)
                show(message)

            def failed(error: Exception) -> None:
                show(f"We couldn't confirm the rating. {error_message(error)}")

            show("Sending…", is_busy=True)
            self._queue.start("feedback", post, rated, failed)

        for button in buttons:
            button.on_click(rate)
        controls = [comment, *buttons] if artifact.id and not self._client.read_only else []
        return w.VBox([w.HTML(block(esc(_text(artifact)))), w.HBox(controls), status])


def artifacts_of(run: Run) -> list[Artifact]:
    """Return the artifacts of a run, the output's first, each once by its id."""
    output = run.output.artifacts if run.output else ()
    artifacts = [*output, *(item for step in run.walk() for item in step.artifacts)]
    return [*{item.id or number: item for number, item in enumerate(artifacts)}.values()]


def _text(artifact: Artifact) -> str:
    confidence = f"{artifact.confidence or 'unknown'} confidence"
    return f"{shorten(artifact.title, 200)} ({confidence}): {truncated(artifact.summary or '')}"
