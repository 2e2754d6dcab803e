"""Two runs step under step: each step's name once, run A above run B, and both durations."""

from __future__ import annotations

from difflib import SequenceMatcher
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from runkit.charts.axis import Axis, fold_width, folded, relative_axis, relative_ticks, unfolded
from runkit.charts.bars import GROUP, STEP, WAIT, Scene, answers, step_label
from runkit.charts.heading import Heading, runs_heading
from runkit.charts.hover import hover_texts
from runkit.charts.intervals import blocked
from runkit.charts.labels import bold, colored, indented, plain
from runkit.charts.layout import (
    AXIS_PX,
    LEGEND,
    LEGEND_PX,
    figure_layout,
    legend_lines,
    margin,
    shaded,
    yaxis,
)
from runkit.charts.rows import LETTERS, Rows
from runkit.charts.selection import FULL_ROWS, visible_steps
from runkit.charts.style import CLEAR, SIZE, chosen_theme, faded, keep_private
from runkit.charts.traces import Picture, Trace, bar_trace, brackets, entry, instants, lines, numbers, waits
from runkit.style import FAILED_COLOR, MISSING
from runkit.tables.compare import first_difference
from runkit.text import duration, plural

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

PAIR_PX, BAR_PX = 27, 9  # of a row and of a bar
OFFSET = 0.205  # of a bar from the middle of its row, in rows
LABEL = 40  # characters
MOST_PAIRS = 250_000  # of steps to be matched: more are not compared step by step
SAME = ("depth", "agent", "name", "type")  # in which two steps agree that stand in one row
BIG_S = 10  # seconds: a difference that is emphasized
DOMAIN = 0.6  # of the width, for the bars; the numbers stand right of it
HEAD, HIDDEN = -0.95, -9.0  # rows of the heads of the columns, and of steps that are not shown
PALE = 0.28


class Pair(NamedTuple):
    """A row: positions among the bars of A and of B, -1 where that run has no such step."""

    a: int
    b: int


def can_pair(scene: Scene, max_bars: int) -> bool:
    """Whether two runs are small enough to be matched step by step."""
    n_a = int((scene.bars["run"] == 0).sum())
    return len(scene.bars) <= max_bars and 0 < n_a * (len(scene.bars) - n_a) <= MOST_PAIRS


def pair_rows(scene: Scene) -> list[Pair]:
    """Match the steps of two runs, in tree order; what only one of them has stands in between."""
    in_a, in_b = (np.flatnonzero(scene.bars["run"] == run) for run in (0, 1))
    columns = scene.frames.steps[list(SAME)].astype("object").astype(str)
    keys = [
        list(columns.iloc[scene.bars["step"][own]].itertuples(index=False, name=None)) for own in (in_a, in_b)
    ]
    pairs = []
    for word, a0, a1, b0, b1 in SequenceMatcher(a=keys[0], b=keys[1], autojunk=False).get_opcodes():
        own, other = in_a[a0:a1].tolist(), in_b[b0:b1].tolist()
        if word == "equal":
            pairs += [Pair(a, b) for a, b in zip(own, other, strict=True)]
        else:
            pairs += [Pair(a, -1) for a in own] + [Pair(-1, b) for b in other]
    return pairs


class Difference(NamedTuple):
    """Where two runs begin to differ: after so many steps, at these bars (-1: the run has ended)."""

    n_same: int
    bars: Pair


def difference_of(scene: Scene) -> Difference | None:
    """Find the first difference of two runs, as `compare` does; None if they have the same steps."""
    own = [np.flatnonzero(scene.bars["run"] == run) for run in (0, 1)]
    place = first_difference(*(scene.frames.steps.iloc[scene.bars["step"][at]] for at in own))
    if place is None:
        return None
    at = [-1 if part is None else int(bars[part]) for bars, part in zip(own, place, strict=True)]
    return Difference(min(part for part in place if part is not None), Pair(*at))


def pair_chart(
    scene: Scene, depth: int | str | None, *, compress_waits: bool | str, title: str | None, tz: str
) -> Figure:
    """Draw two runs; the arguments are those of `gantt`. Each wait of each run is folded to a fixed width."""
    import plotly.graph_objects as go

    keep_private()
    is_wait = scene.bars["kind"] == WAIT
    scene = scene._replace(answers=answers(scene.frames, scene.bars["step"][is_wait]))
    every = pair_rows(scene)
    is_shown = visible_steps(scene, "tree", depth, 2 * FULL_ROWS)
    pairs = [pair for pair in every if any(at >= 0 and is_shown[at] for at in pair)]
    axes = _axes(scene, bool(compress_waits))
    rows, rule = _place(scene, pairs, axes)
    picture = Picture(
        scene=scene,
        bars=scene.bars[[at for pair in pairs for at in pair if at >= 0]],
        rows=rows,
        axis=max(axes, key=lambda axis: axis.length),
        path=[],
        theme=chosen_theme(),
        is_bounded=False,
        is_partial=False,
        tz=tz,
        texts=hover_texts(scene, scene.bars, tz),
    )
    note = f"{len(pairs):,} of {plural(len(every), 'row')} shown" if len(pairs) < len(every) else ""
    heading = runs_heading(scene.frames.runs, picture.theme, LETTERS, title, note)
    data = [*_bars(picture), *_columns(picture, pairs), *_mark(picture), *_legend(picture)]
    return go.Figure(data=data, layout=_layout(picture, heading, data, axes, rule))


