"""Flat JSON Schemas as fields, what was typed as values and errors, and the last word on values."""

from __future__ import annotations

import json
import time
from datetime import date
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel
from pydantic import Field as Said

from runkit.widgets.schema import Field, fields_of, parse_entries, to_entries
from runkit.widgets.schema_check import MAX_COST, check


class Source(BaseModel):
    """A row."""

    url: str
    pages: int | None = Said(None, ge=1)


class Answer(BaseModel):
    """An answer with one field of each kind."""

    decision: Literal["approve", "reject"]
    note: str | None = Said(None, max_length=500, description="Why?")
    legal_name: str = Said(max_length=20)
    risk: int = Said(3, ge=1, le=5)
    share: float | None = None
    is_final: bool = False
    is_foreign: bool | None = None
    founded: date | None = None
    links: list[str] = []
    sources: list[Source] = Said(min_length=1)
    document_id: str | None = Said(None, json_schema_extra={"x-runkit": "document"})


SCHEMA = Answer.model_json_schema()
GIVEN = {"decision": "approve", "legal_name": "Ada & Co", "sources": [{"url": "https://example.com"}]}


def fields(schema: Any = SCHEMA) -> tuple[Field, ...]:
    found = fields_of(schema)
    assert found is not None
    return found


def form(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties}


def test_kinds() -> None:
    """Each field of a pydantic model becomes an input of the kind that its type asks for."""
    assert {field.name: field.kind for field in fields()} == {
        "decision": "choice",
        "note": "long_text",
        "legal_name": "text",
        "risk": "integer",
        "share": "number",
        "is_final": "flag",
        "is_foreign": "choice",
        "founded": "date",
        "links": "texts",
        "sources": "rows",
        "document_id": "text",
    }


def test_what_a_field_knows() -> None:
    """Title, help, limits, default, hint, choices and columns come from the schema."""
    named = {field.name: field for field in fields()}
    assert named["decision"].choices == (("approve", "approve"), ("reject", "reject"))
    assert named["is_foreign"].choices == (("yes", True), ("no", False))
    assert (named["note"].help, named["note"].max_length) == ("Why?", 500)
    assert (named["risk"].minimum, named["risk"].maximum, named["risk"].default) == (1, 5, 3)
    assert [column.kind for column in named["sources"].columns] == ["text", "integer"]
    assert named["document_id"].hint == "document"
    assert [name for name, field in named.items() if field.is_required] == [
        "decision",
        "legal_name",
        "sources",
    ]


def test_name_in_words() -> None:
    """A property without a title is called by its name in words, and never by the name of a shared class."""
    shared = {"title": "Kind", "enum": ["a"]}
    schema = form(ask_again={"type": "boolean"}, which={"$ref": "#/$defs/K"}) | {"$defs": {"K": shared}}
    assert [field.title for field in fields(schema)] == ["Ask again", "Which"]


@pytest.mark.parametrize(
    "schema",
    [
        True,
        None,
        [],
        {},
        {"type": "string"},
        form(),
        form(a=True),
        form(a={"type": "object", "properties": {"b": {"type": "string"}}}),
        form(a={"type": "array"}),
        form(a={"type": "array", "items": {"type": "array", "items": {"type": "string"}}}),
        form(a={"type": "array", "prefixItems": [{"type": "string"}]}),
        form(a={"anyOf": [{"type": "string"}, {"type": "number"}]}),
        form(a={"oneOf": [{"type": "string"}]}),
        form(a={"allOf": [{"type": "string"}]}),
        form(a={"$ref": "https://example.com/schema"}),
        form(a={"$ref": "#/$defs/a"}) | {"$defs": {"a": {"$ref": "#/$defs/a"}}},
        form(a={"type": ["string", "number"]}),
        form(a={"type": ["null", "null"]}),
        form(a={"enum": []}),
        form(a={"enum": [{"b": 1}]}),
        form(a={"enum": [1, True]}),
        form(a={"enum": [1, "1"]}),
        form(a={"enum": ["x" * 130 + "1", "x" * 130 + "2"]}),
        form(a={"type": "string", "default": "x" * 5000}),
        form(a={"type": "string"}) | {"required": ["a"] * 20_000},
        form(a={"type": {}}),
        form(**{"a.b": {"type": "string"}}),
        form(**{"": {"type": "string"}}),
        form(**{"a" * 101: {"type": "string"}}),
        form(**{f"a{n}": {"type": "string"} for n in range(10_000)}),
        form(a={"type": "string"}) | {"required": ["b"]},
        form(a={"type": "string"}) | {"required": 5},
    ],
)
def test_deeper_schemas(schema: Any) -> None:
    """What is no flat form of a sensible size is left to the JSON editor."""
    assert fields_of(schema) is None


