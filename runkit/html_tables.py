"""DataFrames for people: HTML tables with words, durations and times with their zone."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pandas as pd

from runkit.style import MISSING, OUTCOMES, TIERS, UNKNOWN_TIER, status
from runkit.text import Markup, agent_title, duration, isolate, link, plural, run_label

MAX_ROWS = 20
MAX_TEXT = 1_000  # characters of a cell

# Heads that do not follow from a column's name, and how to show the frames' own words.
HEADS = {
    "agent_name": "Agent",
    "business_name": "Business",
    "completed_at": "Ended",
    "critical_s": "On the critical path",
    "is_critical": "On the critical path",
    "is_parting": "First difference",
    "label": "Step",
    "n": "Steps",
    "self_s": "Own time",
    "source_name": "Source",
    "title": "Finding",
    "url": "Address",
    "waiting_percent": "Share waiting",
}
WORDS: dict[str, Callable[[str], str]] = {
    "agent": agent_title,
    "confidence": str.capitalize,
    "outcome": lambda word: OUTCOMES.get(word, word),
    "source_tier": lambda word: f"{TIERS.get(word, UNKNOWN_TIER)} {word}",
    "status": lambda word: word if isinstance(word, Markup) else str(status(word)),
    "type": lambda word: {"interrupt": "question"}.get(word, word.replace("_", " ")),
    "url": link,
}
# Ids that join frames are for pandas; readers have names.
JOINS = ("thread_id", "step_id", "interrupt_id", "artifact_no", "business_name", "agent_name", "name")
LINES = {"agent", "confidence", "next_step", "source_tier", "status"}  # cells that do not break

_TABLE = Markup(
    '<table class="runkit-table{many}">{caption}'
    "<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>{note}"
)
_CAPTION = Markup("<caption>{}</caption>")
_ROW = Markup("<tr>{}</tr>")
_HEAD = Markup('<th scope="col"{align}>{words}</th>')
_CELL = Markup('<td{align} data-label="{label}"><span>{value}</span></td>')
_RIGHT = Markup(' style="text-align:right;white-space:nowrap"')
_LINE = Markup(' style="text-align:left;white-space:nowrap"')
# A column with texts longer than so many characters has so much room; a report keeps these styles.
_ROOM = (
    (60, Markup(' style="text-align:left;min-width:18em"')),
    (24, Markup(' style="text-align:left;min-width:9em"')),
    (-1, Markup(' style="text-align:left"')),
)
_SECONDS = re.compile("_s(_a|_b|_diff)?$")
MANY = 3  # columns; a table of more is a list of cards on a phone
_NOTE = Markup("<p>{}</p>")


def with_labels(table: pd.DataFrame) -> pd.DataFrame:
    """Name each run by its label, and leave out the ids that only join."""
    columns = table.drop(columns=[name for name in JOINS if name in table])
    if "run_id" in table:
        names = (table.get(name, pd.Series(None, table.index)) for name in ("business_name", "agent_name"))
        labels = [
            run_label(run_id, *named) if isinstance(run_id, str) else None
            for run_id, *named in zip(table["run_id"], *names, strict=True)
        ]
        columns = columns.assign(run_id=pd.Series(labels, table.index, "str"))
    return columns.rename(columns={"run_id": "run"})


def df_to_html(
    df: pd.DataFrame, *, caption: str = "", max_rows: int = MAX_ROWS, n_rows: int | None = None
) -> Markup:
    """Give a frame as an HTML table for people.

    By the name and dtype of a column: `…_s` (seconds) are durations, `…_percent` shares, flags yes or no,
    `url` a link with its host where that is certain; agents, statuses, outcomes and tiers have the words of
    `runkit.style`. A missing value is a dash. Row labels are not shown: reset the index first.

    Parameters
    ----------
    df
        Any frame.
    caption
        The table's caption; none by default.
    max_rows
        Rows that are written; a note says of how many.
    n_rows
        How many there are, if `df` does not hold them all.

    Returns
    -------
    Markup
        A table whose texts are escaped, each at most `MAX_TEXT` characters.
    """
    columns = [_Column(str(name), df.iloc[:max_rows, at]) for at, name in enumerate(df.columns)]
    for column in columns:
        if column.head == HEADS["label"] and "asked_at" in df:
            column.head = "Question"
    cells = zip(*(column.cells for column in columns), strict=True)
    rows = Markup("").join(_ROW.format(Markup("").join(row)) for row in cells)
    head = Markup("").join(_HEAD.format(align=column.align, words=column.head) for column in columns)
    notes = []
    n_rows = len(df) if n_rows is None else n_rows
    if n_rows > (n_shown := min(len(df), max_rows)):
        notes.append(f"{n_shown:,} of {plural(n_rows, 'row')} shown.")
    if n_cut := sum(column.n_cut for column in columns):
        notes.append(f"{plural(n_cut, 'long text')} cut at {MAX_TEXT:,} characters.")
    note = _NOTE.format(" ".join(notes)) if notes else Markup("")
    many = " runkit-many" if len(columns) > MANY else ""
    words = _CAPTION.format(caption) if caption else Markup("")
    return _TABLE.format(many=many, caption=words, head=head, rows=rows, note=note)


def without_blanks(df: pd.DataFrame) -> pd.DataFrame:
    """Leave out the columns that hold only zeros or missing values."""

    def is_blank(values: pd.Series[Any]) -> bool:
        is_number = pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)
        return bool((values.isna() | (values == 0 if is_number else False)).all())

    return df[[name for name in df if not is_blank(df[name])]] if len(df) else df


class _Column:
    """One column: its head, its alignment and its cells as HTML."""

    def __init__(self, name: str, values: pd.Series[Any]) -> None:
        self.n_cut = 0
        self.head, show = _format(name, values)
        is_number = pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)
        texts = [show(value) if pd.notna(value) else MISSING for value in values]
        plain = [text.striptags() if isinstance(text, Markup) else text for text in texts]
        longest = max(map(len, plain), default=0)
        room = next(style for length, style in _ROOM if longest > length or (name == "run" and longest > 1))
        is_line = isinstance(values.dtype, pd.DatetimeTZDtype) or name in LINES
        self.align = _RIGHT if is_number else _LINE if is_line else room
        self.cells = [self._cell(text) for text in texts]

    def _cell(self, text: str) -> Markup:
        if not isinstance(text, Markup) and len(text) > MAX_TEXT:
            self.n_cut += 1
            text = text[:MAX_TEXT] + "…"
        value = text if isinstance(text, Markup) or text == MISSING else isolate(text)
        return _CELL.format(align=self.align, label=self.head, value=value)


def _format(name: str, values: pd.Series[Any]) -> tuple[str, Callable[[Any], str]]:
    """Give the head of a column and how to show its values."""
    if isinstance(values.dtype, pd.DatetimeTZDtype):
        years = values.dt.year.dropna().unique()
        year = f" ({years[0]:.0f})" if len(years) == 1 else ""
        date = "%b {day}, %H:%M UTC" if year else "%b {day}, %Y, %H:%M UTC"
        return _head(name) + year, lambda when: when.tz_convert("UTC").strftime(date.format(day=when.day))
    if pd.api.types.is_bool_dtype(values):
        return _head(name), lambda flag: "yes" if flag else "no"
    if pd.api.types.is_numeric_dtype(values):
        if _SECONDS.search(name):
            return _head(name), duration
        if name.endswith("percent"):
            return _head(name), lambda share: "under 1%" if 0 < share < 1 else f"{share:.0f}%"
        return _head(name), lambda number: f"{number:,.10g}"
    return _head(name), WORDS.get(re.sub("_[ab]$", "", name), _as_text)


def _as_text(value: object) -> str:
    return value if isinstance(value, Markup) else str(value)


def _head(name: str) -> str:
    """Give a column's name as a head in sentence case: `n_steps` is Steps, `wait_s` is Wait."""
    if name in HEADS:
        return HEADS[name]
    if side := re.fullmatch("(.+)_([ab])", name):
        return f"{_head(side[1])} in {side[2].upper()}"
    if name.endswith("_diff"):
        return f"Difference in {_head(name.removesuffix('_diff')).lower()}"
    words = re.sub("^(n|is|has)_|(_s|_at)$|.*percent$", lambda part: "share" * ("percent" in part[0]), name)
    words = words.replace("_", " ").strip()
    return words[:1].upper() + words[1:]
