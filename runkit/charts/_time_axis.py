"""The axis of a Gantt chart: seconds since each run started, without its waits.

A wait beside which nothing works is folded: to a band of a fixed width in the chart of one run, to
nothing where several runs share the axis. So a tick holds for each of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from runkit.display.counts import DAY
from runkit.display.text import duration
from runkit.time_budget import blocked_ranges

Floats = NDArray[np.float64]
BAND, ALL_BANDS = 0.17, 0.6  # the width of a band, and at most of all, as shares of the axis
TICK_PX = 74  # the least distance of ticks
MIN_LENGTH = 0.01  # seconds of an axis
INTERVALS = (  # between ticks, in seconds
    *(k * 10.0**power for power in (-3, -2, -1) for k in (1, 2, 5)),
    *(k * unit for unit in (1, 60) for k in (1, 2, 5, 10, 15, 20, 30)),
    *(3_600 * k for k in (1, 2, 3, 6, 12)),
    *(DAY * k for k in (1, 2, 7, 14, 28, 91, 182, 364, 728, 1_820, 3_640, 36_400, 364_000)),
)


@dataclass(frozen=True)
class Band:
    """A folded wait on the axis, and how many seconds it stands for."""

    start: float
    end: float
    seconds: float

    @property
    def middle(self) -> float:
        """Where its label stands."""
        return (self.start + self.end) / 2


@dataclass(frozen=True)
class TimeMap:
    """Maps seconds since a run started to positions on the axis: linear between `times`."""

    times: Floats
    positions: Floats

    def at(self, seconds: Any) -> Any:
        """Return the positions of times."""
        return np.interp(seconds, self.times, self.positions)


@dataclass(frozen=True)
class TimeAxis:
    """The axis of a chart; `maps` has the map of each run to it."""

    start: float
    end: float
    bands: tuple[Band, ...]
    maps: tuple[TimeMap, ...]

    @property
    def length(self) -> float:
        """Length of the axis, its bands included."""
        return self.end - self.start

    def ticks(self, plot_px: float) -> dict[float, str]:
        """Return round times since the start, without waits, by their position."""
        open_s = self.end - sum(band.end - band.start for band in self.bands)
        least = TICK_PX * self.length / plot_px
        interval = next((step for step in INTERVALS if step >= least), INTERVALS[-1])
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
    known = items.loc[items["is_known"], ["run", "start", "end", "is_wait", "is_leaf"]]
    first = min([0.0, *known["start"]])
    lengths = durations_s.fillna(0).to_numpy()
    last = np.maximum(lengths, first + MIN_LENGTH)
    np.maximum.at(last, known["run"].to_numpy(), known["end"].to_numpy())
    is_waiting = known.groupby("run")["is_wait"].transform("any")
    blocked = {run: _blocked(own) for run, own in known[is_waiting].groupby("run")}
    maps = []
    bands: list[Band] = []
    for number, end in enumerate(last.tolist()):
        ranges = blocked.get(number, np.empty((0, 2)))
        width = _band_width(end - first, ranges) if len(lengths) == 1 else 0.0
        maps.append(_folded(first, end, ranges, width))
        if width:
            bands = _bands(maps[-1])
    end = max(time_map.positions[-1] for time_map in maps)
    return TimeAxis(first, float(end), tuple(bands), tuple(maps))


def _blocked(items: pd.DataFrame) -> Floats:
    """Return the ranges of time in which a question is open and no step works beside it."""
    run, start, end, is_wait, is_leaf = (items[name].to_numpy() for name in items)
    ranges = blocked_ranges(run, start, end, is_waiting=is_wait, is_leaf=is_leaf & ~is_wait)
    return np.stack(ranges, axis=1)


def _band_width(length: float, ranges: Floats) -> float:
    """Return the width of a band in seconds of the axis."""
    if not len(ranges):
        return 0.0
    share = min(BAND, ALL_BANDS / len(ranges))
    open_s = length - np.diff(ranges).sum()
    return float(max(open_s, MIN_LENGTH) * share / (1 - share * len(ranges)))


def _folded(first: float, last: float, ranges: Floats, width: float) -> TimeMap:
    """Return a map in which the ranges are at most so wide."""
    times = np.array([first, *ranges.ravel(), last])
    lengths = np.diff(times)
    lengths[1::2] = np.minimum(lengths[1::2], width)
    return TimeMap(times, np.cumsum([first, *lengths]))


def _bands(time_map: TimeMap) -> list[Band]:
    places = time_map.positions[1:-1].reshape(-1, 2).tolist()
    seconds = np.diff(time_map.times)[1::2].tolist()
    return [Band(start, end, s) for (start, end), s in zip(places, seconds, strict=True)]
