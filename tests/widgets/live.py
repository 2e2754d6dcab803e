"""Cards in a bare page of a browser, connected to their widgets as JupyterLab connects them."""

from __future__ import annotations

import time
from collections.abc import Callable
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

from playwright.sync_api import expect

from runkit.widgets._card import STATIC, Card
from support import jobs

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

# The part of the front end: models that keep what cards send, and pass on what their widgets send.
MODELS = """
window.models = [];
window.sent = [];
window.announcements = [];
window.addCard = () => {
  let listener = null;
  const sent = [];
  const layout = {on: (_, listen) => { listener = listen; }, off: () => {}};
  const send = (message) => { sent.push(message); window.sent.push(message); };
  const model = {send, get: () => layout, on: () => {}, off: () => {}};
  window.models.push({take: () => sent.splice(0), receive: (message) => listener(message)});
  const el = document.body.appendChild(document.createElement("main"));
  card.render({model, el});
};
new MutationObserver((changes) => {
  for (const {target} of changes) {
    const region = (target.nodeType === 3 ? target.parentElement : target)?.closest("[aria-live]");
    if (region) window.announcements.push(region.textContent);
  }
}).observe(document.body, {childList: true, characterData: true, subtree: true});
"""


def press(button: Locator, times: int = 2) -> None:
    """Press a button, and once more when it is armed."""
    button.click()
    for _ in range(times - 1):
        expect(button).to_have_attribute("data-armed", "true")
        button.click()


def is_armed(page: Page) -> None:
    """Wait until the second press counts."""
    page.locator("[data-armed=true]").wait_for()


class LivePage:
    """A page with cards; messages are exchanged while a test waits with `until`."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self._cards: list[Card] = []
        # by card: the page's newest message, and the one that the newest drawing has heard
        self._sent: dict[int, list[Any]] = {}
        self._heard: dict[int, list[Any]] = {}
        self._messages: SimpleQueue[tuple[int, Any]] = SimpleQueue()  # from widgets, of any thread
        page.set_content("<!DOCTYPE html><body class='jp-Notebook' tabindex='-1'></body>")
        page.add_style_tag(content=Card._css)
        code = (STATIC / "card.js").read_text().replace("export default", "const card =")
        page.add_script_tag(content=code + MODELS)

    def add(self, card: Card) -> Locator:
        """Display a card, and wait for its content."""
        number = len(self._cards)
        self._cards.append(card)
        card.send = lambda content, buffers=None: self._messages.put((number, content))  # type: ignore[method-assign]
        self.page.evaluate("window.addCard()")
        element = self.page.locator(".runkit-card").nth(number)
        self.until(lambda: element.get_attribute("data-state") != "loading")
        return element

    def exchange(self) -> None:
        """Pass on the messages of both sides."""
        while not self._messages.empty():
            number, content = self._messages.get()
            self._heard[number] = content["heard"]
            self.page.evaluate(
                "([n, message]) => window.models[n].receive(message)", [number, content]
            )
        sent = self.page.evaluate("window.models.map((model) => model.take())")
        for number, messages in enumerate(sent):
            for message in messages:
                self._sent[number] = [message["view"], message["n"]]
                self._cards[number]._handle_custom_msg(message, [])

    def until(self, is_true: Callable[[], object], seconds: float = 60) -> None:
        """Exchange messages until something is so."""
        deadline = time.monotonic() + seconds
        while not is_true():
            assert time.monotonic() < deadline, f"not so after {seconds} s"
            self.exchange()
            self.page.wait_for_timeout(20)

    def settle(self) -> None:
        """Exchange messages until no job runs, all are heard, and none has come for a moment."""
        quiet_since = time.monotonic()

        def is_quiet() -> bool:
            nonlocal quiet_since
            if jobs() or self._sent != self._heard or not self._messages.empty():
                quiet_since = time.monotonic()
            return time.monotonic() - quiet_since > 0.4

        self.until(is_quiet)

    def announcements(self) -> list[str]:
        """Return what the live regions of the page said since the last call."""
        return list(self.page.evaluate("window.announcements.splice(0)"))
