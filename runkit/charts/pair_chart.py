"""Two runs step under step: each step's name once, run A above run B, and both durations."""

from __future__ import annotations

from difflib import SequenceMatcher
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from runkit.charts.axis import Axis, fold_width, folded, relative_axis, relative_ticks, unfolded
from runkit.charts.bars import GROUP, STEP, WAIT, Scene, answers, blocked, step_label
from runkit.charts.heading import runs_heading
from runkit.charts.hover import hover_texts
from runkit.charts.labels import bold, colored, indented, plain
from runkit.charts.layout import layout
from runkit.charts.rows import LETTERS, Rows
from runkit.charts.selection import FULL_ROWS, visible_steps
from runkit.charts.style import CLEAR, SIZE, chosen_theme, faded, note
from runkit.charts.traces import FAILING, Picture, Trace, bar_trace, brackets, entry, instants, lines, waits
from runkit.style import FAILED_COLOR, MISSING, Theme
from runkit.tables.compare import first_difference
from runkit.text import duration, plural

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

Pairs = NDArray[np.int64]  # shape (rows, 2): positions among the bars of A and of B, -1 where there is none

PAIR_PX, BAR_PX = 27.0, 9  # of a row and of a bar
OFFSET = 0.205  # of a bar from the middle of its row, in rows
LABEL = 40  # characters
MOST_PAIRS = 250_000  # of steps to be matched: more are not compared step by step
SAME = ["depth", "agent", "name", "type"]  # in which two steps agree that stand in one row
BIG_S = 10  # seconds: a difference that is emphasized
DOMAIN = 0.6  # of the width, for the bars; the numbers stand right of it
HEAD, HIDDEN = -0.95, -9.0  # rows of the heads of the columns, and of steps that are not shown
PALE = 0.28


def can_pair(scene: Scene, max_bars: int) -> bool:
    """Whether two runs are small enough to be matched step by step."""
    n_a = int((scene.bars["run"] == 0).sum())
    return len(scene.bars) <= max_bars and 0 < n_a * (len(scene.bars) - n_a) <= MOST_PAIRS


def pair_chart(
    scene: Scene, depth: int | str | None, *, compress_waits: bool | str, title: str | None, tz: str
) -> Figure:
    """Draw two runs; the arguments are those of `gantt`. Each wait of each run is folded to a fixed width."""
    import plotly.graph_objects as go

    scene = scene._replace(answers=answers(scene.frames, scene.bars["step"][scene.bars["kind"] == WAIT]))
    own = [np.flatnonzero(scene.bars["run"] == run) for run in (0, 1)]
    every = _matched(scene, *own)
    is_shown = np.append(visible_steps(scene, "tree", depth, 2 * FULL_ROWS), False)  # the last one is for -1
    pairs = every[is_shown[every].any(axis=1)]
    difference = first_difference(*(scene.frames.steps.iloc[scene.bars["step"][at]] for at in own))
    n_same = -1 if difference is None else min(at for at in difference if at is not None)
    places = (None, None) if difference is None else difference
    marks = np.array([-1 if at is None else bars[at] for bars, at in zip(own, places, strict=True)])
    axes = _axes(scene, own, bool(compress_waits))
    theme = chosen_theme()
    rows, rule = _place(scene, pairs, axes, marks, n_same, theme)
    longest = max(axes, key=lambda axis: axis.length)
    picture = Picture(
        scene=scene,
        bars=scene.bars[pairs[pairs >= 0]],
        rows=rows,
        axis=unfolded(longest.start, longest.start + longest.length),
        path=[],
        theme=theme,
        is_bounded=False,
        is_partial=False,
        tz=tz,
        texts=hover_texts(scene, scene.bars, tz),
    )
    left_out = f"{len(pairs):,} of {plural(len(every), 'row')} shown" if len(pairs) < len(every) else ""
    heading = runs_heading(scene.frames.runs, theme, LETTERS, title, left_out)
    data = [*_bars(picture), *_columns(picture, pairs), *_mark(picture, marks), *_legend(picture)]
    figure = go.Figure(data, layout(picture, data, heading, is_clock=False, above=0.1 - HEAD, reach=0))
    folds = any(axis.folds for axis in axes)
    words = "Time since start" + ("; each wait is folded" if folds else "")
    place = {"xref": "paper", "x": 0, "xanchor": "left", "y": HEAD, "name": "wide"}
    figure.add_annotation(note(words, theme.muted, SIZE) | place)
    if rule is not None:
        line = {"color": theme.text, "width": 1}
        figure.add_shape(type="line", xref="paper", x0=-2, x1=3, y0=rule + 0.42, y1=rule + 0.42, line=line)
    columns = {"domain": [DOMAIN, 1], "range": [0, 3.05], "visible": False, "fixedrange": True}
    meta = figure.layout.meta | {"refines": not folds}
    return figure.update_layout(meta=meta, xaxis={"domain": [0, DOMAIN]} | _ticks(axes), xaxis2=columns)


