"""A form and a chart in a real Notebook 7."""

import pytest

from tests.end_to_end.lab.conftest import NOTEBOOK
from tests.end_to_end.lab.test_answering import FORM, dismiss, form

pytestmark = [pytest.mark.browser, pytest.mark.parametrize("lab", [NOTEBOOK], indirect=True)]


def test_a_form_and_a_chart_work_in_notebook_7(open_session, posts):
    """An answer is sent once and confirmed, and the chart has a bar for each step."""
    session = open_session("watchlist_hit", FORM, "runkit.gantt(run)")
    session.page.locator(".js-plotly-plot .bars .point").first.wait_for()
    form(session.page).wait_for()
    dismiss(session.page)
    assert posts() == 1
