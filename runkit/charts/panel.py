"""`Panel`: one thing that runs show, as a title, a sentence, a table and mostly a figure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from runkit.html_tables import MAX_ROWS, df_to_html, share, with_labels, without_blanks
from runkit.style import MISSING
from runkit.text import (
    Markup,
    block,
    day,
    duration,
    moment,
    plural,
    shorten,
    static_file,
    visible,
)

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

    from runkit.tables.frames import Frames

MOST_CELL = 80  # characters of a cell in the plain form
STYLE = Markup("<style>{}</style>").format(static_file(Path(__file__).parent / "static" / "panel.css"))
_SENTENCE = Markup('<p class="runkit-panel"><strong>{}</strong> {}</p>')
_FOLDED = Markup("<details><summary>{}, as a table</summary>{}</details>")


@dataclass(frozen=True, repr=False)
class Panel:
    """One thing that runs show.

    Parameters
    ----------
    title
        What it is, in a few words.
    sentence
        What is to be seen, with its numbers.
    table
        The numbers. Columns have the names of the frames, so that they join; seconds end in `_s`.
    figure
        The numbers as a drawing, or None where the table is clearer.
    """

    title: str
    sentence: str
    table: pd.DataFrame
    figure: Figure | None = None

    def __repr__(self) -> str:
        shown = self.table.head(MAX_ROWS)
        rows = shown.to_string(index=False, max_colwidth=MOST_CELL) if len(shown) else ""
        n_more = len(self.table) - len(shown)
        more = f"\n… and {n_more:,} more rows in .table" if n_more else ""
        return visible(f"{self.title}: {self.sentence}\n{rows}{more}".rstrip())

    def _ipython_display_(self) -> None:
        # The title of a chart of runs is its sentence.
        is_titled = self.figure is not None and self.figure.layout.title.text
        sentence = _SENTENCE.format(self.title, "" if is_titled else self.sentence)
        show(bundle(block(STYLE, sentence), f"{self.title}: {self.sentence}"), self.figure)
        if len(self.table):
            table = self._table()
            html = table if self.figure is None else _FOLDED.format(self.title, table)
            show(bundle(block(html), repr(self)))

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        """Give all of it as one output, for front ends that do not ask for `_ipython_display_`, as marimo."""
        html = block(_SENTENCE.format(self.title, self.sentence), self._table())
        return bundle(html, repr(self), self.figure)

    def _table(self) -> Markup:
        return df_to_html(without_blanks(with_labels(self.table))) if len(self.table) else Markup("")


def bundle(html: str, text: str, figure: Figure | None = None) -> dict[str, Any]:
    """Give an output of a notebook as its mime types."""
    words: dict[str, Any] = {"text/html": html, "text/plain": visible(text)}
    if figure is None:
        return words
    from runkit.charts.figure import plotly_bundle

    return words | plotly_bundle(figure)


def show(words: dict[str, Any], figure: Figure | None = None) -> None:
    """Show a bundle, and a figure below it."""
    from IPython.display import display

    display(words, raw=True)
    if figure is not None:
        display(figure)


def panel_of(
    title: str,
    sentence: str,
    table: pd.DataFrame,
    figure: Figure | None = None,
    *,
    n: int = 1,
    what: str = "",
    f: Frames | None = None,
) -> Panel:
    """Give a panel of `n` things, whose sentence is also the alt text of its figure.

    The sentence says `what` there is none of; and of how many runs of `f` the steps are not known.
    """
    sentence = sentence if n else f"No {what}."
    n_bare = 0 if f is None else int((~f.runs["has_steps"]).sum())
    if n_bare:
        sentence += f" Not known for {plural(n_bare, 'run')} without steps."
    if figure is not None:
        figure.layout.meta = {"alt": sentence, "summary": sentence}
    return Panel(title, sentence, table, figure)


def in_words(value: Any) -> str:
    """Give a text, a count, a time or a length of time in words; a dash if it is missing."""
    if isinstance(value, str) or pd.isna(value):
        return words_of(value, 400)
    if isinstance(value, timedelta):
        return duration(value.total_seconds())
    return moment(value) if isinstance(value, datetime) else f"{value:,}"


def percent(part: float, whole: float) -> str:
    """Give a share in words."""
    return share(100 * part / whole) if whole else MISSING


def words_of(value: object, limit: int = 120) -> str:
    """Give a text of a run for a sentence, on one line and cut; a dash if it is missing or blank."""
    return shorten(value, limit) or MISSING if isinstance(value, str) else MISSING


def quoted(value: object, limit: int = 80) -> str:
    """Quote a text of a run, so that it does not pass for what runkit says."""
    text = words_of(value, limit)
    return MISSING if text == MISSING else f"“{text}”"


def counts(values: pd.Series[Any]) -> str:
    """Count words, the most frequent first: `4 high, 1 medium`."""
    numbers = values.astype("str").fillna(MISSING).value_counts()
    return ", ".join(f"{n:,} {words_of(word)}" for word, n in numbers.items()) or "none"


def lasting(seconds: Any) -> str:
    """Give a duration; a dash if it is missing."""
    return MISSING if pd.isna(seconds) else duration(seconds)


def waited(wait_s: Any, asked_at: Any) -> str:
    """Return how long a question has waited, or since when where it is not known until when; else a dash."""
    return f"since {day(asked_at)}" if pd.isna(wait_s) and pd.notna(asked_at) else lasting(wait_s)


def oldest(questions: pd.DataFrame) -> str:
    """Return the longest wait of some questions, and how many waits are not known."""
    n_unknown = int(questions["wait_s"].isna().sum())
    words = waited(questions["wait_s"].max(), questions["asked_at"].min()).replace(MISSING, "not known")
    is_mixed = 0 < n_unknown < len(questions)
    return f"{words}, {plural(n_unknown, 'unknown wait')}" if is_mixed else words


def signed(seconds: float) -> str:
    """Give a difference of durations with its sign; a dash if it is missing."""
    return MISSING if pd.isna(seconds) else ("−" if seconds < 0 else "+") + duration(abs(seconds))


def when(time: Any) -> str:
    """Give a time with its zone; a dash if it is missing."""
    return MISSING if pd.isna(time) else moment(time)
