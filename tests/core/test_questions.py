"""The kinds of questions, and the proposals in them."""

import pytest

from runkit.api.questions import interrupt_kind


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
    ],
)
def test_the_kind_of_a_question_follows_its_type_or_its_proposals(value, kind):
    """The value's type decides, else the types of what it proposes."""
    assert interrupt_kind(value) == kind
