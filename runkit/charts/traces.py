"""The parts of a Gantt chart, as plain dicts of plotly's names.

Bars stand on numeric axes as typed arrays: plotly turns a numpy array given as a bar's `base` into text.
Positions are seconds, rows count from the top.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from runkit.charts.axis import PLOT_PX, Axis
from runkit.charts.bars import GROUP, STEP, WAIT, Array, Scene
from runkit.charts.hover import run_hover_texts
from runkit.charts.labels import bold, colored, plain, width_px
from runkit.charts.rows import BAR_PX, Rows
from runkit.charts.style import CLEAR, SIZE, faded
from runkit.style import FAILED_COLOR, Theme
from runkit.text import duration
from runkit.timing import Flags

Trace = dict[str, Any]
Floats = NDArray[np.float64]
Piece = tuple[float, float, float]  # a part of the critical path: from, to, row

DENSE_PX = 8
TEXT_PX = 14  # rows lower than this have no words in them
MOST_TEXTS = 500  # durations that are written
LEAST_BAR_PX = 2.0  # a bar among thousands of rows is still seen
TICK_PX = 3  # width of a step without duration
STUB = 0.02  # length of the stub of an open step, as a share of the axis
MOST_MARKS = 25  # crosses over the picture of very many steps, which shows all that failed
ERROR_TEXT, LEAST_ERROR = 60, 12  # characters of an error
LEAST_PLOT_PX, RIGHT_PX = 400, 340  # of a narrow figure's axis, and the most that texts reach behind it
LETTER_PX = 6.0  # a letter of an error, about
TEXT_SCALE = 0.88  # of `width_px`, which is for 12 px: durations have 11 px
NOWHERE: Trace = {"type": "scatter", "mode": "markers", "x": [None], "y": [None], "hoverinfo": "skip"}
HOVER = {"hovertemplate": "%{customdata}<extra></extra>", "showlegend": False}
FAILING = "✕ failing step"


class Picture(NamedTuple):
    """All that is needed to draw. `bars` are drawn one by one; `scene` also holds those that are not.

    `is_bounded`: the others are in a picture; `is_partial`: the others are left out. `texts`: what a reader
    sees when pointing at a bar, by the row of `frames.steps`.
    """

    scene: Scene
    bars: Array
    rows: Rows
    axis: Axis
    path: list[Piece]
    theme: Theme
    is_bounded: bool
    is_partial: bool
    tz: str
    texts: dict[int, str]

    @property
    def scale(self) -> float:
        """Pixels a second, in a figure of usual width."""
        return PLOT_PX / self.axis.length

    @property
    def is_dense(self) -> bool:
        """Whether rows are too low for marks other than bars."""
        return self.rows.px < DENSE_PX

    @property
    def has_words(self) -> bool:
        """Whether durations stand at the ends of the bars."""
        return self.rows.px >= TEXT_PX and len(self.bars) <= MOST_TEXTS and not self.is_bounded


def numbers(values: NDArray[Any]) -> dict[str, str]:
    """Give an array as plotly's typed-array spec: 8 bytes a number, exact."""
    return {"dtype": "f8", "bdata": base64.b64encode(values.astype("<f8").tobytes()).decode()}


def traces(picture: Picture) -> list[Trace]:
    """All traces, from the bottom up."""
    out = [*_run_bars(picture), *_bars(picture)]
    if not picture.is_dense:
        halo, line = _path(picture) or ({}, {})
        out += [halo, *brackets(picture), line, *waits(picture), *stubs(picture)]
    words, _ = durations(picture)
    out += instants(picture)
    return [*filter(None, out), *words, *_crosses(picture), *_legend(picture)]


