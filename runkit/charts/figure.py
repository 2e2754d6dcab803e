"""A figure of ours: plotly's, with a static picture and a sentence beside it in a notebook."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import plotly.graph_objects as go
import plotly.io
from IPython import get_ipython
from IPython.display import display

from runkit.charts.svg import Unsupported, svg
from runkit.charts.theme import CONFIG, FIGURES
from runkit.display.colors import LIGHT
from runkit.display.text import Markup, visible

PLOTLY = "application/vnd.plotly.v1+json"
# Percent signs, not base64: a search for what was masked finds it.
IMAGE = Markup('<img alt="{}" style="max-width:100%" src="data:image/svg+xml,{}">')
RULES = Markup('<style class="runkit-static">{}</style>').format(FIGURES)
KEPT = " !$&'()*+,-./:;=?@[]_~{}|^"  # characters that need no percent sign there


class RunFigure(go.Figure):  # type: ignore[misc] # plotly has no types
    """A figure whose output in a notebook survives its export, and follows JupyterLab's theme."""

    _ipython_display_ = None  # plotly would display its JSON only
    _repr_html_ = None  # it would load plotly.js from the web

    def _repr_mimebundle_(
        self, include: Any = None, exclude: Any = None, **options: Any
    ) -> dict[str, Any]:
        """Build plotly's JSON, a picture, a sentence, and what the user's renderers add.

        In a notebook the rules for its theme are an output of their own before it, unless the
        figure has another ground than ours.
        """
        bundle = plotly_bundle(self)
        alt = (self.layout.meta or {}).get("alt", "A figure")
        static = {"text/plain": visible(alt)}
        try:
            picture = quote(svg(bundle[PLOTLY]), safe=KEPT)
            static["text/html"] = str(IMAGE.format(alt, picture))
        except Unsupported:  # axes of another kind, or no figure of ours any more
            pass
        layout = self.layout
        grounds = layout.paper_bgcolor, layout.plot_bgcolor, layout.template.layout.paper_bgcolor
        if hasattr(get_ipython(), "kernel") and grounds == (None, None, LIGHT.ground):
            display({"text/html": str(RULES), "text/plain": ""}, raw=True)
        chosen: dict[str, Any] = super()._repr_mimebundle_(**{"config": CONFIG} | options)
        return static | chosen | bundle

    def show(self, *args: Any, **options: Any) -> None:
        """Show the figure; outside a notebook or with arguments plotly's renderers do."""
        is_plain = not args and not options and hasattr(get_ipython(), "kernel")
        if is_plain:
            display(self)
        else:
            super().show(*args, **options | {"config": CONFIG | (options.get("config") or {})})


def plotly_bundle(figure: go.Figure) -> dict[str, Any]:
    """Return plotly's JSON as an output; what the user set for all of plotly's figures stays."""
    renderer = plotly.io.renderers["plotly_mimetype"]
    bundle: dict[str, Any] = renderer.to_mimebundle(figure.to_dict())
    bundle[PLOTLY]["config"] = CONFIG | (renderer.config or {})
    return bundle
