"""The time axis: true times in, positions in seconds out, and tick labels that are true.

Positions are plain seconds on a numeric axis, from the start of the chart. Where waits are folded, the map
from time to position is linear piece by piece.
"""

from __future__ import annotations

import re
from calendar import month_abbr
from datetime import datetime
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from runkit.charts.labels import width_px

Floats = NDArray[np.float64]

DAY = 86_400  # seconds
PLOT_PX = 600  # the width of the axis that labels are laid out for; what fits there fits in wider figures
MOST_TICKS = 8
BETWEEN_PX = 14  # two labels
CLOCK_PX = 66  # a clock time or a date
REFINED = 200  # seconds; up to there plotly's own ticks, at 1, 2, 5, 10 and 20 s, read well as durations
MOST_FOLDS = 40
FOLD_PX = 130  # of a folded wait: its words have room, but
ALL_FOLDS = 0.6  # no more than this of the width
SPILL_PX = 26  # so far a label may reach into a fold, of which the words take the middle
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


def fold_width(rest: float, n_folds: int) -> float:
    """The width of each of some folds, in seconds; `rest` is the time that is not folded."""
    share = min(FOLD_PX / PLOT_PX, ALL_FOLDS / max(n_folds, 1))
    return (rest or 1.0) * share / (1 - share * n_folds)


def folded(first: float, last: float, folds: list[tuple[float, float]], width: float | None = None) -> Axis:
    """Fold time ranges (in order, apart) to one fixed width each; shorter ones stay as they are."""
    longest = sorted(folds, key=lambda fold: fold[0] - fold[1])[:MOST_FOLDS]
    rest = (last - first) - sum(b - a for a, b in longest)
    width = fold_width(rest, len(longest)) if width is None else width
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


def relative_axis(axis: Axis) -> dict[str, Any]:
    """The ticks of plotly's axis in time since the start; after a fold they begin again, as `+30 s`.

    Up to `REFINED` seconds they become finer when a reader zooms; plotly knows no multiples of 60.
    """
    if not axis.folds and 4 < axis.length <= REFINED:
        words = {f"{at} s": elapsed(at, 1) for at in range(int(axis.start), REFINED + 1) if not 0 < at < 60}
        return {"tickmode": "auto", "ticksuffix": " s", "labelalias": words}
    places, texts = relative_ticks(axis)
    return {"tickmode": "array", "tickvals": places.tolist(), "ticktext": texts}


def relative_ticks(axis: Axis) -> tuple[Floats, list[str]]:
    """Positions and words of ticks at round times since the start, and since the end of each fold."""
    edges = axis.at(np.array(axis.folds).ravel()).tolist()
    starts, ends = [axis.start, *edges[1::2]], [*edges[::2], axis.start + axis.length]
    times = [0.0, *(to for _, to in axis.folds)]  # which the ticks of each piece count from
    zeros = [float(at) for at in axis.at(np.array(times))]
    open_s = sum(b - a for a, b in zip(starts, ends, strict=True))
    step = _even_step(axis, open_s or axis.length)
    px = PLOT_PX / axis.length
    places, texts = [], []
    for number, (start, end, zero) in enumerate(zip(starts, ends, zeros, strict=True)):
        for count in range(int(np.ceil((start - zero) / step)), int((end - zero) / step + 1e-9) + 1):
            text = ("+" if number else "") + elapsed(count * step, step)
            place, half = zero + count * step, width_px(text) / 2 / px
            is_free = number == len(starts) - 1 or place + half <= end + SPILL_PX / px
            if is_free and (count or not number):
                places.append(place)
                texts.append(text)
    return np.array(places), texts


def _even_step(axis: Axis, length: float) -> float:
    """The least round step at which labels stand apart, on the part of the axis that is not folded."""
    px = PLOT_PX / axis.length
    step = _step(length)
    for coarser in (step, *(float(step_) for step_ in STEPS if step_ > step)):
        widest = max(width_px(elapsed(at, coarser)) for at in (coarser, length // coarser * coarser))
        if coarser * px >= widest + BETWEEN_PX:
            return coarser
    return step


def clock_axis(axis: Axis, origin: int, tz: str) -> dict[str, Any]:
    """The ticks of plotly's axis in clock times of `tz`; `origin` is in microseconds since 1970."""
    places, texts = clock_ticks(axis, pd.Timestamp(origin, unit="us", tz="UTC"), tz)
    return {"tickmode": "array", "tickvals": places.tolist(), "ticktext": texts}


def clock_ticks(axis: Axis, origin: datetime, tz: str) -> tuple[Floats, list[str]]:
    """Positions and clock times in `tz` of ticks at round times of day or at midnights.

    The end of each fold has a tick, too. The date stands under the first tick and wherever it changes.
    """
    step, zero = _step(axis.length), pd.Timestamp(origin).tz_convert(ZoneInfo(tz))
    ends = [to for _, to in axis.folds]
    starts = [float(axis.times[0]), *ends]
    stops = [*(since for since, _ in axis.folds), float(axis.times[-1])]
    seconds = [*ends]
    for start, stop in zip(starts, stops, strict=True):
        round_times = (_round_times(_later(zero, start), _later(zero, stop), step) - zero).total_seconds()
        seconds += [at for at in round_times if start <= at <= stop]
    kept: list[int] = []
    gap = (CLOCK_PX + BETWEEN_PX) * axis.length / PLOT_PX
    places = axis.at(np.array(seconds)).tolist()
    for at, place in enumerate(places):
        if all(abs(place - places[other]) >= gap for other in kept):
            kept.append(at)
    texts, day_before = [], None
    kept.sort(key=places.__getitem__)
    for when in (_later(zero, seconds[at]) for at in kept):
        date = f"{month_abbr[when.month]} {when.day}, {when.year}"
        time = date if step >= DAY else clock(when, step)
        texts.append(time if date in (time, day_before) else f"{time}<br>{date}")
        day_before = date
    return np.array([places[at] for at in kept]), texts


def _later(when: pd.Timestamp, seconds: float) -> pd.Timestamp:
    """The time so many seconds later, also beyond the 292 years that nanoseconds reach."""
    return when + pd.Timedelta(np.timedelta64(round(seconds * 1e6), "us"))


def _round_times(first: pd.Timestamp, last: pd.Timestamp, step: float) -> pd.DatetimeIndex:
    """Times of day, or starts of days; where a day begins at 1 o'clock, that is its start."""
    if step < DAY:
        midnight = _round_times(first, first, DAY)[0]
        n_before = np.ceil((first - midnight).total_seconds() / step)
        since = np.arange(n_before, (last - midnight).total_seconds() // step + 1) * step
        return pd.DatetimeIndex([_later(midnight, at) for at in since.tolist()], tz=first.tz)
    first_day, last_time = first.tz_localize(None).normalize(), last.tz_localize(None)
    dates = pd.date_range(first_day, last_time, freq=f"{int(step // DAY)}D")
    is_summer = np.ones(len(dates), np.bool_)  # of two midnights, the first
    return dates.tz_localize(first.tz, nonexistent="shift_forward", ambiguous=is_summer)


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
