"""A figure of ours as a static SVG: no script, no ids, no font file; it follows a page's light or dark.

It draws the part of plotly that runkit's figures use and refuses the rest by name: flat bars, lines, marks
and texts on axes with a range, shapes and annotations of straight lines and words, one legend below. Values
become pixels by range, domain and margin, so that no mark depends on a font.

Colors are attributes, those of the light theme, so that the picture is right where styles are stripped; one
rule for each color exchanges it in the dark (`light-dark()` follows the page's `color-scheme`).
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Mapping
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from runkit.charts.style import GRIDS, LEGEND_PX, WIDTH, entry_px
from runkit.charts.svg_elements import (
    LINE,
    Json,
    box,
    edge_look,
    element,
    lines_of,
    number,
    paint,
    polyline,
    symbol_at,
    text_at,
    title_of,
)
from runkit.style import DARK, LIGHT
from runkit.text import Markup

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

Floats = NDArray[np.float64]
SYMBOL_PX = 40  # from the edge of an entry of the legend to its word
ANCHORS = {"left": (1, None), "right": (-1, "end"), "center": (0, "middle")}
SHAPES = {"rect": "M{x0},{y0}H{x1}V{y1}H{x0}Z", "line": "M{x0},{y0}L{x1},{y1}"}
PAIRS = {GRIDS[LIGHT]: GRIDS[DARK]} | dict(zip(LIGHT[::-1], DARK[::-1], strict=True))  # the first name counts
KNOWN = {  # what is drawn, and what has no effect on a picture; the rest is refused
    "figure": "annotations autosize barmode dragmode font height hovermode legend margin meta modebar "
    "paper_bgcolor shapes showlegend template title uirevision width xaxis xaxis2 yaxis yaxis2",
    "axis": "anchor autorange domain fixedrange labelalias position range showgrid side tickangle tickfont "
    "ticklabelstandoff tickmode ticksuffix ticktext tickvals type visible",
    "trace": "base cliponaxis customdata hoverinfo hovertemplate hovertext legendrank line marker mode name "
    "orientation showlegend text textfont textposition type width x xaxis y yaxis",
    "shape": "fillcolor layer line path type x0 x1 xref y0 y1 yref",
    "annotation": "align borderpad font showarrow text x xanchor xref xshift y yanchor yref yshift",
    "marker": "color cornerradius line opacity size symbol",
    "line": "color dash width",
    "font": "color family size",
}
PARTS = {"line": "line", "marker": "marker", "font": "font", "textfont": "font", "tickfont": "font"}
PICTURE = Markup(
    '<svg xmlns="http://www.w3.org/2000/svg" class="runkit-chart" role="img" aria-label="{alt}" '
    'viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
    'style="max-width:100%;height:auto" font-family="{family}">{style}{marks}</svg>'
)
RULE = '.runkit-chart [{kind}="{light}"]{{{kind}:light-dark({light},{dark})}}'


class Unsupported(ValueError):
    """A figure has a part that is not drawn here."""


def svg(figure: Figure | Mapping[str, Any], *, width: int = WIDTH) -> Markup:
    """Draw a figure of ours.

    Parameters
    ----------
    figure
        The figure, or its JSON as a notebook keeps it.
    width
        Pixels that it is laid out for, unless the figure has a width.

    Returns
    -------
    Markup
        One `<svg>` element, whose label is the figure's sentence. Hover texts are titles.

    Raises
    ------
    Unsupported
        For a figure with other parts than ours have.
    """
    try:
        parts = figure if isinstance(figure, Mapping) else figure.to_plotly_json()
        chart = Chart(parts["data"], parts["layout"], width)
        marks = Markup("\n").join(chart.marks())
        alt = chart.layout["meta"]["alt"]
    except Unsupported:
        raise
    except (LookupError, TypeError, AttributeError, ValueError) as error:
        raise Unsupported(f"{error!r} is not part of a figure of ours") from error
    rules = (
        RULE.format(kind=kind, light=light, dark=dark)
        for light, dark in PAIRS.items()
        for kind in ("fill", "stroke")
        if light != dark and f'{kind}="{light}"' in marks
    )
    return PICTURE.format(
        alt=alt,
        width=chart.width,
        height=chart.height,
        family=chart.font["family"],
        style=Markup("<style>{}</style>").format(Markup("".join(rules))),  # noqa: S704 - our own colors
        marks=marks,
    )


def _values(array: Any) -> Any:
    """Read an array, or plotly's typed one."""
    if isinstance(array, Mapping):
        return np.frombuffer(base64.b64decode(array["bdata"]), array["dtype"])
    return array


