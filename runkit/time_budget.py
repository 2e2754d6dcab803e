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


def self_time(start: Ints, end: Ints, parent: Ints) -> Ints:
    """Return the durations minus the union of the children, clipped to the step.

    Children overlap, so their durations are never added up.
    """
    child = np.flatnonzero(parent >= 0)
    union: Ints = _totals(parent[child], start[child], end[child], start, end)[WORKING]
    return end - start - union


class Budget(NamedTuple):
    """What each run's time went into, shape (n_runs,); the three add up to its duration."""

    working: Ints
    waiting: Ints
    idle: Ints


def budget(
    run: Ints, start: Ints, end: Ints, run_start: Ints, run_end: Ints, *, is_waiting: Flags
) -> Budget:
    """Return each run's time, split by what was open at each instant of [run_start, run_end).

    *waiting* if a step with `is_waiting` (a question put to a person) is open; else *working* if
    any other step is; else *idle*. Steps are clipped to the run.
    """
    totals = _totals(run, start, end, run_start, run_end, is_waiting)
    working = totals[WORKING]
    waiting = totals[WAITING] + totals[BOTH]
    return Budget(working, waiting, run_end - run_start - working - waiting)


class Waits(NamedTuple):
    """The time in which runs wait, in order of run and time; no two overlap.

    Each belongs to one question; `step` is its position.
    """

    run: Ints
    start: Times
    end: Times
    step: Ints


def find_waits(run: Ints, start: Times, end: Times, is_waiting: Flags) -> Waits:
    """Return the waiting time of each run, divided among its questions.

    Where two are open, the time belongs to the one that closes last, at a tie to the one that was
    asked first.
    """
    asked = np.flatnonzero(is_waiting & (end > start))
    asked = asked[np.lexsort((-end[asked], start[asked], run[asked]))]
    last: list[int] = []  # the questions that close later than those before
    for number in asked.tolist():
        if not last or run[last[-1]] != run[number] or end[last[-1]] < end[number]:
            last.append(number)
    step = np.array(last, np.int64)
    asker, since, until = (values[step] for values in (run, start, end))
    np.minimum(until[:-1], since[1:], out=until[:-1], where=asker[1:] == asker[:-1])
    return Waits(asker, since, until, step)


def _next_closing(run: Ints, closes: Times, of_run: Ints, time: Times) -> Ints:
    """Return the position of the first range that closes after each time, or in a later run.

    The ranges are in order of run and of their ends.
    """
    order = np.lexsort((np.append(closes, time), np.append(run, of_run)))  # ranges first at a tie
    n_closed = np.empty_like(order)
    n_closed[order] = np.cumsum(order < len(run))
    return n_closed[len(run) :]


def _around(
    run: Ints, opens: Times, closes: Times, of_run: Ints, time: Times
) -> tuple[Times, Times]:
    """Return start and end of the first range that closes after each time, if it is open then.

    Else both are the time itself.
    """
    first = _next_closing(run, closes, of_run, time)
    since, until = (np.append(edge, 0)[first] for edge in (opens, closes))
    is_open = (np.append(run, -1)[first] == of_run) & (since <= time)
    return np.where(is_open, since, time), np.where(is_open, until, time)


def work_in_waits(
    waits: Waits, run: Ints, start: Times, end: Times, is_leaf: Flags
) -> tuple[Ints, Times, Times]:
    """Return run, start and end of the parts of leaf steps inside questions of their run.

    A step that spans a question is no sign that work went on meanwhile, and has no part there: it
    has one in the wait in which it begins, and one in the questions that close after it ends.
    """
    closes = end[waits.step]
    run, start, end = (values[is_leaf] for values in (run, start, end))
    asked, until = _around(waits.run, waits.start, waits.end, run, start)
    since, _ = _around(waits.run, waits.start, closes, run, end)
    until = np.where(asked < start, np.minimum(end, until), start)
    return np.tile(run, 2), np.append(start, np.maximum(start, since)), np.append(until, end)


WORKING, WAITING, BOTH = 1, 2, 3  # what is open in a piece of time; 0 is nothing


