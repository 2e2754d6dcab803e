"""One question of a run: its value, its digest, its outcome, and the receipt that says what became of it.

`VERDICTS` is the whole table: what a newer state of the run says of the question, and what is known of an
answer from this machine, give the state, how the receipt looks, and its words.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from typing import NamedTuple

from runkit import answers, style
from runkit.answers import CONFIRMED, SELF_DECLARED, Entry
from runkit.client import Client
from runkit.client.resume import is_pending
from runkit.contract import Json, answerer_of, objects
from runkit.errors import RunkitError, UsageError
from runkit.logs import log
from runkit.models import Run
from runkit.objects import Document
from runkit.questions import interrupt_kind, proposals_of
from runkit.tables.frames import Frames, frames
from runkit.text import moment, plural, short_id, shorten, timestamp
from runkit.widgets import drafts
from runkit.widgets.questionnaire import NO_LABEL, Questionnaire

Facts = tuple[tuple[str, str], ...]
SHORT_DIGEST = 12  # hex digits: enough to find the entry in the log
MAX_REASON = 1000  # characters
ALTERNATIVE = "answer with client.runs.resume(run, interrupt_id, answer) instead"
UNIDENTIFIED = "Business not identified yet"


class Outcome(NamedTuple):
    """The outcome of a question: `open`, `changed`, `expired` or `closed`.

    `at` is the server's time of the answer, `by` the person's name, both as far as the API gives them.
    """

    word: str
    at: datetime | None = None
    by: str | None = None


@dataclass(frozen=True)
class Question:
    """A question as it was when it was read. `asked_at` is the server's time, None if no step gives it.

    One without an id is shown and cannot be answered through the API.
    """

    run: Run
    interrupt_id: str | None
    value: Json
    agent: str | None
    label: str
    step_id: str | None
    asked_at: datetime | None

    @cached_property
    def digest(self) -> str:
        """The SHA-256 of the question's value, which shows whether it has changed."""
        return answers.digest(self.value)

    @cached_property
    def frames(self) -> Frames:
        """The frames of the run."""
        return frames(self.run)

    @property
    def proposals(self) -> list[Json]:
        """The proposals, one or several."""
        return proposals_of(self.value)

    def shown_digest(self, host: str) -> str:
        """The SHA-256 of what tells this question from all others: its run, its id and its value."""
        return answers.digest({"question": [*self.key(host), self.digest]})

    def key(self, host: str) -> tuple[str, str, str, str]:
        """Return a unique key; the run's time of creation tells sandboxes apart."""
        return host, self.run.id, self.run.created_at.isoformat(), self.interrupt_id or self.digest

    @property
    def row_key(self) -> tuple[str, str]:
        """The ids of the run and of the question, which is empty if there is none."""
        return self.run.id, self.interrupt_id or ""

    def outcome(self, run: Run) -> Outcome:
        """Find the outcome in a newer state of the run, read with its steps."""
        if is_pending(run, self.interrupt_id or "") and not run.is_finished:
            current = next((item for item in run.interrupts if item.id == self.interrupt_id), None)
            is_same = current is None or answers.digest(current.value) == self.digest
            return Outcome("open" if is_same else "changed")
        step = next((step for step in run.walk() if step.id == self.step_id), None)
        if step is not None and step.completed_at is not None:
            return Outcome("closed", step.completed_at, answerer_of(step.to_dict()))
        return Outcome("expired", run.ended_at) if step is not None and run.is_finished else Outcome("closed")

    def logged_answers(self, host: str) -> list[Entry]:
        """Return the answers from this machine, oldest first, without those to an earlier equal id."""
        return [
            entry
            for entry in logged_answers(self.run, host)
            if entry.interrupt_id == self.interrupt_id
            and entry.question_digest in (None, self.digest)
            and (entry.step_id == self.step_id or None in (entry.step_id, self.step_id))
        ]

    def documents(self, client: Client) -> list[Document]:
        """List the business's documents if the question asks for one; otherwise a person types its id."""
        needs_documents = {"document", "verify_tin"} & {*map(interrupt_kind, self.proposals)}
        if not needs_documents or self.run.business_id is None:
            return []
        try:
            return [*client.documents.list(self.run.business_id)]
        except RunkitError:
            return []


