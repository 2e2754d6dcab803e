"""Two runs step under step: each step's name once, run A above run B, and both durations."""

from __future__ import annotations

from difflib import SequenceMatcher

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from runkit.charts._axis import TimeAxis, axes_of, relative_axis
from runkit.charts._bars import Picture, RowLayout, Scene, bars_of, blocked, tree_rows
from runkit.charts._marks import entry
from runkit.charts.theme import (
    FONT_PX,
    Json,
    Trace,
    annotation,
    bold,
    chosen_theme,
    colored,
    cross,
    faded,
    line_trace,
    text_trace,
)
from runkit.display.colors import Theme
from runkit.display.status_words import MISSING
from runkit.display.text import duration, plural
from runkit.tables.compare import first_difference
from runkit.tables.run_rules import named
from runkit.time_budget import Flags

# shape (rows, 2): positions among the steps for A and B, -1 where there is none
Pairs = NDArray[np.int64]

COMPARED = ["depth", "agent", "name", "type"]  # two steps in one row agree in these columns
PAIR_PX, BAR_PX = 27.0, 9.0  # the height of a row and of a bar
OFFSETS = (-0.205, 0.205)  # rows from the middle of a row to the bars of A and B
MAX_PAIRS = 250_000  # pairs of steps to be compared: larger runs are not matched step by step
BIG_S = 10  # seconds: a difference that is emphasized
DOMAIN = 0.55  # the share of the width that bars have; the numbers stand right of it
HEAD_ROW = -0.95  # the row of the heads of the columns
ABOVE = 0.1 - HEAD_ROW  # rows over the first one
RULE = 0.42  # rows from the label of the first difference to the line below it


def can_pair(steps: pd.DataFrame) -> bool:
    """Return whether two runs are small enough to be matched step by step."""
    n_a, n_b = (int(steps["run"].eq(run).sum()) for run in (0, 1))
    return 0 < n_a * n_b <= MAX_PAIRS


def pair_chart(scene: Scene, is_visible: Flags, *, fold: bool) -> tuple[Picture, list[Trace], Json]:
    """Place two runs, each wait of each run folded to a fixed width.

    Returns
    -------
    Picture
        The bars of the rows of which a step is visible.
    list
        The columns of numbers, and what the legend has beside the colors.
    dict
        What the layout has beside that of other charts.
    """
    theme, steps = chosen_theme(), scene.steps
    sides = [steps[steps["run"] == run] for run in (0, 1)]
    pairs = _matched(*sides)
    pairs = pairs[np.append(is_visible, False)[pairs].any(axis=1)]  # the last flag is for -1
    difference = first_difference(*sides) or (None, None)
    different = _positions(difference, sides)
    is_after = np.logical_or.accumulate((pairs >= different).any(axis=1))
    row = np.arange(len(pairs)) + is_after  # the label of the first difference has a row of its own

    axes = _axes(sides, fold=fold)
    row_of_step = np.full(len(steps) + 1, np.nan)
    row_of_step[pairs] = row[:, None] + OFFSETS
    x0, x1 = (_on_axes(axes, sides, edge) for edge in ("start", "end"))
    is_solid = steps["run"].eq(0)
    bars = bars_of(scene, steps, row=row_of_step[:-1], x0=x0, x1=x1, is_solid=is_solid)
    bars = bars.assign(is_critical=False)

    rows, rule = _rows(steps, pairs, row, theme), None
    if is_after.any():
        rule = int(np.argmax(is_after))
        rows = _with_rule(rows, rule, difference)
    longest = max(axes, key=lambda axis: axis.length)
    ends = longest.positions[[0, -1]]
    axis = TimeAxis(ends, ends, [])
    picture = Picture(scene.runs, bars, scene.legend, rows, axis, theme)
    traces = [*_columns(steps, pairs, row, theme), *_legend(picture, different)]
    return picture, traces, _layout(axes, longest, rule, theme)


def _matched(a: pd.DataFrame, b: pd.DataFrame) -> Pairs:
    """Match the steps of two runs, in tree order; one without a partner is a pair with -1."""
    keys = [
        list(side[COMPARED].astype(str).itertuples(index=False, name=None))
        for side in map(named, (a, b))
    ]
    matcher = SequenceMatcher(a=keys[0], b=keys[1], autojunk=False)
    pairs: list[tuple[int, int]] = []
    for operation, a0, a1, b0, b1 in matcher.get_opcodes():
        in_a, in_b = a.index[a0:a1], b.index[b0:b1]
        if operation == "equal":
            pairs += zip(in_a, in_b, strict=True)
        else:
            pairs += [(step, -1) for step in in_a] + [(-1, step) for step in in_b]
    return np.array(pairs)


def _positions(
    difference: tuple[int | None, int | None], sides: list[pd.DataFrame]
) -> tuple[float, float]:
    """Return the positions of the first different steps of A and B, infinity if none."""
    a, b = (
        np.inf if position is None else side.index[position]
        for position, side in zip(difference, sides, strict=True)
    )
    return a, b


def _axes(sides: list[pd.DataFrame], *, fold: bool) -> list[TimeAxis]:
    """Build the axis of each run, on one scale."""
    start = min(0.0, *(float(side["start"].min()) for side in sides))
    ends = [float(side["end"].max()) for side in sides]
    return axes_of(start, ends, [blocked(side) if fold else [] for side in sides])


