"""What each kind of question asks for, what is sent, and what the button says it will do."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runkit.contract import KINDS
from runkit.objects import Document
from runkit.widgets.kinds import MAX_NOTE
from runkit.widgets.questionnaire import FormResult, Questionnaire

Json = dict[str, Any]
SOURCE = {"url": "https://board.example.gov/1", "source_name": "Board", "tier": "government", "weight": 3}
PERSON = {"name": "Priya Raman", "titles": ["Owner", "Dentist"], "id": 7}
LETTER = {"document_types": ["irs_letter"]}
DEEP = {"type": "object", "properties": {"decision": {"anyOf": [{"type": "string"}, {"type": "object"}]}}}
WIDE = {"type": "object", "properties": {f"f{number}": {"type": "string"} for number in range(40)}}
FLAT = {
    "type": "object",
    "required": ["decision", "risk"],
    "properties": {
        "decision": {"enum": ["approved", "rejected", "in_review"]},
        "risk": {"type": "integer", "minimum": 1, "maximum": 5},
    },
}


def asks(kind: str, **more: Any) -> Json:
    return {"type": kind, "label": "?", **more}


def validate(value: Json, **entries: Any) -> FormResult:
    """Type into the only section of a question, over what stands there at first."""
    form = Questionnaire(value)
    return form.validate({"0": {**form.start()["0"], **entries}})


def both(**second: Any) -> Json:
    """A combined proposal of two agents."""
    first = {"type": "verify_tin", "agent": "tin", "label": "Verify?"}
    return asks(
        "mixed", proposals=[first, {"type": "dismissal", "agent": "list", "label": "Dismiss?", **second}]
    )


@pytest.mark.parametrize(
    ("value", "entries", "sent", "caption", "is_irreversible"),
    [
        (asks("decision"), {"decision": "approved"}, {}, "Approve", True),
        (asks("decision"), {"decision": "rejected", "note": "no"}, {}, "Reject", True),
        (asks("decision"), {"decision": "in_review"}, {}, "Keep in review", False),
        (asks("dismissal"), {"decision": "approve", "note": "not him"}, {}, "Dismiss the hit", True),
        (asks("dismissal"), {"decision": "reject"}, {}, "Keep the hit", False),
        (asks("verify_tin"), {"decision": "approve"}, {}, "Verify the TIN", True),
        (asks("verify_tin"), {"decision": "reject"}, {}, "Don't verify the TIN", False),
        (
            asks("document"),
            {"decision": "provide", "document_id": "d"},
            {"decision": "approve"},
            "Provide the document",
            False,
        ),
        (
            asks("document"),
            {"decision": "without"},
            {"decision": "reject"},
            "Continue without a document",
            True,
        ),
        (asks("add_sources"), {"decision": "approve"}, {}, "Add the sources", False),
        (asks("add_sources"), {"decision": "reject", "note": "no"}, {}, "Don't add", False),
        (asks("add_attributes"), {"decision": "approve"}, {}, "Add to the business", False),
        (asks("else"), {"decision": "approve"}, {}, "Approve", True),
        (asks("else"), {"decision": "reject"}, {}, "Reject", True),
    ],
)
def test_each_kind(value: Json, entries: Json, sent: Json, caption: str, is_irreversible: bool) -> None:
    """The decision is sent with what was typed, the button says it, and what is final is known as such."""
    result = validate(value, **entries)
    assert (result.input, result.errors) == ({**entries, **sent}, {})
    assert (result.caption, result.is_irreversible) == (caption, is_irreversible)


@pytest.mark.parametrize(
    "kind", ["decision", "dismissal", "verify_tin", "document", "add_sources", "add_attributes"]
)
def test_nothing_is_chosen_at_first(kind: str) -> None:
    """No answer is chosen for the person, and without one nothing can be sent."""
    result = validate(asks(kind))
    assert (result.input, result.caption) == (None, "Send answer")
    assert result.errors["0"]["decision"] == "is required"


@pytest.mark.parametrize(
    ("value", "entries", "field", "error"),
    [
        (asks("dismissal"), {"decision": "approve"}, "note", "a dismissal needs a note that says why"),
        (asks("dismissal"), {"decision": "approve", "note": " \n"}, "note", "a dismissal needs a note"),
        (asks("dismissal"), {"decision": "reject", "note": "x" * (MAX_NOTE + 1)}, "note", "at most 5000"),
        (asks("document"), {"decision": "provide"}, "document_id", "choose a document"),
        (asks("decision"), {"decision": "approve"}, "decision", "is required"),
        (asks("else"), {}, "raw", "choose an answer above, or enter one here"),
        (asks("else"), {"raw": "{"}, "raw", "this is not JSON"),
        (asks("else"), {"raw": "[1]"}, "raw", "expected a JSON object"),
        (asks("else"), {"raw": '{"a": {"b": 1, "b": 2}}'}, "raw", "“b” occurs twice in the same object"),
        (asks("else"), {"raw": '{"a": NaN}'}, "raw", "“NaN” is not a number"),
        (asks("else"), {"raw": '{"a": -1e999}'}, "raw", "“-1e999” is not a number"),
        (asks("else"), {"raw": '{"a": ' + "[" * 99_999}, "raw", "nested too deeply"),
    ],
)
def test_what_does_not_fit(value: Json, entries: Json, field: str, error: str) -> None:
    """The error stands at its field, in words, and nothing can be sent."""
    result = validate(value, **entries)
    assert result.input is None
    assert list(result.errors["0"]) == [field]
    assert error in result.errors["0"][field]


def test_any_json_for_an_unknown_question() -> None:
    """What is written is sent as it stands instead of the choice, and the button says so."""
    result = validate(
        asks("else"), decision="approve", note="x", raw='{"verdict": [123456789012345678901, null]}'
    )
    assert result.input == {"verdict": [123456789012345678901, None]}
    assert (result.caption, result.is_irreversible) == ("Send the JSON", True)


# ------------------------------------------------------------------------------------------- what is proposed


@pytest.mark.parametrize(
    ("kind", "payload"),
    [
        ("add_sources", {"sources": [SOURCE]}),
        ("add_sources", {"sources": [{"url": " ftp://old ", "tier": 3}, {"source_name": "no url"}, {}]}),
        ("add_attributes", {"addresses": [{"full_address": "1 Main St", "zip": 1}], "people": [PERSON]}),
        ("add_attributes", {"people": [{"titles": [1]}], "more": "x"}),
    ],
)
@pytest.mark.parametrize("decision", ["approve", "reject"])
def test_an_unchanged_proposal_is_not_sent(kind: str, payload: Json, decision: str) -> None:
    """What the agent proposed, fit or not, is approved or rejected as it is and not sent back."""
    assert validate(asks(kind, payload=payload), decision=decision).input == {"decision": decision}


def test_a_changed_proposal_is_sent_whole() -> None:
    """The payload is sent with what was changed, added and left alone, and with keys that have no input."""
    form = Questionnaire(asks("add_sources", payload={"sources": [SOURCE], "why": "licence"}))
    rows = [
        {**form.start()["0"]["sources"][0], "tier": "primary"},
        {"url": " https://x.example ", "tier": ""},
    ]
    result = form.validate({"0": {"decision": "approve", "note": "two", "sources": rows}})
    sources = [{**SOURCE, "tier": "primary"}, {"url": "https://x.example"}]
    payload = {"sources": sources, "why": "licence"}
    assert result.input == {
        "decision": "approve",
        "note": "two",
        "actions": [{"type": "add_sources", "payload": payload}],
    }


def test_a_person_is_changed() -> None:
    """Titles stand one per line; a table that is left empty is not sent."""
    form = Questionnaire(
        asks("add_attributes", payload={"addresses": [{"full_address": "x"}], "people": [PERSON]})
    )
    people = [{**PERSON, "titles": "Owner\n\nPartner"}]
    result = form.validate({"0": {"decision": "approve", "addresses": [], "people": people}})
    assert result.input is not None
    assert result.input["actions"] == [
        {"type": "add_attributes", "payload": {"people": [{**PERSON, "titles": ["Owner", "Partner"]}]}}
    ]


@pytest.mark.parametrize(
    ("rows", "errors"),
    [
        ([], {"sources": "add a row to the sources, or reject the proposal"}),
        ([{"tier": "x"}], {"sources.0.url": "is required"}),
        ([SOURCE, {"url": "javascript:alert(1)"}], {"sources.1.url": "must be a web address that begins"}),
        ([{"url": "https://["}], {"sources.0.url": "must be a web address that begins"}),
        ([{"url": r"https://evil.example\@sec.gov"}], {"sources.0.url": "must be a web address that begins"}),
    ],
)
def test_changed_rows_must_fit(rows: list[Json], errors: dict[str, str]) -> None:
    """Rows that a person changed are judged, but only for an approval."""
    value = asks("add_sources", payload={"sources": [SOURCE]})
    found = validate(value, decision="approve", sources=rows).errors["0"]
    assert found.keys() == errors.keys()
    assert all(found[path].startswith(words) for path, words in errors.items())
    assert validate(value, decision="reject", sources=rows).input == {"decision": "reject"}


def test_a_document_is_chosen() -> None:
    """Documents on file are offered, what is asked for first; a chosen one is sent, the agent's is not."""
    on_file = [
        Document.from_json({"id": "d1", "document_type": "bill", "filename": "march.pdf"}),
        Document.from_json({"id": "d2", "document_type": "irs_letter"}),
    ]
    form = Questionnaire(asks("verify_tin", **LETTER), on_file)
    field = next(one for one in form.sections[0].fields if one.name == "document_id")
    assert field.choices == (("irs_letter: d2", "d2"), ("bill: march.pdf", "d1"))
    result = form.validate({"0": {"decision": "approve", "document_id": "d1"}})
    assert result.input is not None
    assert result.input["actions"] == [{"type": "verify_tin", "payload": {"document_id": "d1"}}]
    assert form.validate({"0": {"decision": "reject", "document_id": "d1"}}).input == {"decision": "reject"}


