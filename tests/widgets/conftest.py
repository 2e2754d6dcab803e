"""What tests of forms share: sandboxes, a server that follows a script, and bare pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from IPython.core.displaypub import CapturingDisplayPublisher
from IPython.core.interactiveshell import InteractiveShell

from runkit import InterruptForm, Run
from support import BROWSER_TIMEOUT, jobs_end, until
from tests.client.conftest import client as scripted_client
from tests.client.conftest import fake_time, make_client, question, run_json, server
from tests.widgets.asking import asking, shared_box, threads
from tests.widgets.live import LivePage

if TYPE_CHECKING:
    from playwright.sync_api import Locator

__all__ = [
    "asking",
    "fake_time",
    "make_client",
    "question",
    "run_json",
    "scripted_client",
    "server",
    "shared_box",
    "threads",
]


@pytest.fixture(autouse=True)
def no_checks(monkeypatch):
    """Let an inbox check when a test says so, however slow the machine is."""
    monkeypatch.setattr("runkit.widgets._inbox_state.INTERVAL", 3600.0)


WIDGET = "application/vnd.jupyter.widget-view+json"


class Shown:
    """What a cell shows: its outputs in order, each as it was last updated."""

    def __init__(self, publisher: CapturingDisplayPublisher) -> None:
        self._publisher = publisher

    def outputs(self) -> list[dict[str, Any]]:
        """Return the mime bundles."""
        by_id: dict[str, dict[str, Any]] = {}
        for output in tuple(self._publisher.outputs):
            by_id[output["transient"]["display_id"]] = output["data"]
        return list(by_id.values())

    def html(self) -> str:
        """Return the HTML of the first output, which survives without a kernel."""
        return str(self.outputs()[0]["text/html"])

    def clear(self) -> None:
        """Forget what was shown."""
        self._publisher.outputs.clear()


@pytest.fixture
def shown(monkeypatch):
    """A shell without a kernel that keeps what is displayed."""
    shell = InteractiveShell.instance()
    publisher = CapturingDisplayPublisher(parent=shell)
    monkeypatch.setattr(shell, "display_pub", publisher)
    yield Shown(publisher)
    InteractiveShell.clear_instance()
    until(lambda: threads("watch") == 0)


@pytest.fixture
def page(browser):
    page = browser.new_page(viewport={"width": 1200, "height": 800})
    page.set_default_timeout(BROWSER_TIMEOUT)
    yield page
    page.close()


@pytest.fixture
def live(page):
    return LivePage(page)


@pytest.fixture
def show(live, asking):
    """Display the form of a new question; return its card."""
    forms: list[InterruptForm] = []

    def show(scenario: str) -> Locator:
        forms.append(InterruptForm(asking.client, asking.run(scenario), who="Ana Ortiz"))
        return live.add(forms[-1].widget)

    yield show
    for form in forms:
        form.close()


@pytest.fixture
def box(shared_box):
    """A quick sandbox where no question waits; no fault outlives the test."""
    with shared_box.client(rate=None) as client:
        for run in client.runs.list(status="interrupted", progress=False):
            shared_box.end_run(run.id)
    yield shared_box
    shared_box.clear_faults()


@pytest.fixture
def client(box):
    with box.client(rate=None) as client:
        yield client
        jobs_end()


@pytest.fixture
def start(box, client):
    """Start a run, and let it end or come to its question."""

    def start(scenario: str) -> Run:
        run = client.runs.create("cip_orchestrator", box.business(scenario))
        return client.runs.wait(run, poll=0.02)

    return start
