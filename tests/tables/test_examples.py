"""The composed example runs come out as the design promises."""

from __future__ import annotations

import runkit
from support import example


def test_a_proposal_comes_from_the_value_while_it_is_pending():
    """The specialist that proposes is named, and the question's step and id are linked."""
    artifacts = runkit.frames(example("interrupted")).artifacts
    assert len(artifacts) == 4  # each proposal once
    proposals = artifacts.query("origin == 'proposal'")
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
