"""Check the API's JSON against the models, repair the few objects that break them, and link steps.

The annotations of a model are the contract: `str` is required, `str | None` optional,
`tuple[Step, ...]` a list. pydantic checks an object against them and builds nothing, so an object
that is right goes on as it came, with the fields that the API adds. Of another, each error is
noted, and pydantic builds a copy without what is wrong.
"""

from __future__ import annotations

import types
import typing
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime
from functools import cache
from operator import methodcaller
from typing import Any, NamedTuple

from pydantic_core import CoreSchema, ErrorDetails, SchemaValidator, ValidationError, core_schema

from runkit.api.contract import Json, format_time, read_time
from runkit.display.text import brief, kind

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
    datetime: core_schema.chain_schema(
        [core_schema.str_schema(pattern=TIME), core_schema.datetime_schema()]
    ),
    int: core_schema.int_schema(strict=True),
    float: core_schema.float_schema(strict=True),
    bool: core_schema.bool_schema(strict=True),
    Any: core_schema.any_schema(),
}
_REPAIRED_TIME = core_schema.no_info_after_validator_function(
    lambda text: format_time(read_time(text)[0]), _SCALARS[str]
)
MAX_LEVELS = 254  # nested objects that pydantic checks
_TOO_DEEP = ("recursion_depth_exceeded", "recursion_loop")


class Note(NamedTuple):
    """One thing that is wrong in an object, with a word of the problems frame."""

    problem: str
    detail: str
    path: Path


class ModelField(NamedTuple):
    """What an annotation says of a field: the shape of its JSON, and the value in a model."""

    schema: CoreSchema
    convert: Callable[[Any], Any] | None = None
    cls: Any = None  # the model of the objects that it holds
    scalar: Any = None  # the type of any other value
    is_required: bool = True
    absent: tuple[()] | None = None  # the value for null

    def read(self, value: Any) -> Any:
        """Return the value of the field in a model, from its JSON."""
        if value is None:
            return self.absent
        return value if self.convert is None else self.convert(value)

    def read_all(self, values: list[Any]) -> tuple[Any, ...]:
        """Return the values of a list of them."""
        return tuple(map(self.read, values))


@cache
def fields(cls: Any, *, repair: bool = False) -> dict[str, ModelField]:
    """Return the fields of a model by name; to repair, their schemas leave out what is wrong."""
    hints = typing.get_type_hints(cls, include_extras=True)
    return {name: _field(hint, repair) for name, hint in hints.items()}


def _field(hint: Any, repair: bool) -> ModelField:
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin is types.UnionType or origin is typing.Union:  # X | None
        field = _field(args[0], repair)
        return field._replace(
            schema=_optional(field.schema, repair), is_required=False, absent=None
        )

    if origin is typing.Annotated:
        base, convert = args
        if isinstance(convert, type):  # a model, which only checks the JSON
            return _field(convert | None, repair)._replace(convert=None)
        return _field(base, repair)._replace(convert=convert)

    if origin is tuple:
        item = _field(args[0], repair)
        schema = item.schema
        if repair:
            schema = core_schema.with_default_schema(schema, on_error="omit")
        items = _optional(core_schema.list_schema(schema), repair)
        return ModelField(items, item.read_all, item.cls, is_required=False, absent=())

    if origin is typing.Literal:
        return ModelField(core_schema.literal_schema(list(args)))
    if origin is dict:
        return ModelField(core_schema.dict_schema(_SCALARS[str], _SCALARS[Any]))
    if hint in _SCALARS:
        is_time = hint is datetime and repair
        return ModelField(_REPAIRED_TIME if is_time else _SCALARS[hint], scalar=hint)
    return ModelField(core_schema.definition_reference_schema(hint.__name__), hint, hint)


def _optional(schema: CoreSchema, repair: bool) -> CoreSchema:
    schema = core_schema.nullable_schema(schema)
    if not repair:
        return schema
    return core_schema.with_default_schema(schema, default=None, on_error="default")


