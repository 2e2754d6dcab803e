"""Where things stand in a Gantt chart: steps in rows, and seconds since the start on an axis.

Steps have rows of a tree, or lanes in bands of agents. Every other step is drawn in the row of its
group, or in the last lane of its agent.

The axis has round times as its ticks. Where waits are folded, the map from time to position is
linear piece by piece.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import compress, pairwise, repeat
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from runkit.charts.theme import Json, array_ticks, bold, plain, width_px
from runkit.display.colors import AGENT_COLORS
from runkit.display.counts import DAY
from runkit.display.text import duration, plural
from runkit.errors import UsageError
from runkit.time_budget import Flags, Ints

Floats = NDArray[np.float64]

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

STEP, GROUP, WAIT = range(3)  # kinds of bars; a group has child steps
LETTERS = "ABCD"  # a letter distinguishes two to four runs
OTHERS = "Other agents"  # which share a color, and a band
MAX_ROWS = 60  # a tree of up to 60 rows zooms as fast as `px.timeline` of 1,000 steps
MAX_BARS = 2_000  # any other chart has no more bars
MAX_LANES = 45  # of all bands of agents together
MAX_PX = 2_100  # the height of all rows, of at most 2,400 of a figure
N_LONGEST = 15  # so many of the longest steps have a row before the groups at the top
MAX_LABEL = 40  # characters of a row's label
INDENT = "\u00a0" * 4  # plotly folds ordinary spaces
MAX_INDENT = 6  # levels; beyond, the indentation would eat the label
ROW_PX, LOW_ROW_PX = 22, 17  # the height of a row, and of one of many
BAR_SHARE = 14 / 22  # the height of a bar, as a share of its row


class TimeAxis(NamedTuple):
    """The map from seconds since the origin to positions: linear between `times` and `positions`.

    Every second one of the ranges between them is a wait that is folded. `px` is the width in a
    figure of usual width.
    """

    times: Floats
    positions: Floats
    px: float = PLOT_PX

    def at(self, seconds: Floats) -> Floats:
        """Return positions of times; exact where nothing is folded."""
        return np.interp(seconds, self.times, self.positions) if self.is_folded else seconds

    @property
    def is_folded(self) -> bool:
        """Whether a wait is folded."""
        return len(self.times) > 2

    @property
    def start(self) -> float:
        """Where the axis starts."""
        return float(self.positions[0])

    @property
    def end(self) -> float:
        """Where the axis ends."""
        return float(self.positions[-1])

    @property
    def length(self) -> float:
        """Length of the axis in seconds of its own."""
        return self.end - self.start

    @property
    def scale(self) -> float:
        """Pixels a second, in a figure of usual width."""
        return self.px / self.length


def axes_of(first: float, ends: Sequence[float], folds: Sequence[Floats]) -> list[TimeAxis]:
    """Build an axis for each of some ends; the time ranges of `folds` get one width on all axes.

    Ranges that are shorter than that stay as they are.
    """
    ends = [max(end, first + MIN_LENGTH) for end in ends]
    n_folds = max(map(len, folds))
    work = zip(ends, folds, strict=True)
    open_s = max(end - first - float(np.diff(ranges).sum()) for end, ranges in work)
    share = min(FOLD_PX / PLOT_PX, MAX_FOLDED / max(n_folds, 1))
    width = (open_s or 1.0) * share / (1 - share * n_folds)

    axes = []
    for end, ranges in zip(ends, folds, strict=True):
        long_ranges = ranges[np.diff(ranges)[:, 0] > width]
        times = np.array([first, *long_ranges.ravel(), end])
        lengths = np.diff(times)
        lengths[1::2] = width
        axes.append(TimeAxis(times, np.cumsum([first, *lengths])))
    return axes


def relative_axis(axis: TimeAxis, until: float = np.inf) -> Json:
    """Return plotly's ticks up to a time: round times since the start, behind a fold as `+30 s`.

    Up to `REFINED` seconds plotly sets its own, which become finer when a reader zooms; these here
    are then for the static picture only. plotly knows no multiples of 60.
    """
    is_cut = until < axis.times[-1]
    pieces = np.minimum(axis.times, until).reshape(-1, 2)  # the ranges that are not folded
    interval = _interval(axis, float(np.diff(pieces).sum()))
    # A label may reach into a fold as far as the words in the middle of the fold.
    fold_length = np.diff(axis.positions)[1] if axis.is_folded else 0.0
    free = np.inf if is_cut else (fold_length - NOTE_PX / axis.scale) / 2

    ticks = {}
    for number, (start, stop) in enumerate(pieces.tolist()):
        zero = start if number else 0.0  # the ticks of this piece count from here
        shift, end = axis.at(np.array([zero, stop])).tolist()
        first = 1 if number else int(np.ceil(start / interval))  # no tick at the end of a fold
        last = int((stop - zero) / interval + 1e-9)
        for count in range(first, last + 1):
            text = "+" * bool(number) + _tick(count * interval)
            position = shift + count * interval
            edge = position + width_px(text) / 2 / axis.scale
            if stop == axis.times[-1] or edge <= end + free:
                ticks[position] = text

    options = array_ticks([*ticks], [*ticks.values()])
    if axis.is_folded or is_cut or not 4 < axis.length <= REFINED or interval > MAX_FINE:
        return options
    return options | {
        "tickmode": "auto",
        "nticks": int(axis.length / min(interval, 20)) + 1,  # or plotly would go on with 50 s
        "ticksuffix": " s",
        "labelalias": {f"{seconds} s": _tick(seconds) for seconds in (0, *range(60, REFINED + 1))},
    }


def _tick(seconds: float) -> str:
    """Write a time at a tick; between whole minutes it is short: `1:20`."""
    if 60 < seconds <= REFINED and seconds % 60:
        return f"{seconds // 60:.0f}:{seconds % 60:02.0f}"
    return duration(seconds) if seconds else "0"


def _interval(axis: TimeAxis, open_s: float) -> float:
    """Return the shortest interval between ticks at which their labels stand apart."""
    for interval in INTERVALS:
        labels = map(_tick, (interval, open_s // interval * interval))
        label_px = max(map(width_px, labels)) + TICK_GAP_PX
        if interval * axis.scale >= max(open_s * axis.scale / MAX_TICKS, label_px):
            return interval
    return INTERVALS[-1]


class RowLayout(NamedTuple):
    """`n` rows of `px` from the top with bars of `bar_px`, their labels, and the shaded ranges.

    The space over the first row has the height of `above` rows.
    """

    n: int
    px: float
    bar_px: float
    ticks: list[float]
    texts: list[str]
    bands: list[tuple[float, float]]
    above: float = 0.15


def parents(depths: Iterable[int]) -> list[int]:
    """Return the position of the parent of each step of a tree in order, -1 at the top."""
    positions = []
    last = {-1: -1}
    for step, depth in enumerate(depths):
        positions.append(last.get(depth - 1, -1))
        last[depth] = step
    return positions


def steps_with_rows(steps: pd.DataFrame, depth: int | str | None, row_px: float) -> Flags:
    """Flag the steps of a tree that have a row.

    Raises `UsageError` if `depth` is None, and not every step has room.
    """
    limit = MAX_ROWS if depth == "auto" else int(MAX_PX // row_px)
    if depth is None and len(steps) > limit:
        raise UsageError(
            f"depth=None draws a row for each of {len(steps):,} steps, and a figure has room for "
            f"{limit}. Leave it out, or give a number of levels; the frames have all steps."
        )
    return chosen_steps(steps, depth, limit)


def chosen_steps(steps: pd.DataFrame, depth: int | str | None, limit: int) -> Flags:
    """Flag at most `limit` steps of the first `depth` levels, each with the groups around it.

    Failed steps come first, then waits, the longest, the top level, and the longest of the others.
    """
    seconds = steps["end"] - steps["start"]
    longest = seconds[steps["kind"] == STEP].nlargest(N_LONGEST).index
    is_long = steps.index.isin(longest)
    is_top = steps["depth"] == 0
    reasons: list[Any] = [steps["is_failing"], steps["is_wait"], is_long, is_top]
    order = np.lexsort((-seconds, np.select(reasons, [0, 1, 2, 3], 4)))
    if isinstance(depth, int):
        order = order[steps["depth"].lt(depth).to_numpy()[order]]

    groups = parents(steps["depth"])
    chosen: set[int] = set()
    for step in order.tolist():
        family = []
        while step >= 0 and step not in chosen:
            family.append(step)
            step = groups[step]
        if len(chosen) + len(family) <= limit:
            chosen.update(family)
    return steps.index.isin(chosen)


def tree_of(steps: pd.DataFrame, has_row: Flags) -> tuple[RowLayout, Floats, Flags]:
    """Return the rows of a tree, the row of each step, and whether the step has it for itself."""
    number = np.cumsum(has_row) - 1.0
    rows = tree_rows(steps, has_row, number[has_row])
    return rows, rows_of_all(steps, np.where(has_row, number, np.nan), rows), has_row


def rows_of_all(steps: pd.DataFrame, row: Floats, rows: RowLayout) -> Floats:
    """Return each step's own row, else that of the nearest group that has one, else the last."""
    numbers: list[float] = []
    for own, group in zip(row, parents(steps["depth"]), strict=True):
        shared = numbers[group] if group >= 0 else rows.n - 1
        numbers.append(shared if np.isnan(own) else own)
    return np.array(numbers)


