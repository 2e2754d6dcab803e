"""Figures in plain HTML files: one self-contained page that asks for nothing outside itself.

Text enters only through MarkupSafe's templates; a figure is a block of JSON, which is no script. The page's
policy lists its own scripts by their hashes, so that no other script runs whatever the text holds, and no
request leaves. The page follows the reader's light or dark setting, and its figures follow the page.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runkit.charts.axis import STEPS
from runkit.charts.style import CONFIG, FONT, GRIDS
from runkit.style import DARK, LIGHT
from runkit.text import Markup, css_variables, static_file

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

_STATIC = Path(__file__).parent / "static"
_CSP = (
    "default-src 'none'; img-src data: blob:; style-src 'unsafe-inline'; font-src data:; "
    "script-src {scripts}; connect-src 'none'; form-action 'none'; base-uri 'none'"
)
_SETTINGS = {
    "steps": STEPS,  # of ticks
    "paperPx": 872,  # of a figure on paper, before the page's style scales it
}
_TOKENS = ("ground", "text", "muted", "line", "band", "ok", "attention", "fail", "accent")
_FIGURE = Markup(
    '<div class="runkit-figure" role="figure" aria-label="{label}"><div></div>'
    '<script type="application/json">{data}</script></div>'
)
_FONT = Markup(f":root {{ --runkit-font: {FONT} }}\n")  # noqa: S704 - our own constant
_SCRIPT = Markup("<script>{}</script>")
_WIDE = Markup('<div class="wide">{}</div>')


def figure_div(figure: Figure | Mapping[str, Any]) -> Markup:
    """Give a figure as one `<div>` whose label is the figure's alt text; `offline_page` draws it.

    `figure` is a plotly figure, or its JSON as a notebook keeps it: `data` and `layout`.
    """
    from plotly.io.json import to_json_plotly

    drawn = figure if isinstance(figure, Mapping) else figure.to_plotly_json()
    layout = drawn.get("layout", {})
    meta, title = layout.get("meta"), layout.get("title")
    alt = meta.get("alt") if isinstance(meta, Mapping) else None
    words = alt or (title.get("text") if isinstance(title, Mapping) else title)
    json = to_json_plotly({"data": drawn.get("data", []), "layout": layout | {"autosize": True}})
    # Nothing in it ends its script element or begins a comment.
    inert = json.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")
    label = str(words or "A figure without a description")
    return _FIGURE.format(label=label, data=Markup(inert))  # noqa: S704


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
    has_boxes = has_figures or any('class="wide"' in section for section in sections)
    own = [*(figure_scripts() if has_figures else ()), *([_static("scroll.js")] if has_boxes else ())]
    runs = [*own, *scripts]
    digests = (b64encode(sha256(script.encode()).digest()).decode() for script in runs)
    hashes = " ".join(f"'sha256-{digest}'" for digest in digests)
    return str(
        _static("page.html").format(
            csp=_CSP.format(scripts=hashes or "'none'"),
            title=title,
            style=css_variables(":root", is_page=True) + _FONT + _static("page.css") + (style or ""),
            sections=Markup("\n").join(sections),
            scripts=Markup("\n").join(_SCRIPT.format(script) for script in runs),
        )
    )


def figure_scripts() -> tuple[Markup, Markup]:
    """Give plotly.js, and the script that draws a page's figures in the reader's color scheme."""
    from plotly.io.json import to_json_plotly
    from plotly.offline import get_plotlyjs

    themes = {
        name: {token: getattr(theme, token) for token in _TOKENS} | {"grid": GRIDS[theme]}
        for name, theme in {"light": LIGHT, "dark": DARK}.items()
    }
    settings = _SETTINGS | {"themes": themes, "config": CONFIG | {"responsive": True}}
    call = Markup(f"({to_json_plotly(settings)});")  # noqa: S704
    return Markup(get_plotlyjs()), _static("draw.js").rstrip() + call  # noqa: S704


def _static(name: str) -> Markup:
    """Read one of our own files."""
    return static_file(_STATIC / name)
