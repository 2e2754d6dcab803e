"""Numbers that know what they do not know, and the words for them.

A `Count` or a `Span` is made where the data is read. Only the functions of this module turn one
into words, so that an absence ("none", "no findings", "all late") is said only where it is known.
"""

from __future__ import annotations

import math
from datetime import datetime
from typing import NamedTuple

from runkit.display.status_words import MISSING
from runkit.display.text import day, duration, plural

HOUR, DAY = 3_600, 86_400  # seconds
MIN_BOUND = 60.0  # seconds; a lower bound below it says less than the time since when
NOT_KNOWN = "not known"


class Count(NamedTuple):
    """How many of some things are so.

    Parameters
    ----------
    n
        So many are, at least.
    of
        So many things there are in the data.
    unknown
        Of so many of them nobody knows.
    unread
        The things of so many runs are not in the data, because their steps were not delivered.
    """

    n: int
    of: int
    unknown: int = 0
    unread: int = 0

    @property
    def is_whole(self) -> bool:
        """Nothing is missing: `n` are so and the others are not."""
        return not self.unknown and not self.unread

    @property
    def has_number(self) -> bool:
        """Some are known to be so, or it is known that none is."""
        return self.n > 0 or self.is_whole

    @property
    def is_none(self) -> bool:
        """It is known that none is so."""
        return not self.n and self.is_whole

    @property
    def is_all(self) -> bool:
        """It is known that several are so, and no other is there."""
        return self.n == self.of > 2 and self.is_whole


class Span(NamedTuple):
    """How long something has lasted.

    Parameters
    ----------
    seconds
        None or NaN if it is not known.
    is_least
        It may have been longer.
    since
        When it began, if known.
    """

    seconds: float | None
    is_least: bool = False
    since: datetime | None = None

    @property
    def is_known(self) -> bool:
        """There is a number of seconds that says something."""
        seconds = self.seconds
        is_number = seconds is not None and math.isfinite(seconds)
        return is_number and not (self.is_least and (seconds or 0) < MIN_BOUND)

    def is_over(self, limit_s: float) -> bool | None:
        """Return whether it is longer than a limit, None if that is not known."""
        if self.is_known and (self.seconds or 0) > limit_s:
            return True
        return None if self.is_least or not self.is_known else False


def number(count: Count) -> str:
    """Write the number alone, a dash where none is known but there may be some: `27`, `–`."""
    return f"{count.n:,}" if count.has_number else MISSING


def short(count: Count, what: str) -> str:
    """Write the number where the things are named beside it: `27 late; 3 not known`, `all late`."""
    if not count.has_number:
        return f"{NOT_KNOWN} whether {what}{_unread(count)}"
    return f"{_quantity(count)} {what}{gap(count)}"


def phrase(count: Count, what: str, noun: str) -> str:
    """Write how many things are so: `27 of 30 open questions over 4 h; 3 not known`.

    One thing has words of its own, and 0 of several that are not all known has no number.
    """
    if not count.of:
        return things(count, noun)
    base = plural(count.of, noun)
    if count.of == 1 or not count.has_number:
        is_so = f"{NOT_KNOWN} whether " if count.unknown else "" if count.n else "not "
        return f"{base}, {is_so}{what}{_unread(count)}"
    of = "" if count.is_all else " of"
    return f"{_quantity(count)}{of} {base} {what}{gap(count)}"


def things(count: Count, noun: str, nouns: str | None = None) -> str:
    """Write how many things there are, where each is so: `12 findings; 3 runs not read in full`."""
    several = nouns or f"{noun}s"
    if count.of:
        least = "at least " if count.unknown else ""
        return f"{least}{plural(count.n, noun, nouns)}{_unread(count)}"
    if count.unread:
        return f"{several} of {plural(count.unread, 'run')} {NOT_KNOWN}"
    return f"no {several}"


def share(count: Count) -> str:
    """Write which part is so: `90%`, `≥ 30%` where more may be, a dash where none is known."""
    if not count.of or not count.has_number:
        return MISSING
    percent = 100 * count.n / count.of
    return f"≥ {math.floor(percent)}%" if count.unknown else f"{percent:.0f}%"


def base(count: Count, noun: str, nouns: str | None = None) -> str:
    """Write what a number or a share is of, the unknown included: `of 5 runs; 2 not known`."""
    if not count.of:
        return things(count, noun, nouns)
    return f"of {plural(count.of, noun, nouns)}{gap(count)}"


def gap(count: Count) -> str:
    """Write what is missing, after a semicolon: `; 3 not known; 41 runs not read in full`."""
    unknown = f"; {count.unknown:,} {NOT_KNOWN}" if count.unknown else ""
    return f"{unknown}{_unread(count)}"


def unread(count: Count, things: str) -> str:
    """Write a sentence of the runs not read in full: `Findings of 41 runs not known in full: …`."""
    if not count.unread:
        return ""
    owner = "its" if count.unread == 1 else "their"
    runs = plural(count.unread, "run")
    return f"{things} of {runs} {NOT_KNOWN} in full: parts of {owner} data were not read."


def some(n: int, noun: str, what: str) -> str:
    """Write a sentence of things that there may be: `3 steps without an end left out.`."""
    return f"{plural(n, noun)} {what}." if n else ""


def lasted(span: Span) -> str:
    """Write a span: `18 d`, `at least 18 d`, `since Nov 16, 2026`, `not known`."""
    if not span.is_known:
        return NOT_KNOWN if span.since is None else f"since {day(span.since)}"
    seconds = span.seconds or 0
    if span.is_least:  # rounded down, as it says no more than is known
        seconds -= seconds % (1 if seconds < HOUR else 60 if seconds < DAY else HOUR)
    text = f"{seconds // DAY:,.0f} d" if seconds >= 2 * DAY else duration(seconds)
    return f"at least {text}" if span.is_least else text


def age(span: Span) -> str:
    """Write a span in one unit, for a list: `3 d`, `≥ 3 d`, `under 1 min`; a dash if not known."""
    if not span.is_known:
        return MISSING
    seconds = span.seconds or 0
    text = "under 1 min" if seconds < 60 else " ".join(duration(seconds).split()[:2])
    return f"≥ {text}" if span.is_least else text


def waiting_words(count: Count) -> str:
    """Write how many questions wait: `3 questions waiting; 2 runs not read in full`."""
    return things(count, "question waiting", "questions waiting")


def sentence(*parts: str) -> str:
    """Join what is not empty to a sentence: `27 of 30 questions late; 3 not known.`."""
    text = ", ".join(filter(None, parts))
    return f"{text[:1].upper()}{text[1:]}." if text else ""


def paragraph(*sentences: str | None) -> str:
    """Join the sentences that are not empty."""
    return " ".join(filter(None, sentences))


def _quantity(count: Count) -> str:
    return "all" if count.is_all else f"{count.n:,}" if count.n else "none"


def _unread(count: Count) -> str:
    return f"; {plural(count.unread, 'run')} not read in full" if count.unread else ""
