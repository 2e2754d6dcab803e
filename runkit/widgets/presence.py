"""Who is there: front ends that can click, and cards that are shown again elsewhere."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping
from importlib.metadata import version
from typing import Any, Protocol
from weakref import WeakValueDictionary

from runkit.errors import UsageError
from runkit.widgets import display

INSTEAD = "answer with client.runs.resume(run, interrupt_id, answer) instead"
NOBODY = f"nobody can click here: no front end has drawn the form; {INSTEAD}"
HEARS_WHILE_WAITING = (7, 4)  # ipykernel
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
    """Lets a cell wait for what a person does at a card, without asking again and again."""

    def __init__(self) -> None:
        self._waiting: set[Callable[[], None]] = set()
        self._is_drawn = False
        self._is_heard_on_main = False

    def drawn(self) -> None:
        """Note that a front end has drawn the card; called where its message arrives."""
        self._is_drawn = True
        self._is_heard_on_main = threading.current_thread() is threading.main_thread()
        self.ring()

    def ring(self) -> None:
        """Wake whoever waits; from any thread."""
        for wake in tuple(self._waiting):
            wake()

    async def until(self, is_over: Callable[[], bool], timeout: float | None) -> bool:
        """Wait until something is over, `timeout` seconds at most (None: as long as it takes); False if late.

        Raises `UsageError` where no click can arrive, and when nobody draws the card in `DRAWN_WITHIN`
        seconds.
        """
        check_clicks_arrive(is_heard_on_main=self._is_heard_on_main)
        loop, moved = asyncio.get_running_loop(), asyncio.Event()
        deadline = loop.time() + (float("inf") if timeout is None else timeout)

        def wake() -> None:
            loop.call_soon_threadsafe(moved.set)

        self._waiting.add(wake)
        try:
            while not is_over():
                left = deadline - loop.time()
                if not await _within(left if self._is_drawn else min(left, DRAWN_WITHIN), moved):
                    if left > DRAWN_WITHIN and not self._is_drawn:
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


def is_unattended() -> bool:
    """Whether this is a notebook that runs without a screen: it would keep all that its widgets hold."""
    return _kernel() is not None and not is_attended()


def _kernel() -> Any:
    from IPython import get_ipython  # ipywidgets brings it

    return getattr(get_ipython(), "kernel", None)


def check_clicks_arrive(*, is_heard_on_main: bool) -> None:
    """Raise `UsageError` where a cell that waits would wait for ever.

    Measured: ipykernel 6 hears no click while a cell waits, 7.0 to 7.3 only on a subshell's thread (if the
    front end speaks to one, as JupyterLab does), 7.4 always.
    """
    kernel = _kernel()
    if kernel is None:
        raise UsageError(f"nobody can click outside a notebook; {INSTEAD}")
    if not is_attended():  # nbclient and nbconvert allow no stdin
        raise UsageError(f"nobody can click in a notebook that runs without a screen; {INSTEAD}")
    kernel_version = tuple(map(int, version("ipykernel").split(".")[:2]))
    if kernel_version < (7, 0) or (is_heard_on_main and kernel_version < HEARS_WHILE_WAITING):
        raise UsageError(
            f"ipykernel {version('ipykernel')} hears no click here while a cell waits. Show the form in one "
            f"cell and go on in the next when it is answered; install ipykernel 7.4; or {INSTEAD}"
        )


def unattended(instead: str = INSTEAD) -> display.Bundle:
    """Make what stands in the place of a widget in a notebook that runs without a screen."""
    words = f"This notebook ran without a screen, where nobody can click: {instead}."
    return display.bundle(display.static(display.line(words)), words)


def output(bundle: Mapping[str, Any]) -> Any:
    """Make an output of the cell, and give the handle that replaces it; None outside IPython."""
    from IPython.display import display

    return display(bundle, raw=True, display_id=True)


def live(box: Any) -> dict[str, Any]:
    """Make the bundle of a widget, with words for pages that cannot show one."""
    words = "This card needs a kernel: run the cell again to use it."
    shown: dict[str, Any] = {**box._repr_mimebundle_(), "text/html": f"<p>{words}</p>", "text/plain": words}
    return shown
