"""Receipts: what is known about a closed question. They never hold what was typed, which is in the log."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from runkit import answers
from runkit.answers import SELF_DECLARED, Entry
from runkit.client import Client
from runkit.style import OUTCOMES
from runkit.text import moment, plural, shorten, timestamp
from runkit.widgets.question import Outcome, Question

Facts = tuple[tuple[str, str], ...]
SHORT_DIGEST = 12  # hex digits: enough to find the entry in the log


@dataclass(frozen=True)
class Receipt:
    """The outcome of a question: one sentence, and its details as (name, value)."""

    title: str
    facts: Facts


@dataclass(frozen=True)
class Sent:
    """An answer that left this machine. `at` is this machine's time, `by` is self-declared."""

    at: datetime
    by: str
    decision: str
    digest: str

    @classmethod
    def from_answer(cls, answer: Mapping[str, Any], by: str, at: datetime) -> Sent:
        """Describe an answer."""
        return cls(at, by, decisions(answer), answers.digest(answer))

    @classmethod
    def from_entry(cls, entry: Entry) -> Sent:
        """Describe an answer of the log."""
        answer = json.loads(entry.answer)  # not jsontext, which refuses half a surrogate pair
        return cls(entry.sent_at, entry.answered_by, decisions(answer), entry.answer_digest)


def answered(
    question: Question,
    client: Client,
    sent: Sent,
    outcome: Outcome,
    *,
    earlier: Sent | None = None,
    is_logged: bool = True,
) -> Receipt:
    """Make the receipt of an answer that the API accepted; `earlier` is an unconfirmed one before it."""
    by = _api_name(outcome.by) if outcome.by else sent.by
    title = f"Answered by {by} at {moment(sent.at)}: {sent.decision}."
    facts = (
        *_facts(question, client, outcome),
        *_sent_facts(sent, outcome.by),
        ("delivery", "confirmed"),
        _log_fact(is_logged),
    )
    if earlier is None or earlier == sent:
        return Receipt(title, facts)
    text = f"{earlier.decision}, sent {moment(earlier.at)} by {earlier.by}, not confirmed"
    return Receipt(title, (*facts, ("earlier answer", text)))


def unconfirmed(
    question: Question, client: Client, sent: Sent, outcome: Outcome, *, is_logged: bool = True
) -> Receipt:
    """Make the receipt of a question that is closed while nobody knows by whose answer."""
    title = f"Closed. We couldn't confirm that your answer of {moment(sent.at)} arrived."
    delivery = ("delivery", "unconfirmed: the API doesn't tell whose answer closed it")
    return Receipt(
        title, (*_facts(question, client, outcome), *_sent_facts(sent), delivery, _log_fact(is_logged))
    )


def from_another_notebook(question: Question, client: Client, sent: Sent, outcome: Outcome) -> Receipt:
    """Make the receipt of a question that another notebook of this machine has answered."""
    known = answered(question, client, sent, outcome)
    return Receipt(f"Answered from another notebook on this machine. {known.title}", known.facts)


def answered_elsewhere(question: Question, client: Client, outcome: Outcome, *, is_refused: bool) -> Receipt:
    """Make the receipt of a question that somebody else closed; `is_refused`: the API refused our answer."""
    head = "Not accepted. Already answered" if is_refused else "Already answered"
    when = f" at {moment(outcome.at)}" if outcome.at else ""
    by = f" by {_api_name(outcome.by)}." if outcome.by else ". The API doesn't tell by whom."
    return Receipt(f"{head}{when}{by}", _facts(question, client, outcome))


def changed(question: Question, client: Client, outcome: Outcome, earlier: Sent | None) -> Receipt:
    """Make the receipt of a question that is no longer the one that was displayed."""
    before = _unconfirmed_text(earlier) if earlier else "Not sent."
    title = f"{before} The question has changed. Rerun this cell to see the new one."
    return Receipt(title, _facts(question, client, outcome))


def expired(question: Question, client: Client, outcome: Outcome, earlier: Sent | None) -> Receipt:
    """Make the receipt of a question whose run ended first."""
    when = f" (at {moment(outcome.at)})" if outcome.at else ""
    after = _unconfirmed_text(earlier) if earlier else "This doesn't count as a rejection."
    return Receipt(f"{OUTCOMES['lapsed']}{when}. {after}", _facts(question, client, outcome))


def _unconfirmed_text(earlier: Sent) -> str:
    return f"We couldn't confirm that your answer of {moment(earlier.at)} arrived."


def _api_name(name: str) -> str:
    return f"{shorten(name, 80)} (according to the API)"


def decisions(answer: Mapping[str, Any]) -> str:
    """Give the decisions of an answer, and nothing else of it."""
    proposals, word = answer.get("proposals"), answer.get("decision")
    if isinstance(proposals, list):
        named = [(one.get("agent"), one.get("decision")) for one in proposals if isinstance(one, dict)]
        decision = "; ".join(f"{shorten(str(agent), 40)}: {shorten(str(word), 40)}" for agent, word in named)
    else:
        decision = shorten(word, 40) if isinstance(word, str) else ""
    return decision if decision.strip() else f"an answer of {plural(len(answer), 'field')}"


def _sent_facts(sent: Sent, by: str | None = None) -> Facts:
    """Give what was sent, when and by whom; `by` is the name that the API gives."""
    declared = f"{sent.by} ({SELF_DECLARED}: the API records only the account)"
    return (
        ("answer", f"{sent.decision} (SHA-256 {sent.digest[:SHORT_DIGEST]}…)"),
        ("sent", f"{timestamp(sent.at)} by {_api_name(by) if by else declared}"),
    )


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
        by = f" by {_api_name(outcome.by)}" if outcome.by else ""
        facts.append(("closed", f"{timestamp(outcome.at) if outcome.at else 'time unknown'}{by}"))
    return tuple(facts)
