"""Which steps a chart shows, and the critical path through them."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd

from runkit.charts.axis import PLOT_PX, Axis
from runkit.charts.bars import GROUP, WAIT, Scene
from runkit.timing import Flags, Ints, levels

# Of a tree. So many rows zoom no slower than `px.timeline` of 1,000 steps; beyond, some steps are chosen.
MOST_ROWS = 60
MOST_BARS = 2_000  # of any other chart: half a megabyte of a report
# of the chosen steps, for errors and for waits: a flood of one kind leaves room for the others
SHARE = 0.25
GROUP_PX = 8  # shorter parts of a group are left out of the path
# 2**32 by the golden ratio: its multiples fall evenly between each other
GOLDEN = 2_654_435_761


def visible_steps(bars: pd.DataFrame, depth: int | str | None, most: int) -> Flags:
    """Flag the bars that are shown: those of the first `depth` levels, at most so many."""
    is_shown = np.ones(len(bars), np.bool_)
    if isinstance(depth, int):
        is_shown = (bars["depth"] < depth).to_numpy()
    if is_shown.sum() > most:
        best_first = _best_first(bars, most)
        best = best_first[is_shown[best_first]][:most]
        is_shown = np.isin(np.arange(len(bars)), best)
    return is_shown


def _best_first(bars: pd.DataFrame, most: int) -> Ints:
    """Return the positions of bars: failed steps, waits, the top level, then the longest.

    Failed steps and waits come first only up to their share of `most`. Of equally long steps, some from
    everywhere come first.
    """
    scattered = np.arange(len(bars), dtype=np.uint64) * np.uint64(GOLDEN) % np.uint64(2**32)
    longest_first = np.lexsort((scattered, bars["start"] - bars["end"]))
    ordered = bars.iloc[longest_first]

    is_failing, is_wait = ordered["is_failing"], ordered["kind"] == WAIT
    is_top = (ordered["depth"] == 0) & ~is_failing & ~is_wait
    urgent = [flags & (flags.cumsum() <= SHARE * most) for flags in (is_failing, is_wait)]
    rank = np.select([*urgent, is_top], [0, 1, 2], 3)
    return longest_first[np.argsort(rank, kind="stable")]


def critical_path(scene: Scene, axis: Axis) -> list[tuple[float, float, float, int]]:
    """Return the critical path of a single run in order of time: parts as (from, to, row, kind), on the axis.

    Short parts of groups are left out.
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
        if (at := owner[first]) >= 0
    ]
    least = GROUP_PX * axis.length / PLOT_PX
    return [part for part in parts if part[3] != GROUP or part[1] - part[0] >= least]
