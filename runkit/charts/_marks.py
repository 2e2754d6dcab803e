"""The marks of a Gantt chart, as plain dicts of plotly's names.

Positions are seconds, rows count from the top.
"""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import pandas as pd

from runkit.charts._axis import Floats
from runkit.charts._bars import GROUP, STEP, WAIT, Picture, each
from runkit.charts.theme import (
    HOVER,
    TRANSPARENT,
    Json,
    Trace,
    annotation,
    bar_trace,
    bold,
    colored,
    cross,
    faded,
    line_trace,
    plain,
    text_trace,
    width_px,
)
from runkit.display.colors import Theme
from runkit.display.text import duration
from runkit.time_budget import waiting_ranges

MANY_BARS = 59  # with more bars, short ones are drawn `MIN_BAR_PX` long to be seen
MIN_BAR_PX = 3
MARK_PX = 9  # the size of the marks at the ends of waits and groups
TICK_PX = 3  # the width of a step without duration
STUB = 0.02  # the length of the stub of an open step, as a share of the axis
MAX_ERROR, MIN_ERROR = 60, 12  # characters of an error beside its bar
MIN_PLOT_PX = 400  # the width of the axis in a narrow figure
MAX_RIGHT_PX = 340  # how far texts may reach behind the axis
LETTER_PX = 6.0  # the mean width of a letter of an error
TEXT_SCALE = 0.88  # durations have 11 px, `width_px` is for 12 px
BELOW: dict[str, Any] = {"yanchor": "top", "yshift": -3, "borderpad": 0}
WAIT_LABEL_PX = 140  # the least distance between the labels of two waits
NOTE_PX = 66  # a fold of this width has room for "not to scale"


def traces(picture: Picture) -> list[Trace]:
    """Draw what lies in the rows, from the bottom up."""
    layers = (_bars, _brackets, _waits, _stubs, _instants)
    return [trace for draw in layers for trace in draw(picture)]


def _bars(picture: Picture) -> list[Trace]:
    """Draw one trace for each color and fill; groups and waits have marks over them."""
    bars = picture.bars[picture.bars["x1"] > picture.bars["x0"]]
    is_step = bars["kind"].eq(STEP)
    edges = bars["color"].where(is_step, TRANSPARENT)
    min_length = MIN_BAR_PX / picture.axis.scale if len(bars) > MANY_BARS else 0
    height = picture.rows.bar_px / picture.rows.px

    result = []
    for key, group in bars.groupby([bars["kind"], edges, bars["is_solid"] & is_step]):
        kind, edge, is_solid = cast(tuple[int, str, bool], key)
        name, fill = picture.legend.get(edge, "group"), edge
        if kind == WAIT:
            name, fill = "waiting for a reviewer", faded(picture.theme.wait)
        elif kind == STEP and not is_solid:
            fill = faded(edge)
        mark = {"color": fill, "cornerradius": 3.5, "line": {"color": edge, "width": 1.25}}
        length = (group["x1"] - group["x0"]).clip(lower=min_length)
        hover = HOVER | {"name": plain(name), "customdata": group["hover"].tolist()}
        result.append(bar_trace(group["x0"], length, group["row"], height, mark, **hover))
    return result


def _segments(x: list[Any], y: list[Any], line: Json, **options: Any) -> Trace:
    """Draw several lines in one trace; `x` and `y` have a column for each corner."""
    gap = np.full(len(x[0]), None)
    points = (np.column_stack([*corners, gap]).ravel().tolist() for corners in (x, y))
    return line_trace(*points, line=line, **options)


def _brackets(picture: Picture) -> list[Trace]:
    """Draw a thin bracket for each group, as a path: markers at its ends would be slow to zoom."""
    half = MARK_PX / 2 / picture.rows.px
    groups = picture.bars[picture.bars["kind"] == GROUP]

    result = []
    for key, group in groups.groupby(["color", "is_solid"]):
        color, is_solid = cast(tuple[str, bool], key)
        start, end, row = group["x0"], group["x1"], group["row"]
        x = [start, start, start, end, end, end]
        y = [row - half, row + half, row, row, row - half, row + half]
        result.append(_segments(x, y, {"color": color, "width": 2 if is_solid else 1.6}))
    return result


