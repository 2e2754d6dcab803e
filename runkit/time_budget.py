"""What a run's time went into, and its critical path: interval arithmetic on numpy arrays.

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
    """Return how many steps the subtree of each step has, itself included."""
    size = np.ones(len(parent), np.int64)
    for level in reversed(levels(depth)[1:]):
        np.add.at(size, parent[level], size[level])
    return size


def self_time(start: Ints, end: Ints, parent: Ints) -> Ints:
    """Return the durations minus the union of the children, clipped to the step.

    Children overlap, so their durations are never added up.
    """
    child = np.flatnonzero(parent >= 0)
    union: Ints = _totals(parent[child], start[child], end[child], start, end)[WORKING]
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
    """Return each run's time, split by what was open at each instant of [run_start, run_end).

    *waiting* if a step with `is_waiting` (a question put to a person) is open; else *working* if
    any other step is; else *idle*. Steps are clipped to the run. *overlap* is the waiting time in
    which a step with `is_leaf` is open that does not span the whole question.
    """
    totals = _totals(run, start, end, run_start, run_end, is_waiting)
    working = totals[WORKING]
    waiting = totals[WAITING] + totals[BOTH]

    start, end = _clipped(run, start, end, run_start, run_end)
    waits = find_waits(run, start, end, is_waiting)
    parts = work_in_waits(waits, run[is_leaf], start[is_leaf], end[is_leaf])
    overlap: Ints = _totals(*parts, run_start, run_end)[WORKING]
    return Budget(working, waiting, run_end - run_start - working - waiting, overlap)


class Waits(NamedTuple):
    """The time in which runs wait, in order of run and time; no two overlap.

    Each belongs to one question: `step` is its position, `closes` when it ends.
    """

    run: Ints
    start: Times
    end: Times
    closes: Times
    step: Ints


def find_waits(run: Ints, start: Times, end: Times, is_waiting: Flags) -> Waits:
    """Return the waiting time of each run, divided among its questions.

    Where two are open, the time belongs to the one that closes last, at a tie to the one that was
    asked first.
    """
    asked = np.flatnonzero(is_waiting & (end > start))
    asked = asked[np.lexsort((-end[asked], start[asked], run[asked]))]
    number = np.arange(len(asked))
    rank = np.empty_like(number)
    rank[np.lexsort((-number, end[asked], run[asked]))] = number
    step = asked[rank == np.maximum.accumulate(rank)]  # no question before it closes later
    asker = run[step]
    since = start[step]
    closes = end[step]
    has_next = np.append(asker[1:] == asker[:-1], False)[: len(asker)]
    until = np.where(has_next, np.minimum(closes, np.roll(since, -1)), closes)
    return Waits(asker, since, until, closes, step)


def _pairs(waits: Waits, run: Ints) -> tuple[Ints, Ints]:
    """Return each of some things with each wait of its run: positions of both."""
    last = np.searchsorted(waits.run, run, "right")
    n_waits = last - np.searchsorted(waits.run, run)
    thing = np.repeat(np.arange(len(run)), n_waits)
    return thing, np.arange(len(thing)) - np.repeat(np.cumsum(n_waits) - last, n_waits)


def work_in_waits(waits: Waits, run: Ints, start: Times, end: Times) -> tuple[Ints, Times, Times]:
    """Return run, start and end of the parts of steps inside questions of their run.

    A step that spans a question is no sign that work went on meanwhile, and has no part there.
    """
    step, wait = _pairs(waits, run)
    opens = waits.start[wait]
    closes = waits.closes[wait]
    since = np.maximum(start[step], opens)
    until = np.minimum(end[step], waits.end[wait])
    is_part = (since < until) & ((start[step] > opens) | (end[step] < closes))
    return run[step][is_part], since[is_part], until[is_part]


def _waited(waits: Waits, run: Ints, time: Ints) -> Ints:
    """Return how long the run of each time has waited before it."""
    which, wait = _pairs(waits, run)
    waited = np.zeros(len(time), np.int64)
    length = waits.end[wait] - waits.start[wait]
    np.add.at(waited, which, np.clip(time[which] - waits.start[wait], 0, length))
    return waited


WORKING, WAITING, BOTH = 1, 2, 3  # what is open in a piece of time; 0 is nothing


class _Pieces(NamedTuple):
    """The time of each group, cut where something begins or ends, with what is open in each."""

    group: Ints
    start: Times
    end: Times
    state: Ints


def _cut(group: Ints, start: Times, end: Times, is_waiting: Flags | bool = False) -> _Pieces:
    """Return the time of each group, cut into pieces, in order of group and time.

    Walks over all starts and ends in order of time and counts what is open in between. What opens
    in a group also closes in it, so the running counts are zero at every border between groups and
    one cumulative sum serves them all.
    """
    groups = np.tile(group, 2)
    times = np.concatenate([start, end])
    is_wait = np.tile(np.full(len(group), is_waiting), 2)
    order = np.lexsort((times, groups))  # what happens at one time may come in any order
    change = np.repeat(np.array([1, -1]), len(start))
    n_open = np.cumsum((change * [~is_wait, is_wait])[:, order], axis=1)
    state = np.array([WORKING, WAITING]) @ (n_open > 0)
    since = times[order]
    until = np.roll(times[order], -1)  # nothing is open behind the last time
    is_piece = until > since
    return _Pieces(groups[order][is_piece], since[is_piece], until[is_piece], state[is_piece])


def _clipped(group: Ints, start: Ints, end: Ints, first: Ints, last: Ints) -> tuple[Ints, Ints]:
    """Return starts and ends of intervals, clipped to the limits of their groups."""
    limits = first[group], last[group]
    return np.clip(start, *limits), np.clip(end, *limits)


def _totals(
    group: Ints,
    start: Ints,
    end: Ints,
    first: Ints,
    last: Ints,
    is_waiting: Flags | bool = False,
) -> Ints:
    """Return how long each state lasted in each group, shape (4, n_groups).

    `first` and `last` are the limits of each group, to which its intervals are clipped.
    """
    pieces = _cut(group, *_clipped(group, start, end, first, last), is_waiting)
    totals = np.zeros((4, len(first)), np.int64)
    np.add.at(totals, (pieces.state, pieces.group), pieces.end - pieces.start)
    return totals


def blocked_ranges(
    run: Ints, start: Times, end: Times, *, is_waiting: Flags, is_leaf: Flags
) -> tuple[Times, Times]:
    """Return start and end of the time in which a question is open and no step works beside it.

    Times of several runs are on one axis.
    """
    waits = find_waits(run, start, end, is_waiting)
    _, since, until = work_in_waits(waits, run[is_leaf], start[is_leaf], end[is_leaf])
    is_wait = np.repeat([True, False], [len(waits.run), len(since)])
    edges = np.append(waits.start, since), np.append(waits.end, until)
    return _joined(_cut(np.zeros(len(is_wait), np.int64), *edges, is_wait), WAITING)[1:]


def unions(group: Ints, start: Times, end: Times) -> tuple[Ints, Times, Times]:
    """Return group, start and end of the ranges that the intervals of each group cover."""
    return _joined(_cut(group, start, end), WORKING)


def _joined(pieces: _Pieces, state: int) -> tuple[Ints, Times, Times]:
    """Return group, start and end of the pieces in a state; those that touch become one."""
    group, start, end = (values[pieces.state == state] for values in pieces[:3])
    is_first = (np.diff(group, prepend=-1) != 0) | (start != np.roll(end, 1))
    return group[is_first], start[is_first], end[np.roll(is_first, -1)]


# ----------------------------------------------------------------------------------- critical path


class CriticalPath(NamedTuple):
    """`is_on[i]`: step i, or a step in it, has time on the path; `length[i]`: its own time there.

    `parts` are the step, start and end of each stretch of the path, on the axis without `waits`.
    """

    is_on: Flags
    length: Ints
    parts: Ints
    waits: Waits


def critical_path(
    start: Ints,
    end: Ints,
    parent: Ints,
    depth: Ints,
    run: Ints,
    run_start: Ints,
    run_end: Ints,
    *,
    is_waiting: Flags,
) -> CriticalPath:
    """Return the critical path of each run: back from its end along what it last waited for.

    Waiting time belongs to its question (`find_waits`) and is cut out of the axis. On the rest, at
    a cursor, the child open latest before it is taken: the greatest min(end, cursor) among the
    children that start before the cursor; at a tie the earliest start, then tree order. The walk
    goes on inside it, and then from its start. Children are clipped to their parent, and those that
    lie outside are no candidates. Time that no child covers belongs to the parent, so the lengths
    of a run and the time that no step of it covers add up to its duration exactly.
    """
    n = len(start)
    runs = np.arange(len(run_start))
    start, end = _clipped(run, start, end, run_start, run_end)
    waits = find_waits(run, start, end, is_waiting)
    # Behind the steps stands a node for each run, which owns its top steps.
    group = np.append(run, runs)
    owner = np.where(parent >= 0, parent, n + run)
    start = np.append(start, run_start)
    end = np.append(end, run_end)
    cut = np.flatnonzero(np.isin(group, waits.run))
    for times in (start, end):
        times[cut] -= _waited(waits, group[cut], times[cut])
    for level in levels(depth):
        start[level] = np.maximum(start[level], start[owner[level]])
        end[level] = np.minimum(end[level], end[owner[level]])

    on, parts = _walk(start, end, owner)
    is_on = np.zeros(len(group), np.bool_)
    length = np.zeros(len(group), np.int64)
    is_on[on] = True
    step, since, until = parts.T
    np.add.at(length, step, until - since)
    length[waits.step] = waits.end - waits.start
    for position in waits.step.tolist():
        while position < n and not is_on[position]:
            is_on[position] = True
            position = owner[position]
    return CriticalPath(is_on[:n], length[:n], parts[step < n], waits)


def _walk(start: Ints, end: Ints, owner: Ints) -> tuple[list[int], Ints]:
    """Return the steps that the walk goes through, and its stretches: step, start and end.

    Behind the steps, which have an owner, stand the runs.
    """
    begins = start.tolist()
    ends = end.tolist()
    children: list[list[int]] = [[] for _ in begins]  # in order of their start
    owners = owner.tolist()
    n = len(owner)
    for step in np.argsort(start[:n], kind="stable").tolist():
        if begins[step] < ends[step]:
            children[owners[step]].append(step)

    on = []
    parts = []
    todo = list(enumerate(ends[n:], n))
    while todo:
        family, cursor = todo.pop()
        on.append(family)
        steps = children[family]
        latest_end = list(accumulate((ends[step] for step in steps), max))
        while n_before := bisect_left(steps, cursor, key=begins.__getitem__):
            child = steps[bisect_left(latest_end, min(cursor, latest_end[n_before - 1]))]
            until = min(ends[child], cursor)
            if until < cursor:
                parts.append((family, until, cursor))
            todo.append((child, until))
            cursor = begins[child]
        if begins[family] < cursor:
            parts.append((family, begins[family], cursor))
    return on, np.array(parts, np.int64).reshape(-1, 3)


def stretches(path: CriticalPath, run: Ints) -> Ints:
    """Return the step, start and end of each stretch of the path, with the waits put back.

    One that a wait interrupts becomes two. Those of a step add up to its `length`.
    """
    waits = path.waits
    (step, since, until) = path.parts.T.copy()
    part, wait = _pairs(waits, run[step])
    length = waits.end - waits.start
    cut_at = (waits.start - _waited(waits, waits.run, waits.start))[wait]
    is_before = cut_at <= since[part]
    is_over = cut_at < until[part]
    is_inside = is_over & ~is_before
    for edge, is_passed in ((since, is_before), (until, is_over)):
        np.add.at(edge, part[is_passed], length[wait[is_passed]])

    inside = wait[is_inside]
    edges = np.append(since, waits.start[inside]), np.append(until, waits.end[inside])
    is_wait = np.repeat([False, True], [len(step), len(inside)])
    pieces = _cut(np.append(np.arange(len(step)), part[is_inside]), *edges, is_wait)
    parts = np.stack([step[pieces.group], pieces.start, pieces.end], 1)[pieces.state == WORKING]
    return np.concatenate([parts, np.stack([waits.step, waits.start, waits.end], 1)])
