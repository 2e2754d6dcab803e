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

ALTERNATIVE = "answer with client.runs.resume(run, interrupt_id, answer) instead"
NOT_DISPLAYED = f"nobody can click here: no front end has drawn the form; {ALTERNATIVE}"
CLICKS_WHILE_WAITING = (7, 4)  # ipykernel
DISPLAY_TIMEOUT = 8.0  # seconds for a front end to draw a card; a slow one takes two


class Closable(Protocol):
    """A card."""

    def close(self) -> None:
        """Take it away."""


_lock = threading.Lock()
_cards: WeakValueDictionary[Any, Closable] = WeakValueDictionary()


def replace_card(key: object, card: Closable) -> None:
    """Show a card in place of the one that was shown for the same thing, whose tasks end."""
    with _lock:
        previous, _cards[key] = _cards.get(key), card
    if previous is not None and previous is not card:
        previous.close()


class CellCondition:
    """Lets a cell wait for what a person does at a card, without asking again and again."""

    def __init__(self) -> None:
        self._waiting: set[Callable[[], None]] = set()
        self._is_displayed = False
        self._is_on_main_thread = False

    def set_displayed(self) -> None:
        """Note that a front end has drawn the card; called where its message arrives."""
        self._is_displayed = True
        self._is_on_main_thread = threading.current_thread() is threading.main_thread()
        self.notify_all()

    def notify_all(self) -> None:
        """Wake whoever waits; from any thread."""
        for wake in tuple(self._waiting):
            wake()

    async def wait_for(self, is_over: Callable[[], bool], timeout: float | None) -> bool:
        """Wait until something is over, `timeout` seconds at most (None: as long as it takes); False if late.

        Raises `UsageError` where no click can arrive, and when nobody draws the card in `DISPLAY_TIMEOUT`
        seconds.
        """
        check_clicks_arrive(is_on_main_thread=self._is_on_main_thread)
        loop, changed = asyncio.get_running_loop(), asyncio.Event()
        deadline = loop.time() + (float("inf") if timeout is None else timeout)

        def wake() -> None:
            loop.call_soon_threadsafe(changed.set)

        self._waiting.add(wake)
        try:
            while not is_over():
                left = deadline - loop.time()
                if not await _wait_within(
                    left if self._is_displayed else min(left, DISPLAY_TIMEOUT), changed
                ):
                    if left > DISPLAY_TIMEOUT and not self._is_displayed:
                        raise UsageError(NOT_DISPLAYED)
                    return False
                changed.clear()
        finally:
            self._waiting.discard(wake)
        return True


async def _wait_within(seconds: float, changed: asyncio.Event) -> bool:
    try:
        await asyncio.wait_for(changed.wait(), None if seconds == float("inf") else seconds)
    except TimeoutError:
        return False
    return True


def is_interactive() -> bool:
    """Whether this is a notebook that somebody may look at: not a script, and not run without a screen."""
    kernel = _kernel()
    return kernel is not None and bool(getattr(kernel, "_allow_stdin", True))


def is_headless() -> bool:
    """Whether this is a notebook that runs without a screen: it would keep all that its widgets hold."""
    return _kernel() is not None and not is_interactive()


def _kernel() -> Any:
    from IPython import get_ipython  # ipywidgets brings it

    return getattr(get_ipython(), "kernel", None)


def check_clicks_arrive(*, is_on_main_thread: bool) -> None:
    """Raise `UsageError` where a cell that waits would wait for ever.

    Measured: ipykernel 6 hears no click while a cell waits, 7.0 to 7.3 only on a subshell's thread (if the
    front end speaks to one, as JupyterLab does), 7.4 always.
    """
    kernel = _kernel()
    if kernel is None:
        raise UsageError(f"nobody can click outside a notebook; {ALTERNATIVE}")
    if not is_interactive():  # nbclient and nbconvert allow no stdin
        raise UsageError(f"nobody can click in a notebook that runs without a screen; {ALTERNATIVE}")
    kernel_version = tuple(map(int, version("ipykernel").split(".")[:2]))
    if kernel_version < (7, 0) or (is_on_main_thread and kernel_version < CLICKS_WHILE_WAITING):
        raise UsageError(
            f"ipykernel {version('ipykernel')} hears no click here while a cell waits. Show the form in one "
            f"cell and go on in the next when it is answered; install ipykernel 7.4; or {ALTERNATIVE}"
        )


def headless_bundle(alternative: str = ALTERNATIVE) -> display.Bundle:
    """Make what stands in the place of a widget in a notebook that runs without a screen."""
    words = f"This notebook ran without a screen, where nobody can click: {alternative}."
    return display.bundle(display.static(display.line(words)), words)


def output(bundle: Mapping[str, Any]) -> Any:
    """Make an output of the cell, and give the handle that replaces it; None outside IPython."""
    from IPython.display import display

    return display(bundle, raw=True, display_id=True)


def widget_bundle(box: Any) -> dict[str, Any]:
    """Make the bundle of a widget, with words for pages that cannot show one."""
    words = "This card needs a kernel: run the cell again to use it."
    shown: dict[str, Any] = {**box._repr_mimebundle_(), "text/html": f"<p>{words}</p>", "text/plain": words}
    return shown
