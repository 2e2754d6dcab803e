"""What each kind of question asks for, what is sent, and what the button says it will do."""

from __future__ import annotations

from typing import Any

import pytest

from runkit.api.contract import MAX_COMMENT
from runkit.api.other_models import Document
from runkit.widgets._questionnaire import Questionnaire

Json = dict[str, Any]
SOURCE = {
    "url": "https://board.example.gov/1",
    "source_name": "Board",
    "tier": "government",
    "weight": 3,
}
LETTER = {"document_types": ["irs_letter"]}


def asks(kind: str, **more: Any) -> Json:
    return {"type": kind, "label": "?", **more}


def answer(value: Json, **entries: Any) -> tuple[Json, Json]:
    """Type into the only section of a question; return the answer and the errors."""
    form = Questionnaire(value)
    sent, errors = form.answer(form.received({"0": entries}))
    return sent, errors.get("0", {})


def both(**second: Any) -> Json:
    """A combined proposal of two agents."""
    first = {"type": "verify_tin", "agent": "tin", "label": "Verify?"}
    return asks(
        "mixed",
        proposals=[first, {"type": "dismissal", "agent": "list", "label": "Dismiss?", **second}],
    )


@pytest.mark.parametrize(
    ("value", "entries", "receipt"),
    [
        (asks("decision"), {"decision": "approved"}, "Approved"),
        (asks("decision"), {"decision": "rejected", "note": "no"}, "Rejected"),
        (asks("decision"), {"decision": "in_review"}, "Kept in review"),
        (asks("dismissal"), {"decision": "approve", "note": "not him"}, "Hit dismissed"),
        (asks("dismissal"), {"decision": "reject"}, "Hit kept"),
        (asks("verify_tin"), {"decision": "approve"}, "TIN verified"),
        (asks("verify_tin"), {"decision": "reject"}, "TIN not verified"),
        (
            asks("document"),
            {"decision": "approve", "document_id": "d"},
            "Document provided",
        ),
        (asks("document"), {"decision": "reject"}, "Continued without a document"),
        (asks("add_sources"), {"decision": "approve"}, "Sources added"),
        (
            asks("add_sources", payload={"sources": [SOURCE]}),
            {"decision": "approve"},
            "Source added",
        ),
        (asks("add_sources"), {"decision": "reject", "note": "no"}, "Sources not added"),
        (asks("add_attributes"), {"decision": "approve"}, "Added to the business"),
        (asks("else"), {"decision": "approve"}, "Approved"),
        (asks("else"), {"decision": "reject"}, "Rejected"),
    ],
)
def test_the_answer_and_receipt_of_each_kind(value, entries, receipt):
    """The decision is sent with what was typed, and the receipt says what it did."""
    assert answer(value, **entries) == (entries, {})
    assert Questionnaire(value).receipt(entries) == receipt


@pytest.mark.parametrize(
    ("value", "entries", "field", "error"),
    [
        (asks("dismissal"), {"decision": "approve"}, "note", "A reason is required to dismiss."),
        (asks("dismissal"), {"decision": "approve", "note": " \n"}, "note", "A reason is required"),
        (
            asks("dismissal"),
            {"decision": "approve", "note": "half \ud83d"},
            "note",
            "half of a character",
        ),
        (
            asks("dismissal"),
            {"decision": "reject", "note": "x" * (MAX_COMMENT + 1)},
            "note",
            "at most 5,000",
        ),
        (asks("decision"), {"decision": "rejected"}, "note", "A reason is required to reject."),
        (asks("document"), {"decision": "approve"}, "document_id", "Choose a document"),
        (asks("decision"), {"decision": "approve"}, "decision", "Choose an answer."),
        (asks("else"), {"decision": "raw"}, "raw", "Type the answer as JSON."),
        (asks("else"), {"decision": "raw", "raw": "{"}, "raw", "is not JSON"),
        (asks("else"), {"decision": "raw", "raw": "[1]"}, "raw", "must be an object"),
        (asks("else"), {"decision": "raw", "raw": '{"a": NaN}'}, "raw", "is not JSON"),
        (asks("else"), {"decision": "raw", "raw": '{"a": -1e999}'}, "raw", "is not JSON"),
        (asks("else"), {"decision": "raw", "raw": '{"a": ' + "[" * 99_999}, "raw", "is not JSON"),
    ],
)
def test_a_wrong_entry_has_an_error_at_its_field(value, entries, field, error):
    """The error stands at its field, in words, and nothing can be sent."""
    sent, errors = answer(value, **entries)
    assert (sent, list(errors)) == ({}, [field])
    assert error in errors[field]


# --------------------------------------------------------------------------------- what is proposed


