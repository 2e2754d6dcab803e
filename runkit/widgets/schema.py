"""A flat JSON Schema as fields, and the entries of these fields as values and errors.

A schema comes from our own answer types or, as hostile text, with a question. Entries, the content of inputs,
are JSON: texts for what is typed, bools for flags, the value of a choice, and dicts for rows. Errors are
messages by path ("note", "sources.0.url") that follow "Error:", such as "is required".
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, TypeVar

from runkit.text import shorten

MAX_SCHEMA = 64 * 1024  # characters as JSON
MAX_FIELDS = 40  # in a form and in a row; larger schemas get the JSON editor
MAX_CHOICES = 200
MAX_DEFAULT = 5000  # characters as JSON
MAX_NUMBER = 400  # characters; a float has at most 309 digits before its point
MAX_NAME = 100  # characters of a property's name: it becomes a path and a DOM class
LONG_TEXT = 200  # characters; a text that may be longer gets several lines
KINDS = {"string": "text", "integer": "integer", "number": "number", "boolean": "flag", "array": "texts"}
NESTED = {"$dynamicRef", "allOf", "anyOf", "else", "if", "not", "oneOf", "prefixItems", "then"}
T = TypeVar("T")
YES_NO = (("yes", True), ("no", False))
PHRASES = {
    "const": "must be {}",
    "enum": "must be one of {}",
    "maximum": "must be at most {}",
    "maxItems": "must have at most {} of these",
    "maxLength": "must have at most {} characters",
    "minimum": "must be at least {}",
    "minItems": "must have at least {} of these",
    "minLength": "must have at least {} characters",
    "type": "must be of type {}",
}


@dataclass(frozen=True)
class Field:
    """One input of a form. `minimum` and `maximum` count the lines of "texts" and the rows of "rows"."""

    name: str
    title: str
    kind: str  # text, long_text, integer, number, flag, choice, date, texts (one per line), rows
    help: str = ""
    is_required: bool = False  # the input must not be empty
    sends_empty: bool = False  # an empty input is sent as null or an empty list, and not left out
    choices: tuple[tuple[str, Any], ...] = ()  # (label, value)
    minimum: float | None = None
    maximum: float | None = None
    max_length: float | None = None  # characters, of each line in "texts"
    default: Any = None
    columns: tuple[Field, ...] = ()
    hint: str = ""  # the schema's key "x-runkit"


class _NotFlat(Exception):
    """The schema does not describe a flat form."""


def fields_of(schema: object) -> tuple[Field, ...] | None:
    """Give the fields of a flat schema with one level of repeated rows; None for any other."""
    try:
        text = json.dumps(schema)
    except (TypeError, ValueError, RecursionError):  # not JSON, or nested too deeply
        return None
    try:
        if len(text) > MAX_SCHEMA:
            return None
        return _fields(schema, _expect(dict, schema).get("$defs", {}), in_row=False)
    except (_NotFlat, RecursionError):
        return None


def _fields(schema: object, defs: object, *, in_row: bool) -> tuple[Field, ...]:
    resolved, _ = _resolve(schema, defs)
    properties, required = (
        _expect(dict, resolved.get("properties")),
        _expect(list, resolved.get("required", [])),
    )
    if resolved.get("type", "object") != "object" or not 0 < len(properties) <= MAX_FIELDS:
        raise _NotFlat
    if not all(isinstance(name, str) and name in properties for name in required):
        raise _NotFlat
    return tuple(
        _field(name, sub, defs, is_required=name in required, in_row=in_row)
        for name, sub in properties.items()
    )


def _field(name: object, schema: object, defs: object, *, is_required: bool, in_row: bool) -> Field:
    if not isinstance(name, str) or len(name) > MAX_NAME or "." in name or not _label(name):
        raise _NotFlat
    resolved, is_nullable = _resolve(schema, defs)
    kind = KINDS.get(str(resolved.get("type")))
    choices: tuple[tuple[str, Any], ...] = ()
    columns: tuple[Field, ...] = ()
    bounds = ("minItems", "maxItems") if kind == "texts" else ("minimum", "maximum")
    longest, hint = _limit(resolved, "maxLength"), resolved.get("x-runkit")
    if "enum" in resolved or "const" in resolved:
        kind, choices = "choice", _choices(resolved)
    elif kind == "flag" and is_nullable:
        kind, choices = "choice", YES_NO
    elif kind == "texts":
        items, _ = _resolve(resolved.get("items"), defs)
        longest = _limit(items, "maxLength")
        if items.get("type") == "object" and not in_row:
            kind, columns = "rows", _fields(items, defs, in_row=True)
        elif items.get("type") != "string" or "enum" in items or "const" in items:
            raise _NotFlat
    elif kind == "text":
        if resolved.get("format") == "date":
            kind = "date"
        elif hint == "long" or (longest or 0) > LONG_TEXT:
            kind = "long_text"
    elif kind is None:
        raise _NotFlat
    if len(json.dumps(resolved.get("default"))) > MAX_DEFAULT:
        raise _NotFlat
    minimum, maximum = (_limit(resolved, key) for key in bounds)
    may_be_empty = is_nullable or (kind in ("texts", "rows") and not minimum)
    return Field(
        name=name,
        title=_label(resolved.get("title")) or _label(name.replace("_", " ").capitalize()),
        kind=kind,
        help=shorten(resolved["description"], 1000) if isinstance(resolved.get("description"), str) else "",
        is_required=is_required and not may_be_empty,
        sends_empty=is_required and may_be_empty,
        choices=choices,
        minimum=minimum,
        maximum=maximum,
        max_length=longest,
        default=resolved.get("default"),
        columns=columns,
        hint=hint if isinstance(hint, str) else "",
    )


def _resolve(schema: object, defs: object) -> tuple[Mapping[str, Any], bool]:
    """Give the schema without `$ref` and "or null", and whether null is allowed."""
    resolved, is_nullable = dict(_expect(dict, schema)), False
    options = _expect(list, resolved.pop("anyOf", [resolved]))
    if {"type": "null"} in options:
        is_nullable = True
        options = [option for option in options if option != {"type": "null"}]
    if len(options) != 1:
        raise _NotFlat
    resolved = {**_expect(dict, options[0]), **resolved}
    if "$ref" in resolved:
        start, _, name = str(resolved.pop("$ref")).rpartition("/")
        shared = _expect(dict, _expect(dict, defs).get(name) if start == "#/$defs" else None)
        named = ("title", "description")  # they describe the class, not this field
        resolved = {key: value for key, value in shared.items() if key not in named} | resolved
    types = resolved.get("type")
    if isinstance(types, list) and "null" in types and len(types) == 2:
        is_nullable, resolved["type"] = True, next((kind for kind in types if kind != "null"), None)
    if isinstance(resolved.get("enum"), list) and None in resolved["enum"]:
        is_nullable = True
    if "$ref" in resolved or NESTED & resolved.keys():
        raise _NotFlat
    return resolved, is_nullable


def _choices(resolved: Mapping[str, Any]) -> tuple[tuple[str, Any], ...]:
    values = _expect(list, resolved["enum"]) if "enum" in resolved else [resolved["const"]]
    values = [value for value in values if value is not None]  # null is the empty input
    if not 0 < len(values) <= MAX_CHOICES or not all(isinstance(v, str | int | float) for v in values):
        raise _NotFlat
    if len(set(values)) != len(values):  # 1 and True are one value to Python and to a Dropdown
        raise _NotFlat
    labels = [shorten(v if isinstance(v, str) else json.dumps(v), 120) or "(blank)" for v in values]
    if len(set(labels)) != len(labels):  # a reader could not tell them apart
        raise _NotFlat
    return tuple(zip(labels, values, strict=True))


def _label(text: object) -> str:
    """Give a text that can label an input: one line of at most 120 characters; "" if it has no letters."""
    return shorten(text, 120) if isinstance(text, str) and any(map(str.isalnum, text)) else ""


def _expect(kind: type[T], value: object) -> T:
    if not isinstance(value, kind):
        raise _NotFlat
    return value


def _limit(schema: Mapping[str, Any], key: str) -> float | None:
    value = schema.get(key)
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def to_entries(fields: Sequence[Field], values: Mapping[str, Any]) -> dict[str, Any]:
    """Give the entries of inputs that are set to `values` or to earlier entries, with defaults for the rest.

    `parse_entries(fields, to_entries(fields, values))` gives the values back, apart from empty ones. Entries
    are compared to find out whether a person has changed an answer.
    """
    return {field.name: _to_entry(field, values.get(field.name, field.default)) for field in fields}


def _to_entry(field: Field, value: Any) -> Any:
    if field.kind == "flag":
        return value is True
    if field.kind == "choice":
        return next((choice for _, choice in field.choices if choice == value), None)
    if field.kind == "rows":
        rows = value if isinstance(value, list) else []
        return [{**row, **to_entries(field.columns, row)} for row in rows if isinstance(row, Mapping)]
    if field.kind == "texts" and isinstance(value, list):
        return "\n".join(map(_text, value))
    return _text(value)


def _text(value: Any) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    return json.dumps(value, ensure_ascii=False)


def parse_entries(
    fields: Sequence[Field], entries: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, str]]:
    """Parse entries into (values, errors by path). Keys of a row without a column are kept as they are."""
    values: dict[str, Any] = {}
    errors: dict[str, str] = {}
    for field, entry in zip(fields, to_entries(fields, entries).values(), strict=True):
        value = None
        try:
            if field.kind != "rows":
                value = _parse(field, entry)
            elif entry:
                value, row_errors = _parse_rows(field, entry)
                errors |= row_errors
            _check_bounds(field, value)
        except ValueError as error:
            errors[field.name] = str(error)
        else:
            if value is not None:
                values[field.name] = value
            elif field.is_required:
                errors[field.name] = "is required"
            elif field.sends_empty:
                values[field.name] = [] if field.kind in ("texts", "rows") else None
    return values, errors


def _parse_rows(field: Field, rows: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], dict[str, str]]:
    values: list[dict[str, Any]] = []
    errors: dict[str, str] = {}
    columns = {column.name for column in field.columns}
    for number, row in enumerate(rows):
        inputs, row_errors = parse_entries(field.columns, row)
        values.append({key: value for key, value in row.items() if key not in columns} | inputs)
        errors |= {f"{field.name}.{number}.{path}": error for path, error in row_errors.items()}
    return values, errors


def _parse(field: Field, entry: Any) -> Any:
    """Give the value of one input, None if it is empty. Raises `ValueError` with a message for the person."""
    if field.kind in ("flag", "choice"):
        return entry
    if not entry.strip():
        return None
    if field.kind == "texts":
        return [line for line in entry.split("\n") if line.strip()]
    if field.kind == "date":
        try:
            return date.fromisoformat(entry.strip()).isoformat()
        except ValueError:
            raise ValueError(f"must be a date such as 2026-02-03, not “{shorten(entry, 20)}”") from None
    if field.kind in ("integer", "number"):
        return _number(entry.strip(), whole=field.kind == "integer")
    return entry


def _number(text: str, *, whole: bool) -> float:
    if len(text) <= MAX_NUMBER:  # the time to parse an integer grows with the square of its length
        if re.fullmatch(r"[+-]?[0-9]{1,300}", text):
            return int(text)
        if not whole and re.fullmatch(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?", text):
            number = float(text)
            if math.isfinite(number):
                return number
    expected = "a whole number such as 3" if whole else "a number such as 3.5"
    raise ValueError(f"must be {expected}, not “{shorten(text, 20)}”")


def _check_bounds(field: Field, value: Any) -> None:
    texts = value if field.kind == "texts" else [value]
    longest = max((len(text) for text in texts or () if isinstance(text, str)), default=0)
    if field.max_length is not None and longest > field.max_length:
        raise ValueError(constraint_message("maxLength", field.max_length))
    if field.kind in ("texts", "rows"):
        size = len(value or ()) if value or field.is_required else None
        lower, upper = "minItems", "maxItems"
    else:
        size, lower, upper = value, "minimum", "maximum"
    if field.kind in ("integer", "number", "texts", "rows") and size is not None:
        if field.minimum is not None and size < field.minimum:
            raise ValueError(constraint_message(lower, field.minimum))
        if field.maximum is not None and size > field.maximum:
            raise ValueError(constraint_message(upper, field.maximum))


def constraint_message(keyword: str, limit: object) -> str:
    """Describe what a keyword of the schema requires; a long limit is shortened."""
    if keyword not in PHRASES:
        return f"must fit “{keyword}” of the schema"
    return PHRASES[keyword].format(shorten(json.dumps(limit, ensure_ascii=False), 100))
