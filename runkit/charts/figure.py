"""A chart as plotly's figure, with a static picture and a sentence beside it in a notebook.

plotly renders a subset of HTML in texts (`<a href>` becomes a live link), typesets what stands
between two `$` where MathJax is loaded, and fills in `%{…}`. Run data is hostile, so every string
goes through `escaped`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import pandas as pd
import plotly.graph_objects as go
import plotly.io
from IPython import get_ipython
from IPython.display import display

from runkit.charts._layout import ABOVE_PX, TITLE_PX, WIDTH, Chart
from runkit.charts.look import (
    BAND_ALPHA,
    FIGURE_RULES,
    FONT_FAMILY,
    LOOKS,
    TEXT_PX,
    Line,
    Span,
    chosen_theme,
)
from runkit.charts.svg import image
from runkit.display.colors import LIGHT, Theme, color_of, faded
from runkit.display.text import Markup, visible

PLOTLY = "application/vnd.plotly.v1+json"
FIGURE_STYLE = Markup('<style class="runkit-static">{}</style>').format(FIGURE_RULES)
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


class RunFigure(go.Figure):  # type: ignore[misc] # plotly has no types
    """A figure of runs; its output in a notebook has a picture that needs no script.

    A figure that somebody edits is shown by plotly alone.
    """

    _chart: Chart | None = None
    _theme = LIGHT
    _ipython_display_ = None  # plotly would display its JSON only
    _repr_html_ = None  # it would load plotly.js from the web

    @classmethod
    def of(cls, chart: Chart) -> RunFigure:
        """Draw a chart."""
        theme = chosen_theme()
        figure = cls(*figure_parts(chart, theme))
        figure._chart = chart
        figure._theme = theme
        return figure

    @property
    def is_edited(self) -> bool:
        """Whether the figure is another one than the chart that it was made of."""
        if self._chart is None:
            return True
        drawn = go.Figure(*figure_parts(self._chart, self._theme))
        return bool(self.to_json() != drawn.to_json())

    def picture(self) -> Markup:
        """Draw the chart as an `<img>`; nothing if the figure was edited."""
        return Markup("") if self._chart is None or self.is_edited else image(self._chart)

    def _repr_mimebundle_(
        self, include: Any = None, exclude: Any = None, **options: Any
    ) -> dict[str, Any]:
        """Build plotly's JSON, a picture, a sentence, and what the user's renderers add."""
        picture = str(self.picture())
        alt = (self.layout.meta or {}).get("alt", "A figure")
        bundle = {"text/plain": visible(alt if picture else f"{alt} (edited)")}
        if picture:
            bundle["text/html"] = picture
            if hasattr(get_ipython(), "kernel"):
                display({"text/html": str(FIGURE_STYLE), "text/plain": ""}, raw=True)
        chosen: dict[str, Any] = super()._repr_mimebundle_(**{"config": CONFIG} | options)
        return bundle | chosen | plotly_bundle(self)

    def show(self, *args: Any, **options: Any) -> None:
        """Show the figure; outside a notebook or with arguments plotly's renderers do."""
        if not args and not options and hasattr(get_ipython(), "kernel"):
            display(self)
        else:
            super().show(*args, **options | {"config": CONFIG | (options.get("config") or {})})


def plotly_bundle(figure: go.Figure) -> dict[str, Any]:
    """Return plotly's JSON as an output; what the user set for all of plotly's figures stays."""
    renderer = plotly.io.renderers["plotly_mimetype"]
    bundle: dict[str, Any] = renderer.to_mimebundle(figure.to_dict())
    bundle[PLOTLY]["config"] = CONFIG | (renderer.config or {})
    return bundle


# ----------------------------------------------------------------------------------------- texts


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


def figure_parts(chart: Chart, theme: Theme) -> tuple[list[Json], Json]:
    """Draw a chart as the traces and the layout of a plotly figure."""
    traces = [*_mark_traces(chart, theme), _hover_trace(chart), _text_trace(chart, theme)]
    return traces, _layout(chart, theme)


def _mark_traces(chart: Chart, theme: Theme) -> Iterator[Json]:
    for (name, color), group in chart.marks_by_look():
        look = LOOKS[name]
        length = group["x1"] - group["x0"]
        paint = color_of(color, theme)
        line = {"width": 1, "color": paint} if look.is_outlined else {"width": 0}
        yield {
            **_bars(group["x0"], length, group["y"], look.height),
            "marker": {"color": faded(paint, look.alpha), "line": line},
            "hoverinfo": "skip",
            "name": name,
        }


