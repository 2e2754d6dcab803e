"""The composed example runs come out as the design promises."""

from __future__ import annotations

import pytest

import runkit
from support import example


@pytest.mark.parametrize(
    ("name", "numbers"),
    [("completed", [2459, 2262, 197, 0]), ("interrupted", [2411, 2262, 149, 0])],
)
def test_the_budget_of_a_run_adds_up(name, numbers):
    """2,459 s = 2,262 s waiting + 197 s working; the open one is measured at `as_of`.

    Of the work, 1 s is the own time of two groups that have begun, but none of their steps has.
    """
    runs = runkit.frames(example(name), as_of="2026-02-03T10:40:12Z").runs
    columns = ["duration_s", "waiting_s", "working_s", "idle_s"]
    assert runs[columns].values.tolist() == [numbers]


def test_the_critical_path_of_the_completed_run():
    """8 + 1 + 70 + 70 + 2,262 + 48 seconds lie on it, which is the whole run."""
    steps = runkit.frames(example("completed")).steps
    assert steps["critical_s"].tolist() == [8, 1, 70, 70, 0, 0, 2262, 48]
    assert steps["is_critical"].tolist() == [True, True, True, True, False, False, True, True]


def test_proposals_are_counted_once():
    """The interrupted run has four artifacts, the completed one five."""
    assert len(runkit.frames(example("interrupted")).artifacts) == 4
    assert len(runkit.frames(example("completed")).artifacts) == 5


def test_a_proposal_comes_from_the_value_while_it_is_pending():
    """The specialist that proposes is named, and the question's step and id are linked."""
    proposals = runkit.frames(example("interrupted")).artifacts.query("origin == 'proposal'")
    assert proposals["agent"].tolist() == ["tin_verification", "watchlist_resolution"]
    assert set(proposals["interrupt_id"]) == {"int-7"}
    assert set(proposals["step_id"]) == {"00000000-0000-4000-8000-000000000007"}


def test_the_same_pause_is_one_row_before_and_after_the_answer():
    """While pending it has its id; once answered, its step and the time it took."""
    before = runkit.frames(example("interrupted")).interrupts
    after = runkit.frames(example("completed")).interrupts
    assert before[["interrupt_id", "outcome", "kind", "n_proposals"]].values.tolist() == [
        ["int-7", "pending", "mixed", 2]
    ]
    assert after[["outcome", "wait_s", "n_proposals"]].values.tolist() == [["answered", 2262.0, 2]]
    assert before["step_id"].tolist() == after["step_id"].tolist()
