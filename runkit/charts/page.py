"""Figures in plain HTML files: one self-contained page that asks for nothing outside itself.

Text enters only through MarkupSafe's templates; a figure is a block of JSON, which is no script. The page's
policy lists its own scripts by their hashes, so that no other script runs whatever the text holds, and no
request leaves. The page follows the reader's light or dark setting, and its figures follow the page.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from runkit.charts.style import CONFIG, DARK, FONT, LIGHT, template
from runkit.text import Markup

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

_CSP = (
    "default-src 'none'; img-src data: blob:; style-src 'unsafe-inline'; font-src data:; "
    "script-src {scripts}; connect-src 'none'; form-action 'none'; base-uri 'none'"
)
NARROW_PX = 700  # of the window
LABELS_PX = 130  # for the rows' labels on a narrow screen
LINE_PX = 19  # a line of text in a figure
PAPER_PX = 680  # of a figure on paper: A4 and Letter between their margins

_FIGURE = Markup(
    '<div class="runkit-figure" role="figure" aria-label="{label}"><div></div>'
    '<script type="application/json">{data}</script></div>'
)
_SCRIPT = Markup("<script>{}</script>")
_PAGE = Markup("""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{csp}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<main>
{sections}
</main>
{scripts}
</body>
</html>
""")
_STYLE = Markup("""
:root {{ --ground: {light.paper}; --text: {light.text}; --line: {light.grid}; }}
@media (prefers-color-scheme: dark) {{
  :root {{ --ground: {dark.paper}; --text: {dark.text}; --line: {dark.grid}; }}
}}
body {{ margin: 0; background: var(--ground); color: var(--text); font: 16px/1.5 {font}; }}
main {{ max-width: 1280px; margin: 0 auto; padding: 16px; }}
h1 {{ font-size: 1.4rem; overflow-wrap: anywhere; }}
h2 {{ font-size: 1.2rem; }}
.runkit-figure svg a {{ pointer-events: none; }} /* a link in run data is none */
.runkit-figure {{ margin: 16px 0; overflow: hidden; }}
.wide {{ overflow-x: auto; }}
table {{ border-collapse: collapse; }}
th, td {{ border-bottom: 1px solid var(--line); padding: 4px 8px; vertical-align: top; }}
caption {{ text-align: left; font-weight: 600; padding: 4px 0; }}
@media (max-width: 700px) {{ main {{ padding: 8px; }} }}
@media print {{
  :root {{ --ground: {light.paper}; --text: {light.text}; --line: {light.grid}; }}
  body {{ font-size: 12px; }}
  .runkit-figure, tr {{ break-inside: avoid; }}
  h1, h2, h3 {{ break-after: avoid; }}
  .modebar {{ display: none; }}
  .wide {{ overflow: visible; }}
}}
""")
_WIDE = Markup('<div class="wide">{}</div>')
# What is wider than the screen can be scrolled by keyboard, too.
_REACH = Markup("""
(() => {
  const reach = () => document.querySelectorAll(".wide").forEach((box) => {
    box.tabIndex = box.scrollWidth > box.clientWidth ? 0 : -1;
  });
  new ResizeObserver(reach).observe(document.body);
})();
""")
# Titles, labels and ticks are laid out for a wide screen, and plotly neither wraps, cuts nor thins them.
_DRAW = Markup("""
(() => {{
  const templates = {{ light: {light}, dark: {dark} }};
  const scheme = window.matchMedia("(prefers-color-scheme: dark)");
  const chosen = () => templates[scheme.matches ? "dark" : "light"];
  const figures = [...document.querySelectorAll(".runkit-figure > script")].map((block) => {{
    const {{ data, layout }} = JSON.parse(block.textContent);
    const figure = block.previousElementSibling;
    const ground = layout.meta?.alt ? {{ template: chosen() }} : {{}}; // somebody else's figure has its own
    Plotly.newPlot(figure, data, {{ ...layout, ...ground }}, {config});
    // A screen reader gets the label and the table; the drawing is a heap of numbers to it.
    figure.querySelectorAll(".main-svg").forEach((svg) => svg.setAttribute("aria-hidden", "true"));
    return figure;
  }});
  const ours = figures.filter((figure) => figure.layout.meta?.alt);
  const follow = (template) => ours.forEach((figure) => Plotly.relayout(figure, {{ template }}));
  const fit = (change) => figures.forEach((figure) => Plotly.relayout(figure, change));
  // The title in as many lines as a width in pixels wants, and how much higher that makes the figure.
  const wrapped = (figure, width) => {{
    const {{ meta, title }} = figure.layout;
    const room = Math.floor(width / 8);
    const lines = [];
    for (const line of meta.title) {{
      lines.push("");
      for (const word of line.split(" ")) {{
        if (lines.at(-1).length + word.length > room) lines.push("");
        lines.push(`${{lines.pop()}} ${{word}}`.trim());
      }}
    }}
    return [lines.join("<br>"), {line} * (lines.length - title.text.split("<br>").length)];
  }};
  const narrow = (figure) => {{
    const {{ margin, height, xaxis, yaxis }} = figure.layout;
    const [text, more] = wrapped(figure, figure.clientWidth);
    const entries = {line} * figure.getElementsByClassName("traces").length;
    const size = figure._fullLayout._size;
    const labels = Math.min({labels}, -yaxis.ticklabelstandoff);
    const width = size.w - yaxis.ticklabelstandoff - labels;
    const [from, to] = xaxis.range;
    let free = -24;
    const pairs = xaxis.tickvals.map((value, number) => [value, xaxis.ticktext[number]]);
    const ticks = pairs.filter(([value, text]) => {{
      const at = (value - from) / (to - from) * width;
      const half = 4 * text.split("<br>")[0].length;
      if (at - half < free) return false;
      free = at + half;
      return true;
    }});
    const shorter = (text) => text.replace(/^((?:&[^;]+;|.){{18}}).{{2,}}$/, "$1…");
    figure.parentElement.style.height = `${{height + more + entries}}px`;
    Plotly.relayout(figure, {{
      "title.text": text,
      "margin.t": margin.t + more,
      "margin.b": margin.b + entries,
      "margin.l": margin.l + yaxis.ticklabelstandoff + labels,
      height: height + more + entries,
      "xaxis.tickvals": ticks.map(([value]) => value),
      "xaxis.ticktext": ticks.map(([, text]) => text),
      "yaxis.ticklabelstandoff": -labels,
      "yaxis.ticktext": yaxis.ticktext.map(shorter),
    }});
  }};
  scheme.addEventListener("change", () => follow(chosen()));
  const titled = () => figures.filter(({{ layout }}) => Array.isArray(layout.meta?.title)
    && layout.title?.text && layout.xaxis?.ticktext && layout.yaxis?.ticktext);
  let screen = [];
  window.addEventListener("beforeprint", () => {{
    screen = titled().map((figure) => {{
      const {{ title, margin, height }} = figure.layout;
      const before = {{ "title.text": title.text, "margin.t": margin.t, height }};
      const [text, more] = wrapped(figure, {paper});
      Plotly.relayout(figure, {{ "title.text": text, "margin.t": margin.t + more, height: height + more }});
      return [figure, before];
    }});
    follow(templates.light);
    fit({{ width: {paper} }});
  }});
  window.addEventListener("afterprint", () => {{
    screen.forEach(([figure, before]) => Plotly.relayout(figure, before));
    follow(chosen());
    fit({{ width: null, autosize: true }});
  }});
  if (window.innerWidth < {narrow}) titled().forEach(narrow);
}})();
""")


def figure_div(figure: Figure | Mapping[str, Any]) -> Markup:
    """Give a figure as one `<div>` whose label is the figure's alt text; `offline_page` draws it.

    `figure` is a plotly figure, or its JSON as a notebook keeps it: `data` and `layout`.
    """
    from plotly.io.json import to_json_plotly

    drawn = figure if isinstance(figure, Mapping) else figure.to_plotly_json()
    layout = drawn.get("layout", {})
    data = to_json_plotly({"data": drawn.get("data", []), "layout": layout | {"autosize": True}})
    return _FIGURE.format(label=_alt(layout), data=_inert(data))


def _alt(layout: Mapping[str, Any]) -> str:
    """Say what a figure shows: its alt text, else its title."""
    meta, title = layout.get("meta"), layout.get("title")
    if isinstance(meta, Mapping) and meta.get("alt"):
        return str(meta["alt"])
    words = title.get("text") if isinstance(title, Mapping) else title
    return str(words or "A figure without a description")


def _inert(json: str) -> Markup:
    """Write JSON so that nothing in it ends its script element or begins a comment."""
    return Markup(json.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e"))  # noqa: S704


def wide(table: Markup) -> Markup:
    """Put a table into a box in which it scrolls by itself, and by keyboard where `offline_page` has it."""
    return _WIDE.format(table)


def offline_page(
    title: str, sections: Sequence[Markup], *, style: Markup | None = None, scripts: Sequence[Markup] = ()
) -> str:
    """Put sections into one HTML page that works from a file with the network off.

    `sections` are trusted HTML: build them with `figure_div`, `wide`, `runkit.text.html_table` and
    `Markup.format`.
    plotly.js is inlined once if a section holds a figure. `style` and `scripts` are CSS and JavaScript of
    our own that come on top; no script runs that is not among them.
    """
    has_figures = any('class="runkit-figure"' in section for section in sections)
    has_tables = any('class="wide"' in section for section in sections)
    runs = [*(figure_scripts() if has_figures else ()), *([_REACH] if has_tables else ()), *scripts]
    hashes = " ".join(f"'sha256-{_hash(script)}'" for script in runs)
    return str(
        _PAGE.format(
            csp=_CSP.format(scripts=hashes or "'none'"),
            title=title,
            style=_STYLE.format(light=LIGHT, dark=DARK, font=Markup(FONT)) + (style or ""),  # noqa: S704
            sections=Markup("\n").join(sections),
            scripts=Markup("\n").join(_SCRIPT.format(script) for script in runs),
        )
    )


def figure_scripts() -> tuple[Markup, Markup]:
    """Give plotly.js, and the script that draws a page's figures in the reader's colour scheme."""
    from plotly.io.json import to_json_plotly
    from plotly.offline import get_plotlyjs

    light, dark, config = (
        Markup(to_json_plotly(value))  # noqa: S704
        for value in (template(LIGHT), template(DARK), CONFIG | {"responsive": True})
    )
    draw = _DRAW.format(
        light=light,
        dark=dark,
        config=config,
        narrow=NARROW_PX,
        line=LINE_PX,
        labels=LABELS_PX,
        paper=PAPER_PX,
    )
    return Markup(get_plotlyjs()), draw  # noqa: S704


def _hash(script: Markup) -> str:
    return b64encode(sha256(script.encode()).digest()).decode()
