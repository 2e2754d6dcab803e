"""The embedded sandbox: a simulation of Middesk's Agents API on loopback, in virtual time.

    with runkit.sandbox(speed=300) as box:
        client = box.client()
        run = client.runs.create("cip_orchestrator", business_id=box.business("watchlist_hit"))

sandbox      `sandbox`: starts a server on a thread of this process; `Sandbox`
_app         the endpoints that runkit's client uses, the event stream, and the server of them
_web         access, bodies of requests, answers in them, and the format of refusals
_store       what clients sent, the clock, and the actions on a business
_recordings  finished runs of the package or a user's file, their businesses, ids and times
_replay      a run that is made from a recording, and its state at a time

A run is a pure function of its recordings, seed, answers and the time (`_replay.cut`).
"""

from runkit.server._recordings import SeededBusiness
from runkit.server.sandbox import Sandbox, sandbox, serve

__all__ = [
    "Sandbox",
    "SeededBusiness",
    "sandbox",
    "serve",
]
