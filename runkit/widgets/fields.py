"""The inputs of a form: their declaration, what is in them as values, and a flat JSON Schema as inputs.

An entry is the content of an input as the page has it: a text, a bool for a flag, dicts for rows; a choice
is the JSON of its value. Errors are messages by path ("note", "sources.0.url"). A schema comes with a
question and is hostile text.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from runkit import jsontext
from runkit.text import shorten, web_host

Json = dict[str, Any]
MAX_FIELDS = 40  # of a schema; larger ones get the JSON editor
MAX_CHOICES = 200
MAX_DIGITS = 18  # of a number; JSON libraries read no more exactly
LONG_TEXT = 200  # characters; a text that may be longer gets several lines
ROW_ID = "#"  # in the entry of a row, the number of the proposed row that it started as
KINDS = {"string": "text", "integer": "integer", "number": "number", "boolean": "flag"}
NOT_FLAT = {"$ref", "allOf", "anyOf", "const", "else", "if", "not", "oneOf", "then"}
NOT_FLAT |= {"pattern", "patternProperties"}
INTEGER = re.compile(r"[+-]?[0-9]+")
NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")
# By keyword of the schema: the kinds of inputs it is for, and the message to who does not keep to it.
LIMITS = {
    "minimum": (("integer", "number"), "must be at least {:,}"),
    "maximum": (("integer", "number"), "must be at most {:,}"),
    "minLength": (("text", "long_text"), "must have at least {:,} characters"),
    "maxLength": (("text", "long_text"), "must have at most {:,} characters"),
}


@dataclass(frozen=True)
class Field:
    """One input.

    `kind` is text, long_text, integer, number, flag, choice, date, json, texts (one per line) or rows.
    `is_folded`: shown after a press on Edit. `columns` are the inputs of each row, and `row` is its name.
    """

    name: str
    title: str
    kind: str = "text"
    help: str = ""
    is_required: bool = False
    is_folded: bool = False
    choices: tuple[tuple[str, str], ...] = ()  # (label, the JSON of its value)
    limits: Mapping[str, float] = field(default_factory=dict)  # by keyword
    start: Any = ""  # the entry at first
    is_web: bool = False  # must be an http or https address
    columns: tuple[Field, ...] = ()
    row: str = ""


def objects(items: object) -> list[Json]:
    """Give the objects of a list; none if it is not a list."""
    return [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []


def text_of(value: Any) -> str:
    """Give the text of a JSON value for an input."""
    if value is None or isinstance(value, str):
        return value or ""
    return json.dumps(value, ensure_ascii=False)


def clean(fields: Sequence[Field], entries: Mapping[str, Any]) -> Json:
    """Give an entry of the right type for each input; what is none counts as empty."""
    return {one.name: _clean(one, entries.get(one.name)) for one in fields}


def _clean(field: Field, entry: Any) -> Any:
    if field.kind == "flag":
        return entry is True
    if field.kind == "choice":
        return entry if entry in [value for _, value in field.choices] else ""
    if field.kind != "rows":
        return entry if isinstance(entry, str) else ""
    return [
        clean(field.columns, row) | ({ROW_ID: row[ROW_ID]} if isinstance(row.get(ROW_ID), int) else {})
        for row in objects(entry)
    ]


def parse_entries(fields: Sequence[Field], entries: Mapping[str, Any]) -> tuple[Json, dict[str, str]]:
    """Parse clean entries into (values without empty ones, errors by path)."""
    values: Json = {}
    errors: dict[str, str] = {}
    for one in fields:
        entry = entries[one.name]
        try:
            if one.kind == "rows":
                parsed = [parse_entries(one.columns, row) for row in entry]
                values[one.name] = [row for row, _ in parsed]
                for number, (_, row_errors) in enumerate(parsed):
                    errors |= {f"{one.name}.{number}.{path}": text for path, text in row_errors.items()}
            elif one.kind == "flag":
                values[one.name] = entry
            elif entry.strip():
                values[one.name] = _parse(one, entry.strip())
            elif one.is_required:
                errors[one.name] = "is required"
        except ValueError as error:
            errors[one.name] = str(error)
    return values, errors


def _parse(field: Field, text: str) -> Any:
    """Give the value of one input. Raises `ValueError` with a message for the person."""
    value: Any = text
    if not jsontext.is_unicode(text):
        raise ValueError("contains half of a character; type it again")
    if field.kind == "json":
        return json_object(text)
    if field.kind == "texts":
        return [line.strip() for line in text.split("\n") if line.strip()]
    if field.kind == "choice":
        return json.loads(text)
    if field.kind == "date":
        try:
            return date.fromisoformat(text).isoformat()
        except ValueError:
            raise ValueError(f"must be a date such as 2026-02-03, not “{shorten(text, 20)}”") from None
    if field.kind in ("integer", "number"):
        value = _number(text, is_whole=field.kind == "integer")
    if field.is_web and web_host(text) is None:
        raise ValueError("must be a web address that begins with https:// or http:// and a plain host name")
    size = len(value) if isinstance(value, str) else value
    for keyword, limit in field.limits.items():
        if size < limit if keyword.startswith("min") else size > limit:
            raise ValueError(LIMITS[keyword][1].format(limit))
    return value


def _number(text: str, *, is_whole: bool) -> float:
    if INTEGER.fullmatch(text) and len(text) <= MAX_DIGITS:
        return int(text)
    if not is_whole and NUMBER.fullmatch(text) and math.isfinite(number := float(text)):
        return number
    expected = "a whole number such as 3" if is_whole else "a number such as 3.5"
    raise ValueError(f"must be {expected}, not “{shorten(text, 20)}”")


def json_object(text: str) -> Json:
    """Parse a JSON object exactly. Raises `ValueError` with a message for the person who typed it."""
    try:
        value = json.loads(text, object_pairs_hook=_unique_keys)
        jsontext.dumps(value)  # refuses NaN, and numbers and levels that cannot be sent
    except (ValueError, RecursionError) as error:
        raise ValueError(f"this is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise ValueError('expected a JSON object such as {"decision": "approve"}')
    return value


def _unique_keys(pairs: Sequence[tuple[str, Any]]) -> Json:
    if len(dict(pairs)) < len(pairs):
        raise ValueError("a key occurs twice in the same object; keep one of them")
    return dict(pairs)


def fields_of(schema: object) -> tuple[Field, ...] | None:
    """Give the inputs of a flat schema; None for any other, which gets the JSON editor."""
    if not isinstance(schema, dict) or NOT_FLAT & schema.keys():
        return None
    properties, required = schema.get("properties"), schema.get("required", [])
    if not isinstance(properties, dict) or not 0 < len(properties) <= MAX_FIELDS:
        return None
    if not isinstance(required, list) or not all(name in list(properties) for name in required):
        return None
    fields = [_field(name, one, is_required=name in required) for name, one in properties.items()]
    return None if None in fields else tuple(one for one in fields if one is not None)


def _field(name: str, schema: object, *, is_required: bool) -> Field | None:
    if not isinstance(schema, dict) or NOT_FLAT & schema.keys() or "." in name:
        return None
    choices, start = _choices(schema.get("enum")), schema.get("default")
    limits = {
        key: limit
        for key in LIMITS
        if isinstance(limit := schema.get(key), int | float) and not isinstance(limit, bool)
    }
    kind = KINDS.get(str(schema.get("type")))
    if "enum" in schema:
        kind = "choice" if choices else None
        start = text if (text := json.dumps(start)) in [value for _, value in choices] else ""
    elif schema.get("format") == "date":
        kind = "date"
    elif kind == "text" and limits.get("maxLength", 0) > LONG_TEXT:
        kind = "long_text"
    title, help_text = (schema.get(key) for key in ("title", "description"))
    title = _label(title) or _label(name.replace("_", " ").capitalize())
    if kind is None or not title:
        return None
    return Field(
        name,
        title,
        kind,
        shorten(help_text, 1000) if isinstance(help_text, str) else "",
        is_required,
        choices=choices,
        limits={key: limit for key, limit in limits.items() if kind in LIMITS[key][0]},
        start=start is True if kind == "flag" else text_of(start),
    )


def _choices(values: object) -> tuple[tuple[str, str], ...]:
    """Give the labels and values of an enum; none if a reader could not tell them apart."""
    if not isinstance(values, list) or not all(isinstance(value, str | int | float) for value in values):
        return ()
    labels = [shorten(v if isinstance(v, str) else json.dumps(v), 120) or "(blank)" for v in values]
    are_usable = len(set(labels)) == len(labels) <= MAX_CHOICES
    return tuple(zip(labels, map(json.dumps, values), strict=True)) if are_usable else ()


def _label(text: object) -> str:
    """Give a text that can label an input: one line of at most 120 characters; "" if it has no letters."""
    return shorten(text, 120) if isinstance(text, str) and any(map(str.isalnum, text)) else ""
