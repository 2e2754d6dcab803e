"""The API's JSON as objects: their check against the contract, and their attributes.

The annotations of a class, such as `Run`, are the contract: `str` is required, `str | None` is
optional, `tuple[Step, ...]` is an optional list. pydantic's list of errors is the check. An
optional field whose value breaks the contract is null, and noted; where that field is `steps`, the
run has no steps. An object that lacks a required field is refused.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime
from functools import cache
from types import UnionType
from typing import Any, NamedTuple, NewType, Self, Union, get_args, get_origin, get_type_hints

from pydantic import TypeAdapter, ValidationError

from runkit.api import contract
from runkit.api.contract import Json, format_time, parse_time
from runkit.display.messages import log
from runkit.display.text import brief, kind
from runkit.errors import ContractError

Path = tuple[str | int, ...]
# The times that Arrow reads as they are; `parse_time` reads other forms, and 29 February.
_DAY = (
    "((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)"
    "|02-(0[1-9]|1[0-9]|2[0-8]))"
)
_HOUR = "([01][0-9]|2[0-3]):[0-5][0-9]"
TIME = rf"^[12][0-9]{{3}}-{_DAY}[T ]{_HOUR}:[0-5][0-9](\.[0-9]{{1,6}})?(Z|[+-]{_HOUR})$"
MAX_LEVELS = 255  # of nested steps; pydantic checks no more
EXPECTED = {  # by the type of an error of pydantic
    "string_pattern_mismatch": "a time in ISO 8601",
    "recursion_loop": f"steps nested at most {MAX_LEVELS} deep",
    "recursion_depth_exceeded": f"steps nested at most {MAX_LEVELS} deep",
}
IN_REPR = (
    "id",
    "agent",
    "type",
    "status",
    "confidence",
)  # ids and fixed words


# --------------------------------------------------------------------------------------- objects


class ApiObject:
    """The base of all objects: a lazy view of the JSON they came from.

    The annotations of a subclass are its fields.
    """

    def __init__(self, clean: Json, raw: Json | None = None) -> None:
        self._clean = self._with_derived_fields(clean)
        self._raw = clean if raw is None else raw

    def __init_subclass__(cls) -> None:
        VIEWS.append(cls)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Json:
        return {
            "type": "definitions",
            "schema": _reference(cls),
            "definitions": [_schema(view) for view in VIEWS],
        }

    @classmethod
    def from_json(cls, data: Any) -> Self:
        """Build from parsed JSON data.

        Raises `ContractError` that names the fields, never their values.
        """
        clean, notes = validated(cls, data)
        if clean is None:
            what = notes[0].detail.partition(", found ")[0]
            raise ContractError(
                f"the API's {cls.__name__} does not match its documentation ({what}). "
                "If this persists, the API has changed: please report it."
            )
        for note in notes:
            path = ".".join(map(str, note.path))
            log.warning("%s: %s breaks the contract and is left out", cls.__name__, path)
        return cls(clean, data)

    @staticmethod
    def _with_derived_fields(clean: Json) -> Json:
        """Return the JSON with the fields that are read from elsewhere in it."""
        return clean

    def __getattr__(self, name: str) -> Any:
        cls: Any = type(self)  # mypy takes no class as hashable
        field = fields(cls).get(name)
        if field is None:
            raise AttributeError(f"{cls.__name__} has no attribute {name!r}")
        value = self.__dict__[name] = field.read(self._clean.get(name))
        return value

    def __dir__(self) -> Iterable[str]:
        cls: Any = type(self)
        return {*super().__dir__(), *fields(cls)}

    def to_dict(self) -> Json:
        """Return the JSON object as it came (shared, not copied: treat it as read-only)."""
        return self._raw

    def __repr__(self) -> str:
        names = [name for name in IN_REPR if name in self._clean]
        parts = [f"{name}={brief(self._clean[name], 40)}" for name in names]
        return f"{type(self).__name__}({', '.join(parts)})"


VIEWS: list[Any] = []  # all of them


# ------------------------------------------------------------------------------------- annotations


OpenWord = NewType("OpenWord", str)  # a text in whose place a number may stand
Time = datetime
JSON_TYPES: dict[Any, Json] = {  # how values that are no objects are checked, in pydantic's schema
    str: {"type": "str"},
    OpenWord: {"type": "str"},
    Time: {"type": "str", "pattern": TIME},
    Json: {"type": "dict"},
}


class Field(NamedTuple):
    """What an annotation says of a field: the type of its value, or of the items of a list."""

    type: Any
    is_list: bool
    is_nullable: bool

    @property
    def is_required(self) -> bool:
        """Whether an object without it is refused."""
        return not (self.is_list or self.is_nullable)

    @property
    def schema(self) -> Json:
        """The schema of its JSON."""
        value = JSON_TYPES.get(self.type) or _reference(self.type)
        if self.is_list:
            value = {"type": "list", "items_schema": value}
        return value if self.is_required else {"type": "nullable", "schema": value}

    def read(self, value: Any) -> Any:
        """Return the value of the field in a view, from its JSON."""
        if value is None:
            return None if self.is_nullable else ()
        if self.type is Time:
            return parse_time(value)
        if self.type in JSON_TYPES:
            return value
        return tuple(map(self.type, value)) if self.is_list else self.type(value)


@cache
def fields(cls: Any) -> dict[str, Field]:
    """Return the fields of a view by name."""
    return {name: _field(hint) for name, hint in get_type_hints(cls).items()}


def _field(hint: Any) -> Field:
    is_nullable = get_origin(hint) in (Union, UnionType)
    inner = get_args(hint)[0] if is_nullable else hint
    is_list = get_origin(inner) is tuple
    return Field(get_args(inner)[0] if is_list else inner, is_list, is_nullable)


def _reference(view: type) -> Json:
    return {"type": "definition-ref", "schema_ref": view.__name__}


def _schema(view: Any) -> Json:
    """Return the schema of the JSON of a view; fields that the API adds are not looked at."""
    keys = {
        name: {
            "type": "typed-dict-field",
            "schema": field.schema,
            "required": field.is_required,
        }
        for name, field in fields(view).items()
    }
    return {"type": "typed-dict", "ref": view.__name__, "fields": keys}


# ------------------------------------------------------------------------------------------- check


RECORD_REFUSED = "record_refused"


class Note(NamedTuple):
    """One thing that is wrong in a record, with a word of the problems frame, and where."""

    problem: str
    detail: str
    path: Path = ()
    n: int = 1


@cache
def _checker(view: Any) -> Any:
    return TypeAdapter(view).validator


def validated(cls: Any, raw: Any) -> tuple[Json | None, list[Note]]:
    """Check parsed JSON, which is not changed, against a view such as `Run`.

    Returns the JSON without what breaks the contract, None if a required field is missing or wrong,
    and what was wrong.
    """
    try:
        _checker(cls).validate_python(raw, strict=True)
        return raw, []
    except ValidationError as error:
        breaches = error.errors(include_url=False, include_context=False)
    clean = contract.loads(contract.dumps(raw).encode())
    notes: dict[Path, Note] = {}
    of_steps: list[Note] = []
    for breach in breaches:
        path = breach["loc"]
        place, field = _place(cls, path)
        note = _note(breach, place)
        text = _text_of(field, breach["input"])
        if text is not None:
            _put(clean, path, text)
        elif not place:
            return None, [note]
        elif place[-1] == "steps":
            of_steps.append(note)
        else:
            _put(clean, place, None)
            notes.setdefault(place, note)
    if of_steps:  # the run has no steps, so that nothing else is wrong in them
        clean["steps"] = None
        notes = {place: note for place, note in notes.items() if place[0] != "steps"}
        notes["steps",] = of_steps[0]._replace(n=len(of_steps))
    return clean, [*notes.values()]


def _place(cls: Any, path: Path) -> tuple[Path, Field | None]:
    """Return the path of the innermost optional field of a path, and the innermost field."""
    place: Path = ()
    field = None
    for number, name in enumerate(path, 1):
        if isinstance(name, str):
            field = fields(cls)[name]
            cls = field.type
            if not field.is_required:
                place = path[:number]
    return place, field


def _text_of(field: Field | None, value: Any) -> str | None:
    """Return the text of a time in another form, and of a number in place of a word."""
    if field and field.type is Time:
        with suppress(ValueError):
            return format_time(parse_time(value))
    if field and field.type is OpenWord and type(value) in (int, float):
        return contract.dumps(value)
    return None


def _note(error: Any, place: Path) -> Note:
    """Return what is wrong, by an error of pydantic."""
    path, value = error["loc"], error["input"]
    name = path[-1] if path else "the object"
    if isinstance(name, int):
        name = f"item {name}"
    expected = EXPECTED.get(error["type"]) or error["msg"].removeprefix("Input should be ")
    found = f"expected {expected}, found {kind(value)} {brief(value, 40)}"
    if value is None or error["type"] == "missing":
        found = "required but absent"
    problem = "bad_field" if place else RECORD_REFUSED
    if place[-1:] == ("steps",):
        problem = "steps_not_read"
    return Note(problem, f"{name}: {found}", path)


def _put(holder: Any, path: Path, value: str | None) -> None:
    """Replace a value in JSON, unless what holds it was replaced."""
    *outer, name = path
    for part in outer:
        holder = holder[part] if holder else holder
    if holder:
        holder[name] = value
