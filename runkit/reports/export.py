"""An executed notebook as one HTML page: offline, with the code folded, and harmless whatever it holds.

nbconvert walks the cells and highlights the code, nh3 keeps of their HTML what a text needs, and
`runkit.charts.html` makes the page. Of each output one form is shown: plotly's figure, a picture, HTML, or
text. Markdown and LaTeX of an output are shown as they are written: what an agent wrote is not typeset. SVG
and JavaScript are not shown, the text beside them is. Of a picture in Markdown the words are shown.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from runkit.charts.html import figure_div, offline_page
from runkit.errors import ReportError
from runkit.text import Markup, esc, unescape, visible, web_host

PLOTLY = "application/vnd.plotly.v1+json"
SHOWN = [PLOTLY, "image/png", "image/jpeg", "text/html", "text/markdown", "text/latex", "text/plain"]
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
    "ol": {"start"},
    "td": {"colspan", "rowspan", "headers"},
    "th": {"colspan", "rowspan", "scope"},
}
_STYLES = {"text-align", "font-weight", "white-space", "min-width", "color", "background-color"}
_HEADING = re.compile("<h([1-3])>(.*?)</h\\1>", re.DOTALL)
_TAG = re.compile("<[^>]*>")
_TITLE = Markup("<h1>{}</h1>")
_ANCHORED = Markup('<h{level} id="{id}">{words}</h{level}>')
_PICTURE = Markup('<img class="output" alt="{alt}" src="data:{kind};base64,{data}">')
_CONTENTS = Markup('<nav aria-label="Contents"><ol>{}</ol></nav>')
_TOOLS = Markup(
    '<p class="tools"><button type="button" id="show-code" aria-pressed="false">Show the code</button></p>'
)
_ENTRY = Markup('<li><a href="#{id}">{words}</a></li>')
_STYLE = Markup("""
html { scroll-behavior: smooth; }
main { max-width: 1100px; }
h2 { margin-top: 2.2em; border-bottom: 1px solid var(--line); }
a { color: inherit; }
nav ol { columns: 2 18em; padding-left: 1.5em; margin: 8px 0; }
button { font: inherit; color: inherit; background: none; border: 1px solid; padding: 4px 10px; }
main p, main li, summary, .runkit-provenance td { overflow-wrap: anywhere; }
pre { overflow-x: auto; padding: 8px; border-left: 3px solid var(--line); font-size: 0.85rem; }
pre.output { white-space: pre-wrap; overflow-wrap: anywhere; }
.highlight :is(.k, .kn, .kc, .ow) { font-weight: 600; } /* no colours: these read on any ground */
.highlight .c1 { font-style: italic; }
img.output { max-width: 100%; }
table { font-size: 0.9rem; margin: 8px 0; }
td { min-width: 3em; max-width: 36em; overflow-wrap: break-word; }
@media (max-width: 700px) { /* a row becomes a card; scrolling sideways, one would read half sentences */
  .runkit-many thead { position: absolute; clip-path: inset(50%); width: 1px; height: 1px; overflow: hidden; }
  .runkit-many tr { display: block; padding: 6px 0; border-bottom: 1px solid var(--line); }
  .runkit-many td { display: grid; grid-template-columns: 7em 1fr; border: 0; padding: 2px 8px; }
  .runkit-many td { text-align: left !important; white-space: normal !important; min-width: 0 !important; }
  .runkit-many td > span { min-width: 0; overflow-wrap: anywhere; }
  .runkit-many td::before { content: attr(data-label); font-size: 0.8rem; }
}
details { margin: 8px 0 24px; }
summary { cursor: pointer; padding: 4px 0; }
:focus-visible { outline: 2px solid; outline-offset: 2px; }
@media (prefers-reduced-motion: reduce) { html { scroll-behavior: auto; } }
@media print { /* nothing scrolls on paper */
  nav, .tools, .code { display: none; }
  a { text-decoration: none; }
  table { font-size: 9px; }
  td { min-width: 0 !important; white-space: normal !important; overflow-wrap: anywhere; }
}
""")
_SCRIPT = Markup("""
(() => {
  const button = document.getElementById("show-code");
  const cells = document.getElementsByClassName("code");
  button.addEventListener("click", () => {
    const isShown = button.getAttribute("aria-pressed") !== "true";
    button.setAttribute("aria-pressed", isShown);
    for (const cell of cells) cell.hidden = !isShown;
  });
})();
""")


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

    class Renderer(IPythonRenderer):
        def image(self, text: str, url: str, title: str | None = None) -> str:
            return text  # a picture may stand on the web, and is there by its words

    headings: list[Heading] = []
    reader = MarkdownWithMath(renderer=Renderer(escape=False, exclude_anchor_links=True))

    def anchored(found: re.Match[str]) -> str:
        level, words = found.groups()
        headings.append(Heading(int(level), f"part-{len(headings)}", unescape(_TAG.sub("", words)).strip()))
        return _ANCHORED.format(level=level, id=headings[-1].id, words=Markup(words))  # noqa: S704

    def markdown(source: str) -> Markup:
        return Markup(_HEADING.sub(anchored, clean(reader.render(source))))  # noqa: S704

    config = Config()
    config.NbConvertBase.display_data_priority = SHOWN
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
            "printed": _printed,
            "visible": visible,
        },
    )
    body = Markup(exporter.from_notebook_node(notebook, {"plotly": PLOTLY})[0])  # noqa: S704
    top = [one for one in headings if one.level == 1]
    entries = [_ENTRY.format(id=one.id, words=one.words) for one in headings if one.level == 2]
    first = body.find("</h1>") + len("</h1>") if top else 0
    head = body[:first] if top else _TITLE.format(title)
    return offline_page(
        top[0].words if top else title,
        [head, _CONTENTS.format(Markup("").join(entries)), body[first:], _TOOLS],
        style=_STYLE,
        scripts=[_SCRIPT],
    )


def _figure(given: Any) -> Markup:
    if (
        not isinstance(given, dict)
        or not isinstance(given.get("data", []), list)
        or not isinstance(given.get("layout", {}), dict)
    ):
        raise ReportError(
            "an output calls itself a figure of plotly and is none; expected an object with data, a list, "
            "and layout, an object. Nothing was written. Show a plotly figure instead."
        )
    return figure_div(given)


def clean(html: str) -> Markup:
    """Keep of HTML what a text needs: no script, no form, no address but of the web, nothing with an id.

    A table gets a box in which it scrolls by itself.
    """
    import nh3

    kept = nh3.clean(
        html,
        tags=_TAGS,
        attributes=_ATTRIBUTES,
        attribute_filter=_kept,
        url_schemes={"http", "https"},
        filter_style_properties=_STYLES,
        generic_attribute_prefixes={"data-"},
        link_rel="noopener noreferrer",
    )
    kept = visible(kept)
    return Markup(kept.replace("<table", '<div class="wide"><table').replace("</table>", "</table></div>"))  # noqa: S704


def _kept(tag: str, name: str, value: str) -> str | None:
    """Keep an address if it is of the web or of this page: `//host/x`, from a file, opens a share there."""
    return value if name != "href" or value.startswith("#") or web_host(value) else None


def _printed(text: str) -> Markup:
    """Give what a cell printed, in its colours; of other signs that act on a terminal the code is shown."""
    from nbconvert.filters.ansi import ansi2html

    return Markup(visible(ansi2html(text)))  # noqa: S704


def _picture(output: Mapping[str, Any], kind: str) -> Markup:
    alt = output.get("metadata", {}).get(kind, {}).get("alt") or "A picture without a description"
    return _PICTURE.format(alt=alt, kind=kind, data=output["data"][kind].strip())
