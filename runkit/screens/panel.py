"""`Panel`: one thing that runs show, as a title, what was read, blocks, and sometimes a figure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import pandas as pd
from IPython.display import display

from runkit.display.text import Markup
from runkit.facts import ReadLine
from runkit.screens import html, terminal
from runkit.screens.blocks import Block, Table

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

NOTHING_READ = ReadLine("", "")


@dataclass(frozen=True, repr=False)
class Panel:
    """One thing that runs show; its length is that of its table.

    Parameters
    ----------
    title
        What it is, in a few words.
    table
        Its rows as a DataFrame, whose columns have the names of the frames; seconds end in `_s`.
    read
        What was read, and up to when everything open is counted.
    blocks
        What people see; empty for the table itself.
    figure
        A chart below the blocks, or None.
    """

    title: str
    table: pd.DataFrame
    read: ReadLine = NOTHING_READ
    blocks: Sequence[Block] = field(default=())
    figure: Figure | None = None

    def __len__(self) -> int:
        return len(self.table)

    def __repr__(self) -> str:
        return terminal.panel_text(self.title, self.read, self._shown())

    def _repr_html_(self) -> str:
        return html.notebook_html(self.markup())

    def _ipython_display_(self) -> None:
        display(self._texts(), raw=True)
        if self.figure is not None:
            display(self.figure)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        """Return all of it as one output, for front ends that ask for nothing else, as marimo."""
        texts = self._texts()
        if self.figure is None:
            return texts
        figure = self.figure._repr_mimebundle_()
        return {**figure, **texts, "text/html": texts["text/html"] + figure["text/html"]}

    def _texts(self) -> dict[str, str]:
        return {"text/html": self._repr_html_(), "text/plain": repr(self)}

    def _shown(self) -> Sequence[Block]:
        return self.blocks or (Table(self.table),)

    def markup(self, level: int = 2) -> Markup:
        """Return the panel as HTML without its figure; its title is a heading of a level."""
        return html.panel_html(self.title, self.read, self._shown(), level)

    def print(self, *, has_all: bool = False) -> None:
        """Write the panel for a shell; a terminal gets ten rows of a table unless `has_all`."""
        terminal.write_panel(self.title, self.read, self._shown(), has_all=has_all)


def page_of(title: str, panels: Sequence[Panel]) -> str:
    """Write panels as one HTML page that needs no network and runs no script.

    The first panel has the heading of the page, and says what was read.
    """
    sections: list[Markup] = []
    for panel in panels:
        part = replace(panel, read=NOTHING_READ) if sections else panel
        sections.append(part.markup(level=2 if sections else 1))
        if panel.figure is not None:
            sections.append(html.figure_html(panel.figure))
    return html.offline_page(title, sections)