def tree_rows(
    steps: pd.DataFrame, has_row: Flags, row: NDArray[Any], notes: Iterable[str] = repeat("")
) -> RowLayout:
    """Describe a tree with rows for some steps, and a last one if others are at the top.

    Steps in a group are indented, every other group is shaded; `notes` stand behind the labels.
    """
    bars = steps[has_row]
    texts = []
    n_more = int((steps["depth"].eq(0) & ~has_row).sum())
    columns = zip(bars["label"], bars["depth"], bars["kind"], notes, strict=False)
    for label, depth, kind, note in columns:
        text = plain(label, MAX_LABEL)
        text = bold(text) if kind == GROUP else text
        texts.append(INDENT * min(depth, MAX_INDENT) + text + note)
    is_top = bars["depth"].eq(0).to_numpy()
    edges = [*row[is_top].tolist(), *(row[-1:] + 1)]  # where steps at the top begin, and the end
    is_group = bars["kind"][is_top] == GROUP
    groups: list[tuple[float, float]] = list(compress(pairwise(edges), is_group))

    n = int(row.max(initial=-1)) + 1
    rest = [n] if n_more else []
    texts += [plural(n_more, "other top step") for _ in rest]
    px = ROW_PX if n < MAX_ROWS else LOW_ROW_PX
    return RowLayout(n + len(rest), px, BAR_SHARE * px, [*row.tolist(), *rest], texts, groups[::2])


