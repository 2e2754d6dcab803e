"""Which steps a chart shows: all, some levels, those that matter, or a few over a picture of all."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pandas as pd

from runkit.charts.axis import PLOT_PX, Axis
from runkit.charts.bars import GROUP, WAIT, Scene
from runkit.charts.rows import BAR_PX, ROW_PX, Rows
from runkit.timing import Flags, Ints, levels

# Of a tree. So many rows zoom no slower than `px.timeline` of 1,000 steps; beyond, some steps are chosen.
MOST_ROWS = 60
# Bars over the picture: plotly redraws all of them with every move, seen or not, at 0.04 ms each. So many
# zoom in 0.6 of the time of `px.timeline` of 1,000 steps (`tests.bench gantt`).
MOST_EXACT = 300
MOST_COVERED = 0.25  # of the picture, by the bars over it
# of the chosen steps, for errors and for waits: a flood of one kind leaves room for the others
SHARE = 0.25
GROUP_PX = 8  # shorter parts of a group are left out of the path
# 2**32 by the golden ratio: its multiples fall evenly between each other
GOLDEN = 2_654_435_761


def visible_steps(bars: pd.DataFrame, depth: int | str | None, most: int = MOST_ROWS) -> Flags:
    """The bars of a tree that are shown; `depth` is as in `gantt`, which for "auto" are at most so many."""
    if isinstance(depth, int):
        return (bars["depth"] < depth).to_numpy()
    if depth is None or len(bars) <= most:
        return np.ones(len(bars), np.bool_)
    is_on_path = bars["is_critical"] & (bars["critical_s"] > 0)
    is_urgent = bars["is_failing"] | (bars["kind"] == WAIT)
    last = len(bars)  # a rank after those of all depths
    ranks = [(bars["kind"] == GROUP, 2 + bars["depth"]), (is_on_path, 3), (is_urgent, last)]
    best_first, rank = _ranked(bars, most, ranks, last + 1)
    n_shown = min(most, int((rank <= last).sum())) or most
    is_shown = np.zeros(len(bars), np.bool_)
    is_shown[best_first[:n_shown]] = True
    return is_shown


def _ranked(
    bars: pd.DataFrame, most: int, ranks: list[tuple[pd.Series[bool], Any]], other: int
) -> tuple[Ints, Ints]:
    """The positions of bars, the best first, and their ranks in that order.

    Failed steps and waits come first, as many of one kind as may be among `most` steps; then by the first of
    the `ranks` that is theirs, else `other`. Of one rank the longest come first; of equally long ones some
    from everywhere.
    """
    scattered = np.arange(len(bars), dtype=np.uint64) * np.uint64(GOLDEN) % np.uint64(2**32)
    longest_first = np.lexsort((scattered, bars["start"] - bars["end"]))
    urgent = (flags.to_numpy()[longest_first] for flags in (bars["is_failing"], bars["kind"] == WAIT))
    flags = [own & (own.cumsum() <= SHARE * most) for own in urgent]
    flags += [own.to_numpy()[longest_first] for own, _ in ranks]
    numbers = [np.broadcast_to(number, len(bars))[longest_first] for _, number in ranks]
    rank = np.select(flags, [0, 1, *numbers], other)
    order = np.argsort(rank, kind="stable")
    return longest_first[order], rank[order]


def exact_bars(bars: pd.DataFrame, axis: Axis, rows: Rows, most: int) -> pd.DataFrame:
    """The bars to draw over a picture: failed steps, waits, the critical path, then the longest.

    Only as many as leave most of the picture behind them to be seen; groups come last.
    """
    ranks = [(bars["kind"] == GROUP, 4), (bars["is_critical"], 2)]
    best_first, _ = _ranked(bars, MOST_EXACT, ranks, 3)
    chosen = bars.iloc[best_first[: min(most, MOST_EXACT)]]
    height = np.maximum(BAR_PX / ROW_PX, 2 / rows.px) * (chosen["kind"] != GROUP)
    area = ((chosen["x1"] - chosen["x0"]) * height).cumsum()
    has_room = area <= MOST_COVERED * axis.length * rows.n
    kept: pd.DataFrame = chosen[has_room | chosen["is_failing"]].sort_index()
    return kept


def critical_path(scene: Scene, is_shown: Flags, axis: Axis) -> list[tuple[float, float, float, int]]:
    """The critical path of a single run in order of time: parts as (from, to, row, kind), on the axis.

    A step that is not shown has the row of the nearest one that holds it; short parts of groups are left out.
    """
    bars = scene.bars
    columns = ("parent", "row", "start", "kind")
    parent, row, begin, kind = (bars[name].tolist() for name in columns)
    total = bars["critical_s"].to_numpy(copy=True)
    for level in reversed(levels(bars["depth"].to_numpy())[1:]):
        np.add.at(total, bars["parent"].to_numpy()[level], total[level])
    on_path = np.flatnonzero(bars["is_critical"] & (total > 0)).tolist()
    for at in on_path:
        if parent[at] >= 0:
            begin[at] = max(begin[at], begin[parent[at]])
            row[at] = row[at] if is_shown[at] else row[parent[at]]
    # The time of a subtree on the path is one stretch, so each moment is that of the deepest step.
    spans = np.array([(begin[at], begin[at] + total[at]) for at in on_path]).reshape(-1, 2).round(6)
    edges, number = np.unique(spans, return_inverse=True)
    owner = np.full(len(edges), -1)
    for at, (first, last) in zip(on_path, number.reshape(-1, 2), strict=True):
        owner[first:last] = at
    cuts = np.flatnonzero(np.diff(owner, prepend=-1, append=-1))
    places = axis.at(edges)
    parts = [
        (float(places[first]), float(places[last]), row[at], kind[at])
        for first, last in itertools.pairwise(cuts)
        if (at := owner[first]) >= 0 and not np.isnan(row[at])
    ]
    least = GROUP_PX * axis.length / PLOT_PX
    return [part for part in parts if part[3] != GROUP or part[1] - part[0] >= least]
