"""Forms of anything: hostile questions are inputs, what is typed is an answer or an error."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import assume, given
from hypothesis import strategies as st

from fuzz.made import fuzz, json_values, texts
from runkit import jsontext
from runkit.contract import ACTION_TYPES
from runkit.widgets.fields import json_object
from runkit.widgets.questions import Questionnaire

Json = dict[str, Any]


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
        "response_schema": json_values,
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
