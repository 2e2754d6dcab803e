"""One question of a run: its value, its digest, its outcome, and its receipt.

`VERDICTS` is the whole table: what a newer state of the run says of the question, and what is known
of an answer from this machine, give the state, the tone of the receipt, and its title.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from typing import NamedTuple

from runkit.api.contract import Json
from runkit.api.models import Run
from runkit.api.reading import answerer_of, interrupt_kind, note_of, proposals_of, result_of
from runkit.api.words import KINDS, OUTCOMES, RUN_STATUSES
from runkit.charts.panel import records
from runkit.client import Client
from runkit.client.resume import is_pending
from runkit.display.text import moment, short_id, shorten
from runkit.errors import UsageError
from runkit.local import answer_log
from runkit.local.answer_log import CONFIRMED, SELF_DECLARED, Entry
from runkit.tables.frames import Frames
from runkit.tables.read_frames import frames
from runkit.widgets import _drafts
from runkit.widgets._questionnaire import NO_LABEL, Questionnaire

SHORT_DIGEST = 12  # hex digits: enough to find the entry in the log
MAX_REASON = 1000  # characters
ALTERNATIVE = "answer with client.runs.resume(run, interrupt_id, answer) instead"
UNIDENTIFIED = "Business not identified yet"
# what a question has of its row in the frame of questions
QUESTION_COLUMNS = ["interrupt_id", "step_id", "agent", "label", "asked_at"]


class Outcome(NamedTuple):
    """The outcome of a question: `open`, `changed`, `expired` or `closed`.

    `at` is the server's time of the answer, `by` the person's name, both as far as the API gives
    them.
    """

    word: str
    at: datetime | None = None
    by: str | None = None


class Row(NamedTuple):
    """A question that waits, or that has expired.

    `wait_s` is as of the last check. `asked_at` and `wait_s` are None if no step gives them; the
    business is None until it is identified.
    """

    run_id: str
    business_name: str | None
    interrupt_id: str | None
    kind: str
    label: str
    asked_at: datetime | None
    wait_s: float | None


@dataclass(frozen=True)
class Question:
    """A question as it was when it was read.

    `asked_at` is the server's time, None if no step gives it. A question without an id is shown and
    cannot be answered through the API.
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

    @cached_property
    def shown_digest(self) -> str:
        """The SHA-256 of what identifies this question; the time tells sandboxes apart."""
        created_at = self.run.created_at.isoformat()
        return answer_log.digest({"question": [self.key, created_at, self.digest]})

    @cached_property
    def frames(self) -> Frames:
        """The frames of the run."""
        return frames(self.run)

    @property
    def kind(self) -> str:
        """The kind of answer that is expected."""
        return interrupt_kind(self.value)

    @property
    def proposals(self) -> list[Json]:
        """The proposals, one or several."""
        return proposals_of(self.value)

    @property
    def key(self) -> str:
        """The asking: ids of the run, of the question and of its step; one id is asked again."""
        return asking_key(self.run.id, self.interrupt_id, self.step_id)

    @property
    def since(self) -> datetime:
        """When it was asked, else when its run was updated: it paused no later."""
        return self.asked_at or self.run.updated_at

    @property
    def wait_s(self) -> float | None:
        """How long it had waited when its run was read, in seconds."""
        read_at = self.run.read_at
        return max((read_at - self.since).total_seconds(), 0.0) if read_at else None

    @property
    def row(self) -> Row:
        """What `InterruptInbox.rows` shows of it."""
        run = self.run
        return Row(
            run_id=run.id,
            business_name=run.business_name,
            interrupt_id=self.interrupt_id,
            kind=self.kind,
            label=self.label,
            asked_at=self.asked_at,
            wait_s=self.wait_s,
        )

    def outcome(self, run: Run) -> Outcome:
        """Return the outcome in a newer state of the run, read with its steps."""
        if is_pending(run, self.interrupt_id or "", self.step_id):
            current = next((item for item in run.interrupts if item.id == self.interrupt_id), None)
            is_same = current is None or answer_log.digest(current.value) == self.digest
            return Outcome("open" if is_same else "changed")
        step = next((step for step in run.walk() if step.id == self.step_id), None)
        if step is None:
            return Outcome("closed")
        if step.completed_at is not None:
            return Outcome("closed", step.completed_at, answerer_of(result_of(step.to_dict())))
        return Outcome("expired", run.ended_at) if run.is_finished else Outcome("closed")


def asking_key(run_id: str, interrupt_id: str | None, step_id: str | None) -> str:
    """Build the key of an asking."""
    return f"{run_id} {interrupt_id or ''} {step_id or ''}"


