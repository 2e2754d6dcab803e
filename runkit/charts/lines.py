"""Lines of text in a chart: spans of a color, which are measured, cut and wrapped before drawing.

Any string of a run enters a line through `shown`. Both drawings escape it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from runkit.display.text import shorten

FIRST_WIDE = "\u2e80"  # from here on, scripts have square letters
WIDE_PX, CAPITAL_PX, LETTER_PX = 12.5, 8.6, 7.4  # of the widest of the usual fonts at 12 px
WIDTHS_PX = dict.fromkeys("mwMW@%…", 11.8) | dict.fromkeys("iljtfI.,:;|'!()[] \u00a0", 4.5)
MEASURED_PX = 12  # the size of the font that these are for
BOLD = 1.1  # how much wider bold letters are
PIECE = re.compile(r"\S{1,40}\s*|\s+")  # a line is wrapped at words, and inside long ones
SEPARATORS = ("", "·")  # not at the start of a wrapped line


class Span(NamedTuple):
    """A part of a line, in a color of `Theme`, or a hexadecimal one."""

    text: str
    color: str = "text"
    is_bold: bool = False


Line = list[Span]


def shown(value: object, limit: int = 80) -> str:
    """Return a text of a run on one line, cut to some characters; "unknown" if it is missing."""
    return shorten(value, limit) if isinstance(value, str) else "unknown"


def words(line: Iterable[Span]) -> str:
    """Return what a reader sees of a line."""
    return "".join(span.text for span in line)


def width_px(line: Iterable[Span], size: float = MEASURED_PX) -> float:
    """Return the width of a line in pixels, in the widest of the usual fonts."""
    return sum(map(_span_px, line)) * size / MEASURED_PX


def _span_px(span: Span) -> float:
    return sum(map(_letter_px, span.text)) * (BOLD if span.is_bold else 1)


def _letter_px(letter: str) -> float:
    if letter in WIDTHS_PX:
        return WIDTHS_PX[letter]
    if letter > FIRST_WIDE:
        return WIDE_PX
    return CAPITAL_PX if letter.isupper() else LETTER_PX


def fitted(line: Line, px: float, size: float) -> Line:
    """Cut a line to a width; a cut one ends in an ellipsis."""
    if width_px(line, size) <= px:
        return line
    *first, last = line
    if width_px([*first, last._replace(text="…")], size) > px and first:
        return fitted(first, px, size)
    text = last.text
    while text and width_px([*first, last._replace(text=text + "…")], size) > px:
        text = text[:-1]
    return [*first, last._replace(text=text.rstrip() + "…")]


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
