"""`Panel`: one thing that runs show, as a title, what was read, blocks, and sometimes a figure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import pandas as pd
from IPython.display import display

from runkit.display.text import Markup
from runkit.facts import ReadLine
from runkit.screens import html, terminal
from runkit.screens.blocks import Block, Content, Table

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
        return terminal.panel_text(self._content())

    def _repr_html_(self) -> str:
        return html.notebook_html(self.markup())

    def _ipython_display_(self) -> None:
        if self.figure is None:
            raise NotImplementedError  # IPython then shows the output of the cell by its HTML
        display({"text/html": self._repr_html_(), "text/plain": repr(self)}, raw=True)
        display(self.figure)

    def _content(self) -> Content:
        return Content(self.title, self.read, self.blocks or (Table(self.table),))

    def markup(self, level: int = 2) -> Markup:
        """Return the panel as HTML without its figure; its title is a heading of a level."""
        return html.panel_html(self._content(), level)

    def print(self, *, has_all: bool = False) -> None:
        """Write the panel for a shell; a terminal gets ten rows of a table unless `has_all`."""
        terminal.write_panel(self._content(), has_all=has_all)


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
