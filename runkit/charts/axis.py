"""The time axis: true times in, positions in seconds out, and tick labels that are true.

Positions are plain seconds on a numeric axis, from the start of the chart. Where waits are folded, the map
from time to position is linear piece by piece.
"""

from __future__ import annotations

from calendar import month_abbr
from collections.abc import Callable, Sequence
from difflib import get_close_matches
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo, available_timezones

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from runkit.charts.labels import width_px
from runkit.errors import UsageError
from runkit.text import duration

Floats = NDArray[np.float64]
Fold = tuple[float, float]  # a range of time [from, to)

DAY = 86_400  # seconds
# the width of the axis that labels are laid out for; what fits there fits in wider figures
PLOT_PX = 600
MOST_TICKS = 8
BETWEEN_PX = 14  # two labels
CLOCK_PX = 66  # a clock time or a date
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

    `folds` are the time ranges that were folded: every second one of the ranges between `times`.
    """

    times: Floats
    places: Floats
    folds: list[Fold]

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
        return PLOT_PX / self.length

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

    Up to `REFINED` seconds they become finer when a reader zooms; plotly knows no multiples of 60.
    """
    if not axis.folds and 4 < axis.length <= REFINED:
        words = {f"{at} s": duration(at) for at in range(60, REFINED + 1)}
        return {"tickmode": "auto", "ticksuffix": " s", "labelalias": {"0 s": "0"} | words}
    return array_ticks(*relative_ticks(axis))


def array_ticks(places: list[float], texts: list[str]) -> dict[str, Any]:
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


def check_zone(tz: object) -> None:
    """Refuse what is no name of a time zone."""
    try:
        ZoneInfo(str(tz))
    except (KeyError, ValueError, OSError):
        near = get_close_matches(str(tz), available_timezones(), n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise UsageError(
            f"tz={tz!r} is not known; expected an IANA name like 'UTC' or 'America/New_York'.{hint}"
        ) from None


def clock_ticks(axis: Axis, origin: pd.Timestamp, tz: str) -> tuple[list[float], list[str]]:
    """Positions and clock times in `tz` of ticks at round times of day or at midnights.

    The end of each fold has a tick, too. The date stands under the first tick and wherever it changes.
    """
    step = _step(axis, lambda step: CLOCK_PX)
    zero = origin.as_unit("us").tz_convert(ZoneInfo(tz))
    seconds = [to for _, to in axis.folds]
    for start, stop in axis.pieces:
        ticks = _round_times(_later(zero, start), _later(zero, stop), step)
        since = (ticks - zero) / np.timedelta64(1, "s")
        seconds += [at for at in since if start <= at <= stop]
    kept: dict[float, float] = {}
    for place, at in zip(axis.at(np.array(seconds)).tolist(), seconds, strict=True):
        if all(abs(place - other) * axis.scale >= CLOCK_PX + BETWEEN_PX for other in kept):
            kept[place] = at
    places, texts, day_before = sorted(kept), [], None
    for when in (_later(zero, kept[place]) for place in places):
        date = f"{month_abbr[when.month]} {when.day}, {when.year}"
        time = date if step >= DAY else _clock(when, step)
        texts.append(time if date in (time, day_before) else f"{time}<br>{date}")
        day_before = date
    return places, texts


def _later(when: pd.Timestamp, seconds: float) -> pd.Timestamp:
    """The time so many seconds later, also beyond the 292 years that nanoseconds reach."""
    return when + pd.Timedelta(np.timedelta64(round(seconds * 1e6), "us"))


def _round_times(first: pd.Timestamp, last: pd.Timestamp, step: float) -> pd.DatetimeIndex:
    """Round times of a zone; where the clocks go forward over one, the time right after stands for it."""
    begin, end = (when.tz_localize(None).to_datetime64() for when in (first, last))
    size = np.timedelta64(round(step * 1e6), "us")
    begin -= (begin - np.datetime64(0, "us")) % size
    times = pd.DatetimeIndex(np.arange(begin, end + size, size))
    # of times that come twice, the first and then the second
    is_summer = np.ones(len(times), np.bool_)
    once = times.tz_localize(first.tz, is_summer, "shift_forward")
    again = times.tz_localize(first.tz, ~is_summer, "shift_forward")
    return once.union(again)


def _clock(when: pd.Timestamp, step: float) -> str:
    """Say a time of day, down to the unit of `step`; not by strftime, which ends with the year 9999."""
    text = f"{when.hour:02}:{when.minute:02}"
    text += f":{when.second:02}" if step < 60 or when.second else ""
    return text + (f".{when.microsecond:06}".rstrip("0.") if step < 1 else "")
