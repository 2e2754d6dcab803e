"""The time axis: true times in, positions in seconds out, and tick labels that are true.

Positions are plain seconds on a numeric axis, from the start of the chart. Where waits are folded, the map
from time to position is linear piece by piece.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from runkit.charts.labels import width_px
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
MOST_FOLDS = 40
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

    `folds` are the time ranges that were folded: every second one of the ranges between `times`. `px` is the
    width in a figure of usual width.
    """

    times: Floats
    places: Floats
    folds: list[Fold]
    px: float = PLOT_PX

    def at(self, seconds: Floats) -> Floats:
        """Positions of times; exact where nothing is folded."""
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

    @property
    def pieces(self) -> list[Fold]:
        """The time ranges that are not folded."""
        edges = self.times.tolist()
        return list(zip(edges[::2], edges[1::2], strict=True))


def fold_width(rest: float, n_folds: int) -> float:
    """The width of each of some folds, in seconds; `rest` is the time that is not folded."""
    share = min(FOLD_PX / PLOT_PX, ALL_FOLDS / max(n_folds, 1))
    return (rest or 1.0) * share / (1 - share * n_folds)


def axis_of(first: float, last: float, folds: Sequence[Fold] = (), width: float | None = None) -> Axis:
    """Make an axis; time ranges apart are folded to one width each, and shorter ones stay as they are."""
    last = max(last, first + LEAST_S)
    longest = sorted(folds, key=lambda fold: fold[0] - fold[1])[:MOST_FOLDS]
    rest = last - first - sum(to - since for since, to in longest)
    width = fold_width(rest, len(longest)) if width is None else width
    kept = sorted((since, to) for since, to in longest if to - since > width)
    times = np.array([first, *(edge for fold in kept for edge in fold), last])
    lengths = np.diff(times)
    lengths[1::2] = width
    return Axis(times, np.cumsum([first, *lengths]), kept)


def relative_axis(axis: Axis) -> dict[str, Any]:
    """The ticks of plotly's axis in time since the start; after a fold they begin again, as `+30 s`.

    Up to `REFINED` seconds plotly sets its own, which become finer when a reader zooms, and only a static
    picture has these; plotly knows no multiples of 60.
    """
    ticks = array_ticks(*relative_ticks(axis))
    if not axis.folds and 4 < axis.length <= REFINED:
        words = {f"{at} s": duration(at) for at in range(60, REFINED + 1)}
        ticks |= {"tickmode": "auto", "ticksuffix": " s", "labelalias": {"0 s": "0"} | words}
    return ticks


def array_ticks(places: Sequence[object], texts: list[str]) -> dict[str, Any]:
    """Some ticks of plotly's axis."""
    return {"tickmode": "array", "tickvals": places, "ticktext": texts}


def relative_ticks(axis: Axis) -> tuple[list[float], list[str]]:
    """Positions and words of ticks at round times since the start, and since the end of each fold."""
    open_s = sum(stop - start for start, stop in axis.pieces)

    def widest(step: float) -> float:
        words = (duration(step), duration(open_s // step * step))
        return max(open_s * axis.scale / MOST_TICKS - BETWEEN_PX, *map(width_px, words))

    step = _step(axis, widest)
    ticks = {}
    for number, (start, stop) in enumerate(axis.pieces):
        zero = start if number else 0.0  # which the ticks of this piece count from
        shift, end = axis.at(np.array([zero, stop])).tolist()
        first = 1 if number else int(np.ceil(start / step))  # none at the end of a fold
        for count in range(first, int((stop - zero) / step + 1e-9) + 1):
            text = ("+" if number else "") + (duration(count * step) if count else "0")
            place = shift + count * step
            edge = place + width_px(text) / 2 / axis.scale
            if stop == axis.times[-1] or edge <= end + SPILL_PX / axis.scale:
                ticks[place] = text
    return list(ticks), list(ticks.values())


def _step(axis: Axis, width: Callable[[float], float]) -> float:
    """The least round step at which labels stand apart; `width` is that of its labels in pixels."""
    steps = (step for step in STEPS if step * axis.scale >= width(step) + BETWEEN_PX)
    return float(next(steps, STEPS[-1]))