def _instants(picture: Picture) -> list[Trace]:
    """Draw ticks for steps without duration, which a bar would not show."""
    bars = picture.bars
    instants = bars[(bars["x1"] <= bars["x0"]) & (bars["kind"] != WAIT)]
    if instants.empty:
        return []
    line = {"width": TICK_PX, "color": instants["color"].tolist()}
    mark = {"symbol": "line-ns", "size": max(4.0, picture.rows.bar_px), "line": line}
    options = {"mode": "markers", "name": "instant", "marker": mark}
    hover = HOVER | options | {"customdata": instants["hover"].tolist()}
    return [line_trace(instants["x0"].tolist(), instants["row"].tolist(), **hover)]


def _waits(picture: Picture) -> list[Trace]:
    """Draw a dotted line from each question to its answer; an open one ends in an open circle."""
    waits, color = picture.bars[picture.bars["kind"] == WAIT], picture.theme.wait
    if waits.empty:
        return []
    ends = np.where(waits["is_open"], picture.theme.ground, color)
    fills = [fill for end in ends.tolist() for fill in (color, end, TRANSPARENT)]
    mark = {"size": MARK_PX, "color": fills, "line": {"width": 2, "color": color}}
    dotted = {"color": color, "width": 3, "dash": "dot"}
    x, y = [waits["x0"], waits["x1"]], [waits["row"]] * 2
    return [_segments(x, y, dotted, mode="lines+markers", marker=mark, cliponaxis=False)]


def _stubs(picture: Picture) -> list[Trace]:
    """Draw a dotted stub behind each step that has not ended."""
    steps = picture.bars[is_stub(picture.bars)]
    if steps.empty:
        return []
    line = {"color": picture.theme.muted, "width": 2, "dash": "dot"}
    x = [steps["x1"], steps["x1"] + STUB * picture.axis.length]
    return [_segments(x, [steps["row"]] * 2, line, name="open step")]


def is_stub(bars: pd.DataFrame) -> pd.Series[bool]:
    """Return which steps end in a stub."""
    return bars["is_open"] & (bars["kind"] != WAIT)


def durations(picture: Picture) -> tuple[list[Trace], float]:
    """Write each bar's duration at its end; return also how far texts reach behind the axis in px.

    Where several bars share a row, a text without room is left out.
    """
    bars, axis, theme = picture.bars, picture.axis, picture.theme
    next_start = bars.sort_values("x0").groupby("row")["x0"].shift(-1)
    room_px = ((next_start - bars["x1"]) * axis.scale).fillna(np.inf)
    ends = bars["x1"] + STUB * axis.length * is_stub(bars)
    has_path = bars["is_critical"].any()

    labels, reach = [], 0.0
    for bar, room, end in zip(each(bars), room_px, ends, strict=True):
        right_px = MIN_PLOT_PX * (1 - (bar.x1 - axis.start) / axis.length)
        text = _end_text(bar, theme, right_px + MAX_RIGHT_PX)
        width = width_px(text) * TEXT_SCALE
        if text and (end - bar.x1) * axis.scale + width <= room:
            color = theme.muted if has_path and not bar.is_critical else theme.text
            labels.append((end, bar.row, f"\u00a0{text}", color))
            reach = max(reach, width - right_px)
    if not labels:
        return [], reach
    x_values, rows, label_texts, colors = zip(*labels, strict=True)
    return [text_trace(x_values, rows, label_texts, list(colors), name="durations")], reach


def _end_text(bar: Any, theme: Theme, room_px: float) -> str:
    """Write the text at the end of a bar; an error is cut to fit into the room."""
    if bar.kind == WAIT:
        return _wait_text(bar)
    if pd.isna(bar.duration_s) and not bar.is_failed:
        return "not started"
    text = "instant" if bar.end <= bar.start else duration(bar.end - bar.start)
    text += f" · {bar.note}" if bar.is_open else bar.cut
    if not bar.is_failed:
        return text
    limit = min(int((room_px - width_px(text) - 30) / LETTER_PX), MAX_ERROR)
    has_error = bar.note and not bar.is_open and limit >= MIN_ERROR
    error = " · " + colored(plain(bar.note, limit), theme.fail) if has_error else ""
    return f"{cross(theme)} {text}{error}"


