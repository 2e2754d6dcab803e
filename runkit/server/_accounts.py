"""The sandbox's account, and the ids and times that it makes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from uuid import NAMESPACE_URL, UUID, uuid5

from runkit.api.contract import Json, parse_time

# namespace of all ids made here
SPACE = str(uuid5(NAMESPACE_URL, "https://runkit.example.com/sandbox"))
START_OF_1970 = datetime(1970, 1, 1, tzinfo=UTC)


def id_in(space: str, name: str) -> str:
    """Return an id for a name in a namespace; equal names have equal ids."""
    return str(uuid5(UUID(space), name))


def iso(ms: int) -> str:
    """Write a virtual time, in milliseconds since 1970, as the API does."""
    return moment_of(ms).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def moment_of(ms: int) -> datetime:
    """Return a virtual time, in milliseconds since 1970, as a datetime in UTC."""
    return START_OF_1970 + timedelta(milliseconds=ms)


@lru_cache(100_000)
def ms_of(text: str) -> int:
    """Read a time of the API as virtual milliseconds. Raises `ValueError`."""
    return round((parse_time(text) - START_OF_1970) / timedelta(milliseconds=1))


ACCOUNT: Json = {"id": id_in(SPACE, "account"), "name": "Sandbox Bank", "email": None}
"""The account of the key: requester, reviewer and actor of all its requests."""
