"""Ten thousand actions of agents, each joined with the question that led to it."""

from __future__ import annotations

import pytest

from analysis.truth import check_joins, equal_proposals, sandbox


@pytest.mark.timeout(1800)
def test_ten_thousand_actions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every join is the planned one, equal proposals included."""
    equal_proposals(monkeypatch)
    n_actions = 0
    for seed, mode in enumerate(("manual", "auto_approve", "manual", "auto_approve"), 710):
        policy = {"default": "manual", "overrides": {"tin_verification": mode}}
        with sandbox(history=3_000, seed=seed, now="2026-11-02T10:00:00Z", policy=policy) as (server, client):
            n_actions += len(check_joins(server, client))
    assert n_actions >= 10_000