def test_documents_of_the_same_name() -> None:
    """They are told apart by their ids."""
    on_file = [Document.from_json({"id": name, "filename": "a.pdf"}) for name in ("d1", "d2")]
    fields = Questionnaire(asks("document"), on_file).sections[0].fields
    field = next(one for one in fields if one.name == "document_id")
    assert [shown for shown, _ in field.choices] == ["document: a.pdf, d1", "document: a.pdf, d2"]


def test_many_rows() -> None:
    """Rows that are too many to lay out are approved, rejected or answered as JSON, and it is said why."""
    form = Questionnaire(asks("add_sources", payload={"sources": [SOURCE] * 2000}))
    assert [field.name for field in form.sections[0].fields] == ["decision", "note", "raw"]
    assert "10,003 inputs, too many" in form.sections[0].fields[0].help
    assert form.validate({"0": {"decision": "approve"}}).input == {"decision": "approve"}


# --------------------------------------------------------------------------------------------- several in one


@pytest.mark.parametrize(
    ("decisions", "caption", "is_irreversible"),
    [
        (("approve", "approve"), "Approve all 2", True),
        (("approve", "reject"), "Approve 1 of 2", True),
        (("reject", "reject"), "Reject all 2", False),
        (("approve", None), "1 of 2 answered", True),
        ((None, None), "0 of 2 answered", False),
    ],
)
def test_a_combined_proposal(decisions: Any, caption: str, is_irreversible: bool) -> None:
    """Each proposal is answered on its own; the whole is sent when all are."""
    entries = {str(n): {"decision": word, "note": "why"} for n, word in enumerate(decisions)}
    result = Questionnaire(both()).validate(entries)
    assert (result.caption, result.is_irreversible) == (caption, is_irreversible)
    parts = zip(("tin", "list"), decisions, strict=True)
    whole = {"proposals": [{"agent": agent, "decision": word, "note": "why"} for agent, word in parts]}
    assert result.input == (None if None in decisions else whole)


