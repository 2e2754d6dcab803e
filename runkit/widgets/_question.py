"""One open question of a run, and what a newer state of the run says of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property

from runkit.api.contract import BUSINESS_FIELDS, Json
from runkit.api.models import Run, Step
from runkit.api.reading import answerer_of, decision_of, result_of
from runkit.api.words import OUTCOMES
from runkit.client.resume import is_pending
from runkit.display.text import moment, shorten
from runkit.local import answer_log
from runkit.tables.questions import PENDING, Question, questions_of

NO_LABEL = "The question is not in the data"
CHANGED = "The question has changed. Refresh, or run the cell again, to see the new one."
LAPSED = f"{OUTCOMES.find('expired').label}. This doesn't count as a rejection."


@dataclass(frozen=True)
class OpenQuestion:
    """A question as it was when it was read.

    `value` is what is asked, `asked_at` the server's time, None if no step gives it.
    """

    run: Run
    value: Json
    interrupt_id: str | None
    step_id: str | None
    agent: str | None
    label: str
    asked_at: datetime | None

    @cached_property
    def digest(self) -> str:
        """The SHA-256 of the question's value, which shows whether it has changed."""
        return answer_log.digest(self.value)

    @property
    def key(self) -> tuple[str, str | None, str | None, str]:
        """What tells it from another asking of the same id, and from a changed question."""
        return self.run.id, self.interrupt_id, self.step_id, self.digest

    @property
    def since(self) -> datetime:
        """When it was asked, else when its run was updated."""
        return self.asked_at or self.run.updated_at

    @property
    def wait_s(self) -> float | None:
        """How long it had waited when its run was read, in seconds."""
        read_at = self.run.read_at
        return max((read_at - self.since).total_seconds(), 0.0) if read_at else None

    def logged(self, host: str) -> list[answer_log.Entry]:
        """Return the answers to it from this machine that may have arrived, oldest first."""
        return answer_log.entries_about(
            {
                "host": host,
                "run_id": self.run.id,
                "run_created_at": self.run.created_at.isoformat(),
                "interrupt_id": self.interrupt_id,
                "step_id": self.step_id,
                "question_digest": self.digest,
            }
        )

    def named_by(self, run: Run) -> OpenQuestion:
        """Return the question with the business that another state of its run knows."""
        business = {name: getattr(run, name) for name in BUSINESS_FIELDS}
        return replace(self, run=self.run.with_local_fields(**business))

    def step_in(self, run: Run) -> Step | None:
        """Return the step of the question in a state of the run."""
        return next((step for step in run.walk() if step.id == self.step_id), None)

    def answerer_in(self, run: Run) -> str | None:
        """Return who answered, as the API says."""
        step = self.step_in(run)
        name = answerer_of(result_of(step.to_dict())) if step else None
        return shorten(name, 80) if name else None

    def closed_in(self, run: Run) -> str:
        """Return why it can't be answered in a newer state of the run; empty if it is open."""
        step = self.step_in(run)
        if is_pending(run, self.interrupt_id or "", self.step_id) or _waits(step, run):
            current = next((item for item in run.interrupts if item.id == self.interrupt_id), None)
            is_same = current is None or answer_log.digest(current.value) == self.digest
            return "" if is_same else CHANGED
        if step is None or step.completed_at is None:
            return LAPSED if run.is_finished and step else "Already answered."
        decision = decision_of(result_of(step.to_dict()))
        by = self.answerer_in(run)
        parts = (
            "Already answered",
            f" “{shorten(decision, 80)}”" if decision else "",
            f" by {by}" if by else "",
            f", {moment(step.completed_at)}.",
        )
        return "".join(parts)


def _waits(step: Step | None, run: Run) -> bool:
    """Return whether a question is open that only its step shows."""
    return step is not None and step.is_open_question and run.is_waiting and not run.interrupts


def waiting_questions(runs: Iterable[Run]) -> list[OpenQuestion]:
    """Return the open questions of runs that were read with their steps, the longest wait first."""
    questions = [question for run in runs for question in _questions_in(run)]
    return sorted(questions, key=lambda question: question.since)


def _questions_in(run: Run) -> list[OpenQuestion]:
    steps = [step for step in run.walk() if step.type == "interrupt"]
    raw = {number: step.to_dict() for number, step in enumerate(steps)}
    rows = questions_of(run.to_dict(), 0, raw)
    return [
        _open_question(run, row, steps[row.step] if row.step >= 0 else None)
        for row in rows
        if row.outcome == PENDING
    ]


def _open_question(run: Run, row: Question, step: Step | None) -> OpenQuestion:
    value = row.value
    if step is not None and not value:  # only the step shows what is asked
        value = {"label": row.label, "artifacts": [item.to_dict() for item in step.artifacts]}
    return OpenQuestion(
        run=run,
        value=value,
        interrupt_id=row.interrupt_id,
        step_id=step.id if step else None,
        agent=row.agent,
        label=row.label or NO_LABEL,
        asked_at=step.started_at if step else None,
    )