def questions_of(runs: Iterable[Run]) -> list[Question]:
    """Return the pending questions of runs that were read with their steps, in the one order."""
    by_id = {run.id: run for run in runs}
    interrupts = frames([*by_id.values()], progress=False).interrupts.fillna({"label": NO_LABEL})
    pending = interrupts[interrupts["outcome"] == "pending"].sort_values("asked_at", kind="stable")
    questions: dict[tuple[str, str], Question] = {}  # of several askings of one id the last
    for row in records(pending[["run_id", *QUESTION_COLUMNS]]):
        run = by_id[row.pop("run_id")]
        item_id = row["interrupt_id"]
        value = next((item.value for item in run.interrupts if item.id == item_id), None)
        if value is not None:
            questions[run.id, item_id or ""] = Question(run, value, **row)
    return in_order(questions.values())


def in_order(questions: Iterable[Question]) -> list[Question]:
    """Sort questions as all screens do: by kind, then the oldest first."""
    return sorted(questions, key=lambda question: (KINDS.position(question.kind), question.since))


def question_of(run: Run, interrupt_id: str | None = None) -> Question | None:
    """Return a pending question of a run that was read with its steps; None if it isn't pending.

    Without an id it is the only pending question. Raises `UsageError` if there are several. An
    empty id is that of a question that has none.
    """
    waiting = [
        item for item in questions_of([run]) if interrupt_id in (None, item.interrupt_id or "")
    ]
    if len(waiting) > 1:
        choices = "; ".join(f"{item.interrupt_id!r}: {shorten(item.label, 80)}" for item in waiting)
        raise UsageError(
            f"run {short_id(run.id)} has {len(waiting):,} questions waiting; "
            f"choose one with interrupt=: {choices}"
        )
    return waiting[0] if waiting else None


def logged_answers(run: Run, host: str, **asking: str | None) -> list[Entry]:
    """Return the answers from this machine to one asking or all of a run, oldest first.

    Refused and undelivered answers are left out.
    """
    asking |= {"host": host, "run_id": run.id, "run_created_at": run.created_at.isoformat()}
    return answer_log.entries_about(asking)


# -------------------------------------------------------------------------------- end and receipt


class State(StrEnum):
    """The state of an answer."""

    OPEN = "open"
    INVALID = "invalid"
    SENDING = "sending"
    UNKNOWN = "unknown"
    FAILED = "failed"
    SETTLED = "settled"
    CONFLICT = "conflict"
    EXPIRED = "expired"


ACCEPTED = "accepted"  # the question: the API took this answer
# What is known of an answer from this machine: the API took it; the card's own, or another one,
# may have closed the question; there is none.
CLEAR, DOUBTFUL, THEIRS, NONE = "confirmed", "doubtful", "theirs", "none"
_CHANGED = "The question has changed. Rerun this cell to see the new one."
_SIGNED = "{answer}, {at} · signed {who}"
_ELSEWHERE = f"Answered from another notebook on this machine: {_SIGNED}. {{unsent}}"
_EXPIRED = f"{OUTCOMES.find('expired').label}{{when}}."
VERDICTS: dict[tuple[str, str], tuple[State, str, str]] = {
    # by the outcome of the question and that knowledge: the state, the tone and the title
    (ACCEPTED, CLEAR): (State.SETTLED, "ok", _SIGNED),
    ("closed", CLEAR): (State.CONFLICT, "attention", _ELSEWHERE),
    ("closed", DOUBTFUL): (State.SETTLED, "attention", "Closed. {doubt}"),
    ("closed", THEIRS): (State.CONFLICT, "attention", "Closed. {doubt} {unsent}"),
    ("closed", NONE): (State.CONFLICT, "attention", "Already answered{by}{when}. {unsent}"),
    ("changed", DOUBTFUL): (State.CONFLICT, "attention", f"{{doubt}} {_CHANGED}"),
    ("changed", NONE): (State.CONFLICT, "attention", f"Not sent. {_CHANGED}"),
    ("expired", DOUBTFUL): (State.EXPIRED, "neutral", f"{_EXPIRED} {{doubt}}"),
    ("expired", THEIRS): (State.EXPIRED, "neutral", f"{_EXPIRED} {{doubt}}"),
    ("expired", NONE): (State.EXPIRED, "neutral", f"{_EXPIRED} This doesn't count as a rejection."),
}
LOGGED = "in runkit.answer_log() on the machine that sent it"
UNLOGGED = "NOT saved: runkit.answer_log() could not be written"
UNCONFIRMED = "unconfirmed: the API doesn't tell whose answer it took"


