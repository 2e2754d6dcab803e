"""The look of runkit's figures: their theme, their texts, and plotly's privacy.

A figure has an opaque ground of its own: a notebook's renderer does not follow the notebook's
theme, and no one text color can be read on both. The ground is white, or dark where plotly's own
default template is dark (`plotly.io.templates.default = "plotly_dark"`).

plotly renders a small subset of HTML in texts (`<a href>` becomes a live link), typesets what
stands between two `$` where MathJax is loaded, and fills in `%{…}`. Run data is hostile, so every
string that enters a figure goes through `plain`.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from runkit.api.words import RUN_STATUSES
from runkit.display.colors import CONFIDENCE_COLORS, DARK, LIGHT, Theme
from runkit.display.text import shorten, static_file, unescape

if TYPE_CHECKING:
    import pandas as pd

# Without these the mode bar offers "Share chart…", which uploads the figure, hover texts and all.
CONFIG: dict[str, Any] = {"showSendToCloud": False, "plotlyServerURL": "", "displaylogo": False}

STATIC = Path(__file__).parent / "static"
# The colors of plotly's figures beside an element with the class `runkit-static`.
FIGURES = static_file(STATIC / "figures.css")
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
FONT_PX = 12
TRANSPARENT = "rgba(0,0,0,0)"
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
WIDTH = 900  # pixels of a figure in a notebook, and of its static picture
MAX_TITLE = 200  # characters of a user's title
LINE_PX = 22  # the height of a line of the title
EDGE_PX = 16
ABOVE_PX = 20  # the space over the title
AXIS_PX = 30  # the height of the ticks below the rows
TITLE_PX, HEADING_PX = 600, 800  # as `width_px` counts, of lines of 17 and 13 px: 848 px at most
LEGEND_PX = 880  # of the widest fonts, so that the legend fits into a narrow output
LEGEND_LINE_PX = 16  # the height of a line of it
NBSP = "\u00a0"  # plotly leaves out empty lines and folds spaces
Json = dict[str, Any]
Trace = Json
# In layout and template, so that the title stands there whatever a reader changes.
TITLE: Json = {"x": 0, "xref": "container", "xanchor": "left", "pad": {"l": EDGE_PX, "t": ABOVE_PX}}
TITLE |= {"y": 1, "yref": "container", "yanchor": "top", "font": {"size": 17}}
FIRST_WIDE = "\u2e80"  # from here on, scripts have square letters
LETTER_PX = dict.fromkeys("mwMW@%…", 12.0) | dict.fromkeys("iljtfI.,:;|'!()[] \u00a0", 4.6)

_TAG = re.compile("<[^>]*>")  # ours: in harmless text there are no others
_HARMLESS = str.maketrans(
    {
        "&": "&amp;",
        "<": "&lt;",
        ">": "&gt;",
        "$": "&#36;",
        "%": "&#37;",
    }
)


def faded(color: str, alpha: float = 0.18) -> str:
    """Return a color as the pale fill of a mark, which lets the ground through."""
    red, green, blue = bytes.fromhex(color[1:])
    return f"rgba({red},{green},{blue},{alpha})"


def template(theme: Theme) -> dict[str, Any]:
    """Return the plotly template of a theme."""
    font = {"family": FONT, "size": FONT_PX, "color": theme.text}
    axis = {
        "gridcolor": theme.grid,
        "tickfont": {"size": FONT_PX - 1, "color": theme.muted},
        "title": {"standoff": 0, "font": {"size": FONT_PX, "color": theme.muted}},
        "zeroline": False,
    }
    hover = {
        "align": "left",
        "bgcolor": theme.ground,
        "bordercolor": theme.muted,
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
            "modebar": {"bgcolor": TRANSPARENT, "color": theme.muted, "activecolor": theme.text},
        },
    }


class Heading(NamedTuple):
    """The lines of a title as plotly's markup; `alt` is plain text."""

    lines: list[str]
    alt: str


def heading_of(theme: Theme, title: Iterable[str], *others: Sequence[str]) -> Heading:
    """Set a title with its first part in bold, and other lines smaller below; long ones wrap.

    Lines are parts in plotly's markup, of which the empty ones are left out.
    """
    name, *parts = title
    head = [colored(bold(name), theme.text), *parts]
    rest = [line for parts in others for line in packed(parts, " · ", HEADING_PX)]
    lines = [colored(line, theme.muted) for line in packed(head, " · ", TITLE_PX)]
    lines += [f'<span style="font-size:13px">{colored(line, theme.muted)}</span>' for line in rest]
    sentences = (" · ".join(filter(None, parts)) for parts in (head, *others))
    return Heading(lines, ". ".join(map(unmarked, filter(None, sentences))))


def packed(parts: Iterable[str], gap: str, px: float) -> list[str]:
    """Join parts to lines that are not wider than so many pixels; empty ones are left out."""
    lines: list[str] = []
    for part in filter(None, parts):
        if lines and width_px(lines[-1] + gap + part) <= px:
            lines[-1] += gap + part
        else:
            lines.append(part)
    return lines


def figure_layout(theme: Theme, heading: Heading, area: int, margin: dict[str, int]) -> Json:
    """Build what the layouts of all figures have in common.

    `area` is the height of the drawing in pixels; the top of `margin` is the space between title
    and drawing.
    """
    title = ABOVE_PX + LINE_PX * len(heading.lines) + EDGE_PX if heading.lines else 0
    top = title + margin.get("t", 0)
    return {
        "template": template(theme),
        "height": top + area + margin["b"],
        "margin": margin | {"t": top},
        "hovermode": "closest",
        "modebar": {"remove": REMOVED_TOOLS},
        "title": TITLE | {"text": "<br>".join(heading.lines)},
        "showlegend": False,
        "meta": {"alt": f"Timeline of {heading.alt}", "summary": heading.alt},
        "barmode": "overlay",
        "dragmode": "zoom",
        "uirevision": "zoom",
    }


