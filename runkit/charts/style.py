"""The plotly template of runkit's figures, in the theme that is in use, and plotly's privacy.

A figure has an opaque ground of its own: a notebook's renderer does not follow the notebook's theme, and no
one text color can be read on both. The ground is white, or dark where plotly's own default template is dark
(`plotly.io.templates.default = "plotly_dark"`). Pages made by `runkit.charts.page` follow the reader's
setting: they exchange the colors of one theme for those of the other.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from runkit.style import DARK, LIGHT, Theme

# Without these the mode bar offers "Share chart…", which uploads the figure, hover texts and all.
CONFIG: dict[str, Any] = {"showSendToCloud": False, "plotlyServerURL": "", "displaylogo": False}

FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
SIZE = 12
GRIDS = {LIGHT: "#ECEFF2", DARK: "#23282E"}
CLEAR = "rgba(0,0,0,0)"
TOOLS = ["zoom", "pan", "select", "lasso", "zoomIn", "zoomOut", "autoScale", "toggleSpikelines"]
# there plotly lets it be as wide as the figure
LEGEND = {"orientation": "h", "x": -0.001, "yanchor": "top"}
Trace = dict[str, Any]


def faded(color: str, alpha: float = 0.18) -> str:
    """Give a color as the pale fill of a mark, which lets the ground through."""
    red, green, blue = bytes.fromhex(color[1:])
    return f"rgba({red},{green},{blue},{alpha})"


def template(theme: Theme) -> dict[str, Any]:
    """Give the plotly template of a theme."""
    font = {"family": FONT, "size": SIZE, "color": theme.text}
    axis = {
        "gridcolor": GRIDS[theme],
        "linecolor": theme.line,
        "tickcolor": theme.line,
        "tickfont": {"size": SIZE - 1, "color": theme.muted},
        "zeroline": False,
        "title": {"font": {"size": SIZE, "color": theme.muted}},
    }
    hover = {"align": "left", "bgcolor": theme.ground, "bordercolor": theme.muted, "font": font}
    return {
        "layout": {
            "font": font,
            "title": {"font": {"size": 17}},
            "paper_bgcolor": theme.ground,
            "plot_bgcolor": theme.ground,
            "xaxis": axis,
            "yaxis": axis,
            "legend": {"font": {"color": theme.muted}},
            "annotationdefaults": {"font": {"color": theme.text, "size": SIZE - 1}},
            "hoverlabel": hover,
            "modebar": {"bgcolor": CLEAR, "color": theme.muted, "activecolor": theme.text},
        },
    }


def base_layout(theme: Theme, height: float, margin: Mapping[str, float]) -> dict[str, Any]:
    """Give what the layouts of all figures have in common."""
    return {
        "template": template(theme),
        "height": height,
        "margin": margin,
        "hovermode": "closest",
        "modebar": {"remove": TOOLS},
    }


def lines(x: Any, y: Any, **look: Any) -> Trace:
    """Give lines, marks or texts that say nothing when a reader points at them; None is a gap."""
    quiet = {"type": "scatter", "mode": "lines", "hoverinfo": "skip", "showlegend": False}
    return quiet | {"x": x, "y": y} | look


def chosen_theme() -> Theme:
    """Give the theme that plotly's default template asks for: dark if one of its names ends in "dark"."""
    import plotly.io

    names = (plotly.io.templates.default or "").split("+")
    return DARK if any(name.endswith("dark") for name in names) else LIGHT
