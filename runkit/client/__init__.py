"""The client of the Agents API. `Client` is synchronous and safe to share between threads."""

from runkit.client.client import Client
from runkit.client.run_list import RunList

__all__ = ["Client", "RunList"]
