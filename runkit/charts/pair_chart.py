"""Two runs step under step: each step's name once, run A above run B, and both durations."""

from __future__ import annotations

from difflib import SequenceMatcher

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from runkit.charts.axis import axes_of, relative_axis
from runkit.charts.bars import Picture, Rows, Scene, bars_of, blocked, tree_rows
from runkit.charts.marks import entry
from runkit.charts.style import (
    SIZE,
    Json,
    Trace,
    bold,
    chosen_theme,
    colored,
    cross,
    faded,
    lines,
    note,
    texts,
)
from runkit.style import MISSING, Theme
from runkit.tables.compare import first_difference
from runkit.text import duration, plural
from runkit.timing import Flags

# shape (rows, 2): positions among the steps for A and B, -1 where there is none
Pairs = NDArray[np.int64]

SAME = ["depth", "agent", "name", "type"]  # in which two steps agree that stand in one row
PAIR_PX, BAR_PX = 27.0, 9.0  # of a row and of a bar
OFFSETS = (-0.205, 0.205)  # of the bars of A and B from the middle of their row, in rows
MOST_PAIRS = 250_000  # of steps to be matched: more are not compared step by step
BIG_S = 10  # seconds: a difference that is emphasized
DOMAIN = 0.55  # of the width, for the bars; the numbers stand right of it
HEAD = -0.95  # the row of the heads of the columns
ABOVE = 0.1 - HEAD  # rows over the first one
RULE = 0.42  # rows below the words of the first difference


def can_pair(steps: pd.DataFrame) -> bool:
    """Return whether two runs are small enough to be matched step by step."""
    return bool(0 < steps["run"].eq(0).sum() * steps["run"].eq(1).sum() <= MOST_PAIRS)


def pair_chart(scene: Scene, is_shown: Flags, *, fold: bool) -> tuple[Picture, list[Trace], Json]:
    """Place two runs, each wait of each run folded to a fixed width.

    Returns
    -------
    Picture
        The bars of the rows of which a step is shown.
    list
        The columns of numbers, and what the legend has beside the colors.
    dict
        What the layout has beside that of other charts.
    """
    theme, steps = chosen_theme(), scene.steps
    sides = [steps[steps["run"] == run] for run in (0, 1)]
    pairs = _matched(*sides)
    pairs = pairs[np.append(is_shown, False)[pairs].any(axis=1)]  # the last one is for -1
    first = min(0.0, steps["start"].min())
    ends = [float(side["end"].max()) for side in sides]
    axes = axes_of(first, ends, [blocked(side) if fold else [] for side in sides])
    difference = first_difference(*sides) or (None, None)
    marks = [
        np.inf if at is None else side.index[at] for at, side in zip(difference, sides, strict=True)
    ]
    is_after = np.logical_or.accumulate((pairs >= marks).any(axis=1))
    rule = int(np.argmax(is_after)) if is_after.any() else None
    row = np.arange(len(pairs)) + is_after
    place = np.full(len(steps) + 1, np.nan)
    place[pairs] = row[:, None] + OFFSETS
    x0, x1 = (
        np.concatenate(
            [axis.at(side[edge].to_numpy()) for axis, side in zip(axes, sides, strict=True)]
        )
        for edge in ("start", "end")
    )
    bars = bars_of(scene, steps, row=place[:-1], x0=x0, x1=x1, is_solid=steps["run"].eq(0))
    rows = _rows(steps, pairs, row, theme)
    if rule is not None:
        n_same = next(at for at in difference if at is not None)
        words = f"Identical for {plural(n_same, 'step')}, then:" if n_same else "First difference:"
        rows = rows._replace(
            n=rows.n + 1, ticks=[*rows.ticks, rule], texts=[*rows.texts, bold(f"◆ {words}")]
        )
    longest = max(axes, key=lambda axis: axis.length)
    [axis] = axes_of(longest.start, [longest.start + longest.length], [[]])
    picture = Picture(
        scene.runs, bars.assign(is_critical=False), scene.legend, rows, axis, theme, []
    )
    until = min((axis.folds[0][0] for axis in axes if axis.folds), default=np.inf)
    words = "Time since start" + "; each wait is folded" * (until < np.inf)
    at_left = {"xref": "paper", "x": 0, "xanchor": "left", "y": HEAD}
    line = {
        "type": "line",
        "line": {"color": theme.text, "width": 1},
        "xref": "paper",
        "x0": -2,
        "x1": 3,
    }
    more = {
        "above": ABOVE,
        # ticks hold for both runs: up to the first fold
        "xaxis": {"domain": [0, DOMAIN]}
        | relative_axis(longest._replace(px=DOMAIN * longest.px), until),
        "xaxis2": {"domain": [DOMAIN, 1], "range": [0, 3.2], "visible": False, "fixedrange": True},
        "annotations": [note(words, theme.muted, SIZE, **at_left)],
        "shapes": [] if rule is None else [line | {"y0": rule + RULE, "y1": rule + RULE}],
    }
    return picture, [*_columns(steps, pairs, row, theme), *_legend(picture, marks)], more


