"""The one widget behind all cards, and the outputs of a cell that shows one.

The card sends what to draw by message, and takes what a person does. Its traits are the code and
the style only, so that a saved notebook holds no question and no typed text. The page asks for the
content when it is ready, after a reload and in a second view, too.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import copy_context
from functools import partial
from typing import Any, cast
from weakref import WeakValueDictionary

import anywidget

from runkit.api.contract import Json
from runkit.display.templates import css_variables
from runkit.display.text import static_file
from runkit.widgets import _static_form
from runkit.widgets._event_queue import EventQueue
from runkit.widgets._page_messages import FromPage, ToPage
from runkit.widgets._static_form import SHARED_CSS, STATIC, Bundle

# for pages that cannot show a widget
NO_KERNEL = _static_form.note("This card needs a running kernel. Rerun the cell to use it.")

# --------------------------------------------------------------------------------------- the kernel

_cards: WeakValueDictionary[Any, Any] = WeakValueDictionary()


def replace_card(key: object, card: Any) -> None:
    """Register a card under a key, and close the previous one of the same key."""
    previous = _cards.get(key)
    _cards[key] = card
    if previous is not None and previous is not card:
        previous.close()


def output(bundle: Bundle) -> Any:
    """Display an output of the cell; return the handle that updates it, None outside IPython."""
    from IPython.display import display

    return display(bundle, raw=True, display_id=True)


def update(handle: Any, bundle: Bundle) -> None:
    """Replace an output of the cell, if there is one."""
    if handle is not None:
        handle.update(bundle, raw=True)


def widget_view(widget: Any) -> Bundle:
    """Build the bundle of a widget."""
    view = {"version_major": 2, "version_minor": 0, "model_id": widget.model_id}
    return {"application/vnd.jupyter.widget-view+json": view}


# ----------------------------------------------------------------------------------------- the card


class Card(anywidget.AnyWidget):
    """A card in the page.

    Parameters
    ----------
    queue
        Handles the messages of the page, and draws the card when none is left.
    describe
        Returns what to draw.
    handle
        Takes a message of the page, on the queue's thread.
    on_views
        Called with the number of views when it changes; a reloaded page leaves old views behind.
    """

    _esm = str(static_file(STATIC / "card.js"))
    _css = str(css_variables(".runkit-card") + SHARED_CSS + static_file(STATIC / "card.css"))

    def __init__(
        self,
        queue: EventQueue,
        describe: Callable[[], ToPage],
        handle: Callable[[FromPage], object],
        on_views: Callable[[int], object],
    ) -> None:
        super().__init__()
        self._queue = queue
        self._describe = describe
        self._handle = handle
        self._on_views = on_views
        self._number = 0
        self._view_ids: set[str] = set()
        self._heard: tuple[str, int] = ("", 0)  # the page's newest message that was handled
        self._is_open = True
        self._context = copy_context()  # of the page's newest message
        self.on_msg(self._on_message)

    @property
    def n_views(self) -> int:
        """The number of pages that display the card."""
        return len(self._view_ids)

    def show(self) -> None:
        """Send what to draw to the page, if one displays the card; on the queue's thread."""
        if self._view_ids and self._is_open:
            self._number += 1
            self.send({**self._describe(), "n": self._number, "heard": list(self._heard)})

    def send(self, content: Json, buffers: Any = None) -> None:
        """Send to the card and by way of its layout; the page takes the message that comes first.

        anywidget waits 2 s for a card's code. If that took longer, no message ever reaches the card
        itself. marimo has no models of layouts.

        ipykernel 7.4 gives the page's next message to the thread that this one belongs to, by the
        context variables: to the main thread, where a running cell delays it, unless it is sent as
        a reply to the page.
        """
        for send in (self.layout.send, super().send):
            self._context.copy().run(send, content, buffers)

    def close(self) -> None:
        """Remove the card from the page."""
        self._is_open = False
        layout = self.layout
        super().close()
        layout.close()

    def _on_message(self, _widget: Card, content: Json, _buffers: list[memoryview]) -> None:
        self._context = copy_context()
        self._queue.post(partial(self._take, cast(FromPage, content)))

    def _take(self, message: FromPage) -> None:
        view_ids = (self._view_ids | {message.get("ready", "")}) - {message.get("gone"), ""}
        has_changed = view_ids != self._view_ids
        self._view_ids = view_ids
        if has_changed and self._is_open:
            self._on_views(len(view_ids))
        # over a subshell of ipykernel 7.4 an answer can overtake what was typed just before
        view = message["view"]
        number = message["n"]
        is_late = view == self._heard[0] and number < self._heard[1]
        if not is_late:  # else the page would wait for the reply to its newer message
            self._heard = (view, number)
        if not is_late or "verb" in message:
            self._handle(message)


class CellOutput:
    """The two outputs of a cell: a static twin, readable without a kernel, and below it a card.

    Both show what `_describe` returns. The queue owns the state behind them, and ticks while a page
    displays the card.
    """

    _end_text: str  # what replaces a card that is closed
    _key: Callable[[], object]  # what the cards have in common of which a notebook shows one
    _describe: Callable[[], ToPage]
    _receive: Callable[[FromPage], None]
    _queue: EventQueue
    _head: Any = None
    _shown: Bundle | None = None  # in the head
    _handle: Any = None
    _card: Card | None = None

    @property
    def widget(self) -> Card:
        """The card as an ipywidget, to be shown inside another one."""
        if self._card is None:
            self._card = Card(self._queue, self._describe, self._receive, self._on_views)
        return self._card

    def _ipython_display_(self) -> None:
        self.close()  # the card of an earlier cell
        replace_card(self._key(), self)
        bundle = self._bundle()
        self._shown = self._static()
        self._head = output(self._shown)
        self._handle = output(bundle)

    def _bundle(self) -> Bundle:
        """Build the second output."""
        return widget_view(self.widget) | NO_KERNEL

    def _static(self) -> Bundle:
        is_open = self._card is None or not self._card.n_views
        return _static_form.twin(self._describe(), is_open=is_open)

    def _on_views(self, n_views: int) -> None:
        """Tick only while a page displays the card."""
        if n_views:
            self._queue.watch()
        else:
            self._queue.stop()

    def _draw(self) -> None:
        """Show the newest state."""
        if (card := self._card) is not None:
            card.show()
        if self._head is not None and (static := self._static()) != self._shown:
            self._shown = static
            update(self._head, static)

    def close(self) -> None:
        """Remove the card and end its threads. Entries remain as drafts."""
        self._end(_static_form.note(self._end_text))

    def _end(self, bundle: Bundle) -> None:
        """Replace the card."""
        self._on_views(0)
        card = self._card
        self._card = None
        if card is not None:
            card.close()
            update(self._handle, bundle)
