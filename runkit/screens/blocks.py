"""`Panel`, and the blocks that it is made of. `html` and `terminal` write the same blocks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import pandas as pd

from runkit.api.words import Word
from runkit.facts import ReadLine

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

SHOWN_ROWS = 20  # rows of a table; the others are folded
NOTHING_READ = ReadLine("", "")


class Tile(NamedTuple):
    """One number: its name, its text, what follows in small, and the color of its role."""

    name: str
    number: str
    rest: str = ""
    role: str = "text"


class Tiles(NamedTuple):
    """A few numbers that are read first."""

    tiles: Sequence[Tile]


class Table(NamedTuple):
    """A table with a heading.

    `n` is the number in the heading, of runs; None for no number. `shown` rows are seen, the others
    are folded. `code` has a line of code for each row, by its label; empty for none.
    """

    df: pd.DataFrame
    heading: str = ""
    n: int | None = None
    shown: int = SHOWN_ROWS
    code: Sequence[str] = ()


class Quote(NamedTuple):
    """What an agent or a person wrote, with the status that it has, and a note."""

    status: Word
    heading: str
    text: str = ""
    note: str = ""
    confidence: Word | None = None


class Details(NamedTuple):
    """Text by name, a line for each, folded under a heading."""

    heading: str
    lines: Mapping[str, str]


Block: TypeAlias = "Tiles | Table | Quote | Details"


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

    @property
    def shown(self) -> Sequence[Block]:
        """The blocks, else the table."""
        return self.blocks or (Table(self.table),)

    def __repr__(self) -> str:
        from runkit.screens.terminal import panel_text

        return panel_text(self)

    def _repr_html_(self) -> str:
        from runkit.screens.html import notebook_html

        return notebook_html(self)

    def _ipython_display_(self) -> None:
        from IPython.display import display

        display(self._texts(), raw=True)
        if self.figure is not None:
            display(self.figure)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        """Return all of it as one output, for front ends that ask for nothing else, as marimo."""
        figure = {} if self.figure is None else self.figure._repr_mimebundle_()
        picture = figure.pop("text/html", "")
        texts = self._texts()
        return {**figure, **texts, "text/html": texts["text/html"] + picture}

    def _texts(self) -> dict[str, str]:
        return {"text/html": self._repr_html_(), "text/plain": repr(self)}
