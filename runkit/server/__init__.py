"""The embedded sandbox: a simulation of Middesk's Agents API on loopback, in virtual time.

    with runkit.sandbox(speed=300) as box:
        client = box.client()
        run = client.runs.create("cip_orchestrator", business_id=box.business("watchlist_hit"))

sandbox            `sandbox`: starts a server on a thread of this process; `Sandbox`
_launch            the server
_app               the endpoints that runkit's client uses, answers, and the event stream
_web               access, bodies of requests, and the format of refusals
_store             what clients sent, and the clock
_clock             virtual time
_accounts          the account, ids and times
_recordings        finished runs in the API's form, and their businesses
_recorded_files    a user's file of finished runs
_replay            a run that is made from a recording, and its state at a time
_business_actions  the status of a business, and the actions on it

A run is a pure function of its recordings, seed, answers and the time (`_replay.cut`).
"""

from runkit.server._recordings import SeededBusiness
from runkit.server.sandbox import Sandbox, sandbox, serve

__all__ = ["Sandbox", "SeededBusiness", "sandbox", "serve"]
