"""What stands around the bars: title, axes, legend, shaded rows, waits, and the picture behind them."""

from __future__ import annotations

from typing import Any

import numpy as np

from runkit.charts import bounded
from runkit.charts.axis import PLOT_PX, clock_axis, relative_axis
from runkit.charts.bars import BAR, GROUP, WAIT, Array
from runkit.charts.heading import Heading
from runkit.charts.labels import bold, plain, width_px
from runkit.charts.style import SIZE, faded, note, template
from runkit.charts.traces import STUB, Picture, Trace, durations, stubs
from runkit.style import Theme
from runkit.text import duration

LINE_PX = 22  # a line of the title
EDGE_PX = 16
ABOVE_PX = 20  # over the title
AXIS_PX = 30  # below the rows: the ticks
DATE_PX = 16  # the second line of clock times, and the axis' title
LEGEND_PX = 24  # a line of the legend
FIGURE_PX = 900  # the usual width of a figure, for the legend
ENTRY_PX = 48  # of an entry of the legend beside its word
STRIP = 1.6  # rows above the first one, where the words of waits stand
MOST_WAITS = 40  # bands
WAIT_WORDS = "waiting for a reviewer"
UNDER: dict[str, Any] = {"yanchor": "top", "yshift": -3, "borderpad": 0}  # a line
WORD_PX = 6  # a letter of the words of a wait, about
# Below the plot, where plotly lets a legend be as wide as the figure.
LEGEND = {"orientation": "h", "x": -0.001, "yanchor": "top", "itemclick": False} | {
    "itemdoubleclick": False,
}
TOOLS = ["zoom", "pan", "select", "lasso", "zoomIn", "zoomOut", "autoScale", "toggleSpikelines"]


def layout(
    picture: Picture,
    data: list[Trace],
    heading: Heading,
    *,
    is_clock: bool,
    above: float | None = None,
    reach: float | None = None,
) -> dict[str, Any]:
    """The figure's layout.

    `is_clock`: the axis says the time of day. `above`: rows over the first one, by default room for the words
    of waits. `reach`: pixels behind the axis, by default those of the durations.
    """
    rows, waits = picture.rows, _wait_bands(picture)
    above = above or (STRIP if waits else 0.15)
    top, last = -0.5 - above, rows.n - 0.5 + (not len(picture.scene.bars))
    area = round((last - top) * rows.px)
    below = AXIS_PX + (2 * DATE_PX if is_clock else 0)
    legend_px = LEGEND_PX * _legend_lines(data)
    labels_px = max(map(width_px, rows.texts), default=0) + EDGE_PX
    margin = {"l": labels_px + EDGE_PX, "t": title_px(heading), "b": below + legend_px, "pad": 0}
    margin["r"] = EDGE_PX + round(max(durations(picture)[1] if reach is None else reach, 0))
    figure = figure_layout(picture.theme, heading, area, below + legend_px)
    figure["meta"]["refines"] = not is_clock and not picture.axis.folds  # ticks, by a page's zoom
    return figure | {
        "xaxis": _time_axis(picture, is_clock),
        "yaxis": {
            "range": [last, top],
            "fixedrange": True,  # a drag zooms on time; near time 0 it would move the rows out of sight
            "tickmode": "array",
            "tickvals": rows.ticks,
            "ticktext": rows.texts,
            "tickfont": {"size": SIZE, "color": picture.theme.text},
            # Labels right of their axis and moved left begin at one line, so that indents can be seen.
            # (`shift` would do it too, and takes the area of the hover along.)
            "side": "right",
            "anchor": "free",
            "position": 0,
            "ticklabelstandoff": -labels_px,
            "showgrid": False,
        },
        "margin": margin,
        "legend": LEGEND | {"y": -below / area},
        "shapes": [*_shaded(picture), *(_band(picture, wait, top) for wait in waits)],
        "annotations": [*_wait_words(picture, waits, top), *_fold_words(picture), *_absences(picture)],
        "images": [_image(picture)] if picture.is_bounded else [],
    }


def figure_layout(theme: Theme, heading: Heading, area: int, below: int) -> dict[str, Any]:
    """What the layouts of all charts of runs have in common; `area` and `below` are heights in pixels."""
    edge = {"xref": "container", "xanchor": "left", "yref": "container", "yanchor": "top"}
    return {
        "template": template(theme),
        "title": {
            "text": "<br>".join(heading.lines),
            "x": 0,
            "y": 1,
            "pad": {"l": EDGE_PX, "t": ABOVE_PX},
            **edge,
        },
        "meta": {"alt": f"Timeline of {heading.alt}", "summary": heading.alt, "title": heading.narrow},
        "barmode": "overlay",
        "height": area + title_px(heading) + below,
        "hovermode": "closest",
        "dragmode": "zoom",
        "modebar": {"remove": TOOLS},
        "uirevision": "zoom",
    }


def title_px(heading: Heading) -> int:
    """Height of a title with the space around it."""
    return ABOVE_PX + LINE_PX * len(heading.lines) + EDGE_PX


