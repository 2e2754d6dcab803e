"""What stands around the bars: title, axes, legend, shaded rows, and waits."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from runkit.charts.axis import PLOT_PX, relative_axis
from runkit.charts.bars import WAIT, each
from runkit.charts.heading import Heading
from runkit.charts.labels import bold, note, width_px
from runkit.charts.style import LEGEND, SIZE, Trace, base_layout, faded
from runkit.charts.traces import STUB, Picture, is_stub
from runkit.style import Theme
from runkit.text import duration
from runkit.timing import waiting_ranges

LINE_PX = 22  # a line of the title
EDGE_PX = 16
ABOVE_PX = 20  # over the title
AXIS_PX = 30  # below the rows: the ticks
LEGEND_PX, LEGEND_EDGE_PX = 19, 24  # a line of the legend, and what plotly keeps free around all lines
FIGURE_PX = 800  # of a rather narrow figure, for the legend
WIDTH = 900  # pixels of a figure in a notebook, and of its static picture
ENTRY_PX = 48  # of an entry of the legend beside its word
STRIP = 1.6  # rows above the first one, where the words of waits stand
MOST_WAITS = 40  # bands
LEAST_BAND_PX = 1  # a narrower one would not be seen
UNDER: dict[str, Any] = {"yanchor": "top", "yshift": -3, "borderpad": 0}  # a line
WORDS_PX = 140  # from the words of one wait to those of the next
FOLD_PX = 66  # a fold so wide has room for "not to scale"


def layout(
    picture: Picture,
    data: list[Trace],
    heading: Heading,
    *,
    above: float | None = None,
    reach: float = 0,
) -> dict[str, Any]:
    """The figure's layout.

    `above`: rows over the first one, by default room for the words of waits. `reach`: pixels behind the axis.
    """
    rows, waits, absences = picture.rows, _wait_bands(picture), _absences(picture)
    top = -0.5 - (above or (0.15 if waits.empty else STRIP))
    last = rows.n - 0.5 + len(absences)
    labels_px = max(map(width_px, rows.texts), default=0) + EDGE_PX
    margin = {"l": labels_px + EDGE_PX, "r": EDGE_PX + round(max(reach, 0))}
    entries_px = sum(entry_px(trace["name"]) for trace in data if trace["showlegend"])
    n_lines = -int(-entries_px // (FIGURE_PX - margin["r"]))
    margin["b"] = AXIS_PX + LEGEND_EDGE_PX + LEGEND_PX * n_lines
    area = round((last - top) * rows.px)
    figure = figure_layout(picture.theme, heading, area, margin)
    figure["meta"]["refines"] = not picture.axis.folds  # ticks, by a page's zoom
    return figure | {
        "xaxis": _time_axis(picture, WIDTH - margin["l"] - margin["r"]),
        "yaxis": row_axis(picture.theme, labels_px, rows.ticks, rows.texts) | {"range": [last, top]},
        # The entries are traces of their own, which a click would hide alone.
        "legend": LEGEND | {"y": -AXIS_PX / area, "itemclick": False, "itemdoubleclick": False},
        "shapes": [*_shaded(picture), *_bands(picture, waits, top)],
        "annotations": [*_wait_words(picture, waits, top), *_fold_words(picture), *absences],
    }


def figure_layout(theme: Theme, heading: Heading, area: int, margin: dict[str, int]) -> dict[str, Any]:
    """What the layouts of all charts of runs have in common.

    `area` is the height of the drawing in pixels, the top of `margin` what stands between it and the title.
    """
    top = ABOVE_PX + LINE_PX * len(heading.lines) + EDGE_PX + margin.get("t", 0)
    place = {"x": 0, "xref": "container", "xanchor": "left", "y": 1, "yref": "container", "yanchor": "top"}
    return base_layout(theme, top + area + margin["b"], margin | {"t": top}) | {
        "title": place | {"text": "<br>".join(heading.lines), "pad": {"l": EDGE_PX, "t": ABOVE_PX}},
        "meta": {"alt": f"Timeline of {heading.alt}", "summary": heading.alt},
        "barmode": "overlay",
        "dragmode": "zoom",
        "uirevision": "zoom",
    }


def entry_px(name: str) -> float:
    """The width of an entry of the legend."""
    return width_px(name) * 0.9 + ENTRY_PX


def row_axis(theme: Theme, labels_px: float, ticks: list[float], texts: list[str]) -> dict[str, Any]:
    """The axis of rows, whose labels begin at one line, so that indents can be seen.

    They stand right of their axis and are moved left. (`shift` would take the area of the hover along.)
    """
    return {
        "side": "right",
        "anchor": "free",
        "position": 0,
        "ticklabelstandoff": -labels_px,
        "tickvals": ticks,
        "ticktext": texts,
        "tickfont": {"size": SIZE, "color": theme.text},
        "showgrid": False,
        # a drag zooms on time; near time 0 it would move the rows out of sight
        "fixedrange": True,
    }


def _time_axis(picture: Picture, width: float) -> dict[str, Any]:
    """Return the time axis, with ticks that stand apart in `width` pixels."""
    axis = picture.axis
    stub = STUB * axis.length * is_stub(picture.bars).any()
    span = [axis.start - 2 * axis.length / PLOT_PX, axis.start + axis.length + stub]
    ticks = relative_axis(axis._replace(px=min(width, PLOT_PX)))
    return {"range": span, "tickangle": 0, "showgrid": True} | ticks


def _shaded(picture: Picture) -> list[dict[str, Any]]:
    """Shaded rows, from edge to edge of the figure."""
    bands = [] if picture.is_dense else picture.rows.bands
    # One path is made and drawn much faster than a shape for each of them.
    path = "".join(f"M-2,{top - 0.5}H3V{bottom - 0.5}H-2Z" for top, bottom in bands)
    ground = {"fillcolor": picture.theme.band, "line": {"width": 0}, "layer": "below"}
    return [{"type": "path", "path": path, "xref": "paper"} | ground] if path else []


def _wait_bands(picture: Picture) -> pd.DataFrame:
    """The waits of a single run that are drawn as bands over all rows, the longest first."""
    waits = picture.bars[picture.bars["kind"] == WAIT]
    waits = waits[(waits["x1"] - waits["x0"]) * picture.axis.scale >= LEAST_BAND_PX]
    n_bands = 0 if len(picture.scene.runs) > 1 else MOST_WAITS
    return waits.iloc[np.argsort(waits["x0"] - waits["x1"], kind="stable")[:n_bands]]


def _bands(picture: Picture, waits: pd.DataFrame, top: float) -> list[dict[str, Any]]:
    """Bands without overlaps: two over each other are too dark for words on them."""
    look = {"layer": "below", "line": {"width": 0}, "fillcolor": faded(picture.theme.wait, 0.12)}
    band = {"type": "rect", "y0": top, "y1": picture.rows.n - 0.5} | look
    edges = waits["x0"].to_numpy(), waits["x1"].to_numpy()
    spans = waiting_ranges(*edges, np.ones(len(waits), np.bool_))
    return [band | {"x0": lo, "x1": hi} for lo, hi in spans]


def _wait_words(picture: Picture, waits: pd.DataFrame, top: float) -> list[dict[str, Any]]:
    """The length of each wait in words over its band, where there is room."""
    words: list[dict[str, Any]] = []
    for wait in each(waits):
        length = duration(wait.end - wait.start) + (" so far" if wait.is_open else "")
        text, middle = f"{bold(length)}<br>waiting for a reviewer", (wait.x0 + wait.x1) / 2
        if all(abs(middle - other["x"]) * picture.axis.scale >= WORDS_PX for other in words):
            words.append(note(text, picture.theme.attention, x=middle, y=top, **UNDER))
    return words


def _fold_words(picture: Picture) -> list[dict[str, Any]]:
    """Below the axis of each fold, that it is not to scale."""
    edges = [picture.axis.at(np.array(fold)) for fold in picture.axis.folds]
    middles = [float(a + b) / 2 for a, b in edges if (b - a) * picture.axis.scale > FOLD_PX]
    words = note("not to scale", picture.theme.muted, y=picture.rows.n - 0.5, **UNDER)
    return [words | {"x": x} for x in middles]


def _absences(picture: Picture) -> list[dict[str, Any]]:
    """In words, why there is nothing to see."""
    runs = picture.scene.runs
    if not picture.scene.bars["is_run"].all():
        return []
    text = "There are no steps."
    if not runs["has_steps"].any():
        text = "The steps were not delivered: fetch the run with its steps to see them."
    if runs["started_at"].isna().all():
        text = "Not started yet."
    return [note(text, picture.theme.muted, xref="paper", x=0, xanchor="left", y=picture.rows.n)]
