"""The marks of a Gantt chart, as plain dicts of plotly's names: bars, lines, texts, shapes and notes.

Positions are seconds, rows count from the top.
"""

from __future__ import annotations

from bisect import bisect_left
from itertools import pairwise
from typing import Any, cast

import numpy as np
import pandas as pd

from runkit.charts.axis import Floats
from runkit.charts.bars import GROUP, STEP, WAIT, Picture, each
from runkit.charts.style import (
    CLEAR,
    HOVER,
    Json,
    Trace,
    bars,
    bold,
    colored,
    cross,
    faded,
    lines,
    note,
    plain,
    texts,
    width_px,
)
from runkit.style import Theme
from runkit.text import duration
from runkit.timing import waiting_ranges

MANY = 59  # bars; among more, short ones are drawn longer to be seen
MARK_PX = 9  # of the ends of waits and groups
TICK_PX = 3  # width of a step without duration
LEAST_PX = 3  # of a bar
STUB = 0.02  # length of the stub of an open step, as a share of the axis
ERROR_TEXT, LEAST_ERROR = 60, 12  # characters of an error
# of a narrow figure's axis, and the most that texts reach behind it
LEAST_PLOT_PX, RIGHT_PX = 400, 340
LETTER_PX = 6.0  # a letter of an error, about
TEXT_SCALE = 0.88  # of `width_px`, which is for 12 px: durations have 11 px
UNDER: dict[str, Any] = {"yanchor": "top", "yshift": -3, "borderpad": 0}  # a line
WORDS_PX = 140  # from the words of one wait to those of the next
NOTE_PX = 66  # a fold so wide has room for "not to scale"


def traces(picture: Picture) -> list[Trace]:
    """Draw what lies in the rows, from the bottom up."""
    marks = [
        _brackets(picture),
        _path(picture),
        _waits(picture),
        _stubs(picture),
        _instants(picture),
    ]
    return [*_bars(picture), *(trace for some in marks for trace in some)]


def _bars(picture: Picture) -> list[Trace]:
    """Draw one trace for each color and fill; groups and waits are clear, their marks lie over them."""
    drawn, out = picture.bars[picture.bars["x1"] > picture.bars["x0"]], []
    least = LEAST_PX / picture.axis.scale if len(drawn) > MANY else 0
    is_step = drawn["kind"].eq(STEP)
    looks = [drawn["kind"], drawn["color"].where(is_step, CLEAR), drawn["is_solid"] & is_step]
    for look, own in drawn[["x0", "x1", "row", "hover"]].groupby(looks):
        kind, edge, is_solid = cast(tuple[int, str, bool], look)
        fill, name = edge, picture.legend.get(edge, "group")
        if kind == STEP and not is_solid:
            fill = faded(edge)
        if kind == WAIT:
            fill, name = faded(picture.theme.wait), "waiting for a reviewer"
        mark = {"color": fill, "cornerradius": 3.5, "line": {"color": edge, "width": 1.25}}
        length, width = (
            (own["x1"] - own["x0"]).clip(lower=least),
            picture.rows.bar_px / picture.rows.px,
        )
        words = HOVER | {"name": plain(name), "customdata": own["hover"].tolist()}
        out.append(bars(own["x0"], length, own["row"], width, mark, **words))
    return out


def _segments(x: list[Any], y: list[Any], line: Json, **look: Any) -> Trace:
    """Draw several lines in one trace, with gaps between them; `x` and `y` have a column for each corner."""
    gap = np.full(len(x[0]), None)
    points = (np.column_stack([*corners, gap]).ravel().tolist() for corners in (x, y))
    return lines(*points, line=line, **look)


def _brackets(picture: Picture) -> list[Trace]:
    """Draw a thin bracket for each group, as one path: markers at its ends would be slow to zoom."""
    half, out = MARK_PX / 2 / picture.rows.px, []
    for look, own in picture.bars[picture.bars["kind"] == GROUP].groupby(["color", "is_solid"]):
        color, is_solid = cast(tuple[str, bool], look)
        x0, x1, row = own["x0"], own["x1"], own["row"]
        above, below = row - half, row + half
        line = {"color": color, "width": 2 if is_solid else 1.6}
        out.append(
            _segments([x0, x0, x0, x1, x1, x1], [above, below, row, row, above, below], line)
        )
    return out