def _axes(scene: Scene, fold: bool) -> list[Axis]:
    """An axis for each run; a fold is as wide in both."""
    last = [
        float(max(scene.runs["end"][run], scene.bars["end"][scene.bars["run"] == run].max()))
        for run in (0, 1)
    ]
    first = min(float(scene.bars["start"].min()), 0.0)
    folds = [blocked(_alone(scene, run)) if fold else [] for run in (0, 1)]
    rests = [end - first - sum(b - a for a, b in own) for end, own in zip(last, folds, strict=True)]
    n_folds = max(map(len, folds))
    if not n_folds:
        return [unfolded(first, max(last))] * 2
    width = fold_width(max(rests), n_folds)
    return [folded(first, end, own, width) for end, own in zip(last, folds, strict=True)]


def _alone(scene: Scene, run: int) -> Scene:
    bars = scene.bars[scene.bars["run"] == run].copy()
    bars["run"] = 0
    return scene._replace(bars=bars, runs=scene.runs[run : run + 1])


def _place(scene: Scene, pairs: list[Pair], axes: list[Axis]) -> tuple[Rows, float | None]:
    """Give bars their rows and places; the row with the rule over the first difference, if there is one."""
    bars, difference = scene.bars, difference_of(scene)
    theme = chosen_theme()
    least = bars["depth"].min()
    bars["row"] = HIDDEN
    texts, tops, rule, row = [], [], None, 0
    for pair in pairs:
        reached = difference and (pair.a >= difference.bars.a >= 0 or pair.b >= difference.bars.b >= 0)
        if difference and rule is None and reached:
            texts.append(_rule_words(difference.n_same))
            rule, row = float(row), row + 1
        for at, offset in ((pair.a, -OFFSET), (pair.b, OFFSET)):
            if at >= 0:
                bars["row"][at] = row + offset
        bar = bars[pair.a if pair.a >= 0 else pair.b]
        words = plain(step_label(scene.frames.steps, bar["step"]), LABEL)
        words = bold(words) if bar["kind"] == GROUP else words
        only = "" if min(pair) >= 0 else colored(f" · only {'A' if pair.b < 0 else 'B'}", theme.muted)
        texts.append(indented(words + only, int(bar["depth"] - least)))
        if bar["depth"] == least:
            tops.append((row, bar["kind"] == GROUP))
        row += 1
    for run, axis in enumerate(axes):
        own = bars["run"] == run
        for edge, place in (("start", "x0"), ("end", "x1")):
            bars[place][own] = axis.at(bars[edge][own])
    ends = [at for at, _ in tops[1:]] + [row]
    stops = [
        min(end, rule) if rule is not None and at < rule else end
        for (at, _), end in zip(tops, ends, strict=True)
    ]
    bands = [(float(at), float(end)) for (at, is_group), end in zip(tops, stops, strict=True) if is_group]
    px = float(PAIR_PX)
    return Rows(row, px, bars["run"], list(map(float, range(row))), texts, bands[::2], BAR_PX / px), rule


def _rule_words(n_same: int) -> str:
    return bold(f"◆ Identical for {plural(n_same, 'step')}, then:" if n_same else "◆ First difference:")


def _bars(picture: Picture) -> list[Trace]:
    """Run A has solid bars, run B pale ones with an outline."""
    out = []
    for run, alpha in ((0, 1.0), (1, PALE)):
        bars = picture.bars[picture.bars["run"] == run]
        own = picture._replace(bars=bars)
        for number, (word, color) in enumerate(picture.scene.legend):
            is_own = (bars["kind"] == STEP) & ~bars["is_failing"] & (bars["color"] == number)
            out += bar_trace(own, bars[is_own & (bars["x1"] > bars["x0"])], word, faded(color, alpha), color)
        failing = bars[bars["is_failing"]]
        out += bar_trace(own, failing, "✕ failing step", faded(FAILED_COLOR, alpha), FAILED_COLOR)
        out += bar_trace(own, bars[bars["kind"] == GROUP], "group", CLEAR, CLEAR)
        wait = picture.theme.wait
        out += bar_trace(own, bars[bars["kind"] == WAIT], "waiting for a reviewer", faded(wait), CLEAR)
        out += [*brackets(own, 6, 2 - 0.8 * run), *instants(own), *waits(own, 6)]
    return out


