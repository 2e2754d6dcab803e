"""The blocks that panels are made of, which `html` and `terminal` write, and cells of tables.

A DataFrame becomes columns of cells by the names and dtypes of its columns. A run is named by its
business, else by its agent; ids are last and short. Columns without a value, and a name that most
rows share, are left out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeAlias

import pandas as pd

from runkit.api.words import (
    CONFIDENCES,
    OUTCOMES,
    PROBLEMS,
    RUN_STATUSES,
    STATES,
    TIERS,
    Vocabulary,
    Word,
)
from runkit.display.text import MISSING, agent_title, day, in_words, lasted, short_id, visible
from runkit.facts import ReadLine, short_ids

SHOWN_ROWS = 20  # rows of a table; the others are folded
IDS = (
    "run_id",
    "step_id",
    "run_ids",
)
HEADS = {  # heads that do not follow from a column's name
    "agent_name": "Agent",
    "answered_at": "When",
    "answered_by": "By",
    "asked_at": "Since",
    "business_name": "Business",
    "critical_s": "On the critical path",
    "longest_pending_s": "Longest open",
    "n": "Count",
    "n_pending": "Open",
    "p90_s": "90th percentile",
    "run_id": "Run",
    "label": "Step",
    "title": "Finding",
    "self_s": "Own time",
    "wait_s": "Waiting",
    "waiting_s": "Waiting",
    "working_s": "Work",
}
VOCABULARIES: dict[str, Vocabulary] = {
    "confidence": CONFIDENCES,
    "outcome": OUTCOMES,
    "state": STATES,
    "status": RUN_STATUSES,
}
PLAIN: dict[str, Callable[[str], str]] = {
    "agent": agent_title,
    "asked_by": agent_title,
    "kind": in_words,
    "problem": lambda word: PROBLEMS.find(word).label,
}
# of the share of rows with one name; a name that most rows share says nothing
MOST = 0.5
NUMBERS, TIME = "iuf", "M"  # kinds of dtypes


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

    `n` is how many runs it is of, `caption` says in HTML what they are; empty for none. `shown`
    rows are seen, the others are folded; 0 folds the whole table. `role` colors the heading in
    a terminal.
    """

    df: pd.DataFrame
    heading: str = ""
    n: int | None = None
    shown: int = SHOWN_ROWS
    caption: str = ""
    role: str = "text"


class Quote(NamedTuple):
    """What an agent or a person wrote, with the status that it has, since when, and a note."""

    status: Word
    when: str
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
    """Questions with their decisions."""

    decisions: Sequence[Decision]


class Details(NamedTuple):
    """A line of text, folded under a heading."""

    heading: str
    text: str


Block: TypeAlias = Tiles | Table | Quote | Decisions | Details


class Content(NamedTuple):
    """What people see of a panel."""

    title: str
    read: ReadLine
    blocks: Sequence[Block]


# ------------------------------------------------------------------------------------------ cells


class SourceCell(NamedTuple):
    """A source of a finding."""

    tier: Word
    name: str
    url: str

    def __str__(self) -> str:
        return " ".join(filter(None, [self.tier.icon, self.tier.label, self.name, self.url]))


class TableColumn(NamedTuple):
    """A column for people: its cells are texts, words, or lists of texts or sources."""

    name: str
    head: str
    cells: list[Any]
    kind: str  # id, word, number, time or text


def columns_of(df: pd.DataFrame) -> list[TableColumn]:
    """Return the columns of a table for people.

    A column's name chooses its head and how its cells are written. A panel that calls a column
    something else renames it before.
    """
    named = with_name(df)
    names = [str(name) for name in named.columns[named.notna().any()]]
    names.sort(key=lambda name: name in IDS)
    columns: list[TableColumn] = []
    for name in names:
        values = named[name]
        if name in IDS and name != "run_ids":
            values = short_ids(values)  # but for those that would look alike
        cells = [cell_of(value, name, values.dtype.kind) for value in values]
        kind = _kind(name, values.dtype.kind)
        columns.append(TableColumn(name, head_of(name), cells, kind))
    return columns


def _kind(name: str, dtype: str) -> str:
    """Return the kind of a column by its name and the kind of its dtype."""
    if name in IDS:
        return "id"
    if name in VOCABULARIES or name == "best_tier":
        return "word"
    if dtype in NUMBERS:
        return "number"
    return "time" if dtype == TIME or name == "since" else "text"


def with_name(df: pd.DataFrame) -> pd.DataFrame:
    """Name each run by its business, else by its agent.

    An agent that most rows share is left out, and so is any where the table has a column of agents.
    """
    if "business_name" not in df or "agent_name" not in df:
        return df
    business = df["business_name"]
    agent = df["agent_name"]
    others = df.drop(columns=["business_name", "agent_name"])
    is_named = business.notna().any()
    most = agent.value_counts(normalize=True, dropna=False).max()  # null without a row
    if not is_named and (most > MOST or "agent" in df):
        return others
    head = "business_name" if is_named else "agent_name"
    others.insert(0, head, business.fillna(agent))
    return others


def head_of(name: str) -> str:
    """Write a column's name as a head: `n_steps` is Steps, `self_s` is Self."""
    if name in HEADS:
        return HEADS[name]
    text = name.removeprefix("n_").removesuffix("_s").removesuffix("_at")
    return text.replace("_", " ").capitalize()


def cell_of(value: Any, name: str, kind: str) -> Any:
    """Write one value; a list stays a list."""
    if isinstance(value, list):
        return [short_id(item) if name in IDS else item for item in value]
    if pd.isna(value):
        return MISSING
    if kind in NUMBERS and name.endswith("_s"):
        return lasted(value)
    if kind == TIME:  # the line of what was read names the zone
        return f"{day(value)}, {value:%H:%M}"
    if kind in NUMBERS:
        return f"{value:,.10g}"
    return word_of(str(value), name)


def word_of(text: str, name: str) -> str | Word:
    """Write a text of a column: a word of a vocabulary with its role."""
    if name == "confidence":  # as it came; its color tells its place
        return confidence_word(text)
    if name in VOCABULARIES:
        return VOCABULARIES[name].find(text)
    if name == "best_tier":  # beside its mark
        tier = TIERS.find(text)
        return f"{tier.icon}\u00a0{tier.label}"
    return visible(PLAIN.get(name, str)(text))


def confidence_word(text: str) -> Word:
    """Return a confidence as it came, with the color of a known one."""
    return CONFIDENCES.find(text)._replace(label=visible(text), icon="")


def records(df: pd.DataFrame) -> list[dict[Any, Any]]:
    """Return the rows of a frame; a missing value is None."""
    return df.astype(object).where(df.notna(), None).to_dict("records")


def dotted(*texts: object) -> str:
    """Join the texts that there are: `a · b`."""
    return " · ".join(text for text in texts if isinstance(text, str) and text)
