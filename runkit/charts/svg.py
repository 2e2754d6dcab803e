"""A figure of ours as a static SVG: no script, no ids, no font file; it follows a page's light or dark.

It draws the part of plotly that runkit's figures use and refuses the rest by name: flat bars,
lines, marks and texts on axes with a range, shapes and annotations of straight lines and words, one
legend below. Values become pixels by range, domain and margin, so that no mark depends on a font.

Colors are attributes, those of the light theme, so that the picture is right where styles are
stripped; one rule for each color exchanges it in the dark (`light-dark()` follows the page's
`color-scheme`).
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Mapping
from itertools import chain, compress, repeat
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from runkit.charts.style import GRIDS, LEGEND_PX, WIDTH, entry_px
from runkit.charts.svg_elements import (
    LINE,
    Json,
    box,
    edge,
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
LIST = (list, tuple, np.ndarray)  # of a value for each mark
NEAR_PX = 0.5  # from an axis: what is nearer is drawn
SYMBOL_PX = 40  # from the edge of an entry of the legend to its word
ANCHORS = {"left": (1, None), "right": (-1, "end"), "center": (0, "middle")}
SHAPES = {"rect": "M{x0},{y0}H{x1}V{y1}H{x0}Z", "line": "M{x0},{y0}L{x1},{y1}"}
# the first name counts
PAIRS = {GRIDS[LIGHT]: GRIDS[DARK]} | dict(zip(LIGHT[::-1], DARK[::-1], strict=True))
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
PARTS = {
    **{name: name for name in ("line", "marker", "font")},
    **dict.fromkeys(("textfont", "tickfont"), "font"),
    **dict.fromkeys(("xaxis", "xaxis2", "yaxis", "yaxis2"), "axis"),
    "shapes": "shape",
    "annotations": "annotation",
}
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


def _merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> Json:
    """Lay one nested dictionary over another."""
    inner = {
        key: _merged(base[key], over[key]) for key in over if isinstance(base.get(key), Mapping)
    }
    return {**base, **over, **inner}


def _refuse_unknown(kind: str, look: Json) -> None:
    unknown = look.keys() - KNOWN[kind].split()
    if unknown:
        raise Unsupported(f"{', '.join(sorted(unknown))} of {kind}")
    for name in PARTS.keys() & look.keys():
        parts = [look[name]] if isinstance(look[name], Mapping) else look[name]
        for part in () if isinstance(parts, str) else parts:  # a trace names its axes
            _refuse_unknown(PARTS[name], part)


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

    def within(self, values: Any) -> Floats:
        """Return the pixels of values, moved to the axis."""
        low, high = sorted((self.first, self.last))
        return self.at(values).clip(low, high)


class Chart:
    """A figure in pixels, with its template."""

    def __init__(self, traces: list[Json], layout: Json, width: int) -> None:
        _refuse_unknown("figure", layout)
        for trace in traces:
            _refuse_unknown("trace", trace)
        template, margin = layout["template"]["layout"], layout["margin"]
        self.traces, self.layout = traces, _merged(template, layout)
        self.width, self.height = layout.get("width", width), layout["height"]
        self.font: Json = self.layout["font"]
        self.top, self.bottom = float(margin["t"]), float(self.height - margin["b"])
        self.ends = {  # of the whole drawing
            "x": (float(margin["l"]), float(self.width - margin["r"])),
            "y": (self.bottom, self.top),
        }
        self.axes = {
            name.replace("axis", ""): self._axis(name[0], _merged(template[name[:5]], layout[name]))
            for name in PARTS
            if PARTS[name] == "axis" and name in layout
        }

    def _axis(self, letter: str, look: Json) -> Axis:
        if look.get("type", "linear") not in ("linear", "log"):
            raise Unsupported(f"an axis of type {look['type']!r}")
        first, last = self.ends[letter]
        return Axis(look, *(first + share * (last - first) for share in look.get("domain", (0, 1))))

    def _place(self, letter: str, look: Json, value: float, *, is_power: bool = False) -> float:
        """Return the pixel of a value of a shape or an annotation: of data, of a domain, or of the figure."""
        ref = look.get(f"{letter}ref", letter)
        axis = self.axes.get(ref.removesuffix(" domain"))
        if axis and "domain" not in ref:
            # of annotations plotly takes logarithms
            is_log = is_power and axis.look.get("type") == "log"
            return float(axis.within(10**value if is_log else value))
        first, last = axis[1:] if axis else self.ends[letter]
        return first + value * (last - first)

    def marks(self) -> Iterator[Markup]:
        """Draw all marks from the bottom up: plotly draws all bars below all lines."""
        shapes = self.layout.get("shapes", ())
        yield box(0, self.width, 0, self.height, **paint("fill", self.layout["paper_bgcolor"]))
        yield from (self._shape(shape) for shape in shapes if shape.get("layer") == "below")
        yield from chain.from_iterable(map(self._scale, self.axes))
        draws = {"bar": self._bars, "scatter": self._scatter}
        for trace in sorted(self.traces, key=lambda trace: trace["type"]):
            yield from draws[trace["type"]](trace)
        yield from (self._shape(shape) for shape in shapes if shape.get("layer") != "below")
        yield from map(self._note, self.layout.get("annotations", ()))
        title = self.layout["title"]
        if title.get("text"):
            font, pad = self.font | title["font"], title["pad"]
            is_single = "<br>" not in title["text"]
            yield text_at(pad["l"], pad["t"] + 0.7 * font["size"] * is_single, title["text"], font)
        if self.layout.get("showlegend", True):
            yield element("g", Markup("").join(self._legend()))

    def _shape(self, look: Json) -> Markup:
        """Draw a rectangle, a line, or a path of straight lines."""
        path = look["path"] if look["type"] == "path" else SHAPES[look["type"]].format(**look)
        steps = []
        for pen, values in re.findall("([MLHVZ])([^MLHVZ]*)", path):
            places = zip({"H": "x", "V": "y"}.get(pen, "xy"), values.split(","), strict=False)
            pixels = [
                number(self._place(letter, look, float(value))) for letter, value in places if value
            ]
            steps.append(pen + ",".join(pixels))
        return element(
            "path", d="".join(steps), **paint("fill", look.get("fillcolor")), **edge(**look["line"])
        )

    def _scale(self, name: str) -> Iterator[Markup]:
        """Draw an axis' grid and the words of its ticks."""
        axis, is_x = self.axes[name], name.startswith("x")
        look = axis.look
        if look.get("visible") is False:
            return
        other = "y" if is_x else "x"
        crossing = self.axes.get(look.get("anchor", other))
        ends = crossing[1:] if crossing else self.ends[other]
        font, size = self.font | look["tickfont"], look["tickfont"]["size"]
        base = self.top - 1 - 0.2 * size if look.get("side") == "top" else self.bottom + 1 + size
        side = self.ends["x"][0] if look.get("anchor") == "free" else max(ends)
        pixels = axis.at(look["tickvals"])
        is_shown = np.abs(axis.within(look["tickvals"]) - pixels) < NEAR_PX
        for pixel, words in zip(
            pixels[is_shown], compress(look["ticktext"], is_shown), strict=True
        ):
            if look.get("showgrid", True):
                line = ((pixel, pixel), ends) if is_x else (ends, (pixel, pixel))
                yield polyline(*line, **paint("stroke", look["gridcolor"]))
            middle = pixel + 0.35 * size - (len(lines_of(words)) - 1) * LINE * size / 2
            place = (pixel, base) if is_x else (side + look["ticklabelstandoff"] + 1, middle)
            yield text_at(*place, words, font, "middle" if is_x else None)

    def _axes(self, trace: Json) -> tuple[Axis, Axis]:
        return self.axes[trace.get("xaxis", "x")], self.axes[trace.get("yaxis", "y")]

    def _bars(self, trace: Json) -> Iterator[Markup]:
        if trace.get("orientation") != "h":
            raise Unsupported("an upright bar")
        x_axis, y_axis = self._axes(trace)
        base, length, row = (
            np.array(_values(trace[key]), np.float64) for key in ("base", "x", "y")
        )
        x = [x_axis.within(end) for end in (base, base + length)]
        y = [y_axis.within(row + half) for half in (-trace["width"] / 2, trace["width"] / 2)]
        columns = dict(zip(("x0", "x1", "y0", "y1"), (*x, *y), strict=True))
        radius = trace["marker"].get("cornerradius", 0)
        for bar in _each(trace, columns):
            sides = (bar["x0"], bar["x1"], bar["y0"], bar["y1"])
            round_px = (
                min(radius, abs(sides[1] - sides[0]) / 2, abs(sides[3] - sides[2]) / 2) or None
            )
            look = paint("fill", bar["color"]) | edge(bar["edge"], bar["edge_px"])
            yield box(*sides, rx=round_px, body=title_of(bar["hover"]), **look)

    def _scatter(self, trace: Json) -> Iterator[Markup]:
        """Draw a line with gaps, marks, or texts."""
        x_axis, y_axis = self._axes(trace)
        x, y, mode = x_axis.at(trace["x"]), y_axis.at(trace["y"]), trace["mode"]
        on_x, on_y = x_axis.within(trace["x"]), y_axis.within(trace["y"])
        shown = (np.abs(on_x - x) < NEAR_PX) & (np.abs(on_y - y) < NEAR_PX)
        if "lines" in mode and not np.isnan(x).all():
            line = trace["line"]
            dash = max(line["width"], 3) if line.get("dash") == "dot" else None
            yield polyline(on_x, on_y, stroke_dasharray=dash, **edge(**line))
        if "markers" in mode:
            yield from _markers(trace, {"x": x, "y": y, "is_shown": shown})
        if mode == "text":
            font, (vertical, side) = self.font | trace["textfont"], trace["textposition"].split()
            if vertical != "middle":
                raise Unsupported(f"textposition {trace['textposition']!r}")
            anchor = {"right": None, "left": "end", "center": "middle"}[side]
            colors = font["color"] if isinstance(font["color"], LIST) else repeat(font["color"])
            points = zip(x.tolist(), y.tolist(), trace["text"], colors, strict=False)
            for at_x, at_y, words, color in compress(points, shown):
                yield text_at(
                    at_x, at_y + 0.25 * font["size"], words, font | {"color": color}, anchor
                )

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

    def _legend(self) -> Iterator[Markup]:
        """Draw the legend in lines below; the place of an entry depends on estimated widths."""
        look, (left, right) = self.layout["legend"], self.ends["x"]
        entries = [trace for trace in self.traces if trace.get("showlegend", True)]
        font, top = (
            self.font | look["font"],
            self.bottom - look.get("y", 0) * (self.bottom - self.top),
        )
        widths = [entry_px(trace["name"]) for trace in entries]
        first = max(0, min(left, right - sum(widths)))
        x, y = first, top + 0.5 * LEGEND_PX + 5.5
        for trace, width in zip(entries, widths, strict=True):
            if x > first and x + width > right + 0.5:
                x, y = first, y + LEGEND_PX
            if "markers" in trace["mode"]:
                yield from _markers(
                    trace | {"hoverinfo": "skip"}, {"x": [x + 20], "y": [y], "is_shown": True}
                )
            else:
                yield polyline((x + 5, x + 35), (y, y), **edge(**trace["line"]))
            yield text_at(x + SYMBOL_PX, y + 0.35 * font["size"], trace["name"], font)
            x += width


