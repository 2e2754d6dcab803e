"""Where the time goes: interval arithmetic on numpy arrays.

All times are int64 microseconds, all durations too, so that sums are exact. Steps stand in
pre-order (a parent before its children); `parent[i]` is a position in the same arrays, -1 at the
top; `depth[i]` is 0 at the top. `run[i]` numbers the run of step i, so one call covers any number
of runs. Nothing here knows pandas, plotly or a file.
"""

from __future__ import annotations

from bisect import bisect_left
from itertools import accumulate
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]
Times = NDArray[Any]  # whole microseconds, or seconds as floats


def levels(depth: Ints) -> list[Ints]:
    """Return the positions of the steps of each depth, ascending, from the top down."""
    by_depth = np.argsort(depth, kind="stable")
    return np.split(by_depth, np.cumsum(np.bincount(depth))[:-1])


def subtree_sizes(parent: Ints, depth: Ints) -> Ints:
    """Count the steps in the subtree of each step, itself included."""
    size = np.ones(len(parent), np.int64)
    for level in reversed(levels(depth)[1:]):
        np.add.at(size, parent[level], size[level])
    return size


def self_time(start: Ints, end: Ints, parent: Ints) -> Ints:
    """Return the durations minus the union of the children, clipped to the step.

    Children overlap, so their durations are never added up.
    """
    child = np.flatnonzero(parent >= 0)
    is_waiting = np.zeros(len(child), np.bool_)
    union: Ints = _totals(parent[child], start[child], end[child], is_waiting, start, end)[WORKING]
    return end - start - union


class Budget(NamedTuple):
    """What each run's time went into, shape (n_runs,).

    `working + waiting + idle` is the run's duration; `overlap` is the part of `waiting` in which
    work went on.
    """

    working: Ints
    waiting: Ints
    idle: Ints
    overlap: Ints


def budget(
    run: Ints,
    start: Ints,
    end: Ints,
    run_start: Ints,
    run_end: Ints,
    *,
    is_waiting: Flags,
    is_leaf: Flags,
) -> Budget:
    """Split each run's time by what was open at each instant of [run_start, run_end).

    *waiting* if a step with `is_waiting` (a question put to a person) is open; else *working* if
    one with `is_leaf` is; else *idle*. Other steps are containers and count for nothing. Steps are
    clipped to the run.
    """
    counts = np.flatnonzero(is_waiting | is_leaf)
    totals = _totals(
        run[counts], start[counts], end[counts], is_waiting[counts], run_start, run_end
    )
    working, overlap = totals[WORKING], totals[BOTH]
    waiting = totals[WAITING] + overlap
    return Budget(working, waiting, run_end - run_start - working - waiting, overlap)


WORKING, WAITING, BOTH = 1, 2, 3  # what is open in a piece of time; 0 is nothing


class _Pieces(NamedTuple):
    """The time of each group, cut where something begins or ends, with what is open in each."""

    group: Ints
    start: Times
    end: Times
    state: Ints


def _cut(group: Ints, start: Times, end: Times, is_waiting: Flags) -> _Pieces:
    """Cut the time of each group into pieces, in order of group and time.

    Walks over all starts and ends in order of time and counts what is open in between. What opens
    in a group also closes in it, so the running counts are zero at every border between groups and
    one cumulative sum serves them all.
    """
    groups, times = np.tile(group, 2), np.concatenate([start, end])
    is_wait = np.tile(is_waiting, 2)
    order = np.lexsort((times, groups))  # what happens at one time may come in any order
    change = np.repeat(np.array([1, -1]), len(start))
    n_open = np.cumsum((change * [~is_wait, is_wait])[:, order], axis=1)
    state = np.array([WORKING, WAITING]) @ (n_open > 0)
    since, until = times[order], np.roll(times[order], -1)  # nothing is open behind the last time
    is_piece = until > since
    return _Pieces(groups[order][is_piece], since[is_piece], until[is_piece], state[is_piece])


def _totals(
    group: Ints, start: Times, end: Times, is_waiting: Flags, first: Ints, last: Ints
) -> Ints:
    """Measure how long each state lasted in each group, shape (4, n_groups).

    `first` and `last` are the limits of each group, to which its intervals are clipped.
    """
    since = np.clip(start, first[group], last[group])
    until = np.clip(end, first[group], last[group])
    pieces = _cut(group, since, until, is_waiting)
    totals = np.zeros((4, len(first)), np.int64)
    np.add.at(totals, (pieces.state, pieces.group), pieces.end - pieces.start)
    return totals


def waiting_ranges(start: Times, end: Times, is_waiting: Flags) -> list[tuple[float, float]]:
    """Return the ranges of time, in order, in which a wait is open and no work is."""
    pieces = _cut(np.zeros(len(start), np.int64), start, end, is_waiting)
    is_blocked = pieces.state == WAITING
    edges = np.diff(is_blocked, prepend=False, append=False)
    first, last = pieces.start[edges[:-1] & is_blocked], pieces.end[edges[1:] & is_blocked]
    return list(zip(first.tolist(), last.tolist(), strict=True))


class CriticalPath(NamedTuple):
    """`is_on[i]`: the walk went through step i.

    `length[i]`: its own time on the path, children taken out.
    """

    is_on: Flags
    length: Ints


def critical_path(
    start: Ints, end: Ints, parent: Ints, depth: Ints, run: Ints, run_start: Ints, run_end: Ints
) -> CriticalPath:
    """Walk each run back from its end along what it last waited for.

    At a cursor, the child open latest before it is taken: the greatest min(end, cursor) among the
    children that start before the cursor; at a tie the earliest start, then tree order. The walk
    goes on inside it, and then from its start. Children are clipped to their parent, and those that
    lie outside are no candidates. Time that no child covers belongs to the parent, so the lengths
    of a run and the time that no step of it covers add up to its duration exactly.
    """
    n = len(start)
    # a run stands behind the steps, and owns its top steps
    owner = np.where(parent >= 0, parent, n + run)
    start, end = np.concatenate([start, run_start]), np.concatenate([end, run_end])
    for level in levels(depth):
        start[level] = np.maximum(start[level], start[owner[level]])
        end[level] = np.minimum(end[level], end[owner[level]])

    begins, ends, owners = start.tolist(), end.tolist(), owner.tolist()
    children: list[list[int]] = [[] for _ in begins]  # in order of their start
    for step in np.argsort(start[:n], kind="stable").tolist():
        if begins[step] <= ends[step]:
            children[owners[step]].append(step)

    length = [-1] * len(begins)  # of steps that are not on the path
    todo = list(enumerate(run_end.tolist(), n))
    while todo:
        family, cursor = todo.pop()
        length[family] = cursor - begins[family]
        steps = children[family]
        latest_end = list(accumulate((ends[step] for step in steps), max))
        while n_before := bisect_left(steps, cursor, key=begins.__getitem__):
            child = steps[bisect_left(latest_end, min(cursor, latest_end[n_before - 1]))]
            until, cursor = min(ends[child], cursor), begins[child]
            length[family] -= until - cursor
            todo.append((child, until))
    lengths = np.array(length[:n], np.int64)
    return CriticalPath(lengths >= 0, np.maximum(lengths, 0))