def row_axis(theme: Theme, labels_px: float, ticks: list[float], texts: list[str]) -> Json:
    """Build the axis of rows, whose labels begin at one line, so that indents can be seen.

    They are drawn right of the axis and shifted left by `ticklabelstandoff`, because `shift` would
    also move the area of the hover.
    """
    return array_ticks(ticks, texts) | {
        "side": "right",
        "anchor": "free",
        "position": 0,
        "ticklabelstandoff": -labels_px,
        "tickfont": {"size": FONT_PX, "color": theme.text},
        "showgrid": False,
        # a drag zooms on time; near time 0 it would move the rows out of sight
        "fixedrange": True,
    }


def array_ticks(positions: Sequence[object], texts: Sequence[str]) -> Json:
    """Return ticks of a plotly axis at these positions."""
    return {"tickmode": "array", "tickvals": positions, "ticktext": texts}


def entry(mark: str, color: str, name: str) -> str:
    """Write an entry of a legend: a mark in its color, and its name."""
    return f"{colored(mark, color)}{NBSP}{plain(name, 40)}"


def legend_below(entries: Sequence[str], theme: Theme, left: int) -> tuple[Json, int]:
    """Write a legend below the ticks, and how much room both need.

    It is one text, which begins where the labels of rows do; `left` is the margin of these.
    """
    lines = packed(entries, NBSP * 5, LEGEND_PX)
    below = {"xref": "paper", "x": 0, "xanchor": "left", "xshift": EDGE_PX - left, "align": "left"}
    below |= {"yref": "paper", "y": 0, "yanchor": "top", "yshift": -AXIS_PX, "name": "legend"}
    note = annotation("<br>".join(lines), theme.muted, FONT_PX, **below)
    return note, AXIS_PX + EDGE_PX + LEGEND_LINE_PX * len(lines)


def hover_texts(marks: pd.DataFrame) -> Trace:
    """Return the options of a trace whose marks have a `hover` text."""
    texts = marks["hover"].tolist()
    return {
        "hovertemplate": "%{customdata}<extra></extra>",
        "hoverinfo": "all",
        "customdata": texts,
    }


def line_trace(x: Iterable[Any], y: Iterable[Any], **options: Any) -> Trace:
    """Return lines, marks or texts without a hover text; None is a gap."""
    quiet = {"type": "scatter", "mode": "lines", "hoverinfo": "skip"}
    return quiet | {"x": [*x], "y": [*y]} | options


def numbers(values: pd.Series[Any]) -> dict[str, str]:
    """Write a column as plotly's typed-array spec: 8 bytes a number, exact.

    plotly turns a numpy array given as a bar's `base` into text.
    """
    return {"dtype": "f8", "bdata": base64.b64encode(values.to_numpy("<f8").tobytes()).decode()}


def bar_trace(
    base: pd.Series[float],
    x: pd.Series[float],
    y: pd.Series[float],
    width: float,
    mark: Json,
    **options: Any,
) -> Trace:
    """Return a bar for each row `y`, from `base`, of length `x`; `width` is in rows."""
    kind = {"type": "bar", "orientation": "h", "textposition": "none", "marker": mark}
    box = {"base": numbers(base), "x": numbers(x), "y": numbers(y), "width": width}
    return kind | box | options


def text_trace(
    x: Iterable[float],
    y: Iterable[float],
    labels: Iterable[str],
    color: str | list[str],
    **options: Any,
) -> Trace:
    """Return texts that begin at points, in one color or one for each."""
    font = {"size": FONT_PX - 1, "color": color}
    kind = {"mode": "text", "textposition": "middle right", "cliponaxis": False}
    return line_trace(x, y, **kind | {"text": [*labels], "textfont": font} | options)


def chosen_theme() -> Theme:
    """Return the theme of plotly's default template: dark if its name has the word."""
    import plotly.io

    return DARK if "dark" in (plotly.io.templates.default or "") else LIGHT


def plain(value: object, limit: int = 60) -> str:
    """Return `value` as one line of text that plotly shows as it is, without markup.

    It has at most `limit` characters. A missing value is "unknown"; characters that cannot be seen
    (controls, changes of direction) are shown.
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
    """Return the mark of a step that failed."""
    return colored(bold("✕"), theme.fail)


def pill(word: str, theme: Theme) -> str:
    """Return a run's status as its icon and word, in its color."""
    state = RUN_STATUSES.find(word)
    return bold(colored(plain(state, 20), getattr(theme, state.role)))


def level(word: str, theme: Theme, noun: str = "") -> str:
    """Return a confidence in its color."""
    color = CONFIDENCE_COLORS.get(word.lower(), "muted")
    return colored(plain(word.capitalize(), 14) + noun, getattr(theme, color))


def annotation(text: str, color: str, size: float = FONT_PX - 1, **position: Any) -> dict[str, Any]:
    """Return harmless text as an annotation of a figure, without an arrow."""
    return {"text": text, "showarrow": False, "font": {"size": size, "color": color}, **position}


def unmarked(text: str) -> str:
    """Return what a reader sees of harmless text with our markup."""
    return unescape(_TAG.sub("", text))


def width_px(text: str) -> int:
    """Return the width of a label in pixels, in the widest of the usual fonts at 12 px."""
    return round(sum(map(_letter_px, unmarked(text))))


def _letter_px(letter: str) -> float:
    if letter in LETTER_PX:
        return LETTER_PX[letter]
    if letter > FIRST_WIDE:
        return 12.5
    return 8.6 if letter.isupper() else 7.5