def _wait_text(bar: Any) -> str:
    """Write how a wait ended; the band over an open one says how long it has waited, if known."""
    if bar.is_open and bar.end > bar.start:
        return ""
    text = "waiting for a reviewer" if bar.is_open else plain(bar.note)
    return f"\u00a0\u00a0{text}"


def legend(picture: Picture) -> list[Trace]:
    """Build the entries of the legend, which are traces of their own, so that all look alike."""
    bars, theme = picture.bars, picture.theme
    used = set(bars.loc[bars["kind"] != WAIT, "color"])
    entries = [entry(name, color) for color, name in picture.legend.items() if color in used]
    is_pale = bars["kind"].eq(STEP) & ~bars["is_critical"]
    if bars["is_critical"].any() and is_pale.any():
        entries.append(entry("off the critical path", faded(theme.muted), theme.muted))
    return entries


def entry(name: str, color: str, edge: str = TRANSPARENT) -> Trace:
    """Build an entry of the legend."""
    mark = {
        "symbol": "square",
        "size": 11,
        "color": color,
        "line": {"width": 1.25, "color": edge},
    }
    return line_trace(
        [None], [None], mode="markers", marker=mark, name=plain(name, 40), showlegend=True
    )


def shades(picture: Picture, waits: pd.DataFrame, top: float) -> list[Json]:
    """Shade rows from edge to edge of the figure, and waits over all rows.

    The shades of waits do not overlap: text on two shades could not be read.
    """
    ground: Json = {"line": {"width": 0}, "layer": "below"}
    shapes: list[Json] = []
    if picture.rows.bands:
        # One path is made and drawn much faster than a shape for each of the rows.
        bands = picture.rows.bands
        edges = ((first - 0.5, last - 0.5) for first, last in bands)
        path = "".join(f"M-2,{upper}H3V{lower}H-2Z" for upper, lower in edges)
        rows = {
            "type": "path",
            "path": path,
            "xref": "paper",
            "fillcolor": picture.theme.band,
        }
        shapes.append(ground | rows)

    band = {"type": "rect", "y0": top, "y1": picture.rows.n - 0.5}
    band |= {"fillcolor": faded(picture.theme.wait, 0.12)}
    is_wait = np.ones(len(waits), np.bool_)
    ranges = waiting_ranges(waits["x0"].to_numpy(), waits["x1"].to_numpy(), is_wait)
    return [*shapes, *(ground | band | {"x0": start, "x1": end} for start, end in ranges)]


def wait_labels(picture: Picture, waits: pd.DataFrame, top: float) -> list[Json]:
    """Write the length of each wait over its band, where there is room."""
    labels: list[Json] = []
    for wait in each(waits):
        length = duration(wait.end - wait.start) + " so far" * wait.is_open
        x = (wait.x0 + wait.x1) / 2
        distances = [abs(x - other["x"]) * picture.axis.scale for other in labels]
        if all(distance >= WAIT_LABEL_PX for distance in distances):
            text = f"{bold(length)}<br>waiting for a reviewer"
            labels.append(annotation(text, picture.theme.attention, x=x, y=top, **BELOW))
    return labels


def fold_labels(picture: Picture) -> list[Json]:
    """Write below the axis of each fold that it is not to scale."""
    edges: Floats = picture.axis.positions[1:-1].reshape(-1, 2)
    is_wide = np.diff(edges)[:, 0] * picture.axis.scale > NOTE_PX
    label = annotation("not to scale", picture.theme.muted, y=picture.rows.n - 0.5, **BELOW)
    return [label | {"x": x} for x in edges.mean(axis=1)[is_wide].tolist()]


def empty_labels(picture: Picture) -> list[Json]:
    """Write why there is nothing to see."""
    if len(picture.bars):
        return []
    text = "There are no steps."
    if not picture.runs["has_steps"].any():
        text = "The steps were not delivered: fetch the run with its steps to see them."
    if picture.runs["started_at"].isna().all():
        text = "Not started yet."
    return [
        annotation(text, picture.theme.muted, xref="paper", x=0, xanchor="left", y=picture.rows.n)
    ]
