"""Forms of anything: hostile schemas and questions are inputs, what is typed is an answer or an error."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from fuzz.made import Case, fuzz, json_values, nested, numbers, texts, unicode_texts
from runkit import jsontext
from runkit.contract import ACTION_TYPES
from runkit.widgets.fields import Field, clean, fields_of, json_object, parse_entries
from runkit.widgets.questions import Questionnaire

Json = dict[str, Any]
KEYWORDS = (
    *(
        "type",
        "title",
        "description",
        "default",
        "enum",
        "const",
        "minimum",
        "maximum",
        "maxLength",
        "minItems",
    ),
    *("maxItems", "format", "items", "properties", "required", "anyOf", "oneOf", "$ref", "$defs", "x-runkit"),
    *("pattern", "additionalProperties", "uniqueItems", "not", "allOf", "dependentRequired", "contains"),
)
TYPES = st.sampled_from(
    ["string", "integer", "number", "boolean", "array", "object", "null", ["string", "null"]]
)


def sub_schemas(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Schemas with schemas in them."""
    return st.fixed_dictionaries(
        {},
        optional={
            "type": TYPES,
            "title": texts,
            "description": texts | json_values,
            "default": json_values,
            "enum": st.lists(json_values | st.sampled_from(["a", "b", 1]), max_size=3),
            "minimum": numbers,
            "maximum": numbers,
            "maxLength": numbers | texts,
            "minItems": st.integers(-1, 3),
            "format": st.sampled_from(["date", "uri", "x"]),
            "items": inner,
            "properties": st.dictionaries(
                texts | st.sampled_from(["decision", "note", "rows"]), inner, max_size=3
            ),
            "required": st.lists(texts | st.just("note"), max_size=2),
            "anyOf": st.lists(inner | st.just({"type": "null"}), max_size=2),
            "$ref": st.sampled_from(["#", "#/$defs/a", "#/$defs/b", "https://evil.example/s", "x"]),
            "x-runkit": st.sampled_from(["long", "document", 3]),
        },
    )


schemas = st.builds(
    lambda properties, defs, more: {"type": "object", "properties": properties, "$defs": defs, **more},
    st.dictionaries(
        unicode_texts.filter(bool),
        st.recursive(json_values | st.just({"type": "string"}), sub_schemas, max_leaves=4),
        min_size=1,
        max_size=4,
    ),
    st.dictionaries(st.sampled_from(["a", "b"]), sub_schemas(st.just({"type": "string"})), max_size=2),
    st.dictionaries(st.sampled_from(KEYWORDS), json_values, max_size=1),
)
FLAT: Json = {
    "type": "object",
    "required": ["name"],
    "properties": {
        "name": {"type": "string", "maxLength": 50},
        "risk": {"type": "integer", "minimum": 1, "maximum": 10**30},
        "share": {"type": "number"},
        "is_final": {"type": "boolean"},
        "founded": {"type": "string", "format": "date"},
        "kind": {"enum": ["a", "b", 3]},
    },
}
FIELDS = fields_of(FLAT) or ()


def judged(fields: tuple[Field, ...], entries: Mapping[str, Any]) -> Json:
    """What was typed, read: values that JSON can say, or errors in words."""
    values, errors = parse_entries(fields, clean(fields, entries))
    assert all(isinstance(path, str) and words for path, words in errors.items())
    assert isinstance(jsontext.dumps(values), str)
    return values


@fuzz(20)
@given((schemas | json_values).map(Case))
def test_any_schema_is_fields_or_none(case: Case) -> None:
    """Fields that can be filled with nothing and with what stands there at first."""
    fields = fields_of(case.value)
    if fields is None:
        return
    assert 0 < len(fields) <= 40
    assert all(field.title and field.name for field in fields)
    judged(fields, {})
    judged(fields, {field.name: field.start for field in fields})


@fuzz(40)
@given(st.dictionaries(st.sampled_from([*FLAT["properties"], "other"]), json_values).map(Case))
def test_anything_typed_is_values_or_errors(case: Case) -> None:
    """Drafts of other versions, numbers that are none, rows of anything."""
    judged(FIELDS, case.value)


@fuzz(40)
@given(texts | numbers.map(str) | st.text("0123456789+-.eE ", max_size=12) | st.just("9" * 5_000))
def test_any_number_typed_is_read_or_refused(text: str) -> None:
    """Never infinite, never another one, never slow."""
    values, errors = parse_entries(FIELDS, clean(FIELDS, {"risk": text, "share": text, "name": "x"}))
    for name in ("risk", "share"):
        if text.strip() and values.get(name) is not None:
            assert float(values[name]) == float(text)
        elif text.strip():
            assert name in errors


