"""Check the API's JSON against the models, repair the few objects that break them, and link steps.

The annotations of a model are the contract: `str` is required, `str | None` optional, `tuple[Step, ...]` a
list. pydantic checks an object against them and builds nothing, so an object that is right goes on as it
came, with the fields that the API adds. Of another, each error names a place; what is wrong there is left
out of a copy, and is noted.
"""

from __future__ import annotations

import types
import typing
from collections import defaultdict
from collections.abc import Callable, Sequence
from copy import copy
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple

from pydantic_core import CoreSchema, ErrorDetails, SchemaValidator, ValidationError, core_schema

from runkit.contract import Json, format_time, read_time
from runkit.text import brief, kind

Path = tuple[str | int, ...]
Tree = tuple[list[Json], list[int], list[int]]
NoteStep = Callable[[str, str, Json], object]  # takes a problem, its details and the step

# What Arrow reads as it is; `read_time` reads the other forms when an object is repaired.
_DATE = r"[12][0-9]{3}-[0-9]{2}-[0-9]{2}"
_CLOCK = r"[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?"
TIME = rf"^{_DATE}[T ]{_CLOCK}(Z|[+-][0-9]{{2}}:[0-9]{{2}})$"
_SCALARS: dict[Any, CoreSchema] = {
    str: core_schema.str_schema(),
    # The pattern first: pydantic's own reader takes numbers and bare dates, too.
    datetime: core_schema.chain_schema([core_schema.str_schema(pattern=TIME), core_schema.datetime_schema()]),
    int: core_schema.int_schema(strict=True),
    float: core_schema.float_schema(strict=True),
    bool: core_schema.bool_schema(strict=True),
    Any: core_schema.any_schema(),
}
_EXPECTED = {
    "string_type": "text",
    "string_sub_type": "text",
    "dict_type": "an object",
    "list_type": "a list",
    "int_type": "a whole number",
    "float_type": "a number",
    "literal_error": "another word",
    "bool_type": "true or false",
}
MAX_LEVELS = 254  # of nested objects, that pydantic checks
_TOO_DEEP = ("recursion_depth_exceeded", "recursion_loop")


class Note(NamedTuple):
    """One thing that is wrong in an object: a word of the problems frame, the details, and where it is."""

    problem: str
    detail: str
    path: Path


class Field(NamedTuple):
    """What an annotation says of a field: the shape of its JSON, and how a model shows it."""

    schema: CoreSchema
    convert: Callable[[Any], Any] | None = None
    cls: Any = None  # the model of the objects that it holds
    scalar: Any = None  # the type of any other value
    is_required: bool = True
    absent: tuple[()] | None = None  # what it shows for null

    def shown(self, value: Any) -> Any:
        """Return what a model shows for the JSON of the field."""
        if value is None:
            return self.absent
        return value if self.convert is None else self.convert(value)

    def shown_all(self, values: list[Any]) -> tuple[Any, ...]:
        """Return what a model shows for a list of them."""
        return tuple(map(self.shown, values))


@cache
def fields(cls: Any) -> dict[str, Field]:
    """Return the fields of a model by name."""
    hints = typing.get_type_hints(cls, include_extras=True)
    return {name: _field(hint) for name, hint in hints.items()}


def _field(hint: Any) -> Field:
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin is types.UnionType or origin is typing.Union:  # X | None
        field = _field(args[0])
        schema = core_schema.nullable_schema(field.schema)
        return field._replace(schema=schema, is_required=False, absent=None)

    if origin is typing.Annotated:
        base, shown = args
        if isinstance(shown, type):
            return _field(shown | None)._replace(convert=None)
        return _field(base)._replace(convert=shown)

    if origin is tuple:
        item = _field(args[0])
        schema = core_schema.nullable_schema(core_schema.list_schema(item.schema))
        return Field(schema, item.shown_all, item.cls, is_required=False, absent=())

    if origin is typing.Literal:
        return Field(core_schema.literal_schema(list(args)))
    if origin is dict:
        return Field(core_schema.dict_schema(_SCALARS[str], _SCALARS[Any]))
    if hint in _SCALARS:
        return Field(_SCALARS[hint], scalar=hint)
    return Field(core_schema.definition_reference_schema(hint.__name__), hint, hint)


