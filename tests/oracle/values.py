"""Words, and how one value is read: null where it is not what it should be."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

Json = dict[str, Any]
Row = dict[str, Any]
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
RESOLUTION = datetime.resolution  # a microsecond
REQUIRED = ("id", "created_at", "updated_at", "status")
TIMES = ("created_at", "updated_at", "started_at", "ended_at", "completed_at")
MAX_DEPTH = 255
OVER = ("completed", "error", "failed")
FAILED = ("error", "failed")
POLICY = ("auto_approve", "skip")
CONFIDENCES = ("high", "medium", "low")
TIERS = ("government", "primary", "secondary")
QUESTION_NAMES = ("message", "question", "prompt", "title", "text", "description", "label")
DECISION_NAMES = ("decision", "outcome", "answer", "approved", "verdict")
WHO_NAMES = ("answered_by", "decided_by", "reviewer", "reviewed_by", "approved_by", "user")
WHY_NAMES = ("reason", "note", "comment")
ERROR_NAMES = ("error", "message", "error_message", "reason", "detail", "exception", "errors")


def text(value: Any) -> str | None:
    """Return a text without space around it, None for anything else and for a blank one."""
    return value.strip() or None if isinstance(value, str) else None


def instant(value: Any) -> int | None:
    """Return a time in microseconds, None where it is none."""
    try:
        return (datetime.fromisoformat(value) - EPOCH) // RESOLUTION
    except (TypeError, ValueError):
        return None


def first_text(names: tuple[str, ...], *places: Any) -> str | None:
    """Return the first text under these names."""
    found = [text(place.get(name)) for place in places if isinstance(place, dict) for name in names]
    return next((word for word in found if word), None)


def word(value: Any) -> str | None:
    """Return an open word, a number as its text."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return str(value) if is_number else text(value)


def position(value: str | None, words: tuple[str, ...]) -> int:
    """Return where a word stands in the order, after all others where it is not known."""
    known = (value or "").lower()
    return words.index(known) if known in words else len(words)


def seconds(start: int | None, end: int | None) -> float | None:
    """Return the length of a span, None where an end is not known or the two contradict."""
    return None if start is None or end is None or end < start else (end - start) / 1e6


def objects(value: Any) -> list[Json] | None:
    """Return a list of objects, None where the value is none."""
    is_list = isinstance(value, list) and all(isinstance(item, dict) for item in value)
    return value if is_list else None


def part(value: Any) -> Json:
    """Return an object, an empty one where the value is none."""
    return value if isinstance(value, dict) else {}


def compact(value: Any) -> str | None:
    """Return JSON without spaces."""
    return None if value is None else json.dumps(value, separators=(",", ":"), ensure_ascii=False)