def _each(value: Any, n: int) -> list[Any]:
    """Return a value for each of `n` points."""
    values = _values(value)
    return list(values) if isinstance(values, (list, tuple, np.ndarray)) else [values] * n


def _merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> Json:
    """Lay one nested dictionary over another."""
    inner = {key: _merged(base[key], over[key]) for key in over if isinstance(base.get(key), Mapping)}
    return {**base, **over, **inner}


def _refuse_unknown(kind: str, look: Json) -> None:
    unknown = look.keys() - KNOWN[kind].split()
    if unknown:
        raise Unsupported(f"{', '.join(sorted(unknown))} of {kind}")
    for name in PARTS.keys() & look.keys():
        _refuse_unknown(PARTS[name], look[name])


class Axis(NamedTuple):
    """An axis from pixel `first` to `last`, and what the layout says of it."""

    look: Json
    first: float
    last: float

    def at(self, values: Any) -> Floats:
        """Return the pixels of values, NaN for none; within reach, as nobody draws 1e20 pixels."""
        low, high = self.look["range"]
        numbers = np.array(_values(values), np.float64)
        if self.look.get("type") == "log":
            numbers = np.log10(np.maximum(numbers, 1e-300))
        shares: Floats = (numbers - low) / (high - low)
        return self.first + shares.clip(-3, 3) * (self.last - self.first)

    def within(self, pixels: Floats) -> Floats:
        """Move pixels to the axis."""
        low, high = sorted((self.first, self.last))
        return pixels.clip(low, high)

    def shown(self, pixels: Floats) -> NDArray[np.bool_]:
        """Whether pixels lie on the axis."""
        return np.abs(self.within(pixels) - pixels) < 0.5


