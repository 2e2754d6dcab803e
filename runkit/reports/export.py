"""Convert an executed notebook to one HTML page: offline, without its code, and safe for hostile content.

nbconvert renders Markdown, nh3 sanitizes HTML, and `runkit.charts.page` builds the page. Each output is
shown in one format: figure (as static SVG), picture, HTML, or text. Markdown and LaTeX outputs are shown as
source text, because text of an agent is not typeset. SVG and JavaScript are not shown; their text alternative
is. A picture in Markdown is shown as its alt text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from functools import cache
from itertools import takewhile
from pathlib import Path
from typing import Any, NamedTuple

import nbformat
import nh3
from jinja2 import Environment, FileSystemLoader
from nbconvert.filters.ansi import ansi2html
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath

from runkit.charts import fleet, panels
from runkit.charts.fleet_chart import fleet_chart
from runkit.charts.labels import unmarked
from runkit.charts.page import figure_div, offline_page, wide
from runkit.charts.panel import STYLE
from runkit.charts.svg import Unsupported
from runkit.tables.frames import frames
from runkit.text import Markup, esc, static_file, visible, web_host

PLOTLY = "application/vnd.plotly.v1+json"
MIME_TYPES = [PLOTLY, "image/png", "image/jpeg", "text/html", "text/markdown", "text/latex", "text/plain"]
_TAGS = {
    *("a", "b", "bdi", "blockquote", "br", "caption", "code", "dd", "del", "details", "div", "dl", "dt"),
    *("em", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "i", "kbd", "li", "ol", "p", "pre", "s", "small"),
    *("span", "strong", "sub", "summary", "sup", "table", "tbody", "td", "tfoot", "th", "thead", "tr", "u"),
    "ul",
}
_ATTRIBUTES = {
    "*": {"class", "dir", "lang", "style", "title"},
    "a": {"href"},
    "details": {"open"},
    **{tag: {"id"} for tag in ("h1", "h2", "h3")},
    "ol": {"start"},
    "td": {"colspan", "rowspan", "headers"},
    "th": {"colspan", "rowspan", "scope"},
}
_STYLES = {"text-align", "font-weight", "white-space", "min-width", "color", "background-color"}
_ANCHOR = re.compile(r"part-\d+")
_PICTURE = Markup('<img class="output" alt="{}" src="data:{};base64,{}">')
_INTERACTIVE = Markup(
    '<p class="output">{} <small>(interactive: open the notebook beside this file)</small></p>'
)
_HEADING = Markup('<h{level} id="{id}">{words}</h{level}>')
_STATIC = Path(__file__).parent / "static"
_STYLE = static_file(_STATIC / "parts.css") + static_file(_STATIC / "report.css")


_PANELS = (fleet.outcomes, fleet.waits, fleet.slowest_steps, fleet.failed_steps)


class Heading(NamedTuple):
    """A heading of the page: its level, its anchor and its text."""

    level: int
    id: str
    words: str


def to_html(notebook: Any, *, title: str, classification: str = "") -> str:
    """Convert an executed notebook (an nbformat node) to one HTML page.

    The page's title is the notebook's first heading, or `title` if it has none. Cells with the tag
    "remove-cell" are left out, and so is a heading above cells that show nothing. What follows a cell with
    the tag "wide-screen" is not shown on a phone.
    """
    headings: list[Heading] = []
    cells = _visible_cells(notebook.cells)
    parts = [_cell(cell, headings) for cell in cells]
    start = next((at for at, cell in enumerate(cells) if _is_heading(cell, "## ")), 0)
    page_title = next((heading.words for heading in headings if heading.level == 1), title)
    body = _TEMPLATE.page(
        title="" if any("<h1" in part for part in parts) else title,
        running_head=" · ".join(filter(None, (page_title, classification))),
        parts=parts,
        start=start,
        headings=[heading for heading in headings if heading.level == 2],
    )
    return offline_page(page_title, [Markup(body)], style=_STYLE)  # noqa: S704


@cache
def page_text() -> str:
    """Return what a page contains whatever its runs are: styles, and tables and figures of made-up runs."""
    f = frames(_STATIC / "page_runs.json")
    shown = [panel(f) for panel in _PANELS]
    shown += [panels.timeline(f.select("a")), panels.timeline(f.select(["a", "b"]))]
    figures = [fleet_chart(f, has_list=False), *(panel.figure for panel in shown if panel.figure)]
    outputs = json.dumps([panel._repr_mimebundle_() for panel in shown])
    sections = [*map(figure_div, figures), wide(Markup(""))]
    return outputs + offline_page("", sections, style=STYLE) + to_html(nbformat.v4.new_notebook(), title="")


def _cell(cell: Any, headings: list[Heading]) -> Markup:
    """Convert a cell; its headings are added to the list."""
    if cell.cell_type == "code":
        return Markup(_TEMPLATE.code(cell))  # noqa: S704 - Jinja escapes each value
    if cell.cell_type == "markdown":
        return wide(_markdown(cell.source, headings))
    is_html = cell.metadata.get("raw_mimetype", "text/html") == "text/html"
    return wide(clean(cell.source)) if is_html else Markup("")


def _markdown(source: str, headings: list[Heading]) -> Markup:
    class Renderer(IPythonRenderer):
        def image(self, text: str, url: str, title: str | None = None) -> str:
            return text  # a picture may be on the web; only its alt text is shown

        def heading(self, text: str, level: int, **attributes: Any) -> str:
            words = Markup(text)  # noqa: S704 - cleaned below
            anchor = f"part-{len(headings)}"
            headings.append(Heading(level, anchor, words.striptags()))
            return _HEADING.format(level=level, id=anchor, words=words)

    reader = MarkdownWithMath(renderer=Renderer(escape=False, exclude_anchor_links=True))
    return clean(reader.render(source), has_anchors=True)


def _is_heading(cell: Any, start: str = "#") -> bool:
    return cell.cell_type == "markdown" and str(cell.source).startswith(start)


def _visible_cells(cells: Sequence[Any]) -> list[Any]:
    """Leave out cells with the tag "remove-cell", and headings above code cells that show nothing."""
    cells = [cell for cell in cells if "remove-cell" not in cell.metadata.get("tags", ())]
    kept = []
    for at, cell in enumerate(cells):
        below = list(takewhile(lambda one: not _is_heading(one), cells[at + 1 :]))
        is_empty = below and all(one.cell_type == "code" and not one.outputs for one in below)
        if not (is_empty and _is_heading(cell) and "\n" not in cell.source):
            kept.append(cell)
    return kept


def _figure(output: Any) -> Markup:
    """Draw a figure; one with parts that ours do not have is its picture, else its words, and says so."""
    parts, picture = output.data[PLOTLY], output.data.get("image/png")
    try:
        return figure_div(parts)
    except Unsupported:
        words = _words_of(parts.get("layout") if isinstance(parts, dict) else None)
    if picture:
        return _PICTURE.format(words, "image/png", picture.strip())
    return _INTERACTIVE.format(words)


def _words_of(layout: Any) -> str:
    """Return the sentence of a figure, else its title."""
    look = layout if isinstance(layout, dict) else {}
    meta, title = look.get("meta"), look.get("title")
    sentence = meta.get("alt") if isinstance(meta, dict) else None
    words = sentence or (title.get("text") if isinstance(title, dict) else title)
    return unmarked(str(words or "A figure without a title"))


def clean(html: str, *, has_anchors: bool = False) -> Markup:
    """Sanitize HTML to formatted text: no script, no form, only web links, no ids.

    `has_anchors`: the headings have runkit's ids. What nh3 gives last is never edited.
    """

    def allowed_value(tag: str, name: str, value: str) -> str | None:
        # only http, https and #: `//host/x` in a local file opens a network share
        if name == "href":
            return value if value.startswith("#") or web_host(value) else None
        return value if name != "id" or (has_anchors and _ANCHOR.fullmatch(value)) else None

    for finish in (visible, str):  # twice: an invisible character may be written as an entity
        html = finish(
            nh3.clean(
                html,
                tags=_TAGS,
                attributes=_ATTRIBUTES,
                attribute_filter=allowed_value,
                url_schemes={"http", "https"},
                filter_style_properties=_STYLES,
                generic_attribute_prefixes={"data-"},
                link_rel="noopener noreferrer",
            )
        )
    return Markup(html)  # noqa: S704


def _console(text: str) -> Markup:
    """Convert printed text to HTML with its ANSI colors; other control characters are shown as codes."""
    return Markup(visible(ansi2html(text)))  # noqa: S704


_ENVIRONMENT = Environment(loader=FileSystemLoader(_STATIC), autoescape=True, finalize=esc)
_ENVIRONMENT.globals |= {"mime_types": MIME_TYPES, "plotly": PLOTLY}
_ENVIRONMENT.filters |= {"clean": clean, "console": _console, "figure": _figure, "wide": wide}
_TEMPLATE: Any = _ENVIRONMENT.get_template("report.html.j2").module
