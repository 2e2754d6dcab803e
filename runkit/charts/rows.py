"""Which steps a chart shows, and in which rows: a tree, or bands of agents; and the path through a tree."""

from __future__ import annotations

import itertools
from collections import defaultdict
from typing import NamedTuple

import numpy as np
import pandas as pd

from runkit.charts.axis import PLOT_PX, Axis
from runkit.charts.bars import GROUP, LETTERS, WAIT
from runkit.charts.style import bold, plain
from runkit.timing import Flags, Ints

MOST_ROWS = 60  # of a tree; so many rows zoom no slower than `px.timeline` of 1,000 steps
MOST_BARS = 2_000  # of any other chart
LABEL = 40  # characters of a row's label
INDENT = "\u00a0" * 4  # plotly folds ordinary spaces
DEEPEST_INDENT = 6  # levels; beyond, the indentation would eat the label
ROW_PX, LOW_PX = 22, 17  # of a row, and of one of many
BAR_SHARE = 14 / 22  # of the height of a row
GROUP_PX = 8  # shorter parts of a group are left out of the path
Path = list[tuple[float, float, float, int]]  # parts of the critical path: from, to, row, kind


class Rows(NamedTuple):
    """`n` rows of `px` from the top, with bars of `bar_px`: their labels, and the ranges that are shaded."""

    n: int
    px: float
    bar_px: float
    ticks: list[float]
    texts: list[str]
    bands: list[tuple[float, float]]


def visible_steps(steps: pd.DataFrame, depth: int | str | None, most: int) -> Flags:
    """Flag the steps that are shown: of the first `depth` levels; at most so many, those that matter most.

    They are in this order: failed steps, waits, the top level, then the longest.
    """
    is_shown = (steps["depth"] < depth if isinstance(depth, int) else steps["depth"] >= 0).to_numpy()
    if is_shown.sum() <= most:
        return is_shown
    is_wait, is_top = steps["kind"] == WAIT, steps["depth"] == 0
    rank = np.select([~is_shown, steps["is_failing"], is_wait, is_top], [4, 0, 1, 2], 3)
    chosen = np.lexsort((steps["start"] - steps["end"], rank))[:most]
    return np.isin(np.arange(len(steps)), chosen) & is_shown


def tree_rows(bars: pd.DataFrame, row: Ints) -> Rows:
    """Describe a tree with a row for each bar; steps in a group are indented, every other group is shaded."""
    texts = []
    for label, depth, kind in zip(bars["label"], bars["depth"], bars["kind"], strict=True):
        words = plain(label, LABEL)
        texts.append(INDENT * min(depth, DEEPEST_INDENT) + (bold(words) if kind == GROUP else words))
    top = np.flatnonzero(bars["depth"] == 0)
    ends = np.append(row[top[1:]], row[-1:] + 1)
    is_group = bars["kind"].to_numpy()[top] == GROUP
    bands = list(zip(row[top][is_group].tolist(), ends[is_group].tolist(), strict=True))[::2]
    px = ROW_PX if len(bars) < MOST_ROWS else LOW_PX
    return Rows(len(bars), px, BAR_SHARE * px, row.tolist(), texts, bands)


def agent_rows(bars: pd.DataFrame, n_runs: int) -> tuple[Rows, Ints]:
    """Place a band per agent, in it one per run, in that as few rows as do not overlap."""
    unit, band = np.unique(bars["agent_no"] * n_runs + bars["run"], return_inverse=True)
    lane = _lanes(band, bars)
    height = pd.Series(lane + 1).groupby(band).max().to_numpy(np.int64)
    top = np.cumsum(height) - height
    is_first = np.diff(unit // n_runs, prepend=-1) > 0
    names = bars["agent_name"].groupby(band).first()
    texts = []
    for name, number, is_bold in zip(names, unit % n_runs, is_first, strict=True):
        words = plain(name, LABEL - 4)
        texts.append(f"{bold(words) if is_bold else words} · {LETTERS[number]}")
    edges = [*top[is_first].tolist(), int(height.sum())]
    middle = top + (height - 1) / 2
    bands = list(itertools.pairwise(edges))[1::2]
    return Rows(edges[-1], ROW_PX, BAR_SHARE * ROW_PX, middle.tolist(), texts, bands), top[band] + lane


def _lanes(band: Ints, bars: pd.DataFrame) -> Ints:
    """Return the lowest free lane of its band for each bar, in order of start; the outer one of two is first.

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


def critical_path(bars: pd.DataFrame, axis: Axis) -> Path:
    """Return the critical path of a run of which all steps are shown, in order of time, on the axis.

    Short parts of groups are left out.
    """
    # The time of a subtree on the path is one stretch, so each moment is that of the deepest step.
    spent = np.append(0.0, bars["critical_s"].cumsum())
    inner = np.searchsorted(bars["step_no"], bars["subtree_end"])
    total = spent[inner] - spent[:-1]
    on_path = np.flatnonzero(bars["is_critical"] & (total > 0))
    begin = bars["start"].to_numpy()[on_path]
    spans = np.column_stack([begin, begin + total[on_path]]).round(6)
    edges, number = np.unique(spans, return_inverse=True)
    owner = np.full(len(edges), -1)
    for at, (first, last) in zip(on_path.tolist(), number.reshape(-1, 2), strict=True):
        owner[first:last] = at
    cuts = np.flatnonzero(np.diff(owner, prepend=-1, append=-1))
    places = axis.at(edges)
    row, kind = bars["row"].tolist(), bars["kind"].tolist()
    parts = [
        (float(places[first]), float(places[last]), row[at], kind[at])
        for first, last in itertools.pairwise(cuts)
        if (at := owner[first]) >= 0
    ]
    least = GROUP_PX * axis.length / PLOT_PX
    return [part for part in parts if part[3] != GROUP or part[1] - part[0] >= least]
