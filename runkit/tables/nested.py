"""The steps of many runs in tree order, all at once, where nesting says everything.

`runkit.steptree.flatten` walks one run at a time and copes with whatever an API may send. Nearly all runs
need none of that: their steps are nested, well-formed and told apart by their ids. Those are read level by
level here, and where each step stands in tree order is then arithmetic on the sizes of the subtrees.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from types import NoneType
from typing import Any, NamedTuple

import numpy as np

from runkit.tables.columns import Ints

Json = dict[str, Any]
# A level costs about 20 µs however few steps are on it; so deep a tree is rather walked step by step.
MOST_LEVELS = 24


class Forest(NamedTuple):
    """Steps run after run, each run in tree order.

    `parent` is a position in the same list (-1 at the top), `size` the number of steps in the subtree, the
    step included; `per_run` the number of steps of each run.
    """

    records: list[Json]
    parent: Ints
    depth: Ints
    size: Ints
    per_run: Ints


class _Level(NamedTuple):
    """All steps of one depth, family after family, and how many children each has."""

    steps: list[Json]
    n_children: Ints


def plant(lists: Sequence[list[Any]]) -> Forest | None:
    """Lay out the steps of each run; None if any of it is not plainly nested."""
    top = list(chain.from_iterable(lists))
    levels = _levels(top)
    if levels is None or any([step.get("parent_step_id") for step in top]):
        return None
    per_family = [np.fromiter(map(len, lists), np.int64, len(lists))]
    per_family += [level.n_children for level in levels]
    sizes = _subtree_sizes(levels)
    n_steps = sum(len(level.steps) for level in levels)

    position, parent, size, depth = (np.empty(n_steps, np.int64) for _ in range(4))
    above = np.full(len(lists), -1)  # where the step stands that each family is in
    before_first = None  # and where its first child does
    at = 0
    for number, (level, n_siblings, in_subtree) in enumerate(zip(levels, per_family, sizes, strict=False)):
        here = slice(at, at + len(level.steps))
        before = np.cumsum(in_subtree) - in_subtree  # steps of this level's subtrees that stand before each
        if before_first is not None:
            first = np.minimum(np.cumsum(n_siblings) - n_siblings, len(before) - 1)
            before = before + np.repeat(before_first - before[first], n_siblings)
        position[here] = before
        parent[here] = np.repeat(above, n_siblings)
        size[here] = in_subtree
        depth[here] = number
        above, before_first = before, before + 1
        at = here.stop
    order = np.empty(n_steps, np.int64)
    order[position] = np.arange(n_steps)
    by_level = list(chain.from_iterable(level.steps for level in levels))
    records = [by_level[place] for place in order.tolist()]
    ends = np.cumsum(per_family[0])
    in_tree = np.append(0, np.cumsum(sizes[0] if sizes else np.zeros(0, np.int64)))
    per_run = np.diff(in_tree[np.append(0, ends)])
    if not _are_distinct(records, per_run):
        return None
    return Forest(records, parent[order], depth[order], size[order], per_run)


def _levels(top: list[Any]) -> list[_Level] | None:
    """The steps depth by depth; None for what is no object, a child list that is none, and deep trees."""
    levels: list[_Level] = []
    steps = top
    while steps:
        if len(levels) == MOST_LEVELS or set(map(type, steps)) != {dict}:
            return None
        inside = [step.get("steps") for step in steps]
        kinds = set(map(type, inside))
        if not kinds <= {list, NoneType}:
            return None
        if NoneType in kinds:
            inside = [children or [] for children in inside]
        levels.append(_Level(steps, np.fromiter(map(len, inside), np.int64, len(inside))))
        steps = list(chain.from_iterable(inside))
    return levels


def _subtree_sizes(levels: list[_Level]) -> list[Ints]:
    """How many steps stand in each step, itself included, depth by depth."""
    sizes: list[Ints] = []
    below = np.zeros(0, np.int64)
    for level in reversed(levels):
        sum_below = np.append(0, np.cumsum(below))
        ends = np.cumsum(level.n_children)
        below = 1 + sum_below[ends] - sum_below[ends - level.n_children]
        sizes.append(below)
    return sizes[::-1]


def _are_distinct(records: list[Json], per_run: Ints) -> bool:
    """Whether no run has two steps of one id."""
    ids = [record.get("id") for record in records]
    try:
        if len(set(ids)) == len(ids):
            return True
        ends = np.cumsum(per_run).tolist()
        return all(
            len(set(ids[end - n : end])) == n for end, n in zip(ends, per_run.tolist(), strict=True)
        )
    except TypeError:  # an id that is a list or an object
        return False
