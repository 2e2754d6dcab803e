"""The inputs of a form: their declaration, the text in them as values, and a flat JSON Schema as inputs.

An entry is the content of an input as JSON: a text for what is typed, a bool for a flag, the value of a
choice, and dicts for rows. Errors are messages by path ("note", "sources.0.url"). A schema comes with a
question and is hostile text.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from runkit.text import UNSEEN, code, shorten, web_host

Json = dict[str, Any]
MAX_SCHEMA = 64 * 1024  # characters as JSON
MAX_FIELDS = 40  # of a schema; larger ones get the JSON editor
MAX_CHOICES = 200
MAX_NUMBER = 300  # digits; the time to read an integer grows with the square of their number
MAX_NAME = 100  # characters of a property's name
LONG_TEXT = 200  # characters; a text that may be longer gets several lines
ROW_ID = "#"  # in the entry of a row, the number of the proposed row that it started as
KINDS = {"string": "text", "integer": "integer", "number": "number", "boolean": "flag"}
NOT_FLAT = {
    "$ref",
    "allOf",
    "anyOf",
    "const",
    "else",
    "if",
    "not",
    "oneOf",
    "pattern",
    "patternProperties",
    "then",
}


@dataclass(frozen=True)
class Field:
    """One input.

    `kind` is text, long_text, integer, number, flag, choice, date, texts (one per line) or rows. `is_folded`:
    shown after a press on Edit. `columns` are the inputs of each row.
    """

    name: str
    title: str
    kind: str = "text"
    help: str = ""
    is_required: bool = False
    is_folded: bool = False
    choices: tuple[tuple[str, Any], ...] = ()  # (label, value)
    minimum: float | None = None
    maximum: float | None = None
    min_length: float | None = None
    max_length: float | None = None
    default: Any = None
    is_web: bool = False  # must be an http or https address
    columns: tuple[Field, ...] = ()

    def plain(self) -> Json:
        """Describe the input to the browser."""
        return {
            "name": self.name,
            "title": self.title,
            "kind": self.kind,
            "help": self.help,
            "folded": self.is_folded,
            "choices": [[label, number] for number, (label, _) in enumerate(self.choices)],
            "columns": [column.plain() for column in self.columns],
        }


# ----------------------------------------------------------------------------------------------- entries


def to_entries(fields: Sequence[Field], values: Mapping[str, Any]) -> Json:
    """Give the entries of inputs that are set to `values`, with defaults for the rest."""
    return {field.name: _to_entry(field, values.get(field.name, field.default)) for field in fields}


def _to_entry(field: Field, value: Any) -> Any:
    if field.kind == "flag":
        return value is True
    if field.kind == "choice":
        return next((choice for _, choice in field.choices if _is_same(choice, value)), None)
    if field.kind == "rows":
        rows = [row for row in value if isinstance(row, Mapping)] if isinstance(value, list) else []
        return [
            ({ROW_ID: row[ROW_ID]} if ROW_ID in row else {}) | to_entries(field.columns, row) for row in rows
        ]
    if field.kind == "texts" and isinstance(value, list):
        return "\n".join(map(_text, value))
    return _text(value)


def _is_same(one: Any, other: Any) -> bool:
    return type(one) is type(other) and bool(one == other)


def _text(value: Any) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    return json.dumps(value, ensure_ascii=False)


def parse_entries(fields: Sequence[Field], entries: Mapping[str, Any]) -> tuple[Json, dict[str, str]]:
    """Parse entries into (values without empty ones, errors by path)."""
    values: Json = {}
    errors: dict[str, str] = {}
    for field, entry in zip(fields, to_entries(fields, entries).values(), strict=True):
        try:
            if field.kind == "rows":
                value, row_errors = _parse_rows(field, entry)
                errors |= row_errors
            else:
                value = _parse(field, entry)
                _check_bounds(field, value)
        except ValueError as error:
            errors[field.name] = str(error)
        else:
            if value is not None:
                values[field.name] = value
            elif field.is_required:
                errors[field.name] = "is required"
    return values, errors


def parse_row(field: Field, row: Json) -> tuple[Json, dict[str, str]]:
    """Parse one row as `parse_entries` does, without the spaces around its texts."""
    inputs, errors = parse_entries(field.columns, row)
    return {name: _trimmed(value) for name, value in inputs.items()}, errors


def _parse_rows(field: Field, rows: list[Json]) -> tuple[list[Json] | None, dict[str, str]]:
    values: list[Json] = []
    errors: dict[str, str] = {}
    for number, row in enumerate(rows):
        inputs, row_errors = parse_row(field, row)
        values.append(({ROW_ID: row[ROW_ID]} if ROW_ID in row else {}) | inputs)
        errors |= {f"{field.name}.{number}.{path}": error for path, error in row_errors.items()}
    return values or None, errors


def _trimmed(value: Any) -> Any:
    """Remove spaces around a text; a line break at its end is visible in the input and is sent."""
    if isinstance(value, list):
        return [_trimmed(one) for one in value]
    return value.strip(" ") if isinstance(value, str) else value


def _parse(field: Field, entry: Any) -> Any:
    """Give the value of one input, None if it is empty. Raises `ValueError` with a message for the person."""
    if field.kind in ("flag", "choice"):
        return entry
    if not entry.strip():
        return None
    if any("\ud800" <= one <= "\udfff" for one in entry):
        raise ValueError("contains half of a character; type it again")
    if field.kind == "texts":
        return [line for line in entry.split("\n") if line.strip()]
    if field.kind == "date":
        try:
            return date.fromisoformat(entry.strip()).isoformat()
        except ValueError:
            raise ValueError(f"must be a date such as 2026-02-03, not “{shorten(entry, 20)}”") from None
    if field.kind in ("integer", "number"):
        return _number(entry.strip(), is_whole=field.kind == "integer")
    if field.is_web and web_host(entry.strip(" ")) is None:
        raise ValueError("must be a web address that begins with https:// or http:// and a plain host name")
    return entry


def _number(text: str, *, is_whole: bool) -> float:
    if len(text) <= MAX_NUMBER:
        if re.fullmatch(r"[+-]?[0-9]+", text):
            return int(text)
        if not is_whole and re.fullmatch(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?", text):
            number = float(text)
            if math.isfinite(number):
                return number
    expected = "a whole number such as 3" if is_whole else "a number such as 3.5"
    raise ValueError(f"must be {expected}, not “{shorten(text, 20)}”")


def _check_bounds(field: Field, value: Any) -> None:
    is_text, is_number = isinstance(value, str), isinstance(value, int | float)
    size = len(value) if is_text else value
    lower, upper = (field.min_length, field.max_length) if is_text else (field.minimum, field.maximum)
    unit = " characters" if is_text else ""
    if field.kind == "choice" or isinstance(value, bool) or not (is_text or is_number):
        return
    if upper is not None and size > upper:
        raise ValueError(f"must {'have' if is_text else 'be'} at most {upper:,}{unit}")
    if lower is not None and size < lower:
        raise ValueError(f"must {'have' if is_text else 'be'} at least {lower:,}{unit}")


# ------------------------------------------------------------------------------------ a question's schema


def fields_of(schema: object) -> tuple[Field, ...] | None:
    """Give the inputs of a flat schema; None for any other, which gets the JSON editor."""
    try:
        is_small = len(json.dumps(schema)) <= MAX_SCHEMA
    except (TypeError, ValueError, RecursionError):  # not JSON, or nested too deeply
        return None
    if not is_small or not isinstance(schema, dict) or NOT_FLAT & schema.keys():
        return None
    properties, required = schema.get("properties"), schema.get("required", [])
    if not isinstance(properties, dict) or not 0 < len(properties) <= MAX_FIELDS:
        return None
    if not isinstance(required, list) or not all(name in list(properties) for name in required):
        return None
    fields = [_field(name, one, is_required=name in required) for name, one in properties.items()]
    return None if None in fields else tuple(field for field in fields if field is not None)


def _field(name: str, schema: object, *, is_required: bool) -> Field | None:
    if not isinstance(schema, dict) or NOT_FLAT & schema.keys() or len(name) > MAX_NAME or "." in name:
        return None
    kind: str | None = KINDS.get(str(schema.get("type")))
    choices: tuple[tuple[str, Any], ...] | None = ()
    if "enum" in schema:
        kind, choices = "choice", _choices(schema["enum"])
    elif schema.get("format") == "date":
        kind = "date"
    elif kind == "text" and (_limit(schema, "maxLength") or 0) > LONG_TEXT:
        kind = "long_text"
    title = _label(schema.get("title")) or _label(name.replace("_", " ").capitalize())
    if kind is None or choices is None or not title:
        return None
    help_text = schema.get("description")
    return Field(
        name=name,
        title=title,
        kind=kind,
        help=shorten(help_text, 1000) if isinstance(help_text, str) else "",
        is_required=is_required,
        choices=choices,
        minimum=_limit(schema, "minimum"),
        maximum=_limit(schema, "maximum"),
        min_length=_limit(schema, "minLength"),
        max_length=_limit(schema, "maxLength"),
        default=schema.get("default"),
    )


def _choices(values: object) -> tuple[tuple[str, Any], ...] | None:
    if not isinstance(values, list) or not 0 < len(values) <= MAX_CHOICES:
        return None
    if not all(isinstance(value, str | int | float) for value in values):
        return None
    labels = [shorten(v if isinstance(v, str) else json.dumps(v), 120) or "(blank)" for v in values]
    # a reader must be able to tell them apart
    return tuple(zip(labels, values, strict=True)) if len(set(labels)) == len(labels) else None


def _label(text: object) -> str:
    """Give a text that can label an input: one line of at most 120 characters; "" if it has no letters."""
    return shorten(text, 120) if isinstance(text, str) and any(map(str.isalnum, text)) else ""


def _limit(schema: Mapping[str, Any], key: str) -> float | None:
    value = schema.get(key)
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def json_object(text: str) -> Json:
    """Parse a JSON object exactly. Raises `ValueError` with a message for the person who typed it."""
    try:
        value = json.loads(text, object_pairs_hook=_unique_keys, parse_float=_finite, parse_constant=_finite)
    except json.JSONDecodeError as error:
        raise ValueError(f"this is not JSON: {error}") from None
    except RecursionError:
        raise ValueError("this JSON is nested too deeply; remove some levels") from None
    if not isinstance(value, dict):
        raise ValueError('expected a JSON object such as {"decision": "approve"}')
    return value


def _unique_keys(pairs: Sequence[tuple[str, Any]]) -> Json:
    result = dict(pairs)
    if len(result) < len(pairs):
        raise ValueError("a key occurs twice in the same object; keep one of them")
    return result


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"“{shorten(text)}” is not a number that JSON allows")
    return number


# --------------------------------------------------------------------------------- invisible characters


class Codes:
    """Codes for the characters of a proposed text that an input would hide or lose.

    They depend only on the proposed text, so that a draft and a second page use the same.
    """

    def __init__(self, text: str, *, has_lines: bool) -> None:
        hidden = [
            one for one in dict.fromkeys(text) if UNSEEN.fullmatch(one) or (one == "\n" and not has_lines)
        ]
        self._codes = {one: _unused(code(one), text) for one in hidden}

    @property
    def hint(self) -> str:
        """Explain the codes; "" if there are none."""
        used = ", ".join(self._codes.values())
        return f"Invisible characters are shown as codes ({used}) and sent as characters." if used else ""

    def shown(self, text: str) -> str:
        """Give the text with codes."""
        return "".join(self._codes.get(one, one) for one in text)

    def typed(self, content: str) -> str:
        """Give the content of the input with characters in place of their codes."""
        characters = {code: one for one, code in self._codes.items()}
        pattern = "|".join(map(re.escape, sorted(characters, key=len, reverse=True)))
        return re.sub(pattern, lambda match: characters[match[0]], content) if pattern else content


def _unused(name: str, text: str) -> str:
    """Lengthen a code until the text does not contain it."""
    while name in text:
        name = f"\\{name}"
    return name