def _bars(picture: Picture) -> list[Trace]:
    """One trace for each color and fill; groups and waits are clear, their marks lie over them."""
    bars = picture.bars[picture.bars["x1"] > picture.bars["x0"]]
    is_plain = (bars["kind"] == STEP) & ~bars["is_failing"]
    is_solid = is_solid_bar(picture, bars)
    out = []
    for number, (word, color) in enumerate(picture.scene.legend):
        own = is_plain & (bars["color"] == number)
        out += bar_trace(picture, bars[own & ~is_solid], word, faded(color), color)
        out += bar_trace(picture, bars[own & is_solid], word, color, color)
    out += bar_trace(picture, bars[bars["is_failing"]], FAILING, FAILED_COLOR, FAILED_COLOR)
    fill = faded(picture.theme.muted) if picture.is_dense else CLEAR
    out += bar_trace(picture, bars[bars["kind"] == GROUP], "group", fill, CLEAR)
    has_bands = len(picture.scene.runs) == 1 and not picture.is_dense
    fill = CLEAR if has_bands else faded(picture.theme.wait)
    return out + bar_trace(picture, bars[bars["kind"] == WAIT], "waiting for a reviewer", fill, CLEAR)


def is_solid_bar(picture: Picture, bars: Array) -> Flags:
    """Bars on the critical path are solid; all are where no step is off it."""
    if picture.is_bounded or not picture.scene.bars["is_critical"].any():
        return np.full(len(bars), not picture.scene.runs["is_failed"].all())
    solid: Flags = bars["is_critical"]
    return solid


def bar_trace(picture: Picture, bars: Array, name: str, fill: str, edge: str) -> list[Trace]:
    """The bars of some steps, if there are any."""
    texts = [picture.texts[step] for step in bars["step"].tolist()]
    height = max(picture.rows.bar, LEAST_BAR_PX / picture.rows.px)
    return _bars_at(bars, plain(name), texts, min(height, 1.0), fill, {"color": edge, "width": 1.25})


def _run_bars(picture: Picture) -> list[Trace]:
    """A pale bar for each run that has a row of its own."""
    runs, line = picture.scene.runs, picture.theme.muted
    own = np.flatnonzero((runs["row"] >= 0) & runs["is_started"] & (not picture.is_bounded))
    texts = run_hover_texts(picture.scene, own)
    return _bars_at(runs[own], "run", texts, 0.9, faded(line, 0.1), {"color": line, "width": 1})


def _bars_at(
    bars: Array, name: str, texts: list[str], height: float, fill: str, edge: dict[str, Any]
) -> list[Trace]:
    if not len(bars):
        return []
    trace = {
        "type": "bar",
        "orientation": "h",
        "base": numbers(bars["x0"]),
        "x": numbers(bars["x1"] - bars["x0"]),
        "y": numbers(bars["row"]),
        "width": height,
        "textposition": "none",
        "name": name,
        "marker": {"color": fill, "cornerradius": 3.5, "line": edge},
        "customdata": texts,
    }
    return [trace | HOVER]


def lines(x: Sequence[float | None], y: Sequence[float | None], line: dict[str, Any], **more: Any) -> Trace:
    """A line that says nothing when a reader points at it; None is a gap."""
    trace = {"type": "scatter", "mode": "lines", "x": x, "y": y, "line": line}
    return trace | {"hoverinfo": "skip", "showlegend": False} | more


def _spans(bars: Array) -> tuple[list[float | None], list[float | None]]:
    """Horizontal lines along bars, with gaps between them."""
    x: list[float | None] = []
    y: list[float | None] = []
    for start, end, row in zip(bars["x0"].tolist(), bars["x1"].tolist(), bars["row"].tolist(), strict=True):
        x += [start, end, None]
        y += [row, row, None]
    return x, y


def brackets(picture: Picture, size: float = 9, width: float = 2) -> list[Trace]:
    """A thin bracket for each group, as one path: markers at its ends would double the time of a zoom."""
    groups = picture.bars[picture.bars["kind"] == GROUP]
    half = size / 2 / picture.rows.px
    out = []
    for number, (_, color) in enumerate(picture.scene.legend):
        x: list[float | None] = []
        y: list[float | None] = []
        for bar in groups[groups["color"] == number]:
            start, end, row = float(bar["x0"]), float(bar["x1"]), float(bar["row"])
            x += [start, start, start, end, end, end, None]
            y += [row - half, row + half, row, row, row - half, row + half, None]
        if x:
            out.append(lines(x, y, {"color": color, "width": width}))
    return out


