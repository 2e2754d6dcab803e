"""A second reviewer with a key: what that reviewer does is recorded as theirs."""

from __future__ import annotations

import pytest

import runkit


@pytest.mark.parametrize(("is_second", "name"), [(True, "Priya Raman"), (False, "")])
def test_the_step_names_the_second_reviewer(is_second, name):
    """Once she has answered; before, and for the account, it names nobody."""
    with (
        runkit.sandbox(speed=3000) as box,
        box.client(second_reviewer=is_second) as client,
    ):
        run = client.runs.create("cip_orchestrator", business_id=box.business("watchlist_hit"))
        run = client.runs.wait(run)
        assert runkit.frames(run).interrupts["answered_by"].isna().all()
        run = client.runs.resume(run, run.interrupts[0].id, {"decision": "reject"})
    assert runkit.frames(run).interrupts["answered_by"].fillna("").tolist() == [name]
