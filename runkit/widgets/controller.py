"""What all controllers share: a state under a lock, and listeners that are called without the lock.

A listener may need a lock whose owner waits for this one, so it is called after this one is released. A
snapshot may therefore arrive late, and views ignore snapshots older than the one they show.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

from runkit.logs import log


class Versioned(Protocol):
    """A snapshot; the higher version is the newer one."""

    @property
    def version(self) -> int:
        """The number of the snapshot."""


S = TypeVar("S", bound=Versioned)


class Controller(Generic[S]):
    """State and rules of a widget, without a screen. Every method may be called from any thread."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._listeners: list[Callable[[S], object]] = []
        self._snapshot: S

    @property
    def snapshot(self) -> S:
        """The current state."""
        with self._lock:
            return self._snapshot

    def subscribe(self, listener: Callable[[S], object]) -> None:
        """Call `listener` with each new snapshot, on the thread that made the change."""
        with self._lock:
            self._listeners.append(listener)

    def _notify(self) -> None:
        with self._lock:
            snapshot, listeners = self._snapshot, list(self._listeners)
        for listener in listeners:
            try:
                listener(snapshot)
            except Exception:  # a view that fails must not stop the controller
                log.exception("a card could not be updated")
