"""Text for plotly figures: made harmless, short, and few enough to read.

plotly reads its texts as a small HTML (`<a href>` becomes a live link), typesets what stands between two `$`
where MathJax is loaded, and fills in `%{…}`. Run data is hostile, so every string that enters a figure goes
through `plain`.
"""

from __future__ import annotations

import re
import textwrap
from bisect import bisect_left, insort
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runkit.text import one_line, shorten, unescape

FIRST_WIDE = 0x2E80  # from here on, scripts have square letters
INDENT = "\u00a0" * 4  # plotly folds ordinary spaces
DEEPEST_INDENT = 6  # levels; beyond, the indentation would eat the label

_TAG = re.compile("<[^>]*>")  # ours: in harmless text there are no others
_HARMLESS = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "$": "&#36;", "%": "&#37;"})


def plain(value: object, limit: int = 60) -> str:
    """Give `value` as text that plotly shows as it is: one line, at most `limit` characters, no markup.

    A missing value is "unknown"; characters that cannot be seen (controls, changes of direction) are shown.
    """
    if value is None or value != value:  # NaN and NaT differ from themselves
        return "unknown"
    return shorten(str(value), limit).translate(_HARMLESS)


def wrapped(text: str, width: int) -> list[str]:
    """Wrap text to lines of at most `width` characters and make them harmless."""
    return [plain(line, width) for line in textwrap.wrap(one_line(text), width) or [""]]


def bold(text: str) -> str:
    """Set harmless text in bold."""
    return f"<b>{text}</b>"


def colored(text: str, color: str) -> str:
    """Set harmless text in a color; pages exchange exactly this markup between themes."""
    return f'<span style="color:{color}">{text}</span>'


def indented(text: str, depth: int) -> str:
    """Indent the label of a step in a tree."""
    return INDENT * min(depth, DEEPEST_INDENT) + text


def thin(rows: NDArray[Any], rank: NDArray[Any], gap: int) -> list[int]:
    """Choose positions in `rows` to label: at least `gap` rows apart from each other, low ranks first."""
    if gap <= 1:
        return list(range(len(rows)))
    # One candidate per rank and stretch of rows is enough, so a million rows are a few hundred candidates.
    by_rank = np.lexsort((rows, rank))
    stretch = np.stack([rank[by_rank], rows[by_rank] // gap])
    candidates = by_rank[np.sort(np.unique(stretch, axis=1, return_index=True)[1])]
    taken: list[float] = []
    chosen = []
    for position in candidates.tolist():
        row = float(rows[position])
        at = bisect_left(taken, row)
        if all(abs(row - near) >= gap for near in taken[max(at - 1, 0) : at + 1]):
            insort(taken, row)
            chosen.append(position)
    return sorted(chosen)


def width_px(text: str) -> int:
    """How wide a label is at most, in pixels, in the widest of the usual fonts at 12 px."""
    return round(sum(map(_letter_px, unescape(_TAG.sub("", text)))))


def _letter_px(letter: str) -> float:
    if ord(letter) > FIRST_WIDE:
        return 12.5
    if letter in "mwMW@%…":
        return 12.0
    if letter in "iljtfI.,:;|'!()[] \u00a0":
        return 4.6
    return 8.6 if letter.isupper() else 7.5
