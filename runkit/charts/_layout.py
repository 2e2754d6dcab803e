"""Where the parts of a chart stand in pixels: the one geometry of both its drawings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from runkit.charts._rows import HEAD
from runkit.charts._time_axis import Band, TimeAxis
from runkit.charts.lines import Line, Span, fitted, width_px, wrapped
from runkit.charts.theme import LOOKS
from runkit.display.text import duration
from runkit.time_budget import unions

WIDTH = 848  # pixels of an output in a notebook at 1280 px, and of the picture
EDGE_PX = 16
TITLE_PX, TEXT_PX, SMALL_PX = 17, 12, 11  # sizes of fonts
TITLE_LINE_PX, LINE_PX = 22, 18  # heights of lines
TOOLS_PX = 60  # the width of plotly's buttons, beside the title
ABOVE_PX, HEAD_GAP_PX, BELOW_PX = 14, 10, 8  # above, and below the heading, and at the bottom
BAND_LABEL_PX, AXIS_PX, LEGEND_PX = 18, 24, 22  # heights
AREA_PX, MAX_ROW_PX, MIN_ROW_PX = 640, 22, 14.2  # heights of all rows, and of one
LARGE_ROW_PX = 16  # from here on, rows have text of 12 px, lower ones of 11 px
LABEL_GAP_PX = 10  # between labels and bars
TEXT_GAP_PX = 7  # between the end of a bar and its text
MIN_PLOT_PX = 290
MAX_LABEL_PX = 275
REASON_PX = 190  # of the reason of a failure, at least
MIN_RIGHT_PX = 30  # half of the last tick
MANY = 40  # marks; in a row of more they begin and end at half pixels
CELLS_PER_PX = 2
ENTRY_GAP_PX = 13  # between entries of the legend


@dataclass(frozen=True)
class Placed:
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
    title: list[Line]
    subtitle: list[Line]
    rows: pd.DataFrame
    marks: pd.DataFrame
    axis: TimeAxis
    legend: list[Placed]
    row_px: float
    left: float
    plot: float
    limits: tuple[float, float]  # positions at the left and right edge of the plot

    @property
    def font_px(self) -> int:
        """The size of the texts in rows."""
        return TEXT_PX if self.row_px >= LARGE_ROW_PX else SMALL_PX

    @property
    def right(self) -> float:
        """The margin on the right."""
        return WIDTH - self.left - self.plot

    @property
    def head(self) -> float:
        """The height of title and subtitle."""
        return ABOVE_PX + TITLE_LINE_PX * len(self.title) + LINE_PX * len(self.subtitle)

    @property
    def top(self) -> float:
        """Where the rows begin."""
        return round(self.head + HEAD_GAP_PX + BAND_LABEL_PX * bool(self.axis.bands))

    @property
    def area(self) -> float:
        """The height of all rows."""
        return round(self.row_px * len(self.rows))

    @property
    def height(self) -> float:
        """The height of the chart."""
        return self.top + self.area + AXIS_PX + LEGEND_PX * bool(self.legend) + BELOW_PX

    def x_px(self, position: Any) -> Any:
        """Return the pixels of positions on the axis."""
        low, high = self.limits
        return self.left + (position - low) / (high - low) * self.plot

    def y_px(self, row: Any) -> Any:
        """Return the pixels of the middle of rows."""
        return self.top + (row + 0.5) * self.area / len(self.rows)

    def ticks(self) -> dict[float, str]:
        """Return the labels of the axis by position; a chart without marks has none."""
        return self.axis.ticks(self.plot) if len(self.marks) else {}

    def stripes(self) -> list[int]:
        """Return the rows of runs that have rows of steps below them; they have a ground."""
        is_head = self.rows["item"].eq(HEAD)
        return [] if is_head.all() else self.rows.index[is_head].tolist()

    def heading(self) -> list[Placed]:
        """Return the lines above the rows."""
        lines = []
        y = float(ABOVE_PX)
        for line in self.title:
            lines.append(Placed(EDGE_PX, y + TITLE_PX / 2, TITLE_PX, line))
            y += TITLE_LINE_PX
        for line in self.subtitle:
            lines.append(Placed(EDGE_PX, y + LINE_PX / 2, TEXT_PX, line))
            y += LINE_PX
        return lines

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
    legends: tuple[list[Line], list[Line]],
) -> Chart:
    """Lay out rows with their texts, and marks in seconds of their runs."""
    row_px = min(MAX_ROW_PX, max(MIN_ROW_PX, AREA_PX / len(rows)))
    size = TEXT_PX if row_px >= LARGE_ROW_PX else SMALL_PX
    labels = [fitted(label, MAX_LABEL_PX, size) for label in rows["label"]]
    left = round(EDGE_PX + max(width_px(label, size) for label in labels) + LABEL_GAP_PX)
    marks = _on_axis(marks, axis)
    ends = marks.groupby("row")["x1"].max().reindex(rows.index).fillna(axis.start)
    shares = (ends - axis.start).to_numpy() / axis.length
    widths = np.array([_needed_px(text, size) for text in rows["text"]])
    plot = _plot_px(left, shares, widths)
    marks = _drawn(marks, plot / axis.length)
    tips = marks.groupby("row")["x1"].max().reindex(rows.index).fillna(axis.start)
    edge = 2 * axis.length / plot
    limits = axis.start - edge, float(max([axis.end, *tips]))
    starts = left + plot * (tips - limits[0]) / (limits[1] - limits[0]) + TEXT_GAP_PX
    rooms = (WIDTH - EDGE_PX / 2 - starts).tolist()
    texts = [fitted(text, px, size) for text, px in zip(rows["text"], rooms, strict=True)]
    cut: dict[str, Any] = {"label": labels, "text": texts}

    lines = wrapped(title, WIDTH - 2 * EDGE_PX - TOOLS_PX, TITLE_PX)
    small = [part for line in subtitle for part in wrapped(line, WIDTH - 2 * EDGE_PX, TEXT_PX)]
    sentences = ["".join(span.text for span in line) for line in [title, *subtitle]]
    return Chart(
        alt="Timeline: " + ". ".join(sentences),
        title=lines,
        subtitle=small,
        rows=rows.assign(x1=tips, **cut),
        marks=marks,
        axis=axis,
        legend=_legend(*legends),
        row_px=row_px,
        left=left,
        plot=plot,
        limits=limits,
    )


def _needed_px(text: Line, size: float) -> float:
    """Return the width that a text needs; the reason of a failure may be cut."""
    widths = (
        min(width_px([span], size), REASON_PX if span.color == "fail" else WIDTH) for span in text
    )
    return float(sum(widths))


def _plot_px(left: float, shares: Any, widths: Any) -> float:
    """Return the width of the plot: as large as the texts at the ends of bars allow."""
    room = WIDTH - left
    right = EDGE_PX / 2 + TEXT_GAP_PX + LOOKS["stub"].adds_px
    largest = (room - right - widths) / np.maximum(shares, 0.01)
    return float(round(min(room - MIN_RIGHT_PX, max(MIN_PLOT_PX, largest.min()))))


def _on_axis(marks: pd.DataFrame, axis: TimeAxis) -> pd.DataFrame:
    """Place marks on the axis."""
    x0 = np.empty(len(marks))
    x1 = np.empty(len(marks))
    runs = marks["run"].to_numpy()
    start, end = marks["start"].to_numpy(), marks["end"].to_numpy()
    for number, time_map in enumerate(axis.maps):
        own = runs == number
        x0[own] = time_map.at(start[own])
        x1[own] = time_map.at(end[own])
    return marks[["row", "color", "look"]].assign(x0=x0, x1=x1)


def _drawn(marks: pd.DataFrame, scale: float) -> pd.DataFrame:
    """Return marks as they are drawn, with `scale` pixels a second: of a least width, and joined.

    In a row of many marks they begin and end at half pixels, so that their number is limited and
    what stands for the critical path keeps its length.
    """
    is_narrow = (marks["x1"] - marks["x0"]) * scale < LOOKS["wait"].least_px
    look = marks["look"].mask(marks["look"].eq("wait") & is_narrow, "folded")
    x0, x1 = (marks[edge].to_numpy() for edge in ("x0", "x1"))
    cell = 1 / (CELLS_PER_PX * scale)
    is_many = np.bincount(marks["row"])[marks["row"]] > MANY
    x0, x1 = (np.where(is_many, np.round(edge / cell) * cell, edge) for edge in (x0, x1))
    least = look.map({name: look.least_px for name, look in LOOKS.items()}).to_numpy() / scale
    added = look.map({name: look.adds_px for name, look in LOOKS.items()}).to_numpy() / scale
    x1 = np.maximum(x1, x0 + least) + added
    order = look.map({name: number for number, name in enumerate(LOOKS)})
    groups = marks.assign(look=look, order=order).groupby(["order", "look", "color", "row"])
    number = groups.ngroup().to_numpy().astype(np.int64)
    keys = groups.size().index.to_frame(index=False)[["look", "color", "row"]]
    group, start, end = unions(number, x0, x1)
    return keys.iloc[group].reset_index(drop=True).assign(x0=start, x1=end)


def _legend(agents: list[Line], others: list[Line]) -> list[Placed]:
    """Place a legend in one line; the longest names of agents are cut if it has no room."""
    gaps = ENTRY_GAP_PX * (len(agents) + len(others) - 1)
    room = WIDTH - 2 * EDGE_PX - gaps - sum(width_px(entry, SMALL_PX) for entry in others)
    most = _limit([width_px(entry, SMALL_PX) for entry in agents], room)
    placed = []
    x = float(EDGE_PX)
    for entry in [*(fitted(entry, most, SMALL_PX) for entry in agents), *others]:
        placed.append(Placed(x, 0, SMALL_PX, entry))
        x += width_px(entry, SMALL_PX) + ENTRY_GAP_PX
    return placed


def _limit(widths: list[float], room: float) -> float:
    """Return the width to which the widest are cut, so that all have room."""
    for n_left, width in zip(range(len(widths), 0, -1), sorted(widths), strict=True):
        if width * n_left > room:
            return room / n_left
        room -= width
    return max(widths, default=0)
