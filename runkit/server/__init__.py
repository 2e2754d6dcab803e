"""The embedded sandbox: a simulation of Middesk's Agents API on loopback, in virtual time.

    with runkit.sandbox(speed=300) as box:
        client = box.client()
        run = client.runs.create("cip_orchestrator", business_id=box.business("watchlist_hit"))

A run is a pure function of its scenario, seed, answers and the time: `runkit.server.state.state`.
"""

from runkit.server.embedded import Sandbox, sandbox, serve
from runkit.server.scenarios import Business

__all__ = ["Business", "Sandbox", "sandbox", "serve"]
