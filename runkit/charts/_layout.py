"""Where the parts of a chart stand in pixels: the one geometry of both its drawings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from runkit.charts._rows import HEAD
from runkit.charts._time_axis import Band, TimeAxis
from runkit.charts.lines import Line, Span, fitted, width_px, words, wrapped
from runkit.charts.theme import LOOKS
from runkit.display.text import duration
from runkit.time_budget import unions

WIDTH = 848  # pixels of an output in a notebook at 1280 px, and of the picture
EDGE_PX = 16
TITLE_PX, TEXT_PX, SMALL_PX = 17, 12, 11  # sizes of fonts
LINE_GAP_PX = 6  # between lines of the heading
TOOLS_PX = 60  # the width of plotly's buttons, beside the title
ABOVE_PX, HEAD_GAP_PX, BELOW_PX = 14, 10, 8  # above, and below the heading, and at the bottom
BAND_LABEL_PX, AXIS_PX, LEGEND_PX = 18, 24, 22  # heights
AREA_PX, MAX_ROW_PX, MIN_ROW_PX = 640, 22, 14.2  # heights of all rows, and of one
LARGE_ROW_PX = 16  # from here on, rows have text of 12 px, lower ones of 11 px
LABEL_GAP_PX = 10  # between labels and bars
TEXT_GAP_PX = 7  # between the end of a bar and its text
MIN_PLOT_PX = 290
MAX_LABEL_PX = 310
MAX_TEXT_PX = 330  # at the end of a bar, for which the bars are made shorter
MIN_RIGHT_PX = 30  # half of the last tick
MANY = 40  # marks; in a row of more they begin and end at half pixels
CELLS_PER_PX = 2
ENTRY_GAP_PX = 13  # between entries of the legend

SIZES = pd.DataFrame(LOOKS.values(), index=[*LOOKS])


class Placed(NamedTuple):
    """A line of text: the position of its start, or of its middle, and the middle of its height."""

    x: float
    y: float
    size: int
    line: Line
    is_centered: bool = False


@dataclass(frozen=True)
class Chart:
    """All that is drawn. Positions along the axis are in its seconds, all others in pixels.

    `rows` have `label`, `text`, `hover` and `x1`, where the text begins; `marks` have `row`, `x0`,
    `x1`, `color` and `look`, from the bottom up.
    """

    alt: str
    heading: list[Placed]  # the first is the title, the others stand below it
    rows: pd.DataFrame
    marks: pd.DataFrame
    axis: TimeAxis
    legend: list[Placed]
    top: float  # where the rows begin
    area: float  # the height of all rows
    font_px: int  # the size of the texts in rows
    left: float
    plot: float
    end: float  # the position at the right edge of the plot

    @property
    def right(self) -> float:
        """The margin on the right."""
        return WIDTH - self.left - self.plot

    @property
    def height(self) -> float:
        """The height of the chart."""
        below = AXIS_PX + BELOW_PX
        if self.legend:
            below += LEGEND_PX
        return self.top + self.area + below

    def x_px(self, position: Any) -> Any:
        """Return the pixels of positions on the axis."""
        start = self.axis.start
        share = (position - start) / (self.end - start)
        return self.left + share * self.plot

    def y_px(self, row: Any) -> Any:
        """Return the pixels of the middle of rows."""
        row_px = self.area / len(self.rows)
        return self.top + (row + 0.5) * row_px

    def ticks(self) -> dict[float, str]:
        """Return the labels of the axis by position; a chart without marks has none."""
        return self.axis.ticks(self.plot) if len(self.marks) else {}

    def stripes(self) -> list[int]:
        """Return the rows of runs that have rows of steps below them; they have a ground."""
        is_head = self.rows["item"].eq(HEAD)
        return [] if is_head.all() else self.rows.index[is_head].tolist()

    def band_labels(self) -> list[tuple[Band, Line]]:
        """Return the bands whose label has room, from the left."""
        labels = []
        free = 0.0
        for band in self.axis.bands:
            line = [Span(f"{duration(band.seconds)} wait", "attention", is_bold=True)]
            half = width_px(line, SMALL_PX) / 2
            middle = self.x_px(band.middle)
            if middle - half >= free:
                labels.append((band, line))
                free = middle + half + TEXT_GAP_PX
        return labels


def chart_of(
    rows: pd.DataFrame,
    marks: pd.DataFrame,
    axis: TimeAxis,
    *,
    title: Line,
    subtitle: list[Line],
    legend: list[Line],
) -> Chart:
    """Lay out rows with their texts, and marks in seconds of their runs."""
    row_px = min(MAX_ROW_PX, max(MIN_ROW_PX, AREA_PX / len(rows)))
    size = TEXT_PX if row_px >= LARGE_ROW_PX else SMALL_PX
    labels = [fitted(label, MAX_LABEL_PX, size) for label in rows["label"]]
    label_px = max(width_px(label, size) for label in labels)
    left = round(EDGE_PX + label_px + LABEL_GAP_PX)
    marks = _on_axis(marks, axis)
    text_px = [min(width_px(text, size), MAX_TEXT_PX) for text in rows["text"]]
    plot = _plot_px(left, _tips(marks, rows, axis), axis, text_px)
    marks = _drawn(marks, plot / axis.length)
    tips = _tips(marks, rows, axis)
    end = float(max([axis.end, *tips]))
    texts = []
    for text, tip in zip(rows["text"], tips, strict=True):
        start = left + plot * (tip - axis.start) / (end - axis.start) + TEXT_GAP_PX
        texts.append(fitted(text, WIDTH - EDGE_PX / 2 - start, size))
    heading, top = _heading(title, subtitle)
    if axis.bands:
        top += BAND_LABEL_PX
    return Chart(
        alt="Timeline: " + ". ".join(map(words, [title, *subtitle])),
        heading=heading,
        rows=rows.assign(x1=tips, label=pd.Series(labels), text=pd.Series(texts)),
        marks=marks,
        axis=axis,
        legend=_legend(legend),
        top=top,
        area=round(row_px * len(rows)),
        font_px=size,
        left=left,
        plot=plot,
        end=end,
    )


def _heading(title: Line, subtitle: list[Line]) -> tuple[list[Placed], float]:
    """Place the lines above the rows; also return where they end."""
    room = WIDTH - 2 * EDGE_PX
    lines = [(TITLE_PX, line) for line in wrapped(title, room - TOOLS_PX, TITLE_PX)]
    for text in subtitle:
        lines += [(TEXT_PX, line) for line in wrapped(text, room, TEXT_PX)]
    placed = []
    y = ABOVE_PX
    for size, line in lines:
        placed.append(Placed(EDGE_PX, y + size / 2, size, line))
        y += size + LINE_GAP_PX
    return placed, y + HEAD_GAP_PX


def _tips(marks: pd.DataFrame, rows: pd.DataFrame, axis: TimeAxis) -> pd.Series[float]:
    """Return where the bars of each row end."""
    return marks.groupby("row")["x1"].max().reindex(rows.index).fillna(axis.start)


def _plot_px(left: float, tips: pd.Series[float], axis: TimeAxis, text_px: list[float]) -> float:
    """Return the width of the plot: as large as the texts at the ends of bars allow."""
    room = WIDTH - left
    right = EDGE_PX / 2 + TEXT_GAP_PX + LOOKS["stub"].least_px
    shares = (tips - axis.start) / axis.length
    largest = min((room - right - np.array(text_px)) / shares.clip(lower=0.01))
    return float(round(min(room - MIN_RIGHT_PX, max(MIN_PLOT_PX, largest))))


def _on_axis(marks: pd.DataFrame, axis: TimeAxis) -> pd.DataFrame:
    """Place marks on the axis."""
    edges = {"x0": marks["start"].to_numpy(), "x1": marks["end"].to_numpy()}
    runs = marks["run"].to_numpy()
    for name, seconds in edges.items():
        places = np.empty(len(marks))
        for number, (times, positions) in enumerate(axis.maps):
            is_own = runs == number
            places[is_own] = np.interp(seconds[is_own], times, positions)
        edges[name] = places
    return marks[["row", "color", "look"]].assign(**edges)


def _drawn(marks: pd.DataFrame, scale: float) -> pd.DataFrame:
    """Return marks as they are drawn, with `scale` pixels a second: of a least width, and joined.

    In a row of many marks they begin and end at half pixels, so that their number is limited and
    what stands for the critical path keeps its length.
    """
    x0, x1 = marks["x0"], marks["x1"]
    is_narrow = (x1 - x0) * scale < LOOKS["folded"].least_px
    look = marks["look"].mask(marks["look"].eq("wait") & is_narrow, "folded")
    cell = 1 / (CELLS_PER_PX * scale)
    is_many = marks.groupby("row")["row"].transform("size") > MANY
    x0 = x0.mask(is_many, (x0 / cell).round() * cell)
    x1 = x1.mask(is_many, (x1 / cell).round() * cell)
    least_px = SIZES.loc[look, "least_px"].to_numpy()
    x1 = x1.clip(lower=x0 + least_px / scale)
    marks = marks.assign(look=pd.Categorical(look, [*LOOKS]))
    groups = marks.groupby(["look", "color", "row"], observed=True)
    keys = groups.size().index.to_frame(index=False)
    number = groups.ngroup().to_numpy().astype(np.int64)
    group, start, end = unions(number, x0.to_numpy(), x1.to_numpy())
    return keys.iloc[group].reset_index(drop=True).assign(x0=start, x1=end)


def _legend(entries: list[Line]) -> list[Placed]:
    """Place a legend in one line; the longest names of agents are cut if it has no room."""
    limit = float(WIDTH)
    while True:
        placed = []
        x = float(EDGE_PX)
        for entry in entries:
            is_agent = entry[0].color.startswith("#")
            line = fitted(entry, limit, SMALL_PX) if is_agent else entry
            placed.append(Placed(x, 0, SMALL_PX, line))
            x += width_px(line, SMALL_PX) + ENTRY_GAP_PX
        if x <= WIDTH or limit < ENTRY_GAP_PX:
            return placed
        limit *= 0.9
