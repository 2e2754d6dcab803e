"""The steps of many runs in tree order, all at once, where nesting says everything.

`runkit.steptree.flatten` walks one run at a time and copes with whatever an API may send. Nearly all runs
need none of that: their steps are nested, well-formed and told apart by their ids. Those are read level by
level here, and where each step stands in tree order is then arithmetic on the sizes of the subtrees.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain, repeat
from operator import contains, itemgetter
from types import NoneType
from typing import Any, NamedTuple

import numpy as np

from runkit.models import Step
from runkit.steptree import names_parent
from runkit.tables.columns import Ints
from runkit.tables.validate import OLD_NAMES, fields_of

Json = dict[str, Any]
Values = dict[str, Sequence[Any]]
FIELDS = (
    *(field.name for field in fields_of(Step) if field.name not in OLD_NAMES[Step]),
    *("steps", "result", "artifacts"),
)
_PARENT = itemgetter(FIELDS.index("parent_step_id"))
_CHILDREN = itemgetter(FIELDS.index("steps"))
_ABSENT = dict.fromkeys(FIELDS)
# A level costs about 20 µs however few steps are on it; so deep a tree is rather walked step by step.
MOST_LEVELS = 24


class Forest(NamedTuple):
    """Steps run after run, each run in tree order, and the values of their fields.

    `parent` is a position in the same list (-1 at the top), `size` the number of steps in the subtree, the
    step included; `per_run` the number of steps of each run.
    """

    records: list[Json]
    values: Values
    parent: Ints
    depth: Ints
    size: Ints
    per_run: Ints


class Level(NamedTuple):
    """All steps of one depth, family after family, as they are and as rows of `FIELDS`."""

    steps: list[Json]
    rows: list[tuple[Any, ...]]
    n_children: list[int]
    old_names: list[str]


def steps_of(raw: object) -> list[Any]:
    """The steps of a raw run; none where there is no list of them."""
    steps = raw.get("steps") if isinstance(raw, dict) else None
    return steps if isinstance(steps, list) else []


def values_of(records: Sequence[Json]) -> Values:
    """The fields of steps, column by column."""
    return _by_column(_rows(records), records, _old_names(records))


def _rows(records: Sequence[Json]) -> list[tuple[Any, ...]]:
    """Read each record once, with the keys of the first.

    The parser uses most keys again, and a dict finds the very same key twice as fast as an equal one.
    """
    own = {name: name for name in next(iter(records), ())}
    row = itemgetter(*(own.get(name, name) for name in FIELDS))
    try:
        return list(map(row, records))
    except KeyError:
        return [row(_ABSENT | record) for record in records]


def _by_column(rows: Sequence[tuple[Any, ...]], records: Sequence[Json], old_names: Iterable[str]) -> Values:
    columns = zip(*rows, strict=True) if rows else ((),) * len(FIELDS)
    values: Values = dict(zip(FIELDS, columns, strict=True))
    for old in old_names:
        values[old] = [record.get(old) for record in records]
    return values


def _old_names(records: Sequence[Json]) -> list[str]:
    return [old for old in OLD_NAMES[Step] if any(map(contains, records, repeat(old)))]


def read_levels(steps: list[Any]) -> list[Level] | None:
    """Read the steps of some runs, given by those at the top, depth by depth.

    None for what is no object, children that are no list, a step at the top that names a parent, deep trees.
    """
    levels: list[Level] = []
    seen: set[int] = set()
    while steps:
        if len(levels) == MOST_LEVELS or set(map(type, steps)) != {dict}:
            return None
        rows = _rows(steps)
        if not levels and any(map(names_parent, map(_PARENT, rows))):
            return None
        inside = list(map(_CHILDREN, rows))
        kinds = set(map(type, inside))
        if not kinds <= {list, NoneType}:
            return None
        families = [id(children) for children in inside if children]
        n_seen = len(seen) + len(families)
        seen.update(families)
        if len(seen) < n_seen:  # Python's objects, that stand in themselves or in several places
            return None
        if NoneType in kinds:
            inside = [children or [] for children in inside]
        levels.append(Level(steps, rows, list(map(len, inside)), _old_names(steps)))
        steps = list(chain.from_iterable(inside))
    return levels


def plant(lists: Sequence[list[Any]]) -> Forest | None:
    """Lay out the steps of runs, each given by those at its top. None if any of it is not plainly nested."""
    levels = read_levels(list(chain.from_iterable(lists)))
    if levels is None:
        return None
    n_top = np.fromiter(map(len, lists), np.int64, len(lists))
    position, parent, size, depth = _places(levels, n_top)
    order = np.empty(len(position), np.int64)
    order[position] = np.arange(len(position))
    places = order.tolist()
    steps = list(chain.from_iterable(level.steps for level in levels))
    rows = list(chain.from_iterable(level.rows for level in levels))
    records = list(map(steps.__getitem__, places))
    old_names = {name for level in levels for name in level.old_names}
    values = _by_column(list(map(rows.__getitem__, places)), records, old_names)
    in_tree = np.append(0, np.cumsum(size[: n_top.sum()]))  # steps in the first so many trees
    per_run = np.diff(in_tree[np.append(0, np.cumsum(n_top))])
    if not _are_distinct(values["id"], per_run):
        return None
    return Forest(records, values, parent[order], depth[order], size[order], per_run)


def _places(levels: list[Level], n_top: Ints) -> tuple[Ints, Ints, Ints, Ints]:
    """Position in tree order, position of the parent, size and depth of each step, level after level.

    A step stands behind its parent and the subtrees of its elder siblings.
    """
    n_children = [np.array(level.n_children, np.int64) for level in levels]
    sizes = _subtree_sizes(n_children)
    positions: list[Ints] = []
    parents: list[Ints] = []
    above = np.full(len(n_top), -1)  # where the step stands that a family is in
    for size, in_family in zip(sizes, [n_top, *n_children], strict=False):
        before = np.cumsum(size) - size  # steps in the subtrees that stand on this level's left
        if positions:
            eldest = np.minimum(np.cumsum(in_family) - in_family, len(before) - 1)
            before += np.repeat(above + 1 - before[eldest], in_family)
        positions.append(before)
        parents.append(np.repeat(above, in_family))
        above = before
    depth = np.repeat(np.arange(len(levels)), [len(size) for size in sizes])
    if not levels:
        return depth, depth, depth, depth
    return np.concatenate(positions), np.concatenate(parents), np.concatenate(sizes), depth


def _subtree_sizes(n_children: list[Ints]) -> list[Ints]:
    """How many steps stand in each step, itself included, depth by depth."""
    sizes: list[Ints] = []
    below = np.zeros(0, np.int64)
    for counts in reversed(n_children):
        sum_below = np.append(0, np.cumsum(below))
        ends = np.cumsum(counts)
        below = 1 + sum_below[ends] - sum_below[ends - counts]
        sizes.append(below)
    return sizes[::-1]


def _are_distinct(ids: Sequence[Any], per_run: Ints) -> bool:
    """Whether no run has two steps of one id."""
    try:
        if len(set(ids)) == len(ids):
            return True
        ends = np.cumsum(per_run).tolist()
        return all(len(set(ids[end - n : end])) == n for end, n in zip(ends, per_run.tolist(), strict=True))
    except TypeError:  # an id that is a list or an object
        return False
