"""Flatten the API's nested steps into one list in tree order.

The API gives the tree twice: children are inside `steps`, and every step may have a `parent_step_id`. Nested,
flat and mixed forms are accepted; if they disagree, nesting wins. Nothing here is recursive, so any depth
that a parser reads is fine.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from typing import Any, NamedTuple

from runkit.text import brief

Record = dict[str, Any]


class Note(NamedTuple):
    """One problem of the tree: the step, a problem word, and the details."""

    record: object
    problem: str
    detail: str


class FlatSteps(NamedTuple):
    """Steps in pre-order. `parents[i]` is the position of the parent of `records[i]`, -1 at the top.

    `origins[i]` is its position in the steps that were linked: `link` leaves some out, and moves others.
    """

    records: list[Record]
    parents: list[int]
    depths: list[int]
    notes: list[Note]
    origins: Sequence[int]


def kind(value: object) -> str:
    """Name the JSON kind of a value: `an object`, `a list`, `text`, `a number`, `true or false`, `null`."""
    if isinstance(value, bool):
        return "true or false"
    names = {dict: "an object", list: "a list", str: "text", int: "a number", float: "a number"}
    return names.get(type(value), "null" if value is None else type(value).__name__)


def flatten(steps: object) -> FlatSteps:
    """Flatten raw `steps` by their nesting alone, into pre-order; `link` does the rest.

    The records are the same objects as in the input. Steps that are not objects are left out and noted.
    """
    records: list[Record] = []
    parents: list[int] = []
    depths: list[int] = []
    notes: list[Note] = []
    top = steps if isinstance(steps, list) else []
    stack: list[tuple[Iterator[Any], int]] = [(iter(top), -1)]
    seen = {id(top)}
    while stack:
        siblings, parent = stack[-1]
        for step in siblings:
            if type(step) is not dict:
                notes.append(Note(step, "bad_field", f"a step must be an object, found {kind(step)}"))
                continue
            records.append(step)
            parents.append(parent)
            depths.append(len(stack) - 1)
            children = step.get("steps")
            if not children and (children is None or type(children) is list):
                continue
            if type(children) is not list:
                notes.append(Note(step, "bad_field", f"steps must be a list, found {kind(children)}"))
            elif id(children) in seen:  # only in Python objects; JSON text cannot do this
                notes.append(Note(step, "duplicate_step", "its steps are a list that came before"))
            else:
                stack.append((iter(children), len(records) - 1))
                seen.add(id(children))
                break  # to read its children, then the rest of its siblings
        else:
            stack.pop()
    return FlatSteps(records, parents, depths, notes, range(len(records)))


def link(flat: FlatSteps, refused: Set[int] = frozenset()) -> FlatSteps:
    """Leave out refused steps and duplicates, and find the parents of steps without a nested parent.

    `refused` are positions in `flat`; the children of a refused step become orphans. Of duplicated ids the
    first record is kept, with the children of all. Orphans and the members of a cycle are at depth 0.
    """
    top = (record for record, depth in zip(flat.records, flat.depths, strict=True) if not depth)
    is_nested = not (flat.notes or refused or any(map(_parent_id, top)))
    if is_nested and len({record["id"] for record in flat.records}) == len(flat.records):
        return flat
    ids = [_key(record.get("id"), position) for position, record in enumerate(flat.records)]
    notes = list(flat.notes)
    first: dict[str | int, int] = {}
    for position, step_id in enumerate(ids):
        if position not in refused and first.setdefault(step_id, position) != position:
            notes.append(Note(flat.records[position], "duplicate_step", f"step {brief(step_id)} came before"))

    parent_of: dict[int, int] = {}
    for position in first.values():
        record, parent = flat.records[position], flat.parents[position]
        named = _parent_id(record)
        if parent in refused:
            notes.append(Note(record, "orphan_step", "its parent step was refused"))
            parent = -1
        elif parent >= 0:
            parent = first[ids[parent]]
        elif named and (parent := first.get(named, -1)) < 0:
            notes.append(Note(record, "orphan_step", f"no step has the id of its parent, {brief(named)}"))
        parent_of[position] = parent
    for position in list(_on_cycles(parent_of)):
        record = flat.records[position]
        named = brief(record.get("parent_step_id"))
        notes.append(Note(record, "cycle", f"its parents lead back to it: {named}"))
        parent_of[position] = -1
    return _preorder(flat.records, parent_of, notes)


def _key(step_id: object, position: int) -> str | int:
    """Give the key of a step: its id, or its position if the id is not text."""
    return step_id if isinstance(step_id, str) else position


def _parent_id(step: Record) -> str | None:
    """Give the parent that a step names, if any."""
    named = step.get("parent_step_id")
    return named if isinstance(named, str) and named else None


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
    return FlatSteps([records[position] for position in order], parents, depths, notes, order)
