"""Figures in plain HTML files: one self-contained page that asks for nothing outside itself.

Text enters only through MarkupSafe's templates. The page follows the reader's light or dark setting, and its
figures follow the page.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from markupsafe import Markup

from runkit.charts.theme import CONFIG, DARK, FONT, LIGHT, template

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

# Escaping stops scripts in run data; this stops whatever got through from telling anybody.
CSP = (
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; font-src data:; "
    "script-src 'unsafe-inline'; connect-src 'none'; form-action 'none'; base-uri 'none'"
)
NARROW_PX = 700  # of the window
LABELS_PX = 130  # for the rows' labels on a narrow screen
LINE_PX = 19  # a line of text in a figure
FIGURE_CLASS = "plotly-graph-div"  # plotly's own name for the element it draws in

_DIV = Markup('<div class="runkit-figure" role="img" aria-label="{label}">{library}{figure}</div>')
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
{library}
</head>
<body>
<main>
<h1>{title}</h1>
{sections}
</main>
{follow}
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
.runkit-figure {{ margin: 16px 0; overflow: hidden; }}
table {{ border-collapse: collapse; display: block; overflow-x: auto; }}
th, td {{ border-bottom: 1px solid var(--line); padding: 4px 8px; vertical-align: top; }}
@media (max-width: 700px) {{ main {{ padding: 8px; }} }}
@media print {{ .runkit-figure {{ break-inside: avoid; }} .modebar {{ display: none; }} }}
""")
# Titles, labels and ticks are laid out for a wide screen, and plotly neither wraps, cuts nor thins them.
_FOLLOW = Markup("""
(() => {{
  const templates = {{ light: {light}, dark: {dark} }};
  const scheme = window.matchMedia("(prefers-color-scheme: dark)");
  const figures = [...document.getElementsByClassName("{figures}")];
  const follow = () => figures.forEach((figure) => {{
    Plotly.relayout(figure, {{ template: templates[scheme.matches ? "dark" : "light"] }});
  }});
  const narrow = (figure) => {{
    const {{ meta, title, margin, height, xaxis, yaxis }} = figure.layout;
    const room = Math.floor(figure.clientWidth / 8);
    const lines = [];
    for (const line of meta.title) {{
      lines.push("");
      for (const word of line.split(" ")) {{
        if (lines.at(-1).length + word.length > room) lines.push("");
        lines.push(`${{lines.pop()}} ${{word}}`.trim());
      }}
    }}
    const more = {line} * (lines.length - title.text.split("<br>").length);
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
      "title.text": lines.join("<br>"),
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
  scheme.addEventListener("change", follow);
  follow();
  if (window.innerWidth < {narrow}) figures.filter((figure) => figure.layout.meta?.title).forEach(narrow);
}})();
""")


def figure_div(figure: Figure, *, include_js: bool) -> Markup:
    """Give a figure as one `<div>` whose label is the figure's alt text; with plotly.js inside if asked.

    plotly.js is 4.8 MB: `offline_page` adds it once for all figures that come without.
    """
    import plotly.io

    drawn = plotly.io.to_html(figure, config=CONFIG, include_plotlyjs=False, full_html=False)
    meta = figure.layout.meta
    label = meta["alt"] if isinstance(meta, dict) and "alt" in meta else figure.layout.title.text or "figure"
    return _DIV.format(label=label, library=_plotly_js() if include_js else "", figure=Markup(drawn))  # noqa: S704


def offline_page(title: str, sections: Sequence[Markup]) -> str:
    """Put sections into one HTML page that works from a file with the network off.

    `sections` are trusted HTML: build them with `figure_div`, `runkit.text.html_table` and `Markup.format`.
    plotly.js is inlined once if a section holds a figure, so make figures with `include_js=False`.
    """
    has_figures = any(FIGURE_CLASS in section for section in sections)
    return str(
        _PAGE.format(
            csp=CSP,
            title=title,
            style=_STYLE.format(light=LIGHT, dark=DARK, font=Markup(FONT)),  # noqa: S704
            library=_plotly_js() if has_figures else "",
            sections=Markup("\n").join(sections),
            follow=_follow_the_page() if has_figures else "",
        )
    )


def _plotly_js() -> Markup:
    from plotly.offline import get_plotlyjs

    return _SCRIPT.format(Markup(get_plotlyjs()))  # noqa: S704


def _follow_the_page() -> Markup:
    """A script that gives all figures the template of the reader's colour scheme."""
    from plotly.io.json import to_json_plotly

    light, dark = (Markup(to_json_plotly(template(ground))) for ground in (LIGHT, DARK))  # noqa: S704
    return _SCRIPT.format(
        _FOLLOW.format(
            light=light, dark=dark, figures=FIGURE_CLASS, narrow=NARROW_PX, line=LINE_PX, labels=LABELS_PX
        )
    )
