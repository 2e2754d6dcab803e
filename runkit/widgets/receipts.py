"""What a receipt says. It states what is known and by whom, and never what was typed: that is in the log."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from runkit import answerlog
from runkit.answerlog import SELF_DECLARED, UNCONFIRMED, Entry
from runkit.client import Client
from runkit.text import moment, plural, shorten
from runkit.widgets.question import Fate, Question

Facts = tuple[tuple[str, str], ...]
SHORT_DIGEST = 12  # hex digits: enough to find the entry in the log


@dataclass(frozen=True)
class Receipt:
    """What became of a question: one sentence, and the facts behind it."""

    title: str
    facts: Facts


def ours(
    question: Question,
    client: Client,
    who: str,
    sent_at: datetime,
    answer: Mapping[str, Any],
    delivery: str,
    fate: Fate,
) -> Receipt:
    """Say that an answer was sent just now and closed the question, or may have."""
    said, digest = decisions(answer), answerlog.digest(answer)
    return _of_answer(question, client, who, sent_at, said, digest, delivery, fate)


def logged(question: Question, client: Client, entry: Entry, fate: Fate) -> Receipt:
    """Say what is in the log of an answer to a question that is closed by now."""
    delivery = entry.delivery if entry.delivery == answerlog.CONFIRMED else UNCONFIRMED
    said = decisions(json.loads(entry.answer))
    return _of_answer(
        question, client, entry.answered_by, entry.sent_at, said, entry.answer_digest, delivery, fate
    )


def elsewhere(question: Question, client: Client, entry: Entry | None, fate: Fate) -> Receipt:
    """Say that somebody else was first. What the answer was is known only if it left this machine."""
    if entry is not None:
        known = logged(question, client, entry, fate)
        return Receipt(f"Answered from another notebook of this machine. {known.title}", known.facts)
    when = f"closed at {moment(fate.at)}" if fate.at else "closed"
    by = f" by {shorten(fate.by, 80)} (says the API)" if fate.by else "; the API does not say by whom"
    return Receipt(f"Not answered from here: the question was {when}{by}.", _about(question, client, fate))


def changed(question: Question, client: Client, sent_at: datetime | None) -> Receipt:
    """Say that the question is not the one that was shown. `sent_at`: when an answer may have reached it."""
    title = "Nothing was sent: the question has changed since it was shown. Run this cell again to see it."
    if sent_at is not None:
        title = (
            f"The question has changed. Whether your answer of {moment(sent_at)} reached the earlier one is "
            "unknown. Run this cell again to see the new one."
        )
    return Receipt(title, _about(question, client, Fate("changed")))


def lapsed(question: Question, client: Client, fate: Fate) -> Receipt:
    """Say that nobody can answer any more, which is no rejection."""
    when = f" at {moment(fate.at)}" if fate.at else ""
    title = f"The question lapsed: its run ended{when} before anybody answered. This is no rejection."
    return Receipt(title, _about(question, client, fate))


def decisions(answer: Mapping[str, Any]) -> str:
    """Say what was decided, and no more of the answer."""
    proposals = answer.get("proposals")
    if isinstance(proposals, list):
        named = [(one.get("agent"), one.get("decision")) for one in proposals if isinstance(one, dict)]
        return "; ".join(f"{shorten(str(agent), 40)}: {shorten(str(word), 40)}" for agent, word in named)
    word = answer.get("decision")
    return shorten(word, 40) if isinstance(word, str) else f"an answer of {plural(len(answer), 'field')}"


def _of_answer(
    question: Question,
    client: Client,
    who: str,
    sent_at: datetime,
    said: str,
    digest: str,
    delivery: str,
    fate: Fate,
) -> Receipt:
    if delivery == UNCONFIRMED:
        title = f"Closed; your answer of {moment(sent_at)} could not be confirmed."
    else:
        by = f"{shorten(fate.by, 80)} (says the API)" if fate.by else who
        title = f"Answered by {by} at {moment(sent_at)}: {said}."
    return Receipt(
        title,
        (
            *_about(question, client, fate),
            ("answer", f"{said} (SHA-256 {digest[:SHORT_DIGEST]}…)"),
            ("sent", f"{moment(sent_at)} by {who} ({SELF_DECLARED}: the API records only the account)"),
            (
                "delivery",
                "unconfirmed: whose answer closed it is unknown" if delivery == UNCONFIRMED else delivery,
            ),
            ("the whole answer", "is in runkit.answer_log() on the machine that sent it"),
        ),
    )


def _about(question: Question, client: Client, fate: Fate) -> Facts:
    facts = [
        ("question", shorten(question.label, 300)),
        ("run", question.run.id),
        ("host", f"{client.host} ({client.mode})"),
    ]
    if fate.word in ("answered", "closed"):
        by = f" by {shorten(fate.by, 80)} (says the API)" if fate.by else ""
        facts.append(("closed", f"{moment(fate.at) if fate.at else 'when is unknown'}{by}"))
    return tuple(facts)
