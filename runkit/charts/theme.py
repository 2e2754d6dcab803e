"""The look of charts: how each kind of mark looks, and the rules by which plotly's follow a theme.

A figure has an opaque ground of its own: plotly's renderer in a notebook does not follow the
notebook's theme. It is dark where plotly's own default template is; in JupyterLab the rules of
`figures.css.j2` exchange its colors.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from runkit.display.colors import DARK, LIGHT, Theme
from runkit.display.templates import environment
from runkit.display.text import Markup

STATIC = Path(__file__).parent / "static"
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
BAND_ALPHA = 0.1  # of the ground behind a folded wait


class Look(NamedTuple):
    """How a mark looks: its opacity on light and dark ground, its share of the height of a row.

    It is at least so many pixels wide.
    """

    light: float
    dark: float
    height: float = 0.68
    least_px: float = 0.0


LOOKS = {  # from the bottom up
    "group": Look(0.16, 0.28),
    "pale": Look(0.32, 0.45, least_px=1.5),
    "stub": Look(0.16, 0.28, least_px=9),
    "solid": Look(1, 1),
    "unknown": Look(0.75, 0.85, least_px=2),
    "fail": Look(1, 1, least_px=4),
    "wait": Look(0.38, 0.5, least_px=5),
    "folded": Look(1, 1, least_px=5),
}


def chosen_theme() -> Theme:
    """Return the theme of plotly's default template: dark if its name has the word."""
    import plotly.io

    return DARK if "dark" in (plotly.io.templates.default or "") else LIGHT


def _figure_rules() -> Markup:
    """Return the rules for plotly's figures beside an element with the class `runkit-static`."""
    template = environment(STATIC).get_template("figures.css.j2")
    alphas = {look.light: look.dark for look in LOOKS.values() if look.light < 1}
    rules = template.render(light=LIGHT, dark=DARK, alphas=alphas)
    return Markup(rules)  # noqa: S704 - colors and numbers of ours


FIGURES = _figure_rules()
