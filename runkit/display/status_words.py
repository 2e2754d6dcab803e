"""What runkit calls the states of a run and of a question, wherever a person reads them.

Frames keep the API's own words.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple


class Status(NamedTuple):
    """A state for people: its word, its icon, and the `Theme` field with its color."""

    word: str
    icon: str
    color: str

    def __str__(self) -> str:
        return f"{self.icon} {self.word}".strip()


STATUSES = {  # words and marks by the API's word for a run's status
    "completed": Status("Completed", "✓", "ok"),
    "interrupted": Status("Waiting", "◷", "attention"),
    "error": Status("Failed", "✕", "fail"),
    "running": Status("Running", "●", "accent"),
}
# The API's word for a status, by what a user may type: that word, or the one on the screen.
STATUS_OF = {word: word for word in STATUSES}
STATUS_OF |= {state.word.lower(): word for word, state in STATUSES.items()}
OUTCOMES = {  # words by the word in `interrupts.outcome`
    "pending": "Waiting for a reviewer",
    "answered": "Answered",
    "auto_approve": "Auto-approved",
    "skip": "Skipped by policy",
    "lapsed": "Expired: the run ended first",
}
DECISIONS = {
    "approved": "Approved",
    "rejected": "Rejected",
    "edited": "Approved in part or with changes",
}
CAUGHT_UP = "You're all caught up"
MAY_BE_MISSING = "Questions may be missing"
TIERS = {  # by the API's word of a source's tier
    "government": "▮▮▮",
    "primary": "▮▮▮",
    "secondary": "▮▯▯",
}
UNKNOWN_TIER = "▯▯▯"
MISSING = "–"


def status(word: str | None) -> Status:
    """Return how a run's status is shown; an unknown word stays as it is, in a neutral color."""
    return STATUSES.get(word or "", Status(word or "Unknown", "", "muted"))


def tier_mark(word: object) -> str:
    """Return the mark of a source's tier, whose word may be in any case."""
    return TIERS.get(str(word).lower(), UNKNOWN_TIER)


def outcome_words(question: Mapping[Any, Any], *, has_name: bool = True) -> str:
    """Describe how a question of the frames ended, and by whom, as far as it is known."""
    outcome = question["outcome"]
    decision = question["decision"]
    by = question["answered_by"]
    words = OUTCOMES.get(str(outcome), str(outcome))
    if outcome == "answered":
        is_dismissal = question["kind"] == "dismissal" and decision == "approved"
        words = "Dismissed" if is_dismissal else DECISIONS.get(str(decision), words)
    return f"{words} by {by}" if has_name and isinstance(by, str) else words