def test_an_error_in_one_of_them() -> None:
    """It stands in its own section."""
    result = Questionnaire(both()).validate({"0": {"decision": "approve"}, "1": {"decision": "approve"}})
    assert (result.input, list(result.errors), list(result.errors["1"])) == (None, ["1"], ["note"])


@pytest.mark.parametrize("second", [{"agent": "tin"}, {"agent": None}, {"agent": 7}])
def test_proposals_that_cannot_be_told_apart(second: Json) -> None:
    """Without an agent for each, they are answered together."""
    form = Questionnaire(both(**second))
    assert len(form.sections) == 1
    assert form.validate({"0": {"decision": "reject"}}).input == {"decision": "reject"}


@pytest.mark.parametrize("proposal", [{"type": "dismissal"}, {"type": "x", "schema": WIDE}])
def test_many_proposals(proposal: Json) -> None:
    """Proposals that are too many to lay out are answered together, and it is said why."""
    n_proposals = 10 if "schema" in proposal else 1000
    agents = [{**proposal, "agent": f"a{number}"} for number in range(n_proposals)]
    form = Questionnaire(asks("mixed", proposals=agents))
    assert len(form.sections) == 1
    assert f"{n_proposals:,} proposals are too many" in form.sections[0].fields[0].help
    assert form.validate({"0": {"decision": "reject"}}).input == {"decision": "reject"}


