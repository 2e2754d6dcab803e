"""`Panel`: one thing that runs show, as a title, a sentence, a table and sometimes a figure."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

import pandas as pd
from jinja2 import Template

from runkit.api.words import RUN_STATUSES, STATES, TIERS
from runkit.charts.theme import FIGURES, STATIC
from runkit.display.colors import CONFIDENCE_COLORS
from runkit.display.html_tables import (
    MAX_ROWS,
    df_to_html,
    with_labels,
    without_blanks,
)
from runkit.display.templates import css_variables, environment
from runkit.display.text import (
    MISSING,
    Markup,
    agent_title,
    block,
    duration,
    in_words,
    moment,
    plural,
    short_id,
    shorten,
    static_file,
    visible,
    web_host,
)

if TYPE_CHECKING:
    from plotly.graph_objects import Figure


Row = dict[Any, Any]  # a row of a frame, whose missing values are None
MAX_CELL = 80  # characters of a cell in the plain form
STYLE = Markup("<style>{}{}{}</style>").format(
    css_variables(".runkit-panel"), static_file(STATIC / "panels.css"), FIGURES
)


@dataclass(frozen=True, repr=False)
class Panel:
    """One thing that runs show; its length is that of its table.

    Parameters
    ----------
    title
        What it is, in a few words.
    sentence
        What is to be seen, with its numbers.
    table
        The numbers as a DataFrame, whose columns have the names of the frames; seconds end in `_s`.
    figure
        The numbers as a drawing, or None where the table is clearer.
    body
        What people see in place of the table, as HTML of ours; empty for the table itself.
    """

    title: str
    sentence: str
    table: pd.DataFrame
    figure: Figure | None = None
    body: Markup = field(default_factory=Markup)

    def __len__(self) -> int:
        return len(self.table)

    def __repr__(self) -> str:
        first = self.table.head(MAX_ROWS)
        rows = first.to_string(index=False, max_colwidth=MAX_CELL) if len(first) else ""
        n_more = len(self.table) - len(first)
        more = f"\n… and {n_more:,} more rows in .table" if n_more else ""
        return visible(f"{self.title}: {self.sentence}\n{rows}{more}".rstrip())

    def _ipython_display_(self) -> None:
        from IPython.display import display

        is_folded = self.figure is not None and not self.body
        display(self._bundle("" if is_folded else self._body()), raw=True)
        if self.figure is not None:
            display(self.figure)
        if is_folded and len(self):
            table = render("folded", title=f"{self.title}, as a table", body=self._body())
            display(mime_bundle(block(table), repr(self)), raw=True)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        """Return all of it as one output, for front ends that ask for nothing else, as marimo."""
        output = self._bundle(self._body())
        if self.figure is not None:
            from runkit.charts.figure import plotly_bundle

            output |= plotly_bundle(self.figure)
        return output

    def _bundle(self, body: Markup | str) -> dict[str, Any]:
        # The title of a chart of runs is its sentence.
        is_titled = self.figure is not None and not self.body and self.figure.layout.title.text
        sentence = "" if is_titled else self.sentence
        return mime_bundle(
            block(STYLE, render("panel", title=self.title, sentence=sentence, body=body)),
            repr(self),
        )

    def _body(self) -> Markup:
        return self.body or table_html(without_blanks(self.table))


def mime_bundle(html: str, text: str) -> dict[str, Any]:
    """Return an output of a notebook as its mime types."""
    return {"text/html": html, "text/plain": visible(text)}


def render(name: str, **values: Any) -> Markup:
    """Write HTML by one of the macros of `panels.html.j2`."""
    macro = getattr(_templates().make_module(values), name)
    return Markup(macro())  # noqa: S704 - Jinja escapes each value


@cache
def _templates() -> Template:
    templates = environment(STATIC)
    templates.globals["colors"] = CONFIDENCE_COLORS
    names = (agent_title, in_words, lasting, plural, short_id, when)
    templates.filters |= {function.__name__: function for function in names}
    templates.filters |= {"host": web_host, "words": words_of}
    templates.filters |= {"status": RUN_STATUSES.find, "state": STATES.find, "tier": TIERS.find}
    return templates.get_template("panels.html.j2")


def table_html(table: pd.DataFrame) -> Markup:
    """Write a table for people, or nothing for one without rows."""
    return df_to_html(with_labels(table)) if len(table) else Markup("")


def records(df: pd.DataFrame) -> list[Row]:
    """Return the rows of a frame; a missing value is None."""
    return df.astype(object).where(df.notna(), None).to_dict("records")


def bars(parts: pd.DataFrame) -> pd.Series[Any]:
    """Draw a bar for each row, all on one scale; the columns are named for colors of ours."""
    scale = 100 / (parts.sum(axis=1).max() or 1.0)
    rows = (parts * scale).round(1).to_dict("records")
    html = [render("bar", widths=widths) for widths in rows]
    # as objects, so that pandas does not make plain text of them
    return pd.Series(html, parts.index, object)


def words_of(value: object, limit: int = 120) -> str:
    """Return a text of a run on one line and cut; a dash if it is missing or blank."""
    return shorten(value, limit) or MISSING if isinstance(value, str) else MISSING


def count_words(values: pd.Series[Any]) -> str:
    """Count words, the most frequent first: `4 high, 1 medium`."""
    numbers = values.astype("str").fillna(MISSING).value_counts()
    return ", ".join(f"{n:,} {words_of(word)}" for word, n in numbers.items())


def lasting(seconds: Any) -> str:
    """Write a duration; a dash if it is missing."""
    return MISSING if pd.isna(seconds) else duration(seconds)


def when(time: Any) -> str:
    """Write a time with its zone; a dash if it is missing."""
    return MISSING if pd.isna(time) else moment(time)
