"""The code of a card in a browser, without JupyterLab: what is pressed and typed, and what is sent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from runkit.models import Run
from runkit.widgets import display
from runkit.widgets.card import STATIC, Card
from runkit.widgets.controller import AnswerController
from tests.widgets.asking import Asking

Json = dict[str, Any]
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
        """Tell the page what to draw, with another status if one is given, and what was heard of it."""
        self._n += 1
        message = display.describe_form(self.controller)
        message["status"] |= status
        self.page.evaluate("one => window.hear(one)", {**message, "n": self._n, "heard": [*heard]})

    def sent(self, name: str) -> list[Any]:
        """What the page has sent under a name."""
        return [one[name] for one in self.page.evaluate("window.sent") if name in one]

    def press(self, words: str) -> None:
        """Press a button of the bar."""
        self.page.locator(".rk-bar button").filter(has_text=words).click()

    def wait_until_armed(self) -> None:
        """Wait until the second press counts."""
        self.page.locator("[data-armed=true]").wait_for()


def asked(asking: Asking, value: Json) -> AnswerController:
    """A form of a question with this value."""
    return AnswerController(asking.client, replace(asking.question(), value=value), use_drafts=False)


def test_a_name_that_was_just_typed(asking: Asking, page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    """By keys alone, too, it is taken and shown before an answer is armed."""
    monkeypatch.setenv("JUPYTERHUB_USER", "jovyan")
    drawn = Drawn(page, asking.controller("decision"))
    page.get_by_label("Your name").fill("Ana Ortiz")
    page.keyboard.press("Control+Enter")
    assert drawn.sent("who")[0] == "Ana Ortiz"
    expect(page.locator(".rk-armed")).to_have_count(0)
    drawn.controller.sign("Ana Ortiz")
    drawn.show()
    page.get_by_text("You answer as Ana Ortiz").wait_for()
    page.keyboard.press("Control+Enter")
    drawn.wait_until_armed()
    page.keyboard.press("Control+Enter")
    assert len(drawn.sent("verb")) == 1


def test_a_button_that_is_drawn_anew(asking: Asking, page: Page) -> None:
    """It is not armed: another view of the card has sent an answer in the meantime, which failed."""
    drawn = Drawn(page, asking.controller())
    page.get_by_label("Reason").fill("born in another year")
    page.keyboard.press("Control+Enter")
    drawn.wait_until_armed()
    drawn.show(inert=True, state="sending")
    drawn.show(state="failed")
    expect(page.locator(".rk-armed")).to_have_count(0)
    page.keyboard.press("Control+Enter")
    drawn.wait_until_armed()
    assert drawn.sent("verb") == []


def test_a_slow_server(asking: Asking, page: Page) -> None:
    """After some seconds without a result a person learns that the answer may not have left."""
    page.clock.install()
    drawn = Drawn(page, asking.controller("decision"))
    drawn.press("Keep in review")
    page.clock.run_for(600)
    drawn.press("Keep in review")
    sent = page.evaluate("window.sent").pop()
    drawn.show(heard=[sent["view"], sent["n"]], inert=True, state="sending", message="Sending your answer…")
    page.clock.run_for(5000)
    expect(page.locator(".rk-message")).to_contain_text("the kernel or the server does not respond")
    drawn.show(state="failed", message="Not delivered.")
    page.clock.run_for(5000)
    expect(page.locator(".rk-message")).to_have_text("Not delivered.")


def test_a_client_that_may_not_write(asking: Asking, page: Page) -> None:
    """The question and its evidence can be read, and nothing can be typed or pressed."""
    Drawn(page, AnswerController(asking.another(read_only=True), asking.question(), use_drafts=False))
    expect(page.locator(".rk-finding").first).to_contain_text("Watchlist hit is another person")
    expect(page.locator(".rk-message")).to_contain_text("Read-only.")
    expect(page.locator(".rk-pane :is(textarea, input, button)")).to_have_count(0)


def test_a_required_field_that_is_folded(asking: Asking, page: Page) -> None:
    """It is unfolded, marked and has the focus."""
    drawn = Drawn(page, asked(asking, {"label": "Anything"}))
    drawn.press("Send the JSON")
    field = page.get_by_label("Answer as JSON")
    expect(field).to_be_focused()
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(page.get_by_text("is required")).to_be_visible()


def test_the_rows_have_names(asking: Asking, page: Page) -> None:
    """Each input says of which row it is."""
    value = {"type": "add_attributes", "label": "Add?", "actions": []}
    Drawn(page, asked(asking, value))
    page.get_by_role("button", name="Edit").click()
    for words in ("addresses", "people"):
        page.get_by_role("button", name=f"Add to {words}").click()
    page.get_by_label("Address 1: address").wait_for()
    page.get_by_label("Person 1: titles").wait_for()


def test_a_business_that_is_identified_later(asking: Asking, page: Page) -> None:
    """The second press says that the business is not known as long as that is so, and no longer."""
    question = asking.question()
    sent = {name: value for name, value in question.run.to_dict().items() if name != "_runkit"}
    question = replace(question, run=Run.from_json(sent))
    controller = AnswerController(asking.client, question, use_drafts=False)
    drawn = Drawn(page, controller)
    again = page.locator(".rk-bar .rk-main-verb .rk-again")
    assert "business not identified" in str(again.text_content())
    controller.identify(question.run.with_local_fields(business_id="b-1", business_name="Acme Imports LLC"))
    drawn.show()
    assert "business not identified" not in str(again.text_content())
    assert page.locator("h2").text_content() == "Acme Imports LLC"