def instants(picture: Picture) -> list[Trace]:
    """Ticks for steps without duration, which a bar would not show."""
    bars = picture.bars[(picture.bars["x1"] <= picture.bars["x0"]) & (picture.bars["kind"] != WAIT)]
    if not len(bars):
        return []
    shades = [color for _, color in picture.scene.legend]
    colors = [FAILED_COLOR if bar["is_failing"] else shades[bar["color"]] for bar in bars]
    size = max(4.0, min(picture.rows.bar * picture.rows.px, float(BAR_PX)))
    mark = {"symbol": "line-ns", "size": size, "line": {"width": TICK_PX, "color": colors}}
    texts = [picture.texts[step] for step in bars["step"].tolist()]
    trace = NOWHERE | {"x": numbers(bars["x0"]), "y": numbers(bars["row"]), "name": "instant", "marker": mark}
    return [trace | HOVER | {"customdata": texts, "hoverinfo": "all"}]


def _path(picture: Picture) -> list[Trace]:
    """The critical path as one line with a halo; it changes rows where one part ends and the next begins."""
    x: list[float | None] = []
    y: list[float | None] = []
    wait_rows = {float(row) for row in picture.bars["row"][picture.bars["kind"] == WAIT]}
    for start, end, row in picture.path:
        if x and x[-1] != start:
            x.append(start)
            y.append(y[-1])
        x += [start, None, end] if row in wait_rows else [start, end]
        y += [row, None, row] if row in wait_rows else [row, row]
    if not x:
        return []
    theme = picture.theme
    halo = lines(x, y, {"color": theme.ground, "width": 4.2})
    return [halo, lines(x, y, {"color": theme.text, "width": 1.7}, name="critical path")]


def waits(picture: Picture, size: int = 9) -> list[Trace]:
    """A dotted line from the question to its answer; the end of one that is open is an open circle."""
    bars = picture.bars[picture.bars["kind"] == WAIT]
    if not len(bars):
        return []
    theme = picture.theme
    x, y = _spans(bars)
    ends = [
        fill
        for is_open in bars["is_open"]
        for fill in (theme.wait, theme.ground if is_open else theme.wait, CLEAR)
    ]
    mark = {"size": size, "color": ends, "line": {"width": 2, "color": theme.wait}}
    dotted = {"color": theme.wait, "width": 3, "dash": "dot"}
    return [lines(x, y, dotted, mode="lines+markers", marker=mark, cliponaxis=False)]


def stubs(picture: Picture) -> list[Trace]:
    """A dotted stub behind each step that has not ended."""
    bars = picture.bars[picture.bars["is_open"] & (picture.bars["kind"] != WAIT)].copy()
    if not len(bars) or picture.is_bounded:
        return []
    bars["x0"], bars["x1"] = bars["x1"], bars["x1"] + STUB * picture.axis.length
    dotted = {"color": picture.theme.muted, "width": 2, "dash": "dot"}
    return [lines(*_spans(bars), dotted, name="open step")]


def durations(picture: Picture) -> tuple[list[Trace], float]:
    """Each bar's duration at its end, as one trace; and how far the widest reaches behind the axis, in px.

    A text that the critical path would cross stands right of it; where several bars share a row, those
    without room have none.
    """
    if not picture.has_words:
        return [], 0.0
    bars, scale = picture.bars, picture.scale
    room = _room(picture)
    levels = list(zip(picture.path, picture.path[1:], strict=False))
    verticals = sorted((b[0], *sorted((a[2], b[2]))) for a, b in levels if a[2] != b[2])
    is_path_drawn = bool(picture.path)
    x, texts, colors, reach = [], [], [], 0.0
    for bar, free in zip(bars, room.tolist(), strict=True):
        behind = LEAST_PLOT_PX * (1 - float(bar["x1"] - picture.axis.start) / picture.axis.length)
        text, width = _end_words(picture, bar, behind + RIGHT_PX)
        at = float(bar["x1"]) + (STUB * picture.axis.length if bar["is_open"] and bar["kind"] != WAIT else 0)
        for place, top, bottom in verticals:
            if top <= bar["row"] <= bottom and at - 5 / scale < place < at + (width + 4) / scale:
                at = max(at, place)
        if text and (at - bar["x1"]) * scale + width <= free:
            x.append(at)
            texts.append((float(bar["row"]), f"\u00a0{text}"))
            is_quiet = is_path_drawn and not bar["is_critical"]
            colors.append(picture.theme.muted if is_quiet else picture.theme.text)
            reach = max(reach, width - behind)
    trace = lines(x, [row for row, _ in texts], {}, mode="text", text=[text for _, text in texts])
    font = {"size": SIZE - 1, "color": colors}
    more = {"textposition": "middle right", "textfont": font, "cliponaxis": False, "name": "durations"}
    return ([trace | more] if x else []), reach