@cache
def _validator(cls: Any) -> SchemaValidator:
    """Build the check of a model and of all models that it holds."""
    models: list[Any] = [cls]
    definitions: list[CoreSchema] = []
    for model in models:  # grows on the way
        shape = fields(model)
        models += [field.cls for field in shape.values() if field.cls not in (None, *models)]
        keys = {
            name: core_schema.typed_dict_field(field.schema, required=field.is_required)
            for name, field in shape.items()
        }
        definitions.append(core_schema.typed_dict_schema(keys, ref=model.__name__))
    reference = core_schema.definition_reference_schema(cls.__name__)
    return SchemaValidator(core_schema.definitions_schema(reference, definitions))


def validated(cls: Any, raw: Any) -> tuple[Json | None, list[Note]]:
    """Check parsed JSON against a model.

    Parameters
    ----------
    cls
        The model, such as `Run`.
    raw
        The parsed JSON. It is not changed.

    Returns
    -------
    clean
        `raw` itself if nothing is wrong in it, else a repaired copy: an optional field with a wrong value is
        null, an item that lacks a required field is left out. None if the object itself lacks one.
    notes
        What was wrong.
    """
    try:
        _validator(cls).validate_python(raw)
    except ValidationError as error:
        return _repaired(cls, raw, error.errors(include_url=False, include_context=False))
    return raw, []


def _repaired(cls: Any, raw: Any, errors: list[ErrorDetails]) -> tuple[Json | None, list[Note]]:
    notes: list[Note] = []
    dropped: set[Path] = set()
    editor = _Editor(raw)
    for error in errors:
        path: Path = error["loc"]
        time = _other_time(error)
        if time is not None:
            editor.set(path, format_time(time[0]))
            if time[1]:
                notes.append(Note("naive_time", f"{brief(error['input'])} has no offset, read as UTC", path))
            continue

        if error["type"] in _TOO_DEEP:
            return None, [Note("too_deep", f"its steps are nested deeper than {MAX_LEVELS} levels", ())]

        faulty = _smallest_omissible(cls, path)
        if not faulty:
            return None, [Note("bad_field", _detail(error), path)]

        if faulty not in dropped:  # of a dropped item, one note is enough
            notes.append(Note("bad_field", _detail(error), path))
        if isinstance(faulty[-1], int):
            dropped.add(faulty)
        else:
            editor.set(faulty, None)

    for path in sorted(dropped, reverse=True):  # the last first, so that other positions stay
        notes += editor.drop(path)
    return editor.root, notes


def _smallest_omissible(cls: Any, path: Path) -> Path:
    """Shorten a path to an optional field or an item of a list; () is the whole object."""
    length, shape = 0, fields(cls)
    for depth, part in enumerate(path, 1):
        if isinstance(part, int):
            length = depth
            continue
        field = shape[part]
        if not field.is_required:
            length = depth
        if field.cls is None:
            break
        shape = fields(field.cls)
    return path[:length]


def _other_time(error: ErrorDetails) -> tuple[datetime, bool] | None:
    """Read a time in a form that the contract leaves out, and whether it has no offset."""
    if error["type"] != "string_pattern_mismatch":
        return None
    try:
        return read_time(error["input"])
    except ValueError:
        return None


def _detail(error: ErrorDetails) -> str:
    *_, name = error["loc"] or ("the object",)
    value = error["input"]
    if error["type"] == "missing" or value is None:
        return f"{name}: required but absent"
    if isinstance(name, int):
        name = f"item {name}"
    expected = _EXPECTED.get(error["type"], "an ISO 8601 time")
    return f"{name}: expected {expected}, found {kind(value)} {brief(value, 40)}"


