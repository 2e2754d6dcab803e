"""The axis of a Gantt chart: seconds since each run started, without its waits.

A wait beside which nothing works is folded: to a band of a fixed width in the chart of one run, to
nothing where several runs share the axis. So a tick holds for each of them. A run ends with its
last step: that it was idle afterwards is a number beside it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from runkit.display.text import DAY, duration
from runkit.time_budget import blocked_ranges

Floats = NDArray[np.float64]
BAND, ALL_BANDS = 0.17, 0.6  # the width of a band, and at most of all, as shares of the axis
TICK_PX = 74  # the least distance of ticks
MIN_AXIS_S = 0.01  # seconds of an axis
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
    def length(self) -> float:
        """Its width on the axis."""
        return self.end - self.start

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

    def place(self, run: int, seconds: Floats) -> Floats:
        """Return the positions of seconds since the start of a run."""
        times, positions = self.maps[run]
        return np.interp(seconds, times, positions)

    def ticks(self, plot_px: float) -> dict[float, str]:
        """Return round times since the start, without waits, by their position."""
        open_s = self.end - sum(band.length for band in self.bands)
        least_s = TICK_PX * self.length / plot_px
        interval = next((seconds for seconds in INTERVALS if seconds >= least_s), least_s)
        n_ticks = int(open_s / interval + 1e-9) + 1
        ticks = {}
        for count in range(n_ticks):
            time = count * interval
            position = float(time)
            for band in self.bands:
                if position > band.start:
                    position += band.length
            ticks[position] = duration(time) if count else "0"
        return ticks


def axis_of(items: pd.DataFrame, durations_s: pd.Series[Any]) -> TimeAxis:
    """Return the axis of items, up to the last end; a run without one took so long, or null."""
    known = items[items["end"].notna()]
    first = min([0.0, *known["start"]])
    is_one = len(durations_s) == 1
    maps = []
    bands: list[Band] = []
    for number, duration_s in enumerate(durations_s.fillna(0).tolist()):
        own = known[known["run"] == number]
        ends = own["end"].tolist() or [duration_s]
        last = max(first + MIN_AXIS_S, *ends)
        waits = _waits(own)
        times = np.array([first, *waits.ravel(), last])
        lengths = np.diff(times)  # of work, a wait, work, ...
        work_s = lengths[::2].sum()
        width = _band_width(work_s, len(waits)) if is_one else 0.0
        lengths[1::2] = np.minimum(lengths[1::2], width)
        positions = np.cumsum([first, *lengths])
        maps.append((times, positions))
        if is_one:
            edges = positions[1:-1].reshape(-1, 2)
            wait_s = np.diff(waits)
            bands = [Band(*band) for band in np.column_stack([edges, wait_s]).tolist()]
    longest = max(positions[-1] for _, positions in maps)
    return TimeAxis(first, float(longest), tuple(bands), tuple(maps))


def _waits(items: pd.DataFrame) -> Floats:
    """Return start and end of the waits of a run beside which no step works."""
    is_wait = items["is_wait"].to_numpy()
    if not is_wait.any():
        return np.empty((0, 2))
    return blocked_ranges(
        items["start"].to_numpy(),
        items["end"].to_numpy(),
        is_waiting=is_wait,
        is_leaf=items["is_leaf"].to_numpy() & ~is_wait,
    )


def _band_width(open_s: float, n_bands: int) -> float:
    """Return the width of each band in seconds of an axis that has so many others."""
    share = min(BAND, ALL_BANDS / max(n_bands, 1))
    return max(open_s, MIN_AXIS_S) * share / (1 - share * n_bands)
