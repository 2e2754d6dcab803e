"""How charts look: colours, what they mean in words, the light and the dark ground, and plotly's privacy.

A figure carries its own opaque ground. A notebook's renderer does not follow the notebook's theme, and no one
text colour reaches 4.5:1 on both white and JupyterLab's dark #111 (the best grey has 4.6 and 4.1), so a
transparent figure would be hard to read on one of them. The ground is white, or dark where plotly's own
switch says so: `plotly.io.templates.default = "plotly_dark"`. Pages made by `runkit.charts.page` follow the
reader's light or dark setting by themselves: nothing but the template changes, so every colour that depends
on the ground stands in the template and no mark does.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from runkit.style import Theme

# Without these the mode bar offers "Share chart…", which uploads the figure, hover texts and all.
CONFIG: dict[str, Any] = {"showSendToCloud": False, "plotlyServerURL": "", "displaylogo": False}

FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
SIZE = 12


LEGEND: dict[str, Any] = {  # below the drawing, from the figure's left edge on
    "orientation": "h",
    "x": 0,
    "xref": "container",
    "y": 0,
    "yref": "container",
    "yanchor": "bottom",
}


class Look(NamedTuple):
    """How a kind of step is drawn and what the legend calls it. `hatch` is a plotly pattern, "" for none."""

    words: str
    colour: str
    hatch: str = ""
    hatch_colour: str = ""


# In the order of painting: what matters most lies on top. Each colour has 3:1 on white and on #111, which is
# enough for marks and not for text. Okabe and Ito's palette: colour-blind readers tell it apart.
LOOKS = (
    Look("contains other steps", "#808080"),
    Look("other type", "#808080", ".", "#1c1c1c"),
    Look("activity", "#0072B2"),
    Look("output", "#009E73"),
    Look("settled by policy", "#CC79A7"),
    Look("waiting for a person", "#CC79A7", "/", "#3a0d27"),
    Look("error", "#D55E00"),
)
CONTAINER, OTHER, ACTIVITY, OUTPUT, SETTLED, WAIT, ERROR = range(len(LOOKS))

ERROR_OUTLINE = "#7A1F00"  # an error is outlined, not only orange
TRACK = "rgba(128,128,128,0.22)"  # what a run spans, seen where nothing runs on it; works on both grounds
TRACK_OUTLINE = "#808080"


class Ground(NamedTuple):
    """The colours that depend on the ground: background, text (at least 7:1), grid, and outline of bars."""

    paper: str
    text: str
    grid: str
    outline: str


LIGHT = Ground("#FFFFFF", "#26292E", "#E3E5E8", "#000000")
DARK = Ground("#111111", "#E6E8EB", "#34383D", "#FFFFFF")


def template(ground: Ground) -> dict[str, Any]:
    """The plotly template of a ground. Bars without an outline colour of their own take it from here."""
    axis = {
        "gridcolor": ground.grid,
        "linecolor": ground.grid,
        "tickcolor": ground.grid,
        "zeroline": False,
        "title": {"font": {"size": SIZE}},
    }
    return {
        "layout": {
            "font": {"family": FONT, "size": SIZE, "color": ground.text},
            "title": {"font": {"size": SIZE + 2}, "subtitle": {"font": {"size": SIZE}}},
            "paper_bgcolor": ground.paper,
            "plot_bgcolor": ground.paper,
            "xaxis": axis,
            "yaxis": axis,
            "annotationdefaults": {"font": {"color": ground.text, "size": SIZE - 1}},
            "hoverlabel": {
                "align": "left",
                "bgcolor": ground.paper,
                "bordercolor": ground.text,
                "font": {"family": FONT, "size": SIZE, "color": ground.text},
            },
            "modebar": {"bgcolor": "rgba(0,0,0,0)", "color": ground.text, "activecolor": ground.text},
        },
        "data": {
            "bar": [{"marker": {"line": {"color": ground.outline}}}],
            "scatter": [{"marker": {"line": {"color": ground.outline}}}],
        },
    }


def chosen_ground() -> Ground:
    """The ground that plotly's default template asks for: dark if one of its names ends in "dark"."""
    import plotly.io

    names = (plotly.io.templates.default or "").split("+")
    return DARK if any(name.endswith("dark") for name in names) else LIGHT


def keep_private() -> None:
    """Make `CONFIG` the default of all of plotly's renderers; what the user set on one of them stays."""
    import plotly.io

    for name in plotly.io.renderers:
        renderer = plotly.io.renderers[name]
        if hasattr(renderer, "config"):
            renderer.config = CONFIG | (renderer.config or {})


def chosen_theme() -> Theme:
    """The theme that plotly's default template asks for."""
    from runkit.style import DARK as DARK_THEME
    from runkit.style import LIGHT as LIGHT_THEME

    return DARK_THEME if chosen_ground() is DARK else LIGHT_THEME
