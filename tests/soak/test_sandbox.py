"""The sandbox under load: hundreds of clients at once, and a thousand runs at work."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from runkit.server import sandbox


def test_many_runs_made_at_once() -> None:
    """Each of two hundred threads makes a run, and each run is there once."""
    with sandbox() as box, box.client(rate=10_000) as client, ThreadPoolExecutor(200) as pool:
        business = box.business("watchlist_hit")
        made = list(
            pool.map(lambda _: client.runs.create("cip_orchestrator", business_id=business).id, range(200))
        )
        listed = client.runs.list()
        assert listed.is_complete
        assert sorted(run.id for run in listed) == sorted(set(made)) == sorted(made)
