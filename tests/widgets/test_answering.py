"""Cards in a bare page, on a real sandbox: which clicks and keys send an answer."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect

import runkit
from tests.widgets.live import is_armed, press

NOTE = "born in another year"
DISMISS, KEEP = "Dismiss the hit", "Keep the hit"
MOST_CLICKS, MOST_KEYS = 15, 17
SIX = (
    "combined_proposal",
    "tin_mismatch",
    "address_gap",
    "decision",
    "watchlist_hit",
    "watchlist_hit",
)


def verb(page: Page, text: str) -> Locator:
    return page.locator(".rk-bar button").filter(has_text=text)


def state(card: Locator) -> str | None:
    return card.get_attribute("data-state")


def test_the_keyboard_is_enough(show, live, page, asking):
    """A combined proposal is answered by keys alone, with one POST; the log has what was opened."""
    card = show("combined_proposal")
    page.locator(".rk-pane").focus()
    page.keyboard.press("a")
    # the focus is in the missing reason
    expect(page.locator(".rk-hints")).to_have_text("1 of 2 answered")
    page.keyboard.type(NOTE)
    expect(page.locator(".rk-hints")).to_have_text("2 of 2 answered")
    page.keyboard.press("Control+Enter")
    is_armed(page)
    page.keyboard.press("Control+Enter")
    live.until(lambda: state(card) == "settled")
    live.until(lambda: page.evaluate("document.activeElement.matches('.jp-Notebook')"))
    assert page.locator(".rk-notice").inner_text().startswith("TIN verified; hit dismissed, ")
    assert asking.wire.posts == 1


def test_the_focus_moves_to_the_first_error_and_the_next_card(show, live):
    """To the first error, and after a receipt to the next card."""
    first, last = map(show, ("watchlist_hit", "decision"))
    first.locator("[data-id=press-approve]").click()
    expect(first.locator(".rk-message")).to_have_text("Not sent. A reason is required to dismiss.")
    expect(first.locator("textarea")).to_be_focused()
    expect(first.locator("textarea")).to_have_attribute("aria-invalid", "true")
    press(first.locator("[data-id=press-reject]"))
    live.until(lambda: state(first) == "settled")
    focused = "pane => pane === document.activeElement"
    live.until(lambda: last.locator(".rk-pane").evaluate(focused))


def test_only_a_deliberate_second_press_sends(show, live, page, asking):
    """A double click, a held key, Esc, typing on, another button and a lost focus send nothing."""
    card = show("watchlist_hit")
    keep = verb(page, KEEP)
    keep.dblclick()
    is_armed(page)
    page.keyboard.press("Escape")
    expect(page.locator(".rk-armed")).to_have_count(0)
    keep.focus()
    for _ in range(20):  # a held key: the browser repeats it
        page.keyboard.down("Enter")
        page.wait_for_timeout(50)
    page.keyboard.up("Enter")
    is_armed(page)
    page.keyboard.press("Escape")
    for away in (
        lambda: page.locator("textarea").press_sequentially("x"),
        lambda: verb(page, DISMISS).click(),
        lambda: page.mouse.click(5, 795),
    ):
        press(keep, times=1)
        is_armed(page)
        away()
        expect(keep).not_to_have_attribute("data-armed", "true")
    page.locator("textarea").focus()
    page.keyboard.press("Control+Enter")
    is_armed(page)
    page.keyboard.type("y")  # the focus stays, the answer is another
    expect(page.locator(".rk-armed")).to_have_count(0)
    live.settle()
    assert asking.wire.posts == 0
    press(keep)
    live.until(lambda: state(card) == "settled")
    assert asking.wire.posts == 1


def test_a_slow_server_is_named_after_some_seconds(show, live, page, asking):
    """After some seconds without a result a person learns that the answer may not have left."""
    card = show("decision")
    asking.box.fault("hold")
    press(verb(page, "Keep in review"))
    live.until(lambda: state(card) == "sending")
    message = page.locator(".rk-message")
    live.until(lambda: "the kernel or the server does not respond" in message.inner_text())
    asking.box.clear_faults()
    live.until(lambda: state(card) == "settled")
    assert asking.wire.posts == 1


class Inputs:
    """Clicks and keys, counted; what is typed into a note does not count."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.n = 0

    def click(self, target: Locator) -> None:
        """Click."""
        target.click()
        self.n += 1

    def key(self, key: str) -> None:
        """Press a key."""
        self.page.keyboard.press(key)
        self.n += 1

    def twice(self, act: Callable[[], None]) -> None:
        """Do it, and again when the button is armed."""
        act()
        is_armed(self.page)
        act()


def by_mouse(hand: Inputs, question: str) -> None:
    page = hand.page
    bar = page.locator(".rk-bar button")
    if question.startswith("2 proposals"):
        hand.click(bar.filter(has_text="Approve both"))
        page.keyboard.type(NOTE)
    elif question.startswith("Upload"):
        hand.click(page.locator(".rk-pane [type=radio]").first)
    elif question.startswith("Dismiss"):
        reason = page.locator(".rk-pane textarea")
        if not reason.evaluate("(node) => node === document.activeElement"):
            hand.click(reason)
        page.keyboard.type(NOTE)
    hand.twice(lambda: hand.click(bar.first))


def by_keys(hand: Inputs, question: str) -> None:
    if question.startswith(("Add", "Approve")):
        hand.twice(lambda: hand.key("a"))
        return
    hand.key("a" if question.startswith("2 proposals") else "Enter")
    if question.startswith("Upload"):
        hand.key("Space")
    else:
        hand.page.keyboard.type(NOTE)
    hand.twice(lambda: hand.key("Control+Enter"))


@pytest.mark.parametrize(("way", "most"), [(by_mouse, MOST_CLICKS), (by_keys, MOST_KEYS)])
def test_six_questions_take_few_clicks_or_keys(asking, live, page, way, most):
    """At most 15 clicks or 17 keys, notes aside, and two presses for each answer."""
    runs = [asking.run(scenario) for scenario in SIX]
    asking.end_others(runs)
    inbox = runkit.InterruptInbox(asking.client, who="Ana Ortiz")
    card = live.add(inbox.widget)
    inputs = Inputs(page)
    page.locator(".rk-pane").focus()
    for number in range(6):
        live.until(lambda number=number: card.locator(".rk-done").count() == number)
        live.until(lambda: card.locator("[data-id^=press]").count())
        live.settle()
        before = inputs.n
        way(inputs, card.locator(".rk-ask").inner_text())
        assert inputs.n - before >= 2
    live.until(lambda: card.locator(".rk-done").count() == 6)
    expect(card).to_contain_text("0 questions waiting")
    assert inputs.n <= most
    assert asking.wire.posts == 6
    inbox.close()
