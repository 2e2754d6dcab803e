"""The parts of a Gantt chart, as plain dicts of plotly's names.

Bars stand on numeric axes as typed arrays: plotly turns a numpy array given as a bar's `base` into text.
Positions are seconds, rows count from the top.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, cast

import numpy as np
import pandas as pd

from runkit.charts.axis import Axis
from runkit.charts.bars import GROUP, STEP, WAIT, Scene, each
from runkit.charts.labels import colored, cross, plain, width_px
from runkit.charts.rows import Rows
from runkit.charts.style import CLEAR, SIZE, Trace, faded, lines
from runkit.style import Theme
from runkit.text import duration

DENSE_PX = 8
TEXT_PX = 14  # rows lower than this have no words in them
MOST_TEXTS = 500  # durations that are written
MOST_CROSSES = 25  # where there are no durations
LEAST_BAR_PX = 2.0  # a bar among thousands of rows is still seen
MARK_PX = 9  # of the marks of waits and groups, in rows of usual height
TICK_PX = 3  # width of a step without duration
STUB = 0.02  # length of the stub of an open step, as a share of the axis
ERROR_TEXT, LEAST_ERROR = 60, 12  # characters of an error
# of a narrow figure's axis, and the most that texts reach behind it
LEAST_PLOT_PX, RIGHT_PX = 400, 340
LETTER_PX = 6.0  # a letter of an error, about
TEXT_SCALE = 0.88  # of `width_px`, which is for 12 px: durations have 11 px
HOVER: Trace = {"hovertemplate": "%{customdata}<extra></extra>", "showlegend": False}


class Picture(NamedTuple):
    """All that is needed to draw.

    `scene` holds all that is shown, `bars` the same with `hover` texts; those that are not `is_solid` are
    pale. `path`: parts (from, to, row, kind). `note` says in words what is left out.
    """

    scene: Scene
    bars: pd.DataFrame
    rows: Rows
    axis: Axis
    theme: Theme
    path: Sequence[tuple[float, float, float, int]] = ()
    note: str = ""

    @property
    def is_dense(self) -> bool:
        """Whether rows are too low for marks other than bars."""
        return self.rows.px < DENSE_PX

    @property
    def mark_px(self) -> float:
        """The size of the marks of waits and groups."""
        return min(MARK_PX, self.rows.bar_px * 2 / 3)


def numbers(values: pd.Series[Any]) -> dict[str, str]:
    """Give a column as plotly's typed-array spec: 8 bytes a number, exact."""
    return {"dtype": "f8", "bdata": base64.b64encode(values.to_numpy("<f8").tobytes()).decode()}


def traces(picture: Picture) -> list[Trace]:
    """What lies in the rows, from the bottom up."""
    bars, instants = _bars(picture), _instants(picture)
    if picture.is_dense:
        return [*bars, *instants]
    halo, path = _path(picture)
    return [*bars, *halo, *_brackets(picture), *path, *_waits(picture), *_stubs(picture), *instants]


def _bars(picture: Picture) -> list[Trace]:
    """One trace for each color and fill; groups and waits are clear, their marks lie over them."""
    bars, out = picture.bars[picture.bars["x1"] > picture.bars["x0"]], []
    is_step = bars["kind"] == STEP
    looks = [bars["kind"], bars["color"].where(is_step, -1), bars["is_solid"] & is_step]
    for look, own in bars.groupby(looks):
        kind, number, is_solid = cast(tuple[int, int, bool], look)
        name, color = picture.scene.legend[number]
        fill, edge = color if is_solid else faded(color), color
        if kind != STEP:
            name, edge = ("group", "waiting for a reviewer")[kind == WAIT], CLEAR
            fill = faded(picture.theme.wait if kind == WAIT else picture.theme.muted)
            fill = CLEAR if kind == GROUP and not picture.is_dense else fill
        trace = {
            "type": "bar",
            "orientation": "h",
            "base": numbers(own["x0"]),
            "x": numbers(own["x1"] - own["x0"]),
            "y": numbers(own["row"]),
            "width": min(max(picture.rows.bar_px, LEAST_BAR_PX) / picture.rows.px, 1.0),
            "textposition": "none",
            "name": plain(name),
            "marker": {"color": fill, "cornerradius": 3.5, "line": {"color": edge, "width": 1.25}},
            "customdata": own["hover"].tolist(),
        }
        out.append(trace | HOVER)
    return out