class _Pieces(NamedTuple):
    """The time of each group, cut where something begins or ends, with what is open in each."""

    group: Ints
    start: Times
    end: Times
    state: Ints

    def of(self, state: int) -> tuple[Ints, Times, Times]:
        """Return group, start and end of the pieces in a state."""
        is_so = self.state == state
        return self.group[is_so], self.start[is_so], self.end[is_so]


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

    Times of several runs are on one axis: none of them works then.
    """
    waits = find_waits(run, start, end, is_waiting)
    _, *beside = work_in_waits(waits, run, start, end, is_leaf)
    _, *alone = _cut(run, start, end, is_waiting).of(WORKING)
    work = zip(waits[1:3], beside, alone, strict=True)
    since, until = map(np.concatenate, work)
    is_wait = np.arange(len(since)) < len(waits.run)
    return _joined(*_cut(np.zeros(len(is_wait), np.int64), since, until, is_wait).of(WAITING))[1:]


def unions(group: Ints, start: Times, end: Times) -> tuple[Ints, Times, Times]:
    """Return group, start and end of the ranges that the intervals of each group cover."""
    return _joined(*_cut(group, start, end).of(WORKING))


def _joined(group: Ints, start: Times, end: Times) -> tuple[Ints, Times, Times]:
    """Return pieces in order of group and time; those that touch become one."""
    is_first = (np.diff(group, prepend=-1) != 0) | (start != np.roll(end, 1))
    return group[is_first], start[is_first], end[np.roll(is_first, -1)]


# ----------------------------------------------------------------------------------- critical path


class CriticalPath(NamedTuple):
    """`is_on[i]`: step i, or a step in it, has time on the path; `length[i]`: its own time there.

    `parts` are the step, start and end of each stretch of the path; those of a run do not overlap.
    """

    is_on: Flags
    length: Ints
    parts: Ints


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

    Waiting time belongs to its question (`find_waits`) and counts for nothing else. On the rest, at
    a cursor, the child open latest before it is taken: the greatest min(end, cursor) among the
    children that start before the cursor; at a tie the earliest start, then tree order. The walk
    goes on inside it, and then from its start. Children are clipped to their parent, and those that
    lie outside are no candidates. Time that no child covers belongs to the parent, so the lengths
    of a run and the time that no step of it covers add up to its duration exactly.
    """
    n = len(start)
    start, end = _clipped(run, start, end, run_start, run_end)
    waits = find_waits(run, start, end, is_waiting)
    # Behind the steps stands a node for each run, which owns its top steps.
    group = np.append(run, np.arange(len(run_start)))
    owner = np.where(parent >= 0, parent, n + run)
    waiting = unions(waits.run, waits.start, waits.end)
    # The walk sees all of a wait as one moment: its end.
    _, start = _around(*waiting, group, np.append(start, run_start))
    _, end = _around(*waiting, group, np.append(end, run_end))
    for level in levels(depth):
        start[level] = np.maximum(start[level], start[owner[level]])
        end[level] = np.minimum(end[level], end[owner[level]])

    on, parts = _walk(start, end, owner)
    parts = _with_waits(parts, group, waits)
    parts = parts[:, parts[0] < n]
    step, since, until = parts
    is_on = np.zeros(len(group), np.bool_)
    is_on[on] = True
    for position in waits.step.tolist():
        while position < n and not is_on[position]:
            is_on[position] = True
            position = owner[position]
    length = np.zeros(n, np.int64)
    np.add.at(length, step, until - since)
    return CriticalPath(is_on[:n], length, parts)


def _with_waits(parts: Ints, run: Ints, waits: Waits) -> Ints:
    """Return the stretches of paths that span waits without these, and the waits as stretches.

    `run` is that of each step.
    """
    step, since, until = parts[:, np.lexsort((parts[1], run[parts[0]]))]
    runs = run[step]
    edges = np.append(since, waits.start), np.append(until, waits.end)
    is_wait = np.repeat([False, True], [len(step), len(waits.step)])
    pieces = _cut(np.append(runs, waits.run), *edges, is_wait)
    group, *worked = pieces.of(WORKING)
    owner = step[_next_closing(runs, until, group, worked[0])]
    waited = waits.step, waits.start, waits.end
    return np.concatenate([np.stack([owner, *worked]), np.stack(waited)], 1)


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
    return on, np.array(parts, np.int64).reshape(-1, 3).T
