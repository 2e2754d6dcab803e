"""Ten thousand actions of agents, each joined with the question that led to it."""

from __future__ import annotations

import pytest

from analysis.truth import check_joins, equal_proposals, sandbox


@pytest.mark.timeout(1800)
def test_ten_thousand_actions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every join is the planned one, equal proposals included."""
    policies: list[dict[str, str]] = [{}, {"tin_verification": "auto_approve"}] * 2
    n_actions = 0
    for seed, policy in enumerate(policies, 710):
        equal_proposals(monkeypatch, policy)
        with sandbox(history=3_000, seed=seed, now="2026-11-02T10:00:00Z") as (server, client):
            n_actions += len(check_joins(server, client))
    assert n_actions >= 10_000
