"""Which row each bar stands in, and what the rows are called: tree, agent, lanes or run."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from runkit import timing
from runkit.charts.bars import GROUP, Scene, agent_names, agent_word, step_label
from runkit.charts.labels import bold, indented, plain, thin
from runkit.tables.frames import Frames
from runkit.text import run_label
from runkit.timing import Ints

LETTERS = "ABCD"  # two to four runs are told apart by a letter
LABEL = 40  # characters of a row's label
ROW_PX, BAR_PX = 22, 14
MOST_PX = 4_400  # of all rows together: more rows are lower than `ROW_PX`
LABEL_PX = 15  # from one label to the next
MOST_BANDS = 60  # shaded bands


class Rows(NamedTuple):
    """`n` rows from the top, `px` high each; bars have the part `bar` of that.

    `group[i]` numbers what can be busy only once at a time, for the busy fraction of bar i. `ticks` and
    `texts` are the labels, `bands` the ranges of rows [top, bottom) that are shaded.
    """

    n: int
    px: float
    group: Ints
    ticks: list[float]
    texts: list[str]
    bands: list[tuple[float, float]]
    bar: float = BAR_PX / ROW_PX


class Label(NamedTuple):
    """Candidates for labels: their rows, their rank (low ones first), and how to say the one in place i."""

    rows: NDArray[Any]
    rank: NDArray[Any]
    text: Callable[[int], str]


def run_names(frames: Frames) -> list[str]:
    """A label for each run; with a letter or a number in front where that is needed to tell them apart."""
    columns = zip(frames.runs["run_id"], frames.runs["business_name"], frames.runs["agent_name"], strict=True)
    labels = [run_label(run, business, agent, LABEL - 4) for run, business, agent in columns]
    if 1 < len(labels) <= len(LETTERS):
        return [f"{letter} {label}" for letter, label in zip(LETTERS, labels, strict=False)]
    if len(set(labels)) == len(labels):
        return labels
    return [f"{number}: {label}" for number, label in enumerate(labels, 1)]


def tree(scene: Scene, most_px: int = MOST_PX) -> Rows:
    """One row per bar in tree order; several runs, and one without steps, have a row of their own on top."""
    bars, runs = scene.bars, scene.runs
    has_row = ~runs["has_bars"] | (len(runs) > 1)
    heads_before = np.cumsum(has_row)
    bars["row"] = np.arange(len(bars)) + (heads_before[bars["run"]] if len(bars) else 0)
    n_bars = np.bincount(bars["run"], minlength=len(runs))
    first = np.cumsum(n_bars) - n_bars + heads_before - has_row
    runs["row"] = np.where(has_row, first, -1)
    names, steps = run_names(scene.frames), scene.frames.steps
    heads = np.flatnonzero(has_row)
    indent = bars["depth"] - (bars["depth"].min() if len(bars) else 0) + int(len(heads) > 0)

    def text(at: int) -> str:
        words = plain(step_label(steps, bars["step"][at]), LABEL)
        return indented(bold(words) if bars["kind"][at] == GROUP else words, int(indent[at]))

    labels = [
        Label(first[heads], np.zeros(len(heads)), lambda at: bold(plain(names[heads[at]], LABEL))),
        Label(bars["row"], indent + 1, text),
    ]
    bands = _run_bands(first, n_bars, has_row) if len(runs) > 1 else _group_bands(bars)
    return _rows(len(bars) + len(heads), bars["run"], labels, bands, most_px)


def _run_bands(first: Ints, n_bars: Ints, has_row: NDArray[np.bool_]) -> list[tuple[float, float]]:
    bands = [(top, top + n + head) for top, n, head in zip(first, n_bars, has_row, strict=True)]
    return [(float(top), float(bottom)) for top, bottom in bands[1::2]]


def _group_bands(bars: NDArray[np.void]) -> list[tuple[float, float]]:
    """The rows of every other group at the top, with all that stands in it."""
    top = np.flatnonzero(bars["parent"] < 0)
    ends = np.append(top[1:], len(bars))
    groups = np.flatnonzero(bars["kind"][top] == GROUP)[::2][:MOST_BANDS]
    return [(float(bars["row"][top[at]]), float(bars["row"][ends[at] - 1] + 1)) for at in groups]


def agent(scene: Scene, most_px: int = MOST_PX) -> Rows:
    """A band per agent, in it one per run, in that as few rows as do not overlap."""
    bars, n_runs = scene.bars, max(len(scene.runs), 1)
    codes, agents = pd.factorize(scene.frames.steps["agent"].iloc[bars["step"]], use_na_sentinel=False)
    unit, band = np.unique(codes * n_runs + bars["run"], return_inverse=True)
    lane = _lanes(band, bars["start"], bars["end"])
    height = np.zeros(len(unit), np.int64)
    np.maximum.at(height, band, lane + 1)
    top = np.cumsum(height) - height
    bars["row"] = top[band] + lane
    n = int(height.sum())
    unit_agent, unit_run = unit // n_runs, unit % n_runs
    is_first = np.diff(unit_agent, prepend=-1) > 0
    names = run_names(scene.frames)
    words = agent_names(scene.frames.runs)

    def text(at: int) -> str:
        name = plain(agent_word(agents[unit_agent[at]], words), LABEL - 4)
        if n_runs == 1:
            return name
        letter = plain(names[unit_run[at]].split()[0], LABEL)
        return f"{bold(name)} · {letter}" if is_first[at] else f"{name} · {letter}"

    edges = pairwise([*top[is_first].tolist(), n])
    labels = [Label(top + (height - 1) / 2, np.where(is_first, 0, 1), text), _without_bars(scene, n)]
    bands = [(float(a), float(b)) for a, b in list(edges)[1::2]]
    return _rows(n + len(labels[1].rows), bars["row"].astype(np.int64), labels, bands, most_px)


def lanes(scene: Scene, most_px: int = MOST_PX) -> Rows:
    """As few rows as do not overlap: their number is the greatest number of steps open at once."""
    bars = scene.bars
    lane = _lanes(np.zeros(len(bars), np.int64), bars["start"], bars["end"])
    bars["row"] = lane
    n = int(lane.max(initial=-1)) + 1
    labels = [
        Label(np.arange(n), np.zeros(n), lambda at: f"Lane {at + 1}"),
        _without_bars(scene, n),
    ]
    return _rows(n + len(labels[1].rows), lane, labels, [], most_px)


LAYOUTS: dict[str, Callable[[Scene, int], Rows]] = {
    "tree": tree,
    "agent": agent,
    "lanes": lanes,
}


def _without_bars(scene: Scene, n: int) -> Label:
    """Rows at the end for the runs that have no step to show."""
    empty = np.flatnonzero(~scene.runs["has_bars"])
    scene.runs["row"][empty] = n + np.arange(len(empty))
    names = run_names(scene.frames)
    return Label(
        n + np.arange(len(empty)),
        np.ones(len(empty)),
        lambda at: plain(f"{names[empty[at]]}, no steps", LABEL + 10),
    )


def _lanes(band: Ints, start: NDArray[Any], end: NDArray[Any]) -> Ints:
    """Lanes within each band, by one call; of steps that start together the outer one comes first.

    Starts and ends are numbered in order of band, time, ends before starts, and tree order: so each band
    comes when all lanes of the one before are free.
    """
    n = len(band)
    in_tree = np.tile(np.arange(n), 2)
    number = np.empty(2 * n, np.int64)
    is_start = np.repeat([0, 1], n)
    order = np.lexsort((in_tree, is_start, np.concatenate([end, start]), np.tile(band, 2)))
    number[order] = np.arange(2 * n)
    return timing.lanes(number[n:], number[:n])


def _rows(n: int, group: Ints, labels: list[Label], bands: list[tuple[float, float]], most_px: int) -> Rows:
    px = min(float(ROW_PX), most_px / max(n, 1))
    rows = np.concatenate([label.rows for label in labels])
    source = np.repeat(np.arange(len(labels)), [len(label.rows) for label in labels])
    place = np.concatenate([np.arange(len(label.rows)) for label in labels])
    chosen = thin(rows, np.concatenate([label.rank for label in labels]), int(-(-LABEL_PX // px)))
    return Rows(
        n=n,
        px=px,
        group=group,
        ticks=rows[chosen].tolist(),
        texts=[labels[source[at]].text(int(place[at])) for at in chosen],
        bands=bands[:MOST_BANDS],
    )