def _instants(picture: Picture) -> list[Trace]:
    """Draw ticks for steps without duration, which a bar would not show."""
    own = picture.bars[(picture.bars["x1"] <= picture.bars["x0"]) & (picture.bars["kind"] != WAIT)]
    line = {"width": TICK_PX, "color": own["color"].tolist()}
    mark = {"symbol": "line-ns", "size": max(4.0, picture.rows.bar_px), "line": line}
    look = HOVER | {
        "mode": "markers",
        "name": "instant",
        "marker": mark,
        "customdata": own["hover"].tolist(),
    }
    return [lines(own["x0"].tolist(), own["row"].tolist(), **look)] if len(own) else []


def _path(picture: Picture) -> list[Trace]:
    """Draw the critical path along the lower edge of bars; it changes rows where one part ends."""
    x: list[float | None] = []
    y: list[float | None] = []
    edge = picture.rows.bar_px / picture.rows.px / 2
    for start, end, row, kind in picture.path:
        if x and x[-1] != start:
            x, y = [*x, start], [*y, y[-1]]
        gap = [None] * (kind == WAIT)  # where its dotted line is
        x, y = [*x, start, *gap, end], [*y, row + edge, *gap, row + edge]
    halo = lines(x, y, line={"color": picture.theme.ground, "width": 4.2})
    path = lines(x, y, line={"color": picture.theme.text, "width": 1.7}, name="critical path")
    return [halo, path] if x else []


def _waits(picture: Picture) -> list[Trace]:
    """Draw a dotted line from the question to its answer; the end of one that is open is an open circle."""
    own, color = picture.bars[picture.bars["kind"] == WAIT], picture.theme.wait
    ends = np.where(own["is_open"], picture.theme.ground, color)
    fills = [fill for end in ends.tolist() for fill in (color, end, CLEAR)]
    mark = {"size": MARK_PX, "color": fills, "line": {"width": 2, "color": color}}
    look = {"mode": "lines+markers", "marker": mark, "cliponaxis": False}
    dotted = {"color": color, "width": 3, "dash": "dot"}
    return [_segments([own["x0"], own["x1"]], [own["row"]] * 2, dotted, **look)] if len(own) else []


def _stubs(picture: Picture) -> list[Trace]:
    """Draw a dotted stub behind each step that has not ended."""
    own = picture.bars[is_stub(picture.bars)]
    line = {"color": picture.theme.muted, "width": 2, "dash": "dot"}
    ends = [own["x1"], own["x1"] + STUB * picture.axis.length]
    return [_segments(ends, [own["row"]] * 2, line, name="open step")] if len(own) else []


def is_stub(drawn: pd.DataFrame) -> pd.Series[bool]:
    """Return which steps end in a stub."""
    return drawn["is_open"] & (drawn["kind"] != WAIT)


def durations(picture: Picture) -> tuple[list[Trace], float]:
    """Write each bar's duration at its end; and how far the widest text reaches behind the axis, in pixels.

    A text that the critical path would cross stands right of it; where several bars share a row,
    those without room have none.
    """
    drawn, axis, theme = picture.bars, picture.axis, picture.theme
    following = drawn.sort_values("x0").groupby("row")["x0"].shift(-1)
    room = ((following - drawn["x1"]) * axis.scale).fillna(np.inf)
    ends = drawn["x1"] + STUB * axis.length * is_stub(drawn)
    verticals = sorted((b[0], *sorted((a[2], b[2]))) for a, b in pairwise(picture.path))
    shown, reach = [], 0.0
    for bar, free, at in zip(each(drawn), room, ends, strict=True):
        behind = LEAST_PLOT_PX * (1 - (bar.x1 - axis.start) / axis.length)
        text = _end_words(bar, theme, behind + RIGHT_PX)
        width = width_px(text) * TEXT_SCALE
        for place, top, bottom in verticals[bisect_left(verticals, (at - 5 / axis.scale,)) :]:
            if place >= at + (width + 4) / axis.scale:
                break
            at = max(at, place) if top <= bar.row <= bottom else at
        if text and (at - bar.x1) * axis.scale + width <= free:
            color = theme.muted if picture.path and not bar.is_critical else theme.text
            shown.append((at, bar.row, f"\u00a0{text}", color))
            reach = max(reach, width - behind)
    if not shown:
        return [], reach
    x, y, words, colors = zip(*shown, strict=True)
    return [texts(x, y, words, list(colors), name="durations")], reach


