"""Who is there: front ends that can click, and cards that are shown again elsewhere."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from importlib.metadata import version
from typing import Any, Protocol
from weakref import WeakValueDictionary

from runkit.errors import UsageError

INSTEAD = "answer with client.runs.resume(run, interrupt_id, answer) instead"
NOBODY = f"nobody can click here: no front end has drawn the form; {INSTEAD}"
FIRST_WITH_SUBSHELLS = 7
DRAWN_WITHIN = 8.0  # seconds for a front end to draw a card; a slow one takes two


class Closable(Protocol):
    """A card."""

    def close(self) -> None:
        """Take it away."""


_lock = threading.Lock()
_shown: WeakValueDictionary[Any, Closable] = WeakValueDictionary()


def take_place(key: object, card: Closable) -> None:
    """Show a card in place of the one that was shown for the same thing, whose tasks end."""
    with _lock:
        earlier, _shown[key] = _shown.get(key), card
    if earlier is not None and earlier is not card:
        earlier.close()


class Bell:
    """Lets a cell wait for what other threads do, without asking again and again."""

    def __init__(self) -> None:
        self._waiting: set[Callable[[], None]] = set()

    def ring(self) -> None:
        """Wake whoever waits; from any thread."""
        for wake in tuple(self._waiting):
            wake()

    async def until(
        self, is_over: Callable[[], bool], is_drawn: Callable[[], bool], timeout: float | None
    ) -> bool:
        """Wait until something is over, `timeout` seconds at most (None: as long as it takes); False if late.

        Raises `UsageError` when no front end has drawn the card after `DRAWN_WITHIN` seconds.
        """
        loop, moved = asyncio.get_running_loop(), asyncio.Event()
        deadline = loop.time() + (float("inf") if timeout is None else timeout)

        def wake() -> None:
            loop.call_soon_threadsafe(moved.set)

        self._waiting.add(wake)
        try:
            while not is_over():
                left = deadline - loop.time()
                if not await _within(left if is_drawn() else min(left, DRAWN_WITHIN), moved):
                    if left > DRAWN_WITHIN and not is_drawn():
                        raise UsageError(NOBODY)
                    return False
                moved.clear()
        finally:
            self._waiting.discard(wake)
        return True


async def _within(seconds: float, moved: asyncio.Event) -> bool:
    try:
        await asyncio.wait_for(moved.wait(), None if seconds == float("inf") else seconds)
    except TimeoutError:
        return False
    return True


def is_attended() -> bool:
    """Whether this is a notebook that somebody may look at: not a script, and not run without a screen."""
    kernel = _kernel()
    return kernel is not None and bool(getattr(kernel, "_allow_stdin", True))


def _kernel() -> Any:
    from IPython import get_ipython  # ipywidgets brings it

    return getattr(get_ipython(), "kernel", None)


def check_clicks_arrive() -> None:
    """Raise `UsageError` where a cell that waits would wait for ever."""
    kernel = _kernel()
    if kernel is None:
        raise UsageError(f"nobody can click outside a notebook; {INSTEAD}")
    if not is_attended():  # nbclient and nbconvert allow no stdin
        raise UsageError(f"nobody can click in a notebook that runs without a screen; {INSTEAD}")
    if int(version("ipykernel").partition(".")[0]) < FIRST_WITH_SUBSHELLS:
        raise UsageError(
            "ipykernel 6 hears no click while a cell waits. Show the form in one cell and go on in the next "
            f"when it is answered; install ipykernel 7; or {INSTEAD}"
        )


def live(box: Any) -> dict[str, Any]:
    """Make the bundle of a widget, with words for pages that cannot show one."""
    words = "This form needs a kernel: run the cell again to use it."
    shown: dict[str, Any] = {**box._repr_mimebundle_(), "text/html": f"<p>{words}</p>", "text/plain": words}
    return shown
