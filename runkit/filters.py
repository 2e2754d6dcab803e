"""The words and times by which runs are chosen, read the same way wherever runs are chosen."""

from __future__ import annotations

import re
from collections.abc import Iterable, Set
from datetime import date, datetime

from runkit.errors import UsageError
from runkit.text import brief
from runkit.values import RUN_STATUSES, parse_time

SHORTEST_PREFIX = 8  # characters; fewer are too often the start of several ids
SHOWN_CANDIDATES = 5
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


def status_words(status: str | Iterable[str] | None) -> frozenset[str] | None:
    """Check one status or several; a word that the API does not have would silently match nothing."""
    words = one_or_several("status", status)
    for word in words or ():
        if word not in RUN_STATUSES:
            raise UsageError.one_of("status", word, RUN_STATUSES)
    return words


def one_or_several(name: str, value: str | Iterable[str] | None) -> frozenset[str] | None:
    """Read a word or several; None chooses everything."""
    if value is None:
        return None
    words = [value] if isinstance(value, str) or not isinstance(value, Iterable) else list(value)
    if not all(isinstance(word, str) for word in words):
        raise UsageError(f"{name}={brief(value)}; expected a str, or several of them")
    return frozenset(words)


def full_id(given: str, known: Iterable[str]) -> str | None:
    """Find the id that is meant by an id or a prefix of one, without regard to case.

    Parameters
    ----------
    given
        An id, or at least its first 8 characters.
    known
        The ids that can be meant.

    Returns
    -------
    str or None
        The whole id; None if none of them is meant.

    Raises
    ------
    UsageError
        If several ids begin so; the error lists them.
    """
    known = known if isinstance(known, Set) else set(known)
    if given in known:
        return given
    if len(given) < SHORTEST_PREFIX:
        return None
    start = given.casefold()
    matches = sorted(one for one in known if one.casefold().startswith(start))
    matches = [one for one in matches if len(one) == len(given)] or matches
    if len(matches) > 1:
        rest = len(matches) - SHOWN_CANDIDATES
        more = f" and {rest:,} more" if rest > 0 else ""
        raise UsageError(
            f"{brief(given)} is the start of {len(matches):,} ids: "
            f"{', '.join(matches[:SHOWN_CANDIDATES])}{more}. Give more characters."
        )
    return matches[0] if matches else None


def time_bound(name: str, value: date | str | None) -> datetime | None:
    """Read a bound; a date alone is its midnight in UTC."""
    if value is None:
        return None
    is_date = isinstance(value, date) and not isinstance(value, datetime)
    is_date = is_date or (isinstance(value, str) and _DATE.fullmatch(value) is not None)
    try:
        return parse_time(f"{value}T00:00:00" if is_date else value)
    except ValueError as error:
        raise UsageError(
            f"{name}={brief(value)} is no time ({error}); "
            "expected one such as 2026-02-03 or 2026-02-03T10:00:00Z"
        ) from None
