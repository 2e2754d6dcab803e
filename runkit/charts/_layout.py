"""Where the parts of a chart stand: the one geometry of both its drawings.

The axis has seconds since each run started, without its waits: a wait beside which nothing works is
folded, to a band of a fixed width in the chart of one run, to nothing where several runs share the
axis. So a tick holds for each of them. A run ends with its last step: that it was idle afterwards
is a number beside it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from runkit.api.words import STATES
from runkit.charts.look import LOOKS, TEXT_PX, Line, Span, fitted, width_px, wrapped
from runkit.display.text import DAY, duration
from runkit.facts import is_a
from runkit.time_budget import blocked_ranges, unions

Floats = NDArray[np.float64]
BAND, ALL_BANDS = 0.17, 0.6  # the width of a band, and at most of all, as shares of the axis
TICK_PX = 70  # the least distance of ticks
MIN_AXIS_S = 0.01  # seconds of an axis
INTERVALS = (  # between ticks, in seconds
    *(0.001, 0.01, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30),
    *(60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 21_600, 43_200),
    *(DAY * days for days in (1, 2, 7, 14, 28, 91, 364)),
)
WIDTH = 848  # pixels of an output in a notebook at 1280 px, and of the picture
TITLE_PX = 17  # the size of the title
LINE_GAP_PX = 6  # between lines of the heading
TOOLS_PX = 60  # the width of plotly's buttons, beside the title
ABOVE_PX, HEAD_GAP_PX, BELOW_PX = 14, 10, 8  # above, and below the heading, and at the bottom
BAND_LABEL_PX, AXIS_PX, LEGEND_PX = 18, 24, 22  # heights
AREA_PX, MAX_ROW_PX, MIN_ROW_PX = 640, 22, 14.2  # heights of all rows, and of one
LABEL_GAP_PX = 10  # between labels and bars
TEXT_GAP_PX = 7  # between the end of a bar and its text
MIN_PLOT_PX = 270
MAX_LABEL_PX = 310
MAX_TEXT_PX = 400  # at the end of a bar, for which the bars are made shorter
MIN_RIGHT_PX = 30  # half of the last tick
MANY = 40  # marks; in a row of more they begin and end at whole pixels
SECTION_GAP = 0.4  # between sections of rows, as a share of the height of a row
ENTRY_GAP_PX = 13  # between entries of the legend
BREAK_PX = 2  # the middle of a break below the rows
BREAK = [Span("//", "attention", is_bold=True)]  # of the axis, at a folded wait


# ------------------------------------------------------------------------------------- time axis


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

    def place(self, run: int, seconds: Floats) -> Floats:
        """Return the positions of seconds since the start of a run; what is later is at the end."""
        times, positions = self.maps[run]
        return np.minimum(np.interp(seconds, times, positions), self.end)


def axis_of(items: pd.DataFrame, durations_s: pd.Series[Any]) -> TimeAxis:
    """Return the axis of items, up to the last end; a run without one took so long, or null.

    Of several runs it is the last end of a step that is over: one that runs on for days would leave
    no room for the others.
    """
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
    longest = TimeAxis(
        first, max(positions[-1] for _, positions in maps), tuple(bands), tuple(maps)
    )
    over = known[~is_a(known["state"], STATES, "open")]
    if is_one or over.empty:
        return longest
    last_end = over.groupby("run")["end"].max()
    ends = [
        longest.place(run, end)
        for run, end in zip(last_end.index.tolist(), last_end.tolist(), strict=True)
    ]
    return replace(longest, end=float(max(first + MIN_AXIS_S, *ends)))


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


# ---------------------------------------------------------------------------------------- layout


class Placed(NamedTuple):
    """A line of text: the position of its start, or of its middle, and the middle of its height."""

    x: float
    y: float
    line: Line
    size: int = TEXT_PX
    is_centered: bool = False


@dataclass(frozen=True)
class Chart:
    """All that is drawn. Positions along the axis are in its seconds, all others in pixels.

    `rows` have `label`, `text`, `hover`, `y` (their place from the top, in heights of rows) and
    `x1`, where the text begins; `marks` have `y`, `x0`, `x1`, `color` and `look`, from the bottom
    up.
    """

    alt: str
    title: Placed
    notes: list[Placed]  # the other lines above the rows, and the legend below
    rows: pd.DataFrame
    marks: pd.DataFrame
    axis: TimeAxis
    height: float
    row_px: float  # the height of a row
    top: float  # where the rows begin
    area: float  # the height of all rows
    left: float
    plot: float
    end: float  # the position at the right edge of the plot

    @property
    def bottom(self) -> float:
        """Where the rows end."""
        return self.top + self.area

    def x_px(self, position: Any) -> Any:
        """Return the pixels of positions on the axis."""
        start = self.axis.start
        share = (position - start) / (self.end - start)
        return self.left + share * self.plot

    def y_px(self, y: Any) -> Any:
        """Return the pixels of the middle of what stands at `y`."""
        return self.top + (y + 0.5) * self.row_px

    def ticks(self) -> dict[float, str]:
        """Return round times since the start, without waits, by position; none without marks."""
        axis = self.axis
        widths = [band.end - band.start for band in axis.bands]
        least_s = TICK_PX * axis.length / self.plot
        interval = next((seconds for seconds in INTERVALS if seconds >= least_s), least_s)
        n_ticks = int((axis.end - sum(widths)) / interval + 1e-9) + 1 if len(self.marks) else 0
        ticks = {}
        for count in range(n_ticks):
            time = count * interval
            position = float(time)
            for band, width in zip(axis.bands, widths, strict=True):
                if position > band.start:
                    position += width
            ticks[position] = duration(time) if count else "0"
        return ticks

    def band_labels(self) -> list[tuple[float, float, Line]]:
        """Return what stands at bands: a break of the axis, and the length where it has room.

        Each with its position on the axis, and the pixels of the middle of its height.
        """
        labels = []
        free = 0.0
        for band in self.axis.bands:
            line = [Span(f"{duration(band.seconds)} wait", "attention", is_bold=True)]
            half = width_px(line) / 2
            middle = self.x_px(band.middle)
            labels.append((band.middle, self.bottom + BREAK_PX, BREAK))
            if middle - half >= free:
                labels.append((band.middle, self.top - BAND_LABEL_PX / 2, line))
                free = middle + half + TEXT_GAP_PX
        return labels

    def marks_by_look(self) -> Any:
        """Return the marks of each look and color, from the bottom up."""
        return self.marks.groupby(["look", "color"], observed=True)


def chart_of(
    rows: pd.DataFrame,
    marks: pd.DataFrame,
    axis: TimeAxis,
    *,
    title: Line,
    subtitle: list[Line],
    alt: str,
    legend: list[Line],
) -> Chart:
    """Lay out rows with their texts, and marks in seconds of their runs."""
    y = rows.index.to_series() + SECTION_GAP * rows["section"]
    n_lines = y.iloc[-1] + 1
    row_px = min(MAX_ROW_PX, max(MIN_ROW_PX, AREA_PX / n_lines))
    labels = [fitted(label, MAX_LABEL_PX) for label in rows["label"]]
    label_px = max(map(width_px, labels))
    left = round(label_px + LABEL_GAP_PX)
    plot, bars = _bars(marks, axis, rows["text"], WIDTH - left)
    tips = _tips(bars, rows.index, axis)
    end = float(max([axis.end, *tips]))
    text_starts = left + plot * (tips - axis.start) / (end - axis.start) + TEXT_GAP_PX
    room = WIDTH - text_starts
    texts = list(map(fitted, rows["text"], room))

    heading, top = _heading(title, subtitle)
    if axis.bands:
        top += BAND_LABEL_PX
    area = round(row_px * n_lines)
    bottom = top + area + AXIS_PX
    placed_legend = _legend(legend, bottom + LEGEND_PX / 2)
    if legend:
        bottom = placed_legend[-1].y + LEGEND_PX / 2
    return Chart(
        alt=alt,
        title=heading[0],
        notes=[*heading[1:], *placed_legend],
        rows=rows.assign(x1=tips, y=y, label=pd.Series(labels), text=pd.Series(texts)),
        marks=bars.assign(y=bars["row"].map(y)),
        axis=axis,
        height=bottom + BELOW_PX,
        row_px=row_px,
        top=top,
        area=area,
        left=left,
        plot=plot,
        end=end,
    )


def _heading(title: Line, subtitle: list[Line]) -> tuple[list[Placed], float]:
    """Place the lines above the rows; also return where they end."""
    lines = [(TITLE_PX, line) for line in wrapped(title, WIDTH - TOOLS_PX, TITLE_PX)]
    for text in subtitle:
        lines += [(TEXT_PX, line) for line in wrapped(text, WIDTH, TEXT_PX)]
    placed = []
    y = ABOVE_PX
    for size, line in lines:
        placed.append(Placed(0, y + size / 2, line, size))
        y += size + LINE_GAP_PX
    return placed, y + HEAD_GAP_PX


def _legend(entries: list[Line], y: float) -> list[Placed]:
    """Place the entries of a legend side by side, in as many lines as they need."""
    placed = []
    x = 0.0
    for entry in entries:
        if x + width_px(entry) > WIDTH:
            x = 0.0
            y += LEGEND_PX
        placed.append(Placed(x, y, entry))
        x += width_px(entry) + ENTRY_GAP_PX
    return placed


def _bars(
    marks: pd.DataFrame, axis: TimeAxis, texts: pd.Series[Any], room: float
) -> tuple[float, pd.DataFrame]:
    """Return the width of the plot, as large as the texts at the ends of bars allow, and the bars.

    Where a bar of the least width ends depends on the width of the plot, which depends on where
    bars end: so the texts get the least width of a stub, the widest, as additional room.
    """
    placed = _on_axis(marks, axis)
    text_px = np.array([min(width_px(text), MAX_TEXT_PX) for text in texts])
    beside_px = TEXT_GAP_PX + LOOKS["stub"].least_px + text_px
    shares = (_tips(placed, texts.index, axis) - axis.start) / axis.length
    largest = min((room - beside_px) / shares.clip(lower=0.01))
    plot = float(round(min(room - MIN_RIGHT_PX, max(MIN_PLOT_PX, largest))))
    return plot, _joined(_of_least_width(placed, plot / axis.length))


def _tips(marks: pd.DataFrame, rows: pd.Index[Any], axis: TimeAxis) -> pd.Series[float]:
    """Return where the bars of each row end."""
    return marks.groupby("row")["x1"].max().reindex(rows).fillna(axis.start)


def _on_axis(marks: pd.DataFrame, axis: TimeAxis) -> pd.DataFrame:
    """Place marks, which are in seconds of their runs, on the axis."""
    parts = []
    for run in range(len(axis.maps)):
        own = marks[marks["run"] == run]
        x0 = axis.place(run, own["start"].to_numpy())
        x1 = axis.place(run, own["end"].to_numpy())
        parts.append(own[["row", "color", "look"]].assign(x0=x0, x1=x1))
    return pd.concat(parts)


def _of_least_width(marks: pd.DataFrame, scale: float) -> pd.DataFrame:
    """Return marks as wide as they are drawn, with `scale` pixels a second.

    In a row of many marks they begin and end at whole pixels, so that their number is limited and
    what stands for the critical path keeps its length.
    """
    x0 = marks["x0"]
    x1 = marks["x1"]
    look = marks["look"]
    pixel = 1 / scale
    is_many = marks.groupby("row")["row"].transform("size") > MANY
    x0 = x0.mask(is_many, (x0 / pixel).round() * pixel)
    x1 = x1.mask(is_many, (x1 / pixel).round() * pixel)
    least_px = look.map({name: look.least_px for name, look in LOOKS.items()})
    x1 = x1.clip(lower=x0 + least_px.astype("float64") / scale)
    return marks.assign(x0=x0, x1=x1, look=pd.Categorical(look, [*LOOKS]))


def _joined(marks: pd.DataFrame) -> pd.DataFrame:
    """Join the marks of one look and color that touch, in each row."""
    groups = marks.groupby(["look", "color", "row"], observed=True)
    keys = groups.size().index.to_frame(index=False)
    number = groups.ngroup().to_numpy().astype(np.int64)
    group, start, end = unions(number, marks["x0"].to_numpy(), marks["x1"].to_numpy())
    return keys.iloc[group].reset_index(drop=True).assign(x0=start, x1=end)
