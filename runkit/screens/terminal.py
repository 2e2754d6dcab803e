"""Any panel as text: in a terminal, and in a notebook without HTML.

In color, unless NO_COLOR is set or the output is no terminal. Control characters are shown as
codes.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from typing import Literal

from rich.console import Console, RenderableType
from rich.table import Table as Grid
from rich.text import Text

from runkit.api.words import Word
from runkit.display.text import visible
from runkit.screens.blocks import Block, Content, Decisions, Quote, Table, Tiles, columns_of

STYLES = {  # rich's style by the role of a color, or "bold"
    "accent": "blue",
    "attention": "yellow",
    "fail": "red",
    "muted": "bright_black",
    "ok": "green",
    "text": "",
}
MAX_SHOWN_ROWS = 10  # rows of a table
PLAIN_WIDTH = 110  # characters of a line of a panel's text form
PIPE = 400  # characters of a line that is not shown on a terminal
# columns that a terminal has no room for
LEFT_OUT = (
    "run_ids",
    "artifact_no",
    "asked_at",
    "asked_by",
)
GAP = 2  # spaces between two columns


def write_panel(panel: Content, *, has_all: bool = False) -> None:
    """Write a panel to stdout; a pipe gets each row of its tables, as with `has_all`."""
    is_terminal = sys.stdout.isatty()
    console = Console(file=sys.stdout, width=None if is_terminal else PIPE, highlight=False)
    shown = MAX_SHOWN_ROWS if is_terminal and not has_all else sys.maxsize
    _print(console, panel, shown, "+ {rest:,} {heading}: --all")


def panel_text(panel: Content) -> str:
    """Return a panel as plain text."""
    target = io.StringIO()
    console = Console(
        file=target,
        width=PLAIN_WIDTH,
        highlight=False,
        force_jupyter=False,
        force_terminal=False,
    )
    _print(console, panel, MAX_SHOWN_ROWS, "{shown:,} of {n:,}")
    lines = (line.rstrip() for line in target.getvalue().split("\n"))
    return "\n".join(lines).rstrip()


def _print(console: Console, panel: Content, shown: int, more: str) -> None:
    """Print a panel with `shown` rows of each table, and `more` of the others."""
    if panel.title:
        console.print(line_of(panel.title, "bold"))
    for line, style in ((panel.read.missing, "attention"), (panel.read.counted, "muted")):
        if line:
            console.print(Text(visible(line), STYLES[style]))
    for block in panel.blocks:
        console.print()
        for part in _block(block, shown):
            console.print(part)
        if isinstance(block, Table) and len(block.df) > shown:
            n = len(block.df)
            line = more.format(shown=shown, n=n, rest=n - shown, heading=block.heading)
            console.print(line_of(line, "muted"))


def _block(block: Block, shown: int) -> Iterator[RenderableType]:
    if isinstance(block, Tiles):
        for tile in block.tiles:
            number = line_of(tile.number, f"bold {STYLES[tile.role]}")
            yield _joined(line_of(tile.name), number, line_of(tile.rest, "muted"))
    elif isinstance(block, Table):
        yield from _table(block, shown)
    elif isinstance(block, Quote):
        yield _joined(_cell(block.status), line_of(block.when, "muted"))
        parts = _wrapped(block.heading)
        if block.confidence:
            parts += [line_of("confidence", "muted"), _cell(block.confidence)]
        if parts:
            yield _joined(*parts)
        yield from _wrapped(block.text, block.note)
    elif isinstance(block, Decisions):
        for item in block.decisions:
            yield _joined(line_of(item.question, "bold"), _cell(item.outcome))
            yield from _wrapped(*map(" ".join, item.proposals))
            yield from _wrapped(item.decision, item.reason, item.note)
    else:
        yield line_of(block.heading, "bold")
        yield from _wrapped(block.text)


def _joined(*parts: Text) -> Text:
    return Text("  ").join(parts)


def _wrapped(*texts: str) -> list[Text]:
    """Return the texts that there are, each in as many lines as it takes."""
    return [Text(visible(text.strip())) for text in texts if text.strip()]


def _table(table: Table, shown: int) -> Iterator[RenderableType]:
    """Yield a heading and the first rows."""
    if table.heading:
        count = "" if table.n is None else f"{table.n:,} "
        yield line_of(f"{count}{table.heading}", "bold")
    if table.df.empty:
        if table.n is None:
            yield line_of("0", "muted")
        return
    columns = [column for column in columns_of(table.df.head(shown)) if column.name not in LEFT_OUT]
    grid = Grid(box=None, padding=(0, GAP, 0, 0), pad_edge=False, header_style=STYLES["muted"])
    for column in columns:
        justify: Literal["left", "right"] = "right" if column.kind == "number" else "left"
        is_whole = column.kind not in ("text", "short")  # the widest texts are cut until all fit
        grid.add_column(line_of(column.head, "muted"), justify=justify, no_wrap=is_whole)
    for cells in zip(*(column.cells for column in columns), strict=True):
        grid.add_row(*map(_cell, cells))
    yield grid


def _cell(cell: object) -> Text:
    if isinstance(cell, Word):
        return line_of(f"{cell.label} {cell.icon}".strip(), cell.role)
    texts = map(str, cell) if isinstance(cell, list) else [str(cell)]
    return line_of("; ".join(texts))


def line_of(text: str, style: str = "") -> Text:
    """Return text on one line, with its control characters visible; a table cuts it to fit."""
    line = visible(text).replace("\n", " ")
    return Text(line, STYLES.get(style, style), no_wrap=True, overflow="ellipsis")
