"""Verdicts: what became of a question, and the receipt that says it.

`VERDICTS` is the whole table: what a newer state of the run says of the question, and what is known of an
answer from this machine, give the state, how the receipt looks, and its words.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from runkit import answers
from runkit.answers import CONFIRMED, SELF_DECLARED, Entry
from runkit.client import Client
from runkit.style import OUTCOMES
from runkit.text import moment, shorten, timestamp
from runkit.widgets.question import Outcome, Question
from runkit.widgets.questions import Questionnaire, objects

Facts = tuple[tuple[str, str], ...]
SHORT_DIGEST = 12  # hex digits: enough to find the entry in the log
MAX_REASON = 1000  # characters


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
_EXPIRED = f"{OUTCOMES['lapsed']}{{when}}."
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

    `tone` says how it looks: ok, attention or neutral. `reason` is the typed text, empty with
    `receipts="short"`.
    """

    title: str
    facts: Facts
    tone: str = "attention"
    reason: str = ""


@dataclass(frozen=True)
class Sent:
    """An answer that left this machine. `by` is self-declared."""

    at: datetime
    by: str
    words: str
    digest: str
    reason: str = ""
    is_confirmed: bool = False

    @classmethod
    def from_answer(cls, answer: Mapping[str, Any], by: str, at: datetime, words: str) -> Sent:
        """Describe an answer."""
        notes = [one.get("note") for one in (answer, *objects(answer.get("proposals")))]
        reason = shorten(" / ".join(one for one in notes if isinstance(one, str)), MAX_REASON)
        return cls(at, by, words, answers.digest(answer), reason)

    @classmethod
    def from_entry(cls, entry: Entry, question: Question) -> Sent:
        """Describe an answer of the log."""
        answer = json.loads(entry.answer)
        words = Questionnaire(question.value or {"type": entry.kind}).receipt(answer)
        is_confirmed = entry.delivery == CONFIRMED
        return cls(entry.sent_at, entry.answered_by, words, entry.answer_digest, "", is_confirmed)


def verdict(
    question: Question,
    client: Client,
    outcome: Outcome,
    sent: Sent | None,
    *,
    earlier: Sent | None = None,
    unsent: str = "",
    is_logged: bool = True,
) -> tuple[State, Receipt]:
    """Give the end state of a question, and its receipt.

    `sent` is the answer from this machine that may have closed it, `earlier` an unconfirmed one before it,
    and `unsent` tells what became of an answer that closed nothing.
    """
    known = NONE if sent is None else CLEAR if sent.is_confirmed else DOUBTFUL
    state, tone, title = VERDICTS[outcome.word, known]
    by = shorten(outcome.by, 80) if outcome.by else ""
    facts = [
        ("question", shorten(question.label, 300)),
        ("run", question.run.label),
        ("run ID", question.run.id),
        ("host", f"{client.host} ({client.mode})"),
    ]
    if outcome.word in ("closed", ACCEPTED):
        api = f" by {by} (according to the API)" if by else ""
        facts.append(("closed", f"{timestamp(outcome.at) if outcome.at else 'time unknown'}{api}"))
    if sent is not None:
        where = "in runkit.answer_log() on the machine that sent it"
        facts += [
            ("answer", f"{sent.words} (SHA-256 {sent.digest[:SHORT_DIGEST]}…)"),
            ("signed", f"{sent.by} ({SELF_DECLARED}: the API records only the account)"),
            ("delivery", DELIVERY[known]),
            ("full answer", where if is_logged else "NOT saved: runkit.answer_log() could not be written"),
        ]
    if earlier is not None:
        text = f"{earlier.words}, sent {moment(earlier.at)} by {earlier.by}, not confirmed"
        facts.append(("earlier answer", text))
    title = title.format(
        words=sent.words if sent else "",
        at=moment(outcome.at or sent.at) if sent else "",
        who=by or (sent.by if sent else ""),
        doubt=f"We couldn't confirm that your answer of {moment(sent.at)} arrived." if sent else "",
        by=f" by {by}" if by else "",
        when=f", {moment(outcome.at)}" if outcome.at else "",
        unsent=unsent,
    )
    return state, Receipt(title.strip(), tuple(facts), tone, sent.reason if sent else "")
