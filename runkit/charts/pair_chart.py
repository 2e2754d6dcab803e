"""Two runs step under step: each step's name once, run A above run B, and both durations."""

from __future__ import annotations

from difflib import SequenceMatcher
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from runkit.charts.axis import Axis, array_ticks, axis_of, fold_width, relative_axis, relative_ticks
from runkit.charts.bars import SAME, Scene, blocked, with_words
from runkit.charts.heading import runs_heading
from runkit.charts.hover import with_hover
from runkit.charts.labels import bold, colored, cross, note
from runkit.charts.layout import layout
from runkit.charts.rows import Rows, tree_bands, tree_labels
from runkit.charts.selection import MOST_BARS, MOST_ROWS, visible_steps
from runkit.charts.style import SIZE, Trace, chosen_theme, faded, lines
from runkit.charts.traces import Picture, entry, legend, traces
from runkit.style import MISSING, Theme
from runkit.tables.compare import first_difference
from runkit.tables.frames import Frames
from runkit.text import duration, plural

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

# shape (rows, 2): positions among the bars of A and of B, -1 where there is none
Pairs = NDArray[np.int64]

PAIR_PX, BAR_PX = 27.0, 9.0  # of a row and of a bar
OFFSETS = (-0.205, 0.205)  # of the bars of A and B from the middle of their row, in rows
MOST_PAIRS = 250_000  # of steps to be matched: more are not compared step by step
BIG_S = 10  # seconds: a difference that is emphasized
DOMAIN = 0.55  # of the width, for the bars; the numbers stand right of it
HEAD = -0.95  # the row of the heads of the columns
RULE = 0.42  # rows below the words of the first difference


def can_pair(frames: Frames) -> bool:
    """Whether two runs are small enough to be matched step by step."""
    n_a, n_b = (int((frames.steps["run_id"] == run_id).sum()) for run_id in frames.runs["run_id"])
    return 0 < n_a * n_b <= MOST_PAIRS


def pair_chart(scene: Scene, depth: int | str | None, *, compress_waits: bool, title: str | None) -> Figure:
    """Draw two runs; the arguments are those of `gantt`. Each wait of each run is folded to a fixed width."""
    from runkit.charts.figure import RunFigure

    theme = chosen_theme()
    bars = scene.bars
    own = [np.flatnonzero(bars["run"] == run) for run in (0, 1)]
    every = _matched(bars, *own)
    most = 2 * MOST_ROWS if depth == "auto" else MOST_BARS // 2  # a row has up to two bars
    # the last one is for -1
    is_shown = np.append(visible_steps(bars, depth, most), False)
    pairs = every[is_shown[every].any(axis=1)]
    axes = _axes(bars, own, compress_waits)
    first = first_difference(*(bars.iloc[at] for at in own)) or (None, None)
    n_same = min((at for at in first if at is not None), default=0)
    marks = np.array([-1 if at is None else run[at] for run, at in zip(own, first, strict=True)])
    rows, rule = _place(scene, pairs, marks, n_same, theme)
    bars["is_solid"] = bars["run"] == 0
    drawn = with_hover(scene, with_words(scene, bars[bars["row"].notna()]))
    longest = max(axes, key=lambda axis: axis.length)
    axis = axis_of(longest.start, longest.start + longest.length)
    shown = scene._replace(bars=drawn.assign(is_critical=False))
    picture = Picture(shown, drawn, rows, axis, theme)
    data = [
        *traces(picture),
        *_columns(bars, pairs, theme),
        *_legend(picture, bars.iloc[marks[marks >= 0]]),
    ]
    is_cut = len(pairs) < len(every)
    left_out = f"{len(pairs):,} of {plural(len(every), 'row')} shown" if is_cut else ""
    heading = runs_heading(scene.runs, theme, title, left_out)
    look = layout(picture, data, heading, above=0.1 - HEAD)
    _add_columns(look, axes, rule, theme)
    return RunFigure(data, look)


def _add_columns(look: dict[str, Any], axes: list[Axis], rule: int | None, theme: Theme) -> None:
    """Add the columns' axis, the words over the bars, and the rule over the first difference."""
    has_folds = any(axis.folds for axis in axes)
    words = "Time since start" + ("; each wait is folded" if has_folds else "")
    place = {"xref": "paper", "x": 0, "xanchor": "left", "y": HEAD}
    look["annotations"].append(note(words, theme.muted, SIZE, **place))
    if rule is not None:
        place = {"xref": "paper", "x0": -2, "x1": 3, "y0": rule + RULE, "y1": rule + RULE}
        line = {"color": theme.text, "width": 1}
        look["shapes"].append({"type": "line", "line": line} | place)
    look["meta"]["refines"] = not has_folds
    look["xaxis"] |= {"domain": [0, DOMAIN]} | _ticks(axes)
    look["xaxis2"] = {"domain": [DOMAIN, 1], "range": [0, 3.2], "visible": False, "fixedrange": True}


def _matched(steps: pd.DataFrame, in_a: Pairs, in_b: Pairs) -> Pairs:
    """Match the steps of two runs, in tree order; what only one of them has stands in between."""
    keys = list(steps[SAME].astype(str).itertuples(index=False, name=None))
    a, b = ([keys[at] for at in own] for own in (in_a, in_b))
    pairs: list[tuple[int, int]] = []
    for word, a0, a1, b0, b1 in SequenceMatcher(a=a, b=b, autojunk=False).get_opcodes():
        if word == "equal":
            pairs += zip(in_a[a0:a1], in_b[b0:b1], strict=True)
        else:
            pairs += [(at, -1) for at in in_a[a0:a1]] + [(-1, at) for at in in_b[b0:b1]]
    return np.array(pairs)


