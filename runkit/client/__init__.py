"""The client of the Agents API. `Client` is synchronous and safe to share between threads."""

from runkit.client.api import Client
from runkit.client.runlist import RunList

__all__ = ["Client", "RunList"]
