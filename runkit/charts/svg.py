"""A chart as a static SVG, which needs no script and asks for nothing.

Each part has its color as an attribute in its light form, for readers without `light-dark()`, which
follows the `color-scheme` of the page. It is an image, so it has no hover.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import repeat
from urllib.parse import quote

from runkit.charts._layout import TEXT_GAP_PX, WIDTH, Chart, Placed
from runkit.charts.look import BAND_ALPHA, FONT_FAMILY, LOOKS, Span
from runkit.display.colors import DARK, LIGHT, color_of
from runkit.display.text import Markup

SVG = Markup(
    "<svg xmlns='http://www.w3.org/2000/svg' role='img' aria-label='{alt}' viewBox='0 0 {w} {h}' "
    "width='{w}' height='{h}' fill='currentColor' font-family=\"{font}\"><style>{rule}</style>\n"
    "{body}\n</svg>"
)
# Of plotly's texts, too, digits have one width only if the font has such digits.
RULE = Markup("svg{color-scheme:light dark;font-variant-numeric:tabular-nums}")
PAINT = Markup("color='{0}' style='color:light-dark({0},{1})'")
OPACITY = Markup(" fill-opacity='{:g}'")
OUTLINE = Markup(" stroke='currentColor'")
TEXT_LINE = Markup("<text x='{:.1f}' y='{:.1f}' font-size='{}'{}>{}</text>")
SPAN = Markup("<tspan{} {}>{}</tspan>")
BOXES = Markup("<path {} d='{}'/>")
BOLD_TEXT, CENTERED = Markup(" font-weight='600'"), Markup(" text-anchor='middle'")
BASELINE = 0.35  # of the size of a font, below the middle of a line
# Percent signs, not base64: a search for what was masked finds it.
IMAGE = Markup('<img alt="{}" src="data:image/svg+xml,{}">')
PLAIN_IN_ADDRESS = " !$'()*+,-./:;=?@[]_~{}|^"  # characters that need no percent sign


def image(chart: Chart) -> Markup:
    """Draw a chart as an `<img>`, whose alt text is its title."""
    address = quote(svg(chart), safe=PLAIN_IN_ADDRESS)
    return IMAGE.format(chart.alt, Markup(address))  # noqa: S704 - it has no quote, bracket or &


def svg(chart: Chart) -> Markup:
    """Draw a chart as an `<svg>` element."""
    texts = map(_text, _texts(chart))
    parts = [*_grounds(chart), *_marks(chart), *texts]
    return SVG.format(
        alt=chart.alt,
        w=WIDTH,
        h=round(chart.height),
        font=FONT_FAMILY,
        rule=RULE,
        body=Markup("\n").join(parts),
    )


def _paint(color: str, alpha: float = 1) -> Markup:
    """Return the attributes of a color in both themes."""
    paint = PAINT.format(color_of(color, LIGHT), color_of(color, DARK))
    return paint if alpha == 1 else paint + OPACITY.format(alpha)


def _grounds(chart: Chart) -> Iterator[Markup]:
    """Iterate over what stands behind the bars."""
    yield _boxes(_paint("ground"), [(0, 0, WIDTH, chart.height)])
    bands = []
    for band in chart.axis.bands:
        left, right = chart.x_px(band.start), chart.x_px(band.end)
        bands.append((left, chart.top, right - left, chart.area))
    yield _boxes(_paint("wait", BAND_ALPHA), bands)
    lines = [(round(chart.x_px(tick)), chart.top, 1, chart.area) for tick in chart.ticks()]
    yield _boxes(_paint("grid"), lines)


def _marks(chart: Chart) -> Iterator[Markup]:
    """Iterate over the bars, whose edges are at whole pixels; a line around one lies within it."""
    for (name, color), group in chart.marks_by_look():
        look = LOOKS[name]
        x = chart.x_px(group["x0"]).round()
        width = (chart.x_px(group["x1"]).round() - x).clip(lower=1)
        height = round(look.height * chart.row_px)
        y = (chart.y_px(group["y"]) - height / 2).round()
        paint = _paint(color, look.alpha)
        if look.is_outlined:
            paint += OUTLINE
            x += 0.5
            y += 0.5
            width -= 1
            height -= 1
        yield _boxes(paint, zip(x, y, width, repeat(height)))


def _boxes(paint: Markup, boxes: Iterable[tuple[float, ...]]) -> Markup:
    """Draw boxes, each by its left, top, width and height, in one path."""
    path = [f"M{x:g} {y:g}h{width:g}v{height:g}h-{width:g}z" for x, y, width, height in boxes]
    return BOXES.format(paint, "".join(path))


def _texts(chart: Chart) -> Iterator[Placed]:
    yield chart.title
    yield from chart.notes
    for position, y, line in chart.band_labels():
        yield Placed(chart.x_px(position), y, line, is_centered=True)
    rows = chart.rows
    ends = chart.x_px(rows["x1"]) + TEXT_GAP_PX
    middles = chart.y_px(rows["y"])
    for y, label, text, end in zip(middles, rows["label"], rows["text"], ends, strict=True):
        yield Placed(0, y, label)
        yield Placed(end, y, text)
    for tick, label in chart.ticks().items():
        line = [Span(label, "muted")]
        yield Placed(chart.x_px(tick), chart.bottom + 13, line, is_centered=True)


def _text(placed: Placed) -> Markup:
    spans = []
    for span in placed.line:
        weight = BOLD_TEXT if span.is_bold else ""
        spans.append(SPAN.format(weight, _paint(span.color), span.text))
    anchor = CENTERED if placed.is_centered else ""
    y = placed.y + BASELINE * placed.size
    return TEXT_LINE.format(placed.x, y, placed.size, anchor, Markup("").join(spans))
