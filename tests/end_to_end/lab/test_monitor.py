"""The monitor of a run in a real JupyterLab."""

import pytest
from playwright.sync_api import expect

from runkit.server import sandbox
from tests.end_to_end.lab.test_answering import dismiss, form, see, send, show_output

MONITOR = "monitor = runkit.RunMonitor(client, run)\nmonitor"
NEW = 'run = client.runs.create("cip_orchestrator", businesses[{!r}])\n' + MONITOR

pytestmark = [pytest.mark.browser]


@pytest.fixture
def box(request):
    """A sandbox as fast as a test wants it."""
    with sandbox(speed=getattr(request, "param", 3000)) as running:
        yield running


# the run takes some seconds more than its cell
@pytest.mark.parametrize("box", [40], indirect=True)
def test_a_monitor_follows_a_run_from_start_to_end(open_session):
    """The question is answered in place, with Send in view, above the chart."""
    session = open_session("watchlist_hit", NEW.format("watchlist_hit"))
    page = session.page
    page.locator(".runkit-live img[src^='data:image/svg']").wait_for()
    form(page).wait_for()
    show_output(page)
    expect(send(page)).to_be_in_viewport(ratio=1)
    dismiss(page)
    see(page, "Completed ✓")
    [view, saved] = (item["data"] for item in session.saved()["cells"][1]["outputs"])
    assert "text/html" not in view
    assert "Confirmed by the API" in "".join(saved["text/html"])
