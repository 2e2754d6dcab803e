"""The time axis: seconds since the start of the chart, with round times as its ticks.

Where waits are folded, the map from time to position is linear piece by piece.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from runkit.charts.theme import Json, array_ticks, width_px
from runkit.display.text import duration

Floats = NDArray[np.float64]
Fold = tuple[float, float]  # a range of time [from, to)

DAY = 86_400  # seconds
PLOT_PX = 600  # the width that labels are laid out for; they also fit in wider figures
MAX_TICKS = 12
TICK_GAP_PX = 12  # between two labels
# Up to so many seconds plotly's own ticks (at 1, 2, 5, 10 and 20 s) read well as durations.
REFINED = 240
MAX_FINE = 30  # labels that need more than so many seconds are ours, as plotly goes on with 50 s
FOLD_PX = 130  # the width of a folded wait, which has room for its label
MAX_FOLDED = 0.6  # all folds together take no more than this share of the width
NOTE_PX = 78  # the middle of a fold that holds its label, "not to scale"
MIN_LENGTH = 0.01  # seconds of an axis
INTERVALS = (  # between ticks, in seconds
    *(k * 10.0**power for power in (-3, -2, -1) for k in (1, 2, 5)),
    *(k * unit for unit in (1, 60) for k in (1, 2, 5, 10, 15, 20, 30)),
    *(3_600 * k for k in (1, 2, 3, 6, 12)),
    *(DAY * k for k in (1, 2, 7, 14, 28, 91, 182)),
    *(DAY * 364 * k for k in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000)),
)


class TimeAxis(NamedTuple):
    """The map from seconds since the origin to positions: linear between `times` and `positions`.

    `folds` are the time ranges that were folded: every second one of the ranges between `times`.
    `px` is the width in a figure of usual width.
    """

    times: Floats
    positions: Floats
    folds: list[Fold]
    px: float = PLOT_PX

    def at(self, seconds: Floats) -> Floats:
        """Return positions of times; exact where nothing is folded."""
        return np.interp(seconds, self.times, self.positions) if self.folds else seconds

    @property
    def start(self) -> float:
        """Where the axis starts."""
        return float(self.positions[0])

    @property
    def length(self) -> float:
        """Length of the axis in seconds of its own."""
        return float(self.positions[-1] - self.positions[0])

    @property
    def scale(self) -> float:
        """Pixels a second, in a figure of usual width."""
        return self.px / self.length


def axes_of(first: float, ends: Sequence[float], folds: Sequence[Sequence[Fold]]) -> list[TimeAxis]:
    """Build an axis for each of some ends; the time ranges of `folds` get one width on all axes.

    Ranges that are shorter than that stay as they are.
    """
    ends = [max(end, first + MIN_LENGTH) for end in ends]
    n_folds = max(map(len, folds))
    folded_s = [sum(stop - start for start, stop in axis_folds) for axis_folds in folds]
    open_s = [end - first - seconds for end, seconds in zip(ends, folded_s, strict=True)]
    share = min(FOLD_PX / PLOT_PX, MAX_FOLDED / max(n_folds, 1))
    width = (max(open_s) or 1.0) * share / (1 - share * n_folds)

    axes = []
    for end, axis_folds in zip(ends, folds, strict=True):
        long_folds = [(start, stop) for start, stop in axis_folds if stop - start > width]
        edges = [edge for fold in long_folds for edge in fold]
        times = np.array([first, *edges, end])
        lengths = np.diff(times)
        lengths[1::2] = width
        axes.append(TimeAxis(times, np.cumsum([first, *lengths]), long_folds))
    return axes


def relative_axis(axis: TimeAxis, until: float = np.inf) -> Json:
    """Return plotly's ticks up to a time: round times since the start, behind a fold as `+30 s`.

    Up to `REFINED` seconds plotly sets its own, which become finer when a reader zooms; these here
    are then for the static picture only. plotly knows no multiples of 60.
    """
    pieces = axis.times.reshape(-1, 2)  # the ranges that are not folded
    interval = _interval(axis, float(np.diff(pieces).sum()))
    free = (np.diff(axis.positions)[1:2].sum() - NOTE_PX / axis.scale) / 2  # at each end of a fold

    ticks = {}
    for number, (start, stop) in enumerate(pieces.tolist()):
        zero = start if number else 0.0  # the ticks of this piece count from here
        shift, end = axis.at(np.array([zero, stop])).tolist()
        first = 1 if number else int(np.ceil(start / interval))  # no tick at the end of a fold
        last = int((stop - zero) / interval + 1e-9)
        for count in range(first, last + 1):
            text = "+" * bool(number) + (_tick(count * interval) if count else "0")
            position = shift + count * interval
            edge = position + width_px(text) / 2 / axis.scale
            has_room = stop == axis.times[-1] or edge <= end + free
            if position <= until and has_room:
                ticks[position] = text

    options = array_ticks([*ticks], [*ticks.values()])
    if axis.folds or until < np.inf or not 4 < axis.length <= REFINED or interval > MAX_FINE:
        return options
    aliases = {f"{seconds} s": _tick(seconds) for seconds in range(60, REFINED + 1)}
    return options | {
        "tickmode": "auto",
        "nticks": int(axis.length / min(interval, 20)) + 1,  # or plotly would go on with 50 s
        "ticksuffix": " s",
        "labelalias": {"0 s": "0"} | aliases,
    }


def _tick(seconds: float) -> str:
    """Write a time at a tick; between whole minutes it is short: `1:20`."""
    if 60 < seconds <= REFINED and seconds % 60:
        return f"{seconds // 60:.0f}:{seconds % 60:02.0f}"
    return duration(seconds)


def _interval(axis: TimeAxis, open_s: float) -> float:
    """Return the shortest interval between ticks at which their labels stand apart."""
    for interval in INTERVALS:
        labels = map(_tick, (interval, open_s // interval * interval))
        label_px = max(map(width_px, labels)) + TICK_GAP_PX
        if interval * axis.scale >= max(open_s * axis.scale / MAX_TICKS, label_px):
            return interval
    return INTERVALS[-1]
