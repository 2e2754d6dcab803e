"""One HTML file that runs no script and asks for nothing outside itself.

Figures are static SVG that follows the reader's light or dark setting, as the page does; paper is
light. Text enters only through MarkupSafe's templates.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runkit.charts.svg import svg
from runkit.charts.theme import FONT
from runkit.display.templates import css_variables
from runkit.display.text import Markup, static_file

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

_STATIC = Path(__file__).parent / "static"
# A box that scrolls is a tab stop, so that the keyboard reaches all of it.
_FIGURE = Markup('<div class="runkit-figure" role="group" aria-label="Chart" tabindex="0">{}</div>')
_WIDE = Markup('<div class="wide" role="group" aria-label="Table" tabindex="0">{}</div>')
_FONT = Markup(":root {{ --runkit-font: {} }}\n").format(Markup(FONT))  # noqa: S704 - ours


def figure_div(figure: Figure | Mapping[str, Any]) -> Markup:
    """Draw a figure, or its JSON as a notebook keeps it, in a box in which it scrolls on a phone.

    Raises `runkit.charts.svg.Unsupported` for a figure with other parts than ours have.
    """
    return _FIGURE.format(svg(figure))


def wide(table: Markup) -> Markup:
    """Put a table into a box in which it scrolls by itself."""
    return _WIDE.format(table) if "<table" in table else table


def offline_page(title: str, sections: Sequence[Markup], *, style: Markup | None = None) -> str:
    """Put sections into one HTML page that works from a file with the network off.

    `sections` are trusted HTML: build them with `figure_div`, `wide`, `html_table` and
    `Markup.format`. `style` is CSS of our own that comes on top.
    """
    styles = [
        css_variables(":root", is_page=True),
        _FONT,
        static_file(_STATIC / "page.css"),
        style or "",
    ]
    page = static_file(_STATIC / "page.html")
    return str(
        page.format(
            title=title, style=Markup("").join(styles), sections=Markup("\n").join(sections)
        )
    )
