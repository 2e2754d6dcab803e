"""The embedded sandbox: a simulation of Middesk's Agents API on loopback, in virtual time.

    with runkit.sandbox(speed=300) as box:
        client = box.client()
        run = client.runs.create("cip_orchestrator", business_id=box.business("watchlist_hit"))

A run is a pure function of its scenario, seed, answers and the time: `runkit.server._state.state`.
"""

from runkit.server._scenarios import Business
from runkit.server.sandbox import Sandbox, sandbox, serve

__all__ = ["Business", "Sandbox", "sandbox", "serve"]
