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


def test_a_changed_proposal_is_sent_with_its_changes_only():
    """Each field of a row has an input, as JSON if it is not plain text."""
    hidden = {"url": "https://x.example", "source_name": "Board \u202e\u00ad\r\nend"}
    payload = {"sources": [SOURCE, hidden], "why": "license"}
    form = Questionnaire(asks("add_sources", payload=payload))
    names = {field.title: field.name for field in form.sections["0"].fields}
    start = form.received({})["0"] | {"decision": "approve"}
    assert start[names["Source 2: Name (JSON)"]] == r'"Board \u202e\u00ad\r\nend"'
    assert form.answer({"0": start})[0] == {"decision": "approve"}
    changes = {"Source 1: Tier": "primary", "Source 1: Weight (JSON)": "[4]", "Why": "permit"}
    typed = start | {names[title]: text for title, text in changes.items()}
    [action] = form.answer({"0": typed})[0]["actions"]
    changed = {**SOURCE, "tier": "primary", "weight": [4]}
    assert action == {
        "type": "add_sources",
        "payload": {"sources": [changed, hidden], "why": "permit"},
    }
    assert form.answer({"0": typed | {"decision": "reject"}})[0] == {"decision": "reject"}


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (" ", "must not be empty"),
        ("javascript:alert(1)", "must be a web address"),
        (r"https://evil.example\@sec.gov", "must be a web address"),
    ],
)
def test_a_web_address_stays_one(text, error):
    """What a person changed is judged, but only for an approval."""
    value = asks("add_sources", payload={"sources": [SOURCE]})
    url = {"proposed.0": text}
    assert answer(value, decision="approve", **url)[1]["proposed.0"].startswith(
        f"Source: URL {error}"
    )
    assert answer(value, decision="reject", **url)[0] == {"decision": "reject"}


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
