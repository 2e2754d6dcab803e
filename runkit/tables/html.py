"""DataFrames as HTML tables for readers: durations in words, times to the minute, links, bounded size."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pandas as pd

from runkit.style import MISSING
from runkit.text import Markup, duration, esc, isolate, link, plural

MAX_BYTES = 60_000  # of a table's HTML: about 300 rows, more than anybody reads on a page
MAX_TEXT = 1_000  # characters of a cell

_TABLE = Markup(
    '<table class="runkit-table{many}"><caption>{caption}</caption>'
    "<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>{note}"
)
_HEAD = Markup('<th scope="col"{align}>{title}</th>')
_CELL = Markup('<td{align} data-label="{label}"><span>{value}</span></td>')
_RIGHT = Markup(' style="text-align:right;white-space:nowrap"')
_TIME = Markup(' style="text-align:left;white-space:nowrap"')
_LEFT = Markup(' style="text-align:left;overflow-wrap:anywhere"')
# Minimum width of a column by the length of its longest text. Inline, because notebooks drop style sheets.
MIN_WIDTHS = (
    (60, Markup(' style="text-align:left;min-width:18em;overflow-wrap:anywhere"')),
    (24, Markup(' style="text-align:left;min-width:9em;overflow-wrap:anywhere"')),
)
MAX_COLUMNS = 3  # a table of more columns becomes a list of cards on a phone
_NOTE = Markup("<p>{}</p>")
_URL = "url"  # the column whose values are links


def df_to_html(df: pd.DataFrame, *, caption: str, max_bytes: int = MAX_BYTES) -> Markup:
    """Format a frame as an HTML table for readers.

    The format follows from the name and dtype of a column: `…_s` (seconds) as durations, times as UTC to the
    minute, flags as yes or no, `url` as a link with its host if that is certain, missing values as a dash.
    Numbers are on the right. Row labels are not shown: reset the index first. At most `max_bytes` of rows are
    written, and at most `MAX_TEXT` characters of a text; a note below the table says what was left out.
    """
    columns = [_Column(str(name), df.iloc[:, at]) for at, name in enumerate(df.columns)]
    rows: list[Markup] = []
    n_bytes = n_shortened = 0
    for row in _rows(columns):
        n_bytes += len(row.encode("utf-8", "replace"))
        if n_bytes > max_bytes:
            break
        rows.append(row)
        n_shortened = sum(column.n_shortened for column in columns)
    head = Markup("").join(_HEAD.format(align=column.align, title=column.title) for column in columns)
    note = (
        _NOTE.format(omissions) if (omissions := _omissions(len(rows), len(df), n_shortened)) else Markup("")
    )
    many = " runkit-many" if len(columns) > MAX_COLUMNS else ""
    return _TABLE.format(many=many, caption=caption, head=head, rows=Markup("").join(rows), note=note)


class _Column:
    """One column: its header and its cells."""

    def __init__(self, name: str, values: pd.Series[Any]) -> None:
        self.values = values
        self.title, self.format = _format_of(name, values)
        is_number = pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)
        is_time = isinstance(values.dtype, pd.DatetimeTZDtype)
        self.align = _RIGHT if is_number else _TIME if is_time else _width(values)
        self.n_shortened = 0

    def cell(self, row: int) -> Markup:
        """Format one value, escaped."""
        value = self.values.iloc[row]
        if pd.api.types.is_scalar(value) and pd.isna(value):
            return self._cell(MISSING)
        content = self.format(value)
        if not isinstance(content, Markup) and len(content) > MAX_TEXT:
            self.n_shortened += 1
            content = content[:MAX_TEXT] + "…"
        return self._cell(content if isinstance(content, Markup) else isolate(content))

    def _cell(self, value: str) -> Markup:
        return _CELL.format(align=self.align, label=self.title, value=value)


def _width(values: pd.Series[Any]) -> Markup:
    """Return the style of a text column: long texts get a minimum width, URLs may break anywhere."""
    longest = values.str.len().max() if values.dtype == "str" and values.name != _URL else 0
    return next((style for length, style in MIN_WIDTHS if longest > length), _LEFT)


def _format_of(name: str, values: pd.Series[Any]) -> tuple[str, Callable[[Any], str]]:
    """Return the header of a column and the format of its values."""
    if isinstance(values.dtype, pd.DatetimeTZDtype):
        return f"{_title(name)} (UTC)", lambda when: f"{when.tz_convert('UTC'):%Y-%m-%d %H:%M}"
    if pd.api.types.is_bool_dtype(values):
        return _title(name), lambda flag: "yes" if flag else "no"
    if name.endswith("_s") and pd.api.types.is_numeric_dtype(values):
        return _title(name[:-2]), duration
    if pd.api.types.is_numeric_dtype(values):
        return _title(name), lambda number: f"{number:,.10g}"
    if name == _URL:
        return "URL", lambda url: link(str(url))
    return _title(name), str


def _title(name: str) -> str:
    """Return a column's name in sentence case: `n_steps` is Steps, `is_critical` is Critical."""
    for prefix in ("n_", "is_", "has_"):
        name = name.removeprefix(prefix)
    name = name.replace("_", " ")
    return name[:1].upper() + name[1:]


def _rows(columns: Sequence[_Column]) -> Iterator[Markup]:
    n_rows = len(columns[0].values) if columns else 0
    for row in range(n_rows):
        yield Markup("<tr>{}</tr>").format(Markup("").join(column.cell(row) for column in columns))


def _omissions(n_shown: int, n_rows: int, n_shortened: int) -> str:
    """Describe what the table leaves out, empty if nothing."""
    parts = []
    if n_shown < n_rows:
        parts.append(f"{n_shown:,} of {plural(n_rows, 'row')} shown; the frames have all.")
    if n_shortened:
        parts.append(f"{plural(n_shortened, 'long text')} cut to {MAX_TEXT:,} characters (ends in …).")
    return str(esc(" ".join(parts)))
