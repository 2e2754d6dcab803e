"""HTML and CSS from templates of Jinja, which escape each value."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from jinja2 import Environment, FileSystemLoader

from runkit.display import colors
from runkit.display.text import Markup, esc

# A very long word must not push the other columns out of sight; notebooks take no style sheet.
LEFT = "text-align:left;overflow-wrap:anywhere"
MANY = 3  # columns; a table of more is a list of cards on a phone


def environment(folder: Path) -> Environment:
    """Return the environment of the templates in a folder."""
    return Environment(loader=FileSystemLoader(folder), autoescape=True, finalize=esc)


_environment = environment(Path(__file__).with_name("static"))
_environment.globals |= {"light": colors.LIGHT, "dark": colors.DARK, "many": MANY}
_table, _colors = map(_environment.get_template, ("table.html.j2", "colors.css.j2"))


def html_table(
    headers: Sequence[str], rows: Iterable[Sequence[object]], styles: Sequence[str] | None = None
) -> Markup:
    """Build a `<table>` with a header row; every cell is escaped unless it is `Markup` already.

    `styles` has the CSS of each column, its alignment first, which is that of its head, too.
    """
    styles = styles or [LEFT] * len(headers)
    return Markup(_table.render(heads=headers, rows=rows, styles=styles))  # noqa: S704


def css_variables(selector: str, *, is_page: bool = False) -> Markup:
    """Write the colors as CSS variables (`--runkit-ok`) within `selector`.

    They follow the theme of JupyterLab or VS Code, or on a page of its own the reader's; paper is
    light.
    """
    return Markup(_colors.render(selector=selector, is_page=is_page))  # noqa: S704