@dataclass(frozen=True)
class Receipt:
    """The outcome of a question: one sentence, and its details by name.

    `tone` is ok, attention or neutral. `reason` is the typed text, empty with `receipts="short"`.
    """

    title: str
    facts: dict[str, str]
    tone: str = "attention"
    reason: str = ""


class Sent(NamedTuple):
    """An answer that left this machine, and what is known of it. `by` is self-declared."""

    at: datetime
    by: str
    answer: Json
    certainty: str = DOUBTFUL


def sent_of(entry: Entry) -> Sent:
    """Return an answer of the log, which another card sent."""
    certainty = CLEAR if entry.delivery == CONFIRMED else THEIRS
    return Sent(entry.sent_at, entry.answered_by, json.loads(entry.answer), certainty)


def receipt_facts(run: Run, client: Client) -> dict[str, str]:
    """Return the details of every receipt: its run, and where the run is."""
    return {"run": run.label, "run ID": run.id, "host": f"{client.host} ({client.mode})"}


def verdict(
    question: Question,
    client: Client,
    outcome: Outcome,
    sent: Sent | None,
    *,
    unsent: str = "",
    is_logged: bool = True,
    has_reason: bool = False,
) -> tuple[State, Receipt]:
    """Return the end state of a question, and its receipt.

    `sent` is the answer from this machine that may have closed it, and `unsent` says what became of
    an answer that closed nothing. `has_reason`: whether the receipt of an accepted answer shows the
    typed text.
    """
    if sent is not None and sent.certainty == THEIRS and outcome.by:
        sent = None  # the API names who answered
    state, tone, title = VERDICTS[outcome.word, sent.certainty if sent else NONE]
    by = shorten(outcome.by or "", 80)
    facts = receipt_facts(question.run, client) | {"question": shorten(question.label, 300)}
    values = {
        "by": f" by {by}" if by else "",
        "when": f", {moment(outcome.at)}" if outcome.at else "",
        "unsent": unsent,
    }
    reason = ""
    if sent is not None:
        answer = Questionnaire(question.value).receipt(sent.answer)
        digest = answer_log.digest(sent.answer)[:SHORT_DIGEST]
        whose = f"the answer signed {sent.by}" if sent.certainty == THEIRS else "your answer"
        facts |= {
            "answer": f"{answer} (SHA-256 {digest}…)",
            "signed": f"{sent.by} ({SELF_DECLARED}: the API records only the account)",
            "delivery": "confirmed" if sent.certainty == CLEAR else UNCONFIRMED,
            "full answer": LOGGED if is_logged else UNLOGGED,
        }
        values |= {
            "answer": answer,
            "at": moment(outcome.at or sent.at),
            "who": by or sent.by,
            "doubt": f"We couldn't confirm that {whose} of {moment(sent.at)} arrived.",
        }
        if has_reason and outcome.word == ACCEPTED:
            reason = shorten(note_of(sent.answer) or "", MAX_REASON)
    return state, Receipt(title.format(**values).strip(), facts, tone, reason)


def closed_receipt(
    client: Client, run: Run, interrupt_id: str | None, *, has_reason: bool = True
) -> Receipt:
    """Build the receipt of a closed question: the one that this machine answered last, if any.

    The drafts of the run's closed questions are deleted.
    """
    status = str(RUN_STATUSES.find(shorten(run.status, 40)))
    facts = receipt_facts(run, client) | {"status": status}
    if run.status == "interrupted" and (interrupt_id is None or is_pending(run, interrupt_id)):
        return Receipt(f"The run's question can't be read; {ALTERNATIVE}.", facts)
    _drafts.drop_closed(run, client.host)
    entries = logged_answers(run, client.host, interrupt_id=interrupt_id)
    if not entries:
        return Receipt("Nothing to answer: no such question of this run is waiting.", facts)

    entry = entries[-1]
    question = Question(
        run=run,
        value={"type": entry.kind},
        interrupt_id=entry.interrupt_id,
        step_id=entry.step_id,
        agent=entry.agent,
        label=entry.label or NO_LABEL,
        asked_at=None,
    )
    outcome = question.outcome(run)
    sent = sent_of(entry)
    if sent.certainty == CLEAR:
        outcome = outcome._replace(word=ACCEPTED)
    elif outcome.word != "expired":
        outcome = outcome._replace(word="closed")
    _, receipt = verdict(question, client, outcome, sent, has_reason=has_reason)
    return receipt
