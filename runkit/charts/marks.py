"""The marks of a Gantt chart, as plain dicts of plotly's names.

Bars stand on numeric axes as typed arrays: plotly turns a numpy array given as a bar's `base` into text.
Positions are seconds, rows count from the top.
"""

from __future__ import annotations

import base64
from bisect import bisect_left
from collections.abc import Iterable
from typing import Any, cast

import numpy as np
import pandas as pd

from runkit.charts.axis import STUB, Picture, is_stub
from runkit.charts.bars import GROUP, STEP, WAIT, each
from runkit.charts.style import CLEAR, SIZE, Trace, colored, cross, faded, lines, plain, width_px
from runkit.style import Theme
from runkit.text import duration

MANY = 59  # bars; among more, short ones are drawn longer to be seen
MARK_PX = 9  # of the ends of waits and groups
TICK_PX = 3  # width of a step without duration
LEAST_PX = 3  # of a bar
ERROR_TEXT, LEAST_ERROR = 60, 12  # characters of an error
# of a narrow figure's axis, and the most that texts reach behind it
LEAST_PLOT_PX, RIGHT_PX = 400, 340
LETTER_PX = 6.0  # a letter of an error, about
TEXT_SCALE = 0.88  # of `width_px`, which is for 12 px: durations have 11 px
HOVER: Trace = {"hovertemplate": "%{customdata}<extra></extra>", "showlegend": False}


def numbers(values: pd.Series[Any]) -> dict[str, str]:
    """Write a column as plotly's typed-array spec: 8 bytes a number, exact."""
    return {"dtype": "f8", "bdata": base64.b64encode(values.to_numpy("<f8").tobytes()).decode()}


def traces(picture: Picture) -> list[Trace]:
    """Draw what lies in the rows, from the bottom up."""
    marks = [_brackets(picture), _path(picture), _waits(picture), _stubs(picture), _instants(picture)]
    return [*_bars(picture), *(trace for some in marks for trace in some)]


def _bars(picture: Picture) -> list[Trace]:
    """Draw one trace for each color and fill; groups and waits are clear, their marks lie over them."""
    bars, out = picture.bars[picture.bars["x1"] > picture.bars["x0"]], []
    least = LEAST_PX / picture.axis.scale
    is_step = bars["kind"] == STEP
    looks = [bars["kind"], bars["color"].where(is_step, -1), bars["is_solid"] & is_step]
    for look, own in bars.groupby(looks):
        kind, number, is_solid = cast(tuple[int, int, bool], look)
        name, color = picture.legend[number]
        fill, edge = color if is_solid else faded(color), color
        if kind != STEP:
            name, edge = ("group", "waiting for a reviewer")[kind == WAIT], CLEAR
            fill = faded(picture.theme.wait) if kind == WAIT else CLEAR
        length = own["x1"] - own["x0"]
        trace = {
            "type": "bar",
            "orientation": "h",
            "base": numbers(own["x0"]),
            "x": numbers(length.clip(lower=least) if len(bars) > MANY else length),
            "y": numbers(own["row"]),
            "width": picture.rows.bar_px / picture.rows.px,
            "textposition": "none",
            "name": plain(name),
            "marker": {"color": fill, "cornerradius": 3.5, "line": {"color": edge, "width": 1.25}},
            "customdata": own["hover"].tolist(),
        }
        out.append(trace | HOVER)
    return out


def _polylines(corners: Iterable[list[tuple[float, float]]], line: dict[str, Any], **look: Any) -> Trace:
    """Draw several lines in one trace, with gaps between them."""
    points = [point for path in corners for point in (*path, (None, None))]
    return lines([x for x, _ in points], [y for _, y in points], line=line, **look)


def _brackets(picture: Picture) -> list[Trace]:
    """Draw a thin bracket for each group, as one path: markers at its ends would be slow to zoom."""
    groups, out = picture.bars[picture.bars["kind"] == GROUP], []
    half = MARK_PX / 2 / picture.rows.px
    for look, own in groups.groupby(["color", "is_solid"]):
        number, is_solid = cast(tuple[int, bool], look)
        ends = [
            [(x0, row - half), (x0, row + half), (x0, row), (x1, row), (x1, row - half), (x1, row + half)]
            for x0, x1, row in own[["x0", "x1", "row"]].to_numpy().tolist()
        ]
        line = {"color": picture.legend[number][1], "width": 2 if is_solid else 1.6}
        out.append(_polylines(ends, line))
    return out


def _instants(picture: Picture) -> list[Trace]:
    """Draw ticks for steps without duration, which a bar would not show."""
    bars = picture.bars[(picture.bars["x1"] <= picture.bars["x0"]) & (picture.bars["kind"] != WAIT)]
    if bars.empty:
        return []
    line = {"width": TICK_PX, "color": [picture.legend[number][1] for number in bars["color"]]}
    mark = {"symbol": "line-ns", "size": max(4.0, picture.rows.bar_px), "line": line}
    look = HOVER | {"hoverinfo": "all", "mode": "markers", "name": "instant", "marker": mark}
    return [lines(numbers(bars["x0"]), numbers(bars["row"]), customdata=bars["hover"].tolist(), **look)]


