"""The API's objects: faithful to the JSON they came from, tolerant of what is optional."""

import logging

import pytest

from runkit.api.models import Run
from runkit.errors import ContractError
from support import run


@pytest.mark.parametrize(
    ("fields", "what"),
    [({}, "required but absent"), ({"created_at": "soon"}, "expected a time in ISO 8601")],
)
def test_a_missing_or_broken_required_field_is_a_contract_error(fields, what):
    """The message names the field and never shows a value."""
    with pytest.raises(ContractError, match=f"created_at: {what}") as caught:
        Run.from_json({"id": "x", "requester": {"email": "me@example.com"}} | fields)
    assert "me@example.com" not in str(caught.value)
    assert caught.value.__context__ is None


def test_an_invalid_optional_field_reads_as_absent(caplog):
    """It is logged by name, and the JSON still holds it."""
    with caplog.at_level(logging.WARNING, "runkit"):
        parsed = Run.from_json(run(requester="me@example.com", started_at="soon"))
    assert (parsed.requester, parsed.started_at) == (None, None)
    assert parsed.to_dict()["started_at"] == "soon"
    assert "requester breaks" in caplog.text
    assert "started_at breaks" in caplog.text
    assert "me@example.com" not in caplog.text


def test_a_run_is_shown_by_its_label():
    """Its business, its short id and the word for its status come first.

    The full id is in no form.
    """
    run_id = "83fe7317-0000-4000-8000-000000000001"
    waiting = run(id=run_id, status="interrupted", agent="cip_orchestrator")
    bare = Run.from_json(waiting)
    named = bare.with_local_fields(business_id="b-1", business_name="Namesake Imports LLC")
    assert repr(bare).startswith("Run(CIP Orchestrator · 83fe7317: Waiting ◷")
    assert repr(named).startswith("Run(Namesake Imports LLC · 83fe7317: Waiting ◷")
    assert run_id not in repr(named)
