"""Two runs step under step: each step's name once, run A above run B, and both durations."""

from __future__ import annotations

from difflib import SequenceMatcher
from itertools import zip_longest
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from runkit.charts._bars import Picture, Scene, blocked, picture_of
from runkit.charts._placement import (
    RowLayout,
    TimeAxis,
    axes_of,
    relative_axis,
    rows_of_all,
    steps_with_rows,
    tree_rows,
)
from runkit.charts.theme import (
    FONT_PX,
    Json,
    Trace,
    annotation,
    bold,
    colored,
    cross,
    entry,
    line_trace,
    text_trace,
    width_px,
)
from runkit.display.colors import Theme
from runkit.display.text import duration, plural
from runkit.tables.compare import first_difference
from runkit.tables.run_rules import named

# shape (rows, 2): positions among the steps for A and B, -1 where there is none
Pairs = NDArray[np.int64]

COMPARED = ["depth", "agent", "name", "type"]  # two steps in one row agree in these columns
PAIR_PX, BAR_PX = 27.0, 9.0  # the height of a row and of a bar
OFFSETS = np.array([-0.205, 0.205])  # rows from the middle of a row to the bars of A and B
MAX_PAIRS = 250_000  # pairs of steps to be compared: larger runs are not matched step by step
BIG_S = 10  # seconds: a difference that is emphasized
COLUMN_GAP_PX = 24  # between two columns of numbers
NARROW_PX = 500  # the width of bars and numbers together that the columns are laid out for
MAX_SHARE = 0.6  # the numbers take no more than this share of it
HEAD_ROW = -0.95  # the row of the heads of the columns
ABOVE = 0.1 - HEAD_ROW  # rows over the first one


def can_pair(steps: pd.DataFrame) -> bool:
    """Return whether two runs are small enough to be matched step by step."""
    n_a, n_b = (int(steps["run"].eq(run).sum()) for run in (0, 1))
    return 0 < n_a * n_b <= MAX_PAIRS


def pair_chart(
    scene: Scene, depth: int | str | None, *, fold: bool
) -> tuple[Picture, list[Trace], Json]:
    """Place two runs, each wait of each run folded to a fixed width.

    Returns
    -------
    Picture
        The bars of the rows of which a step is visible.
    list
        The columns of numbers.
    dict
        What the layout has beside that of other charts.
    """
    theme, steps = scene.theme, scene.steps
    sides = [steps[steps["run"] == run] for run in (0, 1)]
    pairs = _matched(*sides)
    tree = _tree(steps, pairs)
    has_row = steps_with_rows(tree, depth, PAIR_PX)
    pairs = pairs[has_row]

    n_same = first_difference(*sides)
    different = [
        np.inf if n_same is None or n_same >= len(side) else side.index[n_same] for side in sides
    ]
    is_after = np.logical_or.accumulate((pairs >= different).any(axis=1))
    row = np.arange(len(pairs)) + is_after  # the label of the first difference has a row of its own
    rows = _rows(tree_rows(tree, has_row, row), pairs, theme)
    if n_same is not None and is_after.any():
        rows = _with_label(rows, int(np.argmax(is_after)), n_same)

    own_row = np.full(len(steps) + 1, np.nan)  # the last one is that of missing steps
    own_row[pairs] = row[:, None] + OFFSETS
    own_row = own_row[:-1]
    last_row = rows.n - 1 + OFFSETS[steps["run"]]
    layout = rows, rows_of_all(steps, own_row, last_row), ~np.isnan(own_row)
    axes = _axes(sides, fold=fold)
    longest = max(axes, key=lambda axis: axis.length)
    ends = longest.positions[[0, -1]]
    scene = scene._replace(path=scene.path[:0])  # A is solid
    is_a = steps["run"].eq(0).to_numpy()
    picture = picture_of(scene, layout, axes, TimeAxis(ends, ends, []), is_a)
    columns, numbers_px = _columns(steps, pairs, row, theme)
    marks = _diamonds(picture.bars[picture.bars.index.isin(different)], theme)
    names = [("■", "A, above"), ("□", "B, below"), ("◆", "first difference")][: 2 + len(marks)]
    entries = tuple(entry(mark, theme.muted, name) for mark, name in names)
    more = _layout(axes, longest, theme, numbers_px)
    return picture._replace(entries=entries), [*columns, *marks], more


def _of_pairs(column: pd.Series[Any], pairs: Pairs, missing: float) -> Any:
    """Return the values of both steps of each pair."""
    return np.append(column, missing)[pairs]  # a step at -1 is the last one


def _seconds(steps: pd.DataFrame, pairs: Pairs) -> NDArray[np.float64]:
    """Return the durations of both steps of each pair, NaN where there is none or none is known."""
    length = steps["end"] - steps["start"]
    is_unknown = steps["duration_s"].isna() | (steps["is_open"] & length.le(0))
    seconds: NDArray[np.float64] = _of_pairs(length.mask(is_unknown), pairs, np.nan)
    return seconds


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


