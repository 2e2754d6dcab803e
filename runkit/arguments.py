"""Arguments of public calls: checked or read here, and a wrong one is a `UsageError` that names it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from datetime import date, datetime

from runkit.contract import RUN_STATUSES, parse_time
from runkit.errors import UsageError
from runkit.text import brief

# seconds; 11 days, as timers of some systems end at 24
MIN_AMOUNT, MAX_AMOUNT = 0.001, 1_000_000
MAX_WORKERS = 64
MIN_PREFIX = 8  # characters; shorter prefixes often match several ids
MAX_CANDIDATES = 5  # ids that an error lists


def check_limit(limit: int | None) -> None:
    """Check a limit of items."""
    if limit is not None and (type(limit) is not int or limit < 1):
        raise UsageError(f"limit={brief(limit)}; expected a whole number from 1, or None for all")


def check_amount(name: str, value: float | None, unit: str, none_is: str = "") -> None:
    """Check a number of seconds, or of requests a second; None only if `none_is` says what it means."""
    if value is None and none_is:
        return
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or value is None or not MIN_AMOUNT <= value <= MAX_AMOUNT:
        otherwise = f", or None {none_is}" if none_is else ""
        raise UsageError(
            f"{name}={brief(value)}; expected {unit} from {MIN_AMOUNT:g} to {MAX_AMOUNT:,}{otherwise}"
        )


def check_texts(optional: Mapping[str, object] | None = None, **required: object) -> None:
    """Check arguments that are text; the optional ones may be None."""
    present = {name: value for name, value in (optional or {}).items() if value is not None}
    for name, value in {**required, **present}.items():
        if not isinstance(value, str):
            raise UsageError(f"{name}={brief(value)}; expected a str. Nothing was sent.")


def check_workers(workers: int) -> None:
    """Check the number of workers."""
    if type(workers) is not int or not 1 <= workers <= MAX_WORKERS:
        raise UsageError(f"workers={brief(workers)}; expected a whole number from 1 to {MAX_WORKERS}")


def status_words(status: str | Iterable[str] | None) -> frozenset[str] | None:
    """Check one status or several; an unknown word would silently match nothing."""
    words = one_or_several("status", status)
    for word in words or ():
        if word not in RUN_STATUSES:
            raise UsageError.one_of("status", word, RUN_STATUSES)
    return words


def one_or_several(name: str, value: str | Iterable[str] | None) -> frozenset[str] | None:
    """Read a word or several; None means no filter."""
    if value is None:
        return None
    words = [value] if isinstance(value, str) or not isinstance(value, Iterable) else list(value)
    if not all(isinstance(word, str) for word in words):
        raise UsageError(f"{name}={brief(value)}; expected a str, or several of them")
    return frozenset(words)


def full_id(prefix: str, ids: Iterable[str]) -> str | None:
    """Find the id that starts with a prefix, ignoring case.

    Parameters
    ----------
    prefix
        An id, or at least its first 8 characters.
    ids
        The ids to choose from.

    Returns
    -------
    str or None
        The full id; None if none of them matches.

    Raises
    ------
    UsageError
        If several ids match; the error lists them.
    """
    ids = ids if isinstance(ids, Set) else set(ids)
    if prefix in ids:
        return prefix
    if len(prefix) < MIN_PREFIX:
        return None
    start = prefix.casefold()
    matches = sorted(one for one in ids if one.casefold().startswith(start))
    matches = [one for one in matches if len(one) == len(prefix)] or matches
    if len(matches) > 1:
        rest = len(matches) - MAX_CANDIDATES
        more = f" and {rest:,} more" if rest > 0 else ""
        raise UsageError(
            f"{brief(prefix)} is the start of {len(matches):,} ids: "
            f"{', '.join(matches[:MAX_CANDIDATES])}{more}. Give more characters."
        )
    return matches[0] if matches else None


def time_bound(name: str, value: date | str | None) -> datetime | None:
    """Read a bound; a date without a time is its midnight in UTC."""
    if value is None:
        return None
    try:
        text = value.isoformat() if isinstance(value, date) else value
        return parse_time(datetime.fromisoformat(text))
    except (TypeError, ValueError):
        raise UsageError(
            f"{name}={brief(value)} is not a time; expected one such as 2026-02-03 or 2026-02-03T10:00:00Z"
        ) from None
