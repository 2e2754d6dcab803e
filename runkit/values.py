"""The words and times of the contract: fixed vocabularies, older words, ISO 8601."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from runkit.text import brief

RUN_STATUSES = ("running", "interrupted", "completed", "error")
FINAL_STATUSES = ("completed", "error")
STEP_STATUSES = ("running", "completed", "error")
STEP_TYPES = ("activity", "output", "interrupt", "error")
RESOLUTIONS = ("auto_approve", "skip")
OLD_STATUSES = {"pending": "running", "failed": "error"}  # what the first generation of the docs said
CONFIDENCES = ("high", "medium", "low")  # best first; anything else ranks below them
_LOOKS_LIKE_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d")


def read_time(value: object) -> tuple[datetime, bool]:
    """Read an ISO 8601 string as an aware UTC datetime, and say whether it had no offset (read as UTC then).

    More than six decimals are cut to microseconds. Raises `ValueError` for anything else: a number, a leap
    second, a date without a time, an instant that no datetime holds.
    """
    if isinstance(value, datetime) and value == value:  # not pandas' NaT, which calls itself a datetime
        when = value
    elif isinstance(value, str) and _LOOKS_LIKE_TIME.match(value):
        when = datetime.fromisoformat(value)
    else:
        raise ValueError(f"{brief(value)} is not a time; expected an ISO 8601 string")
    if when.tzinfo is None:
        return when.replace(tzinfo=UTC), True
    try:
        return when.astimezone(UTC), False
    except OverflowError:
        raise ValueError(f"{brief(value)} lies outside the years 1 to 9999 in UTC") from None


def parse_time(value: object) -> datetime:
    """Read a time as `read_time` does, for whom the missing offset does not matter."""
    return read_time(value)[0]


def todays_status(word: object) -> object:
    """Translate a status of the first documentation into today's word."""
    return OLD_STATUSES.get(word, word) if isinstance(word, str) else word
