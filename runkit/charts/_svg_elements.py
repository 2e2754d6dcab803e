"""Elements of SVG. Text enters them only through MarkupSafe, and none has an id."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import numpy as np

from runkit.charts.theme import Json, unmarked
from runkit.display.text import Markup, esc, unescape

LINE = 1.3  # the height of a line of text, in sizes of its font, as in plotly
ANCHORS = {"left": (1, None), "right": (-1, "end"), "center": (0, "middle")}
SYMBOLS = {  # paths around the point, in radii
    "diamond": "M1.3,0L0,1.3L-1.3,0L0,-1.3Z",
    "x-thin": "M1,1L-1,-1M1,-1L-1,1",
    "line-ns": "M0,1.4V-1.4",
}
RGBA = re.compile(r"rgba\((\d+),\s*(\d+),\s*(\d+),\s*([\d.]+)\)")
TAG = re.compile(r"(<[^>]*>)")
STYLE = re.compile(r"(color|font-size):\s*([#\w.]+)")
NAMES = {"color": "fill", "font-size": "font_size"}  # styles and their attributes
ATTRIBUTE = Markup(' {}="{}"')
ELEMENT = Markup("<{0}{1}>{2}</{0}>")


def number(value: float) -> str:
    """Write a number, to a tenth of a pixel."""
    return f"{value:.1f}".removesuffix(".0")


def point(x: float, y: float) -> str:
    """Write a point of a path."""
    return f"{number(x)},{number(y)}"


def element(name: str, body: Markup | str = "", **attributes: Any) -> Markup:
    """Write an element; an attribute that is None is left out, and `_` is `-`."""
    texts = (
        ATTRIBUTE.format(key.replace("_", "-"), value if isinstance(value, str) else number(value))
        for key, value in attributes.items()
        if value is not None
    )
    return ELEMENT.format(name, Markup("").join(texts), body)


def color_attributes(kind: str, color: str | None) -> Json:
    """Return the attributes of a fill or a stroke; transparency is an attribute of its own."""
    parts = RGBA.fullmatch(color or "")
    if not parts:
        return {kind: color or "none"}
    *rgb, alpha = parts.groups()
    return {kind: "#{:02X}{:02X}{:02X}".format(*map(int, rgb)), f"{kind}_opacity": alpha}


def edge(color: str | None = None, width: float | None = None, **_: object) -> Json:
    """Return the attributes of an edge, none if it is not seen."""
    return {**color_attributes("stroke", color), "stroke_width": width} if color and width else {}


def lines_of(text: str) -> list[Markup]:
    """Read plotly's markup, which is ours, as lines of SVG; of other tags only the text is kept."""
    lines = [Markup("")]
    styles = [Json()]
    for part in TAG.split(text):
        if part.startswith("<br"):
            lines.append(Markup(""))
        elif part.startswith("</"):
            styles = styles[:-1] or [{}]
        elif part.startswith("<"):
            style = {NAMES[name]: value for name, value in STYLE.findall(part)}
            styles.append(styles[-1] | ({"font_weight": 600} if part == "<b>" else style))
        elif part:
            text = unescape(part).replace("  ", "\u00a0 ")  # SVG keeps one of several spaces
            lines[-1] += element("tspan", text, **styles[-1]) if styles[-1] else esc(text)
    return lines


def text_at(
    x: float,
    y: float,
    text: str,
    font: Json,
    xanchor: str = "left",
    yanchor: str = "base",
    pad: float = 0,
) -> Markup:
    """Write lines of text; the anchors are plotly's names for the part of them that is at a point.

    The base is that of the first line.
    """
    lines = lines_of(text)
    size = font["size"]
    rest = (len(lines) - 1) * LINE * size
    tops = {"top": pad + 0.93 * size, "middle": 0.345 * size - rest / 2}
    tops |= {"bottom": -pad - 0.24 * size - rest, "base": 0.0}
    sign, anchor = ANCHORS[xanchor]
    base = y + tops[yanchor]
    left = x + sign * pad
    style = {"font_size": size, "text_anchor": anchor, **color_attributes("fill", font["color"])}
    elements = [
        element("text", line, x=left, y=base + position * LINE * size, **style)
        for position, line in enumerate(lines)
        if line
    ]
    return Markup("").join(elements)


def box(
    x0: float, x1: float, y0: float, y1: float, body: Markup | str = "", **style: Any
) -> Markup:
    """Draw a rectangle by its edges; `body` is what it holds."""
    size = {"width": abs(x1 - x0), "height": abs(y1 - y0)}
    return element("rect", body, x=min(x0, x1), y=min(y0, y1), **size, **style)


def polyline(x: Iterable[float], y: Iterable[float], **style: Any) -> Markup:
    """Draw a line; NaN is a gap in it."""
    commands = []
    pen = "M"
    for point_x, point_y in zip(x, y, strict=True):
        is_gap = np.isnan(point_x + point_y)
        commands.append("" if is_gap else pen + point(point_x, point_y))
        pen = "M" if is_gap else "L"
    return element("path", d="".join(commands), fill="none", **style)


def title_of(text: str | None) -> Markup | str:
    """Write a hover text as plain text, if there is one."""
    return element("title", unmarked(text.replace("<br>", "\n"))) if text else ""


def symbol_at(mark: Json) -> Markup:
    """Draw a mark of one of the few symbols of ours."""
    radius = mark["size"] / 2
    symbol, title, style, x, y = (mark[name] for name in ("symbol", "title", "style", "x", "y"))
    if symbol.startswith("circle"):
        return element("circle", title, cx=x, cy=y, r=radius, **style)
    path = re.sub(r"-?[\d.]+", lambda match: number(float(match[0]) * radius), SYMBOLS[symbol])
    return element("path", title, d=path, transform=f"translate({point(x, y)})", **style)
