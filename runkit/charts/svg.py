"""A chart as a static SVG, which needs no script and asks for nothing.

Each color is an attribute in its light form, for readers that drop styles; a class exchanges it on
a dark page (`light-dark()` follows the page's `color-scheme`). It is an image, so it has no hover.
"""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote

from runkit.charts._layout import (
    AXIS_PX,
    EDGE_PX,
    LEGEND_PX,
    SMALL_PX,
    TEXT_GAP_PX,
    WIDTH,
    Chart,
    Placed,
)
from runkit.charts._plotly import looks_of
from runkit.charts.lines import Line, Span
from runkit.charts.theme import BAND_ALPHA, FONT, LOOKS
from runkit.display.colors import DARK, LIGHT, color_of, faded
from runkit.display.text import Markup

SVG = Markup(
    "<svg xmlns='http://www.w3.org/2000/svg' role='img' aria-label='{alt}' viewBox='0 0 {w} {h}' "
    "width='{w}' height='{h}' font-family=\"{font}\"><style>{rules}</style>\n{body}\n</svg>"
)
RULE = Markup(".{}{{{}:light-dark({},{})}}")
# Of plotly's texts, too, digits have one width only if the font has such digits.
FIRST_RULE = Markup("svg{color-scheme:light dark;font-variant-numeric:tabular-nums}")
TEXT = Markup("<text x='{x}' y='{y}' font-size='{size}'{anchor}>{spans}</text>")
SPAN = Markup("<tspan{bold} class='{name}' fill='{color}'>{text}</tspan>")
RECT = Markup("<path class='{name}' fill='{color}' d='M{x} {y}h{w}v{h}h-{w}z'/>")
LINES = Markup(
    "<path class='{name}' stroke='{color}' stroke-width='{height}' fill='none' d='{d}'/>"
)
BOLD, CENTERED = Markup(" font-weight='600'"), Markup(" text-anchor='middle'")
BASELINE = 0.35  # of the size of a font, below the middle of a line
# Percent signs, not base64: a search for what was masked finds it.
IMAGE = Markup('<img alt="{}" src="data:image/svg+xml,{}">')
KEPT = " !$'()*+,-./:;=?@[]_~{}|^"  # characters that need no percent sign in an address


def image(chart: Chart) -> Markup:
    """Draw a chart as an `<img>`, whose alt text is its title."""
    address = Markup(quote(svg(chart), safe=KEPT))  # noqa: S704 - it has no quote, bracket or &
    return IMAGE.format(chart.alt, address)


def svg(chart: Chart) -> Markup:
    """Draw a chart as an `<svg>` element."""
    drawing = _Drawing(chart)
    body = Markup("\n").join(drawing.parts())
    rules = Markup("").join([FIRST_RULE, *drawing.rules.values()])
    return SVG.format(
        alt=chart.alt,
        w=WIDTH,
        h=_number(chart.height),
        font=Markup(FONT),  # noqa: S704 - ours
        rules=rules,
        body=body,
    )


class _Drawing:
    """Draws a chart, and collects the rules of the classes that it uses."""

    def __init__(self, chart: Chart) -> None:
        self.chart = chart
        self.rules: dict[tuple[str, str], Markup] = {}
        self.names: dict[tuple[str, str], str] = {}

    def parts(self) -> Iterator[Markup]:
        """Iterate over the elements, from the bottom up."""
        chart = self.chart
        bottom = chart.top + chart.area
        row_px = chart.area / len(chart.rows)
        yield self._rect(0, 0, WIDTH, chart.height, ("ground", "ground"))
        left, right = EDGE_PX / 2, WIDTH - EDGE_PX
        for row in chart.stripes():
            y = chart.y_px(row) - row_px / 2
            yield self._rect(left, y, right, row_px, ("band", "band"))
        for band in chart.axis.bands:
            x0, x1 = chart.x_px(band.start), chart.x_px(band.end)
            light, dark = (faded(theme.wait, BAND_ALPHA) for theme in (LIGHT, DARK))
            yield self._rect(x0, chart.top, x1 - x0, chart.area, (light, dark))
        for tick, label in chart.ticks().items():
            x = chart.x_px(tick)
            yield self._rect(x - 0.5, chart.top, 1, chart.area, ("grid", "grid"))
            line = [Span(label, "muted")]
            yield self._text(Placed(x, bottom + 13, SMALL_PX, line, is_centered=True))
        yield from self._marks()
        for placed in self._texts():
            yield self._text(placed)

    def _marks(self) -> Iterator[Markup]:
        chart = self.chart
        row_px = chart.area / len(chart.rows)
        for name, color, group in looks_of(chart.marks):
            look = LOOKS[name]
            light = _faded(color_of(color, LIGHT), look.light)
            dark = _faded(color_of(color, DARK), look.dark)
            x0, x1 = (chart.x_px(group[edge]).tolist() for edge in ("x0", "x1"))
            y = chart.y_px(group["row"]).tolist()
            lines = (
                f"M{round(start)} {_number(middle)}H{max(round(end), round(start) + 1)}"
                for start, end, middle in zip(x0, x1, y, strict=True)
            )
            yield LINES.format(
                name=self._rule("stroke", light, dark),
                color=light,
                height=_number(look.height * row_px),
                d="".join(lines),
            )

    def _texts(self) -> Iterator[Placed]:
        chart = self.chart
        yield from chart.heading()
        for band, line in chart.band_labels():
            yield Placed(chart.x_px(band.middle), chart.top - 9, SMALL_PX, line, is_centered=True)
        rows = chart.rows
        for number, label, text, tip in zip(
            rows.index, rows["label"], rows["text"], rows["x1"], strict=True
        ):
            y = chart.y_px(number)
            yield Placed(EDGE_PX, y, chart.font_px, label)
            yield Placed(chart.x_px(tip) + TEXT_GAP_PX, y, chart.font_px, text)
        legend_y = chart.top + chart.area + AXIS_PX + LEGEND_PX / 2
        for placed in chart.legend:
            yield Placed(placed.x, legend_y, placed.size, placed.line)

    def _text(self, placed: Placed) -> Markup:
        return TEXT.format(
            x=_number(placed.x),
            y=_number(placed.y + BASELINE * placed.size),
            size=placed.size,
            anchor=CENTERED if placed.is_centered else "",
            spans=Markup("").join(self._spans(placed.line)),
        )

    def _spans(self, line: Line) -> Iterator[Markup]:
        for span in line:
            light, dark = color_of(span.color, LIGHT), color_of(span.color, DARK)
            yield SPAN.format(
                bold=BOLD if span.is_bold else "",
                name=self._rule("fill", light, dark),
                color=light,
                text=span.text.replace("  ", "\u00a0\u00a0"),
            )

    def _rect(self, x: float, y: float, w: float, h: float, colors: tuple[str, str]) -> Markup:
        name, other = colors
        light = name if name.startswith("rgba") else color_of(name, LIGHT)
        dark = other if other.startswith("rgba") else color_of(other, DARK)
        return RECT.format(
            name=self._rule("fill", light, dark),
            color=light,
            x=_number(x),
            y=_number(y),
            w=_number(w),
            h=_number(h),
        )

    def _rule(self, kind: str, light: str, dark: str) -> str:
        """Return the class of a color."""
        name = self.names.setdefault((kind, light), f"c{len(self.names)}")
        self.rules[kind, light] = RULE.format(name, kind, light, dark)
        return name


def _faded(color: str, alpha: float) -> str:
    return faded(color, alpha) if alpha < 1 else color


def _number(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