def _each(trace: Json, columns: Json) -> list[Json]:
    """Return the bars or marks of a trace with their places; a look is one for all of them, or for each."""
    mark = trace["marker"]
    line = mark.get("line", {})
    hover = (
        None
        if trace.get("hoverinfo") == "skip"
        else trace.get("hovertext", trace.get("customdata"))
    )
    looks = {"color": mark.get("color"), "edge": line.get("color"), "edge_px": line.get("width")}
    looks |= {"hover": hover, "size": mark.get("size"), "symbol": mark.get("symbol", "circle")}
    every = [
        look if isinstance(look, LIST) else repeat(look) for look in (columns | looks).values()
    ]
    return [dict(zip(columns | looks, row, strict=True)) for row in zip(*every, strict=False)]


def _markers(trace: Json, columns: Json) -> Iterator[Markup]:
    """Draw marks of the few symbols of ours."""
    opacity = trace["marker"].get("opacity", 1)
    for mark in _each(trace, columns):
        is_clear = mark["symbol"] in ("circle-open", "x-thin", "line-ns")
        look = paint("fill", None if is_clear else mark["color"]) | edge(
            mark["edge"], mark["edge_px"]
        )
        if mark["is_shown"] and (look["fill"] != "none" or "stroke" in look):
            look["opacity"] = None if opacity == 1 else opacity
            place = (mark["x"], mark["y"], mark["size"] / 2, mark["symbol"])
            yield symbol_at(*place, title_of(mark["hover"]), look)