def _polylines(corners: Iterable[list[tuple[float, float]]], line: dict[str, Any], **look: Any) -> Trace:
    """Several lines in one trace, with gaps between them."""
    points = [point for path in corners for point in (*path, (None, None))]
    return lines([x for x, _ in points], [y for _, y in points], line=line, **look)


def _brackets(picture: Picture) -> list[Trace]:
    """A thin bracket for each group, as one path: markers at its ends would double the time of a zoom."""
    groups, out = picture.bars[picture.bars["kind"] == GROUP], []
    half = picture.mark_px / 2 / picture.rows.px
    for look, own in groups.groupby(["color", "is_solid"]):
        number, is_solid = cast(tuple[int, bool], look)
        ends = [
            [(x0, row - half), (x0, row + half), (x0, row), (x1, row), (x1, row - half), (x1, row + half)]
            for x0, x1, row in own[["x0", "x1", "row"]].to_numpy().tolist()
        ]
        line = {"color": picture.scene.legend[number][1], "width": 2 if is_solid else 1.6}
        out.append(_polylines(ends, line))
    return out


def _instants(picture: Picture) -> list[Trace]:
    """Ticks for steps without duration, which a bar would not show."""
    bars = picture.bars[(picture.bars["x1"] <= picture.bars["x0"]) & (picture.bars["kind"] != WAIT)]
    if bars.empty:
        return []
    line = {"width": TICK_PX, "color": [picture.scene.legend[number][1] for number in bars["color"]]}
    mark = {"symbol": "line-ns", "size": max(4.0, picture.rows.bar_px), "line": line}
    look = HOVER | {"hoverinfo": "all", "mode": "markers", "name": "instant", "marker": mark}
    return [lines(numbers(bars["x0"]), numbers(bars["row"]), customdata=bars["hover"].tolist(), **look)]


def _path(picture: Picture) -> tuple[list[Trace], list[Trace]]:
    """The critical path as a halo and a line; it changes rows where one part ends and the next begins."""
    x: list[float | None] = []
    y: list[float | None] = []
    for start, end, row, kind in picture.path:
        if x and x[-1] != start:
            x.append(start)
            y.append(y[-1])
        is_gap = kind == WAIT  # where its dotted line is
        x += [start, None, end] if is_gap else [start, end]
        y += [row, None, row] if is_gap else [row, row]
    if not x:
        return [], []
    halo = lines(x, y, line={"color": picture.theme.ground, "width": 4.2})
    return [halo], [lines(x, y, line={"color": picture.theme.text, "width": 1.7}, name="critical path")]


def _waits(picture: Picture) -> list[Trace]:
    """A dotted line from the question to its answer; the end of one that is open is an open circle."""
    bars, color = picture.bars[picture.bars["kind"] == WAIT], picture.theme.wait
    if bars.empty:
        return []
    ends = (picture.theme.ground if is_open else color for is_open in bars["is_open"])
    fills = [fill for end in ends for fill in (color, end, CLEAR)]
    mark = {"size": picture.mark_px, "color": fills, "line": {"width": 2, "color": color}}
    spans = ([(x0, row), (x1, row)] for x0, x1, row in bars[["x0", "x1", "row"]].to_numpy())
    dotted = {"color": color, "width": 3, "dash": "dot"}
    return [_polylines(spans, dotted, mode="lines+markers", marker=mark, cliponaxis=False)]


