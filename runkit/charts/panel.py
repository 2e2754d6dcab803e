"""`Panel`: one thing that runs show, as a title, a sentence, a table and mostly a figure."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from runkit.html_tables import MAX_ROWS, df_to_html, with_labels, without_blanks
from runkit.style import MISSING
from runkit.text import (
    Markup,
    agent_title,
    block,
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
        rows = self.table.head(MAX_ROWS).to_string(index=False, max_colwidth=MOST_CELL)
        n_more = len(self.table) - MAX_ROWS
        more = f"\n… and {n_more:,} more rows in .table" if n_more > 0 else ""
        return visible(f"{self.title}: {self.sentence}\n{rows if len(self.table) else ''}{more}".rstrip())

    def _ipython_display_(self) -> None:
        style = Markup("") if self.figure is None else STYLE
        sentence = _SENTENCE.format(self.title, "" if self._is_in_figure() else self.sentence)
        outputs = [bundle(block(style, sentence), f"{self.title}: {self.sentence}"), self.figure]
        if len(self.table):
            table = self._table()
            html = table if self.figure is None else _FOLDED.format(self.title, table)
            outputs.append(bundle(block(html), repr(self)))
        show(*outputs)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        """Give all of it as one output, for front ends that do not ask for `_ipython_display_`, as marimo."""
        html = block(_SENTENCE.format(self.title, self.sentence), self._table())
        return bundle(html, repr(self), self.figure)

    def _is_in_figure(self) -> bool:
        """Whether the sentence is a title of the figure, which would repeat it."""
        if self.figure is None or not self.figure.layout.title.text:
            return False
        return bool((self.figure.layout.meta or {}).get("summary") == self.sentence)

    def _table(self) -> Markup:
        return df_to_html(without_blanks(with_labels(self.table))) if len(self.table) else Markup("")


def bundle(html: Markup, text: str, figure: Figure | None = None) -> dict[str, Any]:
    """Give an output of a notebook as its mime types."""
    words: dict[str, Any] = {"text/html": str(html), "text/plain": visible(text)}
    if figure is None:
        return words
    import plotly.io

    words |= plotly.io.renderers["plotly_mimetype"].to_mimebundle(figure.to_dict())
    return words


def show(*outputs: dict[str, Any] | Figure | None) -> None:
    """Show bundles and figures one below the other; None is nothing."""
    from IPython.display import display

    for output in outputs:
        if output is not None:
            display(output, raw=isinstance(output, dict))


def percent(part: float, whole: float) -> str:
    """Give a share; only nothing is 0%, and only all of it is 100%."""
    if not whole:
        return MISSING
    share = 100 * part / whole
    if 0 < share < 1:
        return "under 1%"
    return "over 99%" if 99 < share < 100 else f"{share:.0f}%"


def words_of(value: object, limit: int = 120) -> str:
    """Give a text of a run for a sentence, on one line and cut; a dash if it is missing or blank."""
    return shorten(value, limit) or MISSING if isinstance(value, str) else MISSING


def quoted(value: object, limit: int = 80) -> str:
    """Quote a text of a run, so that it does not pass for what runkit says."""
    text = words_of(value, limit)
    return MISSING if text == MISSING else f"“{text}”"


def counts(values: pd.Series[Any], absent: str = MISSING) -> str:
    """Count words, the most frequent first: `4 high, 1 medium`."""
    numbers = values.astype("str").fillna(absent).value_counts()
    return ", ".join(f"{n:,} {words_of(word)}" for word, n in numbers.items() if n) or "none"


def agent_titles(agents: pd.Series[Any]) -> pd.Series[str]:
    """Name agents by their types; a missing one stays missing."""
    return agents.map(agent_title, na_action="ignore").astype("str")


def lasting(seconds: Any) -> str:
    """Give a duration; a dash if it is missing."""
    return MISSING if pd.isna(seconds) else duration(seconds)


def when(time: Any) -> str:
    """Give a time with its zone; a dash if it is missing."""
    return MISSING if pd.isna(time) else moment(time)


def without_steps(f: Frames) -> str:
    """Note how many runs came without their steps, as their numbers are not known; else nothing."""
    n_bare = int((~f.runs["has_steps"]).sum())
    return f" Not known for {plural(n_bare, 'run')} without steps." if n_bare else ""
