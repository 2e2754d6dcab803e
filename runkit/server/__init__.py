"""The embedded sandbox: a simulation of Middesk's Agents API on loopback, in virtual time.

    with runkit.sandbox(speed=300) as box:
        client = box.client()
        run = client.runs.create("cip_orchestrator", business_id=box.business("watchlist_hit"))

sandbox            `sandbox`: starts a server on a thread of this process; `Sandbox`
_launch            the server
_app               the endpoints
_web               bodies of requests, and the format of refusals
_store             what clients sent, and the clock
_clock             virtual time
_scenarios         agents, businesses, and what an agent finds there
_plan              every step of a scenario with its start and end
_state             the state of a run at a time, and its stream of events
_answer_effects    what an answer says
_business_actions  businesses and their actions

A run is a pure function of its scenario, seed, answers and the time (`_state.state`).
"""

from runkit.server._scenarios import Business
from runkit.server.sandbox import Sandbox, sandbox, serve

__all__ = ["Business", "Sandbox", "sandbox", "serve"]
