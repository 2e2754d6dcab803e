"""A form and a chart in a real Notebook 7."""

import pytest
from playwright.sync_api import expect

from tests.end_to_end.lab.conftest import NOTEBOOK
from tests.end_to_end.lab.test_answering import DISMISS, FORM, NOTE, card, see, verb

pytestmark = [pytest.mark.browser, pytest.mark.parametrize("lab", [NOTEBOOK], indirect=True)]


def test_a_form_and_a_chart_work_in_notebook_7(open_session, posts):
    """An answer by keys is sent once and confirmed, and the chart has a bar for each step."""
    session = open_session("watchlist_hit", FORM, "runkit.gantt(run)")
    session.page.locator(".js-plotly-plot .bars .point").first.wait_for()
    card(session.page).locator("textarea").fill(NOTE)
    card(session.page).locator("textarea").press("Escape")
    session.page.keyboard.press("a")
    expect(verb(session.page, DISMISS)).to_have_attribute("data-armed", "true")
    session.page.keyboard.press("a")
    see(session.page, "Hit dismissed, ")
    assert posts() == 1
    assert NOTE not in str(session.saved()["metadata"])
