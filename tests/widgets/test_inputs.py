"""What each kind of question asks for, what is sent, and what the button says it will do."""

from __future__ import annotations

import json
from typing import Any

import pytest

from runkit.api.models import Document
from runkit.api.question_kinds import TABLE, answer_errors
from runkit.widgets._inputs import QuestionInputs, WrongInput

Json = dict[str, Any]


def asks(kind: str, **more: Any) -> Json:
    return {"type": kind, "label": "?", **more}


def inputs_of(value: Json, word: str | None = None, **typed: str) -> QuestionInputs:
    """Type into the inputs of a question, the first of several."""
    inputs = QuestionInputs(value, lambda change: None)
    first = inputs.proposals[0]
    for name, text in typed.items():
        first.texts[name].value = text
    first.choice.value = word
    return inputs


def answer(value: Json, word: str, **typed: str) -> Json:
    return inputs_of(value, word, **typed).answer()


WORDS = [(kind.name, choice.word, choice.button) for kind in TABLE for choice in kind.choices]


@pytest.mark.parametrize(("kind", "word", "button"), [row for row in WORDS if row[1] != "raw"])
def test_each_answer_of_each_kind_is_sent_as_its_button_says(kind, word, button):
    """And the API's own check of answers takes it."""
    inputs = inputs_of(asks(kind), word, note="not him")
    sent = {"decision": word, "note": "not him"}
    if (kind, word) == ("document", "approve"):
        inputs.proposals[0].texts["document_id"].value = sent["document_id"] = "d1"
    assert inputs.answer() == sent
    assert inputs.button_words.lower() == button.lower()
    assert answer_errors(kind, sent) == {}


@pytest.mark.parametrize(
    ("value", "word", "typed", "error"),
    [
        (asks("dismissal"), "approve", {}, '"Dismiss the hit" needs a reason.'),
        (asks("decision"), None, {}, "Choose an answer."),
        (asks("else"), "raw", {"raw": "[1]"}, "must be an object"),
        (asks("else"), "raw", {"raw": '{"a": '}, "not JSON"),
        (asks("add_sources", payload={"a": 1}), "approve", {"actions": "{"}, "not JSON"),
    ],
)
def test_a_wrong_input_is_one_sentence_at_its_field(value, word, typed, error):
    with pytest.raises(WrongInput) as wrong:
        answer(value, word, **typed)
    assert error in str(wrong.value)
    assert callable(wrong.value.field.focus)


# --------------------------------------------------------------------------------- what is proposed


def test_a_proposal_is_sent_as_json_only_if_a_person_changed_it():
    hidden = {"url": "https://x.example", "source_name": "Board \u202e\u00ad\r\nend"}
    inputs = inputs_of(asks("add_sources", payload={"sources": [hidden], "why": "a"}), "approve")
    field = inputs.proposals[0].texts["actions"]
    assert r"\u202e" in field.value
    assert inputs.answer() == {"decision": "approve"}
    field.value = field.value.replace('"a"', '"b"')
    action = {"type": "add_sources", "payload": {"sources": [hidden], "why": "b"}}
    assert inputs.answer() == {"decision": "approve", "actions": [action]}
    inputs.proposals[0].choice.value = "reject"
    assert inputs.answer() == {"decision": "reject"}


def test_sources_are_proposed_with_the_tiers_that_a_question_names():
    sources = [{"url": "https://a.example", "source_tier": "primary"}]
    inputs = inputs_of(asks("add_sources", artifacts=[{"sources": sources}]))
    shown = json.loads(inputs.proposals[0].texts["actions"].value)
    assert shown == {"sources": [{"url": "https://a.example", "tier": "primary"}]}


def documents(n: int) -> list[Document]:
    rows = [{"id": f"d{number}", "document_type": "irs_letter"} for number in range(n)]
    return [Document.from_json(row) for row in rows]


@pytest.mark.parametrize(("n", "control"), [(5, "RadioButtons"), (6, "Dropdown")])
def test_a_document_is_chosen_or_named(n, control):
    """Up to five are in view; an id that is typed counts before the list."""
    inputs = inputs_of(asks("document"), "approve")
    [proposal] = inputs.proposals
    proposal.offer(documents(n))
    assert type(proposal.document).__name__ == control
    ids = [value for _, value in proposal.document.options if value]
    assert len(ids) == n
    proposal.document.value = ids[0]
    assert inputs.answer()["document_id"] == ids[0]
    proposal.texts["document_id"].value = "d99"
    assert inputs.answer()["document_id"] == "d99"


# ----------------------------------------------------------------------------------- several in one


def combined() -> Json:
    first = {"type": "verify_tin", "agent": "tin", "label": "Verify?"}
    return asks("mixed", proposals=[first, {"type": "dismissal", "agent": "list", "label": "Hit?"}])


def test_proposals_of_one_agent_are_one_question_with_the_evidence_of_each():
    proposals = [{"artifacts": [{"title": title}]} for title in ("Bakery", "Mill")]
    [proposal] = QuestionInputs(asks("else", proposals=proposals), print).proposals
    evidence = proposal.box.children[0].value
    assert evidence.index("Bakery") < evidence.index("Mill")


def test_a_combined_question_is_sent_when_each_part_has_an_answer():
    inputs = inputs_of(combined(), "approve")
    assert inputs.button_words == ""
    inputs.proposals[1].choice.value = "reject"
    assert inputs.button_words == "verify the TIN, keep the hit"
    parts = [{"agent": "tin", "decision": "approve"}, {"agent": "list", "decision": "reject"}]
    assert inputs.answer() == {"proposals": parts}
