"""Where the time goes: interval arithmetic on numpy arrays.

All times are int64 microseconds, all durations too, so that sums are exact. Steps stand in pre-order (a
parent before its children); `parent[i]` is a position in the same arrays, -1 at the top; `depth[i]` is 0 at
the top. `run[i]` numbers the run of step i, so one call covers any number of runs. Nothing here knows
pandas, plotly or a file.
"""

from __future__ import annotations

import heapq
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]


def levels(depth: Ints) -> list[Ints]:
    """Positions of the steps of each depth, from the top down; positions ascend within a level."""
    if not len(depth):
        return []
    by_depth = np.argsort(depth, kind="stable")
    return np.split(by_depth, np.cumsum(np.bincount(depth))[:-1])


def subtree_sizes(parent: Ints, depth: Ints) -> Ints:
    """Number of steps in the subtree of each step, itself included."""
    size = np.ones(len(parent), np.int64)
    for level in reversed(levels(depth)[1:]):
        np.add.at(size, parent[level], size[level])
    return size


def self_time(start: Ints, end: Ints, parent: Ints) -> Ints:
    """Duration minus the union of the children, clipped to the step.

    Children overlap, so their durations are never added up.
    """
    child = np.flatnonzero(parent >= 0)
    owner = parent[child]
    lo = np.clip(start[child], start[owner], end[owner])
    hi = np.clip(end[child], start[owner], end[owner])
    union, _, _ = _sweep(owner, lo, hi, np.zeros(len(owner), np.bool_), len(start))
    return end - start - union


class Budget(NamedTuple):
    """What each run's time went into, shape (n_runs,).

    `working + waiting + idle` is the run's duration; `overlap` is the part of `waiting` in which work went
    on.
    """

    working: Ints
    waiting: Ints
    idle: Ints
    overlap: Ints


def budget(
    run: Ints, start: Ints, end: Ints, run_start: Ints, run_end: Ints, *, is_waiting: Flags, is_leaf: Flags
) -> Budget:
    """Split each run's time by what was open at each instant of [run_start, run_end).

    *waiting* if a step with `is_waiting` (a question put to a person) is open; else *working* if one with
    `is_leaf` is; else *idle*. Other steps are containers and count for nothing. Steps are clipped to the run.
    """
    counts = np.flatnonzero(is_waiting | is_leaf)
    owner = run[counts]
    lo = np.clip(start[counts], run_start[owner], run_end[owner])
    hi = np.clip(end[counts], run_start[owner], run_end[owner])
    working, waiting, overlap = _sweep(owner, lo, hi, is_waiting[counts], len(run_start))
    return Budget(working, waiting, run_end - run_start - working - waiting, overlap)


def _sweep(group: Ints, start: Ints, end: Ints, is_waiting: Flags, n_groups: int) -> tuple[Ints, Ints, Ints]:
    """Measure in each group how long work was open and no wait, a wait, and both; shapes (n_groups,).

    Walks over all starts and ends in order of time and counts what is open in between. What opens in a
    group also closes in it, so the running counts are zero at every border between groups and one cumulative
    sum serves them all.
    """
    length = end > start
    group, start, end, is_waiting = group[length], start[length], end[length], is_waiting[length]
    groups = np.concatenate([group, group])
    times = np.concatenate([start, end])
    order = np.lexsort((times, groups))  # what happens at one time may come in any order
    change = np.repeat(np.array([1, -1], np.int64), len(start))
    waits = np.tile(is_waiting, 2)
    open_waits = np.cumsum(np.where(waits, change, 0)[order])
    open_work = np.cumsum(np.where(waits, 0, change)[order])
    times = times[order]
    span = np.diff(times, append=times[-1:])
    at = groups[order]

    def total(where: Flags) -> Ints:
        out = np.zeros(n_groups, np.int64)
        np.add.at(out, at[where], span[where])
        return out

    waiting, working = open_waits > 0, open_work > 0
    return total(working & ~waiting), total(waiting), total(working & waiting)


class CriticalPath(NamedTuple):
    """`is_on[i]`: the walk went through step i. `length[i]`: its own time on the path, children taken out."""

    is_on: Flags
    length: Ints


