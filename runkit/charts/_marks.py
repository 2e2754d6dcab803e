"""The marks of a Gantt chart, as plain dicts of plotly's names.

Positions are seconds, rows count from the top.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from runkit.charts._bars import WAITING, Picture, each
from runkit.charts._placement import GROUP, MAX_LABEL, STEP, WAIT, Floats
from runkit.charts.theme import (
    NBSP,
    TRANSPARENT,
    Json,
    Trace,
    annotation,
    bar_trace,
    bold,
    colored,
    cross,
    entry,
    faded,
    hover_texts,
    line_trace,
    plain,
    text_trace,
    width_px,
)
from runkit.display.text import plural
from runkit.tables.run_rules import STEPS_NOT_READ
from runkit.time_budget import unions

MANY_BARS = 59  # with more bars, short ones are drawn `MIN_BAR_PX` long to be seen
MIN_BAR_PX = 3
MARK_PX = 9  # the size of the marks at the ends of waits and groups
GROUP_PX, SLIVER_PX = 7, 8  # the height of the own time of groups, and of slivers
BRACKET_PX = 1.6  # the width of the line of a bracket
SLIVER = "M{x0:g},{row:g}L{x1:g},{row:g}"
BRACKET = "M{x0},{upper}L{x0},{lower}M{x0},{row}L{x1},{row}M{x1},{upper}L{x1},{lower}"
TICK_PX = 3  # the width of a step without duration
ERROR_LIMITS = (60, 50, 40, 30, 20)  # characters of an error beside its bar, as many as fit
MIN_PLOT_PX = 400  # the width of the axis in a narrow figure
MAX_RIGHT_PX = 340  # how far texts may reach behind the axis
SOLID = "on the critical path"
TEXT_SCALE = 0.88  # durations have 11 px, `width_px` is for 12 px
BELOW: dict[str, Any] = {"yanchor": "top", "yshift": -2}
WAIT_LABEL_PX = 140  # the least distance between the labels of two waits
NOTE_PX = 66  # a fold of this width has room for "not to scale"


def traces(picture: Picture) -> list[Trace]:
    """Draw what lies in the rows, from the bottom up."""
    return [*_bars(picture), _waits(picture), _stubs(picture), _instants(picture)]


def _bars(picture: Picture) -> list[Trace]:
    """Draw a pale trace for each kind and color, and over all of them what is solid.

    Groups and waits have marks of their own; the own time of groups is thinner than a bar.
    """
    bar_px = picture.rows.bar_px
    bars: Any = picture.bars[picture.bars["x1"] > picture.bars["x0"]]
    parts: Any = picture.parts
    looks = ["kind", "color"]
    result = []
    for (kind, color), group in bars.groupby(looks):
        name = "group" if kind == GROUP else plain(picture.scene.legend[color])
        fill = TRANSPARENT if kind == GROUP else faded(color)
        edge = color if kind == STEP else TRANSPARENT
        result.append(_boxes(picture, group, fill, edge, bar_px, name=name, **hover_texts(group)))
    for (kind, color), group in parts.groupby(looks):
        height = GROUP_PX if kind == GROUP else bar_px
        result.append(_boxes(picture, group, color, color, height, hoverinfo="skip", name="solid"))
    return result


def _boxes(
    picture: Picture, steps: pd.DataFrame, fill: str, edge: str, height: float, **options: Any
) -> Trace:
    """Draw a bar for each step; among many, short ones are drawn longer."""
    least = MIN_BAR_PX / picture.axis.scale if len(picture.bars) > MANY_BARS else 0
    mark = {"color": fill, "cornerradius": 3.5, "line": {"color": edge, "width": 1.25}}
    length = (steps["x1"] - steps["x0"]).clip(lower=least)
    width = height / picture.rows.px
    return bar_trace(steps["x0"], length, steps["row"], width, mark, **options)


def _segments(x0: Any, x1: Any, row: Any, line: Json, **options: Any) -> Trace:
    """Draw several lines in one trace, each in one row."""
    x = np.column_stack([x0, x1, np.full(len(row), None)]).ravel()
    return line_trace(x, np.repeat(row, 3), line=line, **options)


def _instants(picture: Picture) -> Trace:
    """Draw ticks for steps without duration, which a bar would not show."""
    bars = picture.bars
    instants = bars[(bars["x1"] <= bars["x0"]) & (bars["kind"] != WAIT)]
    color = instants["color"].tolist()
    line = {"color": color, "width": TICK_PX}
    mark = {"color": color, "symbol": "line-ns", "size": picture.rows.bar_px, "line": line}
    options = hover_texts(instants) | {"mode": "markers", "name": "instant", "marker": mark}
    return line_trace(instants["x0"], instants["row"], **options)


def _waits(picture: Picture) -> Trace:
    """Draw a dotted line from each question to its answer; an open one ends in an open circle."""
    waits = picture.bars[picture.bars["kind"] == WAIT]
    color = picture.scene.theme.wait
    ends = np.where(waits["is_open"], picture.scene.theme.ground, color)
    fills = [fill for end in ends.tolist() for fill in (color, end, end)]
    mark = {"size": MARK_PX, "color": fills, "line": {"width": 2, "color": color}}
    dotted = {"color": color, "width": 3, "dash": "dot"}
    options = {"mode": "lines+markers", "marker": mark, "cliponaxis": False}
    return _segments(waits["x0"], waits["x1"], waits["row"], dotted, **options)


def _stubs(picture: Picture) -> Trace:
    """Draw a dotted stub behind each step that has not ended."""
    steps = picture.bars[picture.bars["is_stub"]]
    line = {"color": picture.scene.theme.muted, "width": 2, "dash": "dot"}
    return _segments(steps["x1"], steps["tip"], steps["row"], line, name="open step")


def durations(picture: Picture) -> tuple[Trace, float]:
    """Write each bar's duration at its end; return also how far texts reach behind the axis in px.

    Where several bars share a row, a step's name follows, and a text without room is left out.
    """
    bars = picture.bars
    axis = picture.axis
    theme = picture.scene.theme
    scale = MIN_PLOT_PX / axis.length
    next_start = bars.sort_values("x0").groupby("row")["x0"].shift(-1)
    right_px = (axis.end - bars["x1"]) * scale
    # the last one in a row has no next
    room_px = np.fmin((next_start - bars["tip"]) * scale, right_px + MAX_RIGHT_PX)

    texts = []
    for bar, room in zip(each(bars), room_px, strict=True):
        fitting = (text for text in _end_texts(bar, picture) if _text_px(text) <= room)
        texts.append(next(fitting, ""))
    labels = bars.assign(text=texts, reach_px=[*map(_text_px, texts)] - right_px)
    labels = labels[labels["text"] != ""]
    reach = max([0.0, *labels["reach_px"]])
    is_dark = labels["is_critical"] | picture.scene.path.empty
    colors = np.where(is_dark, theme.text, theme.muted).tolist()
    words = [NBSP + text for text in labels["text"]]
    return text_trace(labels["tip"], labels["row"], words, colors, name="durations"), reach


def _text_px(text: str) -> float:
    """Return the width of a text at the end of a bar."""
    return width_px(text) * TEXT_SCALE


def _end_texts(bar: Any, picture: Picture) -> list[str]:
    """Write the text at the end of a bar, from the longest to the shortest form."""
    if bar.kind == WAIT:  # the band over an open one says how long it has waited, if known
        is_in_band = bar.is_open and bar.end > bar.start
        return [] if is_in_band else [NBSP * 2 + plain(bar.note)]
    text = bar.length
    more = []
    theme = picture.scene.theme
    if bar.kind == WAIT:
        text += f" · {bar.note}"
    elif bar.state == "failed":
        text = f"{cross(theme)} {text}"
        limits = ERROR_LIMITS if bar.note else ()
        more = [colored(plain(bar.note, limit), theme.fail) for limit in limits]
    elif len(picture.scene.runs) > 1:
        more = [plain(bar.label, MAX_LABEL)]
    elif bar.kind == GROUP and len(picture.slivers):
        more = [plural(int(bar.n_children), "step")]
    return [*(f"{text} · {words}" for words in more), text]


def legend(picture: Picture) -> list[str]:
    """Build the entries of the legend: the colors of agents, what is solid, and what is added."""
    bars = picture.bars
    scene = picture.scene
    used = {*bars.loc[bars["kind"] != WAIT, "color"], *picture.slivers["color"]}
    entries = [entry("■", color, name) for color, name in scene.legend.items() if color in used]
    if len(scene.path):
        muted = scene.theme.muted
        entries.append(f"{entry('■', muted, SOLID)}, {entry('□', muted, 'off it')}")
    return [*entries, *picture.entries]


def shades(picture: Picture, waits: pd.DataFrame, top: float) -> list[Json]:
    """Shade rows from edge to edge of the figure, and waits over all rows.

    The shades of waits do not overlap: text on two shades could not be read.
    """
    rows = picture.rows
    theme = picture.scene.theme
    ground: Json = {"type": "rect", "layer": "below", "line": {"width": 0}}
    band = ground | {"xref": "paper", "x0": -2, "x1": 3, "fillcolor": theme.band}
    bands = [band | {"y0": first - 0.5, "y1": last - 0.5} for first, last in rows.bands]

    x0, x1 = (waits[edge].to_numpy() for edge in ("x0", "x1"))
    _, *ranges = unions(np.zeros(len(waits), np.int64), x0, x1)
    wait = ground | {"y0": top, "y1": rows.n - 0.5, "fillcolor": faded(theme.wait, 0.12)}
    return [*bands, *(wait | {"x0": start, "x1": end} for start, end in zip(*ranges, strict=True))]


def groups_and_slivers(picture: Picture) -> list[Json]:
    """Draw groups as brackets, and steps without a row of their own as slivers."""
    groups = picture.bars[picture.bars["kind"] == GROUP]
    half = MARK_PX / 2 / picture.rows.px
    groups = groups.assign(upper=groups["row"] - half, lower=groups["row"] + half)
    return [*_paths(groups, BRACKET, BRACKET_PX), *_paths(picture.slivers, SLIVER, SLIVER_PX)]


def _paths(bars: pd.DataFrame, pattern: str, width: float) -> list[Json]:
    """Draw the bars of one look as one path, which is much faster than a shape for each."""
    groups: Any = bars.groupby(["alpha", "color"])
    shapes = []
    for (alpha, color), group in groups:
        path = "".join(pattern.format(**bar) for bar in group.to_dict("records"))
        line = {"color": faded(color, alpha), "width": width}
        shapes.append({"type": "path", "layer": "between", "path": path, "line": line})
    return shapes


def wait_labels(picture: Picture, waits: pd.DataFrame, top: float) -> list[Json]:
    """Write the length of each wait over its band, where there is room; none beyond the axis."""
    labels: dict[float, Json] = {}
    axis = picture.axis
    half = WAIT_LABEL_PX / 2 / axis.scale
    for wait in each(waits):
        length = wait.length
        middle = (wait.x0 + wait.x1) / 2
        x = min(middle, axis.end - half)
        if all(abs(x - other) >= 2 * half for other in labels):
            position = (
                {"x": axis.end, "xanchor": "right", "align": "right"} if x < middle else {"x": x}
            )
            text = f"{bold(length)}<br>{WAITING.lower()}"
            color = picture.scene.theme.attention
            labels[x] = annotation(text, color, y=top, **BELOW | position)
    return [*labels.values()]


def fold_labels(picture: Picture) -> list[Json]:
    """Write below the axis of each fold that it is not to scale."""
    edges: Floats = picture.axis.positions[1:-1].reshape(-1, 2)
    is_wide = np.diff(edges)[:, 0] * picture.axis.scale > NOTE_PX
    label = annotation("not to scale", picture.scene.theme.muted, y=picture.rows.n - 0.5, **BELOW)
    return [label | {"x": x} for x in edges.mean(axis=1)[is_wide].tolist()]


def empty_labels(picture: Picture) -> list[Json]:
    """Write why there is nothing to see."""
    text = STEPS_NOT_READ
    place: Json = {"xref": "paper", "x": 0, "xanchor": "left", "y": picture.rows.n}
    is_empty = picture.bars.empty
    return [annotation(text, picture.scene.theme.muted, **place)] if is_empty else []
