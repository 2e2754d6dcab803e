"""Actions of agents, joined with the questions that led to them."""

from __future__ import annotations

from typing import Any

import pytest

import runkit
from analysis.api import HIT, action, client_of
from runkit.errors import NotFound, UsageError
from support import artifact, question, run


def dismissals(step_id: str, start: float, end: float, n: int = 1, **result: Any) -> dict[str, Any]:
    """A question that proposes dismissals, all alike."""
    proposals = [artifact("Dismiss", type="dismissal")] * n
    return question(
        step_id, start, end, artifacts=proposals, result={"interrupt_id": step_id, **result}
    )


def run_of(*questions: dict[str, Any], business_id: str = "b") -> dict[str, Any]:
    return run(*questions, _runkit={"business_id": business_id})


@pytest.mark.parametrize(
    ("questions", "seconds", "expected"),
    [
        # the nearest question that was answered before
        ([dismissals("a", 0, 5), dismissals("b", 10, 20)], [7, 25], [("a", 0), ("b", 0)]),
        ([dismissals("a", 0, 5), dismissals("b", 10, 20)], [25, 30], [("b", 0), (None, None)]),
        ([dismissals("a", 0, 50)], [25], [(None, None)]),
        # what the policy skipped, and what nobody answered, led to nothing
        ([dismissals("a", 0, 5), dismissals("b", 10, 11, resolution="skip")], [25], [("a", 0)]),
        # in order, as many as there are
        ([dismissals("a", 0, 5, n=2)], [7, 8], [("a", 0), ("a", 1)]),
        ([dismissals("a", 0, 5, n=2)], [7], [("a", None)]),
        # open at the same time: the run went on when both were answered
        ([dismissals("a", 0, 8), dismissals("b", 1, 5)], [9, 10], [("a", 0), ("b", 0)]),
        ([dismissals("a", 0, 8), dismissals("b", 1, 5)], [9], [(None, None)]),
        # a step that names the object comes first
        ([dismissals("a", 0, 8, object_id=HIT), dismissals("b", 1, 5)], [9], [("a", 0)]),
        ([dismissals("a", 0, 8), dismissals("b", 1, 5, object_ids=[HIT])], [9], [("b", 0)]),
    ],
)
def test_an_action_joins_the_question_that_led_to_it(questions, seconds, expected):
    """By run, type and time; by object where one is named, else in order.

    Null where it is not sure.
    """
    with client_of(*(action(number, at) for number, at in enumerate(seconds))) as client:
        found = runkit.actions(run_of(*questions), client)[["step_id", "proposal_no"]].astype(
            "object"
        )
    assert [*found.where(found.notna(), None).itertuples(index=False, name=None)] == expected


def test_actions_of_other_runs_are_rows_without_a_question():
    """They are rows; what cannot be joined is null."""
    elsewhere = action(0, 7, run={"id": "elsewhere-1234"}, user={"email": "ana@bank.example"})
    interrupts = [dismissals("a", 0, 5), dismissals("p", 20, 20, resolution="auto_approve")]
    with client_of(elsewhere, action(1, 8), action(2, 25)) as client:
        found = runkit.actions(run_of(*interrupts), client)
    assert found["run_id"].tolist() == ["elsewhere-1234", "r", "r"]
    assert found["user_name"].fillna("").tolist() == ["ana@bank.example", "", ""]
    assert found["settled_by"].tolist() == ["unknown", "reviewer", "policy"]


def test_wrong_arguments_of_actions_are_refused():
    """Runs whose business nobody knows, what is no client, and a business that is gone."""
    with client_of() as client:
        with pytest.raises(UsageError, match="none of the 1 run in f knows its business"):
            runkit.actions(run(), client)
        with pytest.raises(UsageError, match="client=None; expected"):
            runkit.actions(run(), None)
        with pytest.raises(NotFound):
            runkit.actions(run_of(business_id="gone"), client)