def _hover_trace(chart: Chart) -> Json:
    """Return clear bars over rows, which have the hover texts."""
    rows = chart.rows
    start = pd.Series(chart.axis.start, rows.index)
    return {
        **_bars(start, rows["x1"] - start, rows["y"], 1),
        "marker": {"color": CLEAR, "line": {"width": 0}},
        "name": "rows",
        "customdata": ["<br>".join(map(escaped, lines)) for lines in rows["hover"]],
        "hovertemplate": "%{customdata}<extra></extra>",
    }


def _text_trace(chart: Chart, theme: Theme) -> Json:
    """Return the texts at the ends of bars."""
    rows = chart.rows
    return {
        "type": "scatter",
        "mode": "text",
        "x": rows["x1"].tolist(),
        "y": rows["y"].tolist(),
        "text": [f"\u00a0\u00a0{markup(line, theme)}" for line in rows["text"]],
        "textposition": "middle right",
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
    font = {"family": FONT_FAMILY, "size": TEXT_PX, "color": theme.text}
    return {
        "template": {"layout": {"font": font}},  # an empty one is replaced by plotly's own
        "height": chart.height,
        "margin": {
            "l": chart.left,
            "r": WIDTH - chart.left - chart.plot,
            "t": chart.top,
            "b": chart.height - chart.bottom,
        },
        "paper_bgcolor": theme.ground,
        "plot_bgcolor": theme.ground,
        "hoverlabel": {"align": "left", "bgcolor": theme.ground, "font": font},
        "title": _title(chart, theme),
        "meta": {"alt": chart.alt},
        "modebar": {
            "remove": REMOVED_TOOLS,
            "bgcolor": CLEAR,
            "color": theme.muted,
        },
        "xaxis": _time_ticks(chart, theme),
        "yaxis": _row_labels(chart, theme),
        "shapes": [*_bands(chart, theme)],
        "annotations": [*_notes(chart, theme)],
        "showlegend": False,
        "barmode": "overlay",
        "uirevision": "zoom",
    }


def _title(chart: Chart, theme: Theme) -> Json:
    return {
        "text": markup(chart.title.line, theme),
        "x": 0,
        "y": 1,
        "xref": "container",
        "yref": "container",
        "xanchor": "left",
        "yanchor": "top",
        "pad": {"t": ABOVE_PX + 2},
        "font": {"size": TITLE_PX},
    }


def _time_ticks(chart: Chart, theme: Theme) -> Json:
    ticks = chart.ticks()
    return {
        "range": [chart.axis.start, chart.end],
        "tickvals": [*ticks],
        "ticktext": [*ticks.values()],
        "tickfont": {"color": theme.muted},
        "tickangle": 0,
        "ticklabelstandoff": 5,
        "gridcolor": theme.grid,
        "zeroline": False,
    }


def _row_labels(chart: Chart, theme: Theme) -> Json:
    """Return the axis of rows, whose labels begin at one line, so that indents can be seen.

    They are drawn right of the axis and shifted left by `ticklabelstandoff`, because `shift` would
    also move the area of the hover.
    """
    return {
        "range": [chart.area / chart.row_px - 0.5, -0.5],
        "tickvals": chart.rows["y"].tolist(),
        "ticktext": [markup(line, theme) for line in chart.rows["label"]],
        "side": "right",
        "anchor": "free",
        "position": 0,
        "ticklabelstandoff": -chart.left,
        "showgrid": False,
        "zeroline": False,
        "fixedrange": True,  # a drag zooms on time
    }


def _bands(chart: Chart, theme: Theme) -> Iterator[Json]:
    color = faded(theme.wait, BAND_ALPHA)
    for band in chart.axis.bands:
        yield {
            "type": "rect",
            "layer": "below",
            "line": {"width": 0},
            "fillcolor": color,
            "x0": band.start,
            "x1": band.end,
            "yref": "paper",
            "y0": 0,
            "y1": 1,
        }


def _notes(chart: Chart, theme: Theme) -> Iterator[Json]:
    """Return the lines below the title, the legend, and what stands at bands."""
    for placed in chart.notes:
        corner = {"xref": "paper", "x": 0, "xanchor": "left", "xshift": placed.x - chart.left}
        yield _note(placed.line, theme, corner | {"yshift": chart.top - placed.y})
    for position, y, line in chart.band_labels():
        yield _note(line, theme, {"x": position, "yshift": chart.top - y})


def _note(line: Line, theme: Theme, place: Json) -> Json:
    at_top = {"yref": "paper", "y": 1, "yanchor": "middle"}
    text = {"text": markup(line, theme), "showarrow": False, "borderpad": 0}
    return text | at_top | place
