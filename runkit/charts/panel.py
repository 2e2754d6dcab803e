"""`Panel`: a figure, what it shows in one sentence, and the same as a table, for eyes and for ears.

A notebook shows the three one below the other, as outputs that any page can show: a notebook that was
executed elsewhere opens untrusted, and styles and scripts are taken from its HTML.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from runkit.tables.html import df_to_html
from runkit.text import Markup, block, visible

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

MOST_PRINTED, MOST_CELL = 20, 80  # rows of the table in the plain form, and characters of a cell

_SENTENCE = Markup("<p>{}</p>")
_FOLDED = Markup("<details><summary>{}</summary>{}</details>")


@dataclass(frozen=True, repr=False)
class Panel:
    """One thing that runs show.

    `title` names it in a few words, `sentence` says what is to be seen, `table` holds the numbers (columns
    named as in the frames, seconds in `…_s`), `figure` draws them or is None where a table says it better.
    """

    title: str
    sentence: str
    table: pd.DataFrame
    figure: Figure | None = None

    def __repr__(self) -> str:
        shown = (
            self.table.head(MOST_PRINTED).to_string(index=False, max_colwidth=MOST_CELL)
            if len(self.table)
            else ""
        )
        left = len(self.table) - MOST_PRINTED
        more = f"\n… and {left:,} more rows in .table" if left > 0 else ""
        return visible(f"{self.title}: {self.sentence}\n{shown}{more}".rstrip())

    def _is_said_by_figure(self) -> bool:
        """Whether the sentence is the figure's title; it would stand there twice."""
        meta = self.figure.layout.meta if self.figure is not None else None
        return isinstance(meta, dict) and "title" in meta and meta.get("summary") == self.sentence

    def _ipython_display_(self) -> None:
        from IPython.display import display

        def show(html: Markup, text: str) -> None:
            bundle: dict[str, Any] = {"text/html": str(block(html)), "text/plain": visible(text)}
            display(bundle, raw=True)

        if not self._is_said_by_figure():
            show(_SENTENCE.format(self.sentence), self.sentence)
        if self.figure is not None:
            display(self.figure)
        if len(self.table):
            table = df_to_html(self.table, caption=self.title)
            folded = table if self.figure is None else _FOLDED.format(f"{self.title}, as a table", table)
            show(folded, repr(self))

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        """Give all of it as one output, for front ends that do not ask for `_ipython_display_`, as marimo.

        The table is open: a front end that shows the HTML does not draw the figure.
        """
        table = [df_to_html(self.table, caption=self.title)] if len(self.table) else []
        html = block(_SENTENCE.format(self.sentence), *table)
        bundle: dict[str, Any] = {"text/html": str(html), "text/plain": repr(self)}
        if self.figure is not None:
            import plotly.io

            bundle |= plotly.io.renderers["plotly_mimetype"].to_mimebundle(self.figure.to_dict())
        return bundle
