"""`FeedbackForm`: rate the findings of a run.

The API doesn't list ratings, so the form shows only those that it sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from runkit.client import Client
from runkit.errors import AuthError, MaybeSent
from runkit.models import Artifact, Run
from runkit.style import CONFIDENCE_COLORS, MISSING
from runkit.text import html_table, moment, plural, shorten, visible
from runkit.widgets import display, jobs
from runkit.widgets.card import CellOutput
from runkit.widgets.controller import Controller
from runkit.widgets.fields import Json

MAX_ARTIFACTS = 20  # each has three controls
TITLE, SUMMARY = 80, 300  # characters
RATINGS = ("positive", "negative")
NO_ID = "Can't be rated: the API gave it no ID."
READ_ONLY = "Read-only: this client can show findings but not rate them."
ALTERNATIVE = "rate with client.runs.feedback(run, artifact_id, rating, comment) instead"


@dataclass(frozen=True)
class Rating:
    """The state of one artifact's rating.

    `receipt` describes the last rating that the API accepted, `sent` is its rating and comment, and `problem`
    is what went wrong since.
    """

    receipt: str = ""
    problem: str = ""
    is_sending: bool = False
    sent: tuple[str, str] = ("", "")

    @property
    def text(self) -> str:
        """The state as text."""
        parts = (self.receipt, self.problem, "Sending…" if self.is_sending else "")
        return " ".join(filter(None, parts))


class FeedbackController(Controller[Mapping[str, Rating]]):
    """The ratings of one run's artifacts, by id. Every method may be called from any thread."""

    def __init__(self, client: Client, run: Run) -> None:
        super().__init__()
        self.client, self.run = client, run
        artifacts = artifacts_of(run)
        self.artifacts = artifacts[:MAX_ARTIFACTS]
        self.n_left_out = len(artifacts) - len(self.artifacts)
        self._snapshot = {one.id: Rating() for one in self.artifacts if one.id}
        self.changed: str | None = None  # the one that changed last

    def send(self, artifact_id: str, rating: str, comment: str) -> None:
        """Send a rating as a job, unless one is being sent or it equals the last accepted one."""
        with self._lock:
            current = self._snapshot.get(artifact_id)
            if current is None or current.is_sending:
                return
            if current.sent == (rating, comment) and not current.problem:
                return
            self._change(artifact_id, problem="", is_sending=True)
            if problem := jobs.start(lambda: self._send(artifact_id, rating, comment), "feedback"):
                self._change(artifact_id, problem=f"Not sent. {problem}", is_sending=False)
        self._notify()

    def _send(self, artifact_id: str, rating: str, comment: str) -> None:
        try:
            feedback = self.client.runs.feedback(self.run, artifact_id, rating, comment)
        except Exception as error:
            self._change(artifact_id, is_sending=False, problem=_refusal(error))
        else:
            replaced = " Replaced an earlier rating." if feedback.superseded_prior else ""
            receipt = f"Rated {rating}, {moment(feedback.created_at)}.{replaced}"
            self._change(artifact_id, is_sending=False, receipt=receipt, sent=(rating, comment))
        self._notify()

    def _change(self, artifact_id: str, **changes: object) -> None:
        with self._lock:
            state = replace(self._snapshot[artifact_id], **changes)  # type: ignore[arg-type]
            self._snapshot, self.changed = {**self._snapshot, artifact_id: state}, artifact_id


class FeedbackForm(CellOutput[FeedbackController]):
    """A form to rate the findings of a run; the last line of a cell shows it.

    It shows up to 20 artifacts, the output's first. Each has two buttons, "Helpful" and "Not helpful",
    which send at once, and a comment of up to 5,000 characters, which is sent with a rating. A rating
    replaces the earlier one of the same account or user.

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

    _alternative = ALTERNATIVE
    _end_text = "Form closed. Rerun the cell to rate."

    def __init__(self, client: Client, run: str | Run) -> None:
        super().__init__()
        self.controller = FeedbackController(client, client.runs.get(client.runs.full_id(run)))
        self.controller.subscribe(self._changed)

    def __repr__(self) -> str:
        controller = self.controller
        return f"FeedbackForm({controller.run.label}, {n_rated(controller)}, {controller.client.mode})"

    def _key(self) -> object:
        run = self.controller.run
        return "feedback", self.controller.client.host, run.id, run.created_at

    def _static(self, *, is_open: bool = True) -> display.Bundle:
        return static(self.controller, is_open=is_open)

    def _describe(self) -> Json:
        rows, changed = rows_of(self.controller), self.controller.changed
        return {
            "kind": "feedback",
            "title": n_rated(self.controller),
            "rows": rows,
            "read_only": self.controller.client.read_only,
            "spoken": next((f"{one['title']}: {one['text']}" for one in rows if one["id"] == changed), ""),
        }

    def _receive(self, content: Json) -> None:
        if content.get("rating") in RATINGS:
            self.controller.send(str(content.get("rate")), content["rating"], str(content.get("comment", "")))


def rows_of(controller: FeedbackController) -> list[Json]:
    """Describe the artifacts and their ratings."""
    rows = []
    for artifact in controller.artifacts:
        rating = controller.snapshot.get(artifact.id or "", Rating())
        confidence = artifact.confidence or ""
        rows.append(
            {
                "id": artifact.id or "",
                "title": shorten(artifact.title, TITLE),
                "confidence": shorten(confidence.capitalize(), 40),
                "tone": CONFIDENCE_COLORS.get(confidence, ""),
                "summary": shorten(artifact.summary or "", SUMMARY),
                "rating": rating.sent[0],
                "text": visible(rating.text) if artifact.id else NO_ID,
                "problem": bool(rating.problem),
            }
        )
    return rows


def n_rated(controller: FeedbackController) -> str:
    """Count the rated artifacts."""
    rated = sum(bool(one.receipt) for one in controller.snapshot.values())
    return f"{rated} of {len(controller.artifacts)} rated"


def artifacts_of(run: Run) -> list[Artifact]:
    """Give the artifacts of a run, the output's first, each once by its id."""
    output = run.output.artifacts if run.output else ()
    unique: dict[object, Artifact] = {}
    for number, artifact in enumerate([*output, *(one for step in run.walk() for one in step.artifacts)]):
        unique.setdefault(artifact.id or number, artifact)
    return list(unique.values())


def static(controller: FeedbackController, *, is_open: bool = True) -> display.Bundle:
    """Make the part for pages without widgets: the run, its artifacts, and the ratings sent from here."""
    rows = [
        (one["title"], one["confidence"] or MISSING, one["summary"], one["text"])
        for one in rows_of(controller)
    ]
    more = plural(controller.n_left_out, "more artifact") if controller.n_left_out else ""
    lines = [
        "Rate the findings of this run.",
        READ_ONLY if controller.client.read_only else "",
        f"{more} not shown; client.runs.feedback rates any." if more else "",
        "" if rows else "This run has no findings.",
    ]
    head = display.run_heading(controller.client, controller.run)
    table = html_table(("Finding", "Confidence", "Summary", "Rating"), rows) if rows else ""
    text = "\n".join([head, *filter(None, lines), *(f"{row[0]}: {row[-1]}" for row in rows)])
    return display.twin(head, text, lines=lines, table=table, is_open=is_open)


def _refusal(error: Exception) -> str:
    message = jobs.error_message(error)
    if isinstance(error, MaybeSent):
        return f"We couldn't confirm it arrived. Sending it again replaces it. {message}"
    if isinstance(error, AuthError) and error.status == 403:
        return f"Not rated. Feedback may not be enabled for this account. {message}"
    return f"Not rated. {message}"
