"""One question of a run: its value, its digest, and its outcome."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from runkit import answers
from runkit.answers import Entry
from runkit.client import Client
from runkit.client.resume import is_pending
from runkit.contract import answerer_of, interrupt_kind, proposals_of
from runkit.errors import RunkitError, UsageError
from runkit.logs import log
from runkit.models import Run
from runkit.objects import Document
from runkit.tables.frames import frames
from runkit.text import plural, short_id, shorten
from runkit.widgets.questions import NO_LABEL

Json = dict[str, Any]
UNIDENTIFIED = "Business not identified yet"


@dataclass(frozen=True)
class Question:
    """A question as it was when it was read. `asked_at` is the server's time, None if no step gives it."""

    run: Run
    interrupt_id: str
    value: Json
    agent: str | None
    label: str
    kind: str
    step_id: str | None
    asked_at: datetime | None

    @cached_property
    def digest(self) -> str:
        """The SHA-256 of the question's value, which shows whether it has changed."""
        return answers.digest(self.value)

    @property
    def proposals(self) -> list[Json]:
        """The proposals, one or several."""
        return proposals_of(self.value)

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kind of each proposal."""
        return tuple(interrupt_kind(proposal) for proposal in self.proposals)

    def shown_digest(self, host: str) -> str:
        """The SHA-256 of what tells this question from all others: its run, its id and its value."""
        return answers.digest({"question": [*self.key(host), self.digest]})

    def key(self, host: str) -> tuple[str, str, str, str]:
        """Give a unique key; the run's time of creation tells sandboxes apart."""
        return host, self.run.id, self.run.created_at.isoformat(), self.interrupt_id


@dataclass(frozen=True)
class Outcome:
    """The outcome of a question: `open`, `changed`, `expired` or `closed`.

    `at` is the server's time of the answer, `by` the person's name, both as far as the API gives them.
    """

    word: str
    at: datetime | None = None
    by: str | None = None


def question_of(run: Run, interrupt_id: str | None = None) -> Question | None:
    """Give a pending question of a run that was read with its steps; None if it isn't pending.

    Without an id it is the only pending question. Raises `UsageError` if there are several.
    """
    waiting = [item for item in run.interrupts if interrupt_id in (None, item.id)]
    if interrupt_id is None and len(waiting) > 1:
        choices = "; ".join(f"{item.id!r}: {shorten(item.label or NO_LABEL, 80)}" for item in waiting)
        raise UsageError(
            f"run {short_id(run.id)} has {plural(len(waiting), 'question')} waiting; "
            f"choose one with interrupt=: {choices}"
        )
    if not waiting or run.is_finished:
        return None
    item = waiting[0]
    rows = frames(run).interrupts.to_dict("records")
    row: dict[Any, Any] = next((row for row in rows if row["interrupt_id"] == item.id), {})
    has_step = isinstance(row.get("step_id"), str)
    return Question(
        run=run,
        interrupt_id=item.id,
        value=item.value,
        agent=item.agent,
        label=item.label or NO_LABEL,
        kind=interrupt_kind(item.value),
        step_id=row["step_id"] if has_step else None,
        asked_at=row["asked_at"].to_pydatetime() if has_step else None,
    )


def outcome_of(question: Question, run: Run) -> Outcome:
    """Find a question's outcome in a newer state of its run, read with its steps."""
    if is_pending(run, question.interrupt_id) and not run.is_finished:
        current = next((item for item in run.interrupts if item.id == question.interrupt_id), None)
        is_same = current is None or answers.digest(current.value) == question.digest
        return Outcome("open" if is_same else "changed")
    step = next((step for step in run.walk() if step.id == question.step_id), None)
    if step is None:
        return Outcome("closed")
    if step.completed_at is not None:
        return Outcome("closed", step.completed_at, answerer_of(step.to_dict()))
    return Outcome("expired", run.ended_at) if run.is_finished else Outcome("closed")


def logged_answers(run: Run, host: str, question: Question | None = None) -> list[Entry]:
    """Give the answers from this machine to a question, or to all of the run's, oldest first.

    Refused and undelivered answers are left out, and so are answers to an earlier question with the same id.
    A log that cannot be read causes a warning and gives no answers.
    """
    try:
        entries = answers.entries([run.id])
    except UsageError as error:
        log.warning("the answer log was not read: %s", error)
        return []
    return [
        entry
        for entry in entries
        if entry.host == host
        and entry.run_created_at in (None, run.created_at)
        and entry.delivery not in (answers.FAILED, answers.REFUSED)
        and (question is None or _is_about(entry, question))
    ]


def _is_about(entry: Entry, question: Question) -> bool:
    return (
        entry.interrupt_id == question.interrupt_id
        and entry.question_digest in (None, question.digest)
        and (entry.step_id == question.step_id or None in (entry.step_id, question.step_id))
    )


def documents_for(question: Question, client: Client) -> list[Document]:
    """List the business's documents if the question asks for one; otherwise a person types its id."""
    needs_documents = {"document", "verify_tin"} & set(question.kinds)
    if not needs_documents or question.run.business_id is None:
        return []
    try:
        return client.documents.list(question.run.business_id)
    except RunkitError:
        return []