# --------------------------------------------------------------------------------------- schemas of their own


def test_many_rows_at_first() -> None:
    """A schema whose defaults are too many rows to lay out is answered as JSON."""
    rows = {"type": "array", "items": WIDE, "default": [{}] * 50}
    form = Questionnaire(asks("x", schema={"type": "object", "properties": {"rows": rows}}))
    assert [field.name for field in form.sections[0].fields] == ["raw"]


def test_a_question_with_a_schema() -> None:
    """Its fields are the form; what they hold is sent under their names, numbers as numbers."""
    result = validate(asks("decision", response_schema=FLAT), decision="approved", risk="4")
    assert result.input == {"decision": "approved", "risk": 4}
    assert (result.caption, result.is_irreversible) == ("Approve", True)
    assert not validate(
        asks("decision", response_schema=FLAT), decision="in_review", risk="1"
    ).is_irreversible
    refused = validate(asks("decision", response_schema=FLAT), decision="approved", risk="9")
    assert refused.errors == {"0": {"risk": "must be at most 5"}}


def test_words_of_its_own_are_final() -> None:
    """A decision that runkit does not know may be one that cannot be taken back."""
    own = {"type": "object", "properties": {"decision": {"enum": ["yes", "no"]}}}
    result = validate(asks("decision", response_schema=own), decision="no")
    assert (result.caption, result.is_irreversible) == ("Send the answer", True)


@pytest.mark.parametrize("raw", ['{"decision": []}', '{"decision": {"a": 1}}', '{"decision": 1e999}', "{}"])
def test_a_schema_that_is_too_deep(raw: str) -> None:
    """It is answered as JSON, whatever that holds; what does not fit stands at the JSON."""
    result = validate(asks("decision", response_schema=DEEP), raw=raw)
    assert result.input is not None or list(result.errors["0"]) == ["raw"]


def test_an_error_without_a_field_is_shown() -> None:
    """What a schema wants of the whole, and that it cannot be used, stands at the last field."""
    for more, words in (({"minProperties": 9}, "minProperties"), ({"$defs": {"$id": "x"}}, "can't be used")):
        errors = validate(asks("x", response_schema={**FLAT, **more}), decision="approved", risk="1").errors
        assert list(errors["0"]) == ["risk"]
        assert words in errors["0"]["risk"]


# ---------------------------------------------------------------------------------------------- whatever else

words = st.text(max_size=8) | st.sampled_from(["\ud800", "type", "<b>", "approve", "https://x.example"])
leaves = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False) | words
shapes = ["type", "agent", "proposals", "artifacts", "payload", "response_schema", "properties", "required"]
inputs = [
    "decision",
    "note",
    "raw",
    "document_id",
    "sources",
    "url",
    "people",
    "titles",
    "addresses",
    "items",
]
keys = words | st.sampled_from([*shapes, *inputs, "enum", "document_types"])
kinds = st.sampled_from([*KINDS, "object", "string", "array"])
values = st.recursive(
    leaves | kinds,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(keys, inner, max_size=4)
        | st.fixed_dictionaries({"type": kinds}, optional={"payload": inner, "properties": inner})
    ),
    max_leaves=25,
)
objects = st.dictionaries(keys, values, max_size=5)


@given(objects, st.fixed_dictionaries({}, optional={"0": objects, "1": objects}))
def test_hostile_values(value: Json, entries: dict[str, Json]) -> None:
    """Whatever a question holds is a form, and whatever is typed into it is judged."""
    form = Questionnaire(value)
    for one in (form.start(), entries):
        result = form.validate(one)
        assert (result.input is None) is bool(result.errors)
        assert result.caption
