"""One HTML file that runs no script and asks for nothing outside itself.

Figures are pictures that follow the reader's light or dark setting, as the page does; paper is
light. Text enters only through MarkupSafe's templates.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from runkit.charts._layout import Chart
from runkit.charts.lines import words
from runkit.charts.svg import image
from runkit.charts.theme import FONT
from runkit.display.templates import css_variables, html_table
from runkit.display.text import Markup, static_file

_STATIC = Path(__file__).parent / "static"
# A box that scrolls is a tab stop, so that the keyboard reaches all of it.
_FIGURE = Markup('<div class="runkit-figure" role="group" aria-label="Chart" tabindex="0">{}</div>')
_FOLDED = Markup("<details><summary>The chart as a table</summary>{}</details>")
_WIDE = Markup('<div class="wide" role="group" aria-label="Table" tabindex="0">{}</div>')
_FONT = Markup(":root {{ --runkit-font: {} }}\n").format(Markup(FONT))  # noqa: S704 - ours


def scrolling(picture: Markup) -> Markup:
    """Put a picture, which keeps its own width, into a box in which it scrolls."""
    return _FIGURE.format(picture)


def chart_section(chart: Chart) -> Markup:
    """Show a chart as a picture, and its rows as a folded table, for search and screen readers."""
    lines = zip(chart.rows["label"], chart.rows["text"], strict=True)
    rows = [(words(label).strip(), words(text)) for label, text in lines]
    table = html_table(("Row", "Time"), rows)
    return scrolling(image(chart)) + _FOLDED.format(wide(table))


def wide(table: Markup) -> Markup:
    """Put a table into a box in which it scrolls by itself."""
    return _WIDE.format(table) if "<table" in table else table


def offline_page(title: str, sections: Sequence[Markup], *, style: Markup | None = None) -> str:
    """Put sections into one HTML page that works from a file with the network off.

    `sections` are trusted HTML: build them with `chart_section`, `wide`, `html_table` and
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