class Chart:
    """A figure in pixels, with its template."""

    def __init__(self, traces: list[Json], layout: Json, width: int) -> None:
        template = layout["template"]["layout"]
        self.traces, self.width, self.height = traces, layout.get("width", width), layout["height"]
        self.layout = _merged(template, layout)
        self.font, margin = self.layout["font"], layout["margin"]
        self.left, self.right = float(margin["l"]), float(width - margin["r"])
        self.top, self.bottom = float(margin["t"]), float(self.height - margin["b"])
        self.axes = {
            name.replace("axis", ""): self._axis(name[0], _merged(template[name[:5]], layout[name]))
            for name in layout
            if re.fullmatch(r"[xy]axis\d?", name)
        }
        _refuse_unknown("figure", layout)
        parts = {"trace": traces} | {kind: layout.get(f"{kind}s", ()) for kind in ("shape", "annotation")}
        for kind, items in parts.items():
            for item in items:
                _refuse_unknown(kind, item)
        for name in self.axes:
            _refuse_unknown("axis", layout[f"{name[0]}axis{name[1:]}"])

    def _ends(self, letter: str) -> tuple[float, float]:
        return (self.left, self.right) if letter == "x" else (self.bottom, self.top)

    def _axis(self, letter: str, look: Json) -> Axis:
        if look.get("type", "linear") not in ("linear", "log"):
            raise Unsupported(f"an axis of type {look['type']!r}")
        first, last = self._ends(letter)
        low, high = (first + share * (last - first) for share in look.get("domain", (0, 1)))
        return Axis(look, low, high)

    def _axes(self, trace: Json) -> tuple[Axis, Axis]:
        return self.axes[trace.get("xaxis", "x")], self.axes[trace.get("yaxis", "y")]

    def _place(self, letter: str, look: Json, value: float, *, is_power: bool = False) -> float:
        """Return the pixel of a value of a shape or an annotation: of data, of a domain, or of the figure."""
        ref = look.get(f"{letter}ref", letter)
        axis = self.axes.get(ref.removesuffix(" domain"))
        if axis and "domain" not in ref:
            is_log = is_power and axis.look.get("type") == "log"  # of annotations plotly takes logarithms
            return float(axis.within(axis.at([10**value if is_log else value]))[0])
        first, last = axis[1:] if axis else self._ends(letter)
        return first + value * (last - first)

    def marks(self) -> Iterator[Markup]:
        """Draw all marks from the bottom up: plotly draws all bars below all lines."""
        shapes, notes = self.layout.get("shapes", ()), self.layout.get("annotations", ())
        yield box(0, self.width, 0, self.height, **paint("fill", self.layout["paper_bgcolor"]))
        yield from (self._shape(shape) for shape in shapes if shape.get("layer") == "below")
        yield from chain.from_iterable(map(self._scale, self.axes.items()))
        draws = {"bar": self._bars, "scatter": self._scatter}
        for kind in sorted({trace["type"] for trace in self.traces}):
            own = [trace for trace in self.traces if trace["type"] == kind]
            yield from chain.from_iterable(map(draws[kind], own))
        yield from (self._shape(shape) for shape in shapes if shape.get("layer") != "below")
        yield from map(self._note, notes)
        yield from self._title()
        if self.layout.get("showlegend", True):
            yield element("g", Markup("").join(self._legend()))

    def _shape(self, look: Json) -> Markup:
        """Draw a rectangle, a line, or a path of straight lines."""
        path = look["path"] if look["type"] == "path" else SHAPES[look["type"]].format(**look)
        steps = []
        for pen, values in re.findall("([MLHVZ])([^MLHVZ]*)", path):
            letters = {"H": "x", "V": "y"}.get(pen, "xy")
            places = zip(letters, values.split(","), strict=False)
            pixels = [number(self._place(letter, look, float(value))) for letter, value in places if value]
            steps.append(pen + ",".join(pixels))
        edge = edge_look(look["line"])
        return element("path", d="".join(steps), **paint("fill", look.get("fillcolor")), **edge)

    def _scale(self, item: tuple[str, Axis]) -> Iterator[Markup]:
        """Draw an axis' grid and the words of its ticks."""
        name, axis = item
        look, is_x = axis.look, name.startswith("x")
        if look.get("visible") is False:
            return
        other = self.axes.get(look.get("anchor", "y" if is_x else "x"))
        ends = other[1:] if other else self._ends("y" if is_x else "x")
        font = self.font | look["tickfont"]
        size = font["size"]
        base = self.top - 1 - 0.2 * size if look.get("side") == "top" else self.bottom + 1 + size
        edge = self.left if look.get("anchor") == "free" else max(ends)
        pixels = axis.at(look["tickvals"])
        for pixel, words, is_shown in zip(pixels, look["ticktext"], axis.shown(pixels), strict=True):
            if not is_shown:
                continue
            if look.get("showgrid", True):
                line = ((pixel, pixel), ends) if is_x else (ends, (pixel, pixel))
                yield polyline(*line, **paint("stroke", look["gridcolor"]))
            middle = pixel + 0.35 * size - (len(lines_of(words)) - 1) * LINE * size / 2
            place = (pixel, base) if is_x else (edge + look["ticklabelstandoff"] + 1, middle)
            yield text_at(*place, words, font, "middle" if is_x else None)

    def _bars(self, trace: Json) -> Iterator[Markup]:
        if trace.get("orientation") != "h":
            raise Unsupported("an upright bar")
        x_axis, y_axis = self._axes(trace)
        mark, half = trace["marker"], trace["width"] / 2
        start, length = (np.array(_values(trace[key]), np.float64) for key in ("base", "x"))
        rows = np.array(_values(trace["y"]), np.float64)
        sides = [x_axis.within(x_axis.at(edge)) for edge in (start, start + length)]
        sides += [y_axis.within(y_axis.at(edge)) for edge in (rows - half, rows + half)]
        n, line = len(rows), mark.get("line", {})
        looks = (mark["color"], line.get("color"), line.get("width"), _hover(trace))
        columns = zip(*map(np.ndarray.tolist, sides), *(_each(look, n) for look in looks), strict=True)
        for x0, x1, y0, y1, fill, edge, edge_px, hover in columns:
            radius = min(mark.get("cornerradius", 0), abs(x1 - x0) / 2, abs(y1 - y0) / 2) or None
            stroke = edge_look({"color": edge, "width": edge_px})
            look = paint("fill", fill) | stroke
            yield box(x0, x1, y0, y1, rx=radius, body=title_of(hover), **look)

    def _scatter(self, trace: Json) -> Iterator[Markup]:
        """Draw a line with gaps, marks, or texts."""
        x_axis, y_axis = self._axes(trace)
        x, y, mode = x_axis.at(trace["x"]), y_axis.at(trace["y"]), trace["mode"]
        shown = x_axis.shown(x) & y_axis.shown(y)
        if "lines" in mode and not np.isnan(x).all():
            line = trace["line"]
            dash = max(line["width"], 3) if line.get("dash") == "dot" else None
            yield polyline(x_axis.within(x), y_axis.within(y), stroke_dasharray=dash, **edge_look(line))
        if "markers" in mode:
            yield from _markers(trace, x, y, shown)
        if mode == "text":
            yield from self._texts(trace, x, y, shown)

    def _texts(self, trace: Json, x: Floats, y: Floats, shown: NDArray[np.bool_]) -> Iterator[Markup]:
        vertical, side = trace["textposition"].split()
        if vertical != "middle":
            raise Unsupported(f"textposition {trace['textposition']!r}")
        font, n = self.font | trace["textfont"], len(x)
        anchor = {"right": None, "left": "end", "center": "middle"}[side]
        columns = zip(x, y, trace["text"], _each(font["color"], n), shown, strict=True)
        for at_x, at_y, words, color, is_shown in columns:
            if is_shown and words:
                yield text_at(at_x, at_y + 0.25 * font["size"], words, font | {"color": color}, anchor)

    def _note(self, note: Json) -> Markup:
        """Write an annotation."""
        if note.get("showarrow", True):
            raise Unsupported("an annotation with an arrow")
        font, pad = self.font | note["font"], note.get("borderpad", 1) + 1
        x = self._place("x", note, note["x"], is_power=True) + note.get("xshift", 0)
        y = self._place("y", note, note["y"], is_power=True) - note.get("yshift", 0)
        height = (1.17 + (len(lines_of(note["text"])) - 1) * LINE) * font["size"]
        tops = {"top": y + pad, "bottom": y - pad - height}
        side, anchor = ANCHORS[note.get("xanchor", "center")]
        base = tops.get(note.get("yanchor", "middle"), y - height / 2) + 0.93 * font["size"]
        return text_at(x + side * (pad + 1), base, note["text"], font, anchor)

    def _title(self) -> Iterator[Markup]:
        """Write the title's lines into the upper left corner."""
        title = self.layout["title"]
        if title.get("text"):
            font, pad = self.font | title["font"], title["pad"]
            is_single = "<br>" not in title["text"]
            yield text_at(pad["l"], pad["t"] + 0.7 * font["size"] * is_single, title["text"], font)

    def _legend(self) -> Iterator[Markup]:
        """Draw the legend in lines below; the place of an entry depends on estimated widths."""
        look = self.layout["legend"]
        entries = [trace for trace in self.traces if trace.get("showlegend", True)]
        font, top = self.font | look["font"], self.bottom - look.get("y", 0) * (self.bottom - self.top)
        widths = [entry_px(trace["name"]) for trace in entries]
        first = max(0, min(self.left, self.right - sum(widths)))
        x, line = first, 0.5
        for trace, width in zip(entries, widths, strict=True):
            if x > first and x + width > self.right + 0.5:
                x, line = first, line + 1
            y = top + line * LEGEND_PX + 5.5
            yield from _key(trace, x, y)
            yield text_at(x + SYMBOL_PX, y + 0.35 * font["size"], trace["name"], font)
            x += width


