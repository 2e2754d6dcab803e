"""Two runs step under step: each step's name once, run A above run B, and both durations."""

from __future__ import annotations

from difflib import SequenceMatcher

import numpy as np
import pandas as pd

from runkit.charts._bars import NO_RANGES, Picture, Scene, blocked, picture_of
from runkit.charts._placement import (
    TimeAxis,
    axes_of,
    relative_axis,
    rows_of_all,
    steps_with_rows,
    tree_rows,
)
from runkit.charts.panel import lasting
from runkit.charts.theme import (
    FONT_PX,
    Json,
    Trace,
    annotation,
    bold,
    colored,
    cross,
    entry,
    text_trace,
    width_px,
)
from runkit.display.colors import Theme
from runkit.display.text import MISSING, duration, plural
from runkit.tables.compare import first_difference
from runkit.tables.run_rules import named
from runkit.time_budget import Ints

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
    n_pairs = np.bincount(steps["run"], minlength=2).prod()
    return bool(0 < n_pairs <= MAX_PAIRS)


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
    theme = scene.theme
    steps = scene.steps
    steps = steps.assign(pair=_matched(steps), seconds=steps["duration_s"])
    sides = [steps[steps["run"] == run] for run in (0, 1)]
    tree = _tree(steps, theme)
    has_row = steps_with_rows(tree, depth, PAIR_PX)

    n_same = first_difference(*sides)
    is_different = steps.groupby("run").cumcount() == n_same
    pair = np.flatnonzero(has_row)
    is_behind = pair >= steps["pair"][is_different].min()
    row = np.arange(len(pair)) + is_behind  # the label of the difference has a row of its own
    rows = tree_rows(tree, has_row, row, tree["note"][has_row])
    ticks, texts = rows.ticks, rows.texts
    if is_behind.any():
        label = f"Identical for {plural(n_same, 'step')}, then:" if n_same else "First difference:"
        ticks = [*ticks, int(np.argmax(is_behind))]
        texts = [*texts, bold(f"◆ {label}")]
    rows = rows._replace(px=PAIR_PX, bar_px=BAR_PX, ticks=ticks, texts=texts, above=ABOVE)

    own_row = pd.Series(row, pair).reindex(steps["pair"]).to_numpy()
    row_of_step = rows_of_all(steps, own_row, rows) + OFFSETS[steps["run"]]
    layout = rows, row_of_step, ~np.isnan(own_row)
    start = min([0.0, *steps["start"]])
    ends = [float(side["end"].max()) for side in sides]
    axes = axes_of(start, ends, [blocked(side) if fold else NO_RANGES for side in sides])
    longest = max(axes, key=lambda axis: axis.length)
    edges = longest.positions[[0, -1]]
    scene = scene._replace(path=scene.path[:0])  # A is solid
    is_a = steps["run"].eq(0).to_numpy()
    picture = picture_of(scene, layout, axes, TimeAxis(edges, edges), is_a)
    columns, numbers_px = _columns(steps, pair, row, theme)
    entries = entry("■", theme.muted, "A, above"), entry("□", theme.muted, "B, below")
    more = _layout(axes, longest, theme, numbers_px)
    return picture._replace(entries=entries), columns, more


def _matched(steps: pd.DataFrame) -> list[int]:
    """Match the steps of two runs, in tree order: return the number of the pair of each step.

    A step without a partner has a number of its own.
    """
    kinds = named(steps).groupby(COMPARED, dropna=False).ngroup()
    a, b = (kinds[steps["run"] == run].tolist() for run in (0, 1))
    pairs_of_a: list[int] = []
    pairs_of_b: list[int] = []
    n = 0
    for operation, a0, a1, b0, b1 in SequenceMatcher(None, a, b, autojunk=False).get_opcodes():
        of_a = range(n, n + a1 - a0)
        of_b = of_a if operation == "equal" else range(of_a.stop, of_a.stop + b1 - b0)
        pairs_of_a += of_a
        pairs_of_b += of_b
        n = of_b.stop
    return pairs_of_a + pairs_of_b


def _tree(steps: pd.DataFrame, theme: Theme) -> pd.DataFrame:
    """Return a step for each pair: that of A if it has one, as long as the longer of both.

    A `note` says of which run a step is that has no partner.
    """
    pairs = steps.groupby("pair")
    only_a, only_b = (colored(f" · only {letter}", theme.muted) for letter in "AB")
    tree = pairs.head(1).set_index("pair").sort_index()
    return tree.assign(
        start=0.0,
        end=pairs["seconds"].max().fillna(0),
        is_failing=pairs["is_failing"].any(),
        note=np.select([pairs.size() > 1, tree["run"] > 0], ["", only_b], only_a),
    )


def _columns(steps: pd.DataFrame, pair: Ints, row: Ints, theme: Theme) -> tuple[list[Trace], float]:
    """Write the durations in A and B and their difference; return their width, too."""
    crosses = np.where(steps["state"].eq("failed"), f" {cross(theme)}", "")
    texts = steps["seconds"].map(lasting) + crosses
    by_run = steps.assign(text=texts).pivot(index="pair", columns="run", values="text")
    lengths = by_run.fillna("").loc[pair]
    more_s = np.bincount(steps["pair"], np.where(steps["run"] > 0, 1, -1) * steps["seconds"])
    columns = (
        ("A", lengths[0], theme.muted),
        ("B", lengths[1], theme.muted),
        ("B − A", map(_difference, more_s[pair]), theme.text),
    )
    y = [HEAD_ROW, *row]
    traces = []
    x = 0.0
    for name, labels, color in columns:
        cells = [name, *labels]
        x += max(map(width_px, cells)) + COLUMN_GAP_PX
        options: Json = {"xaxis": "x2", "textposition": "middle left", "name": name}
        options |= {"textfont": {"size": FONT_PX, "color": color}}
        traces.append(text_trace([x] * len(y), y, cells, color, **options))
    return traces, x


def _difference(seconds: float) -> str:
    """Write a difference of durations with its sign, a dash if it is not known."""
    if np.isnan(seconds):
        return MISSING
    text = ("−" if seconds < 0 else "+") + duration(abs(seconds))
    return bold(text) if abs(seconds) >= BIG_S else text


def _layout(axes: list[TimeAxis], longest: TimeAxis, theme: Theme, numbers_px: float) -> Json:
    """Return what the layout of two runs has beside that of other charts."""
    # The ticks hold for both runs, so they end where the first fold begins.
    until = min((axis.times[1] for axis in axes if axis.is_folded), default=np.inf)
    share = 1 - min(MAX_SHARE, numbers_px / NARROW_PX)
    ticks = relative_axis(longest._replace(px=share * longest.px), until)
    head = "Time since start; each wait is folded" if until < np.inf else "Time since start"
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