def test_values_of_what_was_typed() -> None:
    """Numbers, dates and lines are read from text; optional inputs that are empty are left out."""
    entries = {"risk": " 4 ", "share": "2.5", "founded": "2026-02-03", "links": "a\n\nb", "is_foreign": False}
    rows = {"sources": [{"url": "x", "pages": ""}], "decision": "reject", "legal_name": "Ada"}
    values, errors = parse_entries(fields(), entries | rows)
    assert errors == {}
    assert values == {
        "decision": "reject",
        "legal_name": "Ada",
        "risk": 4,
        "share": 2.5,
        "is_final": False,
        "is_foreign": False,
        "founded": "2026-02-03",
        "links": ["a", "b"],
        "sources": [{"url": "x"}],
    }
    assert Answer.model_validate(values)


@pytest.mark.parametrize(
    ("path", "entries", "words"),
    [
        ("decision", {"decision": None}, "is required"),
        ("decision", {"decision": "perhaps"}, "is required"),
        ("legal_name", {"legal_name": "  "}, "is required"),
        ("legal_name", {"legal_name": "a" * 21}, "must have at most 20 characters"),
        ("risk", {"risk": "3,5"}, "must be a whole number such as 3, not “3,5”"),
        ("risk", {"risk": "9" * 5000}, "must be a whole number such as 3, not “9999999999999999999…”"),
        ("risk", {"risk": "0"}, "must be at least 1"),
        ("risk", {"risk": "6"}, "must be at most 5"),
        ("share", {"share": "1e999"}, "must be a number such as 3.5, not “1e999”"),
        ("share", {"share": "1" * 50_000 + "x"}, "must be a number such as 3.5, not “1111111111111111111…”"),
        ("share", {"share": "nan"}, "must be a number such as 3.5, not “nan”"),
        ("founded", {"founded": "3.2.2026"}, "must be a date such as 2026-02-03, not “3.2.2026”"),
        ("sources", {"sources": []}, "must have at least 1 of these"),
        ("sources.1.url", {"sources": [{"url": "x"}, {}]}, "is required"),
        ("sources.0.pages", {"sources": [{"url": "x", "pages": "0"}]}, "must be at least 1"),
    ],
)
def test_errors_in_words(path: str, entries: dict[str, Any], words: str) -> None:
    """What does not fit is said in words under the path of its input."""
    assert parse_entries(fields(), GIVEN | entries)[1] == {path: words}


def test_rows_keep_what_has_no_column() -> None:
    """Keys of a row that nobody can see or change come back as they were."""
    row = {"url": "x", "pages": 2, "confidence": {"score": 0.5}, "tags": [1]}
    values, errors = parse_entries(fields(), to_entries(fields(), GIVEN | {"sources": [row]}))
    assert (values["sources"], errors) == ([row], {})


def test_empty_but_required() -> None:
    """A key that must be there and may be null or an empty list is sent although nothing was typed."""
    schema = form(a={"type": ["string", "null"]}, b={"type": "array", "items": {"type": "string"}})
    assert parse_entries(fields(schema | {"required": ["a", "b"]}), {}) == ({"a": None, "b": []}, {})


def test_optional_rows() -> None:
    """No rows at all are left out, also where some would have to be two."""
    schema = form(a={"type": "array", "minItems": 2, "items": {"type": "string"}})
    assert parse_entries(fields(schema), {}) == ({}, {})
    assert parse_entries(fields(schema), {"a": "x"}) == ({}, {"a": "must have at least 2 of these"})


LINES = st.text(st.characters(codec="utf-8", exclude_characters="\n"), min_size=1).filter(str.strip)
ANSWERS = st.fixed_dictionaries(
    {
        "decision": st.sampled_from(["approve", "reject"]),
        "legal_name": LINES.map(lambda text: text[:20]).filter(str.strip),
        "risk": st.integers(1, 5),
        "is_final": st.booleans(),
        "sources": st.lists(
            st.fixed_dictionaries({"url": LINES}, optional={"pages": st.integers(1)}), min_size=1
        ),
    },
    optional={
        "note": LINES,
        "share": st.floats(allow_nan=False, allow_infinity=False),
        "is_foreign": st.booleans(),
        "founded": st.dates().map(date.isoformat),
        "links": st.lists(LINES, min_size=1),
    },
)


@given(ANSWERS)
def test_round_trip(answer: dict[str, Any]) -> None:
    """Values that are put into the inputs and read back are the same, also by way of a draft in JSON."""
    entries = json.loads(json.dumps(to_entries(fields(), answer)))
    assert parse_entries(fields(), entries) == (answer, {})
    assert to_entries(fields(), entries) == entries


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from([field.name for field in fields()]), JSON))
def test_odd_drafts(entries: dict[str, Any]) -> None:
    """Whatever a draft of another version holds, reading it gives values and errors."""
    parse_entries(fields(), entries)