def _end_words(bar: Any, theme: Theme, room_px: float) -> str:
    """Write what stands at the end of a bar; an error is cut to fit into the room."""
    if bar.kind == WAIT:
        # a band says how long an open one has waited, as far as it is known
        known = "" if bar.end > bar.start else "waiting for a reviewer"
        words = known if bar.is_open else plain(bar.note)
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
    drawn, theme = picture.bars, picture.theme
    used = set(drawn.loc[drawn["kind"] != WAIT, "color"])
    out = [entry(words, color) for color, words in picture.legend.items() if color in used]
    if any(kind != WAIT for *_, kind in picture.path):
        line = {"color": theme.text, "width": 2}
        out.append(lines([None], [None], line=line, name="critical path", showlegend=True))
    is_pale = drawn["kind"].eq(STEP) & ~drawn["is_critical"]
    if drawn["is_critical"].any() and is_pale.any():
        out.append(entry("off the critical path", faded(theme.muted), theme.muted))
    return out


def entry(word: str, color: str, edge: str = CLEAR) -> Trace:
    """Build an entry of the legend."""
    mark = {"symbol": "square", "size": 11, "color": color, "line": {"width": 1.25, "color": edge}}
    return lines([None], [None], mode="markers", marker=mark, name=plain(word, 40), showlegend=True)


def shades(picture: Picture, waits: pd.DataFrame, top: float) -> list[Json]:
    """Shade rows from edge to edge of the figure, and waits over all rows.

    Waits do not overlap there: two shades over each other are too dark for words on them.
    """
    ground = {"line": {"width": 0}, "layer": "below"}
    # One path is made and drawn much faster than a shape for each of the rows.
    path = "".join(f"M-2,{above - 0.5}H3V{below - 0.5}H-2Z" for above, below in picture.rows.bands)
    rows = {"type": "path", "path": path, "xref": "paper", "fillcolor": picture.theme.band}
    band = {
        "type": "rect",
        "y0": top,
        "y1": picture.rows.n - 0.5,
        "fillcolor": faded(picture.theme.wait, 0.12),
    }
    x0, x1 = waits["x0"].to_numpy(), waits["x1"].to_numpy()
    spans = waiting_ranges(x0, x1, np.ones(len(waits), np.bool_))
    return [ground | rows] * bool(path) + [
        ground | band | {"x0": first, "x1": last} for first, last in spans
    ]


def wait_words(picture: Picture, waits: pd.DataFrame, top: float) -> list[Json]:
    """Write the length of each wait in words over its band, where there is room."""
    words: list[Json] = []
    for wait in each(waits):
        length = duration(wait.end - wait.start) + " so far" * wait.is_open
        text, middle = f"{bold(length)}<br>waiting for a reviewer", (wait.x0 + wait.x1) / 2
        if all(abs(middle - other["x"]) * picture.axis.scale >= WORDS_PX for other in words):
            words.append(note(text, picture.theme.attention, x=middle, y=top, **UNDER))
    return words


def fold_words(picture: Picture) -> list[Json]:
    """Write below the axis of each fold that it is not to scale."""
    edges: Floats = picture.axis.places[1:-1].reshape(-1, 2)
    middles = edges.mean(axis=1)[np.diff(edges)[:, 0] * picture.axis.scale > NOTE_PX].tolist()
    words = note("not to scale", picture.theme.muted, y=picture.rows.n - 0.5, **UNDER)
    return [words | {"x": x} for x in middles]


def absences(picture: Picture) -> list[Json]:
    """Write in words why there is nothing to see."""
    text = "There are no steps."
    if not picture.runs["has_steps"].any():
        text = "The steps were not delivered: fetch the run with its steps to see them."
    if picture.runs["started_at"].isna().all():
        text = "Not started yet."
    words = note(text, picture.theme.muted, xref="paper", x=0, xanchor="left", y=picture.rows.n)
    return [] if len(picture.bars) else [words]