def _stubs(picture: Picture) -> list[Trace]:
    """A dotted stub behind each step that has not ended."""
    bars = picture.bars[is_stub(picture.bars)]
    if bars.empty:
        return []
    length = STUB * picture.axis.length
    spans = ([(x1, row), (x1 + length, row)] for x1, row in bars[["x1", "row"]].to_numpy())
    return [_polylines(spans, {"color": picture.theme.muted, "width": 2, "dash": "dot"}, name="open step")]


def is_stub(bars: pd.DataFrame) -> pd.Series[bool]:
    """Which steps end in a stub."""
    return bars["is_open"] & (bars["kind"] != WAIT)


def durations(picture: Picture) -> tuple[list[Trace], float]:
    """Each bar's duration at its end, as one trace; and how far the widest reaches behind the axis, in px.

    A text that the critical path would cross stands right of it; where several bars share a row, those
    without room have none. Where rows are low or bars many, there are crosses for some that failed.
    """
    bars, axis, theme = picture.bars, picture.axis, picture.theme
    has_words = picture.rows.px >= TEXT_PX and len(bars) <= MOST_TEXTS
    if not has_words:
        bars = bars[bars["is_failing"]]
        bars = bars[:: -(-len(bars) // MOST_CROSSES) or 1]
    following = bars.sort_values("x0").groupby("row")["x0"].shift(-1)
    room = ((following - bars["x1"]) * axis.scale).fillna(np.inf)
    verticals = sorted(
        (b[0], *sorted((a[2], b[2]))) for a, b in zip(picture.path, picture.path[1:], strict=False)
    )
    texts, reach = [], 0.0
    for bar, free, has_stub in zip(each(bars), room, is_stub(bars), strict=True):
        behind = LEAST_PLOT_PX * (1 - (bar.x1 - axis.start) / axis.length)
        text = _end_words(bar, theme, behind + RIGHT_PX) if has_words else cross(theme)
        width, at = width_px(text) * TEXT_SCALE, bar.x1 + STUB * axis.length * has_stub
        for place, top, bottom in verticals:
            if top <= bar.row <= bottom and at - 5 / axis.scale < place < at + (width + 4) / axis.scale:
                at = max(at, place)
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
    """What stands at the end of a bar; an error is cut to fit into the room."""
    if bar.kind == WAIT:
        # a band says how long an open one has waited, as far as it is known
        known = "" if bar.end > bar.start else "waiting for a reviewer"
        words = known if bar.is_open else plain(bar.note or "Answered")
        return words and f"\u00a0\u00a0{words}"
    text = "instant" if bar.end <= bar.start else duration(bar.end - bar.start)
    text += f" · {bar.note}" if bar.is_open else ""
    if not bar.is_failed:
        return "not started" if pd.isna(bar.duration_s) else text
    limit = min(int((room_px - width_px(text) - 30) / LETTER_PX), ERROR_TEXT)
    has_error = bar.note and not bar.is_open and limit >= LEAST_ERROR
    error = " · " + colored(plain(bar.note, limit), theme.fail) if has_error else ""
    return f"{cross(theme)} {text}{error}"


def legend(picture: Picture) -> list[Trace]:
    """Entries for what the chart shows; they are traces of their own, so that all look alike."""
    bars, theme = picture.scene.bars, picture.theme
    used = np.unique(bars["color"][bars["kind"] != WAIT])
    out = [entry(*picture.scene.legend[number]) for number in used]
    if any(kind != WAIT for *_, kind in picture.path):
        line = {"color": theme.text, "width": 2}
        out.append(lines([None], [None], line=line, name="critical path", showlegend=True))
    is_pale = (bars["kind"] == STEP) & ~bars["is_critical"]
    if bars["is_critical"].any() and is_pale.any():
        out.append(entry("off the critical path", faded(theme.muted), theme.muted))
    return out


def entry(word: str, color: str, edge: str = CLEAR) -> Trace:
    """An entry of the legend."""
    mark = {"symbol": "square", "size": 11, "color": color, "line": {"width": 1.25, "color": edge}}
    return lines([None], [None], mode="markers", marker=mark, name=plain(word, 40), showlegend=True)
