"""What the documentation does not say, and what runkit assumes."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runkit import contract, objects
from runkit.errors import ContractError, UsageError


def event_of(name: str, data: Any) -> objects.Event | None:
    """The event of one message, if the contract knows it."""
    fields = contract.event_fields(name, data)
    return None if fields is None else objects.Event.from_json(fields)


def proposal(*types: str, **fields: Any) -> dict[str, Any]:
    return {"artifacts": [{"title": "t", "type": word} for word in types], **fields}


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ({"type": "decision"}, "decision"),
        ({"type": "dismissal", **proposal("tin_verification")}, "dismissal"),
        ({"type": "document_request"}, "document"),
        (proposal("tin_verification"), "verify_tin"),
        (proposal("add_sources", "add_sources"), "add_sources"),
        (proposal("add_sources", "note"), "add_sources"),
        (proposal("add_sources", "dismissal"), "mixed"),
        ({"type": "combined_proposal", "proposals": [proposal("dismissal")]}, "dismissal"),
        ({"type": "combined_proposal", "proposals": [proposal("dismissal"), proposal("document")]}, "mixed"),
        ({"proposals": [{"type": "verify_tin"}, {"type": "verify_tin"}]}, "verify_tin"),
        ({"type": "combined_proposal", "proposals": []}, "other"),
        ({"type": 7, "artifacts": "none", "proposals": {"a": 1}}, "other"),
        ({"artifacts": [None, 1, {"type": ["dismissal"]}], "proposals": [None]}, "other"),
        ({}, "other"),
    ],
)
def test_interrupt_kind(value: dict[str, Any], kind: str) -> None:
    """The value's type decides, else the types of what it proposes."""
    assert contract.interrupt_kind(value) == kind


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from([*contract.KIND_OF_TYPE, "x"]),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.sampled_from(["type", "artifacts", "proposals"]), inner)
    ),
)


@given(st.dictionaries(st.sampled_from(["type", "artifacts", "proposals"]), json_values))
def test_any_value_has_a_kind_and_a_proposal(value: dict[str, Any]) -> None:
    """Free-form values of any shape are classified, never refused."""
    assert contract.interrupt_kind(value) in contract.KINDS
    assert contract.proposals_of(value)


def test_proposals_of() -> None:
    """A combined value holds its proposals, any other is its own."""
    assert contract.proposals_of({"proposals": [{"agent": "a"}, "broken", {"agent": "b"}]}) == [
        {"agent": "a"},
        {"agent": "b"},
    ]
    assert contract.proposals_of({"type": "decision"}) == [{"type": "decision"}]


def test_prompt_is_sent_only_when_given() -> None:
    """The published schema has no prompt, so an absent one is not even null."""
    assert contract.create_body("a", "b") == {"type": "a", "business_id": "b"}
    assert contract.create_body("a", None, "t", "Look") == {
        "type": "a",
        "thread_id": "t",
        "prompt": "Look",
    }


def test_action_bodies() -> None:
    """Actions take the five documented types, and payloads as assumed."""
    body = contract.action_body("watchlist_result", "w", "dismissal", {}, note="why", run_id="r")
    assert body == {
        "object_type": "watchlist_result",
        "object_id": "w",
        "type": "dismissal",
        "payload": {},
        "note": "why",
        "run_id": "r",
    }
    assert contract.verify_tin_payload("d") == {"document_id": "d"}
    with pytest.raises(UsageError, match="Did you mean 'dismissal'"):
        contract.action_body("watchlist_result", "w", "dismissed", {})
    with pytest.raises(UsageError, match="Did you mean 'businesses'"):
        contract.action_body("business", "w", "dismissal", {})


@pytest.mark.parametrize("value", [{"data": {}}, {"data": False}, {"object": "run"}, None, "x", 7, True])
def test_what_is_no_list_is_no_empty_page(value: object) -> None:
    """Anything else than a list is a broken contract, not zero runs."""
    with pytest.raises(ContractError, match="expected a list"):
        contract.page_fields(value, "GET /runs")


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


@pytest.mark.parametrize("at", [None, "now", 12, float("nan"), float("inf"), 1e300, True])
def test_odd_event_times_are_ignored(at: object) -> None:
    """Only milliseconds that a datetime holds are the time of a snapshot."""
    event = event_of("STATE_SNAPSHOT", {"snapshot": {"id": "r"}, "timestamp": at})
    assert event is not None
    assert event.snapshot == {"id": "r"}
