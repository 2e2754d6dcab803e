"""Any panel as text: in a terminal, and in a notebook without HTML.

In color, unless NO_COLOR is set or the output is no terminal. Control characters are shown as
codes.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator, Sequence
from typing import Literal

from rich.console import Console, RenderableType
from rich.table import Table as Grid
from rich.text import Text

from runkit.api.words import Word
from runkit.display.text import visible
from runkit.facts import ReadLine
from runkit.screens.blocks import Block, Decisions, Details, Quote, Table, Tiles, columns_of

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
LEFT_OUT = ("run_ids", "artifact_no", "asked_at", "asked_by")
GAP = 2  # spaces between two columns


def write_panel(
    title: str, read: ReadLine, blocks: Sequence[Block], *, has_all: bool = False
) -> None:
    """Write a panel to stdout; a pipe gets each row of its tables, as with `has_all`."""
    is_terminal = sys.stdout.isatty()
    is_plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    console = Console(
        file=sys.stdout,
        width=None if is_terminal else PIPE,
        color_system=None if is_plain else "auto",
        highlight=False,
    )
    counted = read.counted.replace("as_of= sets", "--as-of sets")  # the option of the shell
    read = read._replace(counted=counted)
    shown = MAX_SHOWN_ROWS if is_terminal and not has_all else sys.maxsize
    _print(console, title, read, blocks, shown, "+ {rest:,} {heading}: --all")


def panel_text(title: str, read: ReadLine, blocks: Sequence[Block]) -> str:
    """Return a panel as plain text."""
    target = io.StringIO()
    console = Console(
        file=target,
        width=PLAIN_WIDTH,
        color_system=None,
        highlight=False,
        force_jupyter=False,
        force_terminal=False,
    )
    _print(console, title, read, blocks, MAX_SHOWN_ROWS, "{shown:,} of {n:,}")
    lines = (line.rstrip() for line in target.getvalue().split("\n"))
    return "\n".join(lines).rstrip()


def _print(
    console: Console, title: str, read: ReadLine, blocks: Sequence[Block], shown: int, more: str
) -> None:
    """Print a panel with `shown` rows of each table, and `more` of the others."""
    if title:
        console.print(line_of(title, "bold"))
    for line, style in ((read.missing, "attention"), (read.counted, "muted")):
        if line:
            console.print(Text(visible(line), STYLES[style]))
    for block in blocks:
        console.print()
        for part in _block(block, shown):
            console.print(part)
        if isinstance(block, Table) and len(block.df) > shown:
            n = len(block.df)
            line = more.format(shown=shown, n=n, rest=n - shown, heading=block.heading)
            console.print(line_of(line, "muted"))


def _block(block: Block, shown: int) -> Iterator[RenderableType]:
    if isinstance(block, Tiles):
        tiles = []
        for tile in block.tiles:
            number = line_of(tile.number, f"bold {STYLES[tile.role]}")
            tiles.append(line_of(f"{tile.name} ") + number + line_of(f" {tile.rest}", "muted"))
        yield from tiles
    elif isinstance(block, Table):
        yield from _table(block, shown)
    elif isinstance(block, Quote):
        parts = [_cell(block.status)]
        if block.heading:
            parts.append(Text(visible(block.heading)))
        if block.confidence:
            parts += [Text("confidence", STYLES["muted"]), _cell(block.confidence)]
        yield Text("  ").join(parts)
        for text in (block.text, block.note):
            if text:
                yield Text(visible(text))
    elif isinstance(block, Decisions):
        for item in block.decisions:
            outcome = f"{item.outcome.label} {item.outcome.icon}"
            yield line_of(item.question, "bold") + line_of(f"  {outcome}", item.outcome.role)
            proposed = [" ".join(filter(None, texts)) for texts in item.proposals]
            decided = "  ".join(filter(None, [item.decision, item.reason, item.note]))
            for text in filter(None, [*proposed, decided]):
                yield Text(visible(text))
    elif isinstance(block, Details):
        yield line_of(block.heading, "bold")
        yield Text(visible(block.text))


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
        is_whole = column.kind != "text"  # the widest texts are cut until each column fits
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
