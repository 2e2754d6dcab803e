"""The critical path of a run: the chain of steps that set its total time.

Arrays are those of `runkit.time_budget`.
"""

from __future__ import annotations

from bisect import bisect_left
from itertools import accumulate
from typing import NamedTuple

import numpy as np

from runkit.time_budget import Flags, Ints, Waits, _search, _waited, find_waits, levels


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
    """Walk each run back from its end along what it last waited for.

    Waiting time belongs to its question (`find_waits`) and is cut out of the axis. On the rest, at
    a cursor, the child open latest before it is taken: the greatest min(end, cursor) among the
    children that start before the cursor; at a tie the earliest start, then tree order. The walk
    goes on inside it, and then from its start. Children are clipped to their parent, and those that
    lie outside are no candidates. Time that no child covers belongs to the parent, so the lengths
    of a run and the time that no step of it covers add up to its duration exactly.
    """
    n, runs = len(start), np.arange(len(run_start))
    bounds = run_start[run], run_end[run]
    start, end = np.clip(start, *bounds), np.clip(end, *bounds)
    waits = find_waits(run, start, end, is_waiting)
    # a run stands behind the steps, and owns its top steps
    of, owner = np.append(run, runs), np.where(parent >= 0, parent, n + run)
    start, end = np.append(start, run_start), np.append(end, run_end)
    cut = np.flatnonzero(np.isin(of, waits.run))
    for times in (start, end):
        times[cut] -= _waited(waits, of[cut], times[cut])
    for level in levels(depth):
        start[level] = np.maximum(start[level], start[owner[level]])
        end[level] = np.minimum(end[level], end[owner[level]])

    on, parts = _walk(start, end, owner)
    is_on, length = np.zeros(n + len(runs), np.bool_), np.zeros(n + len(runs), np.int64)
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
    begins, ends = start.tolist(), end.tolist()
    children: list[list[int]] = [[] for _ in begins]  # in order of their start
    owners, n = owner.tolist(), len(owner)
    for step in np.argsort(start[:n], kind="stable").tolist():
        if begins[step] < ends[step]:
            children[owners[step]].append(step)

    on, parts = [], []
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
    waits, (step, since, until) = path.waits, path.parts.T
    waited = np.append(0, np.cumsum(waits.end - waits.start))
    before = waited[np.searchsorted(waits.run, run[step])]  # by earlier runs
    cut_at = waits.start - _waited(waits, waits.run, waits.start)
    first = _search(waits.run, cut_at, run[step], since, "right")
    last = _search(waits.run, cut_at, run[step], until, "left")

    n_pieces = np.maximum(last - first, 0) + 1
    begin = np.cumsum(n_pieces) - n_pieces
    piece = np.arange(n_pieces.sum())
    wait = np.repeat(first - begin, n_pieces) + piece  # the one behind each piece
    start, end = np.append(0, waits.end)[wait], np.append(waits.start, 0)[wait]
    start[begin] = since + waited[first] - before
    end[begin + n_pieces - 1] = until + waited[last] - before
    pieces = np.repeat(step, n_pieces), start, end
    found = np.concatenate([np.column_stack(pieces), np.column_stack(waits)[:, [4, 1, 2]]])
    return found[found[:, 1] < found[:, 2]]
