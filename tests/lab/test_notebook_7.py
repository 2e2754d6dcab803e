"""A form, an inbox and a chart in a real Notebook 7."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.lab.conftest import NOTEBOOK, Desk, Posts
from tests.lab.test_answering import DISMISS, FORM, NOTE, card, press, see, verb

pytestmark = [pytest.mark.browser, pytest.mark.parametrize("lab", [NOTEBOOK], indirect=True)]


def test_a_form(open_desk: Callable[..., Desk], posts: Posts, tmp_path: Path) -> None:
    """It is drawn, and an answer is sent once and confirmed."""
    desk = open_desk("watchlist_hit", FORM)
    card(desk.page).locator("textarea").fill(NOTE)
    press(verb(desk.page, DISMISS))
    see(desk.page, "Hit dismissed, ")
    desk.page.screenshot(path=tmp_path / "form.png")
    assert posts.count() == 1
    assert NOTE not in str(desk.saved()["metadata"])


def test_an_inbox_and_a_chart(open_desk: Callable[..., Desk], tmp_path: Path) -> None:
    """The inbox shows the question, a key arms its button, and the chart has a bar for each step."""
    desk = open_desk("watchlist_hit", "runkit.InterruptInbox(client)", "runkit.gantt(run)")
    verb(desk.page, DISMISS).wait_for()
    expect(card(desk.page).locator("h2")).not_to_have_class("rk-unknown")  # the button changes with it
    desk.page.locator(".js-plotly-plot .bars .point").first.wait_for()
    card(desk.page).locator("textarea").fill(NOTE)
    card(desk.page).locator("textarea").press("Escape")
    desk.page.keyboard.press("a")
    expect(verb(desk.page, DISMISS)).to_have_attribute("data-armed", "true")
    desk.page.screenshot(path=tmp_path / "inbox.png")
