"""DataFrames for people: durations in words, times to the minute, links, and no more bytes than are read.

The columns of the frames keep their names and numbers for analysts; this is what stands in a report.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pandas as pd

from runkit.text import Markup, duration, esc, isolate, link, plural

MOST_BYTES = 60_000  # of a table's HTML: some 300 rows, more than anybody reads on a page
MOST_TEXT = 1_000  # characters of a cell
NOTHING = "–"  # in the place of a missing value

_TABLE = Markup(
    '<table class="runkit-table{many}"><caption>{caption}</caption>'
    "<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>{note}"
)
_HEAD = Markup('<th scope="col"{align}>{words}</th>')
_CELL = Markup('<td{align} data-label="{label}"><span>{value}</span></td>')
_RIGHT = Markup(' style="text-align:right;white-space:nowrap"')
_TIME = Markup(' style="text-align:left;white-space:nowrap"')
_LEFT = Markup(' style="text-align:left;overflow-wrap:anywhere"')
# A column with texts longer than so many characters has so much room. Written out, as all that a report shows
# by itself: a text is told from it there.
WIDTHS = (
    (60, Markup(' style="text-align:left;min-width:18em;overflow-wrap:anywhere"')),
    (24, Markup(' style="text-align:left;min-width:9em;overflow-wrap:anywhere"')),
)
MANY = 3  # columns; a table of more is a list of cards on a phone
_NOTE = Markup("<p>{}</p>")
_SOURCE = "url"  # the column whose values are addresses


def readable(df: pd.DataFrame, *, caption: str, most_bytes: int = MOST_BYTES) -> Markup:
    """Give a frame as an HTML table for reading.

    By the name and dtype of a column: `…_s` (seconds) are durations in words, times are UTC to the minute,
    flags yes or no, `url` a link with its host where that is certain; a missing value is a dash, a number
    stands on the right. The header has the name in words. Row labels are not shown: reset the index first.
    At most `most_bytes` of rows are written, and of a text at most `MOST_TEXT` characters; what is left out
    is said below.
    """
    columns = [_Column(str(name), df.iloc[:, at]) for at, name in enumerate(df.columns)]
    rows: list[Markup] = []
    n_bytes = n_shortened = 0
    for row in _rows(columns):
        n_bytes += len(row.encode("utf-8", "replace"))
        if n_bytes > most_bytes:
            break
        rows.append(row)
        n_shortened = sum(column.n_shortened for column in columns)
    head = Markup("").join(_HEAD.format(align=column.align, words=column.words) for column in columns)
    note = _NOTE.format(words) if (words := _left_out(len(rows), len(df), n_shortened)) else Markup("")
    many = " runkit-many" if len(columns) > MANY else ""
    return _TABLE.format(many=many, caption=caption, head=head, rows=Markup("").join(rows), note=note)


class _Column:
    """One column: its header in words, and its values as cells."""

    def __init__(self, name: str, values: pd.Series[Any]) -> None:
        self.values = values
        self.words, self.show = _kind(name, values)
        is_number = pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)
        is_time = isinstance(values.dtype, pd.DatetimeTZDtype)
        self.align = _RIGHT if is_number else _TIME if is_time else _room(values)
        self.n_shortened = 0

    def cell(self, row: int) -> Markup:
        """Give one value, escaped."""
        value = self.values.iloc[row]
        if pd.api.types.is_scalar(value) and pd.isna(value):
            return self._cell(NOTHING)
        shown = self.show(value)
        if not isinstance(shown, Markup) and len(shown) > MOST_TEXT:
            self.n_shortened += 1
            shown = shown[:MOST_TEXT] + "…"
        return self._cell(shown if isinstance(shown, Markup) else isolate(shown))

    def _cell(self, value: str) -> Markup:
        return _CELL.format(align=self.align, label=self.words, value=value)


def _room(values: pd.Series[Any]) -> Markup:
    """Give room to sentences; addresses break anywhere."""
    longest = values.str.len().max() if values.dtype == "str" and values.name != _SOURCE else 0
    return next((room for length, room in WIDTHS if longest > length), _LEFT)


def _kind(name: str, values: pd.Series[Any]) -> tuple[str, Callable[[Any], str]]:
    """Give the header of a column and how to say its values."""
    if isinstance(values.dtype, pd.DatetimeTZDtype):
        return f"{_words(name)} (UTC)", lambda when: f"{when.tz_convert('UTC'):%Y-%m-%d %H:%M}"
    if pd.api.types.is_bool_dtype(values):
        return _words(name), lambda flag: "yes" if flag else "no"
    if name.endswith("_s") and pd.api.types.is_numeric_dtype(values):
        return _words(name[:-2]), duration
    if pd.api.types.is_numeric_dtype(values):
        return _words(name), lambda number: f"{number:,.10g}"
    if name == _SOURCE:
        return _words(name), lambda url: link(str(url))
    return _words(name), str


def _words(name: str) -> str:
    """Say a column's name: `n_steps` is steps, `is_critical` is critical."""
    for prefix in ("n_", "is_", "has_"):
        name = name.removeprefix(prefix)
    return name.replace("_", " ")


def _rows(columns: Sequence[_Column]) -> Iterator[Markup]:
    n_rows = len(columns[0].values) if columns else 0
    for row in range(n_rows):
        yield Markup("<tr>{}</tr>").format(Markup("").join(column.cell(row) for column in columns))


def _left_out(n_shown: int, n_rows: int, n_shortened: int) -> str:
    """Say what does not stand in the table, or nothing."""
    parts = []
    if n_shown < n_rows:
        parts.append(f"{n_shown:,} of {plural(n_rows, 'row')} shown; the frames have all.")
    if n_shortened:
        parts.append(f"{plural(n_shortened, 'long text')} cut at {MOST_TEXT:,} characters (ends in …).")
    return str(esc(" ".join(parts)))
