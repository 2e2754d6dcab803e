"""Flatten the API's nested steps into one list in tree order.

The API gives the tree twice: children are inside `steps`, and every step may have a `parent_step_id`. Nested,
flat and mixed forms are accepted; if they disagree, nesting wins. Nothing here is recursive, so any depth
that a parser reads is fine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from typing import Any, NamedTuple

from runkit.text import brief

Record = dict[str, Any]

_ORPHANED = -2  # the parent of a step whose parent was refused


class Note(NamedTuple):
    """One problem of the tree: the step, a problem word, and the details."""

    record: object
    problem: str
    detail: str


class FlatSteps(NamedTuple):
    """Steps in pre-order. `parents[i]` is the position of the parent of `records[i]`, -1 at the top."""

    records: list[Record]
    parents: list[int]
    depths: list[int]
    notes: list[Note]


def kind(value: object) -> str:
    """Name the JSON kind of a value: `an object`, `a list`, `text`, `a number`, `true or false`, `null`."""
    if isinstance(value, bool):
        return "true or false"
    names = {dict: "an object", list: "a list", str: "text", int: "a number", float: "a number"}
    return names.get(type(value), "null" if value is None else type(value).__name__)


def flatten(steps: object, accept: Callable[[Record], bool] | None = None) -> FlatSteps:
    """Flatten raw `steps` into pre-order; the records are the same objects as in the input.

    `accept` may refuse a record; the children of a refused step become orphans. Steps that are not objects
    are left out and noted. Of duplicated ids the first record is kept, with the children of all. Orphans and
    the members of a cycle are at depth 0.
    """
    flat = _walk(steps, accept)
    ids = [record.get("id") for record in flat.records]
    is_plain = not flat.notes and _are_distinct(ids) and not _name_parents(steps)
    return flat if is_plain else _relink(flat, list(map(_key, ids, count())))


def _key(step_id: object, position: int) -> str | int:
    """Give the key of a step: its id, or its position if the id is not text."""
    return step_id if isinstance(step_id, str) else position


def names_parent(parent_step_id: object) -> bool:
    """Whether a step's `parent_step_id` is set."""
    return isinstance(parent_step_id, str) and bool(parent_step_id)


def _name_parents(top: object) -> bool:
    """Whether any top-level step names a parent."""
    steps = top if isinstance(top, list) else ()
    return any(names_parent(step.get("parent_step_id")) for step in steps if type(step) is dict)


def _are_distinct(ids: list[Any]) -> bool:
    try:
        return len(set(ids)) == len(ids)
    except TypeError:  # an id that is a list or an object
        return False


def _walk(steps: object, accept: Callable[[Record], bool] | None) -> FlatSteps:
    """Follow the nesting only. A list of steps is read up to the first step with children."""
    flat = FlatSteps([], [], [], [])
    records, parents, depths, notes = flat
    top = steps if isinstance(steps, list) else []
    stack: list[tuple[Iterator[Any], int, int]] = [(iter(top), -1, 0)]
    open_lists = [id(top)]  # the lists of steps that are being read, the innermost last
    seen = set(open_lists)
    while stack:
        siblings, parent, depth = stack[-1]
        for step in siblings:
            if type(step) is not dict:
                notes.append(Note(step, "bad_field", f"a step must be an object, found {kind(step)}"))
                continue
            kids = step.get("steps")
            if kids is not None and type(kids) is not list:
                notes.append(Note(step, "bad_field", f"steps must be a list, found {kind(kids)}"))
                kids = None
            if kids and id(kids) in seen:  # only in Python objects; JSON text cannot do this
                is_cycle = id(kids) in open_lists
                what = "those it is in" if is_cycle else "the same list as those of another step"
                notes.append(Note(step, "cycle" if is_cycle else "duplicate_step", f"its steps are {what}"))
                kids = None
            if accept is not None and not accept(step):
                if kids:
                    stack.append((iter(kids), _ORPHANED, 0))
                    open_lists.append(id(kids))
                    seen.add(id(kids))
                    break
                continue
            if parent == _ORPHANED:
                notes.append(Note(step, "orphan_step", "its parent step was refused"))
            records.append(step)
            parents.append(parent)
            depths.append(depth)
            if kids:
                stack.append((iter(kids), len(records) - 1, depth + 1))
                open_lists.append(id(kids))
                seen.add(id(kids))
                break
        else:
            stack.pop()
            open_lists.pop()
    return flat


def _relink(flat: FlatSteps, ids: list[str | int]) -> FlatSteps:
    """Use `parent_step_id` for steps without a nested parent, drop duplicates, and sort again."""
    notes = list(flat.notes)
    first: dict[str | int, int] = {}
    for position, step_id in enumerate(ids):
        if first.setdefault(step_id, position) != position:
            notes.append(Note(flat.records[position], "duplicate_step", f"step {brief(step_id)} came before"))

    parent_of: dict[int, int] = {}
    for position in first.values():
        record, parent = flat.records[position], flat.parents[position]
        named = record.get("parent_step_id")
        if parent >= 0:
            parent = first[ids[parent]]
        elif parent == _ORPHANED or not names_parent(named):
            parent = -1
        elif (parent := first.get(str(named), -1)) < 0:
            notes.append(Note(record, "orphan_step", f"no step has the id of its parent, {brief(named)}"))
        parent_of[position] = parent
    for position in list(_on_cycles(parent_of)):
        record = flat.records[position]
        named = brief(record.get("parent_step_id"))
        notes.append(Note(record, "cycle", f"its parents lead back to it: {named}"))
        parent_of[position] = -1
    return _preorder(flat.records, parent_of, notes)


def _on_cycles(parent_of: dict[int, int]) -> Iterator[int]:
    """Find every position whose chain of parents leads back to it."""
    state: dict[int, int] = {}  # the walk that saw a position last
    for start in parent_of:
        path = []
        at = start
        while at >= 0 and at not in state:
            state[at] = start
            path.append(at)
            at = parent_of[at]
        if at >= 0 and state[at] == start:
            yield from path[path.index(at) :]


def _preorder(records: list[Record], parent_of: dict[int, int], notes: list[Note]) -> FlatSteps:
    """Order the tree depth first; siblings keep their order."""
    children: dict[int, list[int]] = {}
    for position, parent in parent_of.items():
        children.setdefault(parent, []).append(position)
    order: list[int] = []
    parents: list[int] = []
    depths: list[int] = []
    stack = [(position, -1, 0) for position in reversed(children.get(-1, []))]
    while stack:
        position, parent, depth = stack.pop()
        here = len(order)
        order.append(position)
        parents.append(parent)
        depths.append(depth)
        stack += [(kid, here, depth + 1) for kid in reversed(children.get(position, []))]
    return FlatSteps([records[position] for position in order], parents, depths, notes)
