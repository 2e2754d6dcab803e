"""Words for counts and spans: an absence is absences only where it is known."""

from __future__ import annotations

import itertools
import re
from datetime import UTC, datetime

import pytest

from runkit.display.counts import (
    Count,
    Span,
    base,
    lasted,
    number,
    phrase,
    share,
    short,
    unread,
)

WHAT, NOUN = "over 4 h", "open question"
ABSENCE = re.compile(r"\b(no|none|0|all|both|100%)\b")
CASES = [  # a count with its words
    (Count(27, 30, 3), "27 of 30 open questions over 4 h; 3 not known"),
    (Count(30, 30), "all 30 open questions over 4 h"),
    (Count(2, 2), "2 of 2 open questions over 4 h"),
    (Count(0, 12), "none of 12 open questions over 4 h"),
    (Count(1, 1), "1 open question, over 4 h"),
    (Count(0, 1), "1 open question, not over 4 h"),
    (Count(0, 1, 1), "1 open question, not known whether over 4 h"),
    (Count(0, 30, 30), "30 open questions, not known whether over 4 h"),
    (Count(0, 30, 3), "30 open questions, not known whether over 4 h"),
    (Count(0, 0), "no open questions"),
    (Count(0, 0, 0, 41), "open questions of 41 runs not known"),
    (Count(2, 2, 0, 1), "2 of 2 open questions over 4 h; 1 run not read in full"),
]
COUNTS = [
    Count(n, of, unknown, n_unread)
    for n, of, unknown, n_unread in itertools.product(range(4), range(4), range(4), (0, 1, 5))
    if n + unknown <= of
]


@pytest.mark.parametrize(("count", "words"), CASES)
def test_a_count_is_written_in_words(count, words):
    assert phrase(count, WHAT, NOUN) == words


def test_an_absence_is_written_only_if_nothing_is_missing():
    """And what is missing is written beside every number."""
    for count in COUNTS:
        texts = [phrase(count, WHAT, NOUN), short(count, WHAT), number(count)]
        absences = [text for text in texts if ABSENCE.search(text)]
        assert not absences or count.unknown == count.unread == 0, count
        assert ("known" in texts[0]) == bool(count.unknown or (count.unread and not count.of))
        assert ("run" in texts[0]) == bool(count.unread), count


def test_a_share_is_written_with_its_base():
    counts = [Count(3, 10, 7), Count(0, 0), Count(0, 2, 2), Count(1, 2, 0, 3)]
    assert [share(count) for count in counts] == ["≥ 30%", "–", "–", "50%"]
    assert [base(count, NOUN) for count in counts] == [
        "of 10 open questions; 7 not known",
        "no open questions",
        "of 2 open questions; 2 not known",
        "of 2 open questions; 3 runs not read in full",
    ]


def test_a_sentence_counts_the_runs_that_were_not_read():
    words = "Findings of 41 runs not known in full: parts of their data were not read."
    assert unread(Count(0, 0, 0, 41), "Findings") == words
    assert "1 run not known in full: parts of its data" in unread(Count(3, 3, 0, 1), "Findings")
    assert unread(Count(3, 3), "Findings") == ""


@pytest.mark.parametrize(
    ("span", "words"),
    [
        (Span(18 * 86_400 + 5), "18 d"),
        (Span(18.9 * 86_400, is_least=True), "at least 18 d"),
        (Span(3 * 3_600 + 59.9 * 60, is_least=True), "at least 3 h 59 min"),
        (Span(90), "1 min 30 s"),
        (Span(0), "0 s"),
        (Span(None), "not known"),
        (Span(float("nan"), since=datetime(2020, 11, 16, tzinfo=UTC)), "since Nov 16, 2020"),
        (Span(0, True, datetime(2020, 11, 16, tzinfo=UTC)), "since Nov 16, 2020"),
        (Span(0, is_least=True), "not known"),
    ],
)
def test_a_span_is_written_in_words(span, words):
    assert lasted(span) == words
