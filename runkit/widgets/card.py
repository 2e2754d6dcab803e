"""The one widget behind all cards: it sends what to draw by message, and takes what a person does.

Its traits are the code and the style only, so that a saved notebook holds no question and no typed text. The
page asks for the content when it is ready, after a reload and in a second view, too.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anywidget

from runkit.logs import log
from runkit.text import css_variables, static_file
from runkit.widgets.fields import Json

STATIC = Path(__file__).parent / "static"


class Card(anywidget.AnyWidget):
    """A card in the page.

    Parameters
    ----------
    describe
        Gives what to draw, as JSON.
    handle
        Takes a message of the page; must return quickly.
    on_views
        Called with the number of views when it changes; a reloaded page leaves old views behind.
    """

    _esm = str(static_file(STATIC / "card.js"))
    _css = str(css_variables(".runkit-card") + static_file(STATIC / "card.css"))

    def __init__(
        self,
        describe: Callable[[], Json],
        handle: Callable[[Json], object],
        on_views: Callable[[int], object] = lambda _n: None,
    ) -> None:
        super().__init__()
        self._describe, self._handle, self._on_views = describe, handle, on_views
        self._lock_sending = threading.RLock()
        self._number = 0
        self._view_ids: set[str] = set()
        self._heard: tuple[Any, Any] = ("", 0)
        self._is_open = True
        self.on_msg(self._on_message)

    @property
    def n_views(self) -> int:
        """The number of pages that display the card."""
        return len(self._view_ids)

    def show(self, *_: object) -> None:
        """Send what to draw to the page, if one displays the card."""
        with self._lock_sending:
            if self._view_ids and self._is_open:
                self._number += 1
                self.send({**self._describe(), "n": self._number, "heard": list(self._heard)})

    def send(self, content: Json, buffers: Any = None) -> None:
        """Send by way of the layout, to which the page listens.

        anywidget waits 2 s for a card's code. If that took longer, no message ever reaches the card itself.
        """
        self.layout.send(content, buffers)
        super().send({})  # ipykernel 7.4 hears a widget on the thread that sent by this widget last

    def close(self) -> None:
        """Remove the card from the page."""
        with self._lock_sending:
            self._is_open = False
        layout = self.layout
        super().close()
        layout.close()

    def _on_message(self, _widget: Card, content: Json, _buffers: list[memoryview]) -> None:
        if not isinstance(content, dict):
            return
        view_ids = self._view_ids - {content.get("gone")}
        if isinstance(content.get("ready"), str):
            view_ids = view_ids | {content["ready"]}
        has_changed, self._view_ids = view_ids != self._view_ids, view_ids
        if has_changed:
            self._on_views(len(view_ids))
        view, number = content.get("view"), content.get("n", 0)
        # over a subshell of ipykernel 7.4 an answer can overtake what was typed just before
        is_late = "verb" not in content and view == self._heard[0] and number < self._heard[1]
        if "ready" not in content and "gone" not in content and not is_late:
            try:
                self._handle(content)
            except Exception:
                log.exception("a card could not do what its page asked for")
        self._heard = (view, number)
        if set(content) - {
            "values",
            "digest",
            "view",
            "n",
            "gone",
            "zoom",
        }:  # a draft changes nothing on the page
            self.show()


def texts(content: Json, name: str) -> str:
    """Give a text of a message; "" if it is none."""
    value: Any = content.get(name)
    return value if isinstance(value, str) else ""
