"""The time axis: true times in, positions in seconds out, and tick labels that stay true.

Positions are plain seconds on a numeric axis, from the start of the picture. Where waits are folded, the map
from time to position is linear piece by piece, and the labels say the true time.
"""

from __future__ import annotations

import re
from calendar import month_abbr
from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from runkit.charts.labels import width_px

Floats = NDArray[np.float64]

DAY = 86_400  # seconds
MOST_TICKS = 9  # labels of some 12 characters stand side by side in a wide figure
PLOT_PX = 620  # the least width of the axis in a notebook of usual width; what fits there fits in wider ones
BETWEEN_PX = 14  # two labels
CLOCK_PX = 66  # a clock time or a date
MOST_FOLDS = 40  # each has a label
FOLD_SHARE = 0.08  # a folded wait has this share of the unfolded time, but
ALL_FOLDS = 0.6  # all folds together no more than this
STEPS = (
    *(1, 2, 5, 10, 15, 30),
    *(60 * k for k in (1, 2, 5, 10, 15, 30)),
    *(3_600 * k for k in (1, 2, 3, 6, 12)),
    *(DAY * k for k in (1, 2, 7, 14, 28, 91, 182, 364)),
)


class Axis(NamedTuple):
    """The map from seconds since the origin to positions: linear between `times` and `places`.

    `folds` are the time ranges [from, to) that were folded.
    """

    times: Floats
    places: Floats
    folds: list[tuple[float, float]]

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


def unfolded(first: float, last: float) -> Axis:
    """Make an axis on which a second is a second."""
    last = last if last > first else first + 1.0
    return Axis(np.array([first, last]), np.array([first, last]), [])


def folded(first: float, last: float, folds: list[tuple[float, float]]) -> Axis:
    """Fold time ranges (in order, apart) to one fixed width each; shorter ones stay as they are."""
    longest = sorted(folds, key=lambda fold: fold[0] - fold[1])[:MOST_FOLDS]
    rest = (last - first) - sum(b - a for a, b in longest)
    width = (rest or 1.0) * min(FOLD_SHARE, ALL_FOLDS / max(len(longest), 1))
    kept = sorted((a, b) for a, b in longest if b - a > width)
    if not kept:
        return unfolded(first, last)
    times, places = [first], [first]
    for a, b in kept:
        times += [a, b]
        places += [places[-1] + a - times[-3], places[-1] + a - times[-3] + width]
    times.append(last)
    places.append(places[-1] + last - times[-2])
    return Axis(np.array(times), np.array(places), kept)


def relative_ticks(axis: Axis) -> tuple[Floats, list[str]]:
    """Positions and words of ticks at round times since the start, and at the end of each fold."""
    step = _step(axis.length)

    def multiples(a: float, b: float) -> Floats:
        return np.arange(np.ceil(a / step), np.floor(b / step) + 1) * step

    times = _choose(axis, multiples, lambda seconds: width_px(elapsed(seconds, step)))
    return axis.at(times), [elapsed(seconds, step) for seconds in times]


def clock_ticks(axis: Axis, origin: datetime, tz: str) -> tuple[Floats, list[str]]:
    """Positions and clock times in `tz` of ticks at round times of day or at midnights.

    The date stands under the first tick and wherever it changes.
    """
    step = _step(axis.length)
    zero = pd.Timestamp(origin).tz_convert(ZoneInfo(tz))

    def round_times(a: float, b: float) -> Floats:
        first, last = (_later(zero, at) for at in (a, b))
        if step >= DAY:
            since = (midnights(first, last, int(step // DAY)) - zero).total_seconds().to_numpy()
        else:
            start = (midnights(first, first, 1)[0] - zero).total_seconds()
            since = start + np.arange(np.ceil((a - start) / step), np.floor((b - start) / step) + 1) * step
        return since[(since >= a) & (since <= b)]

    times = _choose(axis, round_times, lambda _: CLOCK_PX)
    texts, day_before = [], None
    for seconds in times:
        when = _later(zero, float(seconds))
        date = f"{when.day} {month_abbr[when.month]} {when.year}"
        if step >= DAY:
            texts.append(date)
        else:
            texts.append(clock(when, step) + (f"<br>{date}" if date != day_before else ""))
        day_before = date
    return axis.at(times), texts


def _later(when: pd.Timestamp, seconds: float) -> pd.Timestamp:
    """The time so many seconds later, also beyond the 292 years that nanoseconds reach."""
    return when + pd.Timedelta(np.timedelta64(round(seconds * 1e6), "us"))


def midnights(first: pd.Timestamp, last: pd.Timestamp, days: int) -> pd.DatetimeIndex:
    """Starts of local days from the day of `first` on; where a day begins at 1 o'clock, that is its start."""
    dates = pd.date_range(first.tz_localize(None).normalize(), last.tz_localize(None), freq=f"{days}D")
    is_summer = np.ones(len(dates), np.bool_)  # of two midnights, the first
    return dates.tz_localize(first.tz, nonexistent="shift_forward", ambiguous=is_summer)


def _choose(
    axis: Axis, round_times: Callable[[float, float], Floats], width: Callable[[float], float]
) -> Floats:
    """Round times outside the folds; the end of each fold, a label for each piece; no two labels overlap."""
    firm = [b for _, b in axis.folds]
    starts, ends = [axis.times[0], *firm], [*(a for a, _ in axis.folds), axis.times[-1]]
    loose = np.concatenate([round_times(float(a), float(b)) for a, b in zip(starts, ends, strict=True)])
    kept: list[tuple[float, float, float]] = []  # time, place and half a width, both in pixels
    for time in map(float, [*firm, *loose]):
        place, half = axis.at(np.array([time]))[0] / axis.length * PLOT_PX, width(time) / 2
        if all(abs(place - other) >= half + others_half + BETWEEN_PX for _, other, others_half in kept):
            kept.append((time, place, half))
    return np.array(sorted(time for time, _, _ in kept))


def _step(length: float) -> float:
    """The least round step that makes no more than `MOST_TICKS` steps."""
    if length <= MOST_TICKS / 2:
        power = 10.0 ** np.floor(np.log10(length / MOST_TICKS))
        return float(next(k * power for k in (1, 2, 5, 10) if length / (k * power) <= MOST_TICKS))
    for step in STEPS:
        if length / step <= MOST_TICKS:
            return float(step)
    return float(STEPS[-1] * np.ceil(length / STEPS[-1] / MOST_TICKS))


def elapsed(seconds: float, step: float) -> str:
    """Say a time since the start, as exactly as `step` wants it: `0`, `1 h 5 min`, `14 h 2 min 10 s`."""
    if seconds < 0:
        return "-" + elapsed(-seconds, step)
    left = round(seconds, 6) if step < 1 else float(round(seconds))
    parts = []
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        count, left = divmod(left, size)
        if count:
            parts.append(f"{count:,.0f} {unit}")
    if left:
        parts.append(f"{round(left, 6):g} s")
    return " ".join(parts) or "0"


def clock(when: datetime, step: float) -> str:
    """Say a time of day, down to the unit of `step`."""
    text = f"{when.hour:02}:{when.minute:02}"  # not by strftime, which ends with the year 9999
    if step >= 60 and not when.second:
        return text
    text += f":{when.second:02}"
    return text if step >= 1 or not when.microsecond else re.sub("0+$", "", f"{text}.{when.microsecond:06d}")
