"""Which row each step stands in, and what the rows are called: tree, agent, lanes or run."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from runkit import timing
from runkit.charts.labels import indented, plain, thin
from runkit.charts.scene import Scene
from runkit.text import run_label
from runkit.timing import Flags, Ints

LETTERS = "ABCD"  # two to four runs are told apart by a letter
LABEL = 30  # characters of a row's label; a third of a phone's width is left for the bars
RUN_LABEL = 36  # of a run's: a business and a run id
MOST_BANDS = 40  # shaded bands, each a DOM node


class Rows(NamedTuple):
    """Rows from the top: `of_step[i]`, `of_run[r]` (-1: the run has no row of its own), `n` in all.

    `group[i]` and `run_group[r]` number what can be busy only once at a time, for the busy fraction.
    `tick_rows` and `tick_texts` are the labels, harmless and few; `bands` are row ranges [top, bottom) that
    belong together.
    """

    of_step: Ints
    of_run: Ints
    n: int
    group: Ints
    run_group: Ints
    tick_rows: list[float]
    tick_texts: list[str]
    bands: list[tuple[int, int]]


def run_names(scene: Scene) -> list[str]:
    """A label for each run; with a letter or a number in front where that is needed to tell them apart."""
    runs = scene.frames.runs
    columns = zip(runs["run_id"], runs["business_name"], runs["agent_name"], strict=True)
    labels = [run_label(*names, RUN_LABEL - 4) for names in columns]
    if 1 < len(labels) <= len(LETTERS):
        return [f"{letter} {label}" for letter, label in zip(LETTERS, labels, strict=False)]
    if len(set(labels)) == len(labels):
        return labels
    return [f"{number}: {label}" for number, label in enumerate(labels, 1)]


def tree(scene: Scene, start: Ints, end: Ints) -> Rows:
    """One row per step in tree order; several runs, and one without steps, have a row of their own on top."""
    order = np.lexsort((scene.frames.steps["order"].to_numpy(), scene.run))
    has_head = scene.has_no_steps | (scene.n_runs > 1)
    n_steps = np.bincount(scene.run, minlength=scene.n_runs)
    heads_before = np.cumsum(has_head)
    of_step = np.empty(scene.n_steps, np.int64)
    of_step[order] = np.arange(scene.n_steps)
    of_step += heads_before[scene.run] if scene.n_runs else 0
    first = np.cumsum(n_steps) - n_steps + heads_before - has_head
    of_run = np.where(has_head, first, -1)
    n = scene.n_steps + int(has_head.sum())

    depth = scene.frames.steps["depth"].to_numpy(np.int64)
    heads = np.flatnonzero(has_head)
    names = run_names(scene)
    head_depth = 1 if len(heads) else 0
    ticks = _Ticks(n)
    ticks.add(of_run[heads], np.zeros(len(heads), np.int64), lambda at: plain(names[heads[at]], RUN_LABEL))
    labels = step_labels(scene)
    ticks.add(of_step, depth + head_depth, lambda at: indented(labels(at), int(depth[at]), LABEL))
    bands = [
        (int(top), int(top + size + head)) for top, size, head in zip(first, n_steps, has_head, strict=True)
    ]
    return ticks.rows(of_step, of_run, scene.run, np.arange(scene.n_runs), bands if scene.n_runs > 1 else [])


def agent(scene: Scene, start: Ints, end: Ints) -> Rows:
    """A band per agent, in it one per run, in that as few rows as do not overlap."""
    codes, agents = pd.factorize(scene.frames.steps["agent"], use_na_sentinel=False)
    unit, band = np.unique(codes * max(scene.n_runs, 1) + scene.run, return_inverse=True)
    lane = _lanes(band, start, end)
    height = np.zeros(len(unit), np.int64)
    np.maximum.at(height, band, lane + 1)
    top = np.cumsum(height) - height
    of_step = top[band] + lane
    n = int(height.sum())
    of_run = _rows_at_the_end(scene, n)

    names = run_names(scene)
    unit_agent, unit_run = unit // max(scene.n_runs, 1), unit % max(scene.n_runs, 1)
    is_first = np.diff(unit_agent, prepend=-1) > 0

    def label(at: int) -> str:
        name = plain(agents[unit_agent[at]], LABEL - 4)
        return name if scene.n_runs == 1 else f"{name} · {plain(names[unit_run[at]].split()[0], LABEL)}"

    ticks = _Ticks(n + int((of_run >= 0).sum()))
    ticks.add(top + (height - 1) / 2, np.where(is_first, 0, 1), label)
    ticks.add_runs_without_steps(of_run, names)
    edges = [*top[is_first].tolist(), n]
    return ticks.rows(of_step, of_run, of_step, of_run, list(pairwise(edges)))


def lanes(scene: Scene, start: Ints, end: Ints) -> Rows:
    """As few rows as do not overlap: their number is the greatest number of steps open at once."""
    lane = _lanes(np.zeros(scene.n_steps, np.int64), start, end)
    n = int(lane.max(initial=-1)) + 1
    of_run = _rows_at_the_end(scene, n)
    ticks = _Ticks(n + int((of_run >= 0).sum()))
    ticks.add(np.arange(n), np.zeros(n, np.int64), lambda at: f"lane {at + 1}")
    ticks.add_runs_without_steps(of_run, run_names(scene))
    return ticks.rows(lane, of_run, lane, of_run, [])


def run(scene: Scene, start: Ints, end: Ints) -> Rows:
    """One row per run: the fleet."""
    names = run_names(scene)
    runs = scene.frames.runs
    status = runs["status"].astype("str").to_numpy()

    def label(at: int) -> str:
        return plain(
            names[at] if status[at] == "completed" else f"{names[at]} ({status[at]})", RUN_LABEL + 14
        )

    ticks = _Ticks(scene.n_runs)
    ticks.add(np.arange(scene.n_runs), np.zeros(scene.n_runs, np.int64), label)
    return ticks.rows(scene.run, np.arange(scene.n_runs), scene.run, np.arange(scene.n_runs), [])


LAYOUTS: dict[str, Callable[[Scene, Ints, Ints], Rows]] = {
    "tree": tree,
    "agent": agent,
    "lanes": lanes,
    "run": run,
}


def step_labels(scene: Scene) -> Callable[[int], object]:
    """The label of step i for people, else its internal name."""
    steps = scene.frames.steps
    label, name = steps["label"], steps["name"]

    def of(at: int) -> object:
        given = label.iloc[at]
        return name.iloc[at] if pd.isna(given) or not given.strip() else given

    return of


def _lanes(band: Ints, start: Ints, end: Ints) -> Ints:
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


def _rows_at_the_end(scene: Scene, n: int) -> Ints:
    """Rows behind the last one for the runs that have no step to show."""
    empty: Flags = scene.has_no_steps
    return np.where(empty, n + np.cumsum(empty) - 1, -1)


class _Ticks:
    """Collects candidates for labels; only the few that are chosen are turned into text."""

    def __init__(self, n_rows: int) -> None:
        self._n_rows = n_rows
        self._rows: list[NDArray[Any]] = []
        self._rank: list[Ints] = []
        self._texts: list[Callable[[int], str]] = []

    def add(self, rows: NDArray[Any], rank: Ints, text: Callable[[int], str]) -> None:
        self._rows.append(rows)
        self._rank.append(rank)
        self._texts.append(text)

    def add_runs_without_steps(self, of_run: Ints, names: list[str]) -> None:
        where = np.flatnonzero(of_run >= 0)
        self.add(
            of_run[where],
            np.ones(len(where), np.int64),
            lambda at: plain(f"{names[where[at]]}, no steps", RUN_LABEL + 10),
        )

    def rows(
        self, of_step: Ints, of_run: Ints, group: Ints, run_group: Ints, bands: list[tuple[int, int]]
    ) -> Rows:
        rows = np.concatenate(self._rows)
        block = np.repeat(np.arange(len(self._rows)), [len(part) for part in self._rows])
        place = np.concatenate([np.arange(len(part)) for part in self._rows])
        chosen = thin(rows, np.concatenate(self._rank), self._n_rows)
        return Rows(
            of_step=of_step,
            of_run=of_run,
            n=self._n_rows,
            group=group,
            run_group=run_group,
            tick_rows=rows[chosen].tolist(),
            tick_texts=[self._texts[block[at]](int(place[at])) for at in chosen],
            bands=bands[:MOST_BANDS],
        )
