"""What a receipt says. It states what is known and by whom, and never what was typed: that is in the log."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from runkit import answers
from runkit.answers import SELF_DECLARED, Entry
from runkit.client import Client
from runkit.text import moment, plural, shorten
from runkit.widgets.question import Outcome, Question

Facts = tuple[tuple[str, str], ...]
SHORT_DIGEST = 12  # hex digits: enough to find the entry in the log


@dataclass(frozen=True)
class Receipt:
    """What became of a question: one sentence, and the facts behind it."""

    title: str
    facts: Facts


@dataclass(frozen=True)
class Sent:
    """An answer that left this machine: when (this machine's time), by whom (self-declared), and what."""

    at: datetime
    by: str
    said: str
    digest: str

    @classmethod
    def of(cls, answer: Mapping[str, Any], by: str, at: datetime) -> Sent:
        """Describe an answer."""
        return cls(at, by, decisions(answer), answers.digest(answer))

    @classmethod
    def logged(cls, entry: Entry) -> Sent:
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
    """Say that the API took an answer. `earlier` is an earlier one of which that is not known."""
    by = f"{shorten(outcome.by, 80)} (says the API)" if outcome.by else sent.by
    title = f"Answered by {by} at {moment(sent.at)}: {sent.said}."
    facts = (
        *_facts(question, client, outcome),
        *_sent(sent, outcome.by),
        ("delivery", "confirmed"),
        _log_fact(is_logged),
    )
    if earlier is None or earlier == sent:
        return Receipt(title, facts)
    text = f"{earlier.said}, sent {moment(earlier.at)} by {earlier.by}; whether it arrived is unknown"
    return Receipt(title, (*facts, ("an earlier answer", text)))


def unconfirmed(
    question: Question, client: Client, sent: Sent, outcome: Outcome, *, is_logged: bool = True
) -> Receipt:
    """Say that the question is closed, and that whose answer closed it is unknown."""
    title = f"Closed; your answer of {moment(sent.at)} could not be confirmed."
    delivery = ("delivery", "unconfirmed: whose answer closed it is unknown")
    return Receipt(title, (*_facts(question, client, outcome), *_sent(sent), delivery, _log_fact(is_logged)))


def from_another_notebook(question: Question, client: Client, sent: Sent, outcome: Outcome) -> Receipt:
    """Say that an answer from this machine, and not from this form, closed the question."""
    known = answered(question, client, sent, outcome)
    return Receipt(f"Answered from another notebook of this machine. {known.title}", known.facts)


def answered_elsewhere(question: Question, client: Client, outcome: Outcome, *, is_refused: bool) -> Receipt:
    """Say that the question was closed; `is_refused`: the API heard an answer from here and refused it."""
    head = "The API refused the answer" if is_refused else "Not answered from here"
    when = f"closed at {moment(outcome.at)}" if outcome.at else "closed"
    by = f" by {shorten(outcome.by, 80)} (says the API)" if outcome.by else "; the API does not say by whom"
    return Receipt(f"{head}: the question was {when}{by}.", _facts(question, client, outcome))


def changed(question: Question, client: Client, outcome: Outcome, earlier: Sent | None) -> Receipt:
    """Say that the question is not the one that was shown."""
    again = "Run this cell again to see the new one."
    if earlier is None:
        title = f"Nothing was sent: the question has changed since it was shown. {again}"
    else:
        title = f"The question has changed. {_unconfirmed_text(earlier)} {again}"
    return Receipt(title, _facts(question, client, outcome))


def expired(question: Question, client: Client, outcome: Outcome, earlier: Sent | None) -> Receipt:
    """Say that nobody can answer any more, which is no rejection."""
    when = f" at {moment(outcome.at)}" if outcome.at else ""
    before = _unconfirmed_text(earlier) if earlier else "Nobody had answered. This is no rejection."
    return Receipt(f"The question lapsed: its run ended{when}. {before}", _facts(question, client, outcome))


def _unconfirmed_text(earlier: Sent) -> str:
    return f"Whether your answer of {moment(earlier.at)} arrived is unknown."


def decisions(answer: Mapping[str, Any]) -> str:
    """Say what was decided, and no more of the answer."""
    proposals, word = answer.get("proposals"), answer.get("decision")
    if isinstance(proposals, list):
        named = [(one.get("agent"), one.get("decision")) for one in proposals if isinstance(one, dict)]
        said = "; ".join(f"{shorten(str(agent), 40)}: {shorten(str(word), 40)}" for agent, word in named)
    else:
        said = shorten(word, 40) if isinstance(word, str) else ""
    return said if said.strip() else f"an answer of {plural(len(answer), 'field')}"


def _sent(sent: Sent, by: str | None = None) -> Facts:
    """Say what was sent, when and by whom; `by` is whom the API names."""
    declared = f"{sent.by} ({SELF_DECLARED}: the API records only the account)"
    return (
        ("answer", f"{sent.said} (SHA-256 {sent.digest[:SHORT_DIGEST]}…)"),
        ("sent", f"{moment(sent.at)} by {f'{shorten(by, 80)} (says the API)' if by else declared}"),
    )


def _log_fact(is_logged: bool) -> tuple[str, str]:
    where = "is in runkit.answer_log() on the machine that sent it"
    return "the whole answer", where if is_logged else "could NOT be noted in runkit.answer_log()"


def _facts(question: Question, client: Client, outcome: Outcome) -> Facts:
    facts = [
        ("question", shorten(question.label, 300)),
        ("run", question.run.id),
        ("host", f"{client.host} ({client.mode})"),
    ]
    if outcome.word in ("answered", "closed"):
        by = f" by {shorten(outcome.by, 80)} (says the API)" if outcome.by else ""
        facts.append(("closed", f"{moment(outcome.at) if outcome.at else 'when is unknown'}{by}"))
    return tuple(facts)