def _path(picture: Picture) -> list[Trace]:
    """Draw the critical path along the lower edge of bars; it changes rows where one part ends."""
    points: list[tuple[float | None, float | None]] = []
    edge = picture.rows.bar_px / picture.rows.px / 2
    for start, end, row, kind in picture.path:
        if points and points[-1][0] != start:
            points.append((start, points[-1][1]))
        is_gap = kind == WAIT  # where its dotted line is
        points += [(start, row + edge), *[(None, None)] * is_gap, (end, row + edge)]
    if not points:
        return []
    x, y = (list(values) for values in zip(*points, strict=True))
    halo = lines(x, y, line={"color": picture.theme.ground, "width": 4.2})
    return [halo, lines(x, y, line={"color": picture.theme.text, "width": 1.7}, name="critical path")]


def _waits(picture: Picture) -> list[Trace]:
    """Draw a dotted line from the question to its answer; the end of one that is open is an open circle."""
    bars, color = picture.bars[picture.bars["kind"] == WAIT], picture.theme.wait
    if bars.empty:
        return []
    ends = (picture.theme.ground if is_open else color for is_open in bars["is_open"])
    fills = [fill for end in ends for fill in (color, end, CLEAR)]
    mark = {"size": MARK_PX, "color": fills, "line": {"width": 2, "color": color}}
    spans = ([(x0, row), (x1, row)] for x0, x1, row in bars[["x0", "x1", "row"]].to_numpy())
    dotted = {"color": color, "width": 3, "dash": "dot"}
    return [_polylines(spans, dotted, mode="lines+markers", marker=mark, cliponaxis=False)]


def _stubs(picture: Picture) -> list[Trace]:
    """Draw a dotted stub behind each step that has not ended."""
    bars = picture.bars[is_stub(picture.bars)]
    if bars.empty:
        return []
    length = STUB * picture.axis.length
    spans = ([(x1, row), (x1 + length, row)] for x1, row in bars[["x1", "row"]].to_numpy())
    return [_polylines(spans, {"color": picture.theme.muted, "width": 2, "dash": "dot"}, name="open step")]


def durations(picture: Picture) -> tuple[list[Trace], float]:
    """Write each bar's duration at its end; and how far the widest text reaches behind the axis, in pixels.

    A text that the critical path would cross stands right of it; where several bars share a row, those
    without room have none.
    """
    bars, axis, theme = picture.bars, picture.axis, picture.theme
    following = bars.sort_values("x0").groupby("row")["x0"].shift(-1)
    room = ((following - bars["x1"]) * axis.scale).fillna(np.inf)
    verticals = sorted(
        (b[0], *sorted((a[2], b[2]))) for a, b in zip(picture.path, picture.path[1:], strict=False)
    )
    texts, reach = [], 0.0
    for bar, free, has_stub in zip(each(bars), room, is_stub(bars), strict=True):
        behind = LEAST_PLOT_PX * (1 - (bar.x1 - axis.start) / axis.length)
        text = _end_words(bar, theme, behind + RIGHT_PX)
        width, at = width_px(text) * TEXT_SCALE, bar.x1 + STUB * axis.length * has_stub
        for place, top, bottom in verticals[bisect_left(verticals, (at - 5 / axis.scale,)) :]:
            if place >= at + (width + 4) / axis.scale:
                break
            at = max(at, place) if top <= bar.row <= bottom else at
        if text and (at - bar.x1) * axis.scale + width <= free:
            color = theme.muted if picture.path and not bar.is_critical else theme.text
            texts.append((at, bar.row, f"\u00a0{text}", color))
            reach = max(reach, width - behind)
    if not texts:
        return [], reach
    x, y, words, colors = map(list, zip(*texts, strict=True))
    font = {"size": SIZE - 1, "color": colors}
    look = {"mode": "text", "textposition": "middle right", "textfont": font, "cliponaxis": False}
    return [lines(x, y, text=words, name="durations", **look)], reach


def _end_words(bar: Any, theme: Theme, room_px: float) -> str:
    """Write what stands at the end of a bar; an error is cut to fit into the room."""
    if bar.kind == WAIT:
        # a band says how long an open one has waited, as far as it is known
        known = "" if bar.end > bar.start else "waiting for a reviewer"
        words = known if bar.is_open else plain(bar.note or "Answered")
        return words and f"\u00a0\u00a0{words}"
    text = "instant" if bar.end <= bar.start else duration(bar.end - bar.start)
    text += f" · {bar.note}" if bar.is_open else bar.shown
    if not bar.is_failed:
        return "not started" if pd.isna(bar.duration_s) else text
    limit = min(int((room_px - width_px(text) - 30) / LETTER_PX), ERROR_TEXT)
    has_error = bar.note and not bar.is_open and limit >= LEAST_ERROR
    error = " · " + colored(plain(bar.note, limit), theme.fail) if has_error else ""
    return f"{cross(theme)} {text}{error}"


def legend(picture: Picture) -> list[Trace]:
    """Build entries for what the chart shows; they are traces of their own, so that all look alike."""
    bars, theme = picture.bars, picture.theme
    used = np.unique(bars["color"][bars["kind"] != WAIT])
    out = [entry(*picture.legend[number]) for number in used]
    if any(kind != WAIT for *_, kind in picture.path):
        line = {"color": theme.text, "width": 2}
        out.append(lines([None], [None], line=line, name="critical path", showlegend=True))
    is_pale = (bars["kind"] == STEP) & ~bars["is_critical"]
    if bars["is_critical"].any() and is_pale.any():
        out.append(entry("off the critical path", faded(theme.muted), theme.muted))
    return out


def entry(word: str, color: str, edge: str = CLEAR) -> Trace:
    """Build an entry of the legend."""
    mark = {"symbol": "square", "size": 11, "color": color, "line": {"width": 1.25, "color": edge}}
    return lines([None], [None], mode="markers", marker=mark, name=plain(word, 40), showlegend=True)
