"""Which steps a chart shows: all, some levels, those that matter, or a few over a picture of all."""

from __future__ import annotations

import numpy as np

from runkit.charts.axis import PLOT_PX, Axis
from runkit.charts.bars import GROUP, WAIT, Array, Scene
from runkit.charts.rows import BAR_PX, ROW_PX, Rows
from runkit.timing import Flags, Ints, levels

FULL_ROWS = 60  # a tree of so many rows is shown in full
MOST_ROWS = 120  # of a tree that is not
# Bars over the picture: plotly redraws all of them with every move, seen or not, at 0.04 ms each. So many
# zoom in 0.6 of the time of `px.timeline` of 1,000 steps (`tests.bench gantt`).
MOST_EXACT = 300
MOST_COVERED = 0.25  # of the picture, by the bars over it
MOST_OF_A_KIND = 75  # of them errors, and waits: a flood of one kind leaves room for the others
GROUP_PX = 8  # shorter parts of a group are left out of the path
GOLDEN = 2_654_435_761  # 2**32 by the golden ratio: its multiples fall evenly between each other


def visible_steps(scene: Scene, kind: str, depth: int | str | None, full: int = FULL_ROWS) -> Flags:
    """The bars that are shown; `kind` and `depth` are as in `gantt`, up to `full` bars are shown in full."""
    bars = scene.bars
    everything = np.ones(len(bars), np.bool_)
    if isinstance(depth, int):
        return everything & (bars["depth"] < depth)
    if depth is None or kind != "tree" or len(bars) <= full:
        return everything
    rank = np.select(
        [bars["is_failing"], bars["kind"] == WAIT, bars["kind"] == GROUP, _is_on_path(scene)],
        [0, 1, 2 + bars["depth"], 3],
        default=len(bars) + 1,
    )
    order = np.lexsort((bars["start"] - bars["end"], rank))
    matters = order[rank[order] <= len(bars)][:MOST_ROWS]
    is_shown = np.zeros(len(bars), np.bool_)
    is_shown[matters if len(matters) else order[:FULL_ROWS]] = True
    return is_shown


def _is_on_path(scene: Scene) -> Flags:
    """Steps with time of their own on the critical path."""
    own = scene.frames.steps["critical_s"].to_numpy()[scene.bars["step"]] > 0
    on_path: Flags = scene.bars["is_critical"] & own
    return on_path


def exact_bars(scene: Scene, axis: Axis, rows: Rows, most: int) -> Array:
    """The bars to draw over a picture: failed steps, waits, the critical path, then the longest.

    Only as many as leave most of the picture behind them to be seen; groups come last. Of steps equally long,
    some from everywhere, not those that come first.
    """
    bars = scene.bars
    scattered = np.arange(len(bars), dtype=np.uint64) * np.uint64(GOLDEN) % np.uint64(2**32)
    longest_first = np.lexsort((scattered, bars["start"] - bars["end"]))
    rank = np.full(len(bars), 3)
    rank[bars["is_critical"]] = 2
    rank[bars["kind"] == GROUP] = 4
    for place, which in ((1, bars["kind"] == WAIT), (0, bars["is_failing"])):
        rank[longest_first[which[longest_first]][:MOST_OF_A_KIND]] = place
    chosen = longest_first[np.argsort(rank[longest_first], kind="stable")][: min(most, MOST_EXACT)]
    height = np.maximum(BAR_PX / ROW_PX, 2 / rows.px) * (bars["kind"][chosen] != GROUP)
    area = (bars["x1"] - bars["x0"])[chosen] * height
    has_room = np.cumsum(area) <= MOST_COVERED * axis.length * rows.n
    kept: Array = bars[np.sort(chosen[has_room | bars["is_failing"][chosen]])]
    return kept


def critical_path(scene: Scene, is_shown: Flags, rows: Ints, axis: Axis) -> list[tuple[float, float, float]]:
    """The critical path of a single run in order of time, as (from, to, row), in places on the axis.

    `rows` are of the bars that are shown; of others, the row of the nearest one that holds them.
    """
    bars, parent = scene.bars, scene.bars["parent"]
    if len(scene.runs) != 1:
        return []
    total = scene.frames.steps["critical_s"].to_numpy(copy=True)[bars["step"]]
    for level in reversed(levels(bars["depth"].astype(np.int64))[1:]):
        np.add.at(total, parent[level], total[level])
    row_of, begin = np.full(len(bars), np.nan), bars["start"].copy()
    row_of[is_shown] = rows
    children: dict[int, list[int]] = {}
    on_path = np.flatnonzero(bars["is_critical"] & (total > 0)).tolist()
    for at in on_path:
        above = int(parent[at])
        if above >= 0:
            begin[at] = max(begin[at], begin[above])
            row_of[at] = row_of[above] if np.isnan(row_of[at]) else row_of[at]
        children.setdefault(above, []).append(at)
    parts = []
    for at in on_path:
        edges = [float(begin[at])]
        for child in sorted(children.get(at, ()), key=lambda child: float(begin[child])):
            edges += [float(begin[child]), float(begin[child] + total[child])]
        edges.append(float(begin[at] + total[at]))
        parts += [(a, b, at) for a, b in zip(edges[::2], edges[1::2], strict=True) if b - a > 1e-6]
    places = axis.at(np.array([part[:2] for part in sorted(parts)]).reshape(-1, 2))
    least = GROUP_PX * axis.length / PLOT_PX
    return [
        (float(a), float(b), float(row_of[at]))
        for (a, b), (_, _, at) in zip(places, sorted(parts), strict=True)
        if not np.isnan(row_of[at]) and (bars["kind"][at] != GROUP or b - a >= least)
    ]
