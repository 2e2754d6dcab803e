"""Any panel as text: in a terminal, and in a notebook without HTML.

A terminal gets color and bold, unless NO_COLOR is set. Control characters are shown as codes.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator

from rich.console import Console
from rich.text import Text

from runkit.api.words import Word
from runkit.display.text import visible
from runkit.screens.blocks import (
    IDS,
    Block,
    Content,
    Decisions,
    Quote,
    Table,
    TableColumn,
    Tiles,
    columns_of,
)

STYLES = {  # rich's style by the role of a color, or "bold"
    "accent": "blue",
    "attention": "yellow",
    "fail": "red",
    "muted": "dim",
    "ok": "green",
    "text": "",
}
MAX_SHOWN_ROWS = 10  # rows of a table
PLAIN_WIDTH = 110  # characters of a line of a panel's text form
PIPE = 400  # characters of a line that is not shown on a terminal
# columns that a terminal has no room for; other screens have them
LEFT_OUT = (
    "run_ids",
    "artifact_no",
    "asked_at",
    "asked_by",
)
GAP = "  "  # between two columns
# columns that are left out where texts would be cut to fewer characters than ROOM
WITH_ROOM = (
    "agent",
    "started_at",
    "since",
)
ROOM = 32
MIN_TEXT = 8  # characters to which texts are cut, where a table is still too wide


def write_panel(panel: Content, *, has_all: bool = False) -> None:
    """Write a panel to stdout; a pipe gets each row of its tables, as with `has_all`."""
    is_terminal = sys.stdout.isatty()
    console = Console(
        file=sys.stdout,
        width=None if is_terminal else PIPE,
        color_system=None if os.environ.get("NO_COLOR") else "auto",
    )
    shown = MAX_SHOWN_ROWS if is_terminal and not has_all else sys.maxsize
    _print(console, panel, shown, "+ {rest:,} {heading}: --all")


def panel_text(panel: Content) -> str:
    """Return a panel as plain text."""
    target = io.StringIO()
    console = Console(file=target, width=PLAIN_WIDTH, color_system=None, force_jupyter=False)
    _print(console, panel, MAX_SHOWN_ROWS, "{shown:,} of {n:,}")
    return target.getvalue().rstrip()


def _print(console: Console, panel: Content, shown: int, more: str) -> None:
    """Print a panel with `shown` rows of each table, and `more` of the others."""
    for text in _texts(panel, shown, more, console.width):
        for line in text.wrap(console, console.width):
            line.rstrip()
            console.print(line)


def _texts(panel: Content, shown: int, more: str, width: int) -> Iterator[Text]:
    if panel.title:
        yield line_of(panel.title, "bold")
    for line, style in ((panel.read.missing, "attention"), (panel.read.counted, "muted")):
        if line:
            yield Text(visible(line), STYLES[style])
    for block in panel.blocks:
        yield Text()
        yield from _block(block, shown, width)
        if isinstance(block, Table) and len(block.df) > shown:
            n = len(block.df)
            line = more.format(shown=shown, n=n, rest=n - shown, heading=block.heading.lower())
            yield line_of(line, "muted")


def _block(block: Block, shown: int, width: int) -> Iterator[Text]:
    if isinstance(block, Tiles):
        width = max(len(tile.name) for tile in block.tiles)
        for tile in block.tiles:
            name = line_of(tile.name.ljust(width))
            number = line_of(f"{tile.number:>5}", f"bold {STYLES[tile.role]}")
            yield _joined(name, number, line_of(tile.rest, "muted"))
    elif isinstance(block, Table):
        yield from _table(block, shown, width)
    elif isinstance(block, Quote):
        yield _joined(_cell(block.status), line_of(block.when, "muted"))
        title = block.note or block.heading
        parts = [Text(visible(title), "bold")] if title else []
        if block.confidence:
            parts.append(_labeled("confidence", _cell(block.confidence)))
        if parts:
            yield _joined(*parts)
        if block.text.rstrip(".").casefold() != title.casefold():
            yield from _wrapped(block.text)
    elif isinstance(block, Decisions):
        for place, item in enumerate(block.decisions):
            if place:
                yield Text()
            yield _joined(line_of(item.question, "bold"), _cell(item.outcome))
            for proposed, reason in item.proposals:
                yield from _quoted("proposed", proposed, reason)
            yield from _quoted("decided", item.decision, item.reason)
            yield line_of(item.note, "muted")
    else:
        yield line_of(block.heading, "bold")
        yield from _wrapped(block.text)


def _joined(*parts: Text) -> Text:
    return Text(GAP).join(parts)


def _labeled(label: str, text: Text) -> Text:
    return Text.assemble((f"{label} ", STYLES["muted"]), text)


def _quoted(label: str, text: str, reason: str) -> Iterator[Text]:
    """Yield what somebody proposed or decided, if the data has it, and the reason."""
    for quote in _wrapped(text):
        yield _labeled(label, Text.assemble("“", quote, "”"))
    yield from _wrapped(reason)


def _wrapped(*texts: str) -> list[Text]:
    """Return the texts that there are, each in as many lines as it takes."""
    return [Text(visible(text.strip())) for text in texts if text.strip()]


def _table(table: Table, shown: int, width: int) -> Iterator[Text]:
    """Yield a heading and the first rows; texts are cut until a row fits."""
    if table.heading:
        is_counted = table.n is not None
        title = f"{table.n:,} {table.heading.lower()}" if is_counted else table.heading
        yield line_of(title, f"bold {STYLES[table.role]}")
    if table.df.empty:
        if not table.heading:
            yield line_of("0 rows", "muted")
        return
    columns = [column for column in columns_of(table.df.head(shown)) if column.name not in LEFT_OUT]
    texts = {column.name: _lines_of(column) for column in columns}
    widths = {name: max(text.cell_len for text in lines) for name, lines in texts.items()}
    room = width + len(GAP)  # no gap after the last column
    for name in WITH_ROOM:
        if sum(_cut(columns, widths, ROOM)) > room:
            columns = [column for column in columns if column.name != name]
    sizes = (_cut(columns, widths, most) for most in range(room, MIN_TEXT, -1))
    fitting = next((size for size in sizes if sum(size) <= room), _cut(columns, widths, MIN_TEXT))
    for column, size in zip(columns, fitting, strict=True):
        for text in texts[column.name]:
            text.align("right" if column.kind == "number" else "left", size - len(GAP))
    for row in zip(*(texts[column.name] for column in columns), strict=True):
        line = _joined(*row)
        line.no_wrap = True
        yield line


def _lines_of(column: TableColumn) -> list[Text]:
    style = "muted" if column.name in (*IDS, *WITH_ROOM) else ""
    return [line_of(column.head, "muted"), *(_cell(cell, style) for cell in column.cells)]


def _cut(columns: list[TableColumn], widths: dict[str, int], most: int) -> list[int]:
    """Return the widths of columns with their gaps, if texts are cut to `most` characters."""
    limits = {column.name: most if column.kind == "text" else PIPE for column in columns}
    return [min(widths[name], limit) + len(GAP) for name, limit in limits.items()]


def _cell(cell: object, style: str = "") -> Text:
    if isinstance(cell, Word):
        return line_of(f"{cell.label} {cell.icon}".strip(), cell.role)
    texts = map(str, cell) if isinstance(cell, list) else [str(cell)]
    return line_of("; ".join(texts), style)


def line_of(text: str, style: str = "") -> Text:
    """Return text on one line, with its control characters visible; a table cuts it to fit."""
    line = visible(text).replace("\n", " ")
    return Text(line, STYLES.get(style, style), no_wrap=True, overflow="ellipsis")
