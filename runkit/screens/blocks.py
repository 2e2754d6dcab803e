"""The blocks that panels are made of. `html` and `terminal` write the same blocks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

import pandas as pd

from runkit.api.words import Word

SHOWN_ROWS = 20  # rows of a table; the others are folded


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
    are folded; 0 folds the whole table. `code` has a line of code for each row, by its label; empty
    for none.
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


class Decision(NamedTuple):
    """A question: what was proposed, each with its reason, beside what was decided.

    `note` is who decided and when, or how long the question has waited.
    """

    question: str
    outcome: Word
    proposals: Sequence[tuple[str, str]]
    decision: str
    reason: str
    note: str


class Decisions(NamedTuple):
    """Questions with their decisions; the first few are seen, the others are folded."""

    decisions: Sequence[Decision]


class Details(NamedTuple):
    """A line of text, folded under a heading."""

    heading: str
    text: str


Block: TypeAlias = Tiles | Table | Quote | Decisions | Details
