"""The code of a card in a browser, without JupyterLab: what is pressed and typed, and what is sent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from runkit.widgets import display
from runkit.widgets.card import STATIC, Card
from runkit.widgets.controller import AnswerController
from tests.widgets.asking import Asking

MODEL = """
window.sent = [];
const layout = {on: (_, hear) => { window.hear = hear; }, off: () => {}};
const model = {send: (one) => window.sent.push(one), get: () => layout, on: () => {}, off: () => {}};
card.render({model, el: document.querySelector("main")});
"""


class Drawn:
    """A card in a page, with the kernel's part played by the test."""

    def __init__(self, page: Page, controller: AnswerController) -> None:
        self.page, self.controller = page, controller
        self._n = 0
        code = (STATIC / "card.js").read_text().replace("export default", "const card =")
        page.set_content("<div class='jp-Notebook'><main></main></div>")
        page.add_style_tag(content=Card._css)
        page.add_script_tag(content=code + MODEL)
        self.show()

    def show(self, heard: Sequence[Any] = ("", 0), **status: Any) -> None:
        """Write the page what to draw, with another status if one is given, and what was heard of it."""
        self._n += 1
        message = display.describe_form(self.controller)
        message["status"] |= status
        self.page.evaluate("one => window.hear(one)", {**message, "n": self._n, "heard": [*heard]})

    def sent(self, name: str) -> list[Any]:
        """What the page has sent under a name."""
        return [item[name] for item in self.page.evaluate("window.sent") if name in item]

    def press(self, words: str) -> None:
        """Press a button of the bar."""
        self.page.locator(".rk-bar button").filter(has_text=words).click()

    def wait_until_armed(self) -> None:
        """Wait until the second press counts."""
        self.page.locator("[data-armed=true]").wait_for()


def test_a_name_that_was_just_typed(
    asking: Asking, page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By keys alone, too, it is taken and shown before an answer is armed."""
    monkeypatch.setenv("JUPYTERHUB_USER", "jovyan")
    view = Drawn(page, asking.controller("address_gap"))
    view.press("Add the source")
    expect(page.locator(".rk-message")).to_contain_text("Type your name first.")
    expect(page.get_by_label("Your name")).to_be_focused()
    page.get_by_label("Your name").fill("Ana Ortiz")
    page.keyboard.press("Control+Enter")
    assert view.sent("who")[0] == "Ana Ortiz"
    expect(page.locator(".rk-armed")).to_have_count(0)
    view.controller.sign("Ana Ortiz")
    view.show()
    page.get_by_text("You answer as Ana Ortiz").wait_for()
    page.keyboard.press("Control+Enter")
    view.wait_until_armed()
    page.keyboard.press("Control+Enter")
    assert len(view.sent("verb")) == 1


def test_a_button_that_is_drawn_anew(asking: Asking, page: Page) -> None:
    """It is not armed: another view of the card has sent an answer in the meantime, which failed."""
    view = Drawn(page, asking.controller())
    page.get_by_label("Reason").fill("born in another year")
    page.keyboard.press("Control+Enter")
    view.wait_until_armed()
    view.show(state="sending")
    view.show(state="failed")
    expect(page.locator(".rk-armed")).to_have_count(0)
    page.keyboard.press("Control+Enter")
    view.wait_until_armed()
    assert view.sent("verb") == []


def test_a_slow_server(asking: Asking, page: Page) -> None:
    """After some seconds without a result a person learns that the answer may not have left."""
    page.clock.install()
    view = Drawn(page, asking.controller("decision"))
    view.press("Keep in review")
    page.clock.run_for(600)
    view.press("Keep in review")
    sent = page.evaluate("window.sent").pop()
    view.show(heard=[sent["view"], sent["n"]], state="sending", message="Sending your answer…")
    page.clock.run_for(5000)
    expect(page.locator(".rk-message")).to_contain_text("the kernel or the server does not respond")
    view.show(state="failed", message="Not delivered.")
    page.clock.run_for(5000)
    expect(page.locator(".rk-message")).to_have_text("Not delivered.")
