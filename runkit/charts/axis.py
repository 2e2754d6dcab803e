"""The time axis: plain seconds on a numeric axis, from the start of the chart, and round times as its ticks.

Where waits are folded, the map from time to position is linear piece by piece.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from runkit.charts.style import Json, array_ticks, width_px
from runkit.text import duration

Floats = NDArray[np.float64]
Fold = tuple[float, float]  # a range of time [from, to)

DAY = 86_400  # seconds
# the width of the axis that labels are laid out for; what fits there fits in wider figures
PLOT_PX = 600
MOST_TICKS = 8
BETWEEN_PX = 14  # two labels
# seconds; up to there plotly's own ticks, at 1, 2, 5, 10 and 20 s, read well as durations
REFINED = 200
FOLD_PX = 130  # of a folded wait: its words have room, but
ALL_FOLDS = 0.6  # no more than this of the width
SPILL_PX = 26  # so far a label may reach into a fold, of which the words take the middle
LEAST_S = 0.01  # of an axis
STEPS = (  # between ticks, in seconds
    *(k * 10.0**power for power in (-3, -2, -1) for k in (1, 2, 5)),
    *(1, 2, 5, 10, 15, 30),
    *(60 * k for k in (1, 2, 5, 10, 15, 30)),
    *(3_600 * k for k in (1, 2, 3, 6, 12)),
    *(DAY * k for k in (1, 2, 7, 14, 28, 91, 182)),
    *(DAY * 364 * k for k in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000)),
)


class Axis(NamedTuple):
    """The map from seconds since the origin to positions: linear between `times` and `places`.

    `folds` are the time ranges that were folded: every second one of the ranges between `times`.
    `px` is the width in a figure of usual width.
    """

    times: Floats
    places: Floats
    folds: list[Fold]
    px: float = PLOT_PX

    def at(self, seconds: Floats) -> Floats:
        """Return positions of times; exact where nothing is folded."""
        return np.interp(seconds, self.times, self.places) if self.folds else seconds

    @property
    def start(self) -> float:
        """Where the axis starts."""
        return float(self.places[0])

    @property
    def length(self) -> float:
        """Length of the axis in seconds of its own."""
        return float(self.places[-1] - self.places[0])

    @property
    def scale(self) -> float:
        """Pixels a second, in a figure of usual width."""
        return self.px / self.length


def axes_of(first: float, ends: Sequence[float], folds: Sequence[Sequence[Fold]]) -> list[Axis]:
    """Build an axis for each of some ends; the time ranges of `folds` are folded to one width in all.

    Shorter ones stay as they are.
    """
    ends = [max(end, first + LEAST_S) for end in ends]
    n_folds = max(map(len, folds))
    open_s = [  # the time that is not folded
        end - first - sum(to - since for since, to in own)
        for end, own in zip(ends, folds, strict=True)
    ]
    share = min(FOLD_PX / PLOT_PX, ALL_FOLDS / max(n_folds, 1))
    width = (max(open_s) or 1.0) * share / (1 - share * n_folds)
    axes = []
    for end, own in zip(ends, folds, strict=True):
        kept = [(since, to) for since, to in own if to - since > width]
        times = np.array([first, *(edge for fold in kept for edge in fold), end])
        lengths = np.diff(times)
        lengths[1::2] = width
        axes.append(Axis(times, np.cumsum([first, *lengths]), kept))
    return axes


def relative_axis(axis: Axis, until: float = np.inf) -> Json:
    """Return plotly's ticks up to a time: round times since the start, behind a fold as `+30 s`.

    Up to `REFINED` seconds plotly sets its own, which become finer when a reader zooms, and only a
    static picture has these; plotly knows no multiples of 60.
    """
    pieces = axis.times.reshape(-1, 2)  # the ranges that are not folded
    open_s = float(np.diff(pieces).sum())

    def stand_apart(step: float) -> bool:
        words = (duration(step), duration(open_s // step * step))
        least = max(
            open_s * axis.scale / MOST_TICKS, *(width_px(text) + BETWEEN_PX for text in words)
        )
        return step * axis.scale >= least

    step = next(filter(stand_apart, STEPS), STEPS[-1])
    ticks = {}
    for number, (start, stop) in enumerate(pieces.tolist()):
        zero = start if number else 0.0  # which the ticks of this piece count from
        shift, end = axis.at(np.array([zero, stop])).tolist()
        first = 1 if number else int(np.ceil(start / step))  # none at the end of a fold
        for count in range(first, int((stop - zero) / step + 1e-9) + 1):
            text = "+" * bool(number) + (duration(count * step) if count else "0")
            place = shift + count * step
            edge = place + width_px(text) / 2 / axis.scale
            if place <= until and (stop == axis.times[-1] or edge <= end + SPILL_PX / axis.scale):
                ticks[place] = text
    look = array_ticks([*ticks], [*ticks.values()])
    if axis.folds or until < np.inf or not 4 < axis.length <= REFINED:
        return look
    words = {f"{at} s": duration(at) for at in range(60, REFINED + 1)}
    return look | {"tickmode": "auto", "ticksuffix": " s", "labelalias": {"0 s": "0"} | words}
