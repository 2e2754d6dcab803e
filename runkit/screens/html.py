"""Blocks as HTML: in a notebook, and on a page of their own that runs no script."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runkit.api.words import Word
from runkit.display.colors import css_variables
from runkit.display.text import (
    Markup,
    block,
    environment,
    shorten,
    static_file,
    truncated,
    web_host,
)
from runkit.screens.blocks import (
    Block,
    Content,
    SourceCell,
    Table,
    TableColumn,
    columns_of,
    dotted,
)

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

STATIC = Path(__file__).parent / "static"
MAX_UNFOLDED = 120  # characters of a cell; what is longer is folded
MAX_ROWS = 200  # rows of a table that are written at all
MAX_IDS, MAX_ITEMS = 1, 4  # of a list in a cell; the others are folded


def notebook_html(panel: Markup) -> str:
    """Wrap the HTML of a panel for a notebook."""
    style = Markup("<style>{}{}</style>").format(css_variables(".runkit-screen"), styles())
    return block(style, panel)


def panel_html(panel: Content, level: int) -> Markup:
    """Write a panel; its title is a heading of a level, those of its tables of the next one."""
    parts = [block_html(part, level + 1) for part in panel.blocks]
    return _render("panel", panel=panel, parts=parts, level=level)


def block_html(part: Block, level: int = 3) -> Markup:
    """Write one block."""
    if isinstance(part, Table):
        return table_html(part, level)
    return _render(type(part).__name__.lower(), block=part, level=level)


def table_html(table: Table, level: int = 3) -> Markup:
    """Write a table; the rows beyond the first ones are folded."""
    columns = columns_of(table.df.head(MAX_ROWS))
    shared = [column for column in columns[1:] if _is_shared(column)]
    columns = [column for column in columns if column not in shared]
    cells = [[_cell(cell, column.kind) for cell in column.cells] for column in columns]
    rows = list(zip(*cells, strict=True))
    caption = "" if table.heading else table.caption
    return _render(
        "table",
        table=table,
        level=level,
        n_rows=len(table.df),
        facts=dotted(caption, *(f"{column.head}: {column.cells[0]}" for column in shared)),
        columns=columns,
        first=rows[: table.shown],
        rest=rows[table.shown :],
    )


def _is_shared(column: TableColumn) -> bool:
    """Return whether all rows have one text, which stands once above the table."""
    first, *others = map(str, column.cells)
    return column.kind == "text" and {*others} == {first} and len(first) <= MAX_UNFOLDED


def _cell(cell: Any, kind: str) -> Markup:
    if isinstance(cell, Word):
        return _render("pill", word=cell)
    if isinstance(cell, list):
        items = [_source(item) if isinstance(item, SourceCell) else item for item in cell]
        n_first = MAX_IDS if kind == "id" else MAX_ITEMS
        return _render("items", first=items[:n_first], rest=items[n_first:])
    return _render(
        "text",
        text=truncated(cell),
        start=shorten(cell, MAX_UNFOLDED),
        is_long=len(cell) > MAX_UNFOLDED,
    )


def _source(source: SourceCell) -> Markup:
    return _render("source", source=source, host=web_host(source.url))


@cache
def styles() -> Markup:
    """Return the style sheet of panels."""
    return static_file(STATIC / "screens.css")


def _render(name: str, **values: Any) -> Markup:
    return Markup(getattr(_templates(), name)(**values))  # noqa: S704 - Jinja escapes each value


@cache
def _templates() -> Any:
    return environment(STATIC).get_template("screens.html.j2").module


# ------------------------------------------------------------------------------------------ pages


def figure_html(figure: Figure) -> Markup:
    """Return the picture of a figure, which is its own description, in a box that scrolls."""
    picture = Markup(figure._repr_mimebundle_()["text/html"])  # noqa: S704 - our own SVG
    return _render("figure", picture=picture)


def offline_page(title: str, sections: Sequence[Markup]) -> str:
    """Put sections into one HTML page that needs no network and runs no script."""
    sheets = [css_variables(":root", is_page=True), styles(), static_file(STATIC / "page.css")]
    return str(_render("page", title=title, sheets=sheets, sections=sections))
