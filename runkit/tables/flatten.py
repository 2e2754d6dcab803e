"""Flatten the nested steps of many runs at once, in tree order.

`runkit.steptree.flatten` walks one run at a time and accepts any form of steps. Most runs need none of that:
their steps are nested, well-formed and have unique ids. Such runs are read level by level here, and the
position of each step follows from the sizes of the subtrees.
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
# A level costs about 20 µs however few steps it has; for deeper trees, walking step by step is faster.
MAX_LEVELS = 24


class StepTrees(NamedTuple):
    """The steps of all runs, each run in tree order, and the values of their fields.

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
    """All steps of one depth, as they came and as rows of `FIELDS`; siblings are adjacent."""

    steps: list[Json]
    rows: list[tuple[Any, ...]]
    n_children: list[int]
    old_names: list[str]


def steps_of(raw: object) -> list[Any]:
    """Return the top-level steps of a raw run, empty if it has no list of steps."""
    steps = raw.get("steps") if isinstance(raw, dict) else None
    return steps if isinstance(steps, list) else []


def values_of(records: Sequence[Json]) -> Values:
    """Return the fields of steps as columns."""
    return _by_column(_rows(records), records, _old_names(records))


def _rows(records: Sequence[Json]) -> list[tuple[Any, ...]]:
    """Read the fields of each record, using the key objects of the first record.

    The parser reuses most key strings, and a dict finds an identical key twice as fast as an equal one.
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
    """Read top-level steps and all steps below them, level by level.

    None if a step is not an object, its children are not a list, a top-level step names a parent, or a tree
    is deeper than `MAX_LEVELS`.
    """
    levels: list[Level] = []
    seen: set[int] = set()
    while steps:
        if len(levels) == MAX_LEVELS or set(map(type, steps)) != {dict}:
            return None
        rows = _rows(steps)
        if not levels and any(map(names_parent, map(_PARENT, rows))):
            return None
        children = list(map(_CHILDREN, rows))
        kinds = set(map(type, children))
        if not kinds <= {list, NoneType}:
            return None
        list_ids = [id(siblings) for siblings in children if siblings]
        n_seen = len(seen) + len(list_ids)
        seen.update(list_ids)
        if len(seen) < n_seen:  # Python objects that contain themselves or occur more than once
            return None
        if NoneType in kinds:
            children = [siblings or [] for siblings in children]
        levels.append(Level(steps, rows, list(map(len, children)), _old_names(steps)))
        steps = list(chain.from_iterable(children))
    return levels


def flatten_nested(lists: Sequence[list[Any]]) -> StepTrees | None:
    """Flatten the steps of runs, each given by its top-level steps. None if any run is not plainly nested."""
    levels = read_levels(list(chain.from_iterable(lists)))
    if levels is None:
        return None
    n_top = np.fromiter(map(len, lists), np.int64, len(lists))
    position, parent, size, depth = _tree_positions(levels, n_top)
    order = np.empty(len(position), np.int64)
    order[position] = np.arange(len(position))
    indices = order.tolist()
    steps = list(chain.from_iterable(level.steps for level in levels))
    rows = list(chain.from_iterable(level.rows for level in levels))
    records = list(map(steps.__getitem__, indices))
    old_names = {name for level in levels for name in level.old_names}
    values = _by_column(list(map(rows.__getitem__, indices)), records, old_names)
    in_tree = np.append(0, np.cumsum(size[: n_top.sum()]))  # number of steps in the first n trees
    per_run = np.diff(in_tree[np.append(0, np.cumsum(n_top))])
    if not _are_distinct(values["id"], per_run):
        return None
    return StepTrees(records, values, parent[order], depth[order], size[order], per_run)


def _tree_positions(levels: list[Level], n_top: Ints) -> tuple[Ints, Ints, Ints, Ints]:
    """Return each step's position in tree order, its parent's position, subtree size and depth, by level.

    A step comes after its parent and after the subtrees of its earlier siblings.
    """
    n_children = [np.array(level.n_children, np.int64) for level in levels]
    sizes = _subtree_sizes(n_children)
    positions: list[Ints] = []
    parents: list[Ints] = []
    above = np.full(len(n_top), -1)  # position of the parent of each group of siblings
    for size, n_siblings in zip(sizes, [n_top, *n_children], strict=False):
        before = np.cumsum(size) - size  # steps in the subtrees of earlier steps of this level
        if positions:
            first = np.minimum(np.cumsum(n_siblings) - n_siblings, len(before) - 1)
            before += np.repeat(above + 1 - before[first], n_siblings)
        positions.append(before)
        parents.append(np.repeat(above, n_siblings))
        above = before
    depth = np.repeat(np.arange(len(levels)), [len(size) for size in sizes])
    if not levels:
        return depth, depth, depth, depth
    return np.concatenate(positions), np.concatenate(parents), np.concatenate(sizes), depth


def _subtree_sizes(n_children: list[Ints]) -> list[Ints]:
    """Return the number of steps in each step's subtree, itself included, by level."""
    sizes: list[Ints] = []
    below = np.zeros(0, np.int64)
    for counts in reversed(n_children):
        sum_below = np.append(0, np.cumsum(below))
        ends = np.cumsum(counts)
        below = 1 + sum_below[ends] - sum_below[ends - counts]
        sizes.append(below)
    return sizes[::-1]


def _are_distinct(ids: Sequence[Any], per_run: Ints) -> bool:
    """Whether the step ids are unique within each run."""
    try:
        if len(set(ids)) == len(ids):
            return True
        ends = np.cumsum(per_run).tolist()
        return all(len(set(ids[end - n : end])) == n for end, n in zip(ends, per_run.tolist(), strict=True))
    except TypeError:  # an id that is a list or an object
        return False
