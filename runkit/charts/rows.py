"""Which row each bar stands in, and what the rows are called: a tree, or bands of agents."""

from __future__ import annotations

import itertools
from collections import defaultdict
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from runkit.charts.bars import GROUP, LETTERS, Scene, each
from runkit.charts.labels import bold, plain
from runkit.timing import Ints

LABEL = 40  # characters of a row's label
INDENT = "\u00a0" * 4  # plotly folds ordinary spaces
DEEPEST_INDENT = 6  # levels; beyond, the indentation would eat the label
ROW_PX, BAR_PX = 22, 14
BAR_SHARE = BAR_PX / ROW_PX  # of the height of a row
MOST_PX = 4_400  # of all rows together: more rows are lower than `ROW_PX`
LABEL_PX = 15  # from one label to the next
MOST_BANDS = 60  # shaded bands
Bands = list[tuple[float, float]]  # ranges of rows [top, bottom)


class Rows(NamedTuple):
    """`n` rows from the top, `px` high each, with bars of `bar_px`; labels, and the bands that are shaded."""

    n: int
    px: float
    bar_px: float
    ticks: list[float]
    texts: list[str]
    bands: Bands


def tree_rows(scene: Scene) -> Rows:
    """One row per bar in tree order."""
    bars = scene.bars
    bars["row"] = row = np.arange(len(bars), dtype=float)
    px, chosen = _labelled(row, bars["depth"].to_numpy(), len(bars))
    labels = tree_labels(bars.iloc[chosen])
    return Rows(len(bars), px, BAR_SHARE * px, row[chosen].tolist(), labels, tree_bands(bars))


def tree_labels(bars: pd.DataFrame) -> list[str]:
    """The labels of bars in a tree: groups are bold, steps in them indented."""
    texts = []
    for bar in each(bars):
        words = plain(bar.label, LABEL)
        indent = INDENT * min(bar.depth, DEEPEST_INDENT)
        texts.append(indent + (bold(words) if bar.kind == GROUP else words))
    return texts


def tree_bands(bars: pd.DataFrame) -> Bands:
    """The rows of every other group at the top, with all that stands in it."""
    rows, top = bars["row"].to_numpy(), np.flatnonzero(bars["depth"] == 0)
    ends = np.append(top[1:], len(bars)) - 1
    groups = bars["kind"].to_numpy()[top] == GROUP
    return list(zip(rows[top[groups]], rows[ends[groups]] + 1, strict=True))[::2][:MOST_BANDS]


def agent_rows(scene: Scene) -> Rows:
    """A band per agent, in it one per run, in that as few rows as do not overlap."""
    bars, n_runs = scene.bars, len(scene.runs)
    unit, band = np.unique(bars["agent_no"] * n_runs + bars["run"], return_inverse=True)
    lane = _lanes(band, bars)
    height = pd.Series(lane + 1).groupby(band).max().to_numpy()
    top = np.cumsum(height) - height
    bars["row"] = (top[band] + lane).astype(float)
    number, run = unit // n_runs, unit % n_runs
    is_first = np.diff(number, prepend=-1) > 0
    edges = [*top[is_first].tolist(), int(height.sum())]
    middle = top + (height - 1) / 2
    px, chosen = _labelled(middle, ~is_first, edges[-1])
    labels = []
    for at in chosen:
        name = plain(scene.agents[number[at]], LABEL - 4)
        labels.append(f"{bold(name) if is_first[at] else name} · {LETTERS[run[at]]}")
    bands = list(itertools.pairwise(edges))[1::2]
    return Rows(edges[-1], px, BAR_SHARE * px, middle[chosen].tolist(), labels, bands[:MOST_BANDS])


def _lanes(band: Ints, bars: pd.DataFrame) -> Ints:
    """The lowest free lane of its band for each bar, in order of start; the outer one of two comes first.

    A bar may begin where another ends in the same lane.
    """
    bands, starts, ends = band.tolist(), bars["start"].tolist(), bars["end"].tolist()
    lane = np.zeros(len(bars), np.int64)
    free_from: dict[int, list[float]] = defaultdict(list)  # by band, the end of the last bar of each lane
    for bar in np.argsort(starts, kind="stable").tolist():
        times = free_from[bands[bar]]
        number = next((n for n, end in enumerate(times) if end <= starts[bar]), len(times))
        times[number : number + 1] = [ends[bar]]
        lane[bar] = number
    return lane


def _labelled(rows: NDArray[Any], rank: NDArray[Any], n: int) -> tuple[float, list[int]]:
    """The height of `n` rows, and which of some, from the top, have room for a label; low ranks first."""
    px = min(float(ROW_PX), MOST_PX / max(n, 1))
    gap = -(-LABEL_PX // px)
    stretch = rows // gap
    by_rank = np.lexsort((rank, stretch))
    # of each stretch of rows
    best = by_rank[np.flatnonzero(np.diff(stretch[by_rank], prepend=-1))]
    chosen: list[int] = []
    for at in best.tolist():
        if not chosen or rows[at] - rows[chosen[-1]] >= gap:
            chosen.append(at)
    return px, chosen
