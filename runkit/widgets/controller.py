"""What the machines share: a state under a lock, and listeners that are told of it without the lock.

A listener may wait for a lock whose holder waits for this one. So a snapshot may arrive late, and a view
passes over what is older than what it shows.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

from runkit.logs import log


class Versioned(Protocol):
    """A snapshot; of two, the one with the higher version is the newer."""

    @property
    def version(self) -> int:
        """Its number."""


S = TypeVar("S", bound=Versioned)


class Controller(Generic[S]):
    """Something that may happen, without a screen. Every method may be called from any thread."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._listeners: list[Callable[[S], object]] = []
        self._snapshot: S

    @property
    def snapshot(self) -> S:
        """The state as it is now."""
        with self._lock:
            return self._snapshot

    def subscribe(self, listener: Callable[[S], object]) -> None:
        """Call `listener` with each new snapshot, on whatever thread it arises."""
        with self._lock:
            self._listeners.append(listener)

    def _notify(self) -> None:
        with self._lock:
            snapshot, listeners = self._snapshot, list(self._listeners)
        for listener in listeners:
            try:
                listener(snapshot)
            except Exception:  # a view that cannot show it must not cost an answer its verdict
                log.exception("a card could not be shown")
