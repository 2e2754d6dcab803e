"""A figure of ours as a static SVG that needs no script, and follows a page's light or dark.

It draws the part of plotly that runkit's figures and everyday edits of them use: flat bars, lines,
marks and texts on axes with a range, shapes and annotations of straight lines and words. What else
a reader adds is left out and named in the picture. Values become pixels by range, domain and
margin, so that no mark depends on a font.

Colors are attributes, those of the light theme, so that the picture is right where styles are
stripped; one rule for each color exchanges it in the dark (`light-dark()` follows the page's
`color-scheme`).
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain, compress
from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from runkit.charts._svg_elements import (
    box,
    color_attributes,
    edge,
    element,
    point,
    polyline,
    symbol_at,
    text_at,
    title_of,
)
from runkit.charts.theme import EDGE_PX, FONT_PX, WIDTH, Json, template
from runkit.display.colors import DARK, LIGHT
from runkit.display.text import Markup, esc

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

Floats = NDArray[np.float64]
FAULTS = (LookupError, TypeError, AttributeError, ValueError)  # of a figure with other parts
CLEAR = ("circle-open", "x-thin", "line-ns")  # symbols without a fill
TITLE_PX = 16  # from an axis to its title
TICK_PX, NOTE_PX = 1, 2  # around labels of ticks, and around other texts
NEAR_PX = 0.5  # a mark that is not farther from the axes is drawn
OPPOSITE = {"left": "right", "right": "left", "center": "center"}
LAYERS = ("below", "between", "above")  # of shapes: below axes, below traces, above them
SHAPES = {
    "rect": "M{x0},{y0}L{x1},{y0}L{x1},{y1}L{x0},{y1}Z",
    "line": "M{x0},{y0}L{x1},{y1}",
    "path": "{path}",
}
# Light and dark colors; of names with one light color the first counts.
PAIRS = dict(zip(LIGHT[::-1], DARK[::-1], strict=True))
AXES = ("xaxis", "xaxis2", "yaxis", "yaxis2")
KNOWN = {  # what is drawn, and what has no effect on a picture; the rest is named in it
    "figure": "annotations autosize barmode dragmode font height hovermode legend margin meta "
    "modebar paper_bgcolor plot_bgcolor shapes showlegend template title uirevision width xaxis "
    "xaxis2 yaxis yaxis2",
    "axis": "anchor autorange domain fixedrange labelalias nticks position range showgrid side "
    "tickangle tickfont ticklabelstandoff tickmode ticksuffix ticktext tickvals title type visible",
    "trace": "base cliponaxis customdata hoverinfo hovertemplate hovertext line marker mode name "
    "opacity orientation showlegend text textfont textposition type visible width x xaxis y yaxis",
    "shape": "fillcolor layer line opacity path type x0 x1 xref y0 y1 yref",
    "annotation": "align font name showarrow text x xanchor xref xshift y yanchor yref yshift",
    "title": "font pad standoff text x xanchor xref y yanchor yref",
    "marker": "color cornerradius line opacity size symbol",
    "line": "color dash width",
    "font": "color family size",
}
PARTS = {
    **{name: name for name in ("line", "marker", "font", "title")},
    **dict.fromkeys(("textfont", "tickfont"), "font"),
    **dict.fromkeys(AXES, "axis"),
    "shapes": "shape",
    "annotations": "annotation",
}
# plotly's own, for what a reader adds
LINE_COLOR = "#444444"
SHAPE: Json = {"layer": "above", "line": {"color": LINE_COLOR, "width": 2}}
NOTE = "Not in this picture: {}. Open the notebook to see it."
PICTURE = Markup(
    '<svg xmlns="http://www.w3.org/2000/svg" class="runkit-chart" role="img" aria-label="{alt}" '
    'viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
    'style="max-width:100%;height:auto" font-family="{family}">{style}{marks}</svg>'
)
STYLE = Markup("<style>{}</style>")
RULE = '.runkit-chart [{kind}="{light}"]{{{kind}:light-dark({light},{dark})}}'


class Unsupported(ValueError):
    """A figure is not one of ours, or its axes are of another kind."""


def svg(figure: Figure | Mapping[str, Any]) -> Markup:
    """Draw a figure of ours.

    Parameters
    ----------
    figure
        The figure, or its JSON as a notebook keeps it.

    Returns
    -------
    Markup
        One `<svg>` element, whose label is the figure's sentence. Hover texts are titles.

    Raises
    ------
    Unsupported
        For a figure that is not one of ours, or has axes of another kind.
    """
    try:
        parts = figure if isinstance(figure, Mapping) else figure.to_plotly_json()
        alt = parts["layout"]["meta"]["alt"]
        chart = Chart(parts["data"], parts["layout"])
        marks = Markup("\n").join(chart.marks())
    except FAULTS as error:
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
        style=STYLE.format(Markup("".join(rules))),  # noqa: S704 - our own colors
        marks=marks,
    )


def _numbers(values: Any) -> Floats:
    """Read numbers, or plotly's typed array of them."""
    if isinstance(values, Mapping):
        return np.frombuffer(base64.b64decode(values["bdata"]), values["dtype"]).astype(np.float64)
    return np.array(values, np.float64)


