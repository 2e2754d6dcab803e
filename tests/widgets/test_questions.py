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
    ("kind", "decision", "receipt"),
    [
        ("decision", "approved", "Approved"),
        ("decision", "rejected", "Rejected"),
        ("decision", "in_review", "Kept in review"),
        ("dismissal", "approve", "Hit dismissed"),
        ("dismissal", "reject", "Hit kept"),
        ("verify_tin", "approve", "TIN verified"),
        ("verify_tin", "reject", "TIN not verified"),
        ("document", "reject", "Continued without a document"),
        ("add_sources", "approve", "Sources added"),
        ("add_sources", "reject", "Sources not added"),
        ("add_attributes", "approve", "Added to the business"),
        ("else", "approve", "Approved"),
    ],
)
def test_the_answer_and_receipt_of_each_kind(kind, decision, receipt):
    """The decision is sent with what was typed, and the receipt says what it did."""
    entries = {"decision": decision, "note": "not him"}
    assert answer(asks(kind), **entries) == (entries, {})
    assert Questionnaire(asks(kind)).receipt(entries) == receipt


@pytest.mark.parametrize(
    ("value", "entries", "field", "error"),
    [
        (asks("dismissal"), {"decision": "approve"}, "note", "A reason is required to dismiss."),
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
        (asks("else"), {"decision": "raw", "raw": "[1]"}, "raw", "must be an object"),
        (asks("else"), {"decision": "raw", "raw": '{"a": NaN}'}, "raw", "is not JSON"),
    ],
)
def test_a_wrong_entry_has_an_error_at_its_field(value, entries, field, error):
    """The error stands at its field, in words, and nothing can be sent."""
    sent, errors = answer(value, **entries)
    assert (sent, list(errors)) == ({}, [field])
    assert error in errors[field]


# --------------------------------------------------------------------------------- what is proposed


def test_a_proposal_is_sent_only_if_it_was_changed():
    """It is shown as JSON with invisible characters as codes, and judged only for an approval."""
    payload = {
        "sources": [{**SOURCE, "source_name": "Board \u202e\u00ad\r\nend"}],
        "why": "license",
    }
    form = Questionnaire(asks("add_sources", payload=payload))
    start = form.received({})["0"] | {"decision": "approve"}
    assert r"Board \u202e\u00ad\r\nend" in start["payload"]
    assert form.answer({"0": start})[0] == {"decision": "approve"}
    edited = start | {"payload": start["payload"].replace("government", "primary")}
    payload["sources"][0]["tier"] = "primary"
    [action] = form.answer({"0": edited})[0]["actions"]
    assert action == {"type": "add_sources", "payload": payload}
    for decision, fields in (("approve", ["payload"]), ("reject", [])):
        wrong = start | {"payload": " ", "decision": decision}
        assert [*form.answer({"0": wrong})[1].get("0", {})] == fields


def test_a_chosen_document_is_sent():
    """Documents on file are offered, the requested type first."""
    on_file = [
        Document.from_json({"id": "d1", "document_type": "bill", "filename": "march.pdf"}),
        Document.from_json({"id": "d2", "document_type": "irs_letter"}),
    ]
    form = Questionnaire(asks("document", **LETTER), on_file)
    field = next(field for field in form.sections["0"].fields if field.name == "document_id")
    assert field.choices == (
        ("IRS letter: unnamed, unknown · d2", "d2"),
        ("Bill: march.pdf, unknown · d1", "d1"),
    )
    yes = {"decision": "approve", "document_id": "d1"}
    assert form.answer(form.received({"0": yes}))[0] == yes
    assert "document_id" in form.answer(form.received({"0": yes | {"document_id": "d9"}}))[1]["0"]
    assert form.answer(form.received({"0": yes | {"decision": "reject"}}))[0] == {
        "decision": "reject"
    }


# ----------------------------------------------------------------------------------- several in one


@pytest.mark.parametrize("decisions", [("approve", "reject"), ("approve", "")])
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


def test_a_question_with_a_schema_is_answered_as_json():
    value = asks("decision", responseSchema={"type": "object"})
    [section] = Questionnaire(value).sections.values()
    assert [field.name for field in section.fields] == ["note", "raw"]
    assert answer(value, decision="raw", raw='{"risk": 4}')[0] == {"risk": 4}
    assert answer(value, decision="raw")[1] == {"raw": "Type the answer as JSON."}
