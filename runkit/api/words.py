"""The words of the API and of runkit: one table for each vocabulary, one line for each word.

A line has the word, its label for people, the role of its color, its icon, and what the word means.
The order of the lines is the order on screens. To add a word, add a line. A word without a line is
shown as it came, stands behind the others, and means nothing. Open vocabularies compare words
without case; in the others, those of the API and of runkit, another case is another word.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple


class Word(NamedTuple):
    """One word of a vocabulary; `means` is asked by `Vocabulary.meaning`."""

    word: str
    label: str
    role: str = "muted"  # the color of a theme: ok, attention, fail, accent or muted
    icon: str = "○"
    means: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.label} {self.icon}".strip()


class Vocabulary:
    """Words in the order of screens; `is_open` compares them without case."""

    def __init__(self, *lines: Word, is_open: bool = False, unknown_icon: str = "○") -> None:
        self.lines = lines
        self.is_open = is_open
        self.unknown_icon = unknown_icon
        self._by_word = {line.word: line for line in lines}

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_word)

    def __contains__(self, word: object) -> bool:
        return isinstance(word, str) and self._key(word) in self._by_word

    def find(self, word: object) -> Word:
        """Return the line of a word; of an unknown one, a line that shows it as it came."""
        text = word if isinstance(word, str) else "Unknown"
        return self._by_word.get(self._key(text)) or Word(text, text, icon=self.unknown_icon)

    def is_a(self, word: object, meaning: str) -> bool:
        """Return whether a word is known to have a meaning."""
        return meaning in self.find(word).means

    def meaning(self, meaning: str) -> tuple[str, ...]:
        """Return the words that have a meaning."""
        return tuple(line.word for line in self.lines if meaning in line.means)

    def position(self, word: object) -> int:
        """Return the place of a word in the order; unknown words are behind all others."""
        key = self._key(str(word))
        return [*self, key].index(key)

    def _key(self, word: str) -> str:
        return word.lower() if self.is_open else word


# `pending` and `failed` are the words of the API's first documentation.
RUN_STATUSES = Vocabulary(
    Word("interrupted", "Waiting", "attention", "◷", ("open", "waiting")),
    Word("error", "Failed", "fail", "✕", ("over", "failed")),
    Word("failed", "Failed", "fail", "✕", ("over", "failed")),
    Word("running", "Running", "accent", "●", ("open", "running")),
    Word("pending", "Running", "accent", "●", ("open", "running")),
    Word("completed", "Completed", "ok", "✓", ("over", "done")),
)
# The API's words for a status, by what a user may type: one of them, or the word on the screen.
STATUS_OF: dict[str, list[str]] = {word: [word] for word in RUN_STATUSES}
for _line in RUN_STATUSES.lines:
    STATUS_OF.setdefault(_line.label.lower(), []).append(_line.word)

# A step is in `steps.state` what the label of its status says, in small letters.
STEP_STATUSES = Vocabulary(
    Word("error", "Failed", "fail", "✕", ("over", "failed")),
    Word("failed", "Failed", "fail", "✕", ("over", "failed")),
    Word("running", "Running", "accent", "●", ("open",)),
    Word("pending", "Running", "accent", "●", ("open",)),
    Word("completed", "Done", "ok", "✓", ("over",)),
)
STEP_TYPES = Vocabulary(
    Word("activity", "Activity"),
    Word("output", "Output", means=("output",)),
    Word("interrupt", "Question", means=("question",)),
    Word("error", "Error", "fail", "✕", ("failed",)),
)
STATES = Vocabulary(  # of steps, in `steps.state`
    Word("waiting", "Waiting", "attention", "◷", ("open",)),
    *(line._replace(word=line.label.lower()) for line in STEP_STATUSES.lines),
    Word("expired", "Expired"),
)
# [A] 16, 34: open words, the highest first; what is below `high` is weak, `low` and below it low
CONFIDENCES = Vocabulary(
    Word("high", "High", "ok"),
    Word("medium", "Medium", "attention"),
    Word("low", "Low", "fail"),
    is_open=True,
)
TIERS = Vocabulary(
    Word("government", "government", icon="▮▮▮", means=("strong",)),
    Word("primary", "primary", icon="▮▮▮", means=("strong",)),
    Word("secondary", "secondary", icon="▮▯▯"),
    is_open=True,
    unknown_icon="▯▯▯",
)
ORIGINS = Vocabulary(
    Word("finding", "Finding"),
    Word("proposal", "Proposal"),
    Word("output", "Output"),
)
POLICIES = Vocabulary(  # by which a question is settled
    Word("auto_approve", "Auto-approved", "ok", "✓", ("settled", "policy")),
    Word("skip", "Skipped by policy", means=("settled", "policy")),
    is_open=True,
)
OUTCOMES = Vocabulary(  # of questions
    Word("pending", "Waiting for a reviewer", "attention", "◷"),
    Word("answered", "Answered", "ok", "✓", ("settled",)),
    *POLICIES.lines,
    Word("expired", "Expired: the run ended first"),
)
PROBLEMS = Vocabulary(
    Word("record_refused", "Record refused", means=("lost",)),
    Word("steps_not_read", "Steps not read", means=("lost",)),
    Word("bad_field", "Field not read", means=("lost",)),
    Word("unknown_word", "Unknown word"),
    Word("contradiction", "Contradiction"),
)