@cache
def _validator(cls: Any, *, repair: bool = False) -> SchemaValidator:
    """Build the check of a model and of all models that it holds, or what repairs them."""
    models: list[Any] = [cls]
    definitions: list[CoreSchema] = []
    for model in models:  # grows on the way
        shape = fields(model, repair=repair)
        models += [field.cls for field in shape.values() if field.cls not in (None, *models)]
        keys = {
            name: core_schema.typed_dict_field(field.schema, required=field.is_required)
            for name, field in shape.items()
        }
        extra: Any = "allow" if repair else "ignore"
        schema: CoreSchema = core_schema.typed_dict_schema(keys, extra_behavior=extra)
        if repair and "steps" in keys:
            schema = core_schema.with_info_wrap_validator_function(_keep_children, schema)
        definitions.append({**schema, "ref": model.__name__})
    reference = core_schema.definition_reference_schema(cls.__name__)
    return SchemaValidator(core_schema.definitions_schema(reference, definitions))


def _keep_children(value: Any, repair: Callable[[Any], Any], info: Any) -> Any:
    """Repair a step.

    If it lacks a required field, its children become steps without a known parent.
    """
    start = len(info.context)
    try:
        return repair(value)
    except ValidationError:
        children = value.get("steps") if isinstance(value, dict) else None
        if isinstance(children, list):
            parent = {"parent_step_id": str(value.get("id"))}
            info.context[start:] = [child | parent for child in children if isinstance(child, dict)]
        raise


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
        `raw` itself if nothing is wrong in it, else a repaired copy: an optional field with a wrong
        value is null, an item that lacks a required field is left out. None if the object itself
        lacks one.
    notes
        What was wrong.
    """
    try:
        _validator(cls).validate_python(raw)
    except ValidationError as failure:
        errors = failure.errors(include_url=False, include_context=False)
    else:
        return raw, []

    notes: dict[Path, Note] = {}
    for error in errors:
        path: Path = error["loc"]
        time = _other_time(error)
        if time is not None:
            _, is_naive = time
            if is_naive:
                detail = f"{brief(error['input'])} has no offset, read as UTC"
                notes[path] = Note("naive_time", detail, path)
            continue

        if error["type"] in _TOO_DEEP:
            detail = f"its steps are nested deeper than {MAX_LEVELS} levels"
            return None, [Note("too_deep", detail, ())]
        note = Note("bad_field", _detail(error), path)
        faulty = _smallest_omissible(cls, path)
        if not faulty:
            return None, [note]
        notes.setdefault(faulty, note)  # one note is enough for an item that is left out
    try:
        return _repaired(cls, raw), list(notes.values())
    except ValidationError:  # made by hand, as JSON has no such keys
        return None, [Note("bad_field", "a key of an object is not text", ())]


def _repaired(cls: Any, raw: Any) -> Json:
    orphans: list[Json] = []
    clean: Json = _validator(cls, repair=True).validate_python(raw, context=orphans)
    for orphan in orphans:  # grows on the way
        with suppress(ValidationError):
            steps = _validator(fields(cls)["steps"].cls, repair=True)
            clean["steps"].append(steps.validate_python(orphan, context=orphans))
    return clean


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
    is_time = error["type"].startswith(("string_pattern", "datetime"))
    expected = "an ISO 8601 time" if is_time else error["msg"].removeprefix("Input should be ")
    return f"{name}: expected {expected}, found {kind(value)} {brief(value, 40)}"


# -------------------------------------------------------------------------------------------- steps


def tree(top: Sequence[Json], note: NoteStep = lambda *problem: None) -> Tree:
    """Return checked steps in tree order, the positions of their parents, and their depths.

    The parent of a top-level step is -1. Of steps with the same id the first is kept, with the
    children of all. A step whose parent is unknown, and one step of each cycle, are at depth 0.
    Each is noted.
    """
    nested: Tree = _preorder(top, methodcaller("get", "steps"))
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

    for position in _steps_to_unlink(parent_of):
        step = steps[position]
        note("cycle", f"its parents lead back to it: {brief(step.get('parent_step_id'))}", step)
        parent_of[position] = -1

    children: dict[int, list[int]] = defaultdict(list)
    for position, parent in parent_of.items():
        children[parent].append(position)
    positions, parents, depths = _preorder(children[-1], children.get)
    return [steps[position] for position in positions], parents, depths


def _steps_to_unlink(parent_of: dict[int, int]) -> list[int]:
    """Return one step of each cycle."""
    walk_of: dict[int, int] = {-1: -1}  # the walk that saw a position first, by position
    unlinked = []
    for start in parent_of:
        position = start
        while position not in walk_of:
            walk_of[position] = start
            position = parent_of[position]
        if walk_of[position] == start:
            unlinked.append(position)
    return unlinked