def _legend_lines(data: list[Trace]) -> int:
    """How many lines the legend needs, in a figure of usual width."""
    words = [trace["name"] for trace in data if trace.get("showlegend")]
    width = sum(width_px(word) * 0.9 + ENTRY_PX for word in words)
    return int(-(-width // FIGURE_PX))


def _time_axis(picture: Picture, is_clock: bool) -> dict[str, Any]:
    """The time axis."""
    axis = picture.axis
    origin = int(picture.scene.origin.min()) if is_clock else 0
    ticks = clock_axis(axis, origin, picture.tz) if is_clock else relative_axis(axis)
    title = {"title": {"text": f"Time of day, {plain(picture.tz)}", "standoff": 4}} if is_clock else {}
    stub = STUB * axis.length * len(stubs(picture))
    span = [axis.start - 2 * axis.length / PLOT_PX, axis.start + axis.length + stub]
    return {"range": span, "tickangle": 0, "showgrid": True} | ticks | title


def _shaded(picture: Picture) -> list[dict[str, Any]]:
    """Shaded rows, from edge to edge of the figure."""
    ground = {"fillcolor": picture.theme.band, "line": {"width": 0}, "layer": "below"}
    return [
        {"type": "rect", "xref": "paper", "x0": -2, "x1": 3, "y0": top - 0.5, "y1": bottom - 0.5} | ground
        for top, bottom in ([] if picture.is_dense else picture.rows.bands)
    ]


def _wait_bands(picture: Picture) -> list[Any]:
    """The waits of a single run that are drawn as bands over all rows, in order of time."""
    waits = picture.bars[picture.bars["kind"] == WAIT]
    if picture.is_bounded or len(picture.scene.runs) > 1:
        return []
    longest = np.argsort(waits["start"] - waits["end"], kind="stable")[:MOST_WAITS]
    return list(waits[longest[np.argsort(waits["x0"][longest], kind="stable")]])


def _band(picture: Picture, wait: Any, top: float) -> dict[str, Any]:
    place = {"x0": float(wait["x0"]), "x1": float(wait["x1"]), "y0": top, "y1": picture.rows.n - 0.5}
    fill = faded(picture.theme.wait, 0.12)
    return {"type": "rect", "layer": "below", "line": {"width": 0}, "fillcolor": fill} | place


def _wait_words(picture: Picture, waits: list[Any], top: float) -> list[dict[str, Any]]:
    """The length of each wait in words over its band, where there is room."""
    words: list[dict[str, Any]] = []
    taken: list[tuple[float, float]] = []
    scale = picture.scale
    for wait in sorted(waits, key=lambda wait: float(wait["x0"] - wait["x1"])):
        length = duration(wait["end"] - wait["start"]) + (" so far" if wait["is_open"] else "")
        middle = float(wait["x0"] + wait["x1"]) / 2
        for lines in ([bold(length), WAIT_WORDS], [bold(length)]):
            half = WORD_PX * max(len(lines[-1]) - 7 * (len(lines) == 1), len(length)) / 2
            at = min(max(middle * scale, half), picture.axis.start * scale + PLOT_PX - half)
            if all(abs(at - other) >= half + others_half + 4 for other, others_half in taken):
                taken.append((at, half))
                text = note("<br>".join(lines), picture.theme.attention, x=middle, y=top, **UNDER)
                words.append(text)
                break
    return words


def _fold_words(picture: Picture) -> list[dict[str, Any]]:
    """Below the axis of each fold, that it is not to scale; left out on narrow screens."""
    edges = [picture.axis.at(np.array(fold)) for fold in picture.axis.folds]
    middles = [float(a + b) / 2 for a, b in edges if (b - a) * picture.scale > WORD_PX * 11]
    words = note("not to scale", picture.theme.muted, y=picture.rows.n - 0.5, **UNDER)
    return [words | {"x": x, "name": "wide"} for x in middles]


def _absences(picture: Picture) -> list[dict[str, Any]]:
    """In words, why there is nothing to see."""
    scene = picture.scene
    if len(scene.bars):
        return []
    if not scene.runs["is_started"].any():
        text = "Not started yet." if len(scene.runs) == 1 else "None of the runs has started yet."
    elif not scene.frames.runs["has_steps"].any():
        text = "The steps were not delivered: fetch the run with its steps to see them."
    else:
        text = "There are no steps."
    place: dict[str, Any] = {"xref": "paper", "x": 0, "xanchor": "left", "y": picture.rows.n}
    return [note(text, picture.theme.muted, **place)]


def _image(picture: Picture) -> dict[str, Any]:
    """All steps in one image over axis and rows; a run with a row of its own is a group there."""
    scene, rows = picture.scene, picture.rows
    own = np.flatnonzero((scene.runs["row"] >= 0) & scene.runs["is_started"])
    n_bands = max(min(rows.n, bounded.BANDS), 1)
    both = np.concatenate([scene.bars, _as_groups(scene.runs[own])]) if len(own) else scene.bars
    view = bounded.aggregate(
        both,
        colors=len(scene.legend),
        band=both["row"].astype(np.int64) * n_bands // max(rows.n, 1),
        group=np.concatenate([rows.group, own]),
        n_bands=n_bands,
        first=picture.axis.start,
        length=picture.axis.length,
    )
    band_px = max(round(rows.n * rows.px) // n_bands, bounded.BAND_PX)
    return {
        "source": bounded.png(bounded.render(view, band_px), [color for _, color in scene.legend]),
        "xref": "x",
        "yref": "y",
        "x": picture.axis.start,
        "y": -0.5,
        "sizex": picture.axis.length,
        "sizey": rows.n,
        "xanchor": "left",
        "yanchor": "top",
        "sizing": "stretch",
        "layer": "below",
    }


def _as_groups(runs: Array) -> Array:
    bars = np.zeros(len(runs), BAR)
    for name in ("x0", "x1", "row"):
        bars[name] = runs[name]
    bars["kind"] = GROUP
    return bars