def questions_of(run: Run) -> list[Question]:
    """Return the pending questions of a run that was read with its steps."""
    asked = frames(run).interrupts.dropna(subset="step_id").fillna({"interrupt_id": ""})
    asked = asked[asked["outcome"] == "pending"].drop_duplicates("interrupt_id", keep=False)
    columns = asked[["interrupt_id", "step_id", "asked_at"]]
    steps = {interrupt_id: step for interrupt_id, *step in columns.itertuples(index=False, name=None)}
    questions = []
    for item in () if run.is_finished else run.interrupts:
        step_id, asked_at = steps.get(item.id or "", (None, None))
        label, asked_at = item.label or NO_LABEL, asked_at and asked_at.to_pydatetime()
        questions.append(Question(run, item.id, item.value, item.agent, label, step_id, asked_at))
    return questions


def question_of(run: Run, interrupt_id: str | None = None) -> Question | None:
    """Return a pending question of a run that was read with its steps; None if it isn't pending.

    Without an id it is the only pending question. Raises `UsageError` if there are several. An empty id is
    that of the first question that has none.
    """
    waiting = [one for one in questions_of(run) if interrupt_id in (None, one.interrupt_id or "")]
    if interrupt_id is None and len(waiting) > 1:
        choices = "; ".join(f"{one.interrupt_id!r}: {shorten(one.label, 80)}" for one in waiting)
        raise UsageError(
            f"run {short_id(run.id)} has {plural(len(waiting), 'question')} waiting; "
            f"choose one with interrupt=: {choices}"
        )
    return waiting[0] if waiting else None


def logged_answers(run: Run, host: str) -> list[Entry]:
    """Return the answers from this machine to a run's questions, oldest first.

    Refused and undelivered answers are left out. A log that cannot be read causes a warning and gives none.
    """
    try:
        entries = answers.entries([run.id])
    except UsageError as error:
        log.warning("the answer log was not read: %s", error)
        return []
    is_known = (None, run.created_at)
    sent = [one for one in entries if one.delivery not in (answers.FAILED, answers.REFUSED)]
    return [one for one in sent if one.host == host and one.run_created_at in is_known]


# -------------------------------------------------------------------------------------- what became of it


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
CLEAR, DOUBTFUL, NONE = "confirmed", "doubtful", "none"  # an answer from this machine
_CHANGED = "The question has changed. Rerun this cell to see the new one."
_SIGNED = "{words}, {at} · signed {who}"
_ELSEWHERE = f"Answered from another notebook on this machine: {_SIGNED}"
_EXPIRED = f"{style.OUTCOMES['lapsed']}{{when}}."
VERDICTS: dict[tuple[str, str], tuple[State, str, str]] = {
    # the question, an answer from here: state, tone, title
    (ACCEPTED, CLEAR): (State.SETTLED, "ok", _SIGNED),
    ("closed", CLEAR): (State.CONFLICT, "attention", _ELSEWHERE),
    ("closed", DOUBTFUL): (State.SETTLED, "attention", "Closed. {doubt}"),
    ("closed", NONE): (State.CONFLICT, "attention", "Already answered{by}{when}. {unsent}"),
    ("changed", DOUBTFUL): (State.CONFLICT, "attention", f"{{doubt}} {_CHANGED}"),
    ("changed", NONE): (State.CONFLICT, "attention", f"Not sent. {_CHANGED}"),
    ("expired", DOUBTFUL): (State.EXPIRED, "neutral", f"{_EXPIRED} {{doubt}}"),
    ("expired", NONE): (State.EXPIRED, "neutral", f"{_EXPIRED} This doesn't count as a rejection."),
}
DELIVERY = {CLEAR: "confirmed", DOUBTFUL: "unconfirmed: the API doesn't tell whose answer it took"}