def _axes(bars: pd.DataFrame, own: list[Pairs], fold: bool) -> list[Axis]:
    """An axis for each run, which places its bars; a fold is as wide in both."""
    runs = [bars.iloc[at] for at in own]
    first = min(bars["start"].min(), 0.0)
    folds = [blocked(run) if fold else [] for run in runs]
    rests = [  # the time that is not folded
        run["end"].max() - first - sum(to - since for since, to in each)
        for run, each in zip(runs, folds, strict=True)
    ]
    width = fold_width(max(rests), max(map(len, folds)))
    axes = [axis_of(first, run["end"].max(), each, width) for run, each in zip(runs, folds, strict=True)]
    for edge, place in (("start", "x0"), ("end", "x1")):
        places = [axis.at(run[edge].to_numpy()) for axis, run in zip(axes, runs, strict=True)]
        bars[place] = np.concatenate(places)
    return axes


def _place(scene: Scene, pairs: Pairs, marks: Pairs, n_same: int, theme: Theme) -> tuple[Rows, int | None]:
    """Give bars their rows; the row with the rule over the first difference, if there is one."""
    bars = scene.bars
    is_after = ((pairs >= marks) & (marks >= 0)).any(axis=1)
    rule = int(np.argmax(is_after)) if is_after.any() else None
    row = np.arange(len(pairs)) + is_after.cumsum().astype(bool)
    places = np.full(len(bars), np.nan)
    for at, offset in zip(pairs.T, OFFSETS, strict=True):
        places[at[at >= 0]] = row[at >= 0] + offset
    bars["row"] = places
    first = bars.iloc[np.where(pairs[:, 0] >= 0, pairs[:, 0], pairs[:, 1])].assign(row=row)
    texts = tree_labels(first)
    for at in np.flatnonzero(pairs.min(axis=1) < 0):
        texts[at] += colored(f" · only {'B' if pairs[at, 0] < 0 else 'A'}", theme.muted)
    if rule is not None:
        words = f"Identical for {plural(n_same, 'step')}, then:" if n_same else "First difference:"
        texts.insert(rule, bold(f"◆ {words}"))
    ticks = [float(at) for at in range(len(texts))]
    return Rows(len(texts), PAIR_PX, BAR_PX, ticks, texts, tree_bands(first)), rule


def _columns(bars: pd.DataFrame, pairs: Pairs, theme: Theme) -> list[Trace]:
    """The durations in A and in B and their difference, as texts that end at a column's edge."""
    lengths = (bars["end"] - bars["start"]).to_numpy()
    took = np.where(pairs < 0, np.nan, lengths[pairs])
    has_failed = bars["is_failed"].to_numpy()[pairs] & (pairs >= 0)
    marks = np.where(has_failed, f"{cross(theme)} ", "")
    in_a, in_b = (
        [f"{mark}{_signed(seconds, '')}" for mark, seconds in zip(*side, strict=True)]
        for side in zip(marks.T, took.T, strict=True)
    )
    differences = took[:, 1] - took[:, 0]
    is_big = np.abs(differences) >= BIG_S
    words = [bold(_signed(s)) if big else _signed(s) for s, big in zip(differences, is_big, strict=True)]
    y = [HEAD, *np.floor(bars["row"].to_numpy()[pairs.max(axis=1)] + 0.5)]
    colors = [theme.muted, *np.where(is_big, theme.text, theme.muted)]
    columns = {"A": (1, in_a), "B": (2, in_b), "B − A": (3.15, words)}
    look = {"mode": "text", "textposition": "middle left", "xaxis": "x2", "cliponaxis": False}
    out = []
    for name, (x, texts) in columns.items():
        font = {"size": SIZE, "color": colors if texts is words else theme.muted}
        out.append(lines([x] * len(y), y, text=[name, *texts], name=name, textfont=font, **look))
    return out


def _signed(seconds: float, plus: str = "+") -> str:
    """Write a difference of durations with its sign; a dash if it is missing."""
    return MISSING if np.isnan(seconds) else ("−" if seconds < 0 else plus) + duration(abs(seconds))


def _legend(picture: Picture, marked: pd.DataFrame) -> list[Trace]:
    """What the colors are, and a diamond at the first difference, in each run that has a step there."""
    gray = picture.theme.muted
    out = [*legend(picture), entry("A, above", gray), entry("B, below", faded(gray), gray)]
    if len(marked):
        places = (marked.dropna(subset="row")[name].tolist() for name in ("x0", "row"))
        mark = {"symbol": "diamond", "size": 10, "color": picture.theme.text}
        look = {"name": "first difference", "mode": "markers", "marker": mark, "cliponaxis": False}
        out.append(lines(*places, legendrank=2_000, showlegend=True, **look))
    return out


def _ticks(axes: list[Axis]) -> dict[str, Any]:
    """The ticks that hold for both runs: up to the first fold."""
    longest = max(axes, key=lambda axis: axis.length)
    longest = longest._replace(px=DOMAIN * longest.px)
    first_fold = min((axis.folds[0][0] for axis in axes if axis.folds), default=None)
    if first_fold is None:
        return relative_axis(longest)
    places, texts = relative_ticks(longest)
    n_ticks = sum(place <= first_fold for place in places)
    return array_ticks(places[:n_ticks], texts[:n_ticks])
