"""Two runs step under step: each step's name once, run A above run B, and both durations."""

from __future__ import annotations

from difflib import SequenceMatcher
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from runkit.charts.axis import (
    Axis,
    Picture,
    array_ticks,
    axis_of,
    fold_width,
    layout,
    relative_axis,
    relative_ticks,
)
from runkit.charts.bars import MOST_BARS, MOST_ROWS, Rows, Scene, bars_of, blocked, tree_rows, visible_steps
from runkit.charts.heading import run_heading
from runkit.charts.marks import entry, legend, traces
from runkit.charts.style import SIZE, Trace, bold, chosen_theme, colored, cross, faded, lines, note
from runkit.style import MISSING, Theme
from runkit.tables.compare import first_difference
from runkit.tables.frames import Frames
from runkit.text import duration, plural

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

# shape (rows, 2): positions among the steps of A and of B, -1 where there is none
Pairs = NDArray[np.int64]

SAME = ["depth", "agent", "name", "type"]  # in which two steps agree that stand in one row
PAIR_PX, BAR_PX = 27.0, 9.0  # of a row and of a bar
OFFSETS = (-0.205, 0.205)  # of the bars of A and B from the middle of their row, in rows
MOST_PAIRS = 250_000  # of steps to be matched: more are not compared step by step
BIG_S = 10  # seconds: a difference that is emphasized
DOMAIN = 0.55  # of the width, for the bars; the numbers stand right of it
HEAD = -0.95  # the row of the heads of the columns
RULE = 0.42  # rows below the words of the first difference


def can_pair(frames: Frames) -> bool:
    """Return whether two runs are small enough to be matched step by step."""
    n_a, n_b = (int((frames.steps["run_id"] == run_id).sum()) for run_id in frames.runs["run_id"])
    return 0 < n_a * n_b <= MOST_PAIRS