def _room(picture: Picture) -> Floats:
    """Pixels from the end of each bar to the next bar of its row."""
    bars = picture.bars
    order = np.lexsort((bars["x0"], bars["row"]))
    is_same = np.diff(bars["row"][order]) == 0
    room = np.full(len(bars), np.inf)
    gap = (bars["x0"][order][1:] - bars["x1"][order][:-1]) * picture.scale
    room[order[:-1][is_same]] = gap[is_same]
    return room


def _end_words(picture: Picture, bar: Any, room_px: float) -> tuple[str, float]:
    """What stands at the end of a bar, and its width in pixels; an error is cut to fit into the room."""
    scene, theme = picture.scene, picture.theme
    if bar["kind"] == WAIT:
        answer = plain(scene.answers.get(int(bar["step"]), "Answered"), ERROR_TEXT)
        return ("", 0.0) if bar["is_open"] else (f"\u00a0\u00a0{answer}", width_px(answer) * TEXT_SCALE)
    text = duration(bar["end"] - bar["start"]) if bar["end"] > bar["start"] else "instant"
    if bar["is_open"]:
        text += " · still running" if scene.runs["is_live"][bar["run"]] else " · no end recorded"
    width = width_px(text) * TEXT_SCALE
    if bar["is_error"]:
        message = scene.messages.get(int(bar["step"]))
        limit = min(int((room_px - width - 30) / LETTER_PX), ERROR_TEXT)
        if message is not None and limit >= LEAST_ERROR:
            words = plain(message, limit)
            width += width_px(words) * TEXT_SCALE + 12
            text += " · " + colored(words, theme.fail)
        return colored(bold("✕"), theme.fail) + " " + text, width + 14
    return text, width


def _crosses(picture: Picture) -> list[Trace]:
    """Over the picture of very many steps, crosses at some of the steps that failed."""
    failed = picture.bars[picture.bars["is_failing"]]
    if picture.has_words or not len(failed):
        return []
    failed = failed[:: -(-len(failed) // MOST_MARKS)]
    mark = {"symbol": "x-thin", "size": 8, "line": {"width": 2, "color": FAILED_COLOR}}
    trace = NOWHERE | {"x": numbers(failed["x1"]), "y": numbers(failed["row"]), "marker": mark}
    return [trace | {"name": "✕ failed", "showlegend": False, "cliponaxis": False}]


def _legend(picture: Picture) -> list[Trace]:
    """Entries for what the chart shows; they are traces of their own, so that all look alike."""
    bars, theme = picture.scene.bars, picture.theme
    used = np.unique(bars["color"][(bars["kind"] != WAIT) & ~bars["is_failing"]]).tolist()
    out = [entry(*picture.scene.legend[number]) for number in used]
    if bars["is_failing"].any():
        out.append(entry(FAILING, FAILED_COLOR))
    if picture.path and not picture.is_dense:
        out.append(
            lines([None], [None], {"color": theme.text, "width": 2}, name="critical path", showlegend=True)
        )
    is_step = bars["kind"] == STEP
    if not picture.is_bounded and bars["is_critical"].any() and (is_step & ~bars["is_critical"]).any():
        gray = theme.muted
        out.append(entry("off the critical path", faded(gray), {"color": gray, "width": 1.25}))
    return out


def entry(word: str, color: str, line: dict[str, Any] | None = None) -> Trace:
    """An entry of the legend."""
    marker = {"symbol": "square", "size": 11, "color": color, "line": line or {"width": 0}}
    return NOWHERE | {"marker": marker, "name": plain(word, 40), "showlegend": True}