def agent_rows(steps: pd.DataFrame, is_chosen: Flags) -> tuple[RowLayout, Floats, Flags]:
    """Divide bands of agents into bands of runs, with lanes for the steps that are chosen.

    Returns also the row of each step, and whether the step has it for itself: in a band with too
    many steps at once the last lane is for all others.
    """
    band = steps["agent_no"].clip(upper=len(AGENT_COLORS))
    lane = _lanes(steps, band)
    steps = steps.assign(band=band, lane=lane, is_left=~is_chosen)
    bands = steps.groupby(["band", "run"])
    n_at_once = bands["lane"].max() + 1
    has_rest = bands["is_left"].any()
    needed = n_at_once + has_rest
    height = needed.clip(upper=_most_lanes(needed))
    n_free = height - (has_rest | (height < needed))
    top = height.cumsum() - height
    is_first = ~top.index.get_level_values(0).duplicated()

    texts = []
    names = bands["agent_name"].first().where(bands["agent_no"].nunique() < 2, OTHERS)
    columns = zip(top.index, names, is_first, n_at_once, n_free, strict=True)
    for (_, run), name, is_bold, n_steps, n_lanes in columns:
        text = plain(name, MAX_LABEL - 4)
        text = f"{bold(text) if is_bold else text} · {LETTERS[run]}"
        texts.append(text + f" · {n_steps:,} at once" * (n_steps > n_lanes))

    edges = [*top[is_first].tolist(), int(height.sum())]
    ticks = (top + (height - 1) / 2).tolist()
    shaded = list(pairwise(edges))[1::2]
    rows = RowLayout(edges[-1], ROW_PX, BAR_SHARE * ROW_PX, ticks, texts, shaded)
    number = bands.ngroup()
    first, last, n_own = (column.to_numpy()[number] for column in (top, height - 1, n_free))
    has_row = is_chosen & (lane < n_own)
    return rows, first + np.where(has_row, lane, last), has_row


def _most_lanes(needed: pd.Series[int]) -> int:
    """Return the most lanes that a band can have so that all together have at most `MAX_LANES`."""
    sizes = range(MAX_LANES, 1, -1)
    return next((n for n in sizes if needed.clip(upper=n).sum() <= MAX_LANES), 1)


def _lanes(steps: pd.DataFrame, band: pd.Series[int]) -> Ints:
    """Return the lowest free lane of its band for each step, in order of start.

    Of two that start together the outer step comes first. A step may begin where another ends in
    the same lane.
    """
    lanes = np.zeros(len(steps), np.int64)
    for _, group in steps.sort_values("start", kind="stable").groupby([band, "run"]):
        ends = np.full(len(group), -np.inf)  # of the last step in each lane
        for step, start, end in zip(group.index, group["start"], group["end"], strict=True):
            lane = lanes[step] = np.argmax(ends <= start)
            ends[lane] = end
    return lanes