def pair_chart(scene: Scene, depth: int | str | None, *, compress_waits: bool, title: str | None) -> Figure:
    """Draw two runs; the arguments are those of `gantt`. Each wait of each run is folded to a fixed width."""
    from runkit.charts.figure import RunFigure

    theme, steps = chosen_theme(), scene.steps
    sides = [steps[steps["run"] == run] for run in (0, 1)]
    every = _matched(*sides)
    # a row has up to two bars
    is_shown = visible_steps(steps, depth, 2 * MOST_ROWS if depth == "auto" else MOST_BARS // 2)
    pairs = every[np.append(is_shown, False)[every].any(axis=1)]  # the last one is for -1
    axes = _axes(sides, compress_waits)
    marks = [  # the first difference, as positions
        -1 if at is None else int(side.index[at])
        for side, at in zip(sides, first_difference(*sides) or (None, None), strict=True)
    ]
    is_after = ((pairs >= marks) & (np.array(marks) >= 0)).any(axis=1)
    rule = int(np.argmax(is_after)) if is_after.any() else None
    row = np.arange(len(pairs)) + is_after.cumsum().astype(bool)
    place = np.full(len(steps), np.nan)
    for at, offset in zip(pairs.T, OFFSETS, strict=True):
        place[at[at >= 0]] = row[at >= 0] + offset
    x0, x1 = (
        np.concatenate([axis.at(side[edge].to_numpy()) for axis, side in zip(axes, sides, strict=True)])
        for edge in ("start", "end")
    )
    has_row = ~np.isnan(place)
    columns = {"row": place, "x0": x0, "x1": x1, "is_solid": steps["run"].to_numpy() == 0}
    drawn = bars_of(scene, has_row, **{name: values[has_row] for name, values in columns.items()})
    rows = _rows(steps, pairs, row, rule, marks, theme)
    longest = max(axes, key=lambda axis: axis.length)
    axis = axis_of(longest.start, longest.start + longest.length)
    picture = Picture(scene.runs, drawn.assign(is_critical=False), scene.legend, rows, axis, theme)
    data = [*traces(picture), *_columns(steps, pairs, row, theme), *_legend(picture, marks)]
    left_out = f"{len(pairs):,} of {plural(len(every), 'row')} shown" if len(pairs) < len(every) else ""
    heading = run_heading(scene.runs, theme, title, left_out)
    look = layout(picture, data, heading, above=0.1 - HEAD)
    _add_columns(look, axes, rule, theme)
    return RunFigure(data, look)


def _add_columns(look: dict[str, Any], axes: list[Axis], rule: int | None, theme: Theme) -> None:
    """Add the columns' axis, the words over the bars, and the rule over the first difference."""
    words = "Time since start" + "; each wait is folded" * any(axis.folds for axis in axes)
    place = {"xref": "paper", "x": 0, "xanchor": "left", "y": HEAD}
    look["annotations"].append(note(words, theme.muted, SIZE, **place))
    if rule is not None:
        place = {"xref": "paper", "x0": -2, "x1": 3, "y0": rule + RULE, "y1": rule + RULE}
        look["shapes"].append({"type": "line", "line": {"color": theme.text, "width": 1}} | place)
    look["xaxis"] |= {"domain": [0, DOMAIN]} | _ticks(axes)
    look["xaxis2"] = {"domain": [DOMAIN, 1], "range": [0, 3.2], "visible": False, "fixedrange": True}


def _matched(a: pd.DataFrame, b: pd.DataFrame) -> Pairs:
    """Match the steps of two runs, in tree order; what only one of them has stands in between."""
    keys = [list(side[SAME].astype(str).itertuples(index=False, name=None)) for side in (a, b)]
    in_a, in_b = a.index.tolist(), b.index.tolist()
    pairs: list[tuple[int, int]] = []
    for word, a0, a1, b0, b1 in SequenceMatcher(a=keys[0], b=keys[1], autojunk=False).get_opcodes():
        if word == "equal":
            pairs += zip(in_a[a0:a1], in_b[b0:b1], strict=True)
        else:
            pairs += [(at, -1) for at in in_a[a0:a1]] + [(-1, at) for at in in_b[b0:b1]]
    return np.array(pairs)


def _axes(sides: list[pd.DataFrame], fold: bool) -> list[Axis]:
    """Return an axis for each run; a fold is as wide in both."""
    first = min(0.0, *(side["start"].min() for side in sides))
    ends = [float(side["end"].max()) for side in sides]
    folds = [blocked(side) if fold else [] for side in sides]
    rests = [  # the time that is not folded
        end - first - sum(to - since for since, to in own) for end, own in zip(ends, folds, strict=True)
    ]
    width = fold_width(max(rests), max(map(len, folds)))
    return [axis_of(first, end, own, width) for end, own in zip(ends, folds, strict=True)]


def _rows(
    steps: pd.DataFrame, pairs: Pairs, row: Pairs, rule: int | None, marks: list[int], theme: Theme
) -> Rows:
    """Describe the rows, one more above the first difference, with the words that say so."""
    tree = tree_rows(steps.iloc[np.where(pairs[:, 0] >= 0, pairs[:, 0], pairs[:, 1])], row)
    texts = tree.texts
    for at in np.flatnonzero(pairs.min(axis=1) < 0):
        texts[at] += colored(f" · only {'B' if pairs[at, 0] < 0 else 'A'}", theme.muted)
    if rule is not None:
        n_same = min(int(steps["run"].iloc[:at].eq(steps["run"].iloc[at]).sum()) for at in marks if at >= 0)
        words = f"Identical for {plural(n_same, 'step')}, then:" if n_same else "First difference:"
        texts.insert(rule, bold(f"◆ {words}"))
    return Rows(len(texts), PAIR_PX, BAR_PX, [float(at) for at in range(len(texts))], texts, tree.bands)


def _columns(steps: pd.DataFrame, pairs: Pairs, row: Pairs, theme: Theme) -> list[Trace]:
    """Write the durations in A and in B and their difference, as texts that end at a column's edge."""
    took = np.where(pairs < 0, np.nan, (steps["end"] - steps["start"]).to_numpy()[pairs])
    has_failed = steps["is_failed"].to_numpy()[pairs] & (pairs >= 0)
    sides = [
        [f"{cross(theme)} " * bool(bad) + _signed(seconds, "") for seconds, bad in zip(*side, strict=True)]
        for side in zip(took.T, has_failed.T, strict=True)
    ]
    differences = took[:, 1] - took[:, 0]
    is_big = np.abs(differences) >= BIG_S
    words = [bold(_signed(s)) if big else _signed(s) for s, big in zip(differences, is_big, strict=True)]
    y = [HEAD, *row.tolist()]
    columns = {"A": (1, sides[0]), "B": (2, sides[1]), "B − A": (3.15, words)}
    look = {"mode": "text", "textposition": "middle left", "xaxis": "x2", "cliponaxis": False}
    out = []
    for name, (x, texts) in columns.items():
        font = {"size": SIZE, "color": theme.text if texts is words else theme.muted}
        out.append(lines([x] * len(y), y, text=[name, *texts], name=name, textfont=font, **look))
    return out


def _signed(seconds: float, plus: str = "+") -> str:
    """Write a difference of durations with its sign; a dash if it is missing."""
    return MISSING if np.isnan(seconds) else ("−" if seconds < 0 else plus) + duration(abs(seconds))


def _legend(picture: Picture, marks: list[int]) -> list[Trace]:
    """Build entries for the colors are, and draw a diamond at the first difference in each run."""
    gray = picture.theme.muted
    out = [*legend(picture), entry("A, above", gray), entry("B, below", faded(gray), gray)]
    marked = picture.bars[picture.bars.index.isin(marks)]
    if len(marked):
        mark = {"symbol": "diamond", "size": 10, "color": picture.theme.text}
        look = {"name": "first difference", "mode": "markers", "marker": mark, "cliponaxis": False}
        places = (marked[name].tolist() for name in ("x0", "row"))
        out.append(lines(*places, legendrank=2_000, showlegend=True, **look))
    return out


def _ticks(axes: list[Axis]) -> dict[str, Any]:
    """Return the ticks that hold for both runs: up to the first fold."""
    longest = max(axes, key=lambda axis: axis.length)
    longest = longest._replace(px=DOMAIN * longest.px)
    first_fold = min((axis.folds[0][0] for axis in axes if axis.folds), default=None)
    if first_fold is None:
        return relative_axis(longest)
    places, texts = relative_ticks(longest)
    n_ticks = sum(place <= first_fold for place in places)
    return array_ticks(places[:n_ticks], texts[:n_ticks])