def _on_axes(axes: list[TimeAxis], sides: list[pd.DataFrame], edge: str) -> NDArray[np.float64]:
    """Return the positions of the starts or ends of all steps, each on the axis of its run."""
    pairs = zip(axes, sides, strict=True)
    return np.concatenate([axis.at(side[edge].to_numpy()) for axis, side in pairs])


def _rows(steps: pd.DataFrame, pairs: Pairs, row: Pairs, theme: Theme) -> RowLayout:
    """Describe the rows, each with the name of its step once."""
    only_in_a, only_in_b = pairs[:, 1] < 0, pairs[:, 0] < 0
    named = steps.iloc[np.where(only_in_b, pairs[:, 1], pairs[:, 0])]
    rows = tree_rows(named, row)
    notes = np.select([only_in_b, only_in_a], [" · only B", " · only A"], "").tolist()
    texts = [
        text + colored(note, theme.muted) if note else text
        for text, note in zip(rows.texts, notes, strict=True)
    ]
    return rows._replace(px=PAIR_PX, bar_px=BAR_PX, texts=texts)


def _with_rule(rows: RowLayout, rule: int, difference: tuple[int | None, int | None]) -> RowLayout:
    """Return the rows with one more, which names the first difference."""
    n_same = next(position for position in difference if position is not None)
    text = f"Identical for {plural(n_same, 'step')}, then:" if n_same else "First difference:"
    texts = [*rows.texts, bold(f"◆ {text}")]
    return rows._replace(n=rows.n + 1, ticks=[*rows.ticks, rule], texts=texts)


def _columns(steps: pd.DataFrame, pairs: Pairs, row: Pairs, theme: Theme) -> list[Trace]:
    """Write the durations in A and B and their difference, as columns of texts."""
    seconds = np.append(steps["end"] - steps["start"], np.nan)[pairs]
    has_failed = np.append(steps["is_failed"], False)[pairs]
    failed = f"{cross(theme)} "
    in_a, in_b = (
        [failed * bool(bad) + _signed(length, "") for length, bad in zip(*side, strict=True)]
        for side in zip(seconds.T, has_failed.T, strict=True)
    )
    differences = [
        bold(_signed(more)) if abs(more) >= BIG_S else _signed(more)
        for more in seconds[:, 1] - seconds[:, 0]
    ]
    y = [HEAD_ROW, *row.tolist()]
    options: Json = {"xaxis": "x2", "textposition": "middle left"}
    columns = (
        ("A", 1, in_a, theme.muted),
        ("B", 2, in_b, theme.muted),
        ("B − A", 3.15, differences, theme.text),
    )
    traces = []
    for name, x, labels, color in columns:
        options |= {"name": name, "textfont": {"size": FONT_PX, "color": color}}
        traces.append(text_trace([x] * len(y), y, [name, *labels], color, **options))
    return traces


def _signed(seconds: float, plus: str = "+") -> str:
    """Write a difference of durations with its sign; a dash if it is missing."""
    if np.isnan(seconds):
        return MISSING
    return ("−" if seconds < 0 else plus) + duration(abs(seconds))


def _legend(picture: Picture, different: tuple[float, float]) -> list[Trace]:
    """Build entries for the two runs, and draw a diamond at the first difference in each."""
    gray = picture.theme.muted
    entries = [entry("A, above", gray), entry("B, below", faded(gray), gray)]
    bars = picture.bars[picture.bars.index.isin(different)]
    if bars.empty:
        return entries
    mark = {"symbol": "diamond", "size": 10, "color": picture.theme.text}
    options = {
        "name": "first difference",
        "mode": "markers",
        "marker": mark,
        "cliponaxis": False,
    }
    x, y = bars["x0"].tolist(), bars["row"].tolist()
    return [*entries, line_trace(x, y, legendrank=2_000, showlegend=True, **options)]


def _layout(axes: list[TimeAxis], longest: TimeAxis, rule: int | None, theme: Theme) -> Json:
    """Return what the layout of two runs has beside that of other charts."""
    # The ticks hold for both runs, so they end where the first fold begins.
    until = min((axis.folds[0][0] for axis in axes if axis.folds), default=np.inf)
    ticks = relative_axis(longest._replace(px=DOMAIN * longest.px), until)
    head = "Time since start" + "; each wait is folded" * (until < np.inf)
    at_left = {
        "xref": "paper",
        "x": 0,
        "xanchor": "left",
        "y": HEAD_ROW,
    }
    shapes: list[Json] = []
    if rule is not None:
        line: Json = {"type": "line", "line": {"color": theme.text, "width": 1}}
        line |= {
            "xref": "paper",
            "x0": -2,
            "x1": 3,
            "y0": rule + RULE,
            "y1": rule + RULE,
        }
        shapes = [line]
    return {
        "above": ABOVE,
        "xaxis": {"domain": [0, DOMAIN]} | ticks,
        "xaxis2": {
            "domain": [DOMAIN, 1],
            "range": [0, 3.2],
            "visible": False,
            "fixedrange": True,
        },
        "annotations": [annotation(head, theme.muted, FONT_PX, **at_left)],
        "shapes": shapes,
    }
