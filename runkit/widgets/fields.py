"""The inputs of a form: their declaration, and what is in them as values.

An entry is the content of an input as the page has it: a text, or dicts for rows; a choice is the JSON of its
value. Errors are messages by path ("note", "sources.0.url").
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from runkit import jsontext
from runkit.text import web_host

Json = dict[str, Any]
ROW_ID = "#"  # in the entry of a row, the number of the proposed row that it started as


@dataclass(frozen=True)
class Field:
    """One input.

    `kind` is text, long_text, choice, json, texts (one per line) or rows.
    `is_folded`: shown after a press on Edit. `columns` are the inputs of each row, and `row` is its name.
    """

    name: str
    title: str
    kind: str = "text"
    help: str = ""
    is_required: bool = False
    is_folded: bool = False
    choices: tuple[tuple[str, str], ...] = ()  # (label, the JSON of its value)
    max_length: int | None = None  # characters
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
            elif entry.strip():
                values[one.name] = _parse(one, entry.strip())
            elif one.is_required:
                errors[one.name] = "is required"
        except ValueError as error:
            errors[one.name] = str(error)
    return values, errors


def _parse(field: Field, text: str) -> Any:
    """Give the value of one input. Raises `ValueError` with a message for the person."""
    if not jsontext.is_unicode(text):
        raise ValueError("contains half of a character; type it again")
    if field.kind == "json":
        return json_object(text)
    if field.kind == "texts":
        return [line.strip() for line in text.split("\n") if line.strip()]
    if field.kind == "choice":
        return json.loads(text)
    if field.is_web and web_host(text) is None:
        raise ValueError("must be a web address that begins with https:// or http:// and a plain host name")
    if field.max_length is not None and len(text) > field.max_length:
        raise ValueError(f"must have at most {field.max_length:,} characters")
    return text


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