def _matched(scene: Scene, in_a: Pairs, in_b: Pairs) -> Pairs:
    """Match the steps of two runs, in tree order; what only one of them has stands in between."""
    columns = scene.frames.steps[SAME].astype("object").astype(str)
    a, b = ([*map(tuple, columns.iloc[scene.bars["step"][own]].to_numpy())] for own in (in_a, in_b))
    pairs = []
    for word, a0, a1, b0, b1 in SequenceMatcher(a=a, b=b, autojunk=False).get_opcodes():
        if word == "equal":
            pairs += [*zip(in_a[a0:a1], in_b[b0:b1], strict=True)]
        else:
            pairs += [(a, -1) for a in in_a[a0:a1]] + [(-1, b) for b in in_b[b0:b1]]
    return np.array(pairs)


def _axes(scene: Scene, own: list[Pairs], fold: bool) -> list[Axis]:
    """An axis for each run, which places its bars; a fold is as wide in both."""
    bars, axes = scene.bars, []
    first = min(float(bars["start"].min()), 0.0)
    last = [max(float(scene.runs["end"][run]), float(bars["end"][own[run]].max())) for run in (0, 1)]
    folds = [blocked(_alone(scene, run)) if fold else [] for run in (0, 1)]
    rests = [end - first - sum(b - a for a, b in each) for end, each in zip(last, folds, strict=True)]
    width = fold_width(max(rests), max(map(len, folds)))
    for at, end, each in zip(own, last, folds, strict=True):
        axes.append(folded(first, end, each, width) if any(folds) else unfolded(first, max(last)))
        for edge, place in (("start", "x0"), ("end", "x1")):
            bars[place][at] = axes[-1].at(bars[edge][at])
    return axes


def _alone(scene: Scene, run: int) -> Scene:
    bars = scene.bars[scene.bars["run"] == run]
    bars["run"] = 0
    return scene._replace(bars=bars, runs=scene.runs[run : run + 1])


def _place(
    scene: Scene, pairs: Pairs, axes: list[Axis], marks: Pairs, n_same: int, theme: Theme
) -> tuple[Rows, int | None]:
    """Give bars their rows; the row with the rule over the first difference, if there is one."""
    bars = scene.bars
    is_after = ((pairs >= marks) & (marks >= 0)).any(axis=1)
    rule = int(np.argmax(is_after)) if is_after.any() else None
    row = np.arange(len(pairs)) + is_after.cumsum().astype(bool)
    bars["row"] = HIDDEN
    for side, offset in ((0, -OFFSET), (1, OFFSET)):
        has = pairs[:, side] >= 0
        bars["row"][pairs[has, side]] = row[has] + offset
    first = bars[np.where(pairs[:, 0] >= 0, pairs[:, 0], pairs[:, 1])]
    depth = first["depth"] - bars["depth"].min()
    texts = []
    for bar, level, (a, b) in zip(first, depth.tolist(), pairs.tolist(), strict=True):
        words = plain(step_label(scene.frames.steps, bar["step"]), LABEL)
        only = "" if min(a, b) >= 0 else colored(f" · only {'A' if b < 0 else 'B'}", theme.muted)
        texts.append(indented((bold(words) if bar["kind"] == GROUP else words) + only, level))
    if rule is not None:
        words = f"Identical for {plural(n_same, 'step')}, then:" if n_same else "First difference:"
        texts.insert(rule, bold(f"◆ {words}"))
    top = np.flatnonzero(depth == 0)
    ends = row[np.append(top[1:], len(pairs)) - 1] + 1.0
    bands = [
        (float(row[at]), end)
        for at, end in zip(top, ends.tolist(), strict=True)
        if first["kind"][at] == GROUP
    ]
    ticks = [float(at) for at in range(len(texts))]
    return Rows(len(texts), PAIR_PX, bars["run"], ticks, texts, bands[::2], BAR_PX / PAIR_PX), rule


