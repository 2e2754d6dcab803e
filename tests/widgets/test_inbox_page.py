"""The inbox in a browser, on a real sandbox: its filter, its keys, and what opens next."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

import runkit
from runkit.client import Client
from tests.widgets.live import LivePage
from tests.widgets.test_inbox import refresh

ADDRESS = "Lakeline"  # the business of a scenario

WIDER = """() => [...document.querySelectorAll(".runkit-card *")]
    .filter((node) => node.clientWidth && node.scrollWidth > node.clientWidth + 1)
    .filter((node) => getComputedStyle(node).overflowX === "visible" && !node.matches(".rk-main"))
    .map((node) => node.outerHTML.slice(0, 100))"""  # what is wider than its place


class Inbox:
    """An inbox in a page."""

    def __init__(self, page: Page, client: Client) -> None:
        self.live = LivePage(page)
        self.page = page
        self.inbox = runkit.InterruptInbox(client, who="Ana Ortiz", drafts=False)
        self.card = self.live.add(self.inbox.widget)
        self.filter = self.card.get_by_role("textbox", name="Filter questions")
        self.live.settle()

    def tick(self) -> None:
        """Check for new questions, as the inbox does every 15 seconds."""
        refresh(self.inbox)
        self.live.settle()

    def rows(self) -> list[str]:
        """Return the text of each listed question that is waiting."""
        return self.card.locator(".rk-item:not(.rk-done)").all_inner_texts()

    def open_run(self) -> str:
        """Return the run's 8 digits of the open question, or an empty text."""
        heads = self.card.locator(".rk-pane .rk-head code").all_inner_texts()
        return heads[0] if heads else ""

    def press(self, text: str) -> None:
        """Press a button of the card."""
        self.card.locator(".rk-foot button").filter(has_text=text).click()


@pytest.fixture
def ask(start):
    """Start as many runs of each scenario, each when the one before it asks its question."""
    return lambda **counts: [start(name) for name, count in counts.items() for _ in range(count)]


@pytest.fixture
def show(page, client):
    inboxes: list[Inbox] = []

    def show() -> Inbox:
        inboxes.append(Inbox(page, client))
        return inboxes[-1]

    yield show
    for inbox in inboxes:
        inbox.inbox.close()


def test_the_filter_keeps_its_text(ask, show, monkeypatch):
    monkeypatch.setattr("runkit.widgets.interrupt_inbox.FILTER_FROM", 2)
    ask(watchlist_hit=4, address_gap=3)
    inbox = show()
    inbox.filter.press_sequentially("lake")
    inbox.tick()
    expect(inbox.filter).to_be_focused()
    inbox.page.keyboard.type("line")
    ask(address_gap=1)
    inbox.tick()
    expect(inbox.filter).to_have_value("lakeline")
    assert [ADDRESS in row for row in inbox.rows()] == [True] * 4
    inbox.filter.fill("no such business")
    inbox.live.until(lambda: inbox.rows() == [])
    inbox.filter.fill("")
    inbox.live.until(lambda: len(inbox.rows()) == 8)


def test_later_opens_questions_beyond_the_end_of_the_list(ask, show, monkeypatch):
    monkeypatch.setattr("runkit.widgets.interrupt_inbox.MAX_ROWS", 2)
    runs = ask(watchlist_hit=4)
    inbox = show()
    for number in (0, 1, 2):
        inbox.live.until(lambda run=runs[number]: inbox.open_run() == run.id[:8])
        inbox.press("Later")
        inbox.live.until(lambda run=runs[number]: inbox.open_run() != run.id[:8])
    expect(inbox.card.locator(".rk-list")).to_contain_text("2 of 4 listed")


def test_a_question_that_opens_takes_no_focus(ask, show):
    inbox = show()
    inbox.page.evaluate("document.body.append(document.createElement('textarea'))")
    inbox.page.locator("body > textarea").focus()
    [first, second] = ask(decision=2)
    inbox.tick()
    inbox.live.until(lambda: inbox.open_run() == first.id[:8])
    expect(inbox.page.locator("body > textarea")).to_be_focused()
    inbox.page.locator(".rk-pane").focus()
    for key, run in (("j", second), ("k", first)):
        inbox.page.keyboard.press(key)
        inbox.live.until(lambda run=run: inbox.open_run() == run.id[:8])


def test_buttons_stay_in_place_between_questions(ask, show):
    """Dismissals come before decisions, and no question, press or error moves the verbs."""
    [decision] = ask(decision=1)
    [hit] = ask(watchlist_hit=1)
    inbox = show()
    bar = inbox.card.locator(".rk-bar")
    places = []
    assert inbox.open_run() == hit.id[:8]
    for text in ("Dismiss the hit", "Keep the hit"):
        inbox.press(text)
        places.append(bar.bounding_box())
    expect(inbox.card.locator(".rk-message")).to_be_hidden()
    inbox.card.locator(".rk-item").nth(1).click()
    inbox.live.until(lambda: inbox.open_run() == decision.id[:8])
    inbox.page.locator(".rk-pane").focus()
    inbox.page.keyboard.press("r")  # opens the reason, which is no error yet
    expect(inbox.card.locator("textarea")).to_be_focused()
    expect(inbox.card.locator(".rk-message, .rk-error")).to_have_text([""])
    inbox.press("Reject")
    expect(inbox.card.locator(".rk-message")).to_have_text(
        "Not sent. A reason is required to reject."
    )
    places.append(bar.bounding_box())
    inbox.page.keyboard.press("Escape")
    inbox.page.keyboard.press("x")
    expect(bar.locator(".rk-armed")).to_have_text("Keep in reviewXPress again to keep")
    places.append(bar.bounding_box())
    assert places == places[:1] * 4
    inbox.page.set_viewport_size({"width": 848 + 16, "height": 800})  # with a file browser
    heights = [inbox.card.locator(name).bounding_box() for name in (".rk-signer", ".rk-bar")]
    assert all(place is not None and place["height"] < 36 for place in heights)
    assert inbox.page.evaluate(WIDER) == []


def test_an_empty_inbox_is_small(show):
    inbox = show()
    place = inbox.card.bounding_box()
    assert place is not None
    assert place["height"] < 160


def test_the_list_is_above_the_card_on_a_phone(ask, show):
    """At 360 px the list is above the card, and nothing is wider than the page."""
    ask(decision=1)
    inbox = show()
    inbox.page.set_viewport_size({"width": 360, "height": 1200})
    lists, pane = (inbox.card.locator(name).bounding_box() for name in (".rk-list", ".rk-pane"))
    assert lists is not None
    assert pane is not None
    assert lists["y"] + lists["height"] <= pane["y"] + 1
    assert inbox.page.evaluate(WIDER) == []
