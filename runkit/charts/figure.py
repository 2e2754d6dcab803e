"""plotly's figure, with a static picture and a sentence beside it in a notebook's output."""

from __future__ import annotations

from typing import Any

import plotly.graph_objects as go
import plotly.io
from IPython import get_ipython
from IPython.display import display

from runkit.charts._layout import Chart
from runkit.charts._plotly import CONFIG, figure_parts
from runkit.charts.svg import image
from runkit.charts.theme import FIGURES, chosen_theme
from runkit.display.colors import LIGHT
from runkit.display.text import Markup, visible

PLOTLY = "application/vnd.plotly.v1+json"
RULES = Markup('<style class="runkit-static">{}</style>').format(FIGURES)


class RunFigure(go.Figure):  # type: ignore[misc] # plotly has no types
    """A figure of runs; its output in a notebook has a picture that needs no script.

    A figure that somebody edits is shown by plotly alone.
    """

    _chart: Chart | None = None
    _theme = LIGHT
    _ipython_display_ = None  # plotly would display its JSON only
    _repr_html_ = None  # it would load plotly.js from the web

    @classmethod
    def of(cls, chart: Chart) -> RunFigure:
        """Draw a chart."""
        theme = chosen_theme()
        figure = cls(*figure_parts(chart, theme))
        figure._chart, figure._theme = chart, theme
        return figure

    @property
    def is_edited(self) -> bool:
        """Whether the figure is another one than the chart that it was made of."""
        if self._chart is None:
            return True
        drawn = go.Figure(*figure_parts(self._chart, self._theme))
        return bool(self.to_json() != drawn.to_json())

    def picture(self) -> Markup:
        """Draw the chart as an `<img>`; nothing if the figure was edited."""
        return Markup("") if self._chart is None or self.is_edited else image(self._chart)

    def _repr_mimebundle_(
        self, include: Any = None, exclude: Any = None, **options: Any
    ) -> dict[str, Any]:
        """Build plotly's JSON, a picture, a sentence, and what the user's renderers add."""
        picture = str(self.picture())
        alt = (self.layout.meta or {}).get("alt", "A figure")
        bundle = {"text/plain": visible(alt if picture else f"{alt} (edited)")}
        if picture:
            bundle["text/html"] = picture
            if hasattr(get_ipython(), "kernel"):
                display({"text/html": str(RULES), "text/plain": ""}, raw=True)
        chosen: dict[str, Any] = super()._repr_mimebundle_(**{"config": CONFIG} | options)
        return bundle | chosen | plotly_bundle(self)

    def show(self, *args: Any, **options: Any) -> None:
        """Show the figure; outside a notebook or with arguments plotly's renderers do."""
        if not args and not options and hasattr(get_ipython(), "kernel"):
            display(self)
        else:
            super().show(*args, **options | {"config": CONFIG | (options.get("config") or {})})


def plotly_bundle(figure: go.Figure) -> dict[str, Any]:
    """Return plotly's JSON as an output; what the user set for all of plotly's figures stays."""
    renderer = plotly.io.renderers["plotly_mimetype"]
    bundle: dict[str, Any] = renderer.to_mimebundle(figure.to_dict())
    bundle[PLOTLY]["config"] = CONFIG | (renderer.config or {})
    return bundle
