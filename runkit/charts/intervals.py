"""Unions of intervals, and the times at which everything in a chart only waits for a reviewer."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from runkit.charts.bars import STEP, WAIT, Scene
from runkit.timing import Ints

Times = NDArray[Any]


def union(group: Ints, lo: Times, hi: Times) -> tuple[Ints, Times, Times]:
    """The union of the intervals [lo, hi) of each group, as intervals that do not touch.

    Sorted by group and time. Empty intervals stay where nothing else is.
    """
    if not len(group):
        return group, lo, hi
    # Ranks instead of times, each group shifted behind the one before: one running maximum serves all groups.
    moments, rank = np.unique(np.concatenate([lo, hi]), return_inverse=True)
    shift = group * len(moments)
    order = np.argsort(rank[: len(lo)] + shift, kind="stable")
    opens_at = (rank[: len(lo)] + shift)[order]
    reach = np.maximum.accumulate((rank[len(lo) :] + shift)[order])
    begins = np.flatnonzero(np.append(True, opens_at[1:] > reach[:-1]))
    ends = np.append(begins[1:], len(lo)) - 1
    which = group[order][begins]
    return which, lo[order][begins], moments[reach[ends] - which * len(moments)]


def blocked(scene: Scene) -> list[tuple[float, float]]:
    """When a run waits for a reviewer, no step works, and other runs wait or are over; in seconds.

    Only such times can be folded without bending a run that goes on.
    """
    bars, runs = scene.bars, scene.runs
    waits, works = bars[bars["kind"] == WAIT], bars[bars["kind"] == STEP]
    run = waits["run"]
    clipped = (np.clip(waits[edge], runs["start"][run], runs["end"][run]) for edge in ("start", "end"))
    _, since, to = union(run, *clipped)
    # +1 where a run begins, -1 where it begins to wait: zero means that nothing but waiting goes on.
    active = _changes((runs["start"], runs["end"], 1), (works["start"], works["end"], 1), (since, to, -1))
    waited = _changes((since, to, 1))
    moments = np.unique(np.concatenate([active[0], waited[0]]))
    is_blocked = (_level(active, moments) == 0) & (_level(waited, moments) > 0)
    edges = np.flatnonzero(np.diff(is_blocked, prepend=False, append=False))
    seconds = moments[edges].tolist()
    return list(zip(seconds[::2], seconds[1::2], strict=True))


def _changes(*parts: tuple[Times, Times, int]) -> tuple[Times, Ints]:
    """A step function: the moments at which it changes, and its value from there on."""
    times = np.concatenate([part for lo, hi, _ in parts for part in (lo, hi)])
    change = np.concatenate([np.full(len(lo), by) for lo, hi, by in parts for by in (by, -by)])
    order = np.argsort(times, kind="stable")
    return times[order], np.cumsum(change[order])


def _level(function: tuple[Times, Ints], moments: Times) -> Ints:
    """The value of a step function right after each moment."""
    times, value = function
    at = np.searchsorted(times, moments, side="right") - 1
    return np.where(at >= 0, value[np.maximum(at, 0)], 0) if len(times) else np.zeros(len(moments), np.int64)
