"""DataFrames for people: HTML tables with words, durations and times with their zone."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pandas as pd

from runkit.api.words import OUTCOMES, RUN_STATUSES, STATES, TIERS
from runkit.display.templates import html_table
from runkit.display.text import (
    MISSING,
    Markup,
    agent_title,
    duration,
    in_words,
    isolate,
    link,
    moment,
    plural,
    run_label,
    shorten,
)

MAX_ROWS = 20
MAX_TEXT = 1_000  # characters of a cell

# Heads that do not follow from a column's name, and how to show the frames' own words.
HEADS = {
    "agent_name": "Agent",
    "business_name": "Business",
    "completed_at": "Ended",
    "error_percent": "Errors",
    "critical_s": "On the critical path",
    "group": "Run",
    "id": "Step ID",
    "is_first_difference": "First difference",
    "label": "Step",
    "n": "Steps",
    "runs_percent": "Share",
    "self_s": "Own time",
    "source_name": "Source",
    "title": "Finding",
    "url": "Address",
}


TIER_COLUMNS = ("best_tier", "source_tier")


def with_mark(word: str) -> str:
    """Return the tier of a source with its mark."""
    return f"{TIERS.find(word).icon} {word}"


WORDS: dict[str, Callable[[str], str]] = {
    "agent": agent_title,
    "outcome": lambda word: OUTCOMES.find(word).label,
    **dict.fromkeys(TIER_COLUMNS, with_mark),
    "state": lambda word: str(STATES.find(word)),
    "status": lambda word: str(RUN_STATUSES.find(word)),
    **dict.fromkeys(("kind", "source_type"), in_words),
    "type": lambda word: "Question" if word == "interrupt" else in_words(word),
    "url": link,
}
SIDES = {"a": " in A", "b": " in B"}  # words by the end of a column of one of two runs
# Ids that join frames are for pandas; readers have names.
JOINS = [
    "thread_id",
    "step_id",
    "interrupt_id",
    "artifact_no",
    "business_name",
    "agent_name",
    "name",
]
# Cells of these columns do not break.
LINES = {"confidence", "next_step", "state", "status", *TIER_COLUMNS}
MAX_WORD = 24  # characters of a word that does not break

NUMBERS, TIME, FLAG = "iuf", "M", "b"  # kinds of dtypes
_NOTE = Markup("<p>{:,} of {} shown.</p>")


def with_labels(table: pd.DataFrame) -> pd.DataFrame:
    """Name each run by its label; leave out ids that only join, and one agent of all rows.

    Agents stand after the numbers, which are looked for first.
    """
    columns = table.drop(columns=JOINS, errors="ignore")
    if "agent" in columns:
        agents = columns.pop("agent")
        if len(agents) == 1 or agents.nunique(dropna=False) > 1:
            columns["agent"] = agents
    if "run_id" in table:
        named = table.reindex(columns=["run_id", "business_name", "agent_name"]).to_numpy(object)
        labels = [run_label(*names) if isinstance(names[0], str) else None for names in named]
        columns["run_id"] = pd.Series(labels, table.index, "str")
    return columns.rename(columns={"run_id": "run"})


def without_blanks(df: pd.DataFrame) -> pd.DataFrame:
    """Leave out the columns that hold only zeros or missing values."""
    is_number = [dtype.kind in NUMBERS for dtype in df.dtypes]
    is_blank = (df.isna() | (df.eq(0) & is_number)).all()
    return df.loc[:, ~is_blank] if len(df) else df


def df_to_html(
    df: pd.DataFrame, *, n_rows: int | None = None, max_rows: int | None = MAX_ROWS
) -> Markup:
    """Write a frame as an HTML table for people.

    By the name and dtype of a column: `…_s` (seconds) are durations, `runs_percent` shares, flags
    yes or no, `url` a link with its host where that is certain; agents, statuses, outcomes and
    tiers have the words of `api.words`. A missing value is a dash. Row labels are not shown:
    reset the index first.

    Parameters
    ----------
    df
        Any frame.
    n_rows
        How many rows there are, if `df` does not hold them all.
    max_rows
        How many are shown; None is all.

    Returns
    -------
    Markup
        The first rows; a note says how many are left out. Texts are escaped, and those
        of more than `MAX_TEXT` characters end in an ellipsis.
    """
    heads = []
    styles = []
    columns = []
    for number, column in enumerate(df):
        name = "question" if column == "label" and "asked_at" in df else str(column)
        values = df.iloc[:max_rows, number]
        cells = [_cell(text) for text in readable(values, name)]
        heads.append(column_head(name))
        styles.append(_cell_style(name, values.dtype.kind, cells))
        columns.append(cells)

    table = html_table(heads, zip(*columns, strict=True), styles)
    n_rows = len(df) if n_rows is None else n_rows
    n_shown = len(df.iloc[:max_rows])
    return table + _NOTE.format(n_shown, plural(n_rows, "row")) if n_rows > n_shown else table


def readable(values: pd.Series[Any], name: str) -> list[str]:
    """Write the values of a column for people, by its name and dtype; HTML stays as it is."""
    write = _writer(name, values.dtype.kind)
    return [
        value if isinstance(value, Markup) else MISSING if pd.isna(value) else write(value)
        for value in values
    ]


def _cell(text: str) -> Markup:
    return text if isinstance(text, Markup) else isolate(shorten(text, MAX_TEXT))


def _cell_style(name: str, kind: str, cells: list[Markup]) -> str:
    """Align numbers right; keep times, states and words whole; give bars the room that is left."""
    if kind in NUMBERS:
        return "text-align:right;white-space:nowrap"
    words = [word for cell in cells for word in cell.striptags().split()]
    longest = max(map(len, words), default=0)
    if cells and not words:
        return "text-align:left;width:18%"
    if kind == TIME or (name in LINES and longest <= MAX_WORD):
        return "text-align:left;white-space:nowrap"
    least = 0.6 * min(longest, MAX_WORD)
    return f"text-align:left;min-width:{least:.0f}em;overflow-wrap:anywhere"


def _writer(name: str, kind: str) -> Callable[[Any], str]:
    """Return what writes the values of a column."""
    if kind == TIME:
        return moment
    if kind == FLAG:
        return lambda flag: "yes" if flag else "no"
    if kind not in NUMBERS:
        return WORDS.get(re.sub("_[ab]$", "", name), str)
    if name.endswith("_s"):
        return duration
    return _format_percent if name.endswith("percent") else "{:,.10g}".format


def _format_percent(percent: float) -> str:
    """Write a share in words; only nothing is 0%, only all is 100%."""
    if 0 < percent < 1:
        return "under 1%"
    return "over 99%" if 99 < percent < 100 else f"{percent:.0f}%"


def column_head(name: str) -> str:
    """Write a column's name as a head in sentence case: `n_steps` is Steps, `wait_s` is Wait."""
    if name in HEADS:
        return HEADS[name]
    start, _, side = name.rpartition("_")
    if side in SIDES:
        return column_head(start) + SIDES[side]
    return re.sub("^(n|is|has)_|_(s|at)$", "", name).replace("_", " ").strip().capitalize()