KEYS = sorted(
    {"$ref", "$defs", "$id", "$schema", "type", "enum", "const", "properties", "required", "items", "anyOf"}
    | {"title", "default", "minimum", "maximum", "maxLength", "minItems", "format", "pattern", "multipleOf"}
    | {"patternProperties", "additionalProperties", "not", "x-runkit", "a"}
)
WORDS = ["#", "#/$defs/a", "object", "array", "string", "null", "integer", "date", "a", "http://[", 0, 1e308]
HOSTILE = st.recursive(
    JSON | st.sampled_from(WORDS),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=5),
    max_leaves=20,
)


@given(HOSTILE, JSON)
def test_hostile_schemas(schema: Any, value: Any) -> None:
    """No schema makes the form or the check raise."""
    found = fields_of(schema)
    if found is not None:
        parse_entries(found, to_entries(found, value if isinstance(value, dict) else {}))
    assert all(isinstance(words, str) for words in check(schema, value).values())


def test_last_word() -> None:
    """The errors of a check are words by path; long values are not repeated."""
    schema = form(note={"type": "string", "maxLength": 3}, rows={"items": {"required": ["url"]}})
    value = {"note": "secret" * 1000, "rows": [{}, {"url": 1}]}
    assert check(schema, value) == {
        "note": "must have at most 3 characters",
        "rows.0.url": "is required",
    }
    assert len(check({"enum": ["a" * 5000]}, "b")[""]) < 130
    assert check(SCHEMA, GIVEN) == {}


DEEP: dict[str, Any] = {}
for _ in range(5000):
    DEEP = {"not": DEEP}
OFTEN = [{"$ref": "#/$defs/a"}] * 900
BOMB = {f"d{n}": {"anyOf": [{"$ref": f"#/$defs/d{n + 1}"}] * 2} for n in range(40)} | {"d40": False}


@pytest.mark.parametrize(
    ("schema", "reason"),
    [
        (True, "not an object"),
        ({"type": 5}, "malformed"),
        ({"$ref": "https://example.com/schema"}, "another document"),
        ({"$ref": "https://json-schema.org/draft/2020-12/schema"}, "another document"),
        ({"$ref": "#"}, "recursion"),
        ({"$ref": "#a", "$defs": {"a": {"$anchor": "a"}}}, "to an anchor"),
        ({"$ref": "#/nowhere"}, "nowhere"),
        ({"not": {"$schema": "http://json-schema.org/draft-07/schema#"}}, "“$schema”"),
        ({"description": "a" * 70_000}, "70,019 characters"),
        (DEEP, "recursion"),
        ({"$defs": BOMB, "$ref": "#/$defs/d0"}, "takes too long"),
        ({"$defs": {"a": {"required": [str(n) for n in range(4000)]}}, "anyOf": OFTEN}, "takes too long"),
        ({"$defs": {"a": {"anyOf": [False] * 4000}}, "anyOf": OFTEN}, "takes too long"),
        ({"$defs": {"a": {"allOf": [{}] * 8000}}, "allOf": OFTEN}, "takes too long"),
        ({"minimum": float("nan")}, "JSON"),
    ],
)
def test_schemas_that_cannot_be_used(schema: Any, reason: str) -> None:
    """Under the empty path it is said that the schema cannot be used, and why, within seconds."""
    begin = time.process_time()
    errors = check(schema, {})
    assert time.process_time() - begin < 5
    assert list(errors) == [""]
    assert errors[""].startswith("this question's schema can't be used: ")
    assert reason in errors[""]
    assert "client.runs.resume(" in errors[""]


def test_the_work_of_an_ordinary_check() -> None:
    """A long answer is well within what a check may be."""
    rows = [{"url": f"https://example.com/{n}", "pages": n + 1} for n in range(50)]
    assert check(SCHEMA, GIVEN | {"sources": rows, "note": "x" * 500}, MAX_COST // 4) == {}


def test_items_are_not_compared_with_each_other() -> None:
    """Whether all are different is left to the server: among objects, that is the square of their number."""
    begin = time.process_time()
    assert check({"uniqueItems": True}, [{"a": n} for n in range(10_000)]) == {}
    assert time.process_time() - begin < 2


@pytest.mark.parametrize(
    "schema",
    [
        {"additionalProperties": {"pattern": "^(a+)+$"}},
        {"patternProperties": {"^(a+)+$": False}, "additionalProperties": False},
        {"patternProperties": {"^(a+)+$": False}, "unevaluatedProperties": False},
        {"propertyNames": {"pattern": "^(a+)+$"}},
        {"$schema": "http://json-schema.org/draft-07/schema#", "propertyNames": {"pattern": "^(a+)+$"}},
    ],
)
def test_patterns_are_not_run(schema: dict[str, Any]) -> None:
    """A pattern that would take years is not run, wherever it stands."""
    assert check(schema, {"a" * 60 + "!": "a" * 60 + "!"}) == {}
