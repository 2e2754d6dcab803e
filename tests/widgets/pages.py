"""The page of a card, without a browser: what it is told to draw, and what it sends."""

from __future__ import annotations

from typing import Any

from runkit.widgets._card import Card

Json = dict[str, Any]


def next_key(view: Json) -> str | None:
    """Return the key of the first row of an inbox whose question can be opened and is not open."""
    rows = [row for row in view.get("rows", ()) if "key" in row and not row.get("is_fixed")]
    return next((row["key"] for row in rows if row["key"] != view.get("open")), None)


class Page:
    """One view of a card."""

    def __init__(self, card: Card, name: str = "a page") -> None:
        self.view: Json = {}
        self._card, self._name, self._n = card, name, 0
        card.send = lambda content, buffers=None: setattr(self, "view", content)  # type: ignore[method-assign]
        self.tell(ready=name)

    def tell(self, **content: Any) -> None:
        """Send a message, with the question of an inbox that is to open next."""
        self._n += 1
        message = {"next": next_key(self.view), **content, "view": self._name, "n": self._n}
        self._card._handle_custom_msg(message, [])

    def answer(self, verb: str, **entries: Any) -> None:
        """Send an answer to a question with one proposal, as the second press does."""
        values = {"0": {**self.view["values"]["0"], **entries}}
        self.tell(verb=verb, values=values, digest=self.view["question"]["digest"])

    def type(self, **entries: Any) -> None:
        """Send what was typed."""
        values = {"0": {**self.view["values"]["0"], **entries}}
        self.tell(values=values, digest=self.view["question"]["digest"])

    def leave(self) -> None:
        """Take the view away."""
        self.tell(gone=self._name)
