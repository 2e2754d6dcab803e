"""What all tests share: a state folder, and one headless browser."""

from __future__ import annotations

import gc
import os
import secrets
import shutil
import signal
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from support import BROWSER_TIMEOUT, jobs

if TYPE_CHECKING:  # imported where a browser is used
    from playwright.sync_api import Page

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
JOBS_TIMEOUT = 10.0  # seconds; a test may hold a response back for good
# of whoever runs the tests
ACCOUNT = ("MIDDESK_API_KEY", "MIDDESK_BASE_URL", "RUNKIT_REPORT_DATA")
ARGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def pytest_configure() -> None:
    """Set a state folder, for notebooks, too."""
    # A shell starts its background jobs with SIGINT ignored, and programs that they start inherit
    # that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ["JUPYTERHUB_USER"] = "ada"  # a person, as forms ask for a name if the login is root
    os.environ["RUNKIT_STATE_DIR"] = tempfile.mkdtemp(prefix="runkit-state-")
    for name in ACCOUNT:
        os.environ.pop(name, None)
    gc.disable()  # which takes half of the time in which thousands of tests are collected


def pytest_collection_finish() -> None:
    """Leave what was collected out of each later search for garbage."""
    gc.freeze()
    gc.enable()


@pytest.hookimpl(tryfirst=True)  # before `-m` chooses
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark each test that uses the browser, and each that only the sandbox can serve."""
    for item in items:
        for fixture, marker in (("browser", "browser"), ("box", "sandbox")):
            if fixture in getattr(item, "fixturenames", ()):
                item.add_marker(marker)


@pytest.hookimpl(tryfirst=True)  # before fixtures close their clients
def pytest_runtest_teardown() -> None:
    """Wait for background reads: a client that is closed too early leaves a connection open."""
    deadline = time.monotonic() + JOBS_TIMEOUT
    for thread in jobs():
        thread.join(max(0.0, deadline - time.monotonic()))


def pytest_unconfigure() -> None:
    """Take it away."""
    shutil.rmtree(os.environ["RUNKIT_STATE_DIR"], ignore_errors=True)


@pytest.fixture(autouse=True)
def state_dir(monkeypatch):
    """A folder of its own for what runkit keeps, so that no test finds answers of another."""
    # `tmp_path` is slow to make
    folder = Path(os.environ["RUNKIT_STATE_DIR"], secrets.token_hex(8))
    monkeypatch.setenv("RUNKIT_STATE_DIR", str(folder))
    return folder


@dataclass
class Opened:
    """A page in the browser and all that it did besides showing itself."""

    page: Page
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def open_file(browser):
    """Open a file with the network off, in a page of its own."""
    contexts = []

    def show(path, width=1280, scheme="light"):
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        contexts.append(context)
        context.set_offline(True)
        seen = Opened(context.new_page())
        seen.page.on("request", lambda request: seen.requests.append(request.url))
        seen.page.on("console", lambda message: seen.complaints.append(message.text))
        seen.page.on("pageerror", lambda error: seen.complaints.append(str(error)))
        seen.page.goto(path.as_uri())
        return seen

    yield show
    for context in contexts:
        context.close()


@pytest.fixture(scope="session")
def browser():
    """A Chromium; a machine without one fails the test rather than leaving it out unseen."""
    path = next((found for name in NAMES if (found := shutil.which(name))), None)
    if path is None:
        pytest.fail(
            f"no browser found; expected one of {', '.join(NAMES)} on the PATH", pytrace=False
        )
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=BROWSER_TIMEOUT)

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=ARGS)
        yield started
        started.close()
