"""What a run's time went into, and its critical path: arithmetic of intervals.

Times and durations are int64 microseconds, so that sums are exact. Steps stand in pre-order (a
parent before its children); `parent[i]` is a position in the same arrays, -1 at the top; `run[i]`
numbers the run of step i. Nothing here knows pandas, plotly or a file.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from itertools import accumulate
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]
Times = NDArray[Any]  # whole microseconds, or seconds as floats


def unions(group: Ints, start: Times, end: Times) -> tuple[Ints, Times, Times]:
    """Return group, start and end of the ranges that the intervals of each group cover."""
    is_span = end > start
    group, start, end = group[is_span], start[is_span], end[is_span]
    groups = np.tile(group, 2)
    times = np.concatenate([start, end])
    order = np.lexsort((times, groups))  # at one time, starts stand before ends
    change = np.repeat(np.array([1, -1]), len(group))[order]
    n_open = np.cumsum(change)
    opens = order[(n_open == 1) & (change == 1)]
    closes = order[n_open == 0]
    return groups[opens], times[opens], times[closes]


def covered(group: Ints, start: Ints, end: Ints, first: Ints, last: Ints) -> Ints:
    """Return how much of each group its intervals cover between its limits, `first` and `last`."""
    limits = first[group], last[group]
    groups, starts, ends = unions(group, np.clip(start, *limits), np.clip(end, *limits))
    total = np.zeros(len(first), np.int64)
    np.add.at(total, groups, ends - starts)
    return total


def self_time(start: Ints, end: Ints, parent: Ints) -> Ints:
    """Return the durations minus the union of the children, clipped to the step."""
    child = np.flatnonzero(parent >= 0)
    own: Ints = end - start - covered(parent[child], start[child], end[child], start, end)
    return own


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
    busy = covered(run, start, end, run_start, run_end)
    questions = run[is_waiting], start[is_waiting], end[is_waiting]
    waiting = covered(*questions, run_start, run_end)
    return Budget(busy - waiting, waiting, run_end - run_start - busy)


# --------------------------------------------------------------------------------------- questions


class Wait(NamedTuple):
    """A time in which a run waits; it belongs to one question, `step` is its position."""

    start: Any
    end: Any
    step: int


def waits_of(questions: Iterable[Wait]) -> list[Wait]:
    """Return the waiting time of a run in order, divided among its questions.

    Where two are open, the time belongs to the one that closes last, at a tie to the one that was
    asked first.
    """
    waits: list[Wait] = []
    for wait in sorted(questions, key=lambda each: (each.start, -each.end)):
        if waits and wait.end <= waits[-1].end:
            continue
        if waits and wait.start < waits[-1].end:
            waits[-1] = waits[-1]._replace(end=wait.start)
        if wait.start < wait.end:
            waits.append(wait)
    return waits


def blocked_ranges(start: Times, end: Times, *, is_waiting: Flags, is_leaf: Flags) -> Times:
    """Return the time of a run in which a question is open and no step works, shape (n, 2).

    A step that spans a whole wait is no sign that work went on meanwhile.
    """
    asked = start[is_waiting], end[is_waiting]
    _, *waits = unions(np.zeros(len(asked[0]), np.int64), *asked)
    start, end = start[is_leaf], end[is_leaf]
    ranges = []
    for since, until in np.stack(waits, 1).tolist():
        is_inside = (end > since) & (start < until) & ((start > since) | (end < until))
        cursor = since
        work = sorted(zip(start[is_inside].tolist(), end[is_inside].tolist(), strict=True))
        for begins, ends in [*work, (until, until)]:
            if begins > cursor:
                ranges.append((cursor, begins))
            cursor = max(cursor, ends)
    return np.array(ranges).reshape(-1, 2)


# ----------------------------------------------------------------------------------- critical path


class CriticalPath(NamedTuple):
    """`length[i]`: the own time of step i on the path.

    `parts` are the step, start and end of each stretch of the path; those of a run do not overlap.
    """

    length: Ints
    parts: Ints


def critical_path(
    start: Ints,
    end: Ints,
    parent: Ints,
    run: Ints,
    run_start: Ints,
    run_end: Ints,
    *,
    is_waiting: Flags,
) -> CriticalPath:
    """Return the critical path of each run: back from its end along what it last waited for.

    In this run `=` is on the path, `-` is off it, `?` is a question::

        a   ==------                     0 to 8
        b     ==========                 2 to 12
        q               ??????          12 to 18
        c                     =   ==    18 to 24
        c1                     ===      19 to 22, a child of c

    1. Fold: waiting time belongs to its question (`waits_of`) and counts for nothing else, so each
       wait is one moment: here b and c touch.
    2. Clip: steps end with their parent; those that lie outside it are no candidates.
    3. Walk: from the end (24) the cursor goes back. The child open latest before it is taken: the
       greatest min(end, cursor) among the children that start before the cursor; at a tie the
       earliest start, then tree order. The walk goes on inside it (c, c1), and then from its start
       (b to 2, a to 0). Time that no child covers belongs to the parent.
    4. Unfold: the waits are cut out of the stretches, and are stretches of their questions.

    Where no step outlives its parent, the lengths of a run and its idle time add up to its duration
    exactly.
    """
    n = len(start)
    limits = run_start[run], run_end[run]
    # Behind the steps stands a node for each run, which owns its top steps.
    owners = np.where(parent >= 0, parent, n + run).tolist()
    begins = np.append(np.clip(start, *limits), run_start).tolist()
    ends = np.append(np.clip(end, *limits), run_end).tolist()
    waits = _waits_by_run(run, begins, ends, is_waiting)
    runs = [*run.tolist(), *range(len(run_start))]
    # 1. Fold.
    for step, number in enumerate(runs):
        if number in waits:
            begins[step] = _end_of_wait(begins[step], waits[number])
            ends[step] = _end_of_wait(ends[step], waits[number])
    # 2. Clip.
    for step, owner in enumerate(owners):
        begins[step] = max(begins[step], begins[owner])
        ends[step] = min(ends[step], ends[owner])
    # 3. Walk, and 4. unfold.
    stretches: list[tuple[int, int, int]] = []
    for step, since, until in _walk(begins, ends, owners):
        stretches += _outside_waits(step, since, until, waits.get(runs[step], []))
    stretches += [(each.step, each.start, each.end) for group in waits.values() for each in group]
    parts = np.array(stretches, np.int64).reshape(-1, 3).T
    parts = parts[:, parts[0] < n]
    length = np.zeros(n, np.int64)
    np.add.at(length, parts[0], parts[2] - parts[1])
    return CriticalPath(length, parts)


def _waits_by_run(
    run: Ints, begins: list[int], ends: list[int], is_waiting: Flags
) -> dict[int, list[Wait]]:
    questions: dict[int, list[Wait]] = {}
    for step in np.flatnonzero(is_waiting).tolist():
        wait = Wait(begins[step], ends[step], step)
        questions.setdefault(int(run[step]), []).append(wait)
    return {number: waits_of(group) for number, group in questions.items()}


def _end_of_wait(time: int, waits: list[Wait]) -> int:
    """Return the end of the waits that are open at a time, else the time: a wait is one moment."""
    for wait in waits[_last_before(time, waits) :]:
        if wait.start > time:
            break
        time = max(time, wait.end)
    return time


def _last_before(time: int, waits: list[Wait]) -> int:
    """Return the position of the last wait that starts up to a time, else 0."""
    return max(bisect_right(waits, (time, math.inf)) - 1, 0)


def _outside_waits(
    step: int, since: int, until: int, waits: list[Wait]
) -> Iterable[tuple[int, int, int]]:
    """Yield the parts of a stretch of the path beside the waits of its run."""
    for wait in waits[_last_before(since, waits) :]:
        if wait.start >= until:
            break
        if since < wait.start:
            yield step, since, wait.start
        since = max(since, wait.end)
    if since < until:
        yield step, since, until


def _walk(begins: list[int], ends: list[int], owners: list[int]) -> Iterable[tuple[int, int, int]]:
    """Yield the stretches of the paths: step, start and end.

    Behind the steps, which have an owner, stand the runs.
    """
    n = len(owners)
    children: list[list[int]] = [[] for _ in begins]  # in order of their start
    for step in sorted(range(n), key=begins.__getitem__):
        if begins[step] < ends[step]:
            children[owners[step]].append(step)
    todo = [(node, ends[node]) for node in range(n, len(begins))]
    while todo:
        family, cursor = todo.pop()
        steps = children[family]
        latest_end = list(accumulate((ends[step] for step in steps), max))
        while n_before := bisect_left(steps, cursor, key=begins.__getitem__):
            child = steps[bisect_left(latest_end, min(cursor, latest_end[n_before - 1]))]
            until = min(ends[child], cursor)
            if until < cursor:
                yield family, until, cursor
            todo.append((child, until))
            cursor = begins[child]
        if begins[family] < cursor:
            yield family, begins[family], cursor