def _merged(base: Mapping[str, Any], update: Mapping[str, Any]) -> Json:
    """Update a nested dictionary with another."""
    inner = {
        key: _merged(base[key], update[key]) for key in update if isinstance(base.get(key), Mapping)
    }
    return {**base, **update, **inner}


def _unknown(kind: str, options: Mapping[str, Any]) -> set[str]:
    """Return what of a part of a figure is not drawn here."""
    names = {f"{name} of {kind}" for name in options.keys() - KNOWN[kind].split()}
    for name in PARTS.keys() & options.keys():
        inner = options[name]
        for part in [inner] if isinstance(inner, Mapping) else inner:
            if isinstance(part, Mapping):  # a trace names its axes
                names |= _unknown(PARTS[name], part)
    return names


class Axis(NamedTuple):
    """An axis from pixel `first` to `last`, with its options of the layout."""

    options: Json
    first: float
    last: float

    def at(self, values: Any, *, is_power: bool = False) -> Floats:
        """Return the pixels of values, NaN for none; within reach, as nobody draws 1e20 pixels.

        Where `is_power`, the values on a log axis are logarithms.
        """
        low, high = self.options["range"]
        numbers = _numbers(values)
        if self.options.get("type") == "log" and not is_power:
            numbers = np.log10(np.maximum(numbers, 1e-300))
        shares: Floats = (numbers - low) / (high - low)
        return self.first + shares.clip(-3, 3) * (self.last - self.first)

    def within(self, values: Any, *, is_power: bool = False) -> Floats:
        """Return the pixels of values, moved to the axis."""
        return self.limited(self.at(values, is_power=is_power))

    def limited(self, pixels: Floats) -> Floats:
        """Move pixels to the axis."""
        low, high = sorted((self.first, self.last))
        return pixels.clip(low, high)

    def shows(self, pixels: Floats) -> Any:
        """Flag the pixels that are on the axis."""
        return np.abs(self.limited(pixels) - pixels) < NEAR_PX


