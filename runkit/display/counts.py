"""Words for numbers: how many of what is known, and how long."""

from __future__ import annotations

import math
from typing import Any

from runkit.display.text import MISSING, duration

HOUR, DAY = 3_600, 86_400  # seconds
NOT_KNOWN = "not known"


def flag(is_so: Any, is_known: Any) -> Any:
    """Return a Series of flags with three values: null where it is not known."""
    return is_so.astype("boolean").where(is_known.astype("boolean").fillna(False))


def counted(flags: Any) -> str:
    """Write how many of a Series of flags are so: `27 of 30`, `27 of 28, 2 not known`.

    It is a dash if nothing is known.
    """
    n_known = int(flags.notna().sum())
    n_unknown = len(flags) - n_known
    if n_unknown and not n_known:
        return MISSING
    words = f"{int(flags.sum()):,} of {n_known:,}"
    return f"{words}, {n_unknown:,} {NOT_KNOWN}" if n_unknown else words


def lasted(seconds: float | None) -> str:
    """Write how long something lasted: `5 d 20 h`, `2 h 3 min`, a dash if it is not known."""
    if seconds is None or not math.isfinite(seconds):
        return MISSING
    return duration(seconds)


def sentence(*parts: str) -> str:
    """Join what is not empty to a sentence: `27 of 30 questions late, 3 not known.`."""
    text = ", ".join(filter(None, parts))
    return f"{text[:1].upper()}{text[1:]}." if text else ""
