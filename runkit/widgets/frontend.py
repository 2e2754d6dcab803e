"""The notebook's front end: whether clicks can arrive, and which card of a kind is displayed."""

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
NOT_DISPLAYED = f"this form needs an open notebook, and no front end has displayed it; {ALTERNATIVE}"
CLICKS_WHILE_WAITING = (7, 4)  # ipykernel
DISPLAY_TIMEOUT = 8.0  # seconds for a front end to display a card; a slow one takes two


class Closable(Protocol):
    """A card."""

    def close(self) -> None:
        """Remove it."""


_lock = threading.Lock()
_cards: WeakValueDictionary[Any, Closable] = WeakValueDictionary()


def replace_card(key: object, card: Closable) -> None:
    """Register a card under a key, and close the previous one of the same key."""
    with _lock:
        previous, _cards[key] = _cards.get(key), card
    if previous is not None and previous is not card:
        previous.close()


class CellCondition:
    """Lets a cell await what a person does on a card, without polling."""

    def __init__(self) -> None:
        self._waiting: set[Callable[[], None]] = set()
        self._is_displayed = False
        self._is_on_main_thread = False

    def set_displayed(self) -> None:
        """Note that a front end displays the card; called on the thread where its message arrives."""
        self._is_displayed = True
        self._is_on_main_thread = threading.current_thread() is threading.main_thread()
        self.notify_all()

    def notify_all(self) -> None:
        """Wake all waiting cells, from any thread."""
        for wake in tuple(self._waiting):
            wake()

    async def wait_for(self, is_over: Callable[[], bool], timeout: float | None) -> bool:
        """Wait until `is_over`, for up to `timeout` seconds (None: without a limit); False on a timeout.

        Raises `UsageError` if no click can arrive, or no front end displays the card in `DISPLAY_TIMEOUT`
        seconds.
        """
        check_clicks_arrive(is_on_main_thread=self._is_on_main_thread)
        loop, changed = asyncio.get_running_loop(), asyncio.Event()
        start, limit = loop.time(), float("inf") if timeout is None else timeout

        def wake() -> None:
            loop.call_soon_threadsafe(changed.set)

        self._waiting.add(wake)
        try:
            while not is_over():
                seconds = limit if self._is_displayed else min(limit, DISPLAY_TIMEOUT)
                left = None if seconds == float("inf") else start + seconds - loop.time()
                try:
                    await asyncio.wait_for(changed.wait(), left)
                except TimeoutError:
                    if seconds < limit:
                        raise UsageError(NOT_DISPLAYED) from None
                    return False
                changed.clear()
        finally:
            self._waiting.discard(wake)
        return True


def is_interactive() -> bool:
    """Whether this is a notebook in a front end: not a script, and not executed by nbclient or nbconvert."""
    kernel = _kernel()
    return kernel is not None and bool(getattr(kernel, "_allow_stdin", True))


def is_headless() -> bool:
    """Whether this notebook runs without a front end, so that its file would store the widgets' state."""
    return _kernel() is not None and not is_interactive()


def _kernel() -> Any:
    from IPython import get_ipython  # ipywidgets brings it

    return getattr(get_ipython(), "kernel", None)


def check_clicks_arrive(*, is_on_main_thread: bool) -> None:
    """Raise `UsageError` where a waiting cell would wait forever.

    Measured: ipykernel 6 delivers no click while a cell waits, 7.0 to 7.3 only on a subshell's thread (if the
    front end uses one, as JupyterLab does), and 7.4 always.
    """
    kernel = _kernel()
    if kernel is None:
        raise UsageError(f"this form needs an open notebook; {ALTERNATIVE}")
    if not is_interactive():  # nbclient and nbconvert allow no stdin
        raise UsageError(f"this form needs an open notebook, and this one runs headless; {ALTERNATIVE}")
    kernel_version = tuple(map(int, version("ipykernel").split(".")[:2]))
    if kernel_version < (7, 0) or (is_on_main_thread and kernel_version < CLICKS_WHILE_WAITING):
        raise UsageError(
            f"ipykernel {version('ipykernel')} delivers no click while a cell waits; show the form in one "
            f"cell and continue in the next one, or install ipykernel 7.4, or {ALTERNATIVE}"
        )


def headless_bundle(alternative: str = ALTERNATIVE) -> display.Bundle:
    """Make the output that replaces a widget in a notebook that runs without a front end."""
    return display.note(f"This form needs an open notebook, and this one ran headless: {alternative}.")


def output(bundle: Mapping[str, Any]) -> Any:
    """Display an output of the cell, and give the handle that updates it; None outside IPython."""
    from IPython.display import display

    return display(bundle, raw=True, display_id=True)


def widget_bundle(widget: Any) -> dict[str, Any]:
    """Make the bundle of a widget, with a hint for pages that cannot show one."""
    view = {"version_major": 2, "version_minor": 0, "model_id": widget.model_id}
    hint = display.note("This card needs a running kernel. Rerun the cell to use it.")
    return {"application/vnd.jupyter.widget-view+json": view, **hint}
