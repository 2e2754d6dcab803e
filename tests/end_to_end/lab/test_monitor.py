"""The monitor of a run in a real JupyterLab."""

import pytest
from playwright.sync_api import expect

from runkit.server import sandbox
from tests.end_to_end.lab.test_answering import DISMISS, NOTE, card, press, see, verb

MONITOR = "monitor = runkit.RunMonitor(client, run)\nmonitor"
NEW = 'run = client.runs.create("cip_orchestrator", businesses[{!r}])\n' + MONITOR
PLOT = "application/vnd.plotly.v1+json"

pytestmark = [pytest.mark.browser]

MORE_ROWS = "n => document.querySelector('.js-plotly-plot').querySelectorAll('.ytick').length > n"


@pytest.fixture
def box(request):
    """A sandbox as fast as a test wants it."""
    with sandbox(speed=getattr(request, "param", 3000)) as running:
        yield running


@pytest.mark.parametrize("box", [8], indirect=True)  # the run takes some seconds more than its cell
def test_a_monitor_follows_a_run_from_start_to_end(open_session):
    """The chart grows, the question is answered in place, and what was found is kept."""
    session = open_session("watchlist_hit", NEW.format("watchlist_hit"))
    page = session.page
    page.wait_for_selector(".js-plotly-plot .bars .point")
    # of one chart: while it is redrawn, the old one is still there
    n_rows = page.locator(".js-plotly-plot").first.locator(".ytick").count()
    verb(page, DISMISS).wait_for()
    card(page).locator("textarea").fill(NOTE)
    press(verb(page, DISMISS))
    see(page, "Hit dismissed, ")
    see(page, "Run finished. Live updates off.")
    expect(card(page)).to_have_count(0)  # the chart has taken its place
    page.locator(".js-plotly-plot .bars").first.wait_for()
    page.wait_for_function(MORE_ROWS, arg=n_rows)
    notebook = session.saved()
    [words, chart] = (item["data"] for item in notebook["cells"][1]["outputs"])
    assert "was dismissed: date of birth and country differ" in "".join(words["text/html"])
    assert len(chart[PLOT]["data"]) > 1
    assert "widget-view" not in session.path.read_text()


TABS = """import ipywidgets
monitor, form = runkit.RunMonitor(client, run), runkit.InterruptForm(client, run)
ipywidgets.Tab([ipywidgets.VBox([form.widget]), monitor.widget], titles=["Form", "Run"])"""


def test_cards_work_inside_tabs(open_session):
    """The form takes an answer, and the monitor keeps its last state."""
    page = open_session("watchlist_hit", TABS).page
    verb(page, DISMISS).first.wait_for()
    card(page).first.locator("textarea").fill(NOTE)
    press(verb(page, DISMISS).first)
    see(page, "Hit dismissed, ")
    page.get_by_role("tab", name="Run", exact=True).click()
    see(page, "Run finished. Live updates off.")
    page.locator(".js-plotly-plot .bars").first.wait_for()
