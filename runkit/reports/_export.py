"""Convert an executed notebook to one HTML page: offline, without its code, safe for hostile text.

nbconvert renders Markdown, nh3 sanitizes HTML, and `runkit.screens.html` builds the page. Each
output is shown in one format: picture, HTML (a chart is an image in it), or text. Markdown and
LaTeX outputs are shown as source text, because text of an agent is not typeset. SVG, JavaScript
and figures of others are not shown; their text alternative is. A picture in Markdown is shown as
its alt text.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nh3
from nbconvert.filters.ansi import ansi2html
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath

from runkit.display.text import Markup, environment, unescape, visible, web_host
from runkit.screens.html import offline_page

PICTURE = "data:image/svg+xml,"  # how the address of a chart begins
PLOTLY_TYPE = "application/vnd.plotly.v1+json"
HIDDEN_TAG = "remove-cell"  # the tag of a cell that is not in the report
_TAGS = nh3.ALLOWED_TAGS - {"area", "map"} | {"tfoot"}
_ATTRIBUTES = {
    "*": {"class", "dir", "lang", "style", "title"},
    "a": {"href"},
    "img": {"alt", "src"},
    "details": {"open"},
    "ol": {"start"},
    "td": {"colspan", "rowspan", "headers"},
    "th": {"colspan", "rowspan", "scope"},
}
_ANSI_STYLES = {
    "text-align",
    "font-weight",
    "white-space",
    "min-width",
    "width",
    "color",
    "background-color",
}
_INTERACTIVE = Markup(
    '<p class="output">{} <small>(interactive: open the notebook beside this file)</small></p>'
)
_REPORT_FILES = Path(__file__).parent / "static"
# A box that scrolls is a tab stop, so that the keyboard reaches all of it.
_FIGURE = Markup('<div class="runkit-figure" role="group" aria-label="Chart" tabindex="0">{}</div>')
_WIDE = Markup('<div class="wide" role="group" aria-label="Table" tabindex="0">{}</div>')


def to_html(notebook: Any, *, title: str, classification: str = "") -> str:
    """Convert an executed notebook (an nbformat node) to one HTML page.

    The page's title is `title`, else the notebook's first heading. Cells with the tag "remove-cell"
    are left out.
    """
    cells = [cell for cell in notebook.cells if HIDDEN_TAG not in cell.metadata.get("tags", ())]
    parts = [_cell(cell) for cell in cells]
    body = _TEMPLATE.page(title=title, classification=classification, parts=parts)
    return offline_page(title, [Markup(body)])  # noqa: S704 - Jinja escapes each value


def _cell(cell: Any) -> Markup:
    """Convert a cell; a raw one shows nothing."""
    if cell.cell_type == "markdown":
        return _wide(_markdown(cell.source))
    return Markup(_TEMPLATE.outputs(cell))  # noqa: S704 - Jinja escapes each value


def _markdown(source: str) -> Markup:
    class Renderer(IPythonRenderer):
        def image(self, text: str, url: str, title: str | None = None) -> str:
            return text  # a picture may be on the web; only its alt text is shown

    reader = MarkdownWithMath(renderer=Renderer(escape=False, exclude_anchor_links=True))
    return clean(reader.render(source))


def _wide(table: Markup) -> Markup:
    """Put a table into a box in which it scrolls by itself; those of panels fit."""
    return _WIDE.format(table) if "<table" in table and "runkit-screen" not in table else table


def _figure(output: Any) -> Markup:
    """Name a figure without a picture by its title."""
    title = output.data[PLOTLY_TYPE].get("layout", {}).get("title") or {}
    text = nh3.clean(str(title.get("text") or "A figure without a title"), tags=set())
    return _INTERACTIVE.format(unescape(text))


def _boxed(html: Markup) -> Markup:
    """Put HTML with a picture or a table into a box in which it scrolls by itself."""
    return _FIGURE.format(html) if "<img" in html else _wide(html)


def clean(html: str) -> Markup:
    """Sanitize HTML to formatted text: no script, no form, only web links, no ids.

    The last output of nh3 is never edited.
    """

    def allowed_value(tag: str, name: str, value: str) -> str | None:
        if name == "src":  # an image that is here runs no script and asks for nothing
            return value if value.startswith(PICTURE) else None
        # only http and https: `//host/x` in a local file opens a network share
        return value if name != "href" or web_host(value) else None

    for finish in (visible, str):  # twice: an invisible character may be written as an entity
        html = finish(
            nh3.clean(
                html,
                tags=_TAGS,
                attributes=_ATTRIBUTES,
                attribute_filter=allowed_value,
                url_schemes={"http", "https", "data"},
                filter_style_properties=_ANSI_STYLES,
                generic_attribute_prefixes={"data-"},
                link_rel="noopener noreferrer",
            )
        )
    return Markup(html)  # noqa: S704 - nh3 has cleaned it


def _console(text: str) -> Markup:
    """Convert printed text with ANSI colors to HTML; other control characters become codes."""
    return Markup(visible(ansi2html(text)))  # noqa: S704 - ansi2html escapes the text


_ENVIRONMENT = environment(_REPORT_FILES)
_ENVIRONMENT.globals["plotly"] = PLOTLY_TYPE
_ENVIRONMENT.filters |= {"clean": clean, "console": _console, "figure": _figure, "boxed": _boxed}
_TEMPLATE: Any = _ENVIRONMENT.get_template("report.html.j2").module
