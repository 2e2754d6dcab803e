"""An executed notebook as one HTML page: offline, with the code folded, and harmless whatever it holds.

nbconvert walks the cells and highlights the code, nh3 keeps of their HTML what a text needs, and
`runkit.charts.page` makes the page. Of each output one form is shown: plotly's figure, a picture, HTML, or
text. Markdown and LaTeX of an output are shown as they are written: what an agent wrote is not typeset. SVG
and JavaScript are not shown, the text beside them is. Of a picture in Markdown the words are shown.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from runkit.charts.page import figure_div, offline_page
from runkit.errors import ReportError
from runkit.text import Markup, esc, unescape, visible, web_host

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
    "h1": {"id"},
    "h2": {"id"},
    "h3": {"id"},
    "ol": {"start"},
    "td": {"colspan", "rowspan", "headers"},
    "th": {"colspan", "rowspan", "scope"},
}
_STYLES = {"text-align", "font-weight", "white-space", "min-width", "color", "background-color"}
_TAG = re.compile("<[^>]*>")
_ANCHOR = re.compile(r"part-\d+")
_TITLE = Markup("<h1>{}</h1>")
_HEADING = Markup('<h{level} id="{id}">{words}</h{level}>')
_PICTURE = Markup('<img class="output" alt="{alt}" src="data:{kind};base64,{data}">')
_CONTENTS = Markup('<nav aria-label="Contents"><ol>{}</ol></nav>')
_TOOLS = Markup(
    '<p class="tools"><button type="button" id="show-code" aria-pressed="false">Show the code</button></p>'
)
_ENTRY = Markup('<li><a href="#{id}">{words}</a></li>')
_STATIC = Path(__file__).parent / "static"
_STYLE, _SCRIPT = (
    Markup((_STATIC / name).read_text(encoding="utf-8"))  # noqa: S704
    for name in ("report.css", "report.js")
)


class Heading(NamedTuple):
    """A heading of the page: its level, its anchor and its words."""

    level: int
    id: str
    words: str


def to_html(notebook: Any, *, title: str) -> str:
    """Give an executed notebook (an nbformat node) as one HTML page.

    The page's title is the notebook's first heading, `title` where it has none.
    """
    from nbconvert import HTMLExporter
    from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
    from traitlets.config import Config

    headings: list[Heading] = []

    class Renderer(IPythonRenderer):
        def image(self, text: str, url: str, title: str | None = None) -> str:
            return text  # a picture may stand on the web, and is there by its words

        def heading(self, text: str, level: int, **attributes: Any) -> str:
            words = unescape(_TAG.sub("", text)).strip()
            headings.append(Heading(level, f"part-{len(headings)}", words))
            return _HEADING.format(level=level, id=headings[-1].id, words=Markup(text))  # noqa: S704 - cleaned below

    reader = MarkdownWithMath(renderer=Renderer(escape=False, exclude_anchor_links=True))

    def markdown(source: str) -> Markup:
        return clean(reader.render(source), has_anchors=True)

    config = Config()
    config.NbConvertBase.display_data_priority = MIME_TYPES
    exporter = HTMLExporter(
        config=config,
        template_file=str(Path(__file__).parent / "page.html.j2"),
        extra_template_basedirs=[],  # else those of the working directory come first, and they are programs
        filters={
            "clean": clean,
            "escaped": esc,
            "figure": _figure,
            "markdown": markdown,
            "picture": _picture,
            "printed": _console,
            "visible": visible,
        },
    )

    def body(cells: list[Any]) -> Markup:
        part = notebook.copy()
        part.cells = cells
        return Markup(exporter.from_notebook_node(part, {"plotly": PLOTLY})[0])  # noqa: S704

    is_top = [cell.cell_type == "markdown" and cell.source.startswith("# ") for cell in notebook.cells]
    n_first = is_top.index(True) + 1 if True in is_top else 0  # cells before the contents
    first, rest = body(notebook.cells[:n_first]), body(notebook.cells[n_first:])
    top = [one for one in headings if one.level == 1]
    entries = [_ENTRY.format(id=one.id, words=one.words) for one in headings if one.level == 2]
    return offline_page(
        top[0].words if top else title,
        [first if top else _TITLE.format(title), _CONTENTS.format(Markup("").join(entries)), rest, _TOOLS],
        style=_STYLE,
        scripts=[_SCRIPT],
    )


def _figure(output: Any) -> Markup:
    if (
        not isinstance(output, dict)
        or not isinstance(output.get("data", []), list)
        or not isinstance(output.get("layout", {}), dict)
    ):
        raise ReportError(
            "an output calls itself a figure of plotly and is none; expected an object with data, a list, "
            "and layout, an object. Nothing was written. Show a plotly figure instead."
        )
    return figure_div(output)


def clean(html: str, *, has_anchors: bool = False) -> Markup:
    """Keep of HTML what a text needs: no script, no form, no address but of the web, nothing with an id.

    `has_anchors`: the headings have ids of ours. What nh3 gives is the end of it, and is never edited.
    """
    import nh3

    def allowed_value(tag: str, name: str, value: str) -> str | None:
        if name == "href":  # of the web or of this page: `//host/x`, from a file, opens a share there
            return value if value.startswith("#") or web_host(value) else None
        return value if name != "id" or (has_anchors and _ANCHOR.fullmatch(value)) else None

    for shown in (visible, str):  # what cannot be seen may be written as an entity, and is cleaned twice
        html = shown(
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
    """Give what a cell printed, in its colours; of other signs that act on a terminal the code is shown."""
    from nbconvert.filters.ansi import ansi2html

    return Markup(visible(ansi2html(text)))  # noqa: S704


def _picture(output: Mapping[str, Any], kind: str) -> Markup:
    alt = output.get("metadata", {}).get(kind, {}).get("alt") or "A picture without a description"
    return _PICTURE.format(alt=alt, kind=kind, data=output["data"][kind].strip())