def critical_path(
    start: Ints, end: Ints, parent: Ints, depth: Ints, run: Ints, run_start: Ints, run_end: Ints
) -> CriticalPath:
    """Walk each run back from its end along what it last waited for.

    At a cursor, the child open latest before it is taken: the greatest min(end, cursor) among the children
    that start before the cursor; at a tie the earliest start, then tree order. The walk goes on inside it,
    and then from its start. Children are clipped to their parent, and those that lie outside are no
    candidates. Time that no child covers belongs to the parent, so the lengths of a run and the time that no
    step of it covers add up to its duration exactly.

    The step taken after step i depends on i alone (the cursor is i's start), so these links are found for all
    steps at once; only the first child of a parent on the path depends on where the walk came from.
    """
    n = len(start)
    by_level = levels(depth)
    lo, hi = _clip_to_ancestors(start, end, parent, run, run_start, run_end, by_level)
    n_families = n + len(run_start)
    # Numbered times are small: a family and a time fit in one integer.
    times, ticks = np.unique(np.concatenate([lo, hi, run_end]), return_inverse=True)
    lo, hi, cursor = ticks[:n], ticks[n : 2 * n], ticks[2 * n :]
    siblings = _Siblings(lo, hi, np.where(parent >= 0, parent, n + run), len(times))
    following = siblings.latest_before(siblings.family, lo)
    chain = following.tolist()

    is_on, until = np.zeros(n, np.bool_), np.zeros(n, np.int64)
    families = np.arange(n, n_families)
    for level in by_level:
        first = siblings.latest_before(families, cursor)
        taken = first >= 0
        until[first[taken]] = np.minimum(hi[first[taken]], cursor[taken])
        path = np.array(_follow(first[taken].tolist(), chain), np.int64)
        is_on[path] = True
        path = path[following[path] >= 0]
        after = following[path]
        until[after] = np.minimum(hi[after], lo[path])
        families = level[is_on[level]]
        cursor = until[families]

    length = np.where(is_on, times[until] - times[lo], 0)
    nested = np.flatnonzero(is_on & (parent >= 0))
    inner = np.zeros(n, np.int64)
    np.add.at(inner, parent[nested], length[nested])
    return CriticalPath(is_on, length - inner)


def _follow(starts: list[int], chain: list[int]) -> list[int]:
    """All steps on the chains that begin at `starts`."""
    path = []
    for step in starts:
        while step >= 0:
            path.append(step)
            step = chain[step]
    return path


def _clip_to_ancestors(
    start: Ints, end: Ints, parent: Ints, run: Ints, run_start: Ints, run_end: Ints, by_level: list[Ints]
) -> tuple[Ints, Ints]:
    """Clip each step to all that it stands in; a step that lies outside comes out with start > end."""
    lo, hi = start.copy(), end.copy()
    for number, level in enumerate(by_level):  # level 0 stands in the run
        above = parent[level]
        if number:
            first, last = lo[above], hi[above]
        else:
            first, last = run_start[run[level]], run_end[run[level]]
        lo[level] = np.maximum(lo[level], first)
        hi[level] = np.minimum(hi[level], last)
    return lo, hi


class _Siblings:
    """The steps of all families (children of one step, or of a run), sorted for binary search.

    Times come as ticks below `n_times`, so (family, time) is one integer that cannot overflow.
    """

    def __init__(self, lo: Ints, hi: Ints, family: Ints, n_times: int) -> None:
        inside = np.flatnonzero(lo <= hi)
        self.family = family
        self._n_times = n_times
        starts = family[inside] * n_times + lo[inside]
        order = np.argsort(starts, kind="stable")  # by family, start, then tree order
        self._steps = inside[order]
        self._starts = starts[order]
        self._latest_end = np.maximum.accumulate(family[self._steps] * n_times + hi[self._steps])

    def latest_before(self, family: Ints, cursor: Ints) -> Ints:
        """For each (family, cursor) the step that was open latest before the cursor, -1 if there is none."""
        if not len(self._steps):
            return np.full(len(family), -1)
        at_cursor = family * self._n_times + cursor
        # the last one that starts before the cursor
        last = np.searchsorted(self._starts, at_cursor) - 1
        is_family = (last >= 0) & (self.family[self._steps[last]] == family)
        position = np.searchsorted(self._latest_end, np.minimum(at_cursor, self._latest_end[last]))
        return np.where(is_family, self._steps[position % len(self._steps)], -1)


def lanes(start: Ints, end: Ints) -> Ints:
    """The lowest free lane for each interval, taken in order of start.

    The number of lanes is the peak concurrency. An interval may begin where another ends in the same lane.
    """
    lane = np.zeros(len(start), np.int64)
    busy: list[tuple[int, int]] = []
    free: list[int] = []
    starts, ends = start.tolist(), end.tolist()
    for position in np.lexsort((end, start)).tolist():
        while busy and busy[0][0] <= starts[position]:
            heapq.heappush(free, heapq.heappop(busy)[1])
        number = heapq.heappop(free) if free else len(busy)
        lane[position] = number
        heapq.heappush(busy, (ends[position], number))
    return lane