class _Editor:
    """A copy of a JSON object in which only what is changed, and what holds it, is copied."""

    def __init__(self, root: Any) -> None:
        self.root = copy(root)
        self._copies: dict[Path, Any] = {(): self.root}

    def set(self, path: Path, value: object) -> None:
        """Set a field."""
        self._holder(path)[path[-1]] = value

    def drop(self, path: Path) -> list[Note]:
        """Drop an item of a list. The steps of a dropped step move to the top."""
        item = self._holder(path).pop(path[-1])
        children = item.get("steps") if path[-2] == "steps" and isinstance(item, dict) else None
        if not isinstance(children, list):
            return []
        place = int(path[1]) + (len(path) > 2)
        self._holder(("steps", 0))[place:place] = children
        unlinked = [number for number, step in enumerate(children) if not step.get("parent_step_id")]
        detail = "its parent step was refused"
        return [Note("orphan_step", detail, (*path, "steps", number)) for number in unlinked]

    def _holder(self, path: Path) -> Any:
        """Return the object or list that holds the value at a path, copied."""
        for depth in range(1, len(path)):
            place = path[:depth]
            if place not in self._copies:
                holder = self._copies[place[:-1]]
                holder[place[-1]] = self._copies[place] = copy(holder[place[-1]])
        return self._copies[path[:-1]]


# --------------------------------------------------------------------------------------------------- steps


def tree(top: Sequence[Json], note: NoteStep = lambda *problem: None) -> Tree:
    """Return checked steps in tree order, the positions of their parents (-1 at the top), their depths.

    Of steps with the same id the first is kept, with the children of all. A step whose parent is unknown, and
    one step of each cycle, are at depth 0. Each is noted.
    """
    nested: Tree = _preorder(top, lambda step: step.get("steps"))
    steps, parents, _ = nested
    is_plain = not any(step.get("parent_step_id") for step in top)
    if is_plain and len({step["id"] for step in steps}) == len(steps):
        return nested
    return _linked(steps, parents, note)


def _preorder(top: Sequence[Any], children_of: Callable[[Any], Sequence[Any] | None]) -> Any:
    nodes: list[Any] = []
    parents: list[int] = []
    depths: list[int] = []
    stack = [(node, -1, 0) for node in reversed(top)]
    while stack:
        node, parent, depth = stack.pop()
        if children := children_of(node):
            position = len(nodes)
            stack += [(child, position, depth + 1) for child in reversed(children)]
        nodes.append(node)
        parents.append(parent)
        depths.append(depth)
    return nodes, parents, depths


def _linked(steps: Sequence[Json], nested_in: Sequence[int], note: NoteStep) -> Tree:
    """Link steps by nesting, else by `parent_step_id`."""
    first: dict[str, int] = {}
    for position, step in enumerate(steps):
        if first.setdefault(step["id"], position) != position:
            note("duplicate_step", f"step {brief(step['id'])} came before", step)

    parent_of: dict[int, int] = {}
    for position in first.values():
        step, parent = steps[position], nested_in[position]
        named = step.get("parent_step_id")
        if parent >= 0:
            parent_of[position] = first[steps[parent]["id"]]
        else:
            parent_of[position] = first.get(named or "", -1)
            if named and named not in first:
                note("orphan_step", f"no step has the id of its parent, {brief(named)}", step)

    for position in _one_of_each_cycle(parent_of):
        step = steps[position]
        note("cycle", f"its parents lead back to it: {brief(step.get('parent_step_id'))}", step)
        parent_of[position] = -1

    children: dict[int, list[int]] = defaultdict(list)
    for position, parent in parent_of.items():
        children[parent].append(position)
    positions, parents, depths = _preorder(children[-1], children.get)
    return [steps[position] for position in positions], parents, depths


def _one_of_each_cycle(parent_of: dict[int, int]) -> list[int]:
    walk_of: dict[int, int] = {-1: -1}  # by position, the walk that saw it first
    found = []
    for start in parent_of:
        position = start
        while position not in walk_of:
            walk_of[position] = start
            position = parent_of[position]
        if walk_of[position] == start:
            found.append(position)
    return found