def _tree(steps: pd.DataFrame, pairs: Pairs) -> pd.DataFrame:
    """Return a step for each pair: that of A if it has one, as long as the longer of both."""
    first = steps.iloc[np.where(pairs[:, 0] < 0, pairs[:, 1], pairs[:, 0])]
    return first.reset_index(drop=True).assign(
        start=0.0,
        end=np.nan_to_num(_seconds(steps, pairs)).max(axis=1),
        is_failing=_of_pairs(steps["is_failing"], pairs, missing=False).any(axis=1),
    )


def _axes(sides: list[pd.DataFrame], *, fold: bool) -> list[TimeAxis]:
    """Build the axis of each run, on one scale."""
    start = min(0.0, *(float(side["start"].min()) for side in sides))
    ends = [float(side["end"].max()) for side in sides]
    return axes_of(start, ends, [blocked(side) if fold else [] for side in sides])


def _rows(rows: RowLayout, pairs: Pairs, theme: Theme) -> RowLayout:
    """Write of which run each step is that has no partner."""
    notes = np.select([pairs[:, 0] < 0, pairs[:, 1] < 0], [" · only B", " · only A"], "").tolist()
    texts = [
        text + colored(note, theme.muted) if note else text
        for text, note in zip_longest(rows.texts, notes)
    ]
    return rows._replace(px=PAIR_PX, bar_px=BAR_PX, texts=texts, above=ABOVE)


def _with_label(rows: RowLayout, row: int, n_same: int) -> RowLayout:
    """Return the rows with one more, which names the first difference."""
    text = f"Identical for {plural(n_same, 'step')}, then:" if n_same else "First difference:"
    texts = [*rows.texts, bold(f"◆ {text}")]
    return rows._replace(ticks=[*rows.ticks, row], texts=texts)


def _columns(
    steps: pd.DataFrame, pairs: Pairs, row: Pairs, theme: Theme
) -> tuple[list[Trace], float]:
    """Write the durations in A and B and their difference; return their width, too."""
    seconds = _seconds(steps, pairs)
    has_failed = _of_pairs(steps["is_failed"], pairs, missing=False)
    lengths = pd.DataFrame(seconds, columns=["A", "B"]).map(_signed, plus="").mask(pairs < 0, "")
    lengths += np.where(has_failed, f" {cross(theme)}", "")
    differences = [
        bold(_signed(more)) if abs(more) >= BIG_S else _signed(more)
        for more in np.diff(np.where(pairs < 0, 0, seconds))[:, 0].tolist()
    ]
    y = [HEAD_ROW, *row.tolist()]
    columns = (
        ("A", lengths["A"], theme.muted),
        ("B", lengths["B"], theme.muted),
        ("B − A", differences, theme.text),
    )
    traces, x = [], 0.0
    for name, labels, color in columns:
        x += max(map(width_px, [name, *labels])) + COLUMN_GAP_PX
        options: Json = {"xaxis": "x2", "textposition": "middle left", "name": name}
        options |= {"textfont": {"size": FONT_PX, "color": color}}
        traces.append(text_trace([x] * len(y), y, [name, *labels], color, **options))
    return traces, x


def _signed(seconds: float, plus: str = "+") -> str:
    """Write a difference of durations with its sign, a dash if it is not known."""
    if np.isnan(seconds):
        return "–"
    return ("−" if seconds < 0 else plus) + duration(abs(seconds))


def _diamonds(bars: pd.DataFrame, theme: Theme) -> list[Trace]:
    """Draw a diamond at the first difference in each run."""
    mark = {"symbol": "diamond", "size": 10, "color": theme.text}
    options = {"name": "first difference", "mode": "markers", "marker": mark, "cliponaxis": False}
    return [] if bars.empty else [line_trace(bars["x0"], bars["row"], **options)]


def _layout(axes: list[TimeAxis], longest: TimeAxis, theme: Theme, numbers_px: float) -> Json:
    """Return what the layout of two runs has beside that of other charts."""
    # The ticks hold for both runs, so they end where the first fold begins.
    until = min((axis.folds[0][0] for axis in axes if axis.folds), default=np.inf)
    share = 1 - min(MAX_SHARE, numbers_px / NARROW_PX)
    ticks = relative_axis(longest._replace(px=share * longest.px), until)
    head = "Time since start" + "; each wait is folded" * (until < np.inf)
    at_left = {"xref": "paper", "x": 0, "xanchor": "left", "y": HEAD_ROW}
    return {
        "xaxis": {"domain": [0, share]} | ticks,
        "xaxis2": {
            "domain": [share, 1],
            "range": [0, numbers_px + 4],
            "visible": False,
            "fixedrange": True,
        },
        "annotations": [annotation(head, theme.muted, FONT_PX, **at_left)],
    }
