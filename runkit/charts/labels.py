"""Text for plotly figures: made harmless, short, and measured.

plotly reads its texts as a small HTML (`<a href>` becomes a live link), typesets what stands between two `$`
where MathJax is loaded, and fills in `%{…}`. Run data is hostile, so every string that enters a figure goes
through `plain`.
"""

from __future__ import annotations

import re
from typing import Any

from runkit.charts.style import SIZE
from runkit.style import CONFIDENCE_COLORS, Theme, status
from runkit.text import shorten, unescape

FIRST_WIDE = "\u2e80"  # from here on, scripts have square letters
LETTER_PX = dict.fromkeys("mwMW@%…", 12.0) | dict.fromkeys("iljtfI.,:;|'!()[] \u00a0", 4.6)

_TAG = re.compile("<[^>]*>")  # ours: in harmless text there are no others
_HARMLESS = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "$": "&#36;", "%": "&#37;"})


def plain(value: object, limit: int = 60) -> str:
    """Give `value` as text that plotly shows as it is: one line, at most `limit` characters, no markup.

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
    """Give the mark of what failed."""
    return colored(bold("✕"), theme.fail)


def pill(word: str, theme: Theme) -> str:
    """Give a run's status as its icon and word, in its color."""
    state = status(word)
    return bold(colored(plain(state, 20), getattr(theme, state.color)))


def level(word: str, theme: Theme, what: str = "") -> str:
    """Give a confidence in its color."""
    color = CONFIDENCE_COLORS.get(word, "muted")
    return colored(plain(word.capitalize(), 14) + what, getattr(theme, color))


def note(text: str, color: str, size: float = SIZE - 1, **place: Any) -> dict[str, Any]:
    """Give harmless text as an annotation of a figure, without an arrow."""
    return {"text": text, "showarrow": False, "font": {"size": size, "color": color}, **place}


def unmarked(text: str) -> str:
    """Give what a reader sees of harmless text with our markup."""
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
