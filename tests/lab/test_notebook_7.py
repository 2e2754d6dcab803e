"""A form, an inbox and a chart in a real Notebook 7."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import expect

from runkit.server import Sandbox
from tests.lab.conftest import NOTEBOOK, Posts, Session
from tests.lab.test_answering import DISMISS, FORM, NOTE, card, press, see, verb

pytestmark = [pytest.mark.browser, pytest.mark.parametrize("lab", [NOTEBOOK], indirect=True)]


def test_a_form(open_session: Callable[..., Session], posts: Posts, tmp_path: Path) -> None:
    """It is drawn, and an answer is sent once and confirmed."""
    session = open_session("watchlist_hit", FORM)
    card(session.page).locator("textarea").fill(NOTE)
    press(verb(session.page, DISMISS))
    see(session.page, "Hit dismissed, ")
    session.page.screenshot(path=tmp_path / "form.png")
    assert posts.count() == 1
    assert NOTE not in str(session.saved()["metadata"])


def test_an_inbox_and_a_chart(open_session: Callable[..., Session], box: Sandbox, tmp_path: Path) -> None:
    """The inbox shows the question, a key arms its button, and the chart has a bar for each step."""
    with box.client() as client:
        for run_id in client.runs.list(status="interrupted", progress=False).ids:  # of other tests
            box.end_run(run_id)
    session = open_session("watchlist_hit", "runkit.InterruptInbox(client)", "runkit.gantt(run)")
    verb(session.page, DISMISS).wait_for()
    expect(card(session.page).locator("h2")).not_to_have_class("rk-unknown")  # the button changes with it
    session.page.locator(".js-plotly-plot .bars .point").first.wait_for()
    card(session.page).locator("textarea").fill(NOTE)
    card(session.page).locator("textarea").press("Escape")
    session.page.keyboard.press("a")
    expect(verb(session.page, DISMISS)).to_have_attribute("data-armed", "true")
    session.page.screenshot(path=tmp_path / "inbox.png")
