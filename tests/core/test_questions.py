"""The kinds of questions, and the proposals in them."""

import pytest

from runkit.api.question_kinds import FREE, TABLE, answer_to, question_kind
from runkit.api.reading import decision_of, note_of


def proposal(*types, **fields):
    return {"artifacts": [{"title": "t", "type": word} for word in types], **fields}


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ({"type": "dismissal", **proposal("tin_verification")}, "dismissal"),
        ({"type": "document_request"}, "document"),
        (proposal("add_sources", "add_sources"), "add_sources"),
        (proposal("add_sources", "dismissal"), "mixed"),
        ({"type": "combined_proposal", "proposals": [proposal("dismissal")]}, "dismissal"),
        ({"artifacts": [None, 1, {"type": ["dismissal"]}], "proposals": [None]}, "other"),
        ({"type": "sign_off"}, "sign_off"),
    ],
)
def test_the_kind_of_a_question_follows_its_type_or_its_proposals(value, kind):
    """The value's type decides, else the types of what it proposes; an unknown type stays."""
    assert question_kind(value) == kind


CHOICES = [
    (kind.name, choice) for kind in TABLE if kind.name not in FREE for choice in kind.choices
]


@pytest.mark.parametrize(("kind", "choice"), CHOICES)
def test_what_a_person_chose_is_read_as_the_decision_and_its_reason(kind, choice):
    """But for what has no words: the id of a document, and an edited proposal."""
    names = [name for name in choice.inputs if name not in ("document_id", "actions")]
    answer = answer_to(choice.word, {name: f"typed as {name}" for name in names})
    read = f"{decision_of(answer)} / {note_of(answer)}"
    assert {*read.split(" / ")} == {*answer.values()}
