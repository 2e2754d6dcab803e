"""Who is there: front ends that can click, and cards that are shown again elsewhere."""

from __future__ import annotations

import threading
from importlib.metadata import version
from typing import Any, Protocol
from weakref import WeakValueDictionary

from runkit.errors import UsageError

INSTEAD = "answer with client.runs.resume(run, interrupt_id, answer) instead"
NOBODY = f"nobody can click here: no front end has drawn the form; {INSTEAD}"
FIRST_WITH_SUBSHELLS = 7


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


def check_clicks_arrive() -> None:
    """Raise `UsageError` where a cell that waits would wait for ever."""
    from IPython import get_ipython  # ipywidgets brings it

    kernel = getattr(get_ipython(), "kernel", None)
    if kernel is None:
        raise UsageError(f"nobody can click outside a notebook; {INSTEAD}")
    if not getattr(kernel, "_allow_stdin", True):  # nbclient and nbconvert run cells so
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
