"""Intervals of shares."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from runkit.display.html_tables import format_percent

NO_INTERVAL = "without an interval"
Z = 1.959964  # of an interval that covers 95 %


class Estimate(NamedTuple):
    """A number with its 95% interval; NaN where it is not known."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        interval = NO_INTERVAL
        if self.low >= 0:
            interval = f"95% interval {100 * self.low:.0f}–{100 * self.high:.0f}%"
        return f"{format_percent(100 * self.value)}, {interval}"


def wilson(share: Any, n: Any) -> tuple[Any, Any]:
    """Return the bounds of Wilson's interval of a share of `n` things, or of a column of shares."""
    square = Z**2
    center = share + square / (2 * n)
    variance = share * (1 - share) / n
    half = Z * (variance + square / (4 * n**2)) ** 0.5
    scale = 1 + square / n
    low = (center - half) / scale
    high = (center + half) / scale
    return np.clip(low, 0, 1), np.clip(high, 0, 1)
