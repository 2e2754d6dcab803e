"""The client of the Agents API.

`Client` is synchronous and safe to share between threads. Both names load on first use, so that whoever
needs only `runkit.contract` does not pay for an HTTP library.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from runkit.client.api import Client
    from runkit.client.runlist import RunList

__all__ = ["Client", "RunList"]


def __getattr__(name: str) -> object:
    if name == "Client":
        from runkit.client.api import Client

        return Client
    if name == "RunList":
        from runkit.client.runlist import RunList

        return RunList
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
