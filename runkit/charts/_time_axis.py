"""The axis of a Gantt chart: seconds since each run started, without its waits.

A wait beside which nothing works is folded: to a band of a fixed width in the chart of one run, to
nothing where several runs share the axis. So a tick holds for each of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from runkit.display.text import DAY, duration
from runkit.time_budget import Flags, blocked_ranges

Floats = NDArray[np.float64]
BAND, ALL_BANDS = 0.17, 0.6  # the width of a band, and at most of all, as shares of the axis
TICK_PX = 74  # the least distance of ticks
MIN_LENGTH = 0.01  # seconds of an axis
INTERVALS = (  # between ticks, in seconds
    *(0.001, 0.005, 0.02, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30),
    *(60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 21_600, 43_200),
    *(DAY * days for days in (1, 2, 7, 14, 28, 91, 364)),
)


class Band(NamedTuple):
    """A folded wait on the axis, and how many seconds it stands for."""

    start: float
    end: float
    seconds: float

    @property
    def middle(self) -> float:
        """Where its label stands."""
        return (self.start + self.end) / 2


@dataclass(frozen=True)
class TimeAxis:
    """The axis of a chart.

    `maps` has for each run times since its start, and their positions: linear between them.
    """

    start: float
    end: float
    bands: tuple[Band, ...]
    maps: tuple[tuple[Floats, Floats], ...]

    @property
    def length(self) -> float:
        """Length of the axis, its bands included."""
        return self.end - self.start

    def ticks(self, plot_px: float) -> dict[float, str]:
        """Return round times since the start, without waits, by their position."""
        open_s = self.end - sum(band.end - band.start for band in self.bands)
        least = TICK_PX * self.length / plot_px
        interval = next((seconds for seconds in INTERVALS if seconds >= least), least)
        ticks = {}
        for count in range(int(open_s / interval + 1e-9) + 1):
            position = time = count * interval
            for band in self.bands:
                if position > band.start:
                    position += band.end - band.start
            ticks[float(position)] = duration(time) if count else "0"
        return ticks


def axis_of(items: pd.DataFrame, durations_s: pd.Series[Any]) -> TimeAxis:
    """Return the axis for items of runs that took so long; null is not known."""
    known = items[items["end"].notna()]
    run, start, end, is_wait, is_leaf = (
        known[name].to_numpy() for name in ("run", "start", "end", "is_wait", "is_leaf")
    )
    first = min([0.0, *start])
    is_one = len(durations_s) == 1
    maps = []
    bands: list[Band] = []
    for number, length in enumerate(durations_s.fillna(0).tolist()):
        own = run == number
        last = max([length, first + MIN_LENGTH, *end[own]])
        waits = _waits(start[own], end[own], is_wait[own], is_leaf[own])
        open_s = last - first - np.diff(waits).sum()
        width = _band_width(open_s, len(waits)) if is_one else 0.0
        times = np.array([first, *waits.ravel(), last])
        lengths = np.diff(times)
        lengths[1::2] = np.minimum(lengths[1::2], width)
        positions = np.cumsum([first, *lengths])
        maps.append((times, positions))
        if is_one:
            edges = positions[1:-1].reshape(-1, 2)
            rows = np.column_stack([edges, np.diff(waits)])
            bands = [Band(*row) for row in rows.tolist()]
    longest = max(positions[-1] for _, positions in maps)
    return TimeAxis(first, float(longest), tuple(bands), tuple(maps))


def _waits(start: Floats, end: Floats, is_wait: Flags, is_leaf: Flags) -> Floats:
    """Return start and end of the waits of a run beside which no step works."""
    if not is_wait.any():
        return np.empty((0, 2))
    return blocked_ranges(start, end, is_waiting=is_wait, is_leaf=is_leaf & ~is_wait)


def _band_width(open_s: float, n_bands: int) -> float:
    """Return the width of each band in seconds of an axis that has so many others."""
    share = min(BAND, ALL_BANDS / max(n_bands, 1))
    return max(open_s, MIN_LENGTH) * share / (1 - share * n_bands)
