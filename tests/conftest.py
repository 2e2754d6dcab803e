"""One headless browser for all tests that need one."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from playwright.sync_api import Browser, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
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
    """No test fails because the machine is busy; and notebooks get a folder too (see `state_dir`)."""
    settings.register_profile("runkit", deadline=None)
    settings.load_profile("runkit")
    os.environ["RUNKIT_STATE_DIR"] = tempfile.mkdtemp(prefix="runkit-state-")


def pytest_unconfigure() -> None:
    """Take it away."""
    shutil.rmtree(os.environ["RUNKIT_STATE_DIR"], ignore_errors=True)


@pytest.fixture(autouse=True)
def state_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of its own for what runkit keeps, so that no test reads or leaves answers on the machine."""
    monkeypatch.setenv("RUNKIT_STATE_DIR", str(tmp_path / "state"))
    return tmp_path / "state"


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A Chromium; a machine without one fails the test rather than leaving it out unseen."""
    path = next((found for name in NAMES if (found := shutil.which(name))), None)
    if path is None:
        pytest.fail(f"no browser found; expected one of {', '.join(NAMES)} on the PATH", pytrace=False)
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=ARGS)
        yield started
        started.close()