def _columns(picture: Picture, pairs: list[Pair]) -> list[Trace]:
    """The durations in A and in B and their difference, as texts that end at a column's edge."""
    bars, theme = picture.scene.bars, picture.theme
    y: list[float] = [HEAD]
    texts: list[tuple[str, ...]] = [("A", "B", "Difference")]
    colors = [theme.muted]
    for pair in pairs:
        y.append(float(np.floor(bars["row"][max(pair)] + 0.5)))
        took = [None if at < 0 else float(bars["end"][at] - bars["start"][at]) for at in pair]
        words = [_cell(bars[at], seconds, theme.fail) for at, seconds in zip(pair, took, strict=True)]
        a, b = took
        by = None if a is None or b is None else b - a
        texts.append((*words, _signed(by)))
        colors.append(theme.muted if by is None or abs(by) < BIG_S else theme.text)
    out = []
    for place, column in enumerate(zip(*texts, strict=True), 1):
        font = {"size": SIZE, "color": colors if place == 3 else theme.muted}
        trace = lines([float(place)] * len(y), y, {}, mode="text", text=list(column), textfont=font)
        out.append(
            trace | {"textposition": "middle left", "xaxis": "x2", "cliponaxis": False, "name": column[0]}
        )
    return out


def _cell(bar: Any, seconds: float | None, color: str) -> str:
    if seconds is None:
        return MISSING
    return (colored(bold("✕"), color) + " " if bar["is_error"] else "") + duration(seconds)


def _signed(seconds: float | None) -> str:
    if seconds is None:
        return MISSING
    words = ("−" if seconds < 0 else "+") + duration(abs(seconds))
    return bold(words) if abs(seconds) >= BIG_S else words


def _mark(picture: Picture) -> list[Trace]:
    """A diamond at the first difference, in each run that has a step there."""
    difference = difference_of(picture.scene)
    if difference is None:
        return []
    bars = picture.scene.bars[[at for at in difference.bars if at >= 0]]
    bars = bars[bars["row"] > HIDDEN]
    marker = {"symbol": "diamond", "size": 10, "color": picture.theme.text}
    trace = lines([], [], {}, mode="markers", marker=marker, name="first difference", cliponaxis=False)
    trace |= {"showlegend": True, "legendrank": 2_000}  # the last one
    return [trace | {"x": numbers(bars["x0"]), "y": numbers(bars["row"])}]


def _legend(picture: Picture) -> list[Trace]:
    bars, gray = picture.bars, picture.theme.muted
    used = np.unique(bars["color"][~bars["is_failing"]]).tolist()
    out = [entry(*picture.scene.legend[number]) for number in used]
    if bars["is_failing"].any():
        out.append(entry("✕ failing step", FAILED_COLOR))
    edge = {"color": gray, "width": 1.25}
    return [*out, entry("A, above", gray), entry("B, below", faded(gray, PALE), edge)]


def _layout(
    picture: Picture, heading: Heading, data: list[Trace], axes: list[Axis], rule: float | None
) -> dict[str, Any]:
    rows, theme = picture.rows, picture.theme
    area = round((rows.n - HEAD + 0.1) * rows.px)
    legend_px = LEGEND_PX * legend_lines(data)
    has_folds = any(axis.folds for axis in axes)
    note = {
        "text": "Time since start" + ("; each wait is folded" if has_folds else ""),
        "showarrow": False,
        "name": "wide",
    }
    note |= {
        "xref": "paper",
        "x": 0,
        "xanchor": "left",
        "y": HEAD,
        "font": {"color": theme.muted, "size": SIZE},
    }
    longest = picture.axis.length
    line = {"type": "line", "xref": "paper", "x0": -2, "x1": 3, "line": {"color": theme.text, "width": 1}}
    return figure_layout(heading, area, AXIS_PX + legend_px) | {
        "xaxis": {
            "range": [picture.axis.start - longest / 200, picture.axis.start + longest],
            "domain": [0, DOMAIN],
        }
        | _ticks(axes),
        "xaxis2": {"domain": [DOMAIN, 1], "range": [0, 3.05], "visible": False, "fixedrange": True},
        "yaxis": yaxis(picture, [rows.n - 0.5, HEAD - 0.6]),
        "margin": margin(picture, heading, AXIS_PX + legend_px),
        "legend": LEGEND | {"y": -AXIS_PX / area},
        "shapes": [
            *shaded(picture),
            *(line | {"y0": rule + 0.42, "y1": rule + 0.42} for rule in ([] if rule is None else [rule])),
        ],
        "annotations": [note],
    }


def _ticks(axes: list[Axis]) -> dict[str, Any]:
    """The ticks that hold for both runs: up to the first fold."""
    if not any(axis.folds for axis in axes):
        return relative_axis(axes[0])
    first = min(axis.folds[0][0] for axis in axes if axis.folds)
    places, texts = relative_ticks(max(axes, key=lambda axis: axis.length))
    ticks = [(place, text) for place, text in zip(places.tolist(), texts, strict=True) if place <= first]
    return {"tickmode": "array", "tickvals": [at for at, _ in ticks], "ticktext": [text for _, text in ticks]}
