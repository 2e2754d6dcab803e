"""Check the API's JSON against its contract.

The annotations of a view, such as `Run`, are the contract: `str` is required, `str | None` is
optional, `tuple[Step, ...]` is an optional list. pydantic's list of errors is the check. An
optional field whose value breaks the contract is null, and noted; where that field is `steps`, the
run has no steps. An object that lacks a required field is refused.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from functools import cache
from types import UnionType
from typing import (
    Annotated,
    Any,
    NamedTuple,
    NotRequired,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

from pydantic import StringConstraints, TypeAdapter, ValidationError
from typing_extensions import TypedDict

from runkit.api import jsontext
from runkit.api.contract import Json, format_time, parse_time
from runkit.display.text import brief, kind

Path = tuple[str | int, ...]
# The times that Arrow reads as they are; `parse_time` reads other forms, and 29 February.
_DAY = (
    "((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)"
    "|02-(0[1-9]|1[0-9]|2[0-8]))"
)
_HOUR = "([01][0-9]|2[0-3]):[0-5][0-9]"
TIME = rf"^[12][0-9]{{3}}-{_DAY}[T ]{_HOUR}:[0-5][0-9](\.[0-9]{{1,6}})?(Z|[+-]{_HOUR})$"
MAX_LEVELS = 255  # of nested steps; pydantic checks no more


class Note(NamedTuple):
    """One thing that is wrong in a record, with a word of the problems frame, and where."""

    problem: str
    detail: str
    path: Path = ()
    n: int = 1


# ------------------------------------------------------------------------------------- annotations


OPEN_WORD = "open word"  # marks a text in whose place a number may stand
OpenWord = Annotated[str | None, OPEN_WORD]
Id = Annotated[str, StringConstraints(min_length=1)]
Time = datetime
_TimeText = Annotated[str, StringConstraints(pattern=TIME)]


class View:
    """The base of what has fields, by its annotations."""

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        return handler.generate_schema(_record(source))


class Field(NamedTuple):
    """What an annotation says of a field: the type of its values, and the view of objects."""

    type: Any
    view: Any
    json_type: Any
    is_required: bool
    is_list: bool
    is_open_word: bool
    absent: tuple[()] | None  # the value for null

    def read(self, value: Any) -> Any:
        """Return the value of the field in a view, from its JSON."""
        if value is None:
            return self.absent
        if self.type is datetime:
            return parse_time(value)
        if self.type is not self.view:
            return value
        return tuple(map(self.type, value)) if self.is_list else self.type(value)


@cache
def fields(cls: Any) -> dict[str, Field]:
    """Return the fields of a view by name."""
    hints = get_type_hints(cls, include_extras=True)
    return {name: _field(hint) for name, hint in hints.items()}


def _field(hint: Any) -> Field:
    """Read an annotation, which may be marked as an open word, or with the view of free JSON."""
    bare, *marks = get_args(hint) if get_origin(hint) is Annotated else [hint]
    is_nullable = get_origin(bare) in (Union, UnionType)
    inner = get_args(bare)[0] if is_nullable else bare
    is_list = get_origin(inner) is tuple
    if is_list:
        inner = get_args(inner)[0]
    views = [each for each in (inner, *marks) if isinstance(each, type) and issubclass(each, View)]
    view = next(iter(views), None)
    is_required = not (is_nullable or is_list or view in marks)
    wanted = _TimeText if inner is datetime else view or inner
    if is_required and marks:
        wanted = hint
    if is_list:
        wanted = list[wanted]  # type: ignore[valid-type]
    return Field(
        type=inner,
        view=view,
        json_type=wanted if is_required else NotRequired[wanted | None],
        is_required=is_required,
        is_list=is_list,
        is_open_word=OPEN_WORD in marks,
        absent=() if is_list and not is_nullable else None,
    )


@cache
def _record(cls: Any) -> Any:
    """Build the TypedDict of the JSON of a view; fields that the API adds are not looked at."""
    keys = {name: field.json_type for name, field in fields(cls).items()}
    return TypedDict(cls.__name__, keys)  # type: ignore[operator]


# ------------------------------------------------------------------------------------------- check


@cache
def _checker(view: Any) -> Any:
    return TypeAdapter(view).validator


class Checked(NamedTuple):
    """A checked object: the JSON without what breaks the contract, and what was wrong.

    `clean` is the JSON as it came if nothing was wrong, else a copy; None if a required field is
    missing or wrong.
    """

    clean: Json | None
    notes: list[Note]


class _Breach(NamedTuple):
    """What breaks the contract: the optional field that is null for it, or holds `instead`."""

    place: Path
    instead: str | None
    note: Note | None


def validated(cls: Any, raw: Any) -> Checked:
    """Check parsed JSON, which is not changed, against a view such as `Run`."""
    try:
        _checker(cls).validate_python(raw, strict=True)
    except ValidationError as error:
        errors = error.errors(include_url=False, include_context=False)
    else:
        return Checked(raw, [])
    breaches = [_breach(cls, error) for error in errors]
    refused = [breach.note for breach in breaches if breach.note and not breach.place]
    if refused:
        return Checked(None, refused[:1])
    lost = [breach.note for breach in breaches if breach.place[-1] == "steps" and breach.note]
    if lost:  # the run has no steps, so that nothing else is wrong in them
        others = [breach for breach in breaches if breach.place[0] != "steps"]
        breaches = [*others, _Breach(("steps",), None, lost[0]._replace(n=len(lost)))]
    clean = jsontext.loads(jsontext.dumps(raw).encode())
    notes: dict[Path, Note] = {}
    for place, value, note in breaches:
        _put(clean, place, value)
        if note:
            notes.setdefault(place, note)
    return Checked(clean, [*notes.values()])


def _breach(cls: Any, error: Any) -> _Breach:
    path, value = error["loc"], error["input"]
    place, field = _optional(cls, path)
    if error["type"] == "string_pattern_mismatch":
        with suppress(ValueError):
            return _Breach(path, format_time(parse_time(value)), None)
    if field and field.is_open_word and type(value) in (int, float):
        return _Breach(place, jsontext.dumps(value), None)
    *_, name = path or ("the object",)
    if isinstance(name, int):
        name = f"item {name}"
    found = "required but absent"
    if "ecursion" in error["msg"]:
        found = f"nested deeper than {MAX_LEVELS} levels"
    elif error["type"] != "missing" and value is not None:
        expected = error["msg"].removeprefix("Input should be ")
        found = f"expected {expected}, found {kind(value)} {brief(value, 40)}"
    problem = "steps_not_read" if place[-1:] == ("steps",) else "bad_field"
    return _Breach(place, None, Note(problem, f"{name}: {found}", path))


def _optional(cls: Any, path: Path) -> tuple[Path, Field | None]:
    """Return the place of the innermost optional field of a path, and the field."""
    place: Path = ()
    found = None
    for number, name in enumerate(path, 1):
        if isinstance(name, int):
            continue
        field = fields(cls).get(name) if cls else None
        if field is None:
            break
        if not field.is_required:
            place, found = path[:number], field
        cls = field.view
    return place, found


def _put(holder: Any, path: Path, value: str | None) -> None:
    """Replace a value in JSON, unless what holds it was replaced."""
    *outer, name = path
    for part in outer:
        holder = holder[part] if holder else holder
    if holder:
        holder[name] = value
