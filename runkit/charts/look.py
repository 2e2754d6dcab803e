"""The look of charts: their marks, their lines of text, and how plotly's figures follow a theme.

A figure has an opaque ground of its own: plotly's renderer in a notebook does not follow the
notebook's theme. It is dark where plotly's own default template is; in JupyterLab the rules of
`figures.css.j2` exchange its colors.

A line of text is a list of spans, each of a color, which are measured, cut and wrapped before
drawing. Any string of a run enters a line through `shown`. Both drawings escape it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from runkit.display.colors import AGENT_COLORS, DARK, LIGHT, Theme
from runkit.display.text import Markup, environment, shorten

FONT_FAMILY = Markup(
    "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
)
BAND_ALPHA = 0.1  # of the ground behind a folded wait


class Look(NamedTuple):
    """How a mark looks: its opacity, its share of the height of a row, its least width in pixels.

    What `is_outlined` has a line of its color around it.
    """

    alpha: float = 1
    height: float = 0.68
    least_px: float = 0
    is_outlined: bool = False


LOOKS = {  # from the bottom up
    "group": Look(0.75, height=0.16),
    "pale": Look(0.25, least_px=2, is_outlined=True),
    "stub": Look(0.25, least_px=9, is_outlined=True),
    "solid": Look(),
    "unknown": Look(least_px=2),
    "fail": Look(least_px=4),
    "wait": Look(least_px=5),
}


def chosen_theme() -> Theme:
    """Return the theme of plotly's default template: dark if its name has the word."""
    import plotly.io

    return DARK if "dark" in (plotly.io.templates.default or "") else LIGHT


def _figure_rules() -> Markup:
    """Return the rules for plotly's figures beside an element with the class `runkit-static`."""
    folder = Path(__file__).parent / "static"
    template = environment(folder).get_template("figures.css.j2")
    return Markup(template.render(light=LIGHT, dark=DARK, agents=AGENT_COLORS))  # noqa: S704 - colors of ours


FIGURE_RULES = _figure_rules()

# ------------------------------------------------------------------------------- lines of text

FIRST_WIDE = "\u2e80"  # from here on, scripts have square letters
WIDE_PX, CAPITAL_PX, LETTER_PX = 12.5, 8.6, 7.4  # of the widest of the usual fonts at 12 px
WIDTHS_PX = dict.fromkeys("mwMW@%…", 11.8) | dict.fromkeys("iljtfI.,:;|'!()[] \u00a0", 4.5)
TEXT_PX = 12  # the size of the font that these are for, in which all but the title is written
BOLD = 1.1  # how much wider bold letters are
PIECE = re.compile(r"\S{1,40}\s*|\s+")  # a line is wrapped at words, and inside long ones
SEPARATORS = ("", "·")  # not at the start of a wrapped line


class Span(NamedTuple):
    """A part of a line, in a color of `Theme`."""

    text: str
    color: str = "text"
    is_bold: bool = False


Line = list[Span]


def shown(value: object, limit: int = 80) -> str:
    """Return a text of a run on one line, cut to some characters; "unknown" if it is missing."""
    return shorten(value, limit) if isinstance(value, str) else "unknown"


def text_of(line: Iterable[Span]) -> str:
    """Return what a reader sees of a line."""
    return "".join(span.text for span in line)


def width_px(line: Iterable[Span], size: float = TEXT_PX) -> float:
    """Return the width of a line in pixels, in the widest of the usual fonts."""
    width = 0.0
    for span in line:
        letters = sum(map(_letter_px, span.text))
        width += letters * BOLD if span.is_bold else letters
    return width * size / TEXT_PX


def _letter_px(letter: str) -> float:
    if letter in WIDTHS_PX:
        return WIDTHS_PX[letter]
    if letter > FIRST_WIDE:
        return WIDE_PX
    return CAPITAL_PX if letter.isupper() else LETTER_PX


def fitted(line: Line, px: float) -> Line:
    """Cut a line to a width; a cut one ends in an ellipsis."""
    if width_px(line) <= px:
        return line
    room = px - width_px([Span("…", is_bold=True)])
    kept: Line = []
    for span in line:
        text = ""
        for letter in span.text:
            room -= width_px([span._replace(text=letter)])
            if room < 0:
                return [*kept, span._replace(text=f"{text.rstrip()}…")]
            text += letter
        kept.append(span)
    return kept


def wrapped(line: Line, px: float, size: float) -> list[Line]:
    """Wrap a line where it is wider than so many pixels."""
    if width_px(line, size) <= px:
        return [line]
    lines: list[Line] = [[]]
    for span in line:
        for piece in PIECE.findall(span.text):
            part = span._replace(text=piece)
            if width_px([*lines[-1], part], size) > px:
                last = lines[-1].pop()
                lines[-1].append(last._replace(text=last.text.rstrip()))
                lines.append([])
            if lines[-1] or piece.strip() not in SEPARATORS:
                lines[-1].append(part)
    return lines
