"""Receipts: what is known about a closed question."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from runkit import answers
from runkit.answers import SELF_DECLARED, Entry
from runkit.client import Client
from runkit.style import OUTCOMES
from runkit.text import moment, shorten, timestamp
from runkit.widgets.question import Outcome, Question
from runkit.widgets.questions import receipt_of

Facts = tuple[tuple[str, str], ...]
SHORT_DIGEST = 12  # hex digits: enough to find the entry in the log
MAX_REASON = 1000  # characters


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


@dataclass(frozen=True)
class Sent:
    """An answer that left this machine. `by` is self-declared."""

    at: datetime
    by: str
    words: str
    digest: str
    reason: str = ""

    @classmethod
    def from_answer(cls, answer: Mapping[str, Any], by: str, at: datetime, words: str) -> Sent:
        """Describe an answer."""
        return cls(at, by, words, answers.digest(answer), _reason(answer))

    @classmethod
    def from_entry(cls, entry: Entry, question: Question) -> Sent:
        """Describe an answer of the log."""
        answer = json.loads(entry.answer)  # not jsontext, which refuses half a surrogate pair
        value = question.value or {"type": entry.kind}
        words = receipt_of(value, answer)
        return cls(entry.sent_at, entry.answered_by, words, entry.answer_digest, _reason(answer))


def _reason(answer: Mapping[str, Any]) -> str:
    parts = answer.get("proposals")
    notes = [one.get("note") for one in parts if isinstance(one, dict)] if isinstance(parts, list) else []
    texts = [one for one in (answer.get("note"), *notes) if isinstance(one, str)]
    return shorten(" / ".join(texts), MAX_REASON)


def answered(
    question: Question,
    client: Client,
    sent: Sent,
    outcome: Outcome,
    *,
    earlier: Sent | None = None,
    is_logged: bool = True,
    has_reason: bool = True,
) -> Receipt:
    """Make the receipt of an answer that the API accepted; `earlier` is an unconfirmed one before it.

    Who answered is whom the API names, else who signed.
    """
    by = _api_name(outcome.by) if outcome.by else sent.by
    facts = (
        *_facts(question, client, outcome),
        *_sent_facts(sent),
        ("delivery", "confirmed"),
        _log_fact(is_logged),
    )
    if earlier is not None and earlier != sent:
        text = f"{earlier.words}, sent {moment(earlier.at)} by {earlier.by}, not confirmed"
        facts = (*facts, ("earlier answer", text))
    title = f"{sent.words}, {moment(outcome.at or sent.at)} · signed {by}"
    return Receipt(title, facts, sent.words, "ok", sent.reason if has_reason else "")


def unconfirmed(question: Question, client: Client, sent: Sent, outcome: Outcome) -> Receipt:
    """Make the receipt of a question that is closed while nobody knows by whose answer."""
    delivery = ("delivery", "unconfirmed: the API doesn't tell whose answer closed it")
    facts = (*_facts(question, client, outcome), *_sent_facts(sent), delivery, _log_fact(is_logged=True))
    return Receipt(f"Closed. {_unconfirmed_text(sent)}", facts)


def from_another_notebook(question: Question, client: Client, sent: Sent, outcome: Outcome) -> Receipt:
    """Make the receipt of a question that another notebook of this machine has answered."""
    known = answered(question, client, sent, outcome, has_reason=False)
    return replace(
        known, title=f"Answered from another notebook on this machine: {known.title}", tone="attention"
    )


def answered_elsewhere(question: Question, client: Client, outcome: Outcome, unsent: str) -> Receipt:
    """Make the receipt of a question that somebody else closed; `unsent` tells what became of our answer."""
    by = f" by {_api_name(outcome.by)}" if outcome.by else ""
    when = f", {moment(outcome.at)}" if outcome.at else ""
    return Receipt(f"Already answered{by}{when}. {unsent}".strip(), _facts(question, client, outcome))


def changed(question: Question, client: Client, outcome: Outcome, earlier: Sent | None) -> Receipt:
    """Make the receipt of a question that is no longer the one that was displayed."""
    before = _unconfirmed_text(earlier) if earlier else "Not sent."
    title = f"{before} The question has changed. Rerun this cell to see the new one."
    return Receipt(title, _facts(question, client, outcome))


def expired(question: Question, client: Client, outcome: Outcome, earlier: Sent | None) -> Receipt:
    """Make the receipt of a question whose run ended first."""
    when = f" ({moment(outcome.at)})" if outcome.at else ""
    after = _unconfirmed_text(earlier) if earlier else "This doesn't count as a rejection."
    title = f"{OUTCOMES['lapsed']}{when}. {after}"
    return Receipt(title, _facts(question, client, outcome), tone="neutral")


def _unconfirmed_text(earlier: Sent) -> str:
    return f"We couldn't confirm that your answer of {moment(earlier.at)} arrived."


def _api_name(name: str) -> str:
    return shorten(name, 80)


def _sent_facts(sent: Sent) -> Facts:
    signed = f"{sent.by} ({SELF_DECLARED}: the API records only the account)"
    return (("answer", f"{sent.words} (SHA-256 {sent.digest[:SHORT_DIGEST]}…)"), ("signed", signed))


def _log_fact(is_logged: bool) -> tuple[str, str]:
    where = "in runkit.answer_log() on the machine that sent it"
    return "full answer", where if is_logged else "NOT saved: runkit.answer_log() could not be written"


def _facts(question: Question, client: Client, outcome: Outcome) -> Facts:
    facts = [
        ("question", shorten(question.label, 300)),
        ("run", question.run.label),
        ("run ID", question.run.id),
        ("host", f"{client.host} ({client.mode})"),
    ]
    if outcome.word in ("answered", "closed"):
        by = f" by {_api_name(outcome.by)} (according to the API)" if outcome.by else ""
        facts.append(("closed", f"{timestamp(outcome.at) if outcome.at else 'time unknown'}{by}"))
    return tuple(facts)
