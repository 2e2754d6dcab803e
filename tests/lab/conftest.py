"""A real JupyterLab with a home of its own, and pages of it in the shared browser."""

from __future__ import annotations

import json
import os
import secrets
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from playwright.sync_api import Browser, Page

START_SECONDS = 60
SETTINGS = {
    "apputils-extension/themes": {},
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    "notebook-extension/tracker": {"windowingMode": "none"},  # all cells are in the page
}


class Lab(NamedTuple):
    """Where JupyterLab runs: its address, its token and the folder it serves."""

    url: str
    token: str
    folder: Path

    def address(self, notebook: str) -> str:
        """The page of a notebook."""
        return f"{self.url}/lab/tree/{notebook}?token={self.token}"


def start(folder: Path, home: Path, theme: str) -> tuple[Lab, subprocess.Popen[bytes]]:
    """Start JupyterLab on a free port, without news and update checks."""
    for name, values in SETTINGS.items():
        file = home / "config" / "lab" / "user-settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(values | ({"theme": theme} if name.endswith("themes") else {})))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    lab = Lab(f"http://127.0.0.1:{port}", secrets.token_hex(16), folder)
    hidden = ("MIDDESK_API_KEY", "RUNKIT_SANDBOX_URL", "RUNKIT_SANDBOX_KEY")
    environment = {name: value for name, value in os.environ.items() if name not in hidden}
    environment |= {
        "HOME": str(home),
        "JUPYTER_CONFIG_DIR": str(home / "config"),
        "JUPYTER_DATA_DIR": str(home / "data"),
        "JUPYTER_RUNTIME_DIR": str(home / "runtime"),
        "JUPYTER_TOKEN": lab.token,
    }
    options = [
        f"--ServerApp.port={port}",
        "--ServerApp.port_retries=0",
        "--ServerApp.open_browser=False",
        f"--ServerApp.root_dir={folder}",
        "--LabApp.expose_app_in_browser=True",
        *(["--allow-root"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []),
    ]
    log = (home / "lab.log").open("wb")
    process = subprocess.Popen(
        [sys.executable, "-m", "jupyterlab", *options], env=environment, stdout=log, stderr=log, cwd=folder
    )
    log.close()
    for _ in range(START_SECONDS * 4):
        try:
            with urllib.request.urlopen(f"{lab.url}/api?token={lab.token}", timeout=5):
                return lab, process
        except OSError:
            if process.poll() is not None:
                break
            time.sleep(0.25)
    process.kill()
    raise AssertionError((home / "lab.log").read_text()[-3000:])


@pytest.fixture(scope="session", params=["JupyterLab Light", "JupyterLab Dark"])
def lab(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """JupyterLab in each of its two themes."""
    home = tmp_path_factory.mktemp("home")
    running, process = start(tmp_path_factory.mktemp("work"), home, request.param)
    yield running
    process.terminate()
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@pytest.fixture
def open_notebook(lab: Lab, browser: Browser) -> Iterator[Callable[[str], Page]]:
    """Open a notebook of the lab's folder, run all its cells, and check that nothing left loopback."""
    context = browser.new_context(viewport={"width": 1280, "height": 1000})
    strangers: list[str] = []

    def only_loopback(url: str) -> None:
        if not url.startswith((lab.url, lab.url.replace("http", "ws"), "data:", "blob:")):
            strangers.append(url)

    def open_and_run(notebook: str) -> Page:
        page = context.new_page()
        page.set_default_timeout(90_000)
        page.on("request", lambda request: only_loopback(request.url))
        page.goto(lab.address(notebook))
        page.wait_for_selector(".jp-Notebook .jp-CodeCell")
        page.wait_for_function(
            """() => {
                const panel = window.jupyterapp?.shell?.currentWidget;
                const session = panel?.sessionContext?.session;
                return session?.kernel?.connectionStatus === "connected" && session.kernel.status === "idle";
            }"""
        )
        page.evaluate("() => { void window.jupyterapp.commands.execute('notebook:run-all-cells'); }")
        return page

    yield open_and_run
    context.close()
    assert strangers == []