@pytest.mark.parametrize("levels", [200, 5_000])
def test_a_deep_schema_is_no_flat_form(levels: int) -> None:
    """In a moment."""
    assert fields_of(nested({"type": "string"}, levels, name="properties")) is None


@fuzz(30)
@given(texts | st.text('{}[]":,0123456789eNaInfity ', max_size=20) | json_values.map(jsontext.dumps))
def test_any_json_typed_is_an_object_or_an_error(text: str) -> None:
    """Exactly what was typed, without what JSON does not know."""
    try:
        value = json_object(text)
    except ValueError as error:
        assert len(str(error)) < 500  # noqa: PT017
    else:
        assert jsontext.loads(jsontext.dumps(value).encode()) == value


questions = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from([*ACTION_TYPES, "document", "mixed", "combined_proposal"]) | json_values,
        "label": texts | json_values,
        "agent": texts | json_values,
        "artifacts": st.lists(
            st.fixed_dictionaries(
                {},
                optional={
                    "type": st.sampled_from(ACTION_TYPES),
                    "sources": json_values,
                    "payload": json_values,
                },
            )
            | json_values,
            max_size=2,
        ),
        "payload": st.dictionaries(
            st.sampled_from(["sources", "addresses", "people", "x"]),
            st.lists(json_values, max_size=3) | json_values,
            max_size=3,
        ),
        "document_types": json_values,
        "response_schema": schemas | json_values,
    },
)
combined = questions | st.builds(
    lambda value, proposals: {**value, "proposals": proposals},
    questions,
    st.lists(questions | json_values, max_size=3),
)


@fuzz(30)
@given(
    combined,
    st.dictionaries(
        st.sampled_from(["decision", "note", "raw", "sources", "people", "document_id"]), json_values
    ),
)
def test_any_question_has_a_form(value: Json, entries: Json) -> None:
    """At least approve, reject and the JSON editor; whatever is typed is judged."""
    form = Questionnaire(value)
    assert form.sections
    start = form.start()
    for entered in (
        start,
        {},
        {key: {**start[key], **entries} for key in start},
        {key: {**start[key], "decision": "approve"} for key in start},
    ):
        sent, errors = form.answer(form.received(entered))
        assert (sent is None) is bool(errors)
        if sent is not None:
            assert jsontext.dumps(sent)
            assert form.receipt(sent)


ROWS = {"add_sources": "sources", "add_attributes": "people"}
odd_cells = (
    st.sampled_from([None, "", [], " padded ", "a\nb", 5, 1.5, True, {"a": 1}, ["x", 2]]) | json_values
)


@fuzz(40)
@given(
    st.sampled_from(sorted(ROWS)),
    st.lists(
        st.dictionaries(
            st.sampled_from(["source_name", "tier", "source_type", "x", "y", "titles"]), odd_cells
        ),
        min_size=1,
        max_size=4,
    ),
    st.data(),
)
def test_untouched_rows_are_sent_as_they_came(kind: str, rows: list[Json], data: st.DataObject) -> None:
    """To the letter, whatever is in them, when one row is changed, one is removed and one is added."""
    table = ROWS[kind]
    key = {"add_sources": "url", "add_attributes": "name"}[kind]
    rows = [{**row, key: f"https://a.example/{number}"} for number, row in enumerate(rows)]
    for row in rows:
        if kind == "add_attributes":
            row.pop("titles", None)
    value = {"type": kind, "payload": {table: rows, "kept": [], "more": {"a": None}}}
    before = jsontext.dumps(value)
    form = Questionnaire(value)
    entries = form.start()["0"]
    changed = data.draw(st.integers(0, len(rows) - 1))
    entered = [dict(row) for row in entries[table]]
    entered[changed][key] = "https://b.example/new"
    sent_input, errors = form.answer({"0": {**entries, table: entered, "decision": "approve"}})
    assume(not errors)
    assert sent_input is not None
    [action] = sent_input["actions"]
    sent = action["payload"][table]
    assert len(sent) == len(rows)
    for number, (row, came) in enumerate(zip(sent, rows, strict=True)):
        if number != changed:
            assert jsontext.dumps(row) == jsontext.dumps(came)
    assert sent[changed][key] == "https://b.example/new"
    assert action["payload"]["kept"] == []
    assert jsontext.dumps(value) == before


@fuzz(20)
@given(st.lists(st.dictionaries(texts, odd_cells, max_size=3), min_size=1, max_size=3))
def test_a_proposal_that_nobody_changed_is_not_repeated(rows: list[Json]) -> None:
    """Whatever its rows hold, approving it sends the decision alone."""
    form = Questionnaire({"type": "add_sources", "payload": {"sources": rows}})
    sent, _ = form.answer({"0": {**form.start()["0"], "decision": "approve"}})
    assert sent == {"decision": "approve"}
    assert json.dumps(sent)