def _matched(a: pd.DataFrame, b: pd.DataFrame) -> Pairs:
    """Match the steps of two runs, in tree order; what only one of them has stands in between."""
    keys = [list(side[SAME].astype(str).itertuples(index=False, name=None)) for side in (a, b)]
    pairs: list[tuple[int, int]] = []
    for word, a0, a1, b0, b1 in SequenceMatcher(a=keys[0], b=keys[1], autojunk=False).get_opcodes():
        in_a, in_b = a.index[a0:a1], b.index[b0:b1]
        if word == "equal":
            pairs += zip(in_a, in_b, strict=True)
        else:
            pairs += [(at, -1) for at in in_a] + [(-1, at) for at in in_b]
    return np.array(pairs)


def _rows(steps: pd.DataFrame, pairs: Pairs, row: Pairs, theme: Theme) -> Rows:
    """Describe the rows, each with the name of its step once."""
    tree = tree_rows(steps.iloc[np.where(pairs[:, 0] >= 0, pairs[:, 0], pairs[:, 1])], row)
    only = np.select([pairs[:, 0] < 0, pairs[:, 1] < 0], [" · only B", " · only A"], "").tolist()
    labels = [
        text + (words and colored(words, theme.muted))
        for text, words in zip(tree.texts, only, strict=True)
    ]
    return tree._replace(px=PAIR_PX, bar_px=BAR_PX, texts=labels)


def _columns(steps: pd.DataFrame, pairs: Pairs, row: Pairs, theme: Theme) -> list[Trace]:
    """Write the durations in A and in B and their difference, as texts that end at a column's edge."""
    took = np.append(steps["end"] - steps["start"], np.nan)[pairs]
    has_failed = np.append(steps["is_failed"], False)[pairs]
    words = [
        [
            f"{cross(theme)} " * bool(bad) + _signed(seconds, "")
            for seconds, bad in zip(*side, strict=True)
        ]
        for side in zip(took.T, has_failed.T, strict=True)
    ]
    differences = [
        bold(_signed(more)) if abs(more) >= BIG_S else _signed(more)
        for more in took[:, 1] - took[:, 0]
    ]
    columns = {"A": (1, words[0]), "B": (2, words[1]), "B − A": (3.15, differences)}
    look: Json = {"xaxis": "x2", "textposition": "middle left"}
    out = []
    for name, (x, shown) in columns.items():
        color, y = theme.text if shown is differences else theme.muted, [HEAD, *row.tolist()]
        look |= {"name": name, "textfont": {"size": SIZE, "color": color}}
        out.append(texts([x] * len(y), y, [name, *shown], color, **look))
    return out


def _signed(seconds: float, plus: str = "+") -> str:
    """Write a difference of durations with its sign; a dash if it is missing."""
    return MISSING if np.isnan(seconds) else ("−" if seconds < 0 else plus) + duration(abs(seconds))


def _legend(picture: Picture, marks: list[float]) -> list[Trace]:
    """Build entries for the two runs, and draw a diamond at the first difference in each."""
    gray, marked = picture.theme.muted, picture.bars[picture.bars.index.isin(marks)]
    mark = {"symbol": "diamond", "size": 10, "color": picture.theme.text}
    look = {"name": "first difference", "mode": "markers", "marker": mark, "cliponaxis": False}
    places = (marked[name].tolist() for name in ("x0", "row"))
    diamonds = [lines(*places, legendrank=2_000, showlegend=True, **look)] if len(marked) else []
    return [entry("A, above", gray), entry("B, below", faded(gray), gray), *diamonds]
