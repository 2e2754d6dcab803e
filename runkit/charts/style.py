"""The look of runkit's figures: their theme, their texts, and plotly's privacy.

A figure has an opaque ground of its own: a notebook's renderer does not follow the notebook's theme, and no
one text color can be read on both. The ground is white, or dark where plotly's own default template is dark
(`plotly.io.templates.default = "plotly_dark"`).

plotly reads its texts as a small HTML (`<a href>` becomes a live link), typesets what stands between two `$`
where MathJax is loaded, and fills in `%{…}`. Run data is hostile, so every string that enters a figure goes
through `plain`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from runkit.style import CONFIDENCE_COLORS, DARK, LIGHT, Theme, status
from runkit.text import shorten, unescape

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
FIRST_WIDE = "\u2e80"  # from here on, scripts have square letters
LETTER_PX = dict.fromkeys("mwMW@%…", 12.0) | dict.fromkeys("iljtfI.,:;|'!()[] \u00a0", 4.6)

_TAG = re.compile("<[^>]*>")  # ours: in harmless text there are no others
_HARMLESS = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "$": "&#36;", "%": "&#37;"})


def faded(color: str, alpha: float = 0.18) -> str:
    """Return a color as the pale fill of a mark, which lets the ground through."""
    red, green, blue = bytes.fromhex(color[1:])
    return f"rgba({red},{green},{blue},{alpha})"


def template(theme: Theme) -> dict[str, Any]:
    """Return the plotly template of a theme."""
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
    """Return what the layouts of all figures have in common."""
    return {
        "template": template(theme),
        "height": height,
        "margin": margin,
        "hovermode": "closest",
        "modebar": {"remove": TOOLS},
    }


def lines(x: Any, y: Any, **look: Any) -> Trace:
    """Return lines, marks or texts that say nothing when a reader points at them; None is a gap."""
    quiet = {"type": "scatter", "mode": "lines", "hoverinfo": "skip", "showlegend": False}
    return quiet | {"x": x, "y": y} | look


def chosen_theme() -> Theme:
    """Return the theme that plotly's default template asks for: dark if one of its names ends in "dark"."""
    import plotly.io

    names = (plotly.io.templates.default or "").split("+")
    return DARK if any(name.endswith("dark") for name in names) else LIGHT


def plain(value: object, limit: int = 60) -> str:
    """Return `value` as text that plotly shows as it is: one line, at most `limit` characters, no markup.

    A missing value is "unknown"; characters that cannot be seen (controls, changes of direction) are shown.
    """
    if value is None or value != value:  # NaN and NaT differ from themselves
        return "unknown"
    return shorten(str(value), limit).translate(_HARMLESS)


def bold(text: str) -> str:
    """Set harmless text in bold."""
    return f"<b>{text}</b>"


def colored(text: str, color: str) -> str:
    """Set harmless text in a color; pages exchange exactly this markup between themes."""
    return f'<span style="color:{color}">{text}</span>'


def cross(theme: Theme) -> str:
    """Return the mark of what failed."""
    return colored(bold("✕"), theme.fail)


def pill(word: str, theme: Theme) -> str:
    """Return a run's status as its icon and word, in its color."""
    state = status(word)
    return bold(colored(plain(state, 20), getattr(theme, state.color)))


def level(word: str, theme: Theme, what: str = "") -> str:
    """Return a confidence in its color."""
    color = CONFIDENCE_COLORS.get(word, "muted")
    return colored(plain(word.capitalize(), 14) + what, getattr(theme, color))


def note(text: str, color: str, size: float = SIZE - 1, **place: Any) -> dict[str, Any]:
    """Return harmless text as an annotation of a figure, without an arrow."""
    return {"text": text, "showarrow": False, "font": {"size": size, "color": color}, **place}


def unmarked(text: str) -> str:
    """Return what a reader sees of harmless text with our markup."""
    return unescape(_TAG.sub("", text))


def width_px(text: str) -> int:
    """How wide a label is at most, in pixels, in the widest of the usual fonts at 12 px."""
    return round(sum(map(_letter_px, unmarked(text))))


def _letter_px(letter: str) -> float:
    if letter in LETTER_PX:
        return LETTER_PX[letter]
    if letter > FIRST_WIDE:
        return 12.5
    return 8.6 if letter.isupper() else 7.5
