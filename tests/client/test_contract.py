"""What the documentation does not say, and what runkit assumes."""

from typing import Any

import pytest

from runkit import contract, objects


def event_of(name: str, data: Any) -> objects.Event | None:
    """The event of one message, if the contract knows it."""
    fields = contract.event_fields(name, data)
    return None if fields is None else objects.Event.from_json(fields)


def test_prompt_is_sent_only_when_given() -> None:
    """The published schema has no prompt, so an absent one is not even null."""
    assert contract.create_body("a", "b") == {"type": "a", "business_id": "b"}
    assert contract.create_body("a", None, "t", "Look") == {
        "type": "a",
        "thread_id": "t",
        "prompt": "Look",
    }


@pytest.mark.parametrize(
    ("name", "data", "kind"),
    [
        ("RUN_STARTED", {"run_id": "r"}, "RUN_STARTED"),
        ("message", {"type": "RUN_FINISHED", "runId": "r"}, "RUN_FINISHED"),
        ("RUN_ERROR", {"type": "RUN_STARTED", "run_id": "r"}, "RUN_ERROR"),
        ("TEXT_MESSAGE_START", {"type": "RUN_STARTED"}, None),
        ("message", {"type": "STATE_DELTA"}, None),
        ("message", {"type": ["RUN_STARTED"]}, None),
        ("RUN_STARTED", [], None),
    ],
)
def test_events_of_both_forms(name: str, data: Any, kind: str | None) -> None:
    """The `event:` line has the type, else the data; ids come in either case; other types are left out."""
    event = event_of(name, data)
    assert (event.type if event else None) == kind
    assert event is None or event.run_id == "r"