def _hover(trace: Json) -> Any:
    return None if trace.get("hoverinfo") == "skip" else trace.get("hovertext", trace.get("customdata"))


def _markers(trace: Json, x: Floats, y: Floats, shown: NDArray[np.bool_]) -> Iterator[Markup]:
    """Draw marks of the few symbols of ours."""
    n, mark = len(x), trace["marker"]
    line = mark.get("line", {})
    looks = [mark["size"], mark.get("color"), mark.get("symbol", "circle")]
    looks += [line.get("color"), line.get("width"), _hover(trace)]
    opacity = None if mark.get("opacity", 1) == 1 else mark["opacity"]
    columns = zip(x, y, *(_each(look, n) for look in looks), shown, strict=True)
    for at_x, at_y, size, color, symbol, edge, edge_px, hover, is_shown in columns:
        is_clear = symbol in ("circle-open", "x-thin", "line-ns")
        look = paint("fill", None if is_clear else color) | edge_look({"color": edge, "width": edge_px})
        if is_shown and (look["fill"] != "none" or "stroke" in look):
            look["opacity"] = opacity
            yield symbol_at(float(at_x), float(at_y), size / 2, symbol, title_of(hover), look)


def _key(trace: Json, x: float, y: float) -> Iterator[Markup]:
    """Draw the symbol of an entry of the legend."""
    if "markers" in trace["mode"]:
        place = (np.array([value]) for value in (x + 20, y, True))
        yield from _markers(trace | {"hoverinfo": "skip"}, *place)
    else:
        yield polyline((x + 5, x + 35), (y, y), **edge_look(trace["line"]))
