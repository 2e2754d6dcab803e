"""The page of a card, without a browser: what it is told to draw, and what it sends."""

from __future__ import annotations

from typing import Any

from runkit.widgets._card import Card
from support import until

Json = dict[str, Any]


class Page:
    """One view of a card."""

    def __init__(self, card: Card) -> None:
        self.view: Json = {}
        self._card = card
        self._name = str(id(self))
        self._n = 0
        card.send = lambda content, buffers=None: setattr(self, "view", content)  # type: ignore[method-assign]
        self.tell(ready=self._name)

    def tell(self, **content: Any) -> None:
        """Send a message, and wait until the card has drawn what came of it."""
        self._n += 1
        heard = [self._name, self._n]
        self._card._handle_custom_msg({**content, "view": self._name, "n": self._n}, [])
        until(lambda: self.view.get("heard") == heard)

    def answer(self, verb: str, **entries: Any) -> None:
        """Send an answer to a question with one proposal, as the second press does."""
        values = {"0": {**self.view["values"]["0"], **entries}}
        self.tell(verb=verb, values=values, digest=self.view["question"]["digest"])

    def type(self, **entries: Any) -> None:
        """Send what was typed."""
        values = {"0": {**self.view["values"]["0"], **entries}}
        self.tell(values=values, digest=self.view["question"]["digest"])
