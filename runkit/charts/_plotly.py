"""A chart as the JSON of a plotly figure.

plotly renders a subset of HTML in texts (`<a href>` becomes a live link), typesets what stands
between two `$` where MathJax is loaded, and fills in `%{…}`. Run data is hostile, so every string
goes through `escaped`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import pandas as pd

from runkit.charts._layout import (
    ABOVE_PX,
    AXIS_PX,
    EDGE_PX,
    LEGEND_PX,
    SMALL_PX,
    TEXT_PX,
    TITLE_PX,
    Chart,
)
from runkit.charts.lines import Line, Span
from runkit.charts.theme import BAND_ALPHA, FONT, LOOKS
from runkit.display.colors import DARK, Theme, color_of, faded

# Without these the mode bar offers "Share chart…", which uploads the figure, hover texts and all.
CONFIG: dict[str, Any] = {"showSendToCloud": False, "plotlyServerURL": "", "displaylogo": False}
REMOVED_TOOLS = [
    "zoom",
    "pan",
    "select",
    "lasso",
    "zoomIn",
    "zoomOut",
    "autoScale",
    "toggleSpikelines",
]
DIGITS = 4  # of seconds
CLEAR = "rgba(0,0,0,0)"
HARMLESS = str.maketrans(
    {"&": "&amp;", "<": "&lt;", ">": "&gt;", "$": "&#36;", "%": "&#37;"},
)
Json = dict[str, Any]
TITLE: Json = {
    "x": 0,
    "y": 1,
    "xref": "container",
    "yref": "container",
    "xanchor": "left",
    "yanchor": "top",
    "pad": {"l": EDGE_PX, "t": ABOVE_PX + 2},
    "font": {"size": TITLE_PX},
}


def figure_parts(chart: Chart, theme: Theme) -> tuple[list[Json], Json]:
    """Draw a chart as the traces and the layout of a plotly figure."""
    traces = [*_mark_traces(chart, theme), _hover_trace(chart), _text_trace(chart, theme)]
    return traces, _layout(chart, theme)


def escaped(text: str) -> str:
    """Return a text that plotly shows as it is."""
    return text.translate(HARMLESS)


def markup(line: Iterable[Span], theme: Theme) -> str:
    """Write a line for plotly."""
    return "".join(_span_markup(span, theme) for span in line)


def _span_markup(span: Span, theme: Theme) -> str:
    text = escaped(span.text)
    if span.is_bold:
        text = f"<b>{text}</b>"
    if span.color == "text":
        return text
    return f'<span style="color:{color_of(span.color, theme)}">{text}</span>'


# ------------------------------------------------------------------------------------------ traces


def looks_of(marks: pd.DataFrame) -> Iterator[tuple[str, str, pd.DataFrame]]:
    """Iterate over the marks of one look and color, from the bottom up."""
    for (look, color), group in marks.groupby(["look", "color"], observed=True):
        yield str(look), str(color), group


def _mark_traces(chart: Chart, theme: Theme) -> Iterator[Json]:
    for name, color, group in looks_of(chart.marks):
        look = LOOKS[name]
        alpha = look.dark if theme is DARK else look.light
        length = group["x1"] - group["x0"]
        yield {
            **_bars(group["x0"], length, group["row"], look.height),
            "marker": {"color": faded(color_of(color, theme), alpha), "line": {"width": 0}},
            "hoverinfo": "skip",
            "name": name,
        }


def _hover_trace(chart: Chart) -> Json:
    """Return clear bars over rows, which have the hover texts."""
    rows = chart.rows
    start = pd.Series(chart.axis.start, rows.index)
    texts = ["<br>".join(map(escaped, lines)) for lines in rows["hover"]]
    return {
        **_bars(start, rows["x1"] - start, rows.index.to_series(), 1),
        "marker": {"color": CLEAR, "line": {"width": 0}},
        "name": "rows",
        "customdata": texts,
        "hovertemplate": "%{customdata}<extra></extra>",
    }


def _text_trace(chart: Chart, theme: Theme) -> Json:
    """Return the texts at the ends of bars."""
    rows = chart.rows
    return {
        "type": "scatter",
        "mode": "text",
        "x": rows["x1"].tolist(),
        "y": rows.index.tolist(),
        "text": [f"\u00a0\u00a0{markup(line, theme)}" for line in rows["text"]],
        "textposition": "middle right",
        "textfont": {"size": chart.font_px},
        "hoverinfo": "skip",
        "cliponaxis": False,
        "name": "texts",
    }


def _bars(base: Any, length: Any, row: Any, height: float) -> Json:
    return {
        "type": "bar",
        "orientation": "h",
        "textposition": "none",
        "width": height,
        "base": base.round(DIGITS).tolist(),  # of a numpy array plotly would make text
        "x": length.round(DIGITS).tolist(),
        "y": row.tolist(),
    }


# ------------------------------------------------------------------------------------------ layout


def _layout(chart: Chart, theme: Theme) -> Json:
    return {
        "template": _template(theme),
        "height": chart.height,
        "margin": {
            "l": chart.left,
            "r": chart.right,
            "t": chart.top,
            "b": chart.height - chart.top - chart.area,
        },
        "title": {"text": markup(chart.heading[0].line, theme)},
        "meta": {"alt": chart.alt},
        "modebar": {"remove": REMOVED_TOOLS},
        "xaxis": _time_ticks(chart),
        "yaxis": _row_labels(chart, theme),
        "shapes": [*_stripes(chart, theme), *_bands(chart, theme)],
        "annotations": [*_notes(chart, theme)],
    }


def _time_ticks(chart: Chart) -> Json:
    ticks = chart.ticks()
    return {
        "range": [chart.axis.start, chart.end],
        "tickvals": [*ticks],
        "ticktext": [*ticks.values()],
        "tickangle": 0,
        "ticklabelstandoff": 5,
    }


def _row_labels(chart: Chart, theme: Theme) -> Json:
    """Return the axis of rows, whose labels begin at one line, so that indents can be seen.

    They are drawn right of the axis and shifted left by `ticklabelstandoff`, because `shift` would
    also move the area of the hover.
    """
    n = len(chart.rows)
    return {
        "range": [n - 0.5, -0.5],
        "tickvals": chart.rows.index.tolist(),
        "ticktext": [markup(line, theme) for line in chart.rows["label"]],
        "tickfont": {"size": chart.font_px, "color": theme.text},
        "side": "right",
        "anchor": "free",
        "position": 0,
        "ticklabelstandoff": round(EDGE_PX - chart.left),
        "showgrid": False,
        "fixedrange": True,  # a drag zooms on time
    }


def _stripes(chart: Chart, theme: Theme) -> Iterator[Json]:
    left = (EDGE_PX / 2 - chart.left) / chart.plot
    right = 1 + (chart.right - EDGE_PX / 2) / chart.plot
    for row in chart.stripes():
        yield _ground(theme.band, (left, right), (row - 0.5, row + 0.5)) | {"xref": "paper"}


def _bands(chart: Chart, theme: Theme) -> Iterator[Json]:
    color = faded(theme.wait, BAND_ALPHA)
    for band in chart.axis.bands:
        yield _ground(color, (band.start, band.end), (-0.5, len(chart.rows) - 0.5))


def _ground(color: str, x: tuple[float, float], y: tuple[float, float]) -> Json:
    edges = {"x0": x[0], "x1": x[1], "y0": y[0], "y1": y[1]}
    return {"type": "rect", "layer": "below", "line": {"width": 0}, "fillcolor": color} | edges


def _notes(chart: Chart, theme: Theme) -> Iterator[Json]:
    """Return the lines below the title, the lengths of bands, and the legend."""
    corner = {"xref": "paper", "yref": "paper", "x": 0, "xanchor": "left", "yanchor": "middle"}
    for placed in chart.heading[1:]:  # the first line is the title
        shift = {"xshift": placed.x - chart.left, "yshift": chart.top - placed.y}
        yield _note(placed.line, theme, placed.size, corner | {"y": 1} | shift)
    for band, line in chart.band_labels():
        above = {"x": band.middle, "y": 1, "yref": "paper", "yanchor": "middle", "yshift": 9}
        yield _note(line, theme, SMALL_PX, above)
    for placed in chart.legend:
        shift = {"xshift": placed.x - chart.left, "yshift": -(AXIS_PX + LEGEND_PX / 2)}
        yield _note(placed.line, theme, SMALL_PX, corner | {"y": 0} | shift)


def _note(line: Line, theme: Theme, size: int, place: Json) -> Json:
    text = markup(line, theme)
    return {"text": text, "showarrow": False, "borderpad": 0, "font": {"size": size}} | place


def _template(theme: Theme) -> Json:
    axis = {
        "gridcolor": theme.grid,
        "zeroline": False,
        "tickfont": {"size": SMALL_PX, "color": theme.muted},
    }
    font = {"family": FONT, "size": TEXT_PX, "color": theme.text}
    hover = {
        "align": "left",
        "bgcolor": theme.ground,
        "font": font,
    }
    return {
        "layout": {
            "font": font,
            "title": TITLE,
            "paper_bgcolor": theme.ground,
            "plot_bgcolor": theme.ground,
            "xaxis": axis,
            "yaxis": axis,
            "hoverlabel": hover,
            "modebar": {"bgcolor": CLEAR, "color": theme.muted, "activecolor": theme.text},
            "showlegend": False,
            "barmode": "overlay",
            "hovermode": "closest",
            "dragmode": "zoom",
            "uirevision": "zoom",
        },
    }