def test_a_changed_proposal_is_sent_whole():
    """The payload is sent with the changed cells, without rows whose first cell was cleared."""
    proposed = [SOURCE, {**SOURCE, "url": "https://x.example"}, {"weight": 7}]
    value = asks("add_sources", payload={"sources": proposed, "why": "license"})
    sent, _ = answer(
        value, decision="approve", note="two", **{"sources.0.tier": "primary", "sources.1.url": " "}
    )
    assert sent == {
        "decision": "approve",
        "note": "two",
        "actions": [
            {
                "type": "add_sources",
                "payload": {
                    "sources": [{**SOURCE, "tier": "primary"}, {"weight": 7}],
                    "why": "license",
                },
            }
        ],
    }
    cleared, _ = answer(value, decision="approve", **{"sources.0.tier": ""})
    assert "tier" not in cleared["actions"][0]["payload"]["sources"][0]


@pytest.mark.parametrize(
    ("cells", "error"),
    [
        ({"sources.0.url": ""}, "Keep at least one row, or reject the proposal."),
        ({"sources.0.url": "javascript:alert(1)"}, "Source: URL must be a web address"),
        ({"sources.0.url": "https://["}, "Source: URL must be a web address"),
        (
            {"sources.0.url": r"https://evil.example\@sec.gov"},
            "Source: URL must be a web address",
        ),
    ],
)
def test_changed_rows_are_checked_for_an_approval(cells, error):
    """Rows that a person changed are judged, but only for an approval."""
    value = asks("add_sources", payload={"sources": [SOURCE]})
    assert answer(value, decision="approve", **cells)[1]["sources.0.url"].startswith(error)
    assert answer(value, decision="reject", **cells)[0] == {"decision": "reject"}


def test_a_chosen_document_is_sent():
    """Documents on file are offered, the proposed type first; only the chosen one is sent."""
    on_file = [
        Document.from_json({"id": "d1", "document_type": "bill", "filename": "march.pdf"}),
        Document.from_json({"id": "d2", "document_type": "irs_letter"}),
    ]
    form = Questionnaire(asks("verify_tin", **LETTER), on_file)
    field = next(field for field in form.sections["0"].fields if field.name == "document_id")
    assert field.choices == (
        ("IRS letter: unnamed, unknown · d2", "d2"),
        ("Bill: march.pdf, unknown · d1", "d1"),
    )
    sent, _ = form.answer(form.received({"0": {"decision": "approve", "document_id": "d1"}}))
    assert sent["actions"] == [{"type": "verify_tin", "payload": {"document_id": "d1"}}]
    assert (
        "document_id"
        in form.answer(form.received({"0": {"decision": "approve", "document_id": "d9"}}))[1]["0"]
    )
    no = {"0": {"decision": "reject", "document_id": "d1"}}
    assert form.answer(form.received(no))[0] == {"decision": "reject"}


# ----------------------------------------------------------------------------------- several in one


@pytest.mark.parametrize(
    "decisions", [("approve", "approve"), ("approve", "reject"), ("approve", ""), ("", "")]
)
def test_each_part_of_a_combined_proposal_has_its_answer(decisions):
    """Each proposal is answered on its own; the whole is sent when all are."""
    entries = {str(n): {"decision": word, "note": "why"} for n, word in enumerate(decisions)}
    form = Questionnaire(both())
    sent, errors = form.answer(form.received(entries))
    parts = zip(("tin", "list"), decisions, strict=True)
    whole = {
        "proposals": [{"agent": agent, "decision": word, "note": "why"} for agent, word in parts]
    }
    assert "" in decisions or sent == whole
    assert [key for key, found in errors.items() if "decision" in found] == [
        str(n) for n, word in enumerate(decisions) if not word
    ]


@pytest.mark.parametrize("name", ["response_schema", "responseSchema", "schema"])
def test_a_question_with_a_schema_is_answered_as_json(name):
    value = asks(
        "decision", **{name: {"type": "object", "properties": {"risk": {"type": "integer"}}}}
    )
    [section] = Questionnaire(value).sections.values()
    assert [field.name for field in section.fields] == ["note", "raw"]
    assert answer(value, decision="raw", raw='{"risk": 4}')[0] == {"risk": 4}
    assert answer(value, decision="raw")[1] == {"raw": "Type the answer as JSON."}


# ------------------------------------------------------------------------------- to and from a page


def test_invisible_characters_are_codes():
    """They can be seen in an input; a cell that nobody changed is sent as it came."""
    name = "Board \u202e\r\nend"
    form = Questionnaire(
        asks("add_sources", payload={"sources": [{**SOURCE, "source_name": name}]})
    )
    entries = form.received({})["0"] | {"decision": "approve", "sources.0.tier": "primary"}
    assert entries["sources.0.source_name"] == r"Board \u202e\nend"
    sent, _ = form.answer({"0": entries})
    assert sent["actions"][0]["payload"]["sources"] == [
        {**SOURCE, "source_name": name, "tier": "primary"}
    ]
