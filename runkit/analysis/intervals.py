"""Intervals of shares, the weighted share of a stratified sample, and Gwet's AC1."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd

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


def of_share(share: float, n: float) -> Estimate:
    """Return a share of `n` things with Wilson's interval."""
    return Estimate(share, *map(float, wilson(share, n)))


def weighted_share(shares: pd.Series[Any], n: pd.Series[Any], sizes: pd.Series[Any]) -> Estimate:
    """Return the share in a population, of the shares in `n` things drawn from each stratum.

    `sizes` are the numbers of all things in the strata. The interval is Wilson's for the number of
    things that would tell as much if all had the same weight.
    """
    weights = sizes / sizes.sum()
    share = float((weights * shares).sum())
    return of_share(share, n=1 / (weights**2 / n).sum())


def ac1(table: pd.DataFrame) -> Estimate:
    """Return Gwet's AC1 of two raters, whose labels are the rows and the columns of a square table.

    The interval is that of Gwet (2008); where nothing disagrees it would be [1, 1], and is NaN.
    """
    counts = table.to_numpy(float)
    n = counts.sum()
    q = max(len(counts), 2)
    shares = counts / n
    used = (shares.sum(axis=0) + shares.sum(axis=1)) / 2
    agreed = np.trace(shares)
    by_chance = (used * (1 - used)).sum() / (q - 1)
    value = float((agreed - by_chance) / (1 - by_chance))
    if np.trace(counts) == n or n < 2:
        return Estimate(value, np.nan, np.nan)
    pairs = 1 - (used[:, None] + used) / 2
    weight = 2 * (1 - value)
    deviations = np.eye(len(counts)) - weight * pairs / (q - 1)
    mean = agreed - weight * by_chance
    variance = (shares * deviations**2).sum() - mean**2
    t = Z + (Z**3 + Z) / (4 * (n - 1))  # Student's, for n - 1 degrees of freedom, nearly
    half = t * (variance / n) ** 0.5 / (1 - by_chance)
    return Estimate(value, value - half, min(value + half, 1))