class Chart:
    """A figure in pixels, with its template; `left_out` names what is not drawn."""

    def __init__(self, traces: list[Json], layout: Json) -> None:
        self.left_out = _unknown("figure", layout)
        if layout.get("showlegend"):
            self.left_out.add("the legend")
        # a reader's own template may lack what ours has
        base = _merged(template(LIGHT)["layout"], layout["template"].get("layout", {}))
        self.traces = traces
        self.layout = _merged(base, layout)
        margin = layout["margin"]
        self.width = layout.get("width", WIDTH)
        self.height = layout["height"]
        self.font: Json = self.layout["font"]
        self.ends = {  # the edges of the whole drawing
            "x": (margin["l"], self.width - margin["r"]),
            "y": (self.height - margin["b"], margin["t"]),
        }
        self.axes = {
            name.replace("axis", ""): self._axis(name[0], _merged(base[name[:5]], layout[name]))
            for name in AXES
            if name in layout
        }

    def _axis(self, letter: str, options: Json) -> Axis:
        if options.get("type", "linear") not in ("linear", "log"):
            raise ValueError(f"an axis of type {options['type']!r}")
        first, last = self.ends[letter]
        start, end = options.get("domain", (0, 1))
        length = last - first
        return Axis(options, first + start * length, first + end * length)

    def _pixels(self, letter: str, mark: Json, values: Any, *, is_power: bool = False) -> Any:
        """Return the pixels of values of a shape or an annotation."""
        ref = mark.get(f"{letter}ref", letter)
        axis = self.axes.get(ref.removesuffix(" domain"))
        if axis and "domain" not in ref:
            return axis.within(values, is_power=is_power)
        ends = axis[1:] if axis else self.ends[letter]
        return Axis({"range": (0, 1)}, *ends).at(values)

    def marks(self) -> Iterator[Markup]:
        """Draw all marks from the bottom up."""
        ground, inner = (self.layout[f"{name}_bgcolor"] for name in ("paper", "plot"))
        yield box(0, self.width, 0, self.height, **color_attributes("fill", ground))
        if inner != ground:
            plot = box(*self.ends["x"], *self.ends["y"], **color_attributes("fill", inner))
            yield element("g", plot)
        shapes = [_merged(SHAPE, shape) for shape in self.layout.get("shapes", ())]
        below, between, above = (
            [shape for shape in shapes if shape["layer"] == layer] for layer in LAYERS
        )
        yield from self._drawn("shape", below, self._shape)
        yield from chain.from_iterable(map(self._scale, self.axes))
        yield from self._drawn("shape", between, self._shape)
        # plotly draws all bars below all lines
        traces = sorted(self.traces, key=itemgetter("type"))
        seen = [trace for trace in traces if trace.get("visible", True) is True]
        yield from self._drawn("trace", seen, self._trace)
        yield from self._drawn("shape", above, self._shape)
        notes = self.layout.get("annotations", ())
        yield from self._drawn("text with an arrow", notes, self._note)
        title = self.layout["title"]
        if text := title.get("text"):
            font = self.font | title["font"]
            pad = title["pad"]
            shift = 0 if "<br>" in text else 0.7 * font["size"]
            yield text_at(pad["l"], pad["t"] + shift, text, font)
        if self.left_out:
            note = NOTE.format(", ".join(sorted(self.left_out)))
            yield text_at(EDGE_PX, self.height - 6, esc(note), self.font | {"size": FONT_PX - 1})

    def _drawn(
        self, kind: str, parts: Iterable[Json], draw: Callable[[Json], Markup]
    ) -> Iterator[Markup]:
        """Draw parts of one kind, and note those that are drawn in part only, or not at all."""
        for part in parts:
            try:
                marks = draw(part)
            except FAULTS:
                self.left_out.add(f"a {part.get('type', '')} {kind}".replace("  ", " "))
                continue
            opacity = part.get("opacity")
            yield marks if opacity is None else element("g", marks, opacity=opacity)

    def _trace(self, trace: Json) -> Markup:
        draw = {"bar": self._bars, "scatter": self._scatter}[trace["type"]]
        self.left_out |= _unknown("trace", trace)
        axes = self.axes[trace.get("xaxis", "x")], self.axes[trace.get("yaxis", "y")]
        return Markup("\n").join(draw(trace, *axes))

    def _shape(self, shape: Json) -> Markup:
        """Draw a rectangle, a line, or a path of straight lines."""
        path = SHAPES[shape["type"]].format(**shape)
        values = np.array([pair.split(",") for pair in re.findall("[^MLZ]+", path)], float)
        x, y = (self._pixels(letter, shape, values[:, i]) for i, letter in enumerate("xy"))
        points = map(point, x, y)
        fill = color_attributes("fill", shape.get("fillcolor"))
        stroke = edge(**shape["line"])
        path = re.sub("[^MLZ]+", lambda _: next(points), path)
        return element("path", d=path, **fill, **stroke)

    def _scale(self, name: str) -> Iterator[Markup]:
        """Draw an axis' grid and the labels of its ticks."""
        axis = self.axes[name]
        is_x = name.startswith("x")
        options = axis.options
        if options.get("visible") is False:
            return
        ends = self.ends["y" if is_x else "x"]
        font = self.font | options["tickfont"]
        is_on_top = options.get("side") == "top"
        is_free = options.get("anchor") == "free"
        sides = "center", "bottom" if is_on_top else "top"

        title = options["title"].get("text")
        if title and is_x:
            middle = (axis.first + axis.last) / 2
            style = font | options["title"]["font"]
            yield text_at(middle, ends[is_on_top], title, style, *sides, TITLE_PX)
        elif title:
            self.left_out.add("the title of the rows")

        pixels = axis.at(options["tickvals"])
        ticks = zip(pixels, options["ticktext"], strict=True)
        for pixel, label in compress(ticks, axis.shows(pixels)):
            if options.get("showgrid", True):
                line = ((pixel, pixel), ends) if is_x else (ends, (pixel, pixel))
                yield polyline(*line, **color_attributes("stroke", options["gridcolor"]))
            if is_x:
                yield text_at(pixel, ends[is_on_top], label, font, *sides, TICK_PX)
            else:
                x = ends[not is_free] + options["ticklabelstandoff"]
                yield text_at(x, pixel, label, font, "left", "middle", TICK_PX)

    def _bars(self, trace: Json, x_axis: Axis, y_axis: Axis) -> Iterator[Markup]:
        if trace.get("orientation") != "h":
            raise ValueError("an upright bar")
        base, length, row = (_numbers(trace[key]) for key in ("base", "x", "y"))
        half = trace["width"] / 2
        x0 = x_axis.within(base)
        x1 = x_axis.within(base + length)
        y0 = y_axis.within(row - half)
        y1 = y_axis.within(row + half)
        for bar in _each(trace, x0=x0, x1=x1, y0=y0, y1=y1):
            yield box(bar["x0"], bar["x1"], bar["y0"], bar["y1"], bar["title"], **bar["style"])

    def _scatter(self, trace: Json, x_axis: Axis, y_axis: Axis) -> Iterator[Markup]:
        """Draw a line with gaps, marks, or texts."""
        mode = trace["mode"]
        x = x_axis.at(trace["x"])
        y = y_axis.at(trace["y"])
        is_shown = x_axis.shows(x) & y_axis.shows(y)
        if "lines" in mode and not np.isnan(x).all():
            line = trace["line"]
            dash = max(line["width"], 3) if line.get("dash") == "dot" else None
            ends = x_axis.limited(x), y_axis.limited(y)
            yield polyline(*ends, stroke_dasharray=dash, **edge(**line))
        if "markers" in mode:
            yield from map(symbol_at, compress(_each(trace, x=x, y=y), is_shown))
        if "text" in mode:
            font = self.font | trace["textfont"]
            vertical, side = trace["textposition"].split()
            columns = {"x": x, "y": y, "text": trace["text"], "color": font["color"]}
            for text in compress(_records(columns), is_shown):
                style = font | {"color": text["color"]}
                yield text_at(text["x"], text["y"], text["text"], style, OPPOSITE[side], vertical)

    def _note(self, note: Json) -> Markup:
        """Write an annotation without an arrow."""
        if note.get("showarrow", True):
            raise ValueError("an arrow")
        x, y = (self._pixels(letter, note, note[letter], is_power=True) for letter in "xy")
        sides = note.get("xanchor", "center"), note.get("yanchor", "middle")
        x = x + note.get("xshift", 0)
        y = y - note.get("yshift", 0)
        return text_at(x, y, note["text"], self.font | note.get("font", {}), *sides, NOTE_PX)


def _records(columns: Json) -> list[Any]:
    """Return a dictionary for each mark; a column is one value for all of them, or one for each."""
    return pd.DataFrame(columns).to_dict("records")


def _each(trace: Json, **columns: Any) -> Iterator[Json]:
    """Iterate over the bars or marks of a trace with their positions, `style` and `title`."""
    look = trace["marker"]
    line = look.get("line", {})
    hover = None if trace.get("hoverinfo") == "skip" else trace.get("customdata")
    columns |= {"color": look["color"], "edge": line.get("color"), "edge_px": line.get("width")}
    columns |= {"size": look.get("size"), "symbol": look.get("symbol", "circle"), "hover": hover}
    for mark in _records(columns):
        color = None if mark["symbol"] in CLEAR else mark["color"]
        title = title_of(mark["hover"])
        style = {
            "rx": look.get("cornerradius"),
            **color_attributes("fill", color),
            **edge(mark["edge"], mark["edge_px"]),
            "opacity": look.get("opacity"),
            # without a hover text the mouse reaches what is below
            "pointer_events": None if title else "none",
        }
        yield mark | {"style": style, "title": title}