def _bars(picture: Picture) -> list[Trace]:
    """Run A has solid bars, run B pale ones with an outline."""
    out = []
    for run, alpha in ((0, 1.0), (1, PALE)):
        bars = picture.bars[picture.bars["run"] == run]
        own = picture._replace(bars=bars)
        has_length, kind = bars["x1"] > bars["x0"], bars["kind"]
        looks = [
            (has_length & (kind == STEP) & ~bars["is_failing"] & (bars["color"] == number), *look)
            for number, look in enumerate(picture.scene.legend)
        ]
        for which, word, color in [*looks, (bars["is_failing"], FAILING, FAILED_COLOR)]:
            out += bar_trace(own, bars[which], word, faded(color, alpha), color)
        out += bar_trace(own, bars[kind == GROUP], "group", CLEAR, CLEAR)
        out += bar_trace(own, bars[kind == WAIT], "waiting for a reviewer", faded(picture.theme.wait), CLEAR)
        out += [*brackets(own, 6, 2 - 0.8 * run), *instants(own), *waits(own, 6)]
    return out


def _columns(picture: Picture, pairs: Pairs) -> list[Trace]:
    """The durations in A and in B and their difference, as texts that end at a column's edge."""
    bars, theme = picture.scene.bars, picture.theme
    took = np.where(pairs < 0, np.nan, (bars["end"] - bars["start"])[pairs])
    cross = colored(bold("✕"), theme.fail) + " "
    columns = [["A"], ["B"], ["Difference"]]
    for side in (0, 1):
        for at, seconds in zip(pairs[:, side], took[:, side], strict=True):
            sign = cross if bars["is_error"][at] else ""
            columns[side].append(MISSING if at < 0 else sign + duration(seconds))
    by = took[:, 1] - took[:, 0]
    for seconds in by:
        words = ("−" if seconds < 0 else "+") + duration(abs(seconds))
        columns[2].append(MISSING if np.isnan(seconds) else bold(words) if abs(seconds) >= BIG_S else words)
    y = [HEAD, *np.floor(bars["row"][pairs.max(axis=1)] + 0.5).tolist()]
    colors = [theme.muted, *np.where(np.abs(by) >= BIG_S, theme.text, theme.muted).tolist()]
    look = {"mode": "text", "textposition": "middle left", "xaxis": "x2", "cliponaxis": False}
    return [
        lines([at] * len(y), y, {}, text=words, name=words[0], **look)
        | {"textfont": {"size": SIZE, "color": colors if at == 3 else theme.muted}}
        for at, words in enumerate(columns, 1)
    ]


def _mark(picture: Picture, marks: Pairs) -> list[Trace]:
    """A diamond at the first difference, in each run that has a step there."""
    bars = picture.scene.bars[marks[marks >= 0]]
    bars = bars[bars["row"] > HIDDEN]
    marker = {"symbol": "diamond", "size": 10, "color": picture.theme.text}
    look = {"mode": "markers", "marker": marker, "name": "first difference", "cliponaxis": False}
    x, y = bars["x0"].tolist(), bars["row"].tolist()
    return [lines(x, y, {}, **look) | {"showlegend": True, "legendrank": 2_000}] if (marks >= 0).any() else []


def _legend(picture: Picture) -> list[Trace]:
    bars, gray = picture.bars, picture.theme.muted
    out = [entry(*picture.scene.legend[number]) for number in np.unique(bars["color"][~bars["is_failing"]])]
    out += [entry(FAILING, FAILED_COLOR)] if bars["is_failing"].any() else []
    edge = {"color": gray, "width": 1.25}
    return [*out, entry("A, above", gray), entry("B, below", faded(gray, PALE), edge)]


def _ticks(axes: list[Axis]) -> dict[str, Any]:
    """The ticks that hold for both runs: up to the first fold."""
    if not any(axis.folds for axis in axes):
        return relative_axis(axes[0])
    first = min(axis.folds[0][0] for axis in axes if axis.folds)
    places, texts = relative_ticks(max(axes, key=lambda axis: axis.length))
    n_ticks = int((places <= first).sum())
    return {"tickmode": "array", "tickvals": places[:n_ticks].tolist(), "ticktext": texts[:n_ticks]}