@dataclass(frozen=True)
class Receipt:
    """The outcome of a question: one sentence, and its details as (name, value).

    `words` say what was answered and `tone` how it looks: ok, attention or neutral. `reason` is the typed
    text, empty with `receipts="short"`.
    """

    title: str
    facts: Facts
    words: str = ""
    tone: str = "attention"
    reason: str = ""


class Sent(NamedTuple):
    """An answer that left this machine. `by` is self-declared."""

    at: datetime
    by: str
    answer: Json
    is_confirmed: bool = False


def sent_of(entry: Entry) -> Sent:
    """Return an answer of the log."""
    return Sent(entry.sent_at, entry.answered_by, json.loads(entry.answer), entry.delivery == CONFIRMED)


def run_facts(run: Run, client: Client) -> Facts:
    """Return the details of every receipt: its run, and where the run is."""
    return ("run", run.label), ("run ID", run.id), ("host", f"{client.host} ({client.mode})")


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

    `sent` is the answer from this machine that may have closed it, and `unsent` tells what became of an
    answer that closed nothing. `has_reason`: whether the receipt of an accepted answer shows the typed text.
    """
    known = NONE if sent is None else CLEAR if sent.is_confirmed else DOUBTFUL
    state, tone, title = VERDICTS[outcome.word, known]
    by = shorten(outcome.by, 80) if outcome.by else ""
    facts = [("question", shorten(question.label, 300)), *run_facts(question.run, client)]
    if outcome.word in ("closed", ACCEPTED):
        api = f" by {by} (according to the API)" if by else ""
        facts.append(("closed", f"{timestamp(outcome.at) if outcome.at else 'time unknown'}{api}"))
    values = {
        "by": f" by {by}" if by else "",
        "when": f", {moment(outcome.at)}" if outcome.at else "",
        "unsent": unsent,
    }
    words = reason = ""
    if sent is not None:
        words = Questionnaire(question.value).receipt(sent.answer)
        digest = answers.digest(sent.answer)[:SHORT_DIGEST]
        where = "in runkit.answer_log() on the machine that sent it"
        facts += [
            ("answer", f"{words} (SHA-256 {digest}…)"),
            ("signed", f"{sent.by} ({SELF_DECLARED}: the API records only the account)"),
            ("delivery", DELIVERY[known]),
            ("full answer", where if is_logged else "NOT saved: runkit.answer_log() could not be written"),
        ]
        doubt = f"We couldn't confirm that your answer of {moment(sent.at)} arrived."
        values |= {"words": words, "at": moment(outcome.at or sent.at), "who": by or sent.by, "doubt": doubt}
        if has_reason and outcome.word == ACCEPTED:
            notes = [one.get("note") for one in (sent.answer, *objects(sent.answer.get("proposals")))]
            reason = shorten(" / ".join(one for one in notes if isinstance(one, str)), MAX_REASON)
    title = title.format(**values).strip()
    return state, Receipt(title, tuple(facts), words if known == CLEAR else "", tone, reason)


def closed_receipt(client: Client, run: Run, interrupt_id: str | None, *, has_reason: bool = True) -> Receipt:
    """Make the receipt of a closed question: the one that this machine answered last, if any."""
    facts = (*run_facts(run, client), ("status", str(style.status(shorten(run.status, 40)))))
    if run.status == "interrupted" and (interrupt_id is None or is_pending(run, interrupt_id)):
        return Receipt(f"The run's question can't be read; {ALTERNATIVE}.", facts)
    drafts.drop_closed(run, client.host)
    logged = [one for one in logged_answers(run, client.host) if interrupt_id in (None, one.interrupt_id)]
    if logged:
        entry = logged[-1]
        value, label = {"type": entry.kind}, entry.label or "unknown"
        question = Question(run, entry.interrupt_id, value, entry.agent, label, entry.step_id, None)
        outcome, sent = question.outcome(run), sent_of(entry)
        word = ACCEPTED if sent.is_confirmed else "expired" if outcome.word == "expired" else "closed"
        return verdict(question, client, outcome._replace(word=word), sent, has_reason=has_reason)[1]
    which = f"question {interrupt_id!r} isn't" if interrupt_id else "no question of this run is"
    return Receipt(f"Nothing to answer: {which} waiting.", facts)
